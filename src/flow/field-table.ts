/**
 * The field table: one row for every OpenFlow field of Open vSwitch 3.7. Wire codecs, text, and everything in
 * `fields.ts` are derived from it; nothing else in the project knows a field's number or width.
 *
 * A row says where the field lives in the flow key ({@link Row.word}, {@link Row.shift}), how wide it is on the
 * wire (`bytes`) and to an OpenFlow action (`bits`), how it reads as text, what must be true of a packet that
 * has it (`requires`), and its NXM and OXM headers as `[name, number, OpenFlow wire version that has it (0 for
 * any), Open vSwitch version that has it]`; the class follows from the name. Rows are in the order of C's
 * mf_field_id, which table features and bitmaps depend on. C counterpart: include/openvswitch/meta-flow.h.
 */
import { F, N_REGS, VLAN_CFI } from './layout.ts';

/** How a value is written in flow text. */
export type FieldFormat =
  | 'decimal'
  | 'hexadecimal'
  | 'ethernet'
  | 'ipv4'
  | 'ipv6'
  | 'of10-port'
  | 'of11-port'
  | 'frag'
  | 'tunnel-flags'
  | 'tcp-flags'
  | 'ct-state'
  | 'packet-type';

/** What a packet must be to have the field. */
export type FieldPrereq =
  | 'none'
  | 'Ethernet'
  | 'ARP'
  | 'VLAN VID'
  | 'IPv4'
  | 'IPv6'
  | 'IPv4/IPv6'
  | 'MPLS'
  | 'NSH'
  | 'CT'
  | 'TCP'
  | 'UDP'
  | 'SCTP'
  | 'ICMPv4'
  | 'ICMPv6'
  | 'ND'
  | 'ND solicit'
  | 'ND advert';

/** `[name, number within its class, OpenFlow wire version or 0, Open vSwitch version]`. */
export type HeaderRow = readonly [name: string, number: number, version: number, since: string];

export interface Row {
  readonly name: string;
  /** An older name that parsers take too. */
  readonly alias?: string;
  /** Bytes of the value on the wire. */
  readonly bytes: number;
  /** Bits that a subfield may address; 8 * bytes unless said. */
  readonly bits?: number;
  /** First word in the flow key. */
  readonly word: number;
  /** Bit of the word at which the value starts, for fields that share a word. */
  readonly shift?: number;
  /** The word's bits when the field is matched exactly, unless all of the value's bytes. */
  readonly full?: number;
  /** Bits that are set, in value and mask, along with the field. */
  readonly implies?: number;
  readonly format: FieldFormat;
  /** Any bits of it can be matched; otherwise all or none. */
  readonly maskable?: boolean;
  /**
   * Whoever matches the field matches the bits that are ones in the value, whatever mask was given. So does C, whose
   * flows would otherwise not be the same flows.
   */
  readonly maskIsValue?: boolean;
  /** OpenFlow actions may change it. */
  readonly writable?: boolean;
  readonly requires?: FieldPrereq;
  /** How an OpenFlow 1.0 and an 1.1 match can express it. */
  readonly of10?: 'exact' | 'cidr';
  readonly of11?: 'exact' | 'bitwise';
  /** Fit for a prefix trie in the classifier (Flow_Table:prefixes). */
  readonly prefix?: boolean;
  readonly headers: readonly HeaderRow[];
}

