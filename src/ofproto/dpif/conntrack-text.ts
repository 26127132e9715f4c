/** Tracked connections as dpctl prints them. C counterpart: lib/ct-dpif.c. */
import type { CtEntry, CtTcp, CtZoneLimit } from '../../datapath/dpif-provider.ts';
import { formatIpv4, formatIpv6 } from '../../flow/text.ts';
import type { CtTuple } from '../../openflow/messages/message.ts';

/** By IP protocol number. */
export const PROTOCOLS: ReadonlyMap<number, string> = new Map([
  [1, 'icmp'],
  [58, 'icmpv6'],
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
  [136, 'udplite'],
  [33, 'dccp'],
  [2, 'igmp'],
]);

const TCP_STATES = [
  'CLOSED',
  'LISTEN',
  'SYN_SENT',
  'SYN_RECV',
  'ESTABLISHED',
  'CLOSE_WAIT',
  'FIN_WAIT_1',
  'CLOSING',
  'LAST_ACK',
  'FIN_WAIT_2',
  'TIME_WAIT',
];

export const tcpStateName = (state: number): string => TCP_STATES[state] ?? `[${state}]`;

/** The state of a connection as a whole, with those told apart no more that other trackers do not know. */
export function tcpState({ states }: CtTcp): number {
  const name = tcpStateName(Math.max(...states));
  const shown = name === 'FIN_WAIT_2' ? 'TIME_WAIT' : name === 'SYN_RECV' ? 'ESTABLISHED' : name;
  return TCP_STATES.indexOf(shown);
}

const isIcmp = (proto: number): boolean => proto === 1 || proto === 58;

function tupleText(t: CtTuple, { l3Type, ipProto }: CtEntry): string {
  const address = (a: bigint): string =>
    l3Type === 4 ? formatIpv4(Number(a & 0xffff_ffffn)) : formatIpv6(a);
  const rest = isIcmp(ipProto)
    ? `id=${t.icmpId},type=${t.icmpType},code=${t.icmpCode}`
    : `sport=${t.srcPort},dport=${t.dstPort}`;
  return `src=${address(t.src)},dst=${address(t.dst)},${rest}`;
}

function tcpText(tcp: CtTcp, verbose: boolean): string {
  if (!verbose) return `state=${tcpStateName(tcpState(tcp))}`;
  let text = `state_orig=${tcpStateName(tcp.states[0])},state_reply=${tcpStateName(tcp.states[1])}`;
  const [orig, reply] = tcp.scales;
  if (orig || reply) text += `,wscale_orig=${orig ?? 0},wscale_reply=${reply ?? 0}`;
  const flags = (side: 0 | 1): string =>
    (tcp.scales[side] !== undefined ? 'WINDOW_SCALE' : '') + (tcp.liberal[side] ? 'BE_LIBERAL' : '') || '0';
  return `${text},flags_orig=${flags(0)},flags_reply=${flags(1)}`;
}

/** One connection, without end of line. */
export function ctEntryText(entry: CtEntry, verbose: boolean, statistics: boolean): string {
  const { ipProto, zone, mark, labels, tcp } = entry;
  let text = PROTOCOLS.get(ipProto) ?? String(ipProto);
  text += `,orig=(${tupleText(entry.orig, entry)}),reply=(${tupleText(entry.reply, entry)})`;
  if (verbose) text += ',id=0';
  if (zone !== 0) text += `,zone=${zone}`;
  if (verbose) text += ',status=0';
  if (statistics) text += `,timeout=${entry.timeoutS}`;
  if (mark !== 0) text += `,mark=${mark}`;
  if (labels !== 0n) text += `,labels=0x${labels.toString(16)}`;
  if (tcp) text += `,protoinfo=(${tcpText(tcp, verbose)})`;
  return text;
}

/** The default limit first. */
export const zoneLimitsText = (limits: readonly CtZoneLimit[]): string =>
  limits
    .map(({ zone, limit, count }) =>
      zone === undefined ? `default limit=${limit}` : `\nzone=${zone},limit=${limit},count=${count}`,
    )
    .join('');
