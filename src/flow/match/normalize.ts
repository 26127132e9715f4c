/**
 * Matches without what could never be matched: a TCP port of an ARP packet, say.
 *
 * OpenFlow 1.0 lets controllers send such fields and asks that they be ignored. C counterpart: ofputil_normalize_match.
 */
import { RateLimit, vlog } from '../../base/vlog.ts';
import { isMplsEthertype } from '../fields.ts';
import { F, type Match } from '../layout.ts';
import { formatMatch } from './format.ts';

const log = vlog('ofp_match');
const limit = new RateLimit(1, 5);

/** Makes `flow` zero wherever the mask is. */
export function zeroWildcardedFields({ flow, mask }: Match): void {
  for (let i = 0; i < flow.length; i++) flow[i] = flow[i]! & mask[i]!;
}

type Range = readonly [first: number, words: number];

const NW_ADDR: Range[] = [[F.NW_SRC, 2]];
const TP: Range[] = [[F.TP_SRC, 2]];
const NW_PROTO: Range[] = [[F.NW_PROTO, 1]];
const IPVX: Range[] = [[F.NW_TOS, 2]];
const ARP_SHA: Range[] = [[F.ARP_SHA, 2]];
const ARP_THA: Range[] = [[F.ARP_THA, 2]];
const IPV6: Range[] = [[F.IPV6_SRC, 9]];
const ND_TARGET: Range[] = [[F.ND_TARGET, 4]];
const MPLS: Range[] = [[F.MPLS_LSE0, 3]];
const ETHER: Range[] = [[F.DL_DST, 4]];
const EVERY = [NW_ADDR, TP, NW_PROTO, IPVX, ARP_SHA, ARP_THA, IPV6, ND_TARGET, MPLS, ETHER];

/** The groups of fields that a packet which matches can have. */
function possible(match: Match): Set<Range[]> {
  const { flow, mask } = match;
  const may = new Set<Range[]>();
  const packetType = flow[F.PACKET_TYPE]!;
  const typeMask = mask[F.PACKET_TYPE]!;
  let type = 0;
  if (typeMask === 0 || (typeMask === 0xffffffff && packetType === 0)) {
    may.add(ETHER);
    type = flow[F.DL_TYPE]!;
  } else if (typeMask === 0xffffffff && packetType >>> 16 === 1) {
    type = packetType & 0xffff;
  }
  const proto = flow[F.NW_PROTO];
  const ports = proto === 6 || proto === 17 || proto === 132;
  if (type === 0x0800) {
    may.add(NW_PROTO).add(IPVX).add(NW_ADDR);
    if (ports || proto === 1) may.add(TP);
  } else if (type === 0x86dd) {
    may.add(NW_PROTO).add(IPVX).add(IPV6);
    if (ports || proto === 58) may.add(TP);
    if (proto === 58 && flow[F.TP_SRC] === 135) may.add(ND_TARGET).add(ARP_SHA);
    if (proto === 58 && flow[F.TP_SRC] === 136) may.add(ND_TARGET).add(ARP_THA);
  } else if (type === 0x0806 || type === 0x8035) {
    may.add(NW_PROTO).add(NW_ADDR).add(ARP_SHA).add(ARP_THA);
  } else if (isMplsEthertype(type)) {
    may.add(MPLS);
  }
  return may;
}

/** Drops from a match what no packet that it matches can have, and says so in the log if `mayLog`. */
export function normalizeMatch(match: Match, mayLog = true): void {
  const may = possible(match);
  const { mask } = match;
  const impossible = EVERY.filter((g) => !may.has(g)).flat();
  const isMatched = ([first, words]: Range): boolean => {
    for (let i = first; i < first + words; i++) if (mask[i] !== 0) return true;
    return false;
  };
  const drop = impossible.filter(isMatched);
  if (drop.length === 0) return;
  const before = mayLog ? formatMatch(match) : '';
  for (const [first, words] of drop) mask.fill(0, first, first + words);
  zeroWildcardedFields(match);
  if (!mayLog) return;
  if (!log.infoRl(limit, 'normalization changed ofp_match, details:')) return;
  log.info(` pre: ${before}`);
  log.info(`post: ${formatMatch(match)}`);
}
