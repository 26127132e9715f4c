/**
 * Turns the difference between the packet as the datapath has it (`base`) and as the actions so far want it
 * (`flow`) into datapath actions, and makes `base` equal to `flow`.
 *
 * Translation changes `flow` freely and commits only before a packet leaves, so that ten set_field actions on
 * one header cost one datapath action. A changed field is written with the bits that translation marked in
 * `wc` when it wrote them; fields that end up as they were cost nothing.
 * C counterpart: commit_odp_actions() in lib/odp-util.c.
 */
import { F, type Flow, VLAN_CFI } from '../../../flow/layout.ts';
import type { OdpAction, OdpSetAttr, OdpSetWord } from '../../../odp/action.ts';
import {
  countCommonMpls,
  countMpls,
  countVlans,
  ETH_TYPE,
  hasTunnelDst,
  IP_ECN_MASK,
  IPPROTO,
  isEthTypeMpls,
  isIcmpv4,
  isIcmpv6,
  isIpAny,
  PT,
  popMpls,
  pushMpls,
} from './flow-edit.ts';
import { pushNshHeader } from './nsh-header.ts';
import { SLOW } from './slow-path.ts';

/** What commit needs of the translation. */
export interface CommitContext {
  readonly flow: Flow;
  readonly base: Flow;
  readonly wc: Flow;
  pendingEncap: boolean;
  pendingDecap: boolean;
  encapData: Uint8Array | undefined;
  put(action: OdpAction): void;
}

/** One field of a key attribute: `n` words from `word` on; `full` is the mask of each when all bits count. */
interface AttrField {
  readonly word: number;
  readonly n: number;
  readonly full: number;
  /** Words of wide fields after the first are full 32 bits. */
  readonly readOnly?: boolean;
}

const field = (word: number, full: number, n = 1): AttrField => ({ word, n, full });
const mac = (word: number): AttrField => ({ word, n: 2, full: 0xffff });
const ipv6 = (word: number): AttrField => ({ word, n: 4, full: 0xffff_ffff });
const u32 = (word: number): AttrField => ({ word, n: 1, full: 0xffff_ffff });
const readOnly = (word: number): AttrField => ({ word, n: 1, full: 0xff, readOnly: true });

const ETH = [mac(F.DL_SRC), mac(F.DL_DST)];
const IPV4 = [
  u32(F.NW_SRC),
  u32(F.NW_DST),
  readOnly(F.NW_PROTO),
  field(F.NW_TOS, 0xff),
  field(F.NW_TTL, 0xff),
];
const IPV6 = [
  ipv6(F.IPV6_SRC),
  ipv6(F.IPV6_DST),
  field(F.IPV6_LABEL, 0xfffff),
  readOnly(F.NW_PROTO),
  field(F.NW_TOS, 0xff),
  field(F.NW_TTL, 0xff),
];
const ARP = [u32(F.NW_SRC), u32(F.NW_DST), field(F.NW_PROTO, 0xff), mac(F.ARP_SHA), mac(F.ARP_THA)];
const PORTS = [field(F.TP_SRC, 0xffff), field(F.TP_DST, 0xffff)];
const ICMP = [field(F.TP_SRC, 0xff), field(F.TP_DST, 0xff)];
const ND = [ipv6(F.ND_TARGET), mac(F.ARP_SHA), mac(F.ARP_THA)];
const ND_EXT = [u32(F.ND_RESERVED), field(F.ND_OPTIONS_TYPE, 0xff)];
const PRIORITY = [u32(F.SKB_PRIORITY)];
const MARK = [u32(F.PKT_MARK)];
const NSH_BASE = [
  field(F.NSH_FLAGS, 0xff),
  field(F.NSH_TTL, 0xff),
  field(F.NSH_SPI, 0xffffff),
  field(F.NSH_SI, 0xff),
];
const NSH_CONTEXT = [u32(F.NSH_C1), u32(F.NSH_C1 + 1), u32(F.NSH_C1 + 2), u32(F.NSH_C1 + 3)];

const fullMask = (f: AttrField, i: number): number => (i === 0 ? f.full : 0xffff_ffff);

function differs(f: AttrField, a: Flow, b: Flow): boolean {
  for (let i = 0; i < f.n; i++) if (a[f.word + i] !== b[f.word + i]) return true;
  return false;
}

/**
 * Emits a set action for the fields of one attribute that differ.
 * @param clearEcn leave the ECN bits alone, which the tunnel decapsulation owns
 * @returns whether anything was emitted
 */
