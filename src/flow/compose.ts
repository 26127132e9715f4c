/**
 * A packet from its flow key: what traces, tests and `ovs-ofctl compose-packet` send.
 *
 * Headers of what the key says are there, with checksums; payload only where a protocol has some by nature.
 * C counterpart: flow_compose of lib/flow.c.
 */
import { buildArp } from '../packet/arp.ts';
import { csum, csumAdd, csumFinish, csumPseudoIpv4, csumPseudoIpv6 } from '../packet/checksum.ts';
import { ETH_TYPE } from '../packet/ethernet.ts';
import { ICMP4, ICMP6, isNeighborDiscovery } from '../packet/icmp.ts';
import { buildIpv4, buildIpv6, IP_MF, IP_PROTO, IPV4_HEADER_BYTES, IPV6_HEADER_BYTES } from '../packet/ip.ts';
import { buildNsh } from '../packet/nsh.ts';
import { buildTcp, TCP_FLAG, TCP_HEADER_BYTES } from '../packet/tcp.ts';
import { buildUdp, UDP_HEADER_BYTES } from '../packet/udp.ts';
import { putU16, putU32 } from '../packet/wire.ts';
import { isMplsEthertype } from './fields.ts';
import { F, FLOW_DL_TYPE_NONE, FLOW_NW_FRAG_ANY, FLOW_NW_FRAG_LATER, type Flow, VLAN_CFI } from './layout.ts';

export interface ComposeOptions {
  /** Payload of UDP, TCP and echo packets. */
  readonly payload?: Uint8Array;
  /** Grow the packet with zeros to this many bytes. */
  readonly size?: number;
  /** Spoil the IPv4 header's checksum. */
  readonly badChecksum?: boolean;
}

/** Payload that C's tools send when they are not told any. */
const DEFAULT_PAYLOAD = Uint8Array.from({ length: 64 }, (_, i) => i);

const mac = (flow: Flow, word: number): number => flow[word]! * 2 ** 32 + flow[word + 1]!;

function putMacWords(b: Uint8Array, at: number, flow: Flow, word: number): void {
  putU16(b, at, flow[word]!);
  putU32(b, at + 2, flow[word + 1]!);
}

/** The packet, from its Ethernet header on. */
export function composePacket(flow: Flow, options: ComposeOptions = {}): Uint8Array {
  const type = flow[F.DL_TYPE]!;
  const payload = options.payload ?? DEFAULT_PAYLOAD;
  // No header of the protocols below is longer than 128 bytes.
  const b = new Uint8Array(Math.max(options.size ?? 0, 256 + payload.length));
  putMacWords(b, 0, flow, F.DL_DST);
  putMacWords(b, 6, flow, F.DL_SRC);
  let at = 12;
  if (type === FLOW_DL_TYPE_NONE) {
    const size = Math.max(options.size ?? 0, 14);
    putU16(b, at, size);
    return b.slice(0, size);
  }
  for (let i = 0; i < 4; i += 2) {
    if ((flow[F.VLAN_TCI0 + i]! & VLAN_CFI) === 0) continue;
    putU16(b, at, flow[F.VLAN_TPID0 + i]!);
    putU16(b, at + 2, flow[F.VLAN_TCI0 + i]! & ~VLAN_CFI);
    at += 4;
  }
  putU16(b, at, type);
  at += 2;
  const l3 = at;
  if (type === ETH_TYPE.IP || type === ETH_TYPE.IPV6) at = composeIp(b, at, flow, payload, options);
  else if (type === ETH_TYPE.ARP || type === ETH_TYPE.RARP) {
    const op = flow[F.NW_PROTO]!;
    const known = op === 1 || op === 2;
    buildArp(b, at, {
      op,
      sha: known ? mac(flow, F.ARP_SHA) : 0,
      spa: known ? flow[F.NW_SRC]! : 0,
      tha: known ? mac(flow, F.ARP_THA) : 0,
      tpa: known ? flow[F.NW_DST]! : 0,
    });
    at += 28;
  } else if (type === ETH_TYPE.NSH) {
    buildNsh(b, at, {
      flags: flow[F.NSH_FLAGS]!,
      ttl: flow[F.NSH_TTL]!,
      mdType: flow[F.NSH_MDTYPE]!,
      next: flow[F.NSH_NP]!,
      spi: flow[F.NSH_SPI]!,
      si: flow[F.NSH_SI]!,
      context: flow.subarray(F.NSH_C1, F.NSH_C1 + 4),
    });
    at += 24;
  } else if (isMplsEthertype(type)) {
    for (let i = 0; i < 3; i++, at += 4) {
      putU32(b, at, flow[F.MPLS_LSE0 + i]!);
      if (flow[F.MPLS_LSE0 + i]! & 0x100) {
        at += 4;
        break;
      }
    }
  }
  if (options.size !== undefined && options.size > at) {
    at = options.size;
    if (type === ETH_TYPE.IP || type === ETH_TYPE.IPV6) finishIp(b, l3, at, flow);
  }
  return b.slice(0, at);
}

