import assert from 'node:assert/strict';
import test from 'node:test';
import type { Host } from '../../base/host.ts';
import { F, type Flow, newFlow } from '../../flow/layout.ts';
import type { OdpAction } from '../../odp/action.ts';
import { HeapArena } from '../arena.ts';
import type { DpifUpcall } from '../dpif-provider.ts';
import { DummyNetdev } from '../dummy/dummy-netdev.ts';
import { PatchNetdev } from '../patch-netdev.ts';
import { DpifNetdev } from './dpif-netdev.ts';
import { bytes, frame, hex, sumsAreRight, TestLoop } from './testing.ts';

/** A datapath with dummy ports p1 to p3 that remember what they sent. */
class Fixture {
  readonly loop = new TestLoop();
  readonly dpif: DpifNetdev;
  readonly sent: string[] = [];
  readonly frames: Uint8Array[] = [];
  readonly upcalls: DpifUpcall[] = [];
  readonly devices: DummyNetdev[] = [];
  #ufid = 0;

  constructor(options: ReadonlyMap<string, string> = new Map()) {
    const host = { loop: this.loop } as unknown as Host;
    let seed = 1;
    const random = {
      u32: () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0),
      bytes: (n: number) => new Uint8Array(n),
    };
    this.dpif = new DpifNetdev({
      type: 'dummy',
      name: 'br0',
      arena: new HeapArena(),
      loop: this.loop,
      random,
    });
    this.dpif.configure(options);
    this.dpif.setUpcallReceiver((upcalls) => this.upcalls.push(...upcalls));
    for (const name of ['p1', 'p2', 'p3']) {
      const device = new DummyNetdev(host, 'dummy', name, () => {});
      device.sent = (packet) => {
        this.sent.push(`${name} ${packet.length}`);
        this.frames.push(packet);
      };
      this.devices.push(device);
      this.dpif.portAdd(device);
    }
  }

  /** Installs a flow that matches packets like `packet` from a port in some words of the key. */
  put(key: Flow, words: readonly number[], actions: readonly OdpAction[]): string {
    const mask = newFlow();
    for (const word of [F.IN_PORT, F.RECIRC_ID, ...words]) mask[word] = 0xffff_ffff;
    const ufid = (this.#ufid++).toString(16).padStart(32, '0');
    this.dpif.operate(
      [{ kind: 'flow_put', ufid, key, mask, actions, create: true, modify: false }],
      ([result]) => assert.equal(result!.errno, 0),
    );
    return ufid;
  }

  /** Installs a flow for all packets from a port. */
  from(port: number, actions: readonly OdpAction[], recircId = 0): string {
    const key = newFlow();
    key[F.IN_PORT] = port;
    key[F.RECIRC_ID] = recircId;
    return this.put(key, [], actions);
  }

  receive(port: number, ...packets: Uint8Array[]): void {
    for (const packet of packets) this.devices[port - 1]!.receive(packet);
    this.loop.settle();
  }
}

function newFlowFrom(port: number, type: number): Flow {
  const key = newFlow();
  key[F.IN_PORT] = port;
  key[F.DL_TYPE] = type;
  return key;
}

const out = (port: number): OdpAction => ({ kind: 'output', port });
const set = (
  attr: 'eth' | 'ipv4' | 'ipv6' | 'udp' | 'tcp',
  ...words: [number, number, number?][]
): OdpAction => ({
  kind: 'set',
  attr,
  masked: true,
  words: words.map(([word, value, mask = 0xffff_ffff]) => ({ word, value, mask })),
});

test('dummy ports get the number in their name', () => {
  const { dpif } = new Fixture();
  assert.deepEqual(
    dpif.ports().map(({ portNo, name }) => [portNo, name]),
    [
      [1, 'p1'],
      [2, 'p2'],
      [3, 'p3'],
    ],
  );
  assert.equal(dpif.portAdd(new PatchNetdev('br7')), 107);
  assert.throws(() => dpif.portAdd(new PatchNetdev('other'), 107), { code: 'EBUSY' });
  assert.throws(() => dpif.portDel(55), { code: 'ENODEV' });
});