// biome-ignore format: one row a field
const TUNNEL_AND_INTERNAL = [
  { name: 'dp_hash', bytes: 4, word: F.DP_HASH, format: 'hexadecimal', maskable: true, headers: [['NXOXM_ET_DP_HASH', 0, 0, '2.4'], ['NXM_NX_DP_HASH', 35, 0, '2.2']] },
  { name: 'recirc_id', bytes: 4, word: F.RECIRC_ID, format: 'decimal', headers: [['NXM_NX_RECIRC_ID', 36, 0, '2.2']] },
  { name: 'packet_type', bytes: 4, word: F.PACKET_TYPE, format: 'packet-type', headers: [['OXM_OF_PACKET_TYPE', 44, 6, '2.8']] },
  { name: 'conj_id', bytes: 4, word: F.CONJ_ID, format: 'decimal', headers: [['NXM_NX_CONJ_ID', 37, 0, '2.4']] },
  { name: 'tun_id', alias: 'tunnel_id', bytes: 8, word: F.TUN_ID, format: 'hexadecimal', maskable: true, writable: true, prefix: true, headers: [['NXM_NX_TUN_ID', 16, 0, '1.1'], ['OXM_OF_TUNNEL_ID', 38, 4, '1.10']] },
  { name: 'tun_src', bytes: 4, word: F.TUN_SRC, format: 'ipv4', maskable: true, writable: true, prefix: true, headers: [['NXM_NX_TUN_IPV4_SRC', 31, 0, '2.0']] },
  { name: 'tun_dst', bytes: 4, word: F.TUN_DST, format: 'ipv4', maskable: true, writable: true, prefix: true, headers: [['NXM_NX_TUN_IPV4_DST', 32, 0, '2.0']] },
  { name: 'tun_ipv6_src', bytes: 16, word: F.TUN_IPV6_SRC, format: 'ipv6', maskable: true, writable: true, prefix: true, headers: [['NXM_NX_TUN_IPV6_SRC', 109, 0, '2.5']] },
  { name: 'tun_ipv6_dst', bytes: 16, word: F.TUN_IPV6_DST, format: 'ipv6', maskable: true, writable: true, prefix: true, headers: [['NXM_NX_TUN_IPV6_DST', 110, 0, '2.5']] },
  { name: 'tun_flags', bytes: 2, bits: 1, word: F.TUN_FLAGS, full: 0x01, format: 'tunnel-flags', maskable: true, writable: true, headers: [['NXM_NX_TUN_FLAGS', 104, 0, '2.5']] },
  { name: 'tun_ttl', bytes: 1, word: F.TUN_TTL, format: 'decimal', headers: [] },
  { name: 'tun_tos', bytes: 1, word: F.TUN_TOS, format: 'decimal', headers: [] },
  { name: 'tun_gbp_id', bytes: 2, word: F.TUN_GBP_ID, format: 'decimal', maskable: true, writable: true, headers: [['NXM_NX_TUN_GBP_ID', 38, 0, '2.4']] },
  { name: 'tun_gbp_flags', bytes: 1, word: F.TUN_GBP_FLAGS, format: 'hexadecimal', maskable: true, writable: true, headers: [['NXM_NX_TUN_GBP_FLAGS', 39, 0, '2.4']] },
  { name: 'tun_erspan_idx', bytes: 4, bits: 20, word: F.TUN_ERSPAN_IDX, format: 'hexadecimal', maskable: true, writable: true, headers: [['NXOXM_ET_ERSPAN_IDX', 11, 0, '2.10']] },
  { name: 'tun_erspan_ver', bytes: 1, bits: 4, word: F.TUN_ERSPAN_VER, format: 'decimal', maskable: true, maskIsValue: true, writable: true, headers: [['NXOXM_ET_ERSPAN_VER', 12, 0, '2.10']] },
  { name: 'tun_erspan_dir', bytes: 1, bits: 1, word: F.TUN_ERSPAN_DIR, format: 'decimal', maskable: true, maskIsValue: true, writable: true, headers: [['NXOXM_ET_ERSPAN_DIR', 13, 0, '2.10']] },
  { name: 'tun_erspan_hwid', bytes: 1, bits: 6, word: F.TUN_ERSPAN_HWID, format: 'hexadecimal', maskable: true, maskIsValue: true, writable: true, headers: [['NXOXM_ET_ERSPAN_HWID', 14, 0, '2.10']] },
  { name: 'tun_gtpu_flags', bytes: 1, word: F.TUN_GTPU_FLAGS, format: 'hexadecimal', maskable: true, maskIsValue: true, headers: [['NXOXM_ET_GTPU_FLAGS', 15, 0, '2.13']] },
  { name: 'tun_gtpu_msgtype', bytes: 1, word: F.TUN_GTPU_MSGTYPE, format: 'decimal', maskable: true, maskIsValue: true, headers: [['NXOXM_ET_GTPU_MSGTYPE', 16, 0, '2.13']] },
] as const satisfies readonly Row[];

