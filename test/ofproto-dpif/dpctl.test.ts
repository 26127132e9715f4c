import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UnixctlCommands, UnixctlError } from '../../src/base/unixctl.ts';
import { HeapArena } from '../../src/datapath/arena.ts';
import { Datapaths } from '../../src/datapath/datapaths.ts';
import { enableDummies } from '../../src/datapath/dummy/provider.ts';
import { NetdevRegistry } from '../../src/datapath/netdev-registry.ts';
import { DpifNetdev } from '../../src/datapath/userspace/dpif-netdev.ts';
import { parseMatch } from '../../src/flow/match/parse.ts';
import { Backers } from '../../src/ofproto/dpif/backer.ts';
import { registerDpctlCommands } from '../../src/ofproto/dpif/dpctl.ts';
import { OfprotoDpif } from '../../src/ofproto/dpif/ofproto-dpif.ts';
import { parseInstructions } from '../../src/openflow/actions/parse.ts';
import { flowModOf } from '../../src/openflow/messages/flow-mod.ts';
import { SimHost } from '../../src/sim/sim-host.ts';
import { composeFrame } from '../../src/vswitchd/compose-frame.ts';

/** A bridge br0 with dummy ports p1 and p2, and the commands that look below it. */
function world() {
  const host = new SimHost();
  const { loop, random } = host;
  const devices = new NetdevRegistry();
  const dummies = enableDummies(devices, host, 'override');
  const datapaths = new Datapaths(
    {
      make: (type, name, closed) =>
        new DpifNetdev({ type, name, loop, random, closed, dummy: true, arena: new HeapArena() }),
      localPortType: () => 'dummy-internal',
    },
    devices,
  );
  const backers = new Backers(loop, random, (type) => datapaths.create(type, `ovs-${type}`));
  const commands = new UnixctlCommands('test');
  registerDpctlCommands(commands, { backers, datapaths, devices, loop });
  const bridge = OfprotoDpif.create({ name: 'br0', type: 'dummy', loop, random }, backers);
  for (const [name, type] of [
    ['br0', 'dummy-internal'],
    ['p1', 'dummy'],
    ['p2', 'dummy'],
  ] as const)
    bridge.up.portAdd(devices.open(name, type));
  const run = async (name: string, ...args: string[]): Promise<string> =>
    String(await commands.execute(`dpctl/${name}`, args, { format: 'text' }));
  const refused = async (text: string, name: string, ...args: string[]): Promise<void> =>
    assert.rejects(run(name, ...args), (error) => error instanceof UnixctlError && error.message === text);
  const flow = (text: string): void => {
    const [, before, actions] = /^(.*?),?actions=(.*)$/.exec(text)!;
    const { match } = parseMatch(before!);
    bridge.up.flowMod(flowModOf({ match, priority: 100, actions: parseInstructions(actions!).actions }));
  };
  const receive = (name: string, flowText: string): void => {
    dummies.find(name)!.receive(composeFrame(flowText, 0));
    host.run(1);
  };
  return { host, bridge, devices, run, refused, flow, receive };
}

const HEADER = '  lookups: hit:0 missed:0 lost:0\n  flows: 0\n';

test('a datapath of dummies has a device of its own name as port 0, made before all others', async () => {
  const { run, devices, refused } = world();
  assert.equal(await run('dump-dps'), 'dummy@ovs-dummy\n');
  assert.equal(
    await run('show'),
    `dummy@ovs-dummy:\n${HEADER}  port 0: ovs-dummy (dummy-internal)\n  port 1: p1 (dummy)\n` +
      '  port 2: p2 (dummy)\n  port 100: br0 (dummy-internal)\n',
  );
  assert.equal(devices.find('ovs-dummy')!.mac() + 1, devices.find('br0')!.mac());
  await refused(
    'ovs-vswitchd: deleting port 0 from dummy@ovs-dummy failed (Invalid argument)\n',
    'del-if',
    'dummy@ovs-dummy',
    '0',
  );
});