test('a packet without a flow goes up, and the flow that the receiver installs serves the next', () => {
  const f = new Fixture();
  f.dpif.setUpcallReceiver((upcalls) => {
    for (const upcall of upcalls) {
      f.upcalls.push(upcall);
      f.put(upcall.key, [F.DL_TYPE], [out(2)]);
      f.dpif.operate([
        { kind: 'execute', packet: upcall.packet, key: upcall.key, actions: [out(2)], mtu: 0 },
      ]);
    }
  });
  f.receive(1, frame(), frame(), frame());
  assert.deepEqual(f.sent, ['p2 62', 'p2 62', 'p2 62']);
  assert.equal(f.upcalls.length, 1);
  const [upcall] = f.upcalls;
  assert.equal(upcall!.reason, 'miss');
  assert.equal(upcall!.key[F.IN_PORT], 1);
  assert.equal(upcall!.key[F.TP_DST], 2000);
  assert.equal(hex(upcall!.packet), hex(frame()));
  const stats = f.dpif.stats();
  assert.deepEqual([stats.hit, stats.missed, stats.lost, stats.flows, stats.masks], [2, 1, 0, 1, 1]);
});

test('counters of a flow say packets, bytes, time and TCP flags', () => {
  const f = new Fixture();
  const ufid = f.from(1, [out(2)]);
  const stats = { packets: 0, bytes: 0, usedMs: 0, tcpFlags: 0 };
  assert.ok(f.dpif.flowStats(ufid, stats));
  assert.equal(stats.usedMs, 0);
  f.loop.pass(500);
  f.receive(1, frame({ proto: 6 }), frame({ proto: 6, tags: [[0x8100, 5]] }));
  f.dpif.flowStats(ufid, stats);
  assert.deepEqual(stats, { packets: 2, bytes: 74 + 78, usedMs: 1500, tcpFlags: 0x018 });
  f.dpif.operate([{ kind: 'flow_del', ufid }], ([result]) => assert.deepEqual(result, { errno: 0, stats }));
  assert.equal(f.dpif.flowStats(ufid, stats), false);
});

test('the exact-match cache forgets deleted flows and changed actions', () => {
  const f = new Fixture(new Map([['emc-insert-inv-prob', '1']]));
  const ufid = f.from(1, [out(2)]);
  f.receive(1, frame(), frame(), frame());
  assert.equal(f.dpif.stats().cacheHits, 2);
  const key = newFlow();
  key[F.IN_PORT] = 1;
  const mask = newFlow();
  mask[F.IN_PORT] = 0xffff_ffff;
  mask[F.RECIRC_ID] = 0xffff_ffff;
  f.dpif.operate([{ kind: 'flow_put', ufid, key, mask, actions: [out(3)], create: false, modify: true }]);
  f.receive(1, frame());
  assert.equal(f.sent.at(-1), 'p3 62');
  f.dpif.operate([{ kind: 'flow_del', ufid }]);
  f.receive(1, frame());
  assert.equal(f.sent.length, 4);
  assert.equal(f.upcalls.length, 1);
  // A flow that takes over the handle must not get the old one's packets.
  for (let i = 0; i < 1100; i++) f.dpif.operate([{ kind: 'flow_del', ufid: f.from(3, []) }]);
  f.from(2, [out(1)]);
  f.receive(1, frame());
  assert.equal(f.upcalls.length, 2);
});

test('puts and deletes report what is wrong', () => {
  const f = new Fixture();
  const ufid = f.from(1, [out(2)]);
  const { key, mask } = f.dpif.flowGet(ufid)!;
  const put = { kind: 'flow_put' as const, ufid, key, mask, actions: [], create: true, modify: false };
  f.dpif.operate(
    [
      put,
      { ...put, ufid: 'f'.repeat(32), modify: true },
      { ...put, ufid: 'e'.repeat(32), key: newFlow(), create: false, modify: true },
      { kind: 'flow_del', ufid: 'd'.repeat(32) },
    ],
    (results) =>
      assert.deepEqual(
        results.map((r) => r.errno),
        [17, 22, 2, 2],
      ),
  );
});

