/**
 * From a packet's bytes to its flow key.
 *
 * Truncated and malformed packets are parsed as far as they make sense: a header that does not fit leaves its
 * words zero and ends the parse, as in the C implementation, and nothing past `end` is read. Metadata words
 * (everything before {@link F.DL_DST}) are the caller's and stay, apart from conntrack's original tuple, of which
 * only the family of the packet is kept. Allocates nothing.
 * C counterpart: miniflow_extract of lib/flow.c.
 */
import {
  ETH_HEADER_BYTES,
  ETH_TYPE,
  ethertypeBytes,
  isVlanEthertype,
  parseEthertype,
} from '../packet/ethernet.ts';
import {
  IP_MF,
  IP_OFFSET_MASK,
  IP_PROTO,
  IPV6_HEADER_BYTES,
  isIpv4Sane,
  isIpv6Sane,
  newIpv6Walk,
  walkIpv6Headers,
} from '../packet/ip.ts';
import { getU16, getU32 } from '../packet/wire.ts';
import { isMplsEthertype } from './fields.ts';
import {
  F,
  FLOW_DL_TYPE_NONE,
  FLOW_NW_FRAG_ANY,
  FLOW_NW_FRAG_LATER,
  FLOW_WORDS,
  type Flow,
  VLAN_CFI,
} from './layout.ts';

/** Where a packet's headers start: indexes into its bytes, -1 for none. */
export interface Layers {
  /** First MPLS label stack entry. */
  l25: number;
  l3: number;
  l4: number;
  /** Bytes at the end that belong to no IP packet. */
  padding: number;
}

export const newLayers = (): Layers => ({ l25: -1, l3: -1, l4: -1, padding: 0 });

const MAX_VLANS = 2;
const MAX_MPLS_LABELS = 3;

const scratch = newLayers();
const walk = newIpv6Walk();

/**
 * Fills the header words of `flow` from a packet.
 * @param flow whose `F.PACKET_TYPE` says what the bytes start with (0: Ethernet)
 * @param layers receives the offsets of the headers
 * @param vlanLimit tags beyond this many are not looked through (other_config:vlan-limit)
 */
