/** Flows as text and over OpenFlow: parsing, filling in and dumping 100 000 of them with each side's own ovs-ofctl. */
import fs from 'node:fs';
import { Daemons } from '../test/support/daemons.ts';
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
    const seconds = async (d: Daemons, ...args: string[]): Promise<number> => {
      const start = performance.now();
      d.tool('ovs-ofctl', ...args);
      return (performance.now() - start) / 1000;
    };
    const pair = async (
      name: string,
      before: string[] | undefined,
      args: (d: Daemons) => string[],
    ): Promise<Row> =>
      await paired(
        'openflow',
        name,
        's',
        false,
        runs,
        ...([sides.ours, sides.theirs].map((d) => async () => {
          if (before) d.tool('ovs-ofctl', ...before);
          return await seconds(d, ...args(d));
        }) as [() => Promise<number>, () => Promise<number>]),
      );
    return [
      await pair(`parse-flows of ${n}`, undefined, (d) => ['parse-flows', flowsFile(d.dir, n)]),
      await pair(`add-flows of ${n}`, ['del-flows', 'br0'], (d) => ['add-flows', 'br0', flowsFile(d.dir, n)]),
      await pair(`dump-flows of ${n}`, undefined, () => ['dump-flows', 'br0']),
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
