/**
 * The key attributes of a datapath flow: their numbers, names, and parts, once for text and netlink.
 *
 * An attribute of {@link STRUCTS} is a C struct of big-endian parts; {@link SCALARS} hold one number. Tunnel, NSH,
 * VLAN and MPLS have shapes of their own and are spelled out where they are used. `at` is a part's offset in the
 * struct; the order of parts is that of the text. C counterpart: enum ovs_key_attr and lib/odp-util.c.
 */
import { F } from '../flow/layout.ts';

/** OVS_KEY_ATTR_*. */
export const KEY_ATTR = {
  ENCAP: 1,
  PRIORITY: 2,
  IN_PORT: 3,
  ETHERNET: 4,
  VLAN: 5,
  ETHERTYPE: 6,
  IPV4: 7,
  IPV6: 8,
  TCP: 9,
  UDP: 10,
  ICMP: 11,
  ICMPV6: 12,
  ARP: 13,
  ND: 14,
  SKB_MARK: 15,
  TUNNEL: 16,
  SCTP: 17,
  TCP_FLAGS: 18,
  DP_HASH: 19,
  RECIRC_ID: 20,
  MPLS: 21,
  CT_STATE: 22,
  CT_ZONE: 23,
  CT_MARK: 24,
  CT_LABELS: 25,
  CT_ORIG_TUPLE_IPV4: 26,
  CT_ORIG_TUPLE_IPV6: 27,
  NSH: 28,
  /** From here on userspace's own: never for the kernel. */
  PACKET_TYPE: 29,
  ND_EXTENSIONS: 30,
} as const;

/** How a part is written: `u8`, `u16` decimal, with `x` hexadecimal; `label` is an IPv6 flow label. */
export type PartStyle = 'mac' | 'ipv4' | 'ipv6' | 'u8' | 'u8x' | 'u16' | 'u16x' | 'u32x' | 'label' | 'frag';

export interface Part {
  readonly name: string;
  readonly word: number;
  readonly style: PartStyle;
  readonly at: number;
}

/** Bytes on the wire of a style. */
export const STYLE_BYTES: Readonly<Record<PartStyle, number>> = {
  mac: 6,
  ipv4: 4,
  ipv6: 16,
  u8: 1,
  u8x: 1,
  u16: 2,
  u16x: 2,
  u32x: 4,
  label: 4,
  frag: 1,
};

export interface StructAttr {
  readonly id: number;
  readonly name: string;
  readonly bytes: number;
  readonly parts: readonly Part[];
}

type PartRow = readonly [name: string, word: number, style: PartStyle, at?: number];

function struct(id: number, name: string, bytes: number, rows: readonly PartRow[]): StructAttr {
  let next = 0;
  const parts = rows.map(([partName, word, style, at = next]): Part => {
    next = at + STYLE_BYTES[style];
    return { name: partName, word, style, at };
  });
  return { id, name, bytes, parts };
}

const PORTS: readonly PartRow[] = [
  ['src', F.TP_SRC, 'u16'],
  ['dst', F.TP_DST, 'u16'],
];
const TYPE_AND_CODE: readonly PartRow[] = [
  ['type', F.TP_SRC, 'u8'],
  ['code', F.TP_DST, 'u8'],
];

export const STRUCTS = {
  eth: struct(KEY_ATTR.ETHERNET, 'eth', 12, [
    ['src', F.DL_SRC, 'mac'],
    ['dst', F.DL_DST, 'mac'],
  ]),
  ipv4: struct(KEY_ATTR.IPV4, 'ipv4', 12, [
    ['src', F.NW_SRC, 'ipv4'],
    ['dst', F.NW_DST, 'ipv4'],
    ['proto', F.NW_PROTO, 'u8'],
    ['tos', F.NW_TOS, 'u8x'],
    ['ttl', F.NW_TTL, 'u8'],
    ['frag', F.NW_FRAG, 'frag'],
  ]),
  ipv6: struct(KEY_ATTR.IPV6, 'ipv6', 40, [
    ['src', F.IPV6_SRC, 'ipv6'],
    ['dst', F.IPV6_DST, 'ipv6'],
    ['label', F.IPV6_LABEL, 'label'],
    ['proto', F.NW_PROTO, 'u8'],
    ['tclass', F.NW_TOS, 'u8x'],
    ['hlimit', F.NW_TTL, 'u8'],
    ['frag', F.NW_FRAG, 'frag'],
  ]),
  tcp: struct(KEY_ATTR.TCP, 'tcp', 4, PORTS),
  udp: struct(KEY_ATTR.UDP, 'udp', 4, PORTS),
  sctp: struct(KEY_ATTR.SCTP, 'sctp', 4, PORTS),
  icmp: struct(KEY_ATTR.ICMP, 'icmp', 2, TYPE_AND_CODE),
  icmpv6: struct(KEY_ATTR.ICMPV6, 'icmpv6', 2, TYPE_AND_CODE),
  arp: struct(KEY_ATTR.ARP, 'arp', 24, [
    ['sip', F.NW_SRC, 'ipv4'],
    ['tip', F.NW_DST, 'ipv4'],
    ['op', F.NW_PROTO, 'u16'],
    ['sha', F.ARP_SHA, 'mac'],
    ['tha', F.ARP_THA, 'mac'],
  ]),
  nd: struct(KEY_ATTR.ND, 'nd', 28, [
    ['target', F.ND_TARGET, 'ipv6'],
    ['sll', F.ARP_SHA, 'mac'],
    ['tll', F.ARP_THA, 'mac'],
  ]),
  nd_ext: struct(KEY_ATTR.ND_EXTENSIONS, 'nd_ext', 8, [
    ['nd_reserved', F.ND_RESERVED, 'u32x'],
    ['nd_options_type', F.ND_OPTIONS_TYPE, 'u8'],
  ]),
  ct_tuple4: struct(KEY_ATTR.CT_ORIG_TUPLE_IPV4, 'ct_tuple4', 16, [
    ['src', F.CT_NW_SRC, 'ipv4'],
    ['dst', F.CT_NW_DST, 'ipv4'],
    ['proto', F.CT_NW_PROTO, 'u8', 12],
    ['tp_src', F.CT_TP_SRC, 'u16', 8],
    ['tp_dst', F.CT_TP_DST, 'u16', 10],
  ]),
  ct_tuple6: struct(KEY_ATTR.CT_ORIG_TUPLE_IPV6, 'ct_tuple6', 40, [
    ['src', F.CT_IPV6_SRC, 'ipv6'],
    ['dst', F.CT_IPV6_DST, 'ipv6'],
    ['proto', F.CT_NW_PROTO, 'u8', 36],
    ['src_port', F.CT_TP_SRC, 'u16', 32],
    ['dst_port', F.CT_TP_DST, 'u16', 34],
  ]),
} as const;

