import assert from 'node:assert/strict';
import { test } from 'node:test';
import { captureLog } from '../../test/support/log-capture.ts';
import { SystemError } from '../base/host.ts';
import { HeapArena } from '../datapath/arena.ts';
import { enableDummies } from '../datapath/dummy/provider.ts';
import { NetdevRegistry } from '../datapath/netdev-registry.ts';
import { patchProvider } from '../datapath/patch-netdev.ts';
import { DpifNetdev } from '../datapath/userspace/dpif-netdev.ts';
import { Backers } from '../ofproto/dpif/backer.ts';
import { Idl } from '../ovsdb/idl/idl.ts';
import type { Txn } from '../ovsdb/idl/txn.ts';
import { openVswitchSchema } from '../ovsdb/schemas/open-vswitch.ts';
import { schemaJson } from '../ovsdb/schemas/schema-json.ts';
import { inVirtualTime, pass, SIM_DATABASE, startSimDatabase } from '../sim/sim-database.ts';
import { SimHost } from '../sim/sim-host.ts';
import type { Ovs } from './configuration.ts';
import { Vswitchd } from './vswitchd.ts';

/** A database, a switch with dummy devices that follows it, and a client that configures it. */
async function world() {
  const host = new SimHost();
  await startSimDatabase(host, schemaJson(openVswitchSchema));
  const devices = new NetdevRegistry();
  const missing = new Set(['absent']);
  devices.register(patchProvider);
  const dummies = enableDummies(devices, host, 'add');
  const system = dummies.provider('system');
  devices.register({
    type: 'system',
    open: (name) => {
      if (missing.has(name)) throw new SystemError('ENODEV');
      if (name === 'mistaken') throw new TypeError('a mistake');
      return system.open(name);
    },
  });
  const open = (type: string) =>
    new DpifNetdev({
      type,
      name: `ovs-${type}`,
      dummy: true,
      arena: new HeapArena(),
      loop: host.loop,
      random: host.random,
    });
  const env = {
    host,
    pid: 1,
    devices,
    backers: new Backers(host.loop, host.random, open),
    datapathTypes: ['dummy', 'netdev'],
    defaultDatapathType: 'netdev',
    datapathVersion: () => '<built-in>',
    confined: true,
  };
  let ready = false;
  const switchd = new Vswitchd(env, [SIM_DATABASE], () => {
    ready = true;
  });
  const idl = new Idl(host, openVswitchSchema);
  idl.monitorAll();
  idl.connect([SIM_DATABASE]);
  await pass(host, 100);
  assert.ok(ready);

  /** Makes a change as ovs-vsctl does, and waits until the switch has taken it up. */
  const configure = async (change: (txn: Txn<Ovs>) => void): Promise<void> => {
    const txn = idl.txn();
    const root = idl.first('Open_vSwitch') ?? txn.insert('Open_vSwitch');
    change(txn);
    txn.increment(root, 'next_cfg', true);
    assert.equal(await inVirtualTime(host, txn.commit()), 'success');
    for (let i = 0; idl.first('Open_vSwitch')!.cur_cfg < txn.incrementedValue; i++) {
      assert.ok(i < 100, 'the switch does not follow');
      await pass(host, 10);
    }
    await pass(host, 20);
  };
  const addBridge = (txn: Txn<Ovs>, name: string, ports: readonly { name: string; type?: string }[] = []) => {
    const root = idl.first('Open_vSwitch')!;
    const wanted: readonly { name: string; type?: string }[] = [{ name, type: 'internal' }, ...ports];
    const rows = wanted.map((port) =>
      txn.insert('Port', {
        name: port.name,
        interfaces: [txn.insert('Interface', { name: port.name, type: port.type ?? '' })],
      }),
    );
    const bridge = txn.insert('Bridge', { name, ports: rows });
    txn.set(root, { bridges: [...root.bridges, bridge] });
    return bridge;
  };
  await configure(() => {});
  const iface = (name: string) => [...idl.rows('Interface')].find((row) => row.name === name)!;
  return { host, switchd, idl, configure, addBridge, iface, missing, devices };
}