test('IPv4 addresses, TTL and ports change with their checksums', () => {
  for (const proto of [6, 17]) {
    const f = new Fixture();
    f.from(1, [
      set(
        'ipv4',
        [F.NW_SRC, 0xc0a80101],
        [F.NW_DST, 0x00000063, 0xff],
        [F.NW_TTL, 9, 0xff],
        [F.NW_TOS, 0x20, 0xfc],
      ),
      set(proto === 6 ? 'tcp' : 'udp', [F.TP_SRC, 7, 0xffff], [F.TP_DST, 0, 0]),
      set('eth', [F.DL_DST, 0x0a0b, 0xffff], [F.DL_DST + 1, 0x0c0d0e0f], [F.DL_SRC + 1, 0x42, 0xff]),
      out(2),
    ]);
    f.receive(1, frame({ proto, payload: 33 }));
    const [packet] = f.frames;
    assert.equal(hex(packet!.subarray(0, 12)), '0a0b0c0d0e0f020000000042');
    assert.equal(hex(packet!.subarray(26, 34)), 'c0a801010a000063');
    assert.equal(packet![15], 0x20);
    assert.equal(packet![22], 9);
    assert.equal(hex(packet!.subarray(34, 38)), '000707d0');
    assert.ok(sumsAreRight(packet!));
  }
});

test('IPv6 addresses and ports change with their checksums, under a tag', () => {
  for (const proto of [6, 17, 58]) {
    const f = new Fixture();
    const actions: OdpAction[] = [
      set(
        'ipv6',
        [F.IPV6_DST, 0x20010db8],
        [F.IPV6_DST + 3, 0x77],
        [F.IPV6_LABEL, 0xabcde, 0xfffff],
        [F.NW_TTL, 3, 0xff],
      ),
    ];
    if (proto !== 58) actions.push(set('tcp', [F.TP_DST, 80, 0xffff]));
    f.from(1, [...actions, out(2)]);
    f.receive(1, frame({ version: 6, proto, tags: [[0x8100, 0x2005]] }));
    const [packet] = f.frames;
    assert.equal(hex(packet!.subarray(18, 22)), '600abcde');
    assert.equal(packet![25], 3);
    assert.ok(sumsAreRight(packet!));
  }
});

test('tags and labels are pushed and popped', () => {
  const f = new Fixture();
  f.from(1, [
    { kind: 'push_vlan', tpid: 0x88a8, tci: 0x1007 },
    out(2),
    { kind: 'pop_vlan' },
    { kind: 'push_mpls', lse: 0x00064140, ethertype: 0x8847 },
    out(3),
    { kind: 'pop_mpls', ethertype: 0x0800 },
    out(2),
  ]);
  f.receive(1, frame());
  assert.deepEqual(f.sent, ['p2 66', 'p3 66', 'p2 62']);
  assert.equal(hex(f.frames[0]!.subarray(12, 18)), '88a800070800');
  assert.equal(hex(f.frames[1]!.subarray(12, 19)), '88470006414045');
  assert.equal(hex(f.frames[2]!), hex(frame()));
});

test('clone leaves the packet as it was, trunc cuts one output, a flood reaches all', () => {
  const f = new Fixture();
  f.from(1, [
    { kind: 'clone', actions: [{ kind: 'push_vlan', tpid: 0x8100, tci: 0x1001 }, out(2)] },
    { kind: 'trunc', maxLen: 20 },
    out(3),
    out(2),
    out(3),
    out(99),
  ]);
  f.receive(1, frame());
  assert.deepEqual(f.sent, ['p2 66', 'p3 20', 'p2 62', 'p3 62']);
  assert.equal(hex(f.frames[2]!), hex(frame()));
});

test('recirculated packets are parsed anew and keep their metadata', () => {
  const f = new Fixture(new Map([['emc-insert-inv-prob', '1']]));
  f.from(1, [
    {
      kind: 'set',
      attr: 'skb_mark',
      masked: true,
      words: [{ word: F.PKT_MARK, value: 0xab, mask: 0xffff_ffff }],
    },
    { kind: 'hash', algorithm: 'l4', basis: 3 },
    { kind: 'push_vlan', tpid: 0x8100, tci: 0x1009 },
    { kind: 'recirc', recircId: 77 },
    { kind: 'pop_vlan' },
    out(3),
  ]);
  f.receive(1, frame());
  assert.deepEqual(f.sent, ['p3 62']);
  const [upcall] = f.upcalls;
  assert.equal(upcall!.key[F.RECIRC_ID], 77);
  assert.equal(upcall!.key[F.PKT_MARK], 0xab);
  assert.notEqual(upcall!.key[F.DP_HASH], 0);
  assert.equal(upcall!.key[F.VLAN_TCI0], 0x1009);
  f.put(upcall!.key, [F.PKT_MARK, F.VLAN_TCI0], [{ kind: 'pop_vlan' }, out(2)]);
  f.receive(1, frame(), frame());
  assert.deepEqual(f.sent.slice(1), ['p2 62', 'p3 62', 'p2 62', 'p3 62']);
});

