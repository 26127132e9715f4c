/** Which connections a request to forget some is about. C counterpart: ct_dpif_flush() of lib/ct-dpif.c. */
import { ERRNO } from '../../base/errno.ts';
import { vlog } from '../../base/vlog.ts';
import type { CtEntry, DpifConntrack } from '../../datapath/dpif-provider.ts';
import { ctMatchText } from '../../openflow/messages/ct-flush.ts';
import type { CtMatch, CtTuple } from '../../openflow/messages/message.ts';

const log = vlog('conntrack');
const requests = vlog('ct_dpif');

const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const isIcmp = (proto: number): boolean => proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6;

const isZero = (t: CtTuple, proto: number): boolean =>
  t.src === 0n && t.dst === 0n && (isIcmp(proto) || (t.srcPort === 0 && t.dstPort === 0));

const isWhole = (t: CtTuple, proto: number): boolean =>
  t.src !== 0n && t.dst !== 0n && (isIcmp(proto) || (t.srcPort !== 0 && t.dstPort !== 0));

/** Addresses and ports that are 0 may be any. */
function tupleMatches(tuple: CtTuple, wanted: CtTuple, proto: number): boolean {
  if (wanted.src !== 0n && wanted.src !== tuple.src) return false;
  if (wanted.dst !== 0n && wanted.dst !== tuple.dst) return false;
  if (isIcmp(proto)) {
    const { icmpId, icmpType, icmpCode } = wanted;
    return icmpId === tuple.icmpId && icmpType === tuple.icmpType && icmpCode === tuple.icmpCode;
  }
  if (wanted.srcPort !== 0 && wanted.srcPort !== tuple.srcPort) return false;
  return wanted.dstPort === 0 || wanted.dstPort === tuple.dstPort;
}

const matches =
  (m: CtMatch) =>
  (entry: CtEntry): boolean =>
    (m.l3Type === 0 || m.l3Type === entry.l3Type) &&
    (m.ipProto === 0 || m.ipProto === entry.ipProto) &&
    tupleMatches(entry.orig, m.orig, m.ipProto) &&
    tupleMatches(entry.reply, m.reply, m.ipProto) &&
    ((m.mark ^ entry.mark) & m.markMask) === 0 &&
    ((m.labels ^ entry.labels) & m.labelsMask) === 0n;

/** Forgets all connections, or those of a zone. @param dpif the datapath's name, for the log */
export function flushZone(conntrack: DpifConntrack, zone: number | undefined, dpif: string): void {
  requests.dbg(() => `${dpif}: ct_flush: ${zone === undefined ? '<all>' : `zone ${zone}`}`);
  conntrack.flush(zone);
}

/**
 * Forgets the connections that match.
 * @param dpif the datapath's name, for the log
 * @returns 0 or an errno: one connection that was named in full must exist
 */
export function flushConnections(conntrack: DpifConntrack, match: CtMatch, dpif: string): number {
  const { orig, reply, ipProto: proto, zone } = match;
  const byTuples = match.markMask === 0 && match.labelsMask === 0n && isZero(reply, proto);
  if (byTuples && isZero(orig, proto) && proto === 0 && match.l3Type === 0) {
    flushZone(conntrack, zone, dpif);
    return 0;
  }
  requests.dbg(() => `${dpif}: ct_flush: zone=${zone ?? 0} ${ctMatchText(match)}`);
  if (!byTuples || !isWhole(orig, proto)) {
    conntrack.flush(zone, matches(match));
    return 0;
  }
  // One connection, by the tuple of either of its directions.
  const asOriginal = matches({ ...match, zone: undefined });
  const asReply = matches({ ...match, zone: undefined, orig: reply, reply: orig });
  if (conntrack.flush(zone ?? 0, (entry) => asOriginal(entry) || (!isIcmp(proto) && asReply(entry))) > 0)
    return 0;
  log.warn('Tuple not found');
  return ERRNO.ENOENT;
}
