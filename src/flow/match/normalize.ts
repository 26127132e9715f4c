/**
 * Matches without what could never be matched: a TCP port of an ARP packet, say.
 *
 * OpenFlow 1.0 lets controllers send such fields and asks that they be ignored. C counterpart: ofputil_normalize_match.
 */
import { RateLimit, vlog } from '../../base/vlog.ts';
import { isMplsEthertype } from '../fields.ts';
import { F, type Match, usesWords } from '../layout.ts';
import { formatMatch } from './format.ts';

const log = vlog('ofp_match');
const limit = new RateLimit(1, 5);

/** Makes `flow` zero wherever the mask is. */
export function zeroWildcardedFields({ flow, mask }: Match): void {
  for (let i = 0; i < flow.length; i++) flow[i] = flow[i]! & mask[i]!;
}

// Groups of fields that packets have together, as bits: every flow mod comes by here.
const NW_ADDR = 1 << 0;
const TP = 1 << 1;
const NW_PROTO = 1 << 2;
const IPVX = 1 << 3;
const ARP_SHA = 1 << 4;
const ARP_THA = 1 << 5;
const IPV6 = 1 << 6;
const ND_TARGET = 1 << 7;
const MPLS = 1 << 8;
const ETHER = 1 << 9;

/** The words of each group. */
const GROUPS: readonly { readonly bit: number; readonly first: number; readonly end: number }[] = [
  { bit: NW_ADDR, first: F.NW_SRC, end: F.NW_SRC + 2 },
  { bit: TP, first: F.TP_SRC, end: F.TP_SRC + 2 },
  { bit: NW_PROTO, first: F.NW_PROTO, end: F.NW_PROTO + 1 },
  { bit: IPVX, first: F.NW_TOS, end: F.NW_TOS + 2 },
  { bit: ARP_SHA, first: F.ARP_SHA, end: F.ARP_SHA + 2 },
  { bit: ARP_THA, first: F.ARP_THA, end: F.ARP_THA + 2 },
  { bit: IPV6, first: F.IPV6_SRC, end: F.IPV6_SRC + 9 },
  { bit: ND_TARGET, first: F.ND_TARGET, end: F.ND_TARGET + 4 },
  { bit: MPLS, first: F.MPLS_LSE0, end: F.MPLS_LSE0 + 3 },
  { bit: ETHER, first: F.DL_DST, end: F.DL_DST + 4 },
];

/** The groups of fields that a packet which matches can have. */
function possible({ flow, mask }: Match): number {
  let may = 0;
  const packetType = flow[F.PACKET_TYPE]!;
  const typeMask = mask[F.PACKET_TYPE]!;
  let type = 0;
  if (typeMask === 0 || (typeMask === 0xffffffff && packetType === 0)) {
    may = ETHER;
    type = flow[F.DL_TYPE]!;
  } else if (typeMask === 0xffffffff && packetType >>> 16 === 1) {
    type = packetType & 0xffff;
  }
  const proto = flow[F.NW_PROTO];
  const ports = proto === 6 || proto === 17 || proto === 132;
  if (type === 0x0800) {
    may |= NW_PROTO | IPVX | NW_ADDR;
    if (ports || proto === 1) may |= TP;
  } else if (type === 0x86dd) {
    may |= NW_PROTO | IPVX | IPV6;
    if (ports || proto === 58) may |= TP;
    if (proto === 58 && flow[F.TP_SRC] === 135) may |= ND_TARGET | ARP_SHA;
    if (proto === 58 && flow[F.TP_SRC] === 136) may |= ND_TARGET | ARP_THA;
  } else if (type === 0x0806 || type === 0x8035) {
    may |= NW_PROTO | NW_ADDR | ARP_SHA | ARP_THA;
  } else if (isMplsEthertype(type)) {
    may |= MPLS;
  }
  return may;
}

/** The groups that are matched at all. Without a loop over {@link GROUPS}, which takes five times as long. */
function matched({ mask }: Match): number {
  let found = 0;
  if ((mask[F.NW_SRC]! | mask[F.NW_DST]!) !== 0) found |= NW_ADDR;
  if ((mask[F.TP_SRC]! | mask[F.TP_DST]!) !== 0) found |= TP;
  if (mask[F.NW_PROTO] !== 0) found |= NW_PROTO;
  if ((mask[F.NW_TOS]! | mask[F.NW_TTL]!) !== 0) found |= IPVX;
  if ((mask[F.ARP_SHA]! | mask[F.ARP_SHA + 1]!) !== 0) found |= ARP_SHA;
  if ((mask[F.ARP_THA]! | mask[F.ARP_THA + 1]!) !== 0) found |= ARP_THA;
  if (usesWords(mask, F.IPV6_SRC, F.IPV6_LABEL + 1)) found |= IPV6;
  if (usesWords(mask, F.ND_TARGET, F.ND_TARGET + 4)) found |= ND_TARGET;
  if (usesWords(mask, F.MPLS_LSE0, F.MPLS_LSE0 + 3)) found |= MPLS;
  if (usesWords(mask, F.DL_DST, F.DL_SRC + 2)) found |= ETHER;
  return found;
}

/** The groups that are matched although no packet that matches can have them. */
const impossible = (match: Match): number => matched(match) & ~possible(match);

/** Whether {@link normalizeMatch} would leave the match as it is. */
export const isNormalMatch = (match: Match): boolean => impossible(match) === 0;

/** Drops from a match what no packet that it matches can have, and says so in the log if `mayLog`. */
export function normalizeMatch(match: Match, mayLog = true): void {
  const drop = impossible(match);
  if (drop === 0) return;
  const before = mayLog ? formatMatch(match) : '';
  for (const { bit, first, end } of GROUPS) if (drop & bit) match.mask.fill(0, first, end);
  zeroWildcardedFields(match);
  if (!mayLog) return;
  if (!log.infoRl(limit, 'normalization changed ofp_match, details:')) return;
  log.info(` pre: ${before}`);
  log.info(`post: ${formatMatch(match)}`);
}
