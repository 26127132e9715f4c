/**
 * The switch of datapath.test.ts, in a namespace of its own: `datapath-child.ts SCENARIO`. Reports by JSON lines, and
 * ends when its input does.
 */
import { execFileSync } from 'node:child_process';
import { Clock } from '../../src/base/clock.ts';
import { Loop } from '../../src/base/loop.ts';
import type { Netdev } from '../../src/datapath/netdev-provider.ts';
import { NetdevRegistry } from '../../src/datapath/netdev-registry.ts';
import { DpifNetdev } from '../../src/datapath/userspace/dpif-netdev.ts';
import { F, newFlow } from '../../src/flow/layout.ts';
import { MappedArena } from '../../src/node/ffi/mapped-arena.ts';
import { LinuxDevices } from '../../src/node/netdev/linux-netdev.ts';
import type { OdpAction } from '../../src/odp/action.ts';

const report = (what: string, facts: object = {}): void => {
  process.stdout.write(`${JSON.stringify({ what, ...facts })}\n`);
};

const clock = new Clock({ monotonicMs: () => performance.now(), wallMs: () => Date.now() });
const loop = new Loop(clock, { defer: (fn) => setImmediate(fn), wakeIn: () => {} });
const random = { u32: () => Math.floor(Math.random() * 2 ** 32), bytes: (n: number) => new Uint8Array(n) };
const devices = new LinuxDevices();
const registry = new NetdevRegistry();
for (const provider of devices.providers()) registry.register(provider);
const dpif = new DpifNetdev({ type: 'netdev', name: 'test', arena: new MappedArena(), loop, random });

const scenario = process.argv[2];
const ports: Netdev[] = [];
const add = (name: string, type: string): Netdev => {
  const netdev = registry.open(name, type);
  ports.push(netdev);
  dpif.portAdd(netdev);
  return netdev;
};

/** What to do with packets from a port. */
function actionsFrom(port: number): OdpAction[] {
  const toOthers = ports.map((_, i) => i + 1).filter((other) => other !== port);
  const output = toOthers.map((other): OdpAction => ({ kind: 'output', port: other }));
  if (scenario !== 'tag') return output;
  return port === 1
    ? [{ kind: 'push_vlan', tpid: 0x8100, tci: 0x1007 }, ...output]
    : [{ kind: 'pop_vlan' }, ...output];
}

dpif.setUpcallReceiver((upcalls) => {
  for (const { key, packet, offload } of upcalls) {
    const port = key[F.IN_PORT]!;
    const mask = newFlow();
    for (const word of [F.IN_PORT, F.RECIRC_ID, F.DL_TYPE, F.VLAN_TCI0]) mask[word] = 0xffff_ffff;
    const actions = actionsFrom(port);
    const ufid = [port, key[F.DL_TYPE]!, key[F.VLAN_TCI0]!]
      .map((n) => n.toString(16).padStart(8, '0'))
      .join('');
    dpif.operate([
      { kind: 'flow_put', ufid: ufid.padEnd(32, '0'), key, mask, actions, create: true, modify: false },
      { kind: 'execute', packet, key, actions, mtu: 0, offload },
    ]);
  }
});

const facts = (netdev: Netdev): object => {
  const { carrier, carrierResets, speedBps } = netdev.link();
  return {
    mtu: netdev.mtu(),
    carrier,
    carrierResets,
    speedBps,
    vanished: netdev.vanished,
    status: Object.fromEntries(netdev.status()),
    mac: netdev.mac().toString(16).padStart(12, '0'),
  };
};

if (scenario === 'internal') {
  add('s1', 'system');
  const local = add('br0', 'internal');
  local.setMac(0x02aabbccddee);
  local.setMtu(1400);
  local.setMtu(1500);
  local.setUp(true);
  execFileSync('ip', ['link', 'show', 'br0']);
  report('ready', facts(local));
} else if (scenario === 'watch') {
  const port = add('s1', 'system');
  registry.onChange((netdev) => report('changed', facts(netdev)));
  report('ready', facts(port));
} else {
  add('s1', 'system');
  add('s2', 'system');
  report('ready');
}

process.stdin.resume().on('end', () => {
  dpif.close();
  for (const netdev of ports) registry.release(netdev);
  devices.close();
  process.exit(0);
});
