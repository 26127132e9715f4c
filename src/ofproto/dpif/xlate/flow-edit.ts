/**
 * Changes to a flow key that translation makes: VLAN tags, MPLS labels, connection tracking state.
 *
 * Functions that take `wc` un-wildcard in it what they looked at or will overwrite.
 * C counterpart: the flow_push_*() and flow_pop_*() functions of lib/flow.c.
 */
import { flowEthertype } from '../../../flow/fields.ts';
import { F, FLOW_WORDS, type Flow, VLAN_CFI } from '../../../flow/layout.ts';

export const ETH_TYPE = {
  IP: 0x0800,
  ARP: 0x0806,
  RARP: 0x8035,
  VLAN: 0x8100,
  VLAN_8021AD: 0x88a8,
  IPV6: 0x86dd,
  LACP: 0x8809,
  MPLS: 0x8847,
  MPLS_MCAST: 0x8848,
  NSH: 0x894f,
  TEB: 0x6558,
  LLDP: 0x88cc,
} as const;

export const IPPROTO = { ICMP: 1, IGMP: 2, TCP: 6, UDP: 17, GRE: 47, ICMPV6: 58, SCTP: 132 } as const;

/** Packet types: (namespace << 16) | ns_type. */
export const PT = {
  ETH: 0,
  NSH: 0x1894f,
  IPV4: 0x10800,
  IPV6: 0x186dd,
  MPLS: 0x18847,
  MPLS_MC: 0x18848,
} as const;

export const N_VLANS = 2;
export const N_MPLS = 3;

export const IP_DSCP_MASK = 0xfc;
export const IP_ECN_MASK = 0x03;

export const MPLS_BOS = 0x100;
export const MPLS_TTL_MASK = 0xff;
export const MPLS_TC_MASK = 0xe00;
export const MPLS_TC_SHIFT = 9;
export const MPLS_LABEL_MASK = 0xffff_f000;
export const MPLS_LABEL_SHIFT = 12;

export const isEthTypeVlan = (t: number): boolean => t === ETH_TYPE.VLAN || t === ETH_TYPE.VLAN_8021AD;
export const isEthTypeMpls = (t: number): boolean => t === ETH_TYPE.MPLS || t === ETH_TYPE.MPLS_MCAST;

/** Whether the packet is IPv4 or IPv6. */
export function isIpAny(flow: Flow): boolean {
  const t = flowEthertype(flow);
  return t === ETH_TYPE.IP || t === ETH_TYPE.IPV6;
}

export const isIcmpv4 = (f: Flow): boolean => f[F.DL_TYPE] === ETH_TYPE.IP && f[F.NW_PROTO] === IPPROTO.ICMP;
export const isIcmpv6 = (f: Flow): boolean =>
  f[F.DL_TYPE] === ETH_TYPE.IPV6 && f[F.NW_PROTO] === IPPROTO.ICMPV6;

/** ORs `bits` into one word of a mask. */
export const orWord = (wc: Flow, word: number, bits: number): void => {
  wc[word] = wc[word]! | bits;
};

/** A MAC address of a flow as a number. */
export const macAt = (flow: Flow, word: number): number => flow[word]! * 0x1_0000_0000 + flow[word + 1]!;

export function setMac(flow: Flow, word: number, mac: bigint): void {
  flow[word] = Number(mac >> 32n);
  flow[word + 1] = Number(mac & 0xffff_ffffn);
}

export function maskMac(wc: Flow, word: number): void {
  wc[word] = 0xffff;
  wc[word + 1] = 0xffff_ffff;
}

export const isBroadcast = (flow: Flow): boolean =>
  flow[F.DL_DST] === 0xffff && flow[F.DL_DST + 1] === 0xffff_ffff;
export const isMulticast = (flow: Flow): boolean => (flow[F.DL_DST]! & 0x100) !== 0;

export function countVlans(flow: Flow): number {
  if ((flow[F.VLAN_TCI0]! & VLAN_CFI) === 0) return 0;
  return (flow[F.VLAN_TCI1]! & VLAN_CFI) === 0 ? 1 : 2;
}

export function popVlan(flow: Flow, wc: Flow): void {
  const n = countVlans(flow);
  if (n > 1) {
    wc[F.VLAN_TPID1] = 0xffff;
    wc[F.VLAN_TCI1] = 0xffff;
    flow[F.VLAN_TPID0] = flow[F.VLAN_TPID1]!;
    flow[F.VLAN_TCI0] = flow[F.VLAN_TCI1]!;
    flow[F.VLAN_TPID1] = 0;
    flow[F.VLAN_TCI1] = 0;
  } else if (n === 1) {
    flow[F.VLAN_TPID0] = 0;
    flow[F.VLAN_TCI0] = 0;
  }
}

/** Makes room for an outer tag, which the caller fills in. An inner of two tags is lost. */
export function pushVlan(flow: Flow, wc: Flow, tpid: number, tci: number): void {
  const n = countVlans(flow);
  if (n > 0) wc.fill(0xffff, F.VLAN_TPID0, F.VLAN_TPID0 + 2 * n);
  flow[F.VLAN_TPID1] = flow[F.VLAN_TPID0]!;
  flow[F.VLAN_TCI1] = flow[F.VLAN_TCI0]!;
  flow[F.VLAN_TPID0] = tpid;
  flow[F.VLAN_TCI0] = tci;
}

