/** How long the command-line tools take: wall time of whole processes. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { Daemons, program } from '../test/support/daemons.ts';
import { toolOptions } from '../tools/build.ts';
import { type BenchOptions, median, paired, type Row } from './row.ts';

const RUNS = 21;

function wallMs(file: string, args: readonly string[], env: NodeJS.ProcessEnv): number {
  const times: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const start = performance.now();
    spawnSync(file, args, { env, stdio: 'ignore' });
    times.push(performance.now() - start);
  }
  return median(times);
}

export async function run({ runs }: BenchOptions): Promise<Row[]> {
  const ours = await Daemons.start('ours', 'db');
  const theirs = await Daemons.start('theirs', 'db');
  try {
    const time = async (d: Daemons, tool: string, ...args: string[]): Promise<number> =>
      wallMs(program(d.side, tool), args, d.env);
    const rows: Row[] = [];
    for (const [tool, ...args] of [
      ['ovs-vsctl', '--no-wait', 'get', 'open_vswitch', '.', 'next_cfg'],
      ['ovs-ofctl', 'parse-flow', 'in_port=1,actions=2'],
      ['ovs-appctl', '-t', 'ovsdb-server', 'version'],
      ['ovsdb-client', 'list-dbs', 'SOCKET'],
      ['ovsdb-tool', 'db-version', 'DATABASE'],
    ]) {
      const onSide = (d: Daemons): string[] =>
        args.map((arg) => arg.replace('SOCKET', `unix:${d.socket}`).replace('DATABASE', `${d.dir}/conf.db`));
      rows.push(
        await paired(
          'tools',
          [tool, ...args].join(' ').replace('--no-wait ', ''),
          'ms',
          false,
          runs,
          () => time(ours, tool!, ...onSide(ours)),
          () => time(theirs, tool!, ...onSide(theirs)),
        ),
      );
    }
    const node = path.resolve(import.meta.dirname, '../node_modules/node/bin/node');
    for (const [name, flags] of [
      ['an empty program on the same Node', []],
      ['an empty program with the options of the tools', toolOptions()],
    ] as const) {
      const empty = wallMs(node, [...flags, '-e', '0'], process.env);
      rows.push({ group: 'tools', name, unit: 'ms', ours: empty, theirs: undefined, ratio: undefined });
    }
    return rows;
  } finally {
    await ours.stop();
    await theirs.stop();
  }
}
