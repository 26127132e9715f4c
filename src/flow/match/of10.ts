/**
 * The fixed match of OpenFlow 1.0: 40 bytes, wildcards for whole fields and prefixes for IP addresses.
 *
 * C counterpart: ofputil_match_from_ofp10_match of lib/ofp-match.c.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { FIELD, matchDefaultPacketType, matchFieldU32, portFromOf10, portToOf10 } from '../fields.ts';
import { catchAllMatch, F, type Match, VLAN_CFI, VLAN_PCP_MASK, VLAN_VID_MASK } from '../layout.ts';
import { ipv4PrefixMask } from '../text.ts';
import type { MatchPool } from './pool.ts';

export const OF10_MATCH_BYTES = 40;

/** Wildcard bits. */
export const OFPFW10 = {
  IN_PORT: 1 << 0,
  DL_VLAN: 1 << 1,
  DL_SRC: 1 << 2,
  DL_DST: 1 << 3,
  DL_TYPE: 1 << 4,
  NW_PROTO: 1 << 5,
  TP_SRC: 1 << 6,
  TP_DST: 1 << 7,
  NW_SRC_SHIFT: 8,
  NW_DST_SHIFT: 14,
  DL_VLAN_PCP: 1 << 20,
  NW_TOS: 1 << 21,
  ALL: (1 << 22) - 1,
} as const;

const VLAN_NONE = 0xffff;

/** Mask of an address from its 6 wildcard bits: how many low bits do not count. */
const maskFromBits = (bits: number): number => ipv4PrefixMask(32 - Math.min(bits & 63, 32));

/** Wildcard bits of an address mask. One that is not a prefix loses everything after its first zero. */
const bitsFromMask = (mask: number): number => 32 - Math.clz32(~mask);

/** Reads a match, into one of the pool if there is a pool. It cannot fail. */
export function decodeOf10Match(r: ByteReader, pool?: MatchPool): Match {
  const match = pool?.next() ?? catchAllMatch();
  const w = r.u32() & OFPFW10.ALL;
  const has = (bit: number): boolean => (w & bit) === 0;
  const inPort = r.u16();
  if (has(OFPFW10.IN_PORT)) {
    match.mask[F.IN_PORT] = 0xffffffff;
    match.flow[F.IN_PORT] = portFromOf10(inPort);
  }
  decodeMac(r, match, F.DL_SRC, has(OFPFW10.DL_SRC));
  decodeMac(r, match, F.DL_DST, has(OFPFW10.DL_DST));
  const vlan = r.u16();
  const pcp = r.u8();
  r.skip(1);
  decodeVlan(match, w, vlan, pcp);
  const type = r.u16();
  if (has(OFPFW10.DL_TYPE)) matchFieldU32(match, FIELD.eth_type, type);
  const tos = r.u8();
  if (has(OFPFW10.NW_TOS)) matchFieldU32(match, FIELD.nw_tos, tos);
  const proto = r.u8();
  if (has(OFPFW10.NW_PROTO)) matchFieldU32(match, FIELD.nw_proto, proto);
  r.skip(2);
  const srcMask = maskFromBits(w >>> OFPFW10.NW_SRC_SHIFT);
  const dstMask = maskFromBits(w >>> OFPFW10.NW_DST_SHIFT);
  match.mask[F.NW_SRC] = srcMask;
  match.flow[F.NW_SRC] = r.u32() & srcMask;
  match.mask[F.NW_DST] = dstMask;
  match.flow[F.NW_DST] = r.u32() & dstMask;
  const tpSrc = r.u16();
  const tpDst = r.u16();
  if (has(OFPFW10.TP_SRC)) matchFieldU32(match, FIELD.tcp_src, tpSrc);
  if (has(OFPFW10.TP_DST)) matchFieldU32(match, FIELD.tcp_dst, tpDst);
  const data = OFPFW10.ALL & ~(OFPFW10.IN_PORT | (63 << OFPFW10.NW_SRC_SHIFT) | (63 << OFPFW10.NW_DST_SHIFT));
  if ((w & data) !== data || srcMask !== 0 || dstMask !== 0) matchDefaultPacketType(match);
  return match;
}