// biome-ignore format: one row a field
const METADATA = [
  { name: 'metadata', bytes: 8, word: F.METADATA, format: 'hexadecimal', maskable: true, writable: true, of11: 'bitwise', headers: [['OXM_OF_METADATA', 2, 3, '1.8']] },
  { name: 'in_port', bytes: 2, word: F.IN_PORT, full: 0xffffffff, format: 'of10-port', writable: true, of10: 'exact', of11: 'exact', headers: [['NXM_OF_IN_PORT', 0, 0, '1.1']] },
  { name: 'in_port_oxm', bytes: 4, word: F.IN_PORT, format: 'of11-port', writable: true, of11: 'exact', headers: [['OXM_OF_IN_PORT', 0, 3, '1.7']] },
  { name: 'actset_output', bytes: 4, word: F.ACTSET_OUTPUT, format: 'of11-port', headers: [['ONFOXM_ET_ACTSET_OUTPUT', 43, 4, '2.4'], ['OXM_OF_ACTSET_OUTPUT', 43, 6, '2.4']] },
  { name: 'skb_priority', bytes: 4, word: F.SKB_PRIORITY, format: 'hexadecimal', headers: [] },
  { name: 'pkt_mark', bytes: 4, word: F.PKT_MARK, format: 'hexadecimal', maskable: true, writable: true, headers: [['NXM_NX_PKT_MARK', 33, 0, '2.0']] },
  { name: 'ct_state', bytes: 4, word: F.CT_STATE, full: 0xff, format: 'ct-state', maskable: true, headers: [['NXM_NX_CT_STATE', 105, 0, '2.5']] },
  { name: 'ct_zone', bytes: 2, word: F.CT_ZONE, format: 'hexadecimal', headers: [['NXM_NX_CT_ZONE', 106, 0, '2.5']] },
  { name: 'ct_mark', bytes: 4, word: F.CT_MARK, format: 'hexadecimal', maskable: true, writable: true, headers: [['NXM_NX_CT_MARK', 107, 0, '2.5']] },
  { name: 'ct_label', bytes: 16, word: F.CT_LABEL, format: 'hexadecimal', maskable: true, writable: true, headers: [['NXM_NX_CT_LABEL', 108, 0, '2.5']] },
  { name: 'ct_nw_proto', bytes: 1, word: F.CT_NW_PROTO, format: 'decimal', requires: 'CT', headers: [['NXM_NX_CT_NW_PROTO', 119, 0, '2.8']] },
  { name: 'ct_nw_src', bytes: 4, word: F.CT_NW_SRC, format: 'ipv4', maskable: true, requires: 'CT', prefix: true, headers: [['NXM_NX_CT_NW_SRC', 120, 0, '2.8']] },
  { name: 'ct_nw_dst', bytes: 4, word: F.CT_NW_DST, format: 'ipv4', maskable: true, requires: 'CT', prefix: true, headers: [['NXM_NX_CT_NW_DST', 121, 0, '2.8']] },
  { name: 'ct_ipv6_src', bytes: 16, word: F.CT_IPV6_SRC, format: 'ipv6', maskable: true, requires: 'CT', prefix: true, headers: [['NXM_NX_CT_IPV6_SRC', 122, 0, '2.8']] },
  { name: 'ct_ipv6_dst', bytes: 16, word: F.CT_IPV6_DST, format: 'ipv6', maskable: true, requires: 'CT', prefix: true, headers: [['NXM_NX_CT_IPV6_DST', 123, 0, '2.8']] },
  { name: 'ct_tp_src', bytes: 2, word: F.CT_TP_SRC, format: 'decimal', maskable: true, requires: 'CT', headers: [['NXM_NX_CT_TP_SRC', 124, 0, '2.8']] },
  { name: 'ct_tp_dst', bytes: 2, word: F.CT_TP_DST, format: 'decimal', maskable: true, requires: 'CT', headers: [['NXM_NX_CT_TP_DST', 125, 0, '2.8']] },
] as const satisfies readonly Row[];

