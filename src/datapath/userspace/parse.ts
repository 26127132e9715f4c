/**
 * From a packet in the arena to its compact key.
 *
 * {@link parsePlain} handles what nearly all packets are: IPv4 with TCP, UDP, SCTP or ICMP, and IPv6 with TCP, UDP or
 * ICMPv6 without extension headers, under at most one VLAN tag. It reads 32-bit words where the packet is aligned so
 * that they may be read (2 modulo 4), converts nothing, and is one function without calls so that V8 keeps its
 * arrays' bases and bounds in registers. Everything else, and everything odd, goes through {@link extractFlow},
 * whose rules are the only ones: the fast path takes a packet only when it can tell that both would agree.
 */
import { extractFlow, newLayers } from '../../flow/extract.ts';
import { F, type Flow, newFlow } from '../../flow/layout.ts';
import type { PacketArena } from '../netdev-provider.ts';
import { flowToKey, K, KEY_PLAIN, KEY_WIDE, keyToFlow } from './key.ts';

/** Ethertypes as they read in a packet. */
const RAW_IPV4 = 0x0008;
const RAW_IPV6 = 0xdd86;
const RAW_VLAN = 0x0081;
/** VLAN_CFI in a TCI as it reads in a packet. */
const RAW_CFI = 0x0010;

/**
 * Fills the header words of the key at `keys[ko...]` from the packet at byte `p`. Words of metadata are the caller's.
 * @returns live words of the headers, or 0 if the packet is not plain
 */
export function parsePlain(
  u16: Uint16Array,
  i32: Int32Array,
  p: number,
  length: number,
  keys: Int32Array,
  ko: number,
): number {
  if (length < 34 || (p & 3) !== 2) return 0;
  const h = p >> 1;
  const w = (p + 2) >> 2;
  let type = u16[h + 6]!;
  let q = (p + 14) >> 2;
  let left = length - 14;
  let tci = 0;
  let tpid = 0;
  if (type === RAW_VLAN) {
    tpid = RAW_VLAN << 16;
    tci = u16[h + 7]! | RAW_CFI;
    type = u16[h + 8]!;
    q++;
    left -= 4;
  }
  if (type === RAW_IPV4) {
    const w0 = i32[q]!;
    const headerWords = w0 & 15;
    const total = ((w0 >>> 8) & 0xff00) | (w0 >>> 24);
    if ((w0 & 0xf0) !== 0x40 || headerWords < 5 || total > left || total < headerWords << 2) return 0;
    const fragment = i32[q + 1]! >>> 16;
    const w2 = i32[q + 2]!;
    const proto = (w2 >>> 8) & 0xff;
    const l4 = q + headerWords;
    const size = total - (headerWords << 2);
    let frag = 0;
    let tp = 0;
    let flags = 0;
    if ((fragment & 0xff3f) !== 0) frag = (fragment & 0xff1f) !== 0 ? 3 : 1;
    if (frag !== 3) {
      if (proto === 6) {
        if (size < 20) return 0;
        const control = i32[l4 + 3]!;
        const offset = (control >>> 2) & 0x3c;
        if (offset < 20 || offset > size) return 0;
        tp = i32[l4]!;
        flags = control & 0xff0f;
      } else if (proto === 17) {
        if (size < 8) return 0;
        tp = i32[l4]!;
      } else if (proto === 1) {
        if (size < 8) return 0;
        const word = i32[l4]!;
        tp = ((word & 0xff) << 8) | ((word & 0xff00) << 16);
      } else if (proto === 132) {
        if (size < 12) return 0;
        tp = i32[l4]!;
      } else if (proto === 2 || proto === 58) {
        return 0;
      }
    }
    keys[ko + K.DL_DST_LOW] = i32[w]!;
    keys[ko + K.DL_SRC_HIGH] = i32[w + 1]!;
    keys[ko + K.DL_REST] = u16[h]! | (u16[h + 5]! << 16);
    keys[ko + K.TYPE_TCI] = RAW_IPV4 | (tci << 16);
    keys[ko + K.NW_SRC] = i32[q + 3]!;
    keys[ko + K.NW_DST] = i32[q + 4]!;
    keys[ko + K.NW] = proto | (w0 & 0xff00) | ((w2 & 0xff) << 16) | (frag << 24);
    keys[ko + K.TP] = tp;
    keys[ko + K.FLAGS_TPID] = flags | tpid;
    keys[ko + K.INNER_VLAN] = 0;
    return KEY_PLAIN;
  }
  if (type !== RAW_IPV6 || left < 48) return 0;
  const w1 = i32[q + 1]!;
  const size = ((w1 & 0xff) << 8) | ((w1 >>> 8) & 0xff);
  if (size + 40 > left || size < 8) return 0;
  const proto = (w1 >>> 16) & 0xff;
  const l4 = q + 10;
  let tp = i32[l4]!;
  let flags = 0;
  if (proto === 6) {
    if (size < 20) return 0;
    const control = i32[l4 + 3]!;
    const offset = (control >>> 2) & 0x3c;
    if (offset < 20 || offset > size) return 0;
    flags = control & 0xff0f;
  } else if (proto === 58) {
    const kind = tp & 0xff;
    if (kind === 135 || kind === 136) return 0;
    tp = (kind << 8) | ((tp & 0xff00) << 16);
  } else if (proto !== 17) {
    return 0;
  }
  keys[ko + K.DL_DST_LOW] = i32[w]!;
  keys[ko + K.DL_SRC_HIGH] = i32[w + 1]!;
  keys[ko + K.DL_REST] = u16[h]! | (u16[h + 5]! << 16);
  keys[ko + K.TYPE_TCI] = RAW_IPV6 | (tci << 16);
  keys[ko + K.NW_SRC] = 0;
  keys[ko + K.NW_DST] = 0;
  const w0 = i32[q]!;
  // Class of bits 20 to 27 and label of bits 0 to 19, counted from the last byte.
  const tos = ((w0 & 0x0f) << 4) | ((w0 >>> 12) & 0x0f);
  keys[ko + K.NW] = proto | (tos << 8) | ((w1 >>> 24) << 16);
  keys[ko + K.TP] = tp;
  keys[ko + K.FLAGS_TPID] = flags | tpid;
  keys[ko + K.INNER_VLAN] = 0;
  for (let i = 0; i < 8; i++) keys[ko + K.IPV6_SRC + i] = i32[q + 2 + i]!;
  keys[ko + K.IPV6_LABEL] = ((w0 & 0x0f00) << 8) | ((w0 >>> 8) & 0xff00) | (w0 >>> 24);
  return KEY_WIDE;
}

const layers = newLayers();
const scratch: Flow = newFlow();

/**
 * Parses any packet. Metadata words of the key must be set; `live` says how many words of it are.
 * @returns live words
 */
export function parseAny(
  arena: PacketArena,
  p: number,
  length: number,
  keys: Int32Array,
  ko: number,
  live: number,
  vlanLimit: number,
): number {
  keyToFlow(keys, ko, live, scratch);
  scratch.fill(0, F.DL_DST);
  extractFlow(arena.u8, scratch, layers, p, p + length, vlanLimit);
  return flowToKey(scratch, keys, ko);
}
