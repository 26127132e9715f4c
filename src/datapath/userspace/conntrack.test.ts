import assert from 'node:assert/strict';
import test from 'node:test';
import { F } from '../../flow/layout.ts';
import type { OdpAction } from '../../odp/action.ts';
import { HeapArena } from '../arena.ts';
import { Conntrack } from './conntrack.ts';
import { CS } from './conntrack-connection.ts';
import { K, keyWordOf } from './key.ts';
import { frame, l3Of, sumsAreRight } from './testing.ts';
import { PacketWork } from './work.ts';

type CtAction = Extract<OdpAction, { kind: 'ct' }>;
type Nat = NonNullable<CtAction['nat']>;

const ct = (more: Partial<CtAction> = {}): CtAction => ({
  kind: 'ct',
  commit: false,
  force: false,
  zone: 3,
  mark: undefined,
  label: undefined,
  helper: undefined,
  timeout: undefined,
  nat: undefined,
  ...more,
});

const nat = (more: Partial<Nat> = {}): Nat => ({
  type: undefined,
  minAddr: undefined,
  maxAddr: undefined,
  minPort: 0,
  maxPort: 0,
  persistent: false,
  hash: false,
  random: false,
  ...more,
});

/** A tracker with one packet at a time. */
class Fixture {
  readonly arena = new HeapArena();
  readonly conntrack = new Conntrack(
    this.arena,
    () => 7,
    () => this.now,
  );
  readonly work = new PacketWork(0);
  now = 0;

  /** Runs an action on a packet; returns its ct_state. `fresh` forgets what earlier actions said of it. */
  track(packet: Uint8Array, action: CtAction, fresh = true): number {
    const { work } = this;
    const { batch } = work;
    if (fresh) {
      work.clear();
      work.keys.fill(0);
      batch.count = 1;
      batch.offset[0] = this.arena.receiveBuffers[0]!;
      batch.length[0] = packet.length;
      this.arena.u8.set(packet, batch.offset[0]!);
    }
    this.conntrack.execute(work, work.all, 0, 1, action, this.now);
    const word = work.keys[K.CT]!;
    assert.equal(word >>> 16, action.zone);
    return word & 0xffff;
  }
  packet(): Uint8Array {
    const { batch } = this.work;
    return this.arena.u8.slice(batch.offset[0]!, batch.offset[0]! + batch.length[0]!);
  }
  meta(flowWord: number): number {
    return this.work.keys[keyWordOf(flowWord)]! >>> 0;
  }
}

/** The same packet in the other direction. */
function answer(packet: Uint8Array): Uint8Array {
  const out = packet.slice();
  const view = new DataView(out.buffer);
  const ip = l3Of(out);
  const swap = (a: number, b: number, size: number): void => {
    const first = out.slice(a, a + size);
    out.copyWithin(a, b, b + size);
    out.set(first, b);
  };
  const isIpv6 = out[ip]! >> 4 === 6;
  const l4 = ip + (isIpv6 ? 40 : 20);
  if (isIpv6) swap(ip + 8, ip + 24, 16);
  else swap(ip + 12, ip + 16, 4);
  const proto = isIpv6 ? out[ip + 6]! : out[ip + 9]!;
  if (proto === 1) {
    out[l4] = 0;
    view.setUint16(l4 + 2, view.getUint16(l4 + 2) + 0x0800);
  } else {
    swap(l4, l4 + 2, 2);
  }
  return out;
}

/** A TCP packet with some flags and 4 bytes of data, with its checksum right. */
function tcp(flags: number, version: 4 | 6 = 4, { seq = 0, ack = 0, window = 1000 } = {}): Uint8Array {
  const packet = frame({ proto: 6, version, payload: 4 });
  const l4 = l3Of(packet) + (version === 4 ? 20 : 40);
  const view = new DataView(packet.buffer);
  const set = (at: number, value: number): void => {
    let sum = view.getUint16(l4 + 16) + view.getUint16(l4 + at) - value;
    if (sum > 0xffff) sum -= 0xffff;
    if (sum < 0) sum += 0xffff;
    view.setUint16(l4 + at, value);
    view.setUint16(l4 + 16, sum);
  };
  set(4, seq >>> 16);
  set(6, seq & 0xffff);
  set(8, ack >>> 16);
  set(10, ack & 0xffff);
  set(12, 0x5000 | flags);
  set(14, window);
  assert.ok(sumsAreRight(packet));
  return packet;
}

const { NEW, ESTABLISHED, RELATED, REPLY_DIR, INVALID, TRACKED, SRC_NAT, DST_NAT } = CS;