test('datapaths and their ports can be made, set and taken away', async () => {
  const { run, refused, devices } = world();
  assert.equal(await run('add-dp', 'dummy@dp', 'vif1.0,type=dummy,port_no=5'), '');
  await refused('ovs-vswitchd: add_dp (File exists)\n', 'add-dp', 'dummy@dp');
  assert.equal(
    await run('show', 'dummy@dp'),
    `dummy@dp:\n${HEADER}  port 0: dp (dummy-internal)\n  port 5: vif1.0 (dummy)\n`,
  );
  await refused(
    'ovs-vswitchd: adding vif1.0 to dummy@dp failed (File exists)\n',
    'add-if',
    'dummy@dp',
    'vif1.0,type=dummy',
  );
  await refused(
    'ovs-vswitchd: x: failed to open network device (Address family not supported by protocol)\n' +
      'ovs-vswitchd: duplicate "a" option\n',
    'add-if',
    'dummy@dp',
    'x,type=what',
    'y,a=1,a=2',
  );
  assert.equal(await run('set-if', 'dummy@dp', 'vif1.0,port_no=5,ifindex=9'), '');
  assert.equal(devices.find('vif1.0')!.ifindex(), 9);
  await refused(
    "ovs-vswitchd: vif1.0: can't change type from dummy to system\n" +
      "ovs-vswitchd: vif1.0: can't change port number from 5 to 6\n",
    'set-if',
    'dummy@dp',
    'vif1.0,type=system',
    'vif1.0,port_no=6',
  );
  assert.equal(await run('del-if', 'dummy@dp', 'vif1.0'), '');
  assert.equal(devices.find('vif1.0'), undefined);
  await refused('ovs-vswitchd: no port named vif1.0\n', 'del-if', 'dummy@dp', 'vif1.0');
  assert.equal(await run('del-dp', 'dummy@dp'), '');
  assert.equal(devices.find('dp'), undefined);
  await refused('ovs-vswitchd: opening datapath (No such device)\n', 'del-dp', 'dummy@dp');
});

test('a bridge learns that a port was taken out of its datapath', async () => {
  const { run, bridge } = world();
  assert.equal(await run('del-if', 'dummy@ovs-dummy', 'p1'), '');
  assert.equal(bridge.up.ports.byName('p1'), undefined);
  assert.ok(bridge.up.ports.byName('p2'));
});

const UDP =
  'in_port(1),eth(src=50:54:00:00:00:09,dst=50:54:00:00:00:0a),eth_type(0x0800),' +
  'ipv4(src=10.1.1.1,dst=10.1.1.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)';
const TCP =
  'in_port(1),eth(src=50:54:00:00:00:09,dst=50:54:00:00:00:0a),eth_type(0x0800),' +
  'ipv4(src=10.1.1.1,dst=10.1.1.2,proto=6,tos=0,ttl=64,frag=no),tcp(src=3,dst=4),tcp_flags(syn)';