export interface ScalarAttr {
  readonly id: number;
  readonly name: string;
  readonly word: number;
  readonly bytes: 2 | 4;
  /** In the host's byte order, as most of them are. */
  readonly hostOrder: boolean;
}

/** Attributes that are one number, in the order in which a datapath lists them. */
export const SCALARS = {
  recirc_id: { id: KEY_ATTR.RECIRC_ID, name: 'recirc_id', word: F.RECIRC_ID, bytes: 4, hostOrder: true },
  dp_hash: { id: KEY_ATTR.DP_HASH, name: 'dp_hash', word: F.DP_HASH, bytes: 4, hostOrder: true },
  skb_priority: {
    id: KEY_ATTR.PRIORITY,
    name: 'skb_priority',
    word: F.SKB_PRIORITY,
    bytes: 4,
    hostOrder: true,
  },
  in_port: { id: KEY_ATTR.IN_PORT, name: 'in_port', word: F.IN_PORT, bytes: 4, hostOrder: true },
  skb_mark: { id: KEY_ATTR.SKB_MARK, name: 'skb_mark', word: F.PKT_MARK, bytes: 4, hostOrder: true },
  ct_state: { id: KEY_ATTR.CT_STATE, name: 'ct_state', word: F.CT_STATE, bytes: 4, hostOrder: true },
  ct_zone: { id: KEY_ATTR.CT_ZONE, name: 'ct_zone', word: F.CT_ZONE, bytes: 2, hostOrder: true },
  ct_mark: { id: KEY_ATTR.CT_MARK, name: 'ct_mark', word: F.CT_MARK, bytes: 4, hostOrder: true },
  packet_type: {
    id: KEY_ATTR.PACKET_TYPE,
    name: 'packet_type',
    word: F.PACKET_TYPE,
    bytes: 4,
    hostOrder: false,
  },
  tcp_flags: { id: KEY_ATTR.TCP_FLAGS, name: 'tcp_flags', word: F.TCP_FLAGS, bytes: 2, hostOrder: false },
} as const satisfies Record<string, ScalarAttr>;

/** Names of conntrack's states in a datapath; bits are those of F.CT_STATE. */
export const ODP_CT_STATE_NAMES = ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat'] as const;

/** Datapath port number that stands for no port. */
export const ODPP_NONE = 0xffffffff;

/** A flow's fragment bits as OVS_FRAG_TYPE_*: 0 none, 1 first, 2 later. */
export const odpFrag = (nwFrag: number): number => (nwFrag & 2 ? 2 : nwFrag & 1);
/** OVS_FRAG_TYPE_* as a flow's fragment bits. */
export const flowFrag = (type: number): number => (type === 2 ? 3 : type);

export const isVlanType = (type: number): boolean => type === 0x8100 || type === 0x88a8;
export const isMplsType = (type: number): boolean => type === 0x8847 || type === 0x8848;

/** Labels in a flow's MPLS stack, at most 3. */
export function countMplsLabels(flow: Uint32Array): number {
  let count = 0;
  for (let i = 0; i < 3; i++) {
    if (flow[F.MPLS_LSE0 + i]! & 0x100) return i + 1;
    if (flow[F.MPLS_LSE0 + i]) count++;
  }
  return count;
}

/** The struct attribute of a flow's transport header, if the datapath parses one. */
export function l4Attr(key: Uint32Array): StructAttr | undefined {
  const type = key[F.DL_TYPE]!;
  if ((type !== 0x0800 && type !== 0x86dd) || key[F.NW_FRAG]! & 2) return undefined;
  switch (key[F.NW_PROTO]) {
    case 6:
      return STRUCTS.tcp;
    case 17:
      return STRUCTS.udp;
    case 132:
      return STRUCTS.sctp;
    case 1:
      return type === 0x0800 ? STRUCTS.icmp : undefined;
    case 58:
      return type === 0x86dd ? STRUCTS.icmpv6 : undefined;
    default:
      return undefined;
  }
}

/** Whether a key is of a neighbor solicitation or advertisement. */
export const isNdKey = (key: Uint32Array): boolean =>
  key[F.DL_TYPE] === 0x86dd &&
  key[F.NW_PROTO] === 58 &&
  key[F.TP_DST] === 0 &&
  (key[F.TP_SRC] === 135 || key[F.TP_SRC] === 136);

/** Whether a key's tunnel metadata is there at all. */
export function hasTunnel(key: Uint32Array): boolean {
  for (let w = F.TUN_SRC; w < F.TUN_SRC + 10; w++) if (key[w] !== 0) return true;
  return false;
}