test('UDP is new until it is committed and answered', () => {
  for (const version of [4, 6] as const) {
    const f = new Fixture();
    const packet = frame({ version });
    assert.equal(f.track(packet, ct()), TRACKED | NEW);
    assert.equal(f.track(packet, ct()), TRACKED | NEW);
    assert.equal(f.conntrack.count, 0);
    assert.equal(f.track(packet, ct({ commit: true })), TRACKED | NEW);
    assert.equal(f.track(packet, ct()), TRACKED | NEW);
    assert.equal(f.track(answer(packet), ct()), TRACKED | ESTABLISHED | REPLY_DIR);
    assert.equal(f.track(packet, ct()), TRACKED | ESTABLISHED);
    assert.equal(f.track(packet, ct({ zone: 4 })), TRACKED | NEW);
    assert.equal(f.conntrack.count, 1);
  }
});

test('TCP follows the handshake and the end of a connection', () => {
  for (const version of [4, 6] as const) {
    const f = new Fixture();
    const there = (flags: number, seq: number, ack: number): number =>
      f.track(tcp(flags, version, { seq, ack }), ct({ commit: true }));
    const back = (flags: number, seq: number, ack: number): number =>
      f.track(answer(tcp(flags, version, { seq, ack })), ct());
    const states = () => [...f.conntrack.entries()].map((entry) => entry.tcp?.states);
    assert.equal(back(0x12, 500, 101), TRACKED | INVALID);
    assert.equal(there(0x02, 100, 0), TRACKED | NEW);
    assert.equal(there(0x02, 100, 0), TRACKED | NEW);
    assert.deepEqual(states(), [[2, 0]]);
    assert.equal(back(0x12, 500, 105), TRACKED | ESTABLISHED | REPLY_DIR);
    assert.equal(there(0x10, 105, 505), TRACKED | ESTABLISHED);
    assert.deepEqual(states(), [[4, 4]]);
    assert.equal(there(0x03, 109, 505), TRACKED | INVALID);
    assert.equal(there(0x01, 109, 505), TRACKED | INVALID);
    assert.equal(there(0x11, 109, 505), TRACKED | ESTABLISHED);
    assert.equal(back(0x11, 505, 114), TRACKED | ESTABLISHED | REPLY_DIR);
    assert.equal(there(0x10, 114, 510), TRACKED | ESTABLISHED);
    assert.deepEqual(states(), [[9, 9]]);
    // Both sides are done: a SYN begins anew.
    assert.equal(there(0x02, 7000, 0), TRACKED | NEW);
    assert.equal(f.conntrack.count, 1);
  }
});

test('TCP segments beyond the window are invalid, unless sequence numbers are not looked at', () => {
  for (const checks of [true, false]) {
    const f = new Fixture();
    f.conntrack.checkTcpSequence = checks;
    f.track(tcp(0x02, 4, { seq: -2 }), ct({ commit: true }));
    f.track(answer(tcp(0x12, 4, { seq: 500, ack: 3 })), ct());
    assert.equal(f.track(tcp(0x10, 4, { seq: 3, ack: 505 }), ct()), TRACKED | ESTABLISHED);
    const beyond = checks ? INVALID : ESTABLISHED;
    assert.equal(f.track(tcp(0x10, 4, { seq: 90_000, ack: 505 }), ct()), TRACKED | beyond);
    assert.equal(
      f.track(answer(tcp(0x04, 4, { seq: 700 })), ct()),
      TRACKED | beyond | (checks ? 0 : REPLY_DIR),
    );
    assert.equal(f.track(tcp(0x10, 4, { seq: 7, ack: 505 }), ct()), TRACKED | ESTABLISHED);
  }
});

test('connections that are taken up in the middle are given room', () => {
  const f = new Fixture();
  assert.equal(f.track(tcp(0x10, 4, { seq: 9000, ack: 77 }), ct({ commit: true })), TRACKED | NEW);
  assert.equal(
    f.track(answer(tcp(0x10, 4, { seq: 80_000, ack: 9004 })), ct()),
    TRACKED | ESTABLISHED | REPLY_DIR,
  );
  assert.deepEqual([...f.conntrack.entries()][0]!.tcp!.liberal, [true, true]);
});