test('a tracked connection is let through by its state, and translated', () => {
  const f = new Fixture();
  const ct = (commit: boolean, address?: Uint8Array): OdpAction => ({
    kind: 'ct',
    commit,
    force: false,
    zone: 1,
    mark: undefined,
    label: undefined,
    helper: undefined,
    timeout: undefined,
    nat: {
      type: address ? 'src' : undefined,
      minAddr: address,
      maxAddr: undefined,
      minPort: 0,
      maxPort: 0,
      persistent: false,
      hash: false,
      random: false,
    },
  });
  f.from(1, [ct(true, Uint8Array.of(7, 7, 7, 7)), out(2)]);
  f.from(2, [ct(false), { kind: 'recirc', recircId: 4 }]);
  const established = newFlow();
  established[F.IN_PORT] = 2;
  established[F.RECIRC_ID] = 4;
  established[F.CT_STATE] = 0x20 | 0x08 | 0x02 | 0x80;
  f.put(established, [F.CT_STATE], [out(1)]);
  f.receive(1, frame());
  const [outside] = f.frames;
  assert.equal(hex(outside!.subarray(26, 30)), '07070707');
  const reply = outside!.slice();
  reply.set(outside!.subarray(26, 30), 30);
  reply.set(outside!.subarray(30, 34), 26);
  reply.set(outside!.subarray(34, 36), 36);
  reply.set(outside!.subarray(36, 38), 34);
  f.receive(2, reply, frame({ source: 5 }));
  assert.deepEqual(f.sent, ['p2 62', 'p1 62']);
  assert.equal(hex(f.frames[1]!.subarray(30, 34)), '0a000001');
  assert.ok(sumsAreRight(f.frames[1]!));
  assert.equal(f.upcalls[0]!.key[F.CT_STATE], 0x21);
  assert.equal(f.upcalls[0]!.key[F.CT_TP_SRC], 5);
});

test('recirculation without end is cut', () => {
  const f = new Fixture();
  f.from(1, [{ kind: 'recirc', recircId: 5 }]);
  f.from(1, [out(2), { kind: 'recirc', recircId: 5 }], 5);
  f.receive(1, frame());
  assert.ok(f.sent.length > 1 && f.sent.length < 10);
});

test('check_pkt_len, sample and meters choose packets', () => {
  const f = new Fixture();
  f.from(1, [
    { kind: 'check_pkt_len', pktLen: 100, greater: [out(2)], lessEqual: [out(3)] },
    { kind: 'sample', probability: 0, actions: [out(2)] },
    { kind: 'sample', probability: 0xffff_ffff, actions: [{ kind: 'pop_vlan' }, out(3)] },
  ]);
  f.receive(1, frame(), frame({ payload: 200 }));
  assert.deepEqual(f.sent, ['p3 62', 'p3 62', 'p2 242', 'p3 242']);

  f.sent.length = 0;
  f.dpif.meterSet(4, { unit: 'pktps', bands: [{ type: 'drop', rate: 2, burst: 2 }] });
  f.from(2, [{ kind: 'meter', meterId: 4 }, out(1)]);
  f.receive(2, frame(), frame(), frame());
  assert.equal(f.sent.length, 2);
  f.loop.pass(500);
  f.receive(2, frame(), frame());
  assert.equal(f.sent.length, 3);
  assert.deepEqual(f.dpif.meterGet(4), {
    packetsIn: 5,
    bytesIn: 5 * 62,
    bands: [{ packets: 2, bytes: 2 * 62 }],
  });
  assert.ok(f.dpif.meterDel(4));
  assert.equal(f.dpif.meterGet(4), undefined);
});

