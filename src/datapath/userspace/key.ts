/**
 * The compact flow key of the userspace datapath, and its conversion from and to a full {@link Flow}.
 *
 * A packet's key is a row of {@link KEY_STRIDE} words, ordered by how likely a packet needs them, so that hot code
 * touches only a prefix:
 *
 * - the first {@link KEY_PLAIN} words say all about an IPv4 packet with up to two VLAN tags. Header fields stand as
 *   they do in the packet (network order read as little-endian), so filling them takes no byte swaps;
 * - up to {@link KEY_WIDE}: IPv6, and the metadata of recirculated packets (dp_hash, conntrack, marks);
 * - up to {@link KEY_WORDS}: everything else that a flow key has, a word for a word.
 *
 * A row is `live` words long; the words beyond are zero. Values and masks convert alike, since every conversion only
 * moves bits. The table below is the single description of the layout.
 */
import { F, type Flow } from '../../flow/layout.ts';

/** Words of a key. */
export const K = {
  IN_PORT: 0,
  RECIRC_ID: 1,
  /** Bytes 2 to 5 of the destination MAC, bytes 0 to 3 of the source, then the four that are left. */
  DL_DST_LOW: 2,
  DL_SRC_HIGH: 3,
  DL_REST: 4,
  /** Ethertype | outer TCI << 16. */
  TYPE_TCI: 5,
  NW_SRC: 6,
  NW_DST: 7,
  /** Protocol | ToS << 8 | TTL << 16 | fragment bits << 24. */
  NW: 8,
  /** Source port | destination port << 16. */
  TP: 9,
  /** TCP flags | outer TPID << 16. */
  FLAGS_TPID: 10,
  /** Inner TCI | inner TPID << 16. */
  INNER_VLAN: 11,
  IPV6_SRC: 12,
  IPV6_DST: 16,
  IPV6_LABEL: 20,
  DP_HASH: 21,
  /** ct_state | ct_zone << 16. */
  CT: 22,
  CT_MARK: 23,
  CT_LABEL: 24,
  SKB_PRIORITY: 28,
  PKT_MARK: 29,
  PACKET_TYPE: 30,
} as const;

export const KEY_PLAIN = 12;
export const KEY_WIDE = 32;

type Order = 'host' | 'network';
/** Bits [flowShift, flowShift + bits) of flow word `flow` are bits [shift, shift + bits) of key word `key`. */
type Part = readonly [
  flow: number,
  flowShift: number,
  bits: number,
  key: number,
  shift: number,
  order: Order,
];

const PARTS: readonly Part[] = [
  [F.IN_PORT, 0, 32, K.IN_PORT, 0, 'host'],
  [F.RECIRC_ID, 0, 32, K.RECIRC_ID, 0, 'host'],
  [F.DL_DST + 1, 0, 32, K.DL_DST_LOW, 0, 'network'],
  [F.DL_DST, 0, 16, K.DL_REST, 0, 'network'],
  [F.DL_SRC, 0, 16, K.DL_SRC_HIGH, 0, 'network'],
  [F.DL_SRC + 1, 16, 16, K.DL_SRC_HIGH, 16, 'network'],
  [F.DL_SRC + 1, 0, 16, K.DL_REST, 16, 'network'],
  [F.DL_TYPE, 0, 16, K.TYPE_TCI, 0, 'network'],
  [F.VLAN_TCI0, 0, 16, K.TYPE_TCI, 16, 'network'],
  [F.NW_SRC, 0, 32, K.NW_SRC, 0, 'network'],
  [F.NW_DST, 0, 32, K.NW_DST, 0, 'network'],
  [F.NW_PROTO, 0, 8, K.NW, 0, 'host'],
  [F.NW_TOS, 0, 8, K.NW, 8, 'host'],
  [F.NW_TTL, 0, 8, K.NW, 16, 'host'],
  [F.NW_FRAG, 0, 8, K.NW, 24, 'host'],
  [F.TP_SRC, 0, 16, K.TP, 0, 'network'],
  [F.TP_DST, 0, 16, K.TP, 16, 'network'],
  [F.TCP_FLAGS, 0, 16, K.FLAGS_TPID, 0, 'network'],
  [F.VLAN_TPID0, 0, 16, K.FLAGS_TPID, 16, 'network'],
  [F.VLAN_TCI1, 0, 16, K.INNER_VLAN, 0, 'network'],
  [F.VLAN_TPID1, 0, 16, K.INNER_VLAN, 16, 'network'],
  ...[0, 1, 2, 3].map((i): Part => [F.IPV6_SRC + i, 0, 32, K.IPV6_SRC + i, 0, 'network']),
  ...[0, 1, 2, 3].map((i): Part => [F.IPV6_DST + i, 0, 32, K.IPV6_DST + i, 0, 'network']),
  [F.IPV6_LABEL, 0, 32, K.IPV6_LABEL, 0, 'host'],
  [F.DP_HASH, 0, 32, K.DP_HASH, 0, 'host'],
  [F.CT_STATE, 0, 16, K.CT, 0, 'host'],
  [F.CT_ZONE, 0, 16, K.CT, 16, 'host'],
  [F.CT_MARK, 0, 32, K.CT_MARK, 0, 'host'],
  ...[0, 1, 2, 3].map((i): Part => [F.CT_LABEL + i, 0, 32, K.CT_LABEL + i, 0, 'host']),
  [F.SKB_PRIORITY, 0, 32, K.SKB_PRIORITY, 0, 'host'],
  [F.PKT_MARK, 0, 32, K.PKT_MARK, 0, 'host'],
  [F.PACKET_TYPE, 0, 32, K.PACKET_TYPE, 0, 'host'],
];