export function extractFlow(
  b: Uint8Array,
  flow: Flow,
  layers: Layers = scratch,
  start = 0,
  end = b.length,
  vlanLimit = MAX_VLANS,
): void {
  flow.fill(0, F.DL_DST, FLOW_WORDS);
  layers.l25 = -1;
  layers.l3 = -1;
  layers.l4 = -1;
  layers.padding = 0;
  const ctTpSrc = flow[F.CT_TP_SRC]!;
  const ctTpDst = flow[F.CT_TP_DST]!;
  flow[F.CT_TP_SRC] = 0;
  flow[F.CT_TP_DST] = 0;

  let at = start;
  let type: number;
  const packetType = flow[F.PACKET_TYPE]!;
  if (packetType === 0) {
    if (end - start < ETH_HEADER_BYTES) {
      dropCtTuple(flow);
      return;
    }
    flow[F.DL_DST] = getU16(b, at);
    flow[F.DL_DST + 1] = getU32(b, at + 2);
    flow[F.DL_SRC] = getU16(b, at + 6);
    flow[F.DL_SRC + 1] = getU32(b, at + 8);
    at += 12;
    for (let n = 0; n < vlanLimit && n < MAX_VLANS && end - at >= 6; n++) {
      const tpid = getU16(b, at);
      if (!isVlanEthertype(tpid)) break;
      flow[F.VLAN_TPID0 + 2 * n] = tpid;
      flow[F.VLAN_TCI0 + 2 * n] = getU16(b, at + 2) | VLAN_CFI;
      at += 4;
    }
    type = parseEthertype(b, at, end) ?? FLOW_DL_TYPE_NONE;
    at += ethertypeBytes(b, at, end);
  } else {
    type = packetType & 0xffff;
  }
  flow[F.DL_TYPE] = type;

  if (isMplsEthertype(type)) {
    layers.l25 = at;
    for (let n = 0; end - at >= 4; n++, at += 4) {
      const lse = getU32(b, at);
      if (n < MAX_MPLS_LABELS) flow[F.MPLS_LSE0 + n] = lse;
      if (lse & 0x100) {
        at += 4;
        break;
      }
    }
  }
  layers.l3 = at;

  if (type === ETH_TYPE.IP) {
    if (!isIpv4Sane(b, at, end)) {
      dropCtTuple(flow);
      return;
    }
    const total = getU16(b, at + 2);
    const fragment = getU16(b, at + 6);
    layers.padding = end - at - total;
    flow[F.NW_SRC] = getU32(b, at + 12);
    flow[F.NW_DST] = getU32(b, at + 16);
    flow[F.NW_TOS] = b[at + 1]!;
    flow[F.NW_TTL] = b[at + 8]!;
    flow[F.NW_PROTO] = b[at + 9]!;
    if (fragment & (IP_MF | IP_OFFSET_MASK)) {
      flow[F.NW_FRAG] = FLOW_NW_FRAG_ANY | (fragment & IP_OFFSET_MASK ? FLOW_NW_FRAG_LATER : 0);
    }
    flow.fill(0, F.CT_IPV6_SRC, F.CT_IPV6_SRC + 8);
    layers.l4 = at + (b[at]! & 0x0f) * 4;
    extractL4(b, flow, layers.l4, at + total, ctTpSrc, ctTpDst);
  } else if (type === ETH_TYPE.IPV6) {
    if (!isIpv6Sane(b, at, end)) {
      dropCtTuple(flow);
      return;
    }
    const payloadEnd = at + IPV6_HEADER_BYTES + getU16(b, at + 4);
    layers.padding = end - payloadEnd;
    for (let i = 0; i < 4; i++) {
      flow[F.IPV6_SRC + i] = getU32(b, at + 8 + 4 * i);
      flow[F.IPV6_DST + i] = getU32(b, at + 24 + 4 * i);
    }
    flow[F.CT_NW_SRC] = 0;
    flow[F.CT_NW_DST] = 0;
    // Headers that run past the end: the addresses are known, the rest is not.
    if (!walkIpv6Headers(b, at, payloadEnd, walk)) return;
    const first = getU32(b, at);
    flow[F.IPV6_LABEL] = first & 0xfffff;
    flow[F.NW_TOS] = (first >>> 20) & 0xff;
    flow[F.NW_TTL] = b[at + 7]!;
    flow[F.NW_PROTO] = walk.proto;
    flow[F.NW_FRAG] = walk.frag;
    layers.l4 = walk.at;
    extractL4(b, flow, walk.at, payloadEnd, ctTpSrc, ctTpDst);
  } else {
    dropCtTuple(flow);
    if (type === ETH_TYPE.ARP || type === ETH_TYPE.RARP) extractArp(b, flow, at, end);
    else if (type === ETH_TYPE.NSH) extractNsh(b, flow, at, end);
  }
}

/** Forgets conntrack's original tuple, which only an IP packet has. */
function dropCtTuple(flow: Flow): void {
  flow.fill(0, F.CT_NW_SRC, F.CT_TP_DST + 1);
}

function extractArp(b: Uint8Array, flow: Flow, at: number, end: number): void {
  if (end - at < 28) return;
  // Ethernet, IPv4, and the lengths of their addresses.
  if (getU32(b, at) !== 0x00010800 || getU16(b, at + 4) !== 0x0604) return;
  const op = getU16(b, at + 6);
  if (op <= 0xff) flow[F.NW_PROTO] = op;
  flow[F.ARP_SHA] = getU16(b, at + 8);
  flow[F.ARP_SHA + 1] = getU32(b, at + 10);
  flow[F.NW_SRC] = getU32(b, at + 14);
  flow[F.ARP_THA] = getU16(b, at + 18);
  flow[F.ARP_THA + 1] = getU32(b, at + 20);
  flow[F.NW_DST] = getU32(b, at + 24);
}

function extractNsh(b: Uint8Array, flow: Flow, at: number, end: number): void {
  if (end - at < 8) return;
  const first = getU16(b, at);
  const bytes = (first & 0x3f) * 4;
  const mdType = b[at + 2]!;
  if (bytes > end - at || first >>> 14 !== 0) return;
  if (mdType === 1 ? bytes !== 24 : mdType === 2 && bytes < 8) return;
  flow[F.NSH_FLAGS] = (first >>> 12) & 3;
  flow[F.NSH_TTL] = (first >>> 6) & 0x3f;
  flow[F.NSH_MDTYPE] = mdType;
  flow[F.NSH_NP] = b[at + 3]!;
  const path = getU32(b, at + 4);
  flow[F.NSH_SPI] = path >>> 8;
  flow[F.NSH_SI] = path & 0xff;
  if (mdType === 1) for (let i = 0; i < 4; i++) flow[F.NSH_C1 + i] = getU32(b, at + 8 + 4 * i);
}