// biome-ignore format: one row a field
const HEADERS = [
  { name: 'eth_src', alias: 'dl_src', bytes: 6, word: F.DL_SRC, format: 'ethernet', maskable: true, writable: true, requires: 'Ethernet', of10: 'exact', of11: 'bitwise', headers: [['NXM_OF_ETH_SRC', 2, 0, '1.1'], ['OXM_OF_ETH_SRC', 4, 3, '1.7']] },
  { name: 'eth_dst', alias: 'dl_dst', bytes: 6, word: F.DL_DST, format: 'ethernet', maskable: true, writable: true, requires: 'Ethernet', of10: 'exact', of11: 'bitwise', headers: [['NXM_OF_ETH_DST', 1, 0, '1.1'], ['OXM_OF_ETH_DST', 3, 3, '1.7']] },
  { name: 'eth_type', alias: 'dl_type', bytes: 2, word: F.DL_TYPE, format: 'hexadecimal', requires: 'Ethernet', of10: 'exact', of11: 'exact', headers: [['NXM_OF_ETH_TYPE', 3, 0, '1.1'], ['OXM_OF_ETH_TYPE', 5, 3, '1.7']] },
  { name: 'vlan_tci', bytes: 2, word: F.VLAN_TCI0, format: 'hexadecimal', maskable: true, writable: true, requires: 'Ethernet', of10: 'exact', of11: 'exact', headers: [['NXM_OF_VLAN_TCI', 4, 0, '1.1']] },
  { name: 'dl_vlan', bytes: 2, bits: 12, word: F.VLAN_TCI0, full: 0x0fff, implies: VLAN_CFI, format: 'decimal', writable: true, requires: 'Ethernet', of10: 'exact', of11: 'exact', headers: [] },
  { name: 'vlan_vid', bytes: 2, bits: 12, word: F.VLAN_TCI0, full: 0x1fff, format: 'decimal', maskable: true, writable: true, requires: 'Ethernet', of10: 'exact', of11: 'exact', headers: [['OXM_OF_VLAN_VID', 6, 3, '1.7']] },
  { name: 'dl_vlan_pcp', bytes: 1, bits: 3, word: F.VLAN_TCI0, shift: 13, full: 0xe000, implies: VLAN_CFI, format: 'decimal', writable: true, requires: 'Ethernet', of10: 'exact', of11: 'exact', headers: [] },
  { name: 'vlan_pcp', bytes: 1, bits: 3, word: F.VLAN_TCI0, shift: 13, full: 0xe000, implies: VLAN_CFI, format: 'decimal', writable: true, requires: 'VLAN VID', of10: 'exact', of11: 'exact', headers: [['OXM_OF_VLAN_PCP', 7, 3, '1.7']] },
  { name: 'mpls_label', bytes: 4, bits: 20, word: F.MPLS_LSE0, shift: 12, full: 0xfffff000, format: 'decimal', writable: true, requires: 'MPLS', of11: 'exact', headers: [['OXM_OF_MPLS_LABEL', 34, 3, '1.11']] },
  { name: 'mpls_tc', bytes: 1, bits: 3, word: F.MPLS_LSE0, shift: 9, full: 0xe00, format: 'decimal', writable: true, requires: 'MPLS', of11: 'exact', headers: [['OXM_OF_MPLS_TC', 35, 3, '1.11']] },
  { name: 'mpls_bos', bytes: 1, bits: 1, word: F.MPLS_LSE0, shift: 8, full: 0x100, format: 'decimal', requires: 'MPLS', headers: [['OXM_OF_MPLS_BOS', 36, 4, '1.11']] },
  { name: 'mpls_ttl', bytes: 1, word: F.MPLS_LSE0, full: 0xff, format: 'decimal', writable: true, requires: 'MPLS', headers: [['NXM_NX_MPLS_TTL', 30, 0, '2.6']] },
  { name: 'ip_src', alias: 'nw_src', bytes: 4, word: F.NW_SRC, format: 'ipv4', maskable: true, writable: true, requires: 'IPv4', of10: 'cidr', of11: 'bitwise', prefix: true, headers: [['NXM_OF_IP_SRC', 7, 0, '1.1'], ['OXM_OF_IPV4_SRC', 11, 3, '1.7']] },
  { name: 'ip_dst', alias: 'nw_dst', bytes: 4, word: F.NW_DST, format: 'ipv4', maskable: true, writable: true, requires: 'IPv4', of10: 'cidr', of11: 'bitwise', prefix: true, headers: [['NXM_OF_IP_DST', 8, 0, '1.1'], ['OXM_OF_IPV4_DST', 12, 3, '1.7']] },
  { name: 'ipv6_src', bytes: 16, word: F.IPV6_SRC, format: 'ipv6', maskable: true, writable: true, requires: 'IPv6', prefix: true, headers: [['NXM_NX_IPV6_SRC', 19, 0, '1.1'], ['OXM_OF_IPV6_SRC', 26, 3, '1.1']] },
  { name: 'ipv6_dst', bytes: 16, word: F.IPV6_DST, format: 'ipv6', maskable: true, writable: true, requires: 'IPv6', prefix: true, headers: [['NXM_NX_IPV6_DST', 20, 0, '1.1'], ['OXM_OF_IPV6_DST', 27, 3, '1.1']] },
  { name: 'ipv6_label', bytes: 4, bits: 20, word: F.IPV6_LABEL, format: 'hexadecimal', maskable: true, writable: true, requires: 'IPv6', headers: [['NXM_NX_IPV6_LABEL', 27, 0, '1.4'], ['OXM_OF_IPV6_FLABEL', 28, 3, '1.7']] },
  { name: 'nw_proto', alias: 'ip_proto', bytes: 1, word: F.NW_PROTO, format: 'decimal', requires: 'IPv4/IPv6', of10: 'exact', of11: 'exact', headers: [['NXM_OF_IP_PROTO', 6, 0, '1.1'], ['OXM_OF_IP_PROTO', 10, 3, '1.7']] },
  { name: 'nw_tos', bytes: 1, word: F.NW_TOS, full: 0xfc, format: 'decimal', writable: true, requires: 'IPv4/IPv6', of10: 'exact', of11: 'exact', headers: [['NXM_OF_IP_TOS', 5, 0, '1.1']] },
  { name: 'ip_dscp', bytes: 1, bits: 6, word: F.NW_TOS, shift: 2, full: 0xfc, format: 'decimal', writable: true, requires: 'IPv4/IPv6', of10: 'exact', of11: 'exact', headers: [['OXM_OF_IP_DSCP', 8, 3, '1.7']] },
  { name: 'nw_ecn', alias: 'ip_ecn', bytes: 1, bits: 2, word: F.NW_TOS, full: 0x03, format: 'decimal', writable: true, requires: 'IPv4/IPv6', of11: 'exact', headers: [['NXM_NX_IP_ECN', 28, 0, '1.4'], ['OXM_OF_IP_ECN', 9, 3, '1.7']] },
  { name: 'nw_ttl', bytes: 1, word: F.NW_TTL, format: 'decimal', writable: true, requires: 'IPv4/IPv6', headers: [['NXM_NX_IP_TTL', 29, 0, '1.4']] },
  { name: 'ip_frag', alias: 'nw_frag', bytes: 1, bits: 2, word: F.NW_FRAG, full: 0x03, format: 'frag', maskable: true, requires: 'IPv4/IPv6', headers: [['NXM_NX_IP_FRAG', 26, 0, '1.3']] },
  { name: 'arp_op', bytes: 2, word: F.NW_PROTO, full: 0xff, format: 'decimal', writable: true, requires: 'ARP', of10: 'exact', of11: 'exact', headers: [['NXM_OF_ARP_OP', 15, 0, '1.1'], ['OXM_OF_ARP_OP', 21, 3, '1.7']] },
  { name: 'arp_spa', bytes: 4, word: F.NW_SRC, format: 'ipv4', maskable: true, writable: true, requires: 'ARP', of10: 'cidr', of11: 'bitwise', headers: [['NXM_OF_ARP_SPA', 16, 0, '1.1'], ['OXM_OF_ARP_SPA', 22, 3, '1.7']] },
  { name: 'arp_tpa', bytes: 4, word: F.NW_DST, format: 'ipv4', maskable: true, writable: true, requires: 'ARP', of10: 'cidr', of11: 'bitwise', headers: [['NXM_OF_ARP_TPA', 17, 0, '1.1'], ['OXM_OF_ARP_TPA', 23, 3, '1.7']] },
  { name: 'arp_sha', bytes: 6, word: F.ARP_SHA, format: 'ethernet', maskable: true, writable: true, requires: 'ARP', headers: [['NXM_NX_ARP_SHA', 17, 0, '1.1'], ['OXM_OF_ARP_SHA', 24, 3, '1.7']] },
  { name: 'arp_tha', bytes: 6, word: F.ARP_THA, format: 'ethernet', maskable: true, writable: true, requires: 'ARP', headers: [['NXM_NX_ARP_THA', 18, 0, '1.1'], ['OXM_OF_ARP_THA', 25, 3, '1.7']] },
  { name: 'tcp_src', alias: 'tp_src', bytes: 2, word: F.TP_SRC, format: 'decimal', maskable: true, writable: true, requires: 'TCP', of10: 'exact', of11: 'exact', headers: [['NXM_OF_TCP_SRC', 9, 0, '1.1'], ['OXM_OF_TCP_SRC', 13, 3, '1.7']] },
  { name: 'tcp_dst', alias: 'tp_dst', bytes: 2, word: F.TP_DST, format: 'decimal', maskable: true, writable: true, requires: 'TCP', of10: 'exact', of11: 'exact', headers: [['NXM_OF_TCP_DST', 10, 0, '1.1'], ['OXM_OF_TCP_DST', 14, 3, '1.7']] },
  { name: 'tcp_flags', bytes: 2, bits: 12, word: F.TCP_FLAGS, format: 'tcp-flags', maskable: true, requires: 'TCP', headers: [['NXM_NX_TCP_FLAGS', 34, 0, '2.1'], ['ONFOXM_ET_TCP_FLAGS', 42, 4, '2.4'], ['OXM_OF_TCP_FLAGS', 42, 6, '2.3']] },
  { name: 'udp_src', bytes: 2, word: F.TP_SRC, format: 'decimal', maskable: true, writable: true, requires: 'UDP', of10: 'exact', of11: 'exact', headers: [['NXM_OF_UDP_SRC', 11, 0, '1.1'], ['OXM_OF_UDP_SRC', 15, 3, '1.7']] },
  { name: 'udp_dst', bytes: 2, word: F.TP_DST, format: 'decimal', maskable: true, writable: true, requires: 'UDP', of10: 'exact', of11: 'exact', headers: [['NXM_OF_UDP_DST', 12, 0, '1.1'], ['OXM_OF_UDP_DST', 16, 3, '1.7']] },
  { name: 'sctp_src', bytes: 2, word: F.TP_SRC, format: 'decimal', maskable: true, writable: true, requires: 'SCTP', of11: 'exact', headers: [['OXM_OF_SCTP_SRC', 17, 3, '2.0']] },
  { name: 'sctp_dst', bytes: 2, word: F.TP_DST, format: 'decimal', maskable: true, writable: true, requires: 'SCTP', of11: 'exact', headers: [['OXM_OF_SCTP_DST', 18, 3, '2.0']] },
  { name: 'icmp_type', bytes: 1, word: F.TP_SRC, full: 0xffff, format: 'decimal', writable: true, requires: 'ICMPv4', of10: 'exact', of11: 'exact', headers: [['NXM_OF_ICMP_TYPE', 13, 0, '1.1'], ['OXM_OF_ICMPV4_TYPE', 19, 3, '1.7']] },
  { name: 'icmp_code', bytes: 1, word: F.TP_DST, full: 0xffff, format: 'decimal', writable: true, requires: 'ICMPv4', of10: 'exact', of11: 'exact', headers: [['NXM_OF_ICMP_CODE', 14, 0, '1.1'], ['OXM_OF_ICMPV4_CODE', 20, 3, '1.7']] },
  { name: 'icmpv6_type', bytes: 1, word: F.TP_SRC, full: 0xffff, format: 'decimal', writable: true, requires: 'ICMPv6', headers: [['NXM_NX_ICMPV6_TYPE', 21, 0, '1.1'], ['OXM_OF_ICMPV6_TYPE', 29, 3, '1.7']] },
  { name: 'icmpv6_code', bytes: 1, word: F.TP_DST, full: 0xffff, format: 'decimal', writable: true, requires: 'ICMPv6', headers: [['NXM_NX_ICMPV6_CODE', 22, 0, '1.1'], ['OXM_OF_ICMPV6_CODE', 30, 3, '1.7']] },
  { name: 'nd_target', bytes: 16, word: F.ND_TARGET, format: 'ipv6', maskable: true, writable: true, requires: 'ND', headers: [['NXM_NX_ND_TARGET', 23, 0, '1.1'], ['OXM_OF_IPV6_ND_TARGET', 31, 3, '1.7']] },
  { name: 'nd_sll', bytes: 6, word: F.ARP_SHA, format: 'ethernet', maskable: true, writable: true, requires: 'ND solicit', headers: [['NXM_NX_ND_SLL', 24, 0, '1.1'], ['OXM_OF_IPV6_ND_SLL', 32, 3, '1.7']] },
  { name: 'nd_tll', bytes: 6, word: F.ARP_THA, format: 'ethernet', maskable: true, writable: true, requires: 'ND advert', headers: [['NXM_NX_ND_TLL', 25, 0, '1.1'], ['OXM_OF_IPV6_ND_TLL', 33, 3, '1.7']] },
  { name: 'nd_reserved', bytes: 4, word: F.ND_RESERVED, format: 'decimal', writable: true, requires: 'ND', headers: [['ERICOXM_OF_ICMPV6_ND_RESERVED', 1, 0, '2.11']] },
  { name: 'nd_options_type', bytes: 1, word: F.ND_OPTIONS_TYPE, format: 'decimal', writable: true, requires: 'ND', headers: [['ERICOXM_OF_ICMPV6_ND_OPTIONS_TYPE', 2, 0, '2.11']] },
  { name: 'nsh_flags', bytes: 1, word: F.NSH_FLAGS, format: 'decimal', maskable: true, writable: true, requires: 'NSH', headers: [['NXOXM_NSH_FLAGS', 1, 0, '2.8']] },
  { name: 'nsh_mdtype', bytes: 1, word: F.NSH_MDTYPE, format: 'decimal', requires: 'NSH', headers: [['NXOXM_NSH_MDTYPE', 2, 0, '2.8']] },
  { name: 'nsh_np', bytes: 1, word: F.NSH_NP, format: 'decimal', requires: 'NSH', headers: [['NXOXM_NSH_NP', 3, 0, '2.8']] },
  { name: 'nsh_spi', alias: 'nsp', bytes: 4, bits: 24, word: F.NSH_SPI, full: 0xffffff, format: 'hexadecimal', writable: true, requires: 'NSH', headers: [['NXOXM_NSH_SPI', 4, 0, '2.8']] },
  { name: 'nsh_si', alias: 'nsi', bytes: 1, word: F.NSH_SI, format: 'decimal', writable: true, requires: 'NSH', headers: [['NXOXM_NSH_SI', 5, 0, '2.8']] },
  { name: 'nsh_c1', alias: 'nshc1', bytes: 4, word: F.NSH_C1, format: 'hexadecimal', maskable: true, writable: true, requires: 'NSH', headers: [['NXOXM_NSH_C1', 6, 0, '2.8']] },
  { name: 'nsh_c2', alias: 'nshc2', bytes: 4, word: F.NSH_C1 + 1, format: 'hexadecimal', maskable: true, writable: true, requires: 'NSH', headers: [['NXOXM_NSH_C2', 7, 0, '2.8']] },
  { name: 'nsh_c3', alias: 'nshc3', bytes: 4, word: F.NSH_C1 + 2, format: 'hexadecimal', maskable: true, writable: true, requires: 'NSH', headers: [['NXOXM_NSH_C3', 8, 0, '2.8']] },
  { name: 'nsh_c4', alias: 'nshc4', bytes: 4, word: F.NSH_C1 + 3, format: 'hexadecimal', maskable: true, writable: true, requires: 'NSH', headers: [['NXOXM_NSH_C4', 9, 0, '2.8']] },
  { name: 'nsh_ttl', bytes: 1, word: F.NSH_TTL, format: 'decimal', writable: true, requires: 'NSH', headers: [['NXOXM_NSH_TTL', 10, 0, '2.9']] },
] as const satisfies readonly Row[];

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';
type UpTo7 = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7';
type UpTo15 = Digit | '10' | '11' | '12' | '13' | '14' | '15';
type UpTo31 = Digit | `1${Digit}` | `2${Digit}` | '30' | '31';
type UpTo63 = Digit | `${'1' | '2' | '3' | '4' | '5'}${Digit}` | '60' | '61' | '62' | '63';

