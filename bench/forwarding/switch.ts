/**
 * `switch.ts`: the userspace datapath between s1 and s2 without a daemon around it. Each port's packets go to the
 * other; flows are installed by misses, as they would be in the daemon.
 */
import { Clock } from '../../src/base/clock.ts';
import { Loop } from '../../src/base/loop.ts';
import { DpifNetdev } from '../../src/datapath/userspace/dpif-netdev.ts';
import { F, newFlow } from '../../src/flow/layout.ts';
import { MappedArena } from '../../src/node/ffi/mapped-arena.ts';
import { LinuxDevices } from '../../src/node/netdev/linux-netdev.ts';

const clock = new Clock({ monotonicMs: () => performance.now(), wallMs: () => Date.now() });
const loop = new Loop(clock, { defer: (fn) => setImmediate(fn), wakeIn: () => {} });
const random = { u32: () => Math.floor(Math.random() * 2 ** 32), bytes: (n: number) => new Uint8Array(n) };
const dpif = new DpifNetdev({ type: 'netdev', name: 'bench', arena: new MappedArena(), loop, random });
const devices = new LinuxDevices();
const system = devices.providers().find((provider) => provider.type === 'system')!;
dpif.portAdd(system.open('s1'), 1);
dpif.portAdd(system.open('s2'), 2);

// What translation of in_port=1,actions=output:2 un-wildcards.
const mask = newFlow();
for (const word of [F.IN_PORT, F.RECIRC_ID, F.PACKET_TYPE]) mask[word] = 0xffff_ffff;
mask[F.DL_TYPE] = 0xffff;
mask[F.NW_FRAG] = 3;

let flows = 0;
dpif.setUpcallReceiver((upcalls) => {
  for (const { key, packet, offload } of upcalls) {
    const actions = [{ kind: 'output' as const, port: 3 - key[F.IN_PORT]! }];
    const ufid = (flows++).toString(16).padStart(32, '0');
    dpif.operate([
      { kind: 'flow_put', ufid, key, mask, actions, create: true, modify: false },
      { kind: 'execute', packet, key, actions, mtu: 0, offload },
    ]);
  }
});
process.on('SIGTERM', () => process.exit(0));
console.log('ready');