test('zones have their limits, and all of them together', () => {
  const f = new Fixture();
  const add = (zone: number, source: number): number => {
    const before = f.conntrack.count;
    f.track(frame({ source }), ct({ commit: true, zone }));
    return f.conntrack.count - before;
  };
  f.conntrack.setZoneLimit(undefined, 2);
  f.conntrack.setZoneLimit(1, 1);
  assert.deepEqual([add(1, 1), add(1, 2), add(2, 1), add(2, 2), add(2, 3)], [1, 0, 1, 1, 0]);
  assert.deepEqual(f.conntrack.zoneLimits([]), [
    { zone: undefined, limit: 2, count: 0 },
    { zone: 1, limit: 1, count: 1 },
  ]);
  assert.deepEqual(f.conntrack.zoneLimits([2, 3]).slice(1), [
    { zone: 2, limit: 2, count: 2 },
    { zone: 3, limit: 2, count: 0 },
  ]);
  assert.equal(
    f.conntrack.flush(2, (entry) => entry.orig.srcPort === 1),
    1,
  );
  f.conntrack.deleteZoneLimit(1);
  assert.deepEqual([add(2, 4), add(2, 5), add(1, 2), add(1, 3)], [1, 0, 1, 0]);
  f.conntrack.deleteZoneLimit(undefined);
  f.conntrack.maxConnections = 5;
  assert.deepEqual([add(1, 3), add(1, 4)], [1, 0]);
});

test('mark and label stay with the connection, and its first tuple with its packets', () => {
  const f = new Fixture();
  const packet = frame();
  const mark = { value: 0x12, mask: 0xff };
  const label = { value: [0, 0, 5, 6], mask: [0, 0, -1, -1] };
  f.track(packet, ct({ commit: true, mark, label }));
  f.track(packet, ct({ commit: true, mark: { value: 0x3400, mask: 0xff00 } }));
  f.track(answer(packet), ct());
  assert.equal(f.meta(F.CT_MARK), 0x3412);
  assert.deepEqual([f.meta(F.CT_LABEL + 2), f.meta(F.CT_LABEL + 3)], [5, 6]);
  assert.deepEqual([f.meta(F.CT_NW_SRC), f.meta(F.CT_NW_DST)], [0x0a000001, 0x0a000002]);
  assert.deepEqual([f.meta(F.CT_TP_SRC), f.meta(F.CT_TP_DST), f.meta(F.CT_NW_PROTO)], [1000, 2000, 17]);
  assert.equal(f.conntrack.count, 1);
  f.track(answer(packet), ct({ commit: true, force: true }));
  assert.equal(f.meta(F.CT_MARK), 0);
  assert.deepEqual([f.meta(F.CT_NW_SRC), f.meta(F.CT_NW_DST)], [0x0a000002, 0x0a000001]);
});

test('connections end after their time', () => {
  const f = new Fixture();
  const packet = frame();
  f.track(packet, ct({ commit: true }));
  f.track(answer(packet), ct());
  f.now = 29_999;
  assert.equal(f.track(packet, ct()), TRACKED | ESTABLISHED);
  f.now += 30_000;
  assert.equal(f.track(packet, ct()), TRACKED | NEW);
  assert.equal(f.conntrack.count, 0);
  f.track(packet, ct({ commit: true }));
  f.now += 100_000;
  f.track(frame({ source: 77 }), ct());
  assert.equal(f.conntrack.count, 0);
});

test('echo requests begin connections, and errors belong to the connection that they quote', () => {
  const f = new Fixture();
  const request = frame({ proto: 1 });
  assert.equal(f.track(answer(request), ct()), TRACKED | INVALID);
  assert.equal(f.track(request, ct({ commit: true })), TRACKED | NEW);
  assert.equal(f.track(answer(request), ct()), TRACKED | ESTABLISHED | REPLY_DIR);

  const udp = frame({ payload: 28 });
  assert.equal(f.track(udp, ct({ commit: true })), TRACKED | NEW);
  const error = answer(frame({ proto: 1, payload: 28 }));
  const view = new DataView(error.buffer);
  error[34] = 3;
  error.set(udp.subarray(14, 42), 42);
  view.setUint16(36, 0);
  let sum = 0;
  for (let at = 34; at < error.length; at += 2) sum += view.getUint16(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  view.setUint16(36, ~sum);
  assert.equal(f.track(error, ct()), TRACKED | RELATED | REPLY_DIR);
});

test('an ICMP error about a translated packet comes back as if about the original', () => {
  const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));
  const f = new Fixture();
  const server = Uint8Array.of(1, 2, 3, 4);
  const packet = hex(
    'c6f94ecb72dbe64c473528c9080045000021317040004011b138ac100001ac100002a28e15b3000d20966369616f0a',
  );
  const change = nat({ type: 'dst', minAddr: server, maxAddr: server, minPort: 10_000, maxPort: 10_000 });
  assert.equal(f.track(packet, ct({ commit: true, nat: change })), TRACKED | NEW | DST_NAT);
  const error = hex(
    'e64c473528c9c6f94ecb72db080045c000382e87000040019b6701020304ac1000010303ad2d00000000' +
      '4500001c317020004011794aac10000101020304a28e2710000d8623',
  );
  assert.equal(f.track(error, ct({ nat: nat() })), TRACKED | RELATED | REPLY_DIR | SRC_NAT);
  assert.deepEqual(
    f.packet(),
    hex(
      'e64c473528c9c6f94ecb72db080045c000382e8700004001f35aac100002ac1000010303553a00000000' +
        '4500001c317020004011d13dac100001ac100002a28e15b3000def73',
    ),
  );
});

