/**
 * A match, or a packet's key, as the text that ovs-ofctl and traces print.
 *
 * C counterpart: match_format of lib/match.c and flow_format of lib/flow.c; order and spelling are part of the interface.
 */

import { type Colors, NO_COLORS } from '../../base/colors.ts';
import { FIELD, fieldPrereqsOkInMatch, getWords } from '../fields.ts';
import {
  F,
  FLOW_TNL_F_MASK,
  type Flow,
  type Match,
  N_REGS,
  usesWords,
  VLAN_CFI,
  VLAN_PCP_MASK,
  VLAN_VID_MASK,
} from '../layout.ts';
import { formatPort, type NameMap } from '../ports.ts';
import {
  CT_STATE_NAMES,
  type FlagNames,
  formatFlags,
  formatFlagsMasked,
  formatIpv4Masked,
  formatIpv6WordsMasked,
  formatMacMasked,
  formatPacketType,
  hex,
  hexBig,
  hexPad,
  TCP_FLAG_NAMES,
  TUN_FLAG_NAMES,
} from '../text.ts';
import { tunMatchOptions } from '../tun-metadata.ts';
import { matchOfPacket } from '../wildcards.ts';

/** Priority that flow text leaves out. */
export const DEFAULT_PRIORITY = 0x8000;

export interface FormatOptions {
  readonly ports?: NameMap | undefined;
  readonly colors?: Colors | undefined;
}

const U32 = 0xffffffff;
const REG_NAMES = Array.from({ length: N_REGS }, (_, i) => `reg${i}`);

/** Collects `name=value` parts of one match. */
class MatchPrinter {
  #text = '';
  readonly #c: Colors;
  /** Without colours there is less to put together. */
  readonly #isPlain: boolean;
  readonly flow: Flow;
  readonly mask: Flow;

  constructor(match: Match, colors: Colors) {
    this.flow = match.flow;
    this.mask = match.mask;
    this.#c = colors;
    this.#isPlain = colors === NO_COLORS;
  }