function commitSet(
  ctx: CommitContext,
  attr: OdpSetAttr,
  fields: readonly AttrField[],
  useMasked: boolean,
  clearEcn = false,
): boolean {
  const { flow, base, wc } = ctx;
  let changed = false;
  let exact = true;
  for (const f of fields) {
    if (f.readOnly) {
      exact = false;
    } else if (differs(f, flow, base)) {
      changed = true;
      for (let i = 0; i < f.n; i++) if (wc[f.word + i] !== fullMask(f, i)) exact = false;
    } else exact = false;
  }
  if (!changed) return false;

  const masked = useMasked && !exact;
  const words: OdpSetWord[] = [];
  for (const f of fields) {
    if (f.readOnly) continue;
    if (masked && !differs(f, flow, base)) continue;
    for (let i = 0; i < f.n; i++) {
      const word = f.word + i;
      let mask = masked ? wc[word]! : fullMask(f, i);
      if (clearEcn && word === F.NW_TOS) mask &= ~IP_ECN_MASK;
      if (mask !== 0) words.push({ word, value: (flow[word]! & mask) >>> 0, mask });
      if (!masked) wc[word] = mask;
    }
  }
  for (const f of fields) for (let i = 0; i < f.n; i++) base[f.word + i] = flow[f.word + i]!;
  ctx.put({ kind: 'set', attr, masked, words });
  return true;
}

/** Pops the tags of `base` that `flow` does not have and pushes those that it has more. */
function commitVlan(ctx: CommitContext): void {
  const { flow, base, wc } = ctx;
  let baseN = countVlans(base) - 1;
  let flowN = countVlans(flow) - 1;
  while (
    baseN >= 0 &&
    flowN >= 0 &&
    base[F.VLAN_TPID0 + 2 * baseN] === flow[F.VLAN_TPID0 + 2 * flowN] &&
    base[F.VLAN_TCI0 + 2 * baseN] === flow[F.VLAN_TCI0 + 2 * flowN]
  ) {
    baseN--;
    flowN--;
  }
  for (; baseN >= 0; baseN--) {
    ctx.put({ kind: 'pop_vlan' });
    wc[F.VLAN_TPID0 + 2 * baseN] = 0xffff;
    wc[F.VLAN_TCI0 + 2 * baseN] = 0xffff;
  }
  for (; flowN >= 0; flowN--) {
    const tci = flow[F.VLAN_TCI0 + 2 * flowN]! | VLAN_CFI;
    ctx.put({ kind: 'push_vlan', tpid: flow[F.VLAN_TPID0 + 2 * flowN]!, tci });
  }
  for (let i = F.VLAN_TPID0; i <= F.VLAN_TCI1; i++) base[i] = flow[i]!;
}

function commitMpls(ctx: CommitContext, pendingEncap: boolean): void {
  const { flow, base } = ctx;
  let baseN = countMpls(base, undefined);
  const flowN = countMpls(flow, undefined);
  let common = countCommonMpls(flow, flowN, base, baseN);
  const ethType = flow[F.DL_TYPE]!;
  while (baseN > common) {
    if (baseN - 1 === common && flowN > common) {
      // The outermost label changes its value but not its place.
      const value = flow[F.MPLS_LSE0 + flowN - baseN]!;
      ctx.put({
        kind: 'set',
        attr: 'mpls',
        masked: false,
        words: [{ word: F.MPLS_LSE0, value, mask: 0xffff_ffff }],
      });
      base[F.MPLS_LSE0] = value;
      common++;
    } else {
      // Only the last pop may name the Ethertype of what lies below the labels.
      const popped = !isEthTypeMpls(ethType) && baseN > 1 ? ETH_TYPE.MPLS : ethType;
      ctx.put({ kind: 'pop_mpls', ethertype: popped });
      popMpls(base, baseN, ethType, undefined);
      baseN--;
    }
  }
  for (; baseN < flowN; baseN++) {
    const lse = flow[F.MPLS_LSE0 + flowN - baseN - 1]!;
    if (pendingEncap) ctx.put({ kind: 'add_mpls', ethertype: ethType, lse, tunFlags: 0 });
    else ctx.put({ kind: 'push_mpls', ethertype: ethType, lse });
    // L3 stays in `base`: translation may come back to the packet without the labels.
    pushMpls(base, baseN, ethType, undefined, false);
    base[F.MPLS_LSE0] = lse;
  }
}

