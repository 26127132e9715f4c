/** Flows as text and over OpenFlow: parsing, filling in and dumping 100 000 of them with each side's own ovs-ofctl. */
import fs from 'node:fs';
import { Daemons, type Side } from '../test/support/daemons.ts';
import { type BenchOptions, paired, type Row } from './row.ts';

/** What flow `i` says behind table and priority: the same for all, which is what most benchmarks of switches use. */
const simple = (i: number): string =>
  `ip,nw_src=10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255},actions=output:${1 + (i % 16)}`;

/** Eight kinds in turn, of many fields and actions, as a controller installs them. */
function mixed(i: number): string {
  const [x, y, z] = [(i >> 16) & 255, (i >> 8) & 255, i & 255];
  const [hx, hy, hz] = [x, y, z].map((n) => n.toString(16).padStart(2, '0'));
  const port = 1 + (i % 16);
  const zone = 1 + (i % 4000);
  const table = 1 + (i % 4);
  const kinds = [
    simple(i),
    `in_port=${port},tcp,nw_src=10.${x}.${y}.0/24,nw_dst=192.168.${y}.${z},tp_dst=${1 + (i % 60000)},actions=mod_nw_dst:10.1.${y}.${z},output:${port}`,
    `dl_src=00:11:22:${hx}:${hy}:${hz},dl_dst=02:00:00:${hx}:${hy}:${hz},actions=mod_vlan_vid:${zone},output:${port}`,
    `ipv6,ipv6_src=2001:db8:${hx}:${hy}::${hz},ipv6_dst=fe80::${hy}:${hz}/64,actions=resubmit(,${table})`,
    `ct_state=+trk+est,ct_zone=${zone},tcp,reg0=0x${hx}${hy}${hz},actions=ct(commit,zone=${zone},nat(src=10.0.${x}.${z}),table=${table})`,
    `dl_vlan=${zone},udp,nw_dst=172.16.${y}.${z},tp_src=${1 + (i % 60000)},actions=load:0x${hz}->NXM_NX_REG5[],move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],resubmit(,${table})`,
    `arp,arp_tpa=10.${x}.${y}.${z},arp_op=1,actions=normal`,
    `idle_timeout=3000,icmp,icmp_type=8,nw_ttl=64,reg3=0x${hx}${hy}${hz}/0xffffff,actions=controller(max_len=128,reason=no_match)`,
  ];
  return kinds[i % kinds.length]!;
}

function flowsFile(dir: string, n: number, one = simple): string {
  const lines: string[] = [];
  for (let i = 0; i < n; i++) lines.push(`table=${i % 4},priority=${100 + (i % 50)},${one(i)}`);
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
    const rows = [
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
      await pair(`parse-flows of ${n} of eight kinds`, undefined, (d) => [
        'parse-flows',
        flowsFile(d.dir, n, mixed),
      ]),
    ];
    for (const d of Object.values(sides)) {
      seconds(d, ['del-flows', 'br0']);
      seconds(d, ['add-flows', 'br0', flowsFile(d.dir, n, mixed)]);
    }
    rows.push(await pair(`dump-flows of ${n} of eight kinds`, undefined, () => ['dump-flows', 'br0']));
    return rows;
  } finally {
    await sides.ours.stop();
    await sides.theirs.stop();
  }
}