/** Runs of flow words that stand in the key as they are, from word {@link KEY_WIDE} on: first word and count. */
const RUNS: readonly (readonly [flow: number, count: number])[] = [
  [F.CT_NW_SRC, 2],
  [F.CT_IPV6_SRC, 8],
  [F.CT_NW_PROTO, 3],
  [F.MPLS_LSE0, 3],
  [F.ND_TARGET, 4],
  [F.ARP_SHA, 4],
  [F.IGMP_GROUP_IP4, 3],
  [F.NSH_FLAGS, 10],
  [F.TUN_ID, F.TUN_METADATA + 64 - F.TUN_ID],
];

/** Where, beyond {@link KEY_WIDE}, conntrack's original tuple ends and the rarer header fields do. */
export const KEY_CT_TUPLE_END = KEY_WIDE + 13;
export const KEY_RARE_HEADERS_END = KEY_CT_TUPLE_END + 24;

/** Words of a whole key, and the distance of two keys in an array. */
export const KEY_WORDS = RUNS.reduce((words, [, count]) => words + count, KEY_WIDE);
export const KEY_STRIDE = (KEY_WORDS + 15) & ~15;

const columns = (part: (p: Part) => number): Int32Array => Int32Array.from(PARTS, part);
const flowWord = columns((p) => p[0]);
const flowShift = columns((p) => p[1]);
const bits = columns((p) => p[2]);
const keyWord = columns((p) => p[3]);
const keyShift = columns((p) => p[4]);
const swapped = columns((p) => (p[5] === 'network' ? 1 : 0));

/** Where each flow word of the runs stands in the key. */
const runWord = new Map<number, number>();
{
  let at = KEY_WIDE;
  for (const [flow, count] of RUNS) for (let i = 0; i < count; i++) runWord.set(flow + i, at++);
}

/** The key word that holds a flow word which is not packed with others. */
export function keyWordOf(flowWordIndex: number): number {
  const word = runWord.get(flowWordIndex) ?? PARTS.find((p) => p[0] === flowWordIndex && p[2] === 32)?.[3];
  if (word === undefined) throw new Error(`flow word ${flowWordIndex} has no key word of its own`);
  return word;
}

export const swap16 = (v: number): number => ((v & 0xff) << 8) | ((v >>> 8) & 0xff);
export const swap32 = (v: number): number =>
  (v << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24);

/** Writes a flow (values or mask) as the key at `key[at...]`; returns how many words are live. */
export function flowToKey(flow: Flow, key: Int32Array, at: number): number {
  key.fill(0, at, at + KEY_STRIDE);
  for (let i = 0; i < PARTS.length; i++) {
    let value = flow[flowWord[i]!]! >>> flowShift[i]!;
    if (value === 0) continue;
    const width = bits[i]!;
    if (width === 16) value = swapped[i] ? swap16(value & 0xffff) : value & 0xffff;
    else if (width === 8) value &= 0xff;
    else if (swapped[i]) value = swap32(value);
    key[at + keyWord[i]!]! |= value << keyShift[i]!;
  }
  let word = at + KEY_WIDE;
  let any = 0;
  for (const [first, count] of RUNS) {
    for (let i = 0; i < count; i++) any |= key[word++] = flow[first + i]!;
  }
  return any !== 0 ? KEY_WORDS : liveWords(key, at);
}

/** How many words of a key without any beyond {@link KEY_WIDE} are live. */
export function liveWords(key: Int32Array, at: number): number {
  for (let i = at + KEY_PLAIN; i < at + KEY_WIDE; i++) if (key[i] !== 0) return KEY_WIDE;
  return KEY_PLAIN;
}

/** The flow that the `live` words of a key at `key[at...]` stand for. */
export function keyToFlow(key: Int32Array, at: number, live: number, flow: Flow): Flow {
  flow.fill(0);
  for (let i = 0; i < PARTS.length; i++) {
    const word = keyWord[i]!;
    if (word >= live) continue;
    let value = key[at + word]! >>> keyShift[i]!;
    if (value === 0) continue;
    const width = bits[i]!;
    if (width === 16) value = swapped[i] ? swap16(value & 0xffff) : value & 0xffff;
    else if (width === 8) value &= 0xff;
    else if (swapped[i]) value = swap32(value);
    flow[flowWord[i]!]! |= value << flowShift[i]!;
  }
  if (live > KEY_WIDE) {
    let word = at + KEY_WIDE;
    for (const [first, count] of RUNS) for (let i = 0; i < count; i++) flow[first + i] = key[word++]!;
  }
  return flow;
}
