/**
 * Matches as they are in the bytes of an OpenFlow 1.0 FLOW_MOD, which detailed printing shows instead of what they
 * mean. C counterpart: ofp10_match_to_string in lib/ofp-match.c.
 */
import { ByteReader } from '../../base/bytes.ts';
import { entriesToText } from '../../flow/match/entry-text.ts';
import { OFPFW10 } from '../../flow/match/of10.ts';
import { formatPort, type NameMap, portFromOf10 } from '../../flow/ports.ts';
import { formatIpv4, formatMac } from '../../flow/text.ts';

const OFP_HEADER = 8;
const NICIRA_HEADER = 16;
/** Where NXT_FLOW_MOD says the length of its match, and the match itself. */
const NX_MATCH_LENGTH = NICIRA_HEADER + 24;
const NX_MATCH = NICIRA_HEADER + 32;

const IPPROTO_ICMP = 1;
const ARP_TYPES = [0x0806, 0x8035];

/** Words for Ethernet types, and for IP protocols. */
const TYPE_WORDS: Readonly<Record<number, string>> = {
  2048: 'ip',
  2054: 'arp',
  32821: 'rarp',
  34887: 'mpls',
  34888: 'mplsm',
};
const PROTO_WORDS: Readonly<Record<number, string>> = {
  [IPPROTO_ICMP]: 'icmp',
  6: 'tcp',
  17: 'udp',
  132: 'sctp',
};

/** The match of an NXT_FLOW_MOD, entry by entry. */
export function nxMatchText(message: Uint8Array): string {
  const length = (message[NX_MATCH_LENGTH]! << 8) | message[NX_MATCH_LENGTH + 1]!;
  return entriesToText(message.subarray(NX_MATCH, NX_MATCH + length));
}

/** The match of an OFPT_FLOW_MOD of OpenFlow 1.0, with a star for each wildcard. */
export function of10MatchText(message: Uint8Array, ports: NameMap | undefined): string {
  const r = new ByteReader(message, OFP_HEADER);
  const wildcards = r.u32();
  const inPort = portFromOf10(r.u16());
  const mac = (): string => formatMac(r.u16(), r.u32());
  const dlSrc = mac();
  const dlDst = mac();
  const vlan = r.u16();
  const pcp = r.u8();
  r.skip(1);
  const type = r.u16();
  const tos = r.u8();
  const proto = r.u8();
  r.skip(2);
  const nwSrc = r.u32();
  const nwDst = r.u32();
  const tpSrc = r.u16();
  const tpDst = r.u16();

  const isWild = (bit: number): boolean => (wildcards & bit) !== 0;
  const parts: string[] = [];
  const put = (name: string, bit: number, value: string | number): void => {
    parts.push(`${name}=${isWild(bit) ? '*' : value}`);
  };
  const putAddress = (name: string, ip: number, shift: number): void => {
    const bits = (wildcards >>> shift) & 63;
    const prefix = bits ? `/${32 - bits}` : '';
    parts.push(`${name}=${bits >= 32 ? '*' : formatIpv4(ip) + prefix}`);
  };

  const typeWord = isWild(OFPFW10.DL_TYPE) ? undefined : TYPE_WORDS[type];
  const protoWord = typeWord === 'ip' && !isWild(OFPFW10.NW_PROTO) ? PROTO_WORDS[proto] : undefined;
  if (typeWord !== undefined) parts.push(protoWord ?? typeWord);
  put('in_port', OFPFW10.IN_PORT, formatPort(inPort, ports));
  put('dl_vlan', OFPFW10.DL_VLAN, vlan);
  put('dl_vlan_pcp', OFPFW10.DL_VLAN_PCP, pcp);
  put('dl_src', OFPFW10.DL_SRC, dlSrc);
  put('dl_dst', OFPFW10.DL_DST, dlDst);
  if (typeWord === undefined) put('dl_type', OFPFW10.DL_TYPE, `0x${type.toString(16).padStart(4, '0')}`);
  putAddress('nw_src', nwSrc, 8);
  putAddress('nw_dst', nwDst, 14);
  if (protoWord === undefined) {
    put(ARP_TYPES.includes(type) ? 'arp_op' : 'nw_proto', OFPFW10.NW_PROTO, proto);
  }
  put('nw_tos', OFPFW10.NW_TOS, tos);
  const icmp = proto === IPPROTO_ICMP;
  put(icmp ? 'icmp_type' : 'tp_src', OFPFW10.TP_SRC, tpSrc);
  put(icmp ? 'icmp_code' : 'tp_dst', OFPFW10.TP_DST, tpDst);
  return parts.join(',');
}