/** The name of a field, as flow text spells it. */
export type FieldName =
  | (typeof TUNNEL_AND_INTERNAL)[number]['name']
  | (typeof METADATA)[number]['name']
  | (typeof HEADERS)[number]['name']
  | `tun_metadata${UpTo63}`
  | `reg${UpTo31}`
  | `xreg${UpTo15}`
  | `xxreg${UpTo7}`;

export const TUN_METADATA_FIELDS = 64;
/** Most bytes of one tunnel option. */
export const TUN_METADATA_MAX_BYTES = 124;
export { N_REGS } from './layout.ts';
export const N_XREGS = N_REGS / 2;
export const N_XXREGS = N_REGS / 4;

const numbered = (count: number, row: (n: number) => Row): Row[] =>
  Array.from({ length: count }, (_, n) => row(n));

const WRITABLE_HEX = { format: 'hexadecimal', maskable: true, writable: true } as const;

const TUN_METADATA = numbered(TUN_METADATA_FIELDS, (n) => ({
  name: `tun_metadata${n}`,
  bytes: TUN_METADATA_MAX_BYTES,
  word: F.TUN_METADATA,
  ...WRITABLE_HEX,
  headers: [[`NXM_NX_TUN_METADATA${n}`, 40 + n, 0, '2.5']],
}));