test('tracked connections are shown, counted and forgotten', async () => {
  const { run, flow, receive, refused } = world();
  flow('udp,actions=ct(commit,zone=7,exec(set_field:0x12->ct_mark,set_field:0x34->ct_label))');
  flow('tcp,actions=ct(commit)');
  receive('p1', UDP);
  receive('p1', TCP);
  const udp =
    'udp,orig=(src=10.1.1.1,dst=10.1.1.2,sport=1,dport=2),reply=(src=10.1.1.2,dst=10.1.1.1,sport=2,dport=1),' +
    'zone=7,mark=18,labels=0x34\n';
  const tcp =
    'tcp,orig=(src=10.1.1.1,dst=10.1.1.2,sport=3,dport=4),reply=(src=10.1.1.2,dst=10.1.1.1,sport=4,dport=3)';
  assert.equal(await run('dump-conntrack'), `${udp}${tcp},protoinfo=(state=SYN_SENT)\n`);
  assert.equal(await run('dump-conntrack', 'dummy@ovs-dummy', 'zone=7'), udp);
  assert.match(
    await run('dump-conntrack', '-m', '-s', 'zone=0'),
    /,id=0,status=0,timeout=\d+,protoinfo=\(state_orig=SYN_SENT,state_reply=CLOSED,flags_orig=0,flags_reply=0\)\n$/,
  );
  assert.equal(
    await run('ct-stats-show', '-m'),
    'Connections Stats:\n    Total: 2\n  TCP: 1\n    Conn per TCP states:\n\t  [SYN_SENT]=1\n  UDP: 1\n',
  );
  assert.equal(await run('ct-get-nconns'), '2\n');
  await refused(
    'ovs-vswitchd: failed to flush conntrack (No such file or directory)\n',
    'flush-conntrack',
    'ct_nw_src=10.1.1.1,ct_nw_dst=10.1.1.3,ct_nw_proto=17,ct_tp_src=1,ct_tp_dst=2',
  );
  await refused('ovs-vswitchd: invalid arguments (Invalid argument)\n', 'flush-conntrack', '', '', 'x');
  assert.equal(await run('flush-conntrack', 'mark=0x2/0x3', 'ct_nw_src=10.1.1.1'), '');
  assert.equal(await run('dump-conntrack'), `${tcp},protoinfo=(state=SYN_SENT)\n`);
  // The tuple of the answers names it as well.
  const whole = 'ct_nw_src=10.1.1.2,ct_nw_dst=10.1.1.1,ct_nw_proto=6,ct_tp_src=4,ct_tp_dst=3';
  assert.equal(await run('flush-conntrack', whole), '');
  receive('p1', UDP);
  assert.equal(await run('flush-conntrack', 'zone=6'), '');
  assert.equal(await run('ct-get-nconns'), '1\n');
  assert.equal(await run('flush-conntrack'), '');
  assert.equal(await run('ct-stats-show'), 'Connections Stats:\n    Total: 0\n');
});

test('limits and settings of connection tracking', async () => {
  const { run, refused } = world();
  assert.equal(await run('ct-get-maxconns'), '3000000\n');
  assert.equal(await run('ct-set-maxconns', '10'), 'setting maxconns successful');
  assert.equal(await run('ct-get-maxconns'), '10\n');
  await refused('ovs-vswitchd: maxconns missing or malformed (Invalid argument)\n', 'ct-set-maxconns', 'x');
  assert.equal(await run('ct-set-limits', 'default=3', 'zone=4,limit=5', 'zone=1,limit=0'), '');
  assert.equal(
    await run('ct-get-limits'),
    'default limit=3\nzone=1,limit=0,count=0\nzone=4,limit=5,count=0\n',
  );
  assert.equal(await run('ct-del-limits', 'zone=1,9'), '');
  assert.equal(
    await run('ct-get-limits', 'zone=1,4'),
    'default limit=3\nzone=1,limit=3,count=0\nzone=4,limit=5,count=0\n',
  );
  await refused('ovs-vswitchd: failed to parse zone limit (Invalid argument)\n', 'ct-set-limits', 'zone=1');
  await refused('ovs-vswitchd: invalid argument x (Invalid argument)\n', 'ct-get-limits', 'x');
  assert.equal(await run('ct-get-tcp-seq-chk'), 'TCP sequence checking: enabled\n');
  assert.equal(await run('ct-disable-tcp-seq-chk'), 'disabling TCP sequence checking successful');
  assert.equal(await run('ct-get-tcp-seq-chk'), 'TCP sequence checking: disabled\n');
  assert.equal(await run('ct-get-sweep-interval'), '20000');
  assert.equal(await run('ct-set-sweep-interval', '500'), 'setting sweep interval successful\n');
  await refused('ovs-vswitchd: invalid sweep value (Invalid argument)\n', 'ct-set-sweep-interval', '0');
});
