import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { F, newFlow } from '../../flow/layout.ts';
import { HeapArena } from '../arena.ts';
import { flowToKey, K, KEY_STRIDE, KEY_WIDE, KEY_WORDS, keyToFlow } from './key.ts';
import { parseAny, parsePlain } from './parse.ts';
import { frame } from './testing.ts';

/** Bits of each flow word that a datapath key holds. */
const WIDTHS = new Map<number, number>();
for (const word of [
  F.IN_PORT,
  F.RECIRC_ID,
  F.NW_SRC,
  F.NW_DST,
  F.DP_HASH,
  F.CT_MARK,
  F.SKB_PRIORITY,
  F.PKT_MARK,
])
  WIDTHS.set(word, 32);
for (const word of [
  F.DL_DST,
  F.DL_SRC,
  F.DL_TYPE,
  F.VLAN_TPID0,
  F.VLAN_TCI0,
  F.VLAN_TPID1,
  F.VLAN_TCI1,
  F.TP_SRC,
])
  WIDTHS.set(word, 16);
for (const word of [F.TP_DST, F.TCP_FLAGS, F.CT_STATE, F.CT_ZONE]) WIDTHS.set(word, 16);
for (const word of [F.NW_PROTO, F.NW_TOS, F.NW_TTL, F.NW_FRAG]) WIDTHS.set(word, 8);
for (const word of [F.DL_DST + 1, F.DL_SRC + 1, F.IPV6_LABEL, F.IPV6_SRC + 2, F.IPV6_DST + 3, F.CT_LABEL + 1])
  WIDTHS.set(word, 32);
for (const word of [
  F.TUN_ID + 1,
  F.TUN_METADATA + 63,
  F.ND_TARGET + 3,
  F.ARP_THA + 1,
  F.NSH_C1 + 3,
  F.MPLS_LSE0 + 2,
])
  WIDTHS.set(word, 32);

test('a flow survives the way to a compact key and back', () => {
  const words = [...WIDTHS.keys()];
  const change = fc.record({ word: fc.constantFrom(...words), value: fc.nat(0xffff_ffff) });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const flow = newFlow();
      for (const { word, value } of changes) {
        const width = WIDTHS.get(word)!;
        flow[word] = width === 32 ? value : value & ((1 << width) - 1);
      }
      const key = new Int32Array(KEY_STRIDE);
      const live = flowToKey(flow, key, 0);
      assert.deepEqual(keyToFlow(key, 0, live, newFlow()), flow);
    }),
    { numRuns: 300 },
  );
});

test('the fast parser agrees with the general one on every packet that it takes', () => {
  const arena = new HeapArena();
  const offset = arena.receiveBuffers[0]!;
  const options = fc.record({
    version: fc.constantFrom(4 as const, 6 as const),
    proto: fc.constantFrom(1, 2, 6, 17, 47, 58, 132),
    payload: fc.nat(40),
    tags: fc.array(fc.tuple(fc.constantFrom(0x8100, 0x88a8), fc.nat(0xffff)), { maxLength: 2 }),
    source: fc.nat(0xffff),
    destination: fc.nat(0xffff),
    tos: fc.nat(255),
    ttl: fc.nat(255),
  });
  const damage = fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 3 });
  let plain = 0;
  fc.assert(
    fc.property(options, damage, fc.nat(100), (how, changes, cut) => {
      const packet = frame(how);
      for (const [at, value] of changes) if (at < packet.length) packet[at] = value;
      const length = Math.max(14, packet.length - (cut < 30 ? cut : 0));
      arena.u8.fill(0xee, offset - 16, offset + 256);
      arena.u8.set(packet.subarray(0, length), offset);
      const fast = new Int32Array(KEY_STRIDE);
      const live = parsePlain(arena.u16, arena.i32, offset, length, fast, 0);
      if (live === 0) return;
      plain++;
      const slow = new Int32Array(KEY_STRIDE);
      slow[K.IN_PORT] = 5;
      fast[K.IN_PORT] = 5;
      assert.ok(parseAny(arena, offset, length, slow, 0, KEY_WIDE, 2) <= live);
      assert.deepEqual(fast, slow);
    }),
    { numRuns: 3000 },
  );
  assert.ok(plain > 200, `only ${plain} packets were plain`);
});

test('the key layout has no overlap and fits its stride', () => {
  assert.ok(KEY_WORDS <= KEY_STRIDE);
  const mask = newFlow().fill(0xffff_ffff);
  const key = new Int32Array(KEY_STRIDE);
  assert.equal(flowToKey(mask, key, 0), KEY_WORDS);
  for (let word = 0; word < KEY_WIDE - 1; word++) assert.equal(key[word], -1, `word ${word}`);
});