const REGS = numbered(N_REGS, (n) => ({
  name: `reg${n}`,
  bytes: 4,
  word: F.REG0 + n,
  ...WRITABLE_HEX,
  headers: [
    n < 16
      ? [`NXM_NX_REG${n}`, n, 0, n < 4 ? '1.1' : n < 5 ? '1.3' : n < 8 ? '1.7' : '2.6']
      : [`NXOXM_ET_REG${n}`, n + 1, 0, '3.7'],
  ],
}));

const XREGS = numbered(N_XREGS, (n) => ({
  name: `xreg${n}`,
  bytes: 8,
  word: F.REG0 + 2 * n,
  ...WRITABLE_HEX,
  headers: [[`OXM_OF_PKT_REG${n}`, n, 4, n < 8 ? '2.4' : '3.7']],
}));

const XXREGS = numbered(N_XXREGS, (n) => ({
  name: `xxreg${n}`,
  bytes: 16,
  word: F.REG0 + 4 * n,
  ...WRITABLE_HEX,
  headers: [n < 4 ? [`NXM_NX_XXREG${n}`, 111 + n, 0, '2.6'] : [`NXOXM_ET_XXREG${n}`, 29 + n, 0, '3.7']],
}));

/** Every field, in the order of C's mf_field_id. */
export const FIELD_ROWS: readonly Row[] = [
  ...TUNNEL_AND_INTERNAL,
  ...TUN_METADATA,
  ...METADATA,
  ...REGS,
  ...XREGS,
  ...XXREGS,
  ...HEADERS,
];