function decodeMac(r: ByteReader, { flow, mask }: Match, word: number, matched: boolean): void {
  const high = r.u16();
  const low = r.u32();
  if (!matched) return;
  flow[word] = high;
  flow[word + 1] = low;
  mask[word] = 0xffff;
  mask[word + 1] = 0xffffffff;
}

function decodeVlan(match: Match, w: number, vlan: number, pcp: number): void {
  const mask =
    (w & OFPFW10.DL_VLAN_PCP ? 0 : VLAN_PCP_MASK | VLAN_CFI) |
    (w & OFPFW10.DL_VLAN ? 0 : VLAN_VID_MASK | VLAN_CFI);
  if ((w & OFPFW10.DL_VLAN) === 0 && vlan === VLAN_NONE) {
    match.mask[F.VLAN_TCI0] = 0xffff;
  } else {
    match.mask[F.VLAN_TCI0] = mask;
    match.flow[F.VLAN_TCI0] = ((vlan & VLAN_VID_MASK) | ((pcp << 13) & VLAN_PCP_MASK) | VLAN_CFI) & mask;
  }
}

/** Writes a match; what OpenFlow 1.0 cannot say is left out. */
export function encodeOf10Match(out: ByteWriter, match: Match): void {
  const { flow, mask } = match;
  let w = 0;
  const wildUnless = (matched: number, bit: number): void => {
    if (matched === 0) w |= bit;
  };
  wildUnless(mask[F.IN_PORT]!, OFPFW10.IN_PORT);
  wildUnless(mask[F.DL_TYPE]!, OFPFW10.DL_TYPE);
  wildUnless(mask[F.NW_PROTO]!, OFPFW10.NW_PROTO);
  w |= bitsFromMask(mask[F.NW_SRC]!) << OFPFW10.NW_SRC_SHIFT;
  w |= bitsFromMask(mask[F.NW_DST]!) << OFPFW10.NW_DST_SHIFT;
  wildUnless(mask[F.NW_TOS]! & 0xfc, OFPFW10.NW_TOS);
  wildUnless(mask[F.TP_SRC]!, OFPFW10.TP_SRC);
  wildUnless(mask[F.TP_DST]!, OFPFW10.TP_DST);
  wildUnless(mask[F.DL_SRC]! | mask[F.DL_SRC + 1]!, OFPFW10.DL_SRC);
  wildUnless(mask[F.DL_DST]! | mask[F.DL_DST + 1]!, OFPFW10.DL_DST);
  const tci = flow[F.VLAN_TCI0]!;
  const tciMask = mask[F.VLAN_TCI0]!;
  let vlan = 0;
  let pcp = 0;
  if (tciMask === 0) w |= OFPFW10.DL_VLAN | OFPFW10.DL_VLAN_PCP;
  else if (tciMask & VLAN_CFI && !(tci & VLAN_CFI)) vlan = VLAN_NONE;
  else {
    if (tciMask & VLAN_VID_MASK) vlan = tci & VLAN_VID_MASK;
    else w |= OFPFW10.DL_VLAN;
    if (tciMask & VLAN_PCP_MASK) pcp = tci >>> 13;
    else w |= OFPFW10.DL_VLAN_PCP;
  }
  out.u32(w).u16(portToOf10(flow[F.IN_PORT]!));
  out
    .u16(flow[F.DL_SRC]!)
    .u32(flow[F.DL_SRC + 1]!)
    .u16(flow[F.DL_DST]!)
    .u32(flow[F.DL_DST + 1]!);
  out.u16(vlan).u8(pcp).u8(0).u16(flow[F.DL_TYPE]!);
  out
    .u8(flow[F.NW_TOS]! & 0xfc)
    .u8(flow[F.NW_PROTO]!)
    .u16(0);
  out.u32(flow[F.NW_SRC]!).u32(flow[F.NW_DST]!).u16(flow[F.TP_SRC]!).u16(flow[F.TP_DST]!);
}