/** @returns the end of the packet */
function composeIp(
  b: Uint8Array,
  at: number,
  flow: Flow,
  payload: Uint8Array,
  options: ComposeOptions,
): number {
  const ipv4 = flow[F.DL_TYPE] === ETH_TYPE.IP;
  const header = ipv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES;
  const end = composeL4(b, at + header, flow, payload);
  const l4Bytes = end - at - header;
  const frag = flow[F.NW_FRAG]!;
  if (ipv4) {
    const fragment = frag & FLOW_NW_FRAG_ANY ? IP_MF | (frag & FLOW_NW_FRAG_LATER ? 100 : 0) : 0;
    buildIpv4(
      b,
      at,
      {
        tos: flow[F.NW_TOS]!,
        fragment,
        ttl: flow[F.NW_TTL]!,
        proto: flow[F.NW_PROTO]!,
        src: flow[F.NW_SRC]!,
        dst: flow[F.NW_DST]!,
      },
      l4Bytes,
    );
    if (options.badChecksum) b[at + 10] = b[at + 10]! ^ 1;
  } else {
    buildIpv6(
      b,
      at,
      {
        tos: flow[F.NW_TOS]!,
        label: flow[F.IPV6_LABEL]!,
        hopLimit: flow[F.NW_TTL]!,
        next: flow[F.NW_PROTO]!,
        src: flow.subarray(F.IPV6_SRC, F.IPV6_SRC + 4),
        dst: flow.subarray(F.IPV6_DST, F.IPV6_DST + 4),
      },
      l4Bytes,
    );
  }
  sumL4(b, at, end, flow);
  return end;
}

/** Puts lengths and checksums right after the packet grew to `end`. */
function finishIp(b: Uint8Array, l3: number, end: number, flow: Flow): void {
  if (flow[F.DL_TYPE] === ETH_TYPE.IP) {
    putU16(b, l3 + 2, end - l3);
    putU16(b, l3 + 10, 0);
    putU16(b, l3 + 10, csum(b, l3, IPV4_HEADER_BYTES));
  } else {
    putU16(b, l3 + 4, end - l3 - IPV6_HEADER_BYTES);
  }
  const l4 = l3 + (flow[F.DL_TYPE] === ETH_TYPE.IP ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES);
  const hasL4 = (flow[F.NW_FRAG]! & FLOW_NW_FRAG_LATER) === 0;
  if (hasL4 && flow[F.NW_PROTO] === IP_PROTO.UDP) putU16(b, l4 + 4, end - l4);
  sumL4(b, l3, end, flow);
}

/** @returns the end of what was written */
function composeL4(b: Uint8Array, at: number, flow: Flow, payload: Uint8Array): number {
  if (flow[F.NW_FRAG]! & FLOW_NW_FRAG_LATER) return at;
  const src = flow[F.TP_SRC]!;
  const dst = flow[F.TP_DST]!;
  const withPayload = (from: number): number => {
    b.set(payload, from);
    return from + payload.length;
  };
  switch (flow[F.NW_PROTO]) {
    case IP_PROTO.TCP: {
      const flags = flow[F.TCP_FLAGS]!;
      buildTcp(b, at, src, dst, flags);
      at += TCP_HEADER_BYTES;
      return flags & (TCP_FLAG.SYN | TCP_FLAG.FIN | TCP_FLAG.RST) ? at : withPayload(at);
    }
    case IP_PROTO.UDP:
      buildUdp(b, at, src, dst, payload.length);
      return withPayload(at + UDP_HEADER_BYTES);
    case IP_PROTO.SCTP:
      putU16(b, at, src);
      putU16(b, at + 2, dst);
      return at + 12;
    case IP_PROTO.ICMP:
      b[at] = src;
      b[at + 1] = dst;
      return dst === 0 && (src === ICMP4.ECHO_REQUEST || src === ICMP4.ECHO_REPLY)
        ? withPayload(at + 8)
        : at + 8;
    case IP_PROTO.IGMP:
      b[at] = src;
      b[at + 1] = dst;
      putU32(b, at + 4, flow[F.IGMP_GROUP_IP4]!);
      return at + 8;
    case IP_PROTO.ICMPV6:
      b[at] = src;
      b[at + 1] = dst;
      putU32(b, at + 4, flow[F.ND_RESERVED]!);
      if (isNeighborDiscovery(src, dst)) return composeNd(b, at + 8, flow);
      return dst === 0 && (src === ICMP6.ECHO_REQUEST || src === ICMP6.ECHO_REPLY)
        ? withPayload(at + 8)
        : at + 8;
    default:
      return at;
  }
}

function composeNd(b: Uint8Array, at: number, flow: Flow): number {
  for (let i = 0; i < 4; i++) putU32(b, at + 4 * i, flow[F.ND_TARGET + i]!);
  at += 16;
  for (const [option, word] of [
    [1, F.ARP_SHA],
    [2, F.ARP_THA],
  ] as const) {
    if (flow[word] === 0 && flow[word + 1] === 0) continue;
    b[at] = option;
    b[at + 1] = 1;
    putMacWords(b, at + 2, flow, word);
    at += 8;
  }
  return at;
}

/** Writes the checksum of the transport header, over what ends at `end`. */
function sumL4(b: Uint8Array, l3: number, end: number, flow: Flow): void {
  if (flow[F.NW_FRAG]! & FLOW_NW_FRAG_LATER) return;
  const ipv4 = flow[F.DL_TYPE] === ETH_TYPE.IP;
  const proto = flow[F.NW_PROTO]!;
  const l4 = l3 + (ipv4 ? IPV4_HEADER_BYTES : IPV6_HEADER_BYTES);
  const field = proto === IP_PROTO.TCP ? 16 : proto === IP_PROTO.UDP ? 6 : 2;
  const plain = proto === IP_PROTO.ICMP || proto === IP_PROTO.IGMP;
  if (!plain && proto !== IP_PROTO.TCP && proto !== IP_PROTO.UDP && proto !== IP_PROTO.ICMPV6) return;
  putU16(b, l4 + field, 0);
  const bytes = end - l4;
  const pseudo = plain
    ? 0
    : ipv4
      ? csumPseudoIpv4(b, l3, proto, bytes)
      : csumPseudoIpv6(b, l3, b[l3 + 6]!, bytes);
  const sum = csumFinish(csumAdd(pseudo, b, l4, bytes));
  putU16(b, l4 + field, sum === 0 && proto === IP_PROTO.UDP ? 0xffff : sum);
}
