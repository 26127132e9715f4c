import assert from 'node:assert/strict';
import test from 'node:test';
import { F } from '../../flow/layout.ts';
import type { OdpAction, OdpSetAttr } from '../../odp/action.ts';
import { crc32c } from '../../packet/checksum.ts';
import { HeapArena } from '../arena.ts';
import { Executor } from './executor.ts';
import { K, KEY_STRIDE } from './key.ts';
import { Meters } from './meters.ts';
import { compile } from './program.ts';
import { bytes, frame, hex, l3Of, sumsAreRight } from './testing.ts';
import { PacketWork } from './work.ts';

const set = (attr: OdpSetAttr, ...words: [number, number, number?][]): OdpAction => ({
  kind: 'set',
  attr,
  masked: true,
  words: words.map(([word, value, mask = 0xffff_ffff]) => ({ word, value, mask })),
});

/** The packet after some actions. */
function after(packet: Uint8Array, packetType: number, ...actions: OdpAction[]): Uint8Array {
  const arena = new HeapArena();
  const fail = (): never => {
    throw new Error('not expected');
  };
  const executor = new Executor(arena, new Meters(), {
    recirculate: fail,
    userspace: fail,
    conntrack: fail,
    bondPort: fail,
    now: () => 0,
    random: () => 0,
  });
  const work = new PacketWork(0);
  const { batch } = work;
  batch.count = 1;
  batch.offset[0] = arena.receiveBuffers[0]!;
  batch.length[0] = packet.length;
  arena.u8.set(packet, batch.offset[0]!);
  work.keys[K.PACKET_TYPE] = packetType;
  work.live[0] = KEY_STRIDE;
  executor.run(compile(actions), 0, work, work.all, 0, 1);
  return arena.u8.slice(batch.offset[0]!, batch.offset[0]! + batch.length[0]!);
}

test('ARP fields are set, whole and in part', () => {
  const arp = bytes(
    'ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002 0000',
  );
  const out = after(
    arp,
    0,
    set(
      'arp',
      [F.NW_PROTO, 2],
      [F.NW_SRC, 0x0a0000ff, 0xff],
      [F.ARP_SHA, 0xaabb, 0xffff],
      [F.ARP_SHA + 1, 0xccddeeff],
      [F.ARP_THA + 1, 0x99, 0xff],
    ),
  );
  assert.equal(hex(out.subarray(14)), '0001080006040002aabbccddeeff0a0000ff0000000000990a0000020000');
});

test('fields of a neighbor solicitation are set with its checksum', () => {
  const packet = frame({ version: 6, proto: 58, payload: 24 });
  const l4 = 54;
  packet.fill(0, l4, packet.length);
  packet[l4] = 135;
  packet.set(bytes('fd000000000000000000000000000002 0101020000000001'), l4 + 8);
  const out = after(
    packet,
    0,
    set('nd', [F.ND_TARGET + 3, 0x1234], [F.ARP_SHA, 0x0a0b, 0xffff], [F.ARP_SHA + 1, 0x0c0d0e0f]),
  );
  assert.equal(hex(out.subarray(l4 + 8)), 'fd00000000000000000000000000123401010a0b0c0d0e0f');
  assert.ok(sumsAreRight(out));
});

test('type and code of ICMP and the ports of SCTP change with their sums', () => {
  for (const [version, proto] of [
    [4, 1],
    [6, 58],
  ] as const) {
    const out = after(
      frame({ version, proto }),
      0,
      set('icmp', [F.TP_SRC, 13, 0xffff], [F.TP_DST, 2, 0xffff]),
    );
    const l4 = l3Of(out) + (version === 4 ? 20 : 40);
    assert.deepEqual([out[l4], out[l4 + 1]], [13, 2]);
    assert.ok(sumsAreRight(out));
  }
  const packet = frame({ proto: 132 });
  const view = new DataView(packet.buffer);
  view.setUint32(42, crc32c(packet, 34, packet.length - 34), true);
  const padded = new Uint8Array(packet.length + 6);
  padded.set(packet);
  const out = after(padded, 0, set('sctp', [F.TP_DST, 4242, 0xffff]));
  const sum = new DataView(out.buffer).getUint32(42, true);
  out.fill(0, 42, 46);
  assert.equal(new DataView(out.buffer).getUint16(36), 4242);
  assert.equal(sum, crc32c(out, 34, packet.length - 34));
});

test('a later fragment keeps its bytes where a first one has ports', () => {
  const packet = frame();
  packet[20] = 0x20;
  packet[21] = 0x10;
  const out = after(packet, 0, set('udp', [F.TP_DST, 9, 0xffff]), set('ipv4', [F.NW_DST, 0x01020304]));
  assert.equal(hex(out.subarray(34)), hex(packet.subarray(34)));
  assert.equal(hex(out.subarray(30, 34)), '01020304');
});

test('labels of MPLS are set, under a tag', () => {
  const packet = after(frame({ tags: [[0x8100, 5]] }), 0, {
    kind: 'push_mpls',
    lse: 0x00064140,
    ethertype: 0x8847,
  });
  assert.equal(hex(packet.subarray(12, 22)), '81000005884700064140');
  const out = after(packet, 0, set('mpls', [F.MPLS_LSE0, 0x00000003, 0xff]));
  assert.equal(hex(out.subarray(18, 22)), '00064103');
});

test('Ethernet headers and NSH are pushed and popped', () => {
  const packet = frame();
  const bare = after(packet, 0, { kind: 'pop_eth' });
  assert.equal(hex(bare), hex(packet.subarray(14)));
  const again = after(bare, 0x10800, { kind: 'push_eth', dst: 0x020000000002n, src: 0x020000000001n });
  assert.equal(hex(again), hex(packet));
  const header = bytes('0fc6010100012301 00000001000000020000000300000004');
  const wrapped = after(packet, 0, { kind: 'push_nsh', header });
  assert.equal(hex(wrapped.subarray(0, 8)), '0fc6010300012301');
  assert.equal(hex(after(wrapped, 0x1894f, { kind: 'pop_nsh' })), hex(packet));
});

test('the TTL is decremented, and what follows is not for packets without any left', () => {
  const actions = [{ kind: 'dec_ttl', actions: [] } as const, set('eth', [F.DL_DST, 0xabcd, 0xffff])];
  for (const version of [4, 6] as const) {
    const out = after(frame({ version, ttl: 9 }), 0, ...actions);
    assert.equal(out[version === 4 ? 22 : 21], 8);
    assert.equal(hex(out.subarray(0, 2)), 'abcd');
    assert.ok(sumsAreRight(out));
    assert.equal(hex(after(frame({ version, ttl: 1 }), 0, ...actions)), hex(frame({ version, ttl: 1 })));
  }
});

test('actions that the datapath does not have are refused', () => {
  const unknown: OdpAction = { kind: 'psample', group: 1, cookie: new Uint8Array(0) };
  assert.throws(() => compile([unknown]), /no action psample/);
  assert.throws(() => compile([{ kind: 'clone', actions: [set('nsh', [F.NSH_TTL, 1])] }]), /cannot set nsh/);
});
