/** Flows as text and over OpenFlow: parsing, filling in and dumping 100 000 of them with each side's own ovs-ofctl. */
import fs from 'node:fs';
import { Daemons, type Side } from '../test/support/daemons.ts';
import { type BenchOptions, paired, type Row } from './row.ts';

function flowsFile(dir: string, n: number): string {
  const lines: string[] = [];
  for (let i = 0; i < n; i++) {
    lines.push(
      `table=${i % 4},priority=${100 + (i % 50)},ip,nw_src=10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255},actions=output:${1 + (i % 16)}`,
    );
  }
  const file = `${dir}/flows.txt`;
  fs.writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

export async function run({ runs, quick }: BenchOptions): Promise<Row[]> {
  const n = quick ? 10_000 : 100_000;
  const sides = {
    ours: await Daemons.start('ours', 'switch', '--enable-dummy'),
    theirs: await Daemons.start('theirs', 'switch', '--enable-dummy'),
  };
  try {
    for (const d of Object.values(sides))
      d.tool(
        'ovs-vsctl',
        'add-br',
        'br0',
        '--',
        'set',
        'bridge',
        'br0',
        'datapath_type=dummy',
        'fail_mode=secure',
      );
    /** How long a tool takes; it is of the daemon's side unless another is named. */
    const seconds = (d: Daemons, args: readonly string[], side: Side = d.side): number => {
      const start = performance.now();
      const { status, stderr } = d.try('ovs-ofctl', args, { side });
      if (status !== 0) throw new Error(`ovs-ofctl ${args.join(' ')}: ${stderr}`);
      return (performance.now() - start) / 1000;
    };
    const pair = (
      name: string,
      before: string[] | undefined,
      args: (d: Daemons) => string[],
      daemons: readonly [ours: Daemons, theirs: Daemons] = [sides.ours, sides.theirs],
    ): Promise<Row> => {
      const run = (d: Daemons, side: Side) => async () => {
        if (before) seconds(d, before, side);
        return seconds(d, args(d), side);
      };
      return paired('openflow', name, 's', false, runs, run(daemons[0], 'ours'), run(daemons[1], 'theirs'));
    };
    return [
      await pair(`parse-flows of ${n}`, undefined, (d) => ['parse-flows', flowsFile(d.dir, n)]),
      await pair(`add-flows of ${n}`, ['del-flows', 'br0'], (d) => ['add-flows', 'br0', flowsFile(d.dir, n)]),
      await pair(`dump-flows of ${n}`, undefined, () => ['dump-flows', 'br0']),
      await pair(`dump-flows of ${n}, both from C's switch`, undefined, () => ['dump-flows', 'br0'], [
        sides.theirs,
        sides.theirs,
      ]),
      await pair(`add-flows of ${n} over the same`, undefined, (d) => [
        'add-flows',
        'br0',
        flowsFile(d.dir, n),
      ]),
    ];
  } finally {
    await sides.ours.stop();
    await sides.theirs.stop();
  }
}