function extractL4(
  b: Uint8Array,
  flow: Flow,
  at: number,
  end: number,
  ctTpSrc: number,
  ctTpDst: number,
): void {
  const size = end - at;
  const proto = flow[F.NW_PROTO]!;
  let ctPorts = true;
  if (flow[F.NW_FRAG]! & FLOW_NW_FRAG_LATER) {
    const ct = flow[F.CT_NW_PROTO]!;
    const nd = ct === IP_PROTO.ICMPV6 && size >= 2 && isNd(b[at]!, b[at + 1]!);
    const known = ct === IP_PROTO.TCP || ct === IP_PROTO.UDP || ct === IP_PROTO.SCTP || ct === IP_PROTO.ICMP;
    ctPorts = known || (ct === IP_PROTO.ICMPV6 && !nd);
  } else {
    switch (proto) {
      case IP_PROTO.TCP: {
        if (size < 20) return;
        const headerBytes = (b[at + 12]! >> 4) * 4;
        if (headerBytes < 20 || size < headerBytes) return;
        flow[F.TCP_FLAGS] = getU16(b, at + 12) & 0x0fff;
        flow[F.TP_SRC] = getU16(b, at);
        flow[F.TP_DST] = getU16(b, at + 2);
        break;
      }
      case IP_PROTO.UDP:
      case IP_PROTO.SCTP:
        if (size < (proto === IP_PROTO.UDP ? 8 : 12)) return;
        flow[F.TP_SRC] = getU16(b, at);
        flow[F.TP_DST] = getU16(b, at + 2);
        break;
      case IP_PROTO.ICMP:
      case IP_PROTO.IGMP:
        if (size < 8) return;
        flow[F.TP_SRC] = b[at]!;
        flow[F.TP_DST] = b[at + 1]!;
        if (proto === IP_PROTO.IGMP) {
          flow[F.IGMP_GROUP_IP4] = getU32(b, at + 4);
          ctPorts = false;
        }
        break;
      case IP_PROTO.ICMPV6:
        if (size < 8) return;
        flow[F.TP_SRC] = b[at]!;
        flow[F.TP_DST] = b[at + 1]!;
        if (isNd(b[at]!, b[at + 1]!)) {
          extractNd(b, flow, at, end);
          ctPorts = false;
        }
        break;
      default:
        ctPorts = false;
    }
  }
  if (ctPorts && flow[F.CT_NW_PROTO] !== 0) {
    flow[F.CT_TP_SRC] = ctTpSrc;
    flow[F.CT_TP_DST] = ctTpDst;
  }
}

const isNd = (type: number, code: number): boolean => code === 0 && (type === 135 || type === 136);

const ND_OPT_SOURCE = 1;
const ND_OPT_TARGET = 2;

/** Neighbor solicitation or advertisement: target and link-layer address options. */
function extractNd(b: Uint8Array, flow: Flow, at: number, end: number): void {
  flow[F.ND_RESERVED] = getU32(b, at + 4);
  at += 8;
  if (end - at < 16) return;
  for (let i = 0; i < 4; i++) flow[F.ND_TARGET + i] = getU32(b, at + 4 * i);
  at += 16;
  while (end - at >= 8) {
    const type = b[at]!;
    const bytes = b[at + 1]! * 8;
    if (bytes === 0 || bytes > end - at) return;
    if ((type === ND_OPT_SOURCE || type === ND_OPT_TARGET) && bytes === 8) {
      const word = type === ND_OPT_SOURCE ? F.ARP_SHA : F.ARP_THA;
      if (flow[word] !== 0 || flow[word + 1] !== 0) {
        // The same option twice: nothing of it is to be believed.
        flow.fill(0, F.ND_TARGET, F.ND_TARGET + 4);
        flow.fill(0, F.ARP_SHA, F.ARP_SHA + 4);
        return;
      }
      flow[word] = getU16(b, at + 2);
      flow[word + 1] = getU32(b, at + 4);
      if (flow[F.ND_OPTIONS_TYPE] === 0) flow[F.ND_OPTIONS_TYPE] = type;
    }
    at += bytes;
  }
}
