/**
 * The fixed match of OpenFlow 1.1 (88 bytes), and the choice between it and OXM that 1.1+ messages make.
 *
 * Masks are inverted on the wire: a one means that the bit does not count.
 * C counterpart: ofputil_match_from_ofp11_match and ofputil_pull_ofp11_match of lib/ofp-match.c.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { FIELD, isMplsEthertype, matchDefaultPacketType, matchFieldU32 } from '../fields.ts';
import { catchAllMatch, F, type Match, VLAN_CFI, VLAN_PCP_MASK, VLAN_VID_MASK } from '../layout.ts';
import { portFromOf11 } from '../ports.ts';
import { MatchError } from './error.ts';
import { type DecodeMatchOptions, decodeOxmMatch, encodeOxmMatch, OFPMT_OXM, OFPMT_STANDARD } from './nxm.ts';
import type { MatchPool } from './pool.ts';

export const OF11_MATCH_BYTES = 88;

const W = {
  IN_PORT: 1 << 0,
  DL_VLAN: 1 << 1,
  DL_VLAN_PCP: 1 << 2,
  DL_TYPE: 1 << 3,
  NW_TOS: 1 << 4,
  NW_PROTO: 1 << 5,
  TP_SRC: 1 << 6,
  TP_DST: 1 << 7,
  MPLS_LABEL: 1 << 8,
  MPLS_TC: 1 << 9,
} as const;

const VID_ANY = 0xfffe;
const VID_NONE = 0xffff;

function decodeStandard(r: ByteReader, pool: MatchPool | undefined): Match {
  const match = pool?.next() ?? catchAllMatch();
  const { flow, mask } = match;
  r.skip(4);
  const inPort = r.u32();
  const w = r.u32();
  const has = (bit: number): boolean => (w & bit) === 0;
  if (has(W.IN_PORT)) {
    if (portFromOf11(inPort) === undefined) throw new MatchError('OFPBMC_BAD_VALUE');
    mask[F.IN_PORT] = 0xffffffff;
    flow[F.IN_PORT] = inPort;
  }
  for (const word of [F.DL_SRC, F.DL_DST]) {
    const high = r.u16();
    const low = r.u32();
    mask[word] = ~r.u16() & 0xffff;
    mask[word + 1] = ~r.u32();
    flow[word] = high & mask[word]!;
    flow[word + 1] = low & mask[word + 1]!;
    if (mask[word]! | mask[word + 1]!) matchDefaultPacketType(match);
  }
  const vlan = r.u16();
  const pcp = r.u8();
  r.skip(1);
  if (has(W.DL_VLAN)) decodeVlan(match, vlan, has(W.DL_VLAN_PCP) ? pcp : undefined);
  const type = r.u16();
  if (has(W.DL_TYPE)) {
    matchFieldU32(match, FIELD.eth_type, type);
    matchDefaultPacketType(match);
  }
  decodeNetwork(r, match, has);
  return match;
}

function decodeVlan(match: Match, vlan: number, pcp: number | undefined): void {
  const { flow, mask } = match;
  matchDefaultPacketType(match);
  if (vlan === VID_NONE) {
    mask[F.VLAN_TCI0] = 0xffff;
    return;
  }
  if (vlan === VID_ANY) {
    flow[F.VLAN_TCI0] = VLAN_CFI;
    mask[F.VLAN_TCI0] = VLAN_CFI;
  } else if (vlan < 4096) {
    flow[F.VLAN_TCI0] = VLAN_CFI | vlan;
    mask[F.VLAN_TCI0] = VLAN_CFI | VLAN_VID_MASK;
  } else throw new MatchError('OFPBMC_BAD_VALUE');
  if (pcp === undefined) return;
  if (pcp > 7) throw new MatchError('OFPBMC_BAD_VALUE');
  flow[F.VLAN_TCI0] = flow[F.VLAN_TCI0]! | (pcp << 13);
  mask[F.VLAN_TCI0] = mask[F.VLAN_TCI0]! | VLAN_PCP_MASK;
}

function decodeNetwork(r: ByteReader, match: Match, has: (bit: number) => boolean): void {
  const { flow, mask } = match;
  const type = flow[F.DL_TYPE]!;
  const ipv4 = type === 0x0800;
  const tos = r.u8();
  if (ipv4 && has(W.NW_TOS)) {
    if (tos & 3) throw new MatchError('OFPBMC_BAD_VALUE');
    matchFieldU32(match, FIELD.nw_tos, tos);
  }
  const proto = r.u8();
  const addresses = ipv4 || type === 0x0806 || type === 0x8035;
  if (addresses && has(W.NW_PROTO)) matchFieldU32(match, FIELD.nw_proto, proto);
  for (const word of [F.NW_SRC, F.NW_DST]) {
    const address = r.u32();
    const bits = ~r.u32();
    if (!addresses) continue;
    mask[word] = bits;
    flow[word] = address & bits;
  }
  const tpSrc = r.u16();
  const tpDst = r.u16();
  if (ipv4) decodePorts(match, has(W.TP_SRC) ? tpSrc : undefined, has(W.TP_DST) ? tpDst : undefined);
  const label = r.u32();
  const tc = r.u8();
  r.skip(3);
  if (isMplsEthertype(type)) {
    if (has(W.MPLS_LABEL)) matchFieldU32(match, FIELD.mpls_label, label);
    if (has(W.MPLS_TC)) matchFieldU32(match, FIELD.mpls_tc, tc);
  }
  const metadata = [r.u32(), r.u32()];
  for (let i = 0; i < 2; i++) {
    const bits = ~r.u32();
    mask[F.METADATA + i] = bits;
    flow[F.METADATA + i] = metadata[i]! & bits;
  }
}

function decodePorts(match: Match, src: number | undefined, dst: number | undefined): void {
  const proto = match.flow[F.NW_PROTO];
  if (proto === 1) {
    // ICMP types and codes are bytes, in fields of two.
    if ((src ?? 0) > 0xff || (dst ?? 0) > 0xff) throw new MatchError('OFPBMC_BAD_FIELD');
  } else if (proto !== 6 && proto !== 17 && proto !== 132) return;
  if (src !== undefined) matchFieldU32(match, FIELD.tcp_src, src);
  if (dst !== undefined) matchFieldU32(match, FIELD.tcp_dst, dst);
}

function encodeStandard(out: ByteWriter, match: Match): void {
  const { flow, mask } = match;
  let w = 0;
  const pick = (matched: number, bit: number, value: number): number => {
    if (matched !== 0) return value;
    w |= bit;
    return 0;
  };
  const tci = flow[F.VLAN_TCI0]!;
  const tciMask = mask[F.VLAN_TCI0]!;
  let vlan = 0;
  let pcp = 0;
  if (tciMask === 0) w |= W.DL_VLAN | W.DL_VLAN_PCP;
  else if (tciMask & VLAN_CFI && !(tci & VLAN_CFI)) {
    vlan = VID_NONE;
    w |= W.DL_VLAN_PCP;
  } else {
    vlan = tciMask & VLAN_VID_MASK ? tci & VLAN_VID_MASK : VID_ANY;
    pcp = pick(tciMask & VLAN_PCP_MASK, W.DL_VLAN_PCP, tci >>> 13);
  }
  const lse = flow[F.MPLS_LSE0]!;
  const lseMask = mask[F.MPLS_LSE0]!;
  const inPort = pick(mask[F.IN_PORT]!, W.IN_PORT, flow[F.IN_PORT]!);
  const type = pick(mask[F.DL_TYPE]!, W.DL_TYPE, flow[F.DL_TYPE]!);
  const tos = pick(mask[F.NW_TOS]! & 0xfc, W.NW_TOS, flow[F.NW_TOS]! & 0xfc);
  const proto = pick(mask[F.NW_PROTO]!, W.NW_PROTO, flow[F.NW_PROTO]!);
  const tpSrc = pick(mask[F.TP_SRC]!, W.TP_SRC, flow[F.TP_SRC]!);
  const tpDst = pick(mask[F.TP_DST]!, W.TP_DST, flow[F.TP_DST]!);
  const label = pick(lseMask & 0xfffff000, W.MPLS_LABEL, lse >>> 12);
  const tc = pick(lseMask & 0xe00, W.MPLS_TC, (lse >>> 9) & 7);
  out.u16(OFPMT_STANDARD).u16(OF11_MATCH_BYTES).u32(inPort).u32(w);
  for (const word of [F.DL_SRC, F.DL_DST]) {
    out.u16(flow[word]!).u32(flow[word + 1]!);
    out.u16(~mask[word]! & 0xffff).u32(~mask[word + 1]! >>> 0);
  }
  out.u16(vlan).u8(pcp).u8(0).u16(type).u8(tos).u8(proto);
  out.u32(flow[F.NW_SRC]!).u32(~mask[F.NW_SRC]! >>> 0);
  out.u32(flow[F.NW_DST]!).u32(~mask[F.NW_DST]! >>> 0);
  out.u16(tpSrc).u16(tpDst).u32(label).u8(tc).zero(3);
  out.u32(flow[F.METADATA]!).u32(flow[F.METADATA + 1]!);
  out.u32(~mask[F.METADATA]! >>> 0).u32(~mask[F.METADATA + 1]! >>> 0);
}

/** Reads the fixed match, whatever type and length it says it has. @throws MatchError */
export const decodeStandardMatch = (r: ByteReader): Match => decodeStandard(r, undefined);

/** Reads the match of an OpenFlow 1.1+ message, whichever type it has. @throws MatchError */
export function decodeOf11Match(r: ByteReader, options: DecodeMatchOptions = {}): Match {
  if (r.left < 4) throw new MatchError('OFPBMC_BAD_LEN');
  switch (r.peekU16(0)) {
    case OFPMT_STANDARD:
      if (r.peekU16(2) !== OF11_MATCH_BYTES || r.left < OF11_MATCH_BYTES)
        throw new MatchError('OFPBMC_BAD_LEN');
      return decodeStandard(r, options.pool);
    case OFPMT_OXM:
      return decodeOxmMatch(r, options);
    default:
      throw new MatchError('OFPBMC_BAD_TYPE');
  }
}

/**
 * Writes a match as the OpenFlow version has it: standard for 1.1, OXM from 1.2 on.
 * @param version wire version, 2 or more
 * @returns its length without padding
 */
export function encodeOf11Match(out: ByteWriter, match: Match, version: number): number {
  if (version > 2) return encodeOxmMatch(out, match, version);
  encodeStandard(out, match);
  return OF11_MATCH_BYTES;
}