test('a userspace action brings the packet as it is then, with its action', () => {
  const f = new Fixture();
  const action = {
    kind: 'userspace' as const,
    pid: 1,
    cookie: undefined,
    withActions: true,
    egressTunPort: undefined,
  };
  const actions: OdpAction[] = [
    { kind: 'push_vlan', tpid: 0x8100, tci: 0x1003 },
    { kind: 'trunc', maxLen: 30 },
    action,
  ];
  f.from(1, actions);
  f.receive(1, frame());
  const [upcall] = f.upcalls;
  assert.equal(upcall!.reason, 'action');
  assert.equal(upcall!.action, action);
  assert.equal(upcall!.actions, actions);
  assert.equal(upcall!.packet.length, 30);
  assert.equal(upcall!.key[F.VLAN_TCI0], 0x1003);
  assert.equal(upcall!.key[F.TP_SRC], 1000);
});

test('segments and checksums that a sender left to the switch are finished for ports that cannot', () => {
  for (const [proto, version] of [
    [6, 4],
    [6, 6],
    [17, 4],
  ] as const) {
    const f = new Fixture();
    const header = (version === 4 ? 34 : 54) + (proto === 6 ? 20 : 8);
    const packet = frame({ proto, version, payload: 3500 });
    const l4 = version === 4 ? 34 : 54;
    const offset = proto === 6 ? 16 : 6;
    const gso = proto === 6 ? (version === 4 ? 1 : 4) : 5;
    f.dpif.operate([
      {
        kind: 'execute',
        packet,
        key: newFlow(),
        actions: [out(2)],
        mtu: 0,
        offload: { offload: 1 | (gso << 8) | (1400 << 16), checksum: l4 | (offset << 16) },
      },
    ]);
    assert.deepEqual(f.sent, [`p2 ${header + 1400}`, `p2 ${header + 1400}`, `p2 ${header + 700}`]);
    assert.ok(f.frames.every(sumsAreRight));
    const payload = f.frames.flatMap((part) => [...part.subarray(header)]);
    assert.equal(hex(Uint8Array.from(payload)), hex(packet.subarray(header)));
    if (proto === 6) {
      const sequences = f.frames.map((part) => new DataView(part.buffer).getUint32(l4 + 4));
      assert.deepEqual(sequences, [1_000_000, 1_001_400, 1_002_800]);
    }
  }
});

test('an exception in the receiver of upcalls does not stop the datapath', () => {
  const f = new Fixture();
  f.from(1, [out(2)]);
  const pass = f.put(newFlowFrom(2, 0x0800), [F.DL_TYPE], [out(3)]);
  f.dpif.setUpcallReceiver(() => {
    throw new Error('translation failed');
  });
  const arp = bytes('ffffffffffff0200000000010806');
  f.receive(2, arp);
  f.receive(1, frame());
  f.receive(2, frame());
  assert.deepEqual(f.sent, ['p2 62', 'p3 62']);
  assert.equal(f.dpif.flowGet(pass)!.stats.packets, 1);
});

test('packets of any bytes neither crash the datapath nor lose the metadata of the next', () => {
  const f = new Fixture(new Map([['emc-insert-inv-prob', '1']]));
  f.from(1, [
    { kind: 'pop_vlan' },
    set('ipv4', [F.NW_TTL, 1, 0xff]),
    set('tcp', [F.TP_DST, 1, 0xffff]),
    out(2),
  ]);
  let seed = 7;
  const random = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0) >>> 8;
  for (let n = 0; n < 500; n++) {
    const packet = frame({
      version: n & 1 ? 4 : 6,
      proto: [6, 17, 1, 58, 132][n % 5]!,
      payload: random() % 20,
      tags: n % 3 === 0 ? [[0x8100, random() & 0xffff]] : [],
    });
    for (let k = 0; k < 3; k++) packet[12 + (random() % (packet.length - 12))] = random();
    f.receive(1, packet.subarray(0, 14 + (random() % (packet.length - 13))));
  }
  f.receive(1, bytes('ffffffffffff0200000000010806'));
  assert.equal(f.upcalls.length, 0);
  assert.equal(f.sent.length, 501);
});
