/** ICMP, ICMPv6, neighbor discovery and IGMP. C counterpart: struct icmp_header, ovs_nd_msg of lib/packets.h. */

export const ICMP_HEADER_BYTES = 8;
/** Where the checksum stands in all of them. */
export const ICMP_CSUM_AT = 2;

export const ICMP4 = { ECHO_REPLY: 0, DEST_UNREACHABLE: 3, ECHO_REQUEST: 8, TIME_EXCEEDED: 11 } as const;
export const ICMP6 = {
  DEST_UNREACHABLE: 1,
  PACKET_TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  ROUTER_SOLICIT: 133,
  ROUTER_ADVERT: 134,
  NEIGHBOR_SOLICIT: 135,
  NEIGHBOR_ADVERT: 136,
} as const;

export const IGMP = {
  QUERY: 0x11,
  V1_REPORT: 0x12,
  V2_REPORT: 0x16,
  V2_LEAVE: 0x17,
  V3_REPORT: 0x22,
} as const;

/** Target address of a neighbor solicitation or advertisement, from the start of its ICMPv6 header. */
export const ND_TARGET_AT = 8;
/** First option of one. */
export const ND_OPTIONS_AT = 24;
export const ND_OPT = { SOURCE_LINK_ADDRESS: 1, TARGET_LINK_ADDRESS: 2 } as const;

/** Whether an ICMPv6 type and code are those of a neighbor solicitation or advertisement. */
export const isNeighborDiscovery = (type: number, code: number): boolean =>
  code === 0 && (type === ICMP6.NEIGHBOR_SOLICIT || type === ICMP6.NEIGHBOR_ADVERT);