test('a bridge comes up with its ports, and the database says how', async () => {
  const { configure, addBridge, iface, idl, switchd } = await world();
  await configure((txn) => addBridge(txn, 'br0', [{ name: 'p1', type: 'dummy' }, { name: 'p2' }]));
  assert.equal(iface('br0').ofport, 65534);
  assert.deepEqual([iface('p1').ofport, iface('p2').ofport], [1, 2]);
  assert.equal(iface('p1').link_state, 'up');
  assert.match(iface('p1').mac_in_use!, /^aa:55:aa:55:00:/);
  assert.equal(iface('p1').statistics.get('rx_packets'), 0);
  const bridge = idl.first('Bridge')!;
  assert.equal(bridge.datapath_version, '<built-in>');
  assert.match(bridge.datapath_id!, /^0000[0-9a-f]{12}$/);
  assert.deepEqual(idl.first('Open_vSwitch')!.datapath_types, ['dummy', 'netdev']);
  assert.equal(switchd.bridges.get('br0')!.ofproto!.up.ports.size, 3);
});

test('what cannot be opened says why, and works once it can be', async () => {
  const { configure, addBridge, iface, missing, switchd, host } = await world();
  await configure((txn) => addBridge(txn, 'br0', [{ name: 'absent' }, { name: 'q', type: 'nonsense' }]));
  assert.equal(iface('absent').ofport, -1);
  assert.equal(iface('absent').error, 'could not open network device absent (No such device)');
  assert.equal(
    iface('q').error,
    'could not open network device q (Address family not supported by protocol)',
  );
  missing.clear();
  switchd.devicesChanged();
  await pass(host, 50);
  assert.equal(iface('absent').ofport, 1);
  assert.equal(iface('absent').error, undefined);
});

test('an exception nobody expected costs the interface, not its bridge', async () => {
  const { configure, addBridge, iface } = await world();
  const log = captureLog(['err']);
  try {
    await configure((txn) => addBridge(txn, 'br0', [{ name: 'mistaken' }, { name: 'p2' }]));
  } finally {
    log.stop();
  }
  assert.equal(iface('mistaken').ofport, -1);
  assert.equal(iface('mistaken').error, 'could not add interface mistaken (internal error)');
  assert.equal(iface('p2').ofport, 1);
  assert.match(log.lines.join('\n'), /failed to add interface mistaken: TypeError: a mistake/);
});

test('an exception nobody expected costs the bridge, not the others, and not for ever', async () => {
  const { configure, addBridge, iface, switchd, idl } = await world();
  await configure((txn) => addBridge(txn, 'br0'));
  const { ofproto } = switchd.bridges.get('br0')!;
  const log = captureLog(['err']);
  ofproto!.setForwardBpdu = () => {
    throw new TypeError('a mistake');
  };
  try {
    await configure((txn) => addBridge(txn, 'br1', [{ name: 'p1' }]));
  } finally {
    log.stop();
  }
  assert.match(log.lines.join('\n'), /failed to configure bridge br0: TypeError: a mistake/);
  assert.equal(iface('p1').ofport, 1);
  let forwards = false;
  ofproto!.setForwardBpdu = (on) => {
    forwards = on;
  };
  const br0 = [...idl.rows('Bridge')].find((row) => row.name === 'br0')!;
  await configure((txn) => txn.set(br0, { other_config: new Map([['forward-bpdu', 'true']]) }));
  assert.equal(forwards, true);
});

test('ports get the OpenFlow numbers that they ask for', async () => {
  const { configure, addBridge, iface } = await world();
  await configure((txn) =>
    addBridge(txn, 'br0', [
      { name: 'a', type: 'dummy' },
      { name: 'b', type: 'dummy' },
    ]),
  );
  assert.deepEqual([iface('a').ofport, iface('b').ofport], [1, 2]);
  await configure((txn) => txn.set(iface('b'), { ofport_request: 1 }));
  assert.equal(iface('b').ofport, 1);
  assert.notEqual(iface('a').ofport, 1);
});

test('deleted ports and bridges let go of their devices', async () => {
  const { configure, addBridge, idl, devices, switchd } = await world();
  await configure((txn) => addBridge(txn, 'br0', [{ name: 'p', type: 'dummy' }]));
  const bridge = idl.first('Bridge')!;
  await configure((txn) => txn.set(bridge, { ports: bridge.ports.filter((port) => port.name !== 'p') }));
  assert.equal(devices.find('p'), undefined);
  await configure((txn) => txn.set(idl.first('Open_vSwitch')!, { bridges: [] }));
  assert.equal(devices.find('br0'), undefined);
  assert.equal(switchd.bridges.size, 0);
});

test('the address and the datapath id follow the configuration', async () => {
  const { configure, addBridge, iface, idl } = await world();
  await configure((txn) => addBridge(txn, 'br0'));
  const bridge = idl.first('Bridge')!;
  const config = new Map([['hwaddr', '00:11:22:33:44:55']]);
  await configure((txn) => txn.set(bridge, { other_config: config }));
  assert.equal(bridge.datapath_id, '0000001122334455');
  assert.equal(iface('br0').mac_in_use, '00:11:22:33:44:55');
  await configure((txn) => txn.set(bridge, { other_config: new Map(config).set('datapath-id', '0xabc') }));
  assert.equal(bridge.datapath_id, '0000000000000abc');
});