function commitEncapDecap(ctx: CommitContext): void {
  const { flow, base, wc } = ctx;
  const type = flow[F.PACKET_TYPE]!;
  if (ctx.pendingEncap) {
    if (type === PT.ETH) {
      const addr = (w: number): bigint => (BigInt(flow[w]!) << 32n) | BigInt(flow[w + 1]!);
      ctx.put({ kind: 'push_eth', src: addr(F.DL_SRC), dst: addr(F.DL_DST) });
      base[F.PACKET_TYPE] = type;
      for (let i = F.DL_DST; i < F.DL_TYPE; i++) base[i] = flow[i]!;
    } else if (type === PT.NSH) {
      ctx.put({ kind: 'push_nsh', header: pushNshHeader(flow, ctx.encapData) });
      base[F.PACKET_TYPE] = type;
      base.set(flow.subarray(F.DL_DST), F.DL_DST);
    } else commitMpls(ctx, true);
  } else if (ctx.pendingDecap || type !== base[F.PACKET_TYPE]) {
    if (type >>> 16 === 1 && base[F.PACKET_TYPE] === PT.ETH) {
      ctx.put({ kind: 'pop_eth' });
      base[F.PACKET_TYPE] = type;
      base.fill(0, F.DL_DST, F.DL_TYPE);
    } else if (base[F.PACKET_TYPE] === PT.NSH) ctx.put({ kind: 'pop_nsh' });
    else commitMpls(ctx, false);
  }
  wc[F.PACKET_TYPE] = 0xffff_ffff;
}

function commitNsh(ctx: CommitContext): void {
  if (ctx.flow[F.DL_TYPE] !== ETH_TYPE.NSH) return;
  commitSet(ctx, 'nsh', ctx.flow[F.NSH_MDTYPE] === 1 ? [...NSH_BASE, ...NSH_CONTEXT] : NSH_BASE, true);
}

/** @returns a slow-path reason, or 0 */
function commitNetwork(ctx: CommitContext): number {
  const { flow, base } = ctx;
  if (flow[F.NW_PROTO] === 0) return 0;
  const keepEcn = hasTunnelDst(base) && ((base[F.NW_TOS]! ^ flow[F.NW_TOS]!) & IP_ECN_MASK) === 0;
  switch (base[F.DL_TYPE]) {
    case ETH_TYPE.IP:
      commitSet(ctx, 'ipv4', IPV4, true, keepEcn);
      return 0;
    case ETH_TYPE.IPV6: {
      commitSet(ctx, 'ipv6', IPV6, true, keepEcn);
      if (base[F.NW_PROTO] !== IPPROTO.ICMPV6) return 0;
      // The options' type first, so that the addresses are written into the right option.
      const ext = commitSet(ctx, 'nd_ext', ND_EXT, true);
      const nd = commitSet(ctx, 'nd', ND, true);
      return ext || nd ? SLOW.ACTION : 0;
    }
    case ETH_TYPE.ARP:
      return commitSet(ctx, 'arp', ARP, true) ? SLOW.ACTION : 0;
    default:
      return 0;
  }
}

function commitPorts(ctx: CommitContext): void {
  if (ctx.flow[F.NW_PROTO] === 0 || !isIpAny(ctx.base)) return;
  switch (ctx.flow[F.NW_PROTO]) {
    case IPPROTO.TCP:
      commitSet(ctx, 'tcp', PORTS, true);
      break;
    case IPPROTO.UDP:
      commitSet(ctx, 'udp', PORTS, true);
      break;
    case IPPROTO.SCTP:
      commitSet(ctx, 'sctp', PORTS, true);
      break;
  }
}

function commitIcmp(ctx: CommitContext): number {
  const attr = isIcmpv4(ctx.flow) ? 'icmp' : isIcmpv6(ctx.flow) ? 'icmpv6' : undefined;
  return attr && commitSet(ctx, attr, ICMP, false) ? SLOW.ACTION : 0;
}

/**
 * Commits all that differs, except for the tunnel fields.
 * @returns a slow-path reason when only userspace can make some of the changes, else 0
 */
export function commitActions(ctx: CommitContext): number {
  commitEncapDecap(ctx);
  if (ctx.flow[F.PACKET_TYPE] === PT.ETH && ctx.base[F.PACKET_TYPE] === PT.ETH)
    commitSet(ctx, 'eth', ETH, true);
  const unlabels = isEthTypeMpls(ctx.base[F.DL_TYPE]!) && !isEthTypeMpls(ctx.flow[F.DL_TYPE]!);
  if (unlabels) commitMpls(ctx, false);
  commitNsh(ctx);
  const slow1 = commitNetwork(ctx);
  commitPorts(ctx);
  const slow2 = commitIcmp(ctx);
  if (!unlabels) commitMpls(ctx, false);
  commitVlan(ctx);
  commitSet(ctx, 'skb_priority', PRIORITY, true);
  commitSet(ctx, 'skb_mark', MARK, true);
  ctx.pendingEncap = false;
  ctx.pendingDecap = false;
  ctx.encapData = undefined;
  return slow1 || slow2;
}
