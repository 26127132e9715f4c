/**
 * IPv4 and IPv6 headers, and the IP protocol numbers.
 *
 * The parsers answer with offsets and numbers, not objects. C counterpart: the sanity checks and
 * parse_ipv6_ext_hdrs of lib/flow.c.
 */
import { csum } from './checksum.ts';
import { getU16, getU32, putU16, putU32 } from './wire.ts';

export const IP_PROTO = {
  HOPOPTS: 0,
  ICMP: 1,
  IGMP: 2,
  IPIP: 4,
  TCP: 6,
  UDP: 17,
  IPV6: 41,
  ROUTING: 43,
  FRAGMENT: 44,
  GRE: 47,
  ESP: 50,
  AH: 51,
  ICMPV6: 58,
  NONE: 59,
  DSTOPTS: 60,
  SCTP: 132,
} as const;

export const IPV4_HEADER_BYTES = 20;
export const IPV6_HEADER_BYTES = 40;
export const IP_DF = 0x4000;
export const IP_MF = 0x2000;
export const IP_OFFSET_MASK = 0x1fff;

/** Whether an IPv4 header at `at` is whole and its lengths fit into what ends at `end`. */
export function isIpv4Sane(b: Uint8Array, at: number, end: number): boolean {
  const size = end - at;
  if (size < IPV4_HEADER_BYTES) return false;
  const headerBytes = (b[at]! & 0x0f) * 4;
  if (headerBytes < IPV4_HEADER_BYTES || size < headerBytes) return false;
  const total = getU16(b, at + 2);
  return total <= size && headerBytes <= total && size - total <= 0xffff;
}

/** Whether an IPv6 header at `at` is whole and its payload lies before `end`. */
export function isIpv6Sane(b: Uint8Array, at: number, end: number): boolean {
  const size = end - at;
  if (size < IPV6_HEADER_BYTES) return false;
  const total = getU16(b, at + 4) + IPV6_HEADER_BYTES;
  return total <= size && size - total <= 0xffff;
}

/** What the walk over IPv6 extension headers found. One object, overwritten by each walk. */
export interface Ipv6Walk {
  /** The protocol after the headers; 44 for a later fragment. */
  proto: number;
  /** Where that protocol's header starts. */
  at: number;
  /** 0, 1 for a first fragment, 3 for a later one. */
  frag: number;
  /** Where the last fragment and routing headers start; -1 for none. */
  fragmentAt: number;
  routingAt: number;
}

export const newIpv6Walk = (): Ipv6Walk => ({ proto: 0, at: 0, frag: 0, fragmentAt: -1, routingAt: -1 });

/** Walks the extension headers of the IPv6 header at `ip`. @returns false if they run past `end` */
export function walkIpv6Headers(b: Uint8Array, ip: number, end: number, walk: Ipv6Walk): boolean {
  let proto = b[ip + 6]!;
  let at = ip + IPV6_HEADER_BYTES;
  let fragment = 0;
  walk.frag = 0;
  walk.fragmentAt = -1;
  walk.routingAt = -1;
  for (;;) {
    switch (proto) {
      case IP_PROTO.HOPOPTS:
      case IP_PROTO.ROUTING:
      case IP_PROTO.DSTOPTS:
      case IP_PROTO.AH:
      case IP_PROTO.FRAGMENT:
        break;
      default:
        walk.proto = proto;
        walk.at = at;
        walk.frag = fragment;
        return true;
    }
    if (end - at < 8) return false;
    const next = b[at]!;
    let bytes = 8;
    if (proto === IP_PROTO.FRAGMENT) {
      const offsetAndFlags = getU16(b, at + 2);
      walk.fragmentAt = at;
      if (offsetAndFlags !== 0) {
        fragment = 1;
        if (offsetAndFlags & 0xfff8) {
          walk.proto = IP_PROTO.FRAGMENT;
          walk.at = at + 8;
          walk.frag = 3;
          return true;
        }
      }
    } else if (proto === IP_PROTO.AH) {
      bytes = (b[at + 1]! + 2) * 4;
    } else {
      if (proto === IP_PROTO.ROUTING) walk.routingAt = at;
      bytes = (b[at + 1]! + 1) * 8;
    }
    if (bytes > end - at) return false;
    at += bytes;
    proto = next;
  }
}

export interface Ipv4Header {
  readonly tos: number;
  readonly id?: number;
  /** Flags and fragment offset, as on the wire. */
  readonly fragment?: number;
  readonly ttl: number;
  readonly proto: number;
  readonly src: number;
  readonly dst: number;
}

/** Writes a header without options for `payloadBytes` of payload, with its checksum. */
export function buildIpv4(b: Uint8Array, at: number, header: Ipv4Header, payloadBytes: number): void {
  b[at] = 0x45;
  b[at + 1] = header.tos;
  putU16(b, at + 2, IPV4_HEADER_BYTES + payloadBytes);
  putU16(b, at + 4, header.id ?? 0);
  putU16(b, at + 6, header.fragment ?? 0);
  b[at + 8] = header.ttl;
  b[at + 9] = header.proto;
  putU16(b, at + 10, 0);
  putU32(b, at + 12, header.src);
  putU32(b, at + 16, header.dst);
  putU16(b, at + 10, csum(b, at, IPV4_HEADER_BYTES));
}

export interface Ipv6Header {
  readonly tos: number;
  readonly label: number;
  readonly hopLimit: number;
  readonly next: number;
  /** Four words each, most significant first. */
  readonly src: ArrayLike<number>;
  readonly dst: ArrayLike<number>;
}

export function buildIpv6(b: Uint8Array, at: number, header: Ipv6Header, payloadBytes: number): void {
  putU32(b, at, ((6 << 28) | (header.tos << 20) | header.label) >>> 0);
  putU16(b, at + 4, payloadBytes);
  b[at + 6] = header.next;
  b[at + 7] = header.hopLimit;
  for (let i = 0; i < 4; i++) {
    putU32(b, at + 8 + 4 * i, header.src[i]!);
    putU32(b, at + 24 + 4 * i, header.dst[i]!);
  }
}

/** 224.0.0.0/4. */
export const isMulticastIpv4 = (ip: number): boolean => ip >>> 28 === 0xe;

/** The four words of an IPv6 address at `at`. */
export const getIpv6 = (b: Uint8Array, at: number): [number, number, number, number] => [
  getU32(b, at),
  getU32(b, at + 4),
  getU32(b, at + 8),
  getU32(b, at + 12),
];