test('the MTU of internal ports follows the least of the others, unless one is asked for', async () => {
  const { configure, addBridge, iface, idl, switchd, devices, host } = await world();
  const request = (name: string, mtu: number | undefined) =>
    configure((txn) => txn.set(iface(name), { mtu_request: mtu }));
  await configure((txn) =>
    addBridge(txn, 'br0', [
      { name: 'p1', type: 'dummy' },
      { name: 'p2', type: 'dummy' },
    ]),
  );
  const mtus = () => ['br0', 'p1', 'p2'].map((name) => iface(name)?.mtu);
  await request('p1', 1600);
  assert.deepEqual(mtus(), [1500, 1600, 1500]);
  await request('p2', 1700);
  assert.deepEqual(mtus(), [1600, 1600, 1700]);
  await request('br0', 1650);
  assert.deepEqual(mtus(), [1650, 1600, 1700]);
  await request('br0', undefined);
  assert.deepEqual(mtus(), [1600, 1600, 1700]);
  // Somebody else changes a device.
  devices.find('p1')!.setMtu(1400);
  await pass(host, 100);
  assert.deepEqual(mtus(), [1400, 1400, 1700]);
  const bridge = idl.first('Bridge')!;
  await configure((txn) => txn.set(bridge, { ports: bridge.ports.filter(({ name }) => name === 'br0') }));
  assert.equal(iface('br0').mtu, 1500);
  assert.equal(switchd.bridges.get('br0')!.ofproto!.up.ports.size, 1);
});

test('a port that was taken out of the datapath is added back by the next change', async () => {
  const { configure, addBridge, iface, switchd } = await world();
  await configure((txn) => addBridge(txn, 'br0', [{ name: 'p1', type: 'dummy' }]));
  const { ofproto } = switchd.bridges.get('br0')!;
  const { odpPort } = ofproto!.portByOfp(1)!;
  ofproto!.backer.dpif.portDel(odpPort!);
  ofproto!.backer.portVanished(odpPort!);
  assert.equal(ofproto!.portByOfp(1), undefined);
  await configure((txn) => txn.set(iface('p1'), { external_ids: new Map([['a', 'b']]) }));
  assert.equal(ofproto!.portByOfp(1)?.name, 'p1');
  assert.equal(iface('p1').ofport, 1);
});

test('a bridge with controllers but no local port gets one that the database does not know', async () => {
  const { configure, idl, switchd } = await world();
  await configure((txn) => {
    const controller = [txn.insert('Controller', { target: 'tcp:127.0.0.1:6653' })];
    const bridge = txn.insert('Bridge', { name: 'br0', controller });
    txn.set(idl.first('Open_vSwitch')!, { bridges: [bridge] });
  });
  assert.deepEqual([...switchd.bridges.get('br0')!.ifaces.keys()], ['br0']);
  assert.equal(idl.first('Interface'), undefined);
});

test('VLAN settings and the MAC table reach the forwarding side', async () => {
  const { configure, addBridge, idl, switchd } = await world();
  await configure((txn) => {
    const bridge = addBridge(txn, 'br0', [{ name: 'p', type: 'dummy' }]);
    txn.set(bridge, { flood_vlans: [7], other_config: new Map([['mac-aging-time', '60']]) });
    txn.set(bridge.ports.find((port) => port.name === 'p')!, { tag: 5 });
  });
  const { ofproto } = switchd.bridges.get('br0')!;
  const bundle = ofproto!.bundleByName('p')!;
  assert.deepEqual([bundle.vlanMode, bundle.vlan], ['access', 5]);
  await configure((txn) => {
    const port = [...idl.rows('Port')].find((row) => row.name === 'p')!;
    txn.set(port, { tag: undefined, trunks: [1, 2] });
  });
  assert.deepEqual([bundle.vlanMode, bundle.trunks], ['trunk', new Set([1, 2])]);
});

test('names that would leave our directory, or are taken, are refused', async () => {
  const { configure, addBridge, switchd, iface } = await world();
  await configure((txn) => addBridge(txn, '../x'));
  assert.equal(switchd.bridges.size, 0);
  await configure((txn) => addBridge(txn, 'br0', [{ name: 'ovs-netdev' }]));
  assert.equal(iface('ovs-netdev').ofport, -1);
});