test('what cannot be tracked is invalid', () => {
  const f = new Fixture();
  const broken = frame();
  broken[broken.length - 1]! ^= 1;
  assert.equal(f.track(broken, ct()), TRACKED | INVALID);
  const fragment = frame();
  fragment[20] = 0x20;
  assert.equal(f.track(fragment, ct()), TRACKED | INVALID);
  const arp = frame();
  arp[13] = 6;
  assert.equal(f.track(arp, ct()), TRACKED | INVALID);
});

test('source translation changes packets there and back, and checksums with them', () => {
  for (const proto of [6, 17]) {
    const f = new Fixture();
    const packet = proto === 6 ? tcp(2) : frame();
    const address = Uint8Array.of(192, 168, 0, 9);
    const action = ct({
      commit: true,
      nat: nat({ type: 'src', minAddr: address, maxAddr: address, minPort: 5000, maxPort: 5001 }),
    });
    assert.equal(f.track(packet, action), TRACKED | NEW | SRC_NAT);
    const outside = f.packet();
    assert.ok(sumsAreRight(outside));
    assert.deepEqual([...outside.subarray(26, 34)], [192, 168, 0, 9, 10, 0, 0, 2]);
    const port = (outside[34]! << 8) | outside[35]!;
    assert.ok(port === 5000 || port === 5001);
    assert.equal(f.meta(F.CT_NW_SRC), 0x0a000001);
    // The same packet in another `ct` of the zone is not translated again.
    assert.equal(f.track(packet, ct({ nat: nat() }), false), TRACKED | NEW | SRC_NAT);
    assert.deepEqual(f.packet(), outside);

    const reply = answer(outside);
    if (proto === 6) {
      assert.equal(f.track(answer(tcp(0x12)), ct()), TRACKED | INVALID);
      continue;
    }
    assert.equal(f.track(reply, ct({ nat: nat() })), TRACKED | ESTABLISHED | REPLY_DIR | DST_NAT);
    assert.deepEqual(f.packet(), answer(packet));
  }
});

test('destination translation, and ports that differ for connections that would be the same', () => {
  const f = new Fixture();
  const server = Uint8Array.of(10, 9, 9, 9);
  const action = ct({ commit: true, nat: nat({ type: 'dst', minAddr: server, minPort: 80, maxPort: 80 }) });
  const packet = frame({ version: 4 });
  assert.equal(f.track(packet, action), TRACKED | NEW | DST_NAT);
  const inside = f.packet();
  assert.deepEqual([...inside.subarray(26, 38)], [10, 0, 0, 1, 10, 9, 9, 9, 0x03, 0xe8, 0, 80]);
  assert.ok(sumsAreRight(inside));
  assert.equal(f.track(answer(inside), ct({ nat: nat() })), TRACKED | ESTABLISHED | REPLY_DIR | SRC_NAT);
  assert.deepEqual(f.packet(), answer(packet));

  const one = Uint8Array.of(1, 1, 1, 1);
  const hide = ct({ commit: true, zone: 9, nat: nat({ type: 'src', minAddr: one }) });
  const ports = new Set<number>();
  for (let n = 0; n < 3; n++) {
    const other = frame({ source: 1000 });
    other[29] = n;
    // The IPv4 and UDP checksums each lose what the address gained.
    for (const at of [24, 40]) {
      const view = new DataView(other.buffer);
      view.setUint16(at, view.getUint16(at) + 1 - n);
    }
    assert.equal(f.track(other, hide), TRACKED | NEW | SRC_NAT);
    ports.add((f.packet()[34]! << 8) | f.packet()[35]!);
  }
  assert.equal(ports.size, 3);
});

test('a flush forgets a zone, or all', () => {
  const f = new Fixture();
  f.track(frame(), ct({ commit: true, zone: 1 }));
  f.track(frame(), ct({ commit: true, zone: 2 }));
  f.conntrack.flush(1);
  assert.equal(f.conntrack.count, 1);
  f.conntrack.flush();
  assert.equal(f.conntrack.count, 0);
  assert.equal(f.track(frame(), ct({ zone: 2 })), TRACKED | NEW);
});