  param(name: string, value: string): void {
    this.plain(this.#isPlain ? `${name}=${value}` : `${this.#c.param}${name}=${this.#c.end}${value}`);
  }
  special(name: string, value: string): void {
    this.plain(this.#isPlain ? `${name}=${value}` : `${this.#c.special}${name}=${this.#c.end}${value}`);
  }
  /** A name whose `=` stands after the colour. */
  loose(name: string, value: string): void {
    this.plain(`${this.#c.param}${name}${this.#c.end}=${value}`);
  }
  keyword(word: string): void {
    this.plain(this.#isPlain ? word : `${this.#c.value}${word}${this.#c.end}`);
  }
  plain(text: string): void {
    this.#text = this.#text === '' ? text : `${this.#text},${text}`;
  }

  /** Hexadecimal, with its mask unless that is 32 ones. */
  hex32(name: string, w: number): void {
    const m = this.mask[w]!;
    if (m !== 0) this.param(name, m === U32 ? hex(this.flow[w]!) : `${hex(this.flow[w]!)}/${hex(m)}`);
  }
  hex64(name: string, w: number): void {
    if (!usesWords(this.mask, w, w + 2)) return;
    const m = getWords(this.mask, w, 2);
    const v = hexBig(getWords(this.flow, w, 2));
    this.param(name, m === 0xffffffffffffffffn ? v : `${v}/${hexBig(m)}`);
  }
  /** Decimal when exact, otherwise hexadecimal with mask. */
  decimal(name: string, w: number, full: number, digits = 1): void {
    const m = this.mask[w]!;
    if (m === 0) return;
    const v = this.flow[w]!;
    this.param(name, m === full ? String(v) : `${hexPad(v, digits)}/${hexPad(m, digits)}`);
  }
  plainHex32(name: string, w: number, full: number): void {
    const m = this.mask[w]!;
    if (m !== 0)
      this.param(name, m === full ? hexPad(this.flow[w]!, 1) : `${hexPad(this.flow[w]!, 1)}/${hexPad(m, 1)}`);
  }
  ipv4(name: string, w: number): void {
    const m = this.mask[w]!;
    if (m !== 0) this.param(name, formatIpv4Masked(this.flow[w]!, m));
  }
  ipv6(name: string, w: number): void {
    if (usesWords(this.mask, w, w + 4)) this.param(name, formatIpv6WordsMasked(this.flow, this.mask, w));
  }
  mac(name: string, w: number): void {
    const { flow, mask } = this;
    if (mask[w]! | mask[w + 1]!) {
      this.param(name, formatMacMasked(flow[w]!, flow[w + 1]!, mask[w]!, mask[w + 1]!));
    }
  }
  flags(name: string, names: FlagNames, w: number, full: number): void {
    this.param(
      name,
      formatFlagsMasked(names, (this.flow[w]! & full) >>> 0, (this.mask[w]! & full) >>> 0, full),
    );
  }

  text(): string {
    return this.#text;
  }
}

/** Words for a packet's Ethertype, and for that with a protocol. */
const TYPE_WORDS: ReadonlyMap<number, string> = new Map([
  [0x0800, 'ip'],
  [0x86dd, 'ipv6'],
  [0x0806, 'arp'],
  [0x8035, 'rarp'],
  [0x8847, 'mpls'],
  [0x8848, 'mplsm'],
]);
const IP_WORDS: ReadonlyMap<number, string> = new Map([
  [1, 'icmp'],
  [6, 'tcp'],
  [17, 'udp'],
  [132, 'sctp'],
]);
const IPV6_WORDS: ReadonlyMap<number, string> = new Map([
  [58, 'icmp6'],
  [6, 'tcp6'],
  [17, 'udp6'],
  [132, 'sctp6'],
]);

/** The word that says both an Ethertype and a protocol. */
function protocolWord(type: number, proto: number): string | undefined {
  return type === 0x0800 ? IP_WORDS.get(proto) : type === 0x86dd ? IPV6_WORDS.get(proto) : undefined;
}

function formatConntrack(p: MatchPrinter): void {
  const { flow, mask } = p;
  const state = mask[F.CT_STATE]!;
  if (state === 0xff) p.param('ct_state', formatFlags(CT_STATE_NAMES, flow[F.CT_STATE]!));
  else if (state) p.flags('ct_state', CT_STATE_NAMES, F.CT_STATE, 0xff);
  p.decimal('ct_zone', F.CT_ZONE, 0xffff);
  p.hex32('ct_mark', F.CT_MARK);
  if (usesWords(mask, F.CT_LABEL, F.CT_LABEL + 4)) {
    const label = getWords(mask, F.CT_LABEL, 4);
    const value = hexBig(getWords(flow, F.CT_LABEL, 4));
    p.param('ct_label', label === 2n ** 128n - 1n ? value : `${value}/${hexBig(label)}`);
  }
  p.ipv4('ct_nw_src', F.CT_NW_SRC);
  p.ipv6('ct_ipv6_src', F.CT_IPV6_SRC);
  p.ipv4('ct_nw_dst', F.CT_NW_DST);
  p.ipv6('ct_ipv6_dst', F.CT_IPV6_DST);
  if (mask[F.CT_NW_PROTO]) {
    p.param('ct_nw_proto', String(flow[F.CT_NW_PROTO]));
    p.decimal('ct_tp_src', F.CT_TP_SRC, 0xffff);
    p.decimal('ct_tp_dst', F.CT_TP_DST, 0xffff);
  }
}

function formatTunnel(p: MatchPrinter, match: Match): void {
  const { flow, mask } = p;
  p.hex64('tun_id', F.TUN_ID);
  p.ipv4('tun_src', F.TUN_SRC);
  p.ipv4('tun_dst', F.TUN_DST);
  p.ipv6('tun_ipv6_src', F.TUN_IPV6_SRC);
  p.ipv6('tun_ipv6_dst', F.TUN_IPV6_DST);
  p.decimal('tun_gbp_id', F.TUN_GBP_ID, 0xffff);
  const plain = (name: string, w: number, text: (v: number) => string): void => {
    if (mask[w]) p.plain(`${name}=${text(flow[w]!)}`);
  };
  plain('tun_gbp_flags', F.TUN_GBP_FLAGS, hex);
  plain('tun_tos', F.TUN_TOS, (v) => v.toString(16));
  plain('tun_ttl', F.TUN_TTL, String);
  plain('tun_erspan_ver', F.TUN_ERSPAN_VER, String);
  if (flow[F.TUN_ERSPAN_VER] === 1) plain('tun_erspan_idx', F.TUN_ERSPAN_IDX, hex);
  if (flow[F.TUN_ERSPAN_VER] === 2) {
    plain('tun_erspan_dir', F.TUN_ERSPAN_DIR, String);
    plain('tun_erspan_hwid', F.TUN_ERSPAN_HWID, hex);
  }
  plain('gtpu_flags', F.TUN_GTPU_FLAGS, hex);
  plain('gtpu_msgtype', F.TUN_GTPU_MSGTYPE, String);
  if (mask[F.TUN_FLAGS]! & FLOW_TNL_F_MASK)
    p.flags('tun_flags', TUN_FLAG_NAMES, F.TUN_FLAGS, FLOW_TNL_F_MASK);
  for (const option of tunMatchOptions(match)) {
    let text = `tun_metadata${option.index}`;
    if (!option.present) text += '=NP';
    else if (!option.masked || option.mask !== 0n) {
      text += `=${hexBig(option.value)}`;
      if (option.mask !== (1n << BigInt(8 * option.bytes)) - 1n) text += `/${hexBig(option.mask)}`;
    }
    p.plain(text);
  }
}

function formatVlans(p: MatchPrinter): void {
  for (let i = 0; i < 2; i++) {
    const m = p.mask[F.VLAN_TCI0 + 2 * i]!;
    if (m === 0) break;
    const tci = p.flow[F.VLAN_TCI0 + 2 * i]!;
    const suffix = i === 0 ? '' : String(i);
    const vid = m & VLAN_VID_MASK;
    const pcp = m & VLAN_PCP_MASK;
    const whole =
      (vid === 0 || vid === VLAN_VID_MASK) && (pcp === 0 || pcp === VLAN_PCP_MASK) && (vid | pcp) !== 0;
    if (m & VLAN_CFI && tci & VLAN_CFI && whole) {
      if (vid) p.param(`dl_vlan${suffix}`, String(tci & VLAN_VID_MASK));
      if (pcp) p.param(`dl_vlan_pcp${suffix}`, String(tci >>> 13));
    } else {
      p.param(`vlan_tci${suffix}`, m === 0xffff ? hexPad(tci, 4) : `${hexPad(tci, 4)}/${hexPad(m, 4)}`);
    }
  }
}

function formatNsh(p: MatchPrinter): void {
  const byte = (name: string, w: number): void => p.decimal(name, w, 0xff, 2);
  byte('nsh_flags', F.NSH_FLAGS);
  byte('nsh_ttl', F.NSH_TTL);
  byte('nsh_mdtype', F.NSH_MDTYPE);
  byte('nsh_np', F.NSH_NP);
  p.plainHex32('nsh_spi', F.NSH_SPI, 0xffffff);
  byte('nsh_si', F.NSH_SI);
  if (p.mask[F.NSH_MDTYPE] === 0xff && p.flow[F.NSH_MDTYPE] === 1) {
    for (let i = 0; i < 4; i++) p.plainHex32(`nsh_c${i + 1}`, F.NSH_C1 + i, U32);
  }
}

function formatL3(p: MatchPrinter, type: number, saysProto: boolean): void {
  const { flow, mask } = p;
  const arp = type === 0x0806 || type === 0x8035;
  if (type === 0x86dd) {
    p.ipv6('ipv6_src', F.IPV6_SRC);
    p.ipv6('ipv6_dst', F.IPV6_DST);
    const m = mask[F.IPV6_LABEL]!;
    if (m) {
      const label = hexPad(flow[F.IPV6_LABEL]!, 5);
      p.param('ipv6_label', m === U32 ? label : `${label}/${hexPad(m, 5)}`);
    }
  } else if (type === 0x894f) {
    formatNsh(p);
  } else {
    p.ipv4(arp ? 'arp_spa' : 'nw_src', F.NW_SRC);
    p.ipv4(arp ? 'arp_tpa' : 'nw_dst', F.NW_DST);
  }
  if (!saysProto && mask[F.NW_PROTO]) p.param(arp ? 'arp_op' : 'nw_proto', String(flow[F.NW_PROTO]));
  if (arp) {
    p.mac('arp_sha', F.ARP_SHA);
    p.mac('arp_tha', F.ARP_THA);
  }
  if (mask[F.NW_TOS]! & 0xfc) p.param('nw_tos', String(flow[F.NW_TOS]! & 0xfc));
  if (mask[F.NW_TOS]! & 0x03) p.param('nw_ecn', String(flow[F.NW_TOS]! & 0x03));
  if (mask[F.NW_TTL]) p.param('nw_ttl', String(flow[F.NW_TTL]));
  const lse = flow[F.MPLS_LSE0]!;
  const lseMask = mask[F.MPLS_LSE0]!;
  if (lseMask >>> 12) p.param('mpls_label', String(lse >>> 12));
  if (lseMask & 0xe00) p.param('mpls_tc', String((lse >>> 9) & 7));
  if (lseMask & 0xff) p.param('mpls_ttl', String(lse & 0xff));
  if (lseMask & 0x100) p.param('mpls_bos', String((lse >>> 8) & 1));
  p.decimal('mpls_lse1', F.MPLS_LSE0 + 1, U32, 8);
  p.decimal('mpls_lse2', F.MPLS_LSE0 + 2, U32, 8);
  const frag = flow[F.NW_FRAG]!;
  switch (mask[F.NW_FRAG]! & 3) {
    case 3:
      p.param('nw_frag', ['no', 'first', '<error>', 'later'][frag & 3]!);
      break;
    case 1:
      p.param('nw_frag', frag & 1 ? 'yes' : 'no');
      break;
    case 2:
      p.param('nw_frag', frag & 2 ? 'later' : 'not_later');
      break;
  }
}

function formatL4(p: MatchPrinter, type: number): void {
  const { flow, mask } = p;
  const proto = flow[F.NW_PROTO];
  if ((type === 0x0800 && proto === 1) || (type === 0x86dd && proto === 58)) {
    p.decimal('icmp_type', F.TP_SRC, 0xffff);
    p.decimal('icmp_code', F.TP_DST, 0xffff);
    if (type === 0x86dd) {
      p.ipv6('nd_target', F.ND_TARGET);
      p.mac('nd_sll', F.ARP_SHA);
      p.mac('nd_tll', F.ARP_THA);
      p.decimal('nd_reserved', F.ND_RESERVED, U32, 8);
      p.decimal('nd_options_type', F.ND_OPTIONS_TYPE, 0xff);
    }
  } else {
    p.decimal('tp_src', F.TP_SRC, 0xffff);
    p.decimal('tp_dst', F.TP_DST, 0xffff);
  }
  if (fieldPrereqsOkInMatch(FIELD.nw_proto, p) && proto === 6 && mask[F.TCP_FLAGS]) {
    p.flags('tcp_flags', TCP_FLAG_NAMES, F.TCP_FLAGS, 0x0fff);
  }
}

/** A match as flow text; its priority only when it is not the default one. */
export function formatMatch(match: Match, priority = DEFAULT_PRIORITY, options: FormatOptions = {}): string {
  const p = new MatchPrinter(match, options.colors ?? NO_COLORS);
  const { flow, mask } = match;
  if (priority !== DEFAULT_PRIORITY) p.special('priority', String(priority));
  p.hex32('pkt_mark', F.PKT_MARK);
  p.hex32('recirc_id', F.RECIRC_ID);
  p.hex32('dp_hash', F.DP_HASH);
  if (mask[F.CONJ_ID]) p.loose('conj_id', String(flow[F.CONJ_ID]));
  if (mask[F.SKB_PRIORITY]) p.param('skb_priority', hex(flow[F.SKB_PRIORITY]!));
  if (mask[F.ACTSET_OUTPUT]) p.param('actset_output', formatPort(flow[F.ACTSET_OUTPUT]!, options.ports));
  // Most matches are of headers alone: whole groups of fields are passed over at a glance.
  if (usesWords(mask, F.CT_STATE, F.CONJ_ID)) formatConntrack(p);

  let type = flow[F.DL_TYPE]!;
  const packetType = flow[F.PACKET_TYPE]!;
  const packetTypeMask = mask[F.PACKET_TYPE]!;
  const isDefault = packetType === 0 && packetTypeMask === U32;
  if (packetTypeMask && (!isDefault || mask[F.RECIRC_ID])) {
    p.plain(formatPacketType(packetType, packetTypeMask));
    if (packetType >>> 16 === 1) type = packetType & 0xffff;
  }
  let saysType = false;
  let saysProto = false;
  if (mask[F.DL_TYPE]) {
    const both = mask[F.NW_PROTO] ? protocolWord(type, flow[F.NW_PROTO]!) : undefined;
    const word = both ?? TYPE_WORDS.get(type);
    if (word !== undefined) p.keyword(word);
    saysType = word !== undefined;
    saysProto = both !== undefined;
  }
  if (usesWords(mask, F.REG0, F.REG0 + N_REGS))
    for (let i = 0; i < N_REGS; i++) p.hex32(REG_NAMES[i]!, F.REG0 + i);
  if (usesWords(mask, F.TUN_ID, F.METADATA)) formatTunnel(p, match);
  p.hex64('metadata', F.METADATA);
  if (mask[F.IN_PORT]) p.param('in_port', formatPort(flow[F.IN_PORT]!, options.ports));
  formatVlans(p);
  p.mac('dl_src', F.DL_SRC);
  p.mac('dl_dst', F.DL_DST);
  if (!saysType && mask[F.DL_TYPE]) p.param('dl_type', hexPad(type, 4));
  formatL3(p, type, saysProto);
  formatL4(p, type);
  return p.text();
}

/** Words that a packet's text leaves out when they are zero: [first, words]. */
const ZERO_MEANS_ABSENT: readonly (readonly [number, number])[] = [
  [F.IN_PORT, 1],
  [F.SKB_PRIORITY, 1],
  [F.PKT_MARK, 1],
  [F.RECIRC_ID, 1],
  [F.DP_HASH, 1],
  [F.CT_STATE, 1],
  [F.CT_ZONE, 1],
  [F.CT_MARK, 1],
  [F.CT_LABEL, 4],
  [F.METADATA, 2],
];

/** A packet's key as text: all its headers, and the metadata that is not zero. */
export function formatFlow(flow: Flow, options: FormatOptions = {}, tun?: Match['tun']): string {
  const match = matchOfPacket(flow);
  match.tun = tun;
  const { mask } = match;
  for (const [first, words] of ZERO_MEANS_ABSENT) {
    if (getWords(flow, first, words) === 0n) {
      match.flow.fill(0, first, first + words);
      mask.fill(0, first, first + words);
    }
  }
  if (!fieldPrereqsOkInMatch(FIELD.ct_nw_proto, match) || flow[F.CT_NW_PROTO] === 0) {
    mask.fill(0, F.CT_NW_SRC, F.CT_TP_DST + 1);
  }
  for (let i = 0; i < N_REGS; i++) if (flow[F.REG0 + i] === 0) mask[F.REG0 + i] = 0;
  return formatMatch(match, DEFAULT_PRIORITY, options);
}