/** Labels that the flow key holds: up to the bottom of stack, at most {@link N_MPLS}. */
export function countMpls(flow: Flow, wc: Flow | undefined): number {
  if (!isEthTypeMpls(flow[F.DL_TYPE]!)) return 0;
  let n = 0;
  for (let i = 0; i < N_MPLS; i++) {
    if (wc) orWord(wc, F.MPLS_LSE0 + i, MPLS_BOS);
    const lse = flow[F.MPLS_LSE0 + i]!;
    if (lse & MPLS_BOS) return i + 1;
    if (lse) n++;
  }
  return n;
}

/** How many labels, from the bottom of the stack, both flows have in common. */
export function countCommonMpls(a: Flow, an: number, b: Flow, bn: number): number {
  const min = Math.min(an, bn);
  let common = 0;
  while (common < min && a[F.MPLS_LSE0 + an - 1 - common] === b[F.MPLS_LSE0 + bn - 1 - common]) common++;
  return common;
}

/** Pushes a copy of the outermost of `n` labels, or a first label made from the IP header.
 * @param clearL3 forget the fields behind the labels, which the datapath cannot reach any more */
export function pushMpls(
  flow: Flow,
  n: number,
  ethType: number,
  wc: Flow | undefined,
  clearL3: boolean,
): void {
  if (n > 0) {
    wc?.fill(0xffff_ffff, F.MPLS_LSE0, F.MPLS_LSE0 + n);
    for (let i = n; i >= 1; i--) flow[F.MPLS_LSE0 + i] = flow[F.MPLS_LSE0 + i - 1]!;
    flow[F.MPLS_LSE0] = flow[F.MPLS_LSE0 + 1]! & ~MPLS_BOS;
  } else {
    let label = 0; // IPv4 explicit null
    let tc = 0;
    let ttl = 64;
    if (flow[F.DL_TYPE] === ETH_TYPE.IPV6) label = 2;
    if (isIpAny(flow)) {
      tc = (flow[F.NW_TOS]! & IP_DSCP_MASK) >> 2;
      if (wc) {
        orWord(wc, F.NW_TOS, IP_DSCP_MASK);
        wc[F.NW_TTL] = 0xff;
      }
      ttl = flow[F.NW_TTL]! || ttl;
    }
    flow[F.MPLS_LSE0] = (label << MPLS_LABEL_SHIFT) | ((tc << MPLS_TC_SHIFT) & MPLS_TC_MASK) | MPLS_BOS | ttl;
    if (clearL3) {
      flow.fill(0, F.NW_SRC, FLOW_WORDS);
      flow.fill(0, F.CT_NW_SRC, F.CT_NW_PROTO);
      flow[F.CT_TP_SRC] = 0;
      flow[F.CT_TP_DST] = 0;
      flow[F.DP_HASH] = 0;
    }
  }
  flow[F.DL_TYPE] = ethType;
}

/** Pops the outermost of `n` labels.
 * @returns false when there is none or the one that moves into the key's last place is not known */
export function popMpls(flow: Flow, n: number, ethType: number, wc: Flow | undefined): boolean {
  if (n === 0) return false;
  if (n === N_MPLS) {
    if (wc) orWord(wc, F.MPLS_LSE0 + n - 1, MPLS_BOS);
    if ((flow[F.MPLS_LSE0 + n - 1]! & MPLS_BOS) === 0) return false;
  }
  wc?.fill(0xffff_ffff, F.MPLS_LSE0 + 1, F.MPLS_LSE0 + n);
  for (let i = 1; i < n; i++) flow[F.MPLS_LSE0 + i - 1] = flow[F.MPLS_LSE0 + i]!;
  flow[F.MPLS_LSE0 + n - 1] = 0;
  flow[F.DL_TYPE] = ethType;
  return true;
}

/** Back to an untracked packet. */
export function clearConntrack(flow: Flow): void {
  flow[F.CT_STATE] = 0;
  flow[F.CT_ZONE] = 0;
  flow[F.CT_MARK] = 0;
  flow.fill(0, F.CT_LABEL, F.CT_LABEL + 4);
  flow[F.CT_NW_PROTO] = 0;
  flow[F.CT_TP_SRC] = 0;
  flow[F.CT_TP_DST] = 0;
  if (flow[F.DL_TYPE] === ETH_TYPE.IP) flow.fill(0, F.CT_NW_SRC, F.CT_NW_DST + 1);
  else if (flow[F.DL_TYPE] === ETH_TYPE.IPV6) flow.fill(0, F.CT_IPV6_SRC, F.CT_IPV6_DST + 4);
}

/** Words of the tunnel fields: everything before the metadata. */
export const TUNNEL_WORDS: number = F.METADATA;

/** Whether the packet came through a tunnel (or a tunnel destination was set). */
export function hasTunnelDst(flow: Flow): boolean {
  if (flow[F.TUN_DST] !== 0) return true;
  for (let i = 0; i < 4; i++) if (flow[F.TUN_IPV6_DST + i] !== 0) return true;
  return false;
}
