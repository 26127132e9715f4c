/**
 * Datapath flow keys as text: `in_port(1),eth(src=..,dst=..),eth_type(0x0800),ipv4(src=10.0.0.1/255.0.0.0)`.
 *
 * Attributes come in the order in which userspace sends them to a datapath, which is also the kernel's. Without
 * `verbose` those that the mask ignores are left out. C counterpart: odp_flow_format of lib/odp-util.c.
 */

import { getWords } from '../flow/fields.ts';
import { F, FLOW_TNL_F_KEY, FLOW_TNL_F_MASK, FLOW_TNL_F_UDPIF, type Flow, VLAN_CFI } from '../flow/layout.ts';
import {
  formatFlags,
  formatFlagsMasked,
  formatIpv4,
  formatIpv6Words,
  formatMac,
  formatMacMasked,
  hex,
  hexBig,
  hexPad,
  TCP_FLAG_NAMES,
  TUN_FLAG_NAMES,
} from '../flow/text.ts';
import { tunOptionBytes } from '../flow/tun-metadata.ts';
import {
  countMplsLabels,
  hasTunnel,
  isMplsType,
  isNdKey,
  isVlanType,
  l4Attr,
  ODP_CT_STATE_NAMES,
  ODPP_NONE,
  odpFrag,
  type Part,
  SCALARS,
  type ScalarAttr,
  STRUCTS,
  STYLE_BYTES,
  type StructAttr,
} from './attrs.ts';

/** Names of datapath ports, for `--names`. */
export type PortNameOf = (port: number) => string | undefined;

export interface FormatKeyOptions {
  readonly portName?: PortNameOf | undefined;
  /** Print also what the mask ignores. */
  readonly verbose?: boolean;
}

const U32 = 0xffffffff;
const FRAG_NAMES = ['no', 'first', 'later'];

const lowOnes = (bytes: number): number => (bytes >= 4 ? U32 : 2 ** (8 * bytes) - 1);

function masked(value: string, mask: number, full: number): string {
  return (mask & full) >>> 0 === full ? value : `${value}/${hex((mask & full) >>> 0)}`;
}

/** Bits of a part that a mask has, 0 for none: enough to tell empty, full and between. */
function partMask(part: Part, mask: Flow): 'empty' | 'full' | 'partial' {
  const w = part.word;
  switch (part.style) {
    case 'mac':
      if ((mask[w]! | mask[w + 1]!) === 0) return 'empty';
      return (mask[w]! & 0xffff) === 0xffff && mask[w + 1] === U32 ? 'full' : 'partial';
    case 'ipv6': {
      const any = mask[w]! | mask[w + 1]! | mask[w + 2]! | mask[w + 3]!;
      if (any === 0) return 'empty';
      return (mask[w]! & mask[w + 1]! & mask[w + 2]! & mask[w + 3]!) >>> 0 === U32 ? 'full' : 'partial';
    }
    case 'frag':
      return mask[w] === 0 ? 'empty' : 'full';
    default: {
      // An ARP opcode is 16 bits on the wire, of which flows keep 8.
      const full =
        part.style === 'label' ? 0xfffff : w === F.NW_PROTO ? 0xff : lowOnes(STYLE_BYTES[part.style]);
      const m = (mask[w]! & full) >>> 0;
      return m === 0 ? 'empty' : m === full ? 'full' : 'partial';
    }
  }
}

/** `name=value`, with a mask unless all of the part is matched. */
function formatPart(part: Part, key: Flow, mask: Flow | undefined): string {
  const w = part.word;
  const v = key[w]!;
  const m = mask?.[w] ?? U32;
  const full = mask === undefined || partMask(part, mask) === 'full';
  switch (part.style) {
    case 'mac':
      return `${part.name}=${full ? formatMac(v, key[w + 1]!) : formatMacMasked(v, key[w + 1]!, m & 0xffff, mask![w + 1]!)}`;
    case 'ipv4':
      return `${part.name}=${formatIpv4(v)}${full ? '' : `/${formatIpv4(m)}`}`;
    case 'ipv6':
      return `${part.name}=${formatIpv6Words(key, w)}${full ? '' : `/${formatIpv6Words(mask!, w)}`}`;
    case 'frag':
      return `${part.name}=${FRAG_NAMES[odpFrag(v)]}`;
    case 'u8x':
    case 'u16x':
    case 'label':
      return `${part.name}=${hex(v)}${full ? '' : `/${hex(m & lowOnes(STYLE_BYTES[part.style]))}`}`;
    case 'u32x':
      return `${part.name}=${hexPad(v, 1)}`;
    default:
      return `${part.name}=${v}${full ? '' : `/${hex(m & lowOnes(STYLE_BYTES[part.style]))}`}`;
  }
}

function formatParts(parts: readonly Part[], key: Flow, mask: Flow | undefined, verbose: boolean): string {
  return parts
    .filter((p) => mask === undefined || (verbose && p.style !== 'frag') || partMask(p, mask) !== 'empty')
    .map((p) => formatPart(p, key, mask))
    .join(',');
}

const isStructWild = (attr: StructAttr, mask: Flow): boolean =>
  attr.parts.every((p) => partMask(p, mask) === 'empty');

/** The body of a struct attribute, as `set` actions and keys print it. */
export const formatStructBody = (
  attr: StructAttr,
  key: Flow,
  mask: Flow | undefined,
  verbose: boolean,
): string => formatParts(attr.parts, key, mask, verbose);

export function formatVlanTci(tci: number, mask: number, verbose: boolean): string {
  const parts: string[] = [];
  const vid = tci & 0xfff;
  const vidMask = mask & 0xfff;
  const pcp = (tci >>> 13) & 7;
  const pcpMask = (mask >>> 13) & 7;
  if (verbose || vid || vidMask)
    parts.push(`vid=${vid}${vidMask === 0xfff ? '' : `/0x${vidMask.toString(16)}`}`);
  if (verbose || pcp || pcpMask) parts.push(`pcp=${pcp}${pcpMask === 7 ? '' : `/0x${pcpMask.toString(16)}`}`);
  if ((tci & VLAN_CFI) === 0) parts.push('cfi=0');
  return parts.join(',');
}

export const formatLse = (lse: number): string =>
  `label=${lse >>> 12},tc=${(lse >>> 9) & 7},ttl=${lse & 0xff},bos=${(lse >>> 8) & 1}`;

const formatLseMasked = (lse: number, mask: number): string => {
  const h = (v: number): string => v.toString(16);
  return (
    `label=${lse >>> 12}/0x${h(mask >>> 12)},tc=${(lse >>> 9) & 7}/${h((mask >>> 9) & 7)},` +
    `ttl=${lse & 0xff}/0x${h(mask & 0xff)},bos=${(lse >>> 8) & 1}/${h((mask >>> 8) & 1)}`
  );
};

/** NSH without mask: metadata of type 1 only if it is that. */
function formatNshExact(key: Flow): string {
  const text =
    `flags=${key[F.NSH_FLAGS]},ttl=${key[F.NSH_TTL]},mdtype=${key[F.NSH_MDTYPE]},np=${key[F.NSH_NP]},` +
    `spi=0x${key[F.NSH_SPI]!.toString(16)},si=${key[F.NSH_SI]}`;
  if (key[F.NSH_MDTYPE] !== 1) return text;
  return text + [0, 1, 2, 3].map((i) => `,c${i + 1}=0x${key[F.NSH_C1 + i]!.toString(16)}`).join('');
}

/** NSH under a mask. */
export function formatNsh(key: Flow, mask: Flow | undefined): string {
  if (!mask) return formatNshExact(key);
  const parts: string[] = [];
  const byte = (name: string, w: number): void => {
    const m = mask[w]! & 0xff;
    if (m) parts.push(`${name}=${m === 0xff ? key[w] : `${hexPad(key[w]!, 2)}/${hexPad(m, 2)}`}`);
  };
  const word = (name: string, w: number, full: number): void => {
    const m = mask[w]! & full;
    if (m) parts.push(`${name}=${hexPad(key[w]!, 1)}${m >>> 0 === full ? '' : `/${hexPad(m >>> 0, 8)}`}`);
  };
  byte('flags', F.NSH_FLAGS);
  byte('ttl', F.NSH_TTL);
  byte('mdtype', F.NSH_MDTYPE);
  byte('np', F.NSH_NP);
  word('spi', F.NSH_SPI, 0xffffff);
  byte('si', F.NSH_SI);
  // Context that a mask says nothing of is matched exactly, as a datapath sends none of it then.
  for (let i = 0; i < 4; i++) word(`c${i + 1}`, F.NSH_C1 + i, U32);
  return parts.join(',');
}

function scalarBody(attr: ScalarAttr, key: Flow, mask: Flow | undefined, options: FormatKeyOptions): string {
  const v = key[attr.word]!;
  const m = mask?.[attr.word] ?? U32;
  const full = lowOnes(attr.bytes);
  const exact = (m & full) >>> 0 === full;
  switch (attr) {
    case SCALARS.in_port:
      return exact ? (options.portName?.(v) ?? String(v)) : `${v}/${hex(m)}`;
    case SCALARS.ct_state:
      if (options.verbose) return exact ? hex(v) : `${hex(v)}/${hex(m)}`;
      return exact ? formatFlags(ODP_CT_STATE_NAMES, v) : formatFlagsMasked(ODP_CT_STATE_NAMES, v, m, U32);
    case SCALARS.tcp_flags:
      return (m & 0x0fff) === 0x0fff
        ? formatFlags(TCP_FLAG_NAMES, v)
        : formatFlagsMasked(TCP_FLAG_NAMES, v, m & 0x0fff, 0x0fff);
    case SCALARS.packet_type: {
      const ns = masked(String(v >>> 16), m >>> 16, 0xffff);
      const id = masked(hex(v & 0xffff), m & 0xffff, 0xffff);
      const parts = [
        m >>> 16 || options.verbose ? `ns=${ns}` : '',
        m & 0xffff || options.verbose ? `id=${id}` : '',
      ];
      return parts.filter((x) => x !== '').join(',');
    }
    default:
      return exact ? hex(v) : `${hex(v)}/${hex((m & full) >>> 0)}`;
  }
}

/** One attribute's text for a `set` action: exact, or with a mask. */
export const formatScalarBody = scalarBody;

/** `{class=0x1,type=0x2,len=4,0x1234}` for each Geneve option of `opts`. */
export function formatGeneveOptions(
  opts: Uint8Array,
  mask: Uint8Array | undefined,
  verbose: boolean,
): string {
  let text = '';
  for (let at = 0; at < opts.length; ) {
    const left = opts.length - at;
    if (left < 4) return `${text}opt len ${left} less than minimum 4`;
    const length = (opts[at + 3]! & 0x1f) * 4;
    if (4 + length > left) return `${text}opt len ${4 + length} greater than remaining ${left}`;
    const parts: string[] = [];
    const u = (b: Uint8Array, i: number, n: number): number => (n === 2 ? (b[i]! << 8) | b[i + 1]! : b[i]!);
    const put = (name: string, i: number, n: number, show: (v: number) => string): void => {
      const m = mask ? u(mask, at + i, n) : lowOnes(n);
      if (m || verbose) parts.push(`${name}=${masked(show(u(opts, at + i, n)), m, lowOnes(n))}`);
    };
    put('class', 0, 2, hex);
    put('type', 2, 1, hex);
    const lengthMask = mask ? mask[at + 3]! & 0x1f : 0x1f;
    if (lengthMask || verbose)
      parts.push(`len=${masked(String(length), lengthMask === 0x1f ? 0xff : lengthMask, 0xff)}`);
    const big = (b: Uint8Array): bigint => {
      let v = 0n;
      for (let i = 0; i < length; i++) v = (v << 8n) | BigInt(b[at + 4 + i]!);
      return v;
    };
    if (length > 0) {
      const full = (1n << BigInt(8 * length)) - 1n;
      const m = mask ? big(mask) : full;
      if (verbose || m !== 0n) parts.push(hexBig(big(opts)) + (m === full ? '' : `/${hexBig(m)}`));
    }
    text += `{${parts.join(',')}}`;
    at += 4 + length;
  }
  return text;
}

const TUNNEL_PARTS = {
  src: { name: 'src', word: F.TUN_SRC, style: 'ipv4', at: 0 },
  dst: { name: 'dst', word: F.TUN_DST, style: 'ipv4', at: 0 },
  ipv6_src: { name: 'ipv6_src', word: F.TUN_IPV6_SRC, style: 'ipv6', at: 0 },
  ipv6_dst: { name: 'ipv6_dst', word: F.TUN_IPV6_DST, style: 'ipv6', at: 0 },
  tos: { name: 'tos', word: F.TUN_TOS, style: 'u8x', at: 0 },
  ttl: { name: 'ttl', word: F.TUN_TTL, style: 'u8', at: 0 },
  tp_src: { name: 'tp_src', word: F.TUN_TP_SRC, style: 'u16', at: 0 },
  tp_dst: { name: 'tp_dst', word: F.TUN_TP_DST, style: 'u16', at: 0 },
  gbp_id: { name: 'id', word: F.TUN_GBP_ID, style: 'u16', at: 0 },
  gbp_flags: { name: 'flags', word: F.TUN_GBP_FLAGS, style: 'u8x', at: 0 },
  erspan_ver: { name: 'ver', word: F.TUN_ERSPAN_VER, style: 'u8', at: 0 },
  erspan_dir: { name: 'dir', word: F.TUN_ERSPAN_DIR, style: 'u8', at: 0 },
  erspan_hwid: { name: 'hwid', word: F.TUN_ERSPAN_HWID, style: 'u8x', at: 0 },
  gtpu_flags: { name: 'flags', word: F.TUN_GTPU_FLAGS, style: 'u8x', at: 0 },
  gtpu_msgtype: { name: 'msgtype', word: F.TUN_GTPU_MSGTYPE, style: 'u8', at: 0 },
} as const satisfies Record<string, Part>;

/** The body of a tunnel attribute: what the key has of it. */
export function formatTunnel(key: Flow, mask: Flow | undefined, verbose: boolean): string {
  const out: string[] = [];
  const put = (part: Part): void => {
    if (mask === undefined || verbose || partMask(part, mask) !== 'empty')
      out.push(formatPart(part, key, mask));
  };
  const flags = key[F.TUN_FLAGS]!;
  const tunId = getWords(key, F.TUN_ID, 2);
  const hasId = tunId !== 0n || (flags & FLOW_TNL_F_KEY) !== 0;
  if (hasId) {
    const m = mask ? getWords(mask, F.TUN_ID, 2) : 0xffffffffffffffffn;
    const text = `tun_id=0x${tunId.toString(16)}`;
    if (m !== 0n || verbose) out.push(m === 0xffffffffffffffffn ? text : `${text}/${hexBig(m)}`);
  }
  const P = TUNNEL_PARTS;
  if (key[F.TUN_SRC]) put(P.src);
  if (key[F.TUN_DST]) put(P.dst);
  if (getWords(key, F.TUN_IPV6_SRC, 4) !== 0n) put(P.ipv6_src);
  if (getWords(key, F.TUN_IPV6_DST, 4) !== 0n) put(P.ipv6_dst);
  if (key[F.TUN_TOS]) put(P.tos);
  put(P.ttl);
  if (key[F.TUN_TP_SRC]) put(P.tp_src);
  if (key[F.TUN_TP_DST]) put(P.tp_dst);
  if (key[F.TUN_GBP_ID] || key[F.TUN_GBP_FLAGS]) {
    out.push(`vxlan(gbp(${formatParts([P.gbp_id, P.gbp_flags], key, mask, verbose)}))`);
  }
  if (flags & FLOW_TNL_F_UDPIF && key[F.TUN_METADATA_PRESENT + 1]) {
    const opts = tunOptionBytes(key);
    out.push(`geneve(${formatGeneveOptions(opts, mask && geneveMask(mask, opts.length), verbose)})`);
  }
  const ver = key[F.TUN_ERSPAN_VER];
  if (ver === 1) {
    const idx = `idx=${hex(key[F.TUN_ERSPAN_IDX]!)}${mask ? `/${hex(mask[F.TUN_ERSPAN_IDX]!)}` : ''}`;
    out.push(
      `erspan(${[formatParts([P.erspan_ver], key, mask, verbose), idx].filter((x) => x !== '').join(',')})`,
    );
  } else if (ver === 2) {
    out.push(`erspan(${formatParts([P.erspan_ver, P.erspan_dir, P.erspan_hwid], key, mask, verbose)})`);
  }
  if (key[F.TUN_GTPU_FLAGS] && key[F.TUN_GTPU_MSGTYPE]) {
    out.push(`gtpu(${formatParts([P.gtpu_flags, P.gtpu_msgtype], key, mask, verbose)})`);
  }
  const shown = flags & FLOW_TNL_F_MASK;
  if (mask === undefined) out.push(`flags(${formatFlags(TUN_FLAG_NAMES, shown)})`);
  else {
    const m = (mask[F.TUN_FLAGS]! & (FLOW_TNL_F_MASK & ~FLOW_TNL_F_KEY)) | (hasId ? FLOW_TNL_F_KEY : 0);
    if (m || verbose) out.push(`flags(${formatFlagsMasked(TUN_FLAG_NAMES, shown, m, FLOW_TNL_F_MASK)})`);
  }
  return out.join(',');
}

/** The bytes of a mask over Geneve options of a key that is `length` bytes long. */
function geneveMask(mask: Flow, length: number): Uint8Array {
  return Uint8Array.from(
    { length },
    (_, i) => (mask[F.TUN_METADATA + (i >> 2)]! >>> (24 - 8 * (i & 3))) & 0xff,
  );
}

function labelBody(key: Flow, mask: Flow | undefined, verbose: boolean): string {
  const m = mask && getWords(mask, F.CT_LABEL, 4);
  if (!verbose && !m) return '';
  const text = hexBig(getWords(key, F.CT_LABEL, 4));
  return m === undefined || m === 2n ** 128n - 1n ? text : `${text}/${hexBig(m)}`;
}

/** The printer of one key: collects attributes, nesting what lies within VLAN tags. */
class KeyPrinter {
  readonly key: Flow;
  readonly mask: Flow | undefined;
  readonly options: FormatKeyOptions;
  parts: string[] = [];

  constructor(key: Flow, mask: Flow | undefined, options: FormatKeyOptions) {
    this.key = key;
    this.mask = mask;
    this.options = options;
  }

  get verbose(): boolean {
    return this.options.verbose ?? false;
  }

  add(name: string, body: string): void {
    this.parts.push(`${name}(${body})`);
  }

  scalar(attr: ScalarAttr): boolean {
    const wild = this.mask !== undefined && (this.mask[attr.word]! & lowOnes(attr.bytes)) === 0;
    if (wild && !this.verbose) return false;
    this.add(attr.name, scalarBody(attr, this.key, this.mask, this.options));
    return true;
  }

  struct(attr: StructAttr): boolean {
    if (this.mask && !this.verbose && isStructWild(attr, this.mask)) return false;
    this.add(attr.name, formatParts(attr.parts, this.key, this.mask, this.verbose));
    return true;
  }

  etherType(type: number, mask: number): void {
    if (mask === 0 && !this.verbose) return;
    this.add('eth_type', mask === 0xffff ? hexPad(type, 4) : `${hexPad(type, 4)}/${hexPad(mask, 4)}`);
  }
}

/** A flow key, and a mask if there is one, as text. */
export function formatOdpFlow(key: Flow, mask?: Flow, options: FormatKeyOptions = {}): string {
  const p = new KeyPrinter(key, mask, options);
  p.scalar(SCALARS.recirc_id);
  p.scalar(SCALARS.dp_hash);
  p.scalar(SCALARS.skb_priority);
  if (hasTunnel(key)) p.add('tunnel', formatTunnel(key, mask, p.verbose));
  if (key[F.IN_PORT] !== ODPP_NONE) p.scalar(SCALARS.in_port);
  p.scalar(SCALARS.skb_mark);
  p.scalar(SCALARS.ct_state);
  p.scalar(SCALARS.ct_zone);
  p.scalar(SCALARS.ct_mark);
  if (!mask || p.verbose || getWords(mask, F.CT_LABEL, 4) !== 0n)
    p.add('ct_label', labelBody(key, mask, p.verbose));
  if (key[F.CT_NW_PROTO]) {
    if (key[F.DL_TYPE] === 0x0800) p.struct(STRUCTS.ct_tuple4);
    else if (key[F.DL_TYPE] === 0x86dd) p.struct(STRUCTS.ct_tuple6);
  }
  const saysPacketType = p.scalar(SCALARS.packet_type);
  if (key[F.PACKET_TYPE] === 0) {
    if (!p.struct(STRUCTS.eth) && !saysPacketType) p.parts.push('eth()');
    formatVlans(p, 0);
  } else {
    formatInner(p);
  }
  return p.parts.length === 0 ? '<empty>' : p.parts.join(',');
}

/** VLAN tag `n`, with everything behind it in `encap()`, or what follows the tags. */
function formatVlans(p: KeyPrinter, n: number): void {
  const { key, mask } = p;
  const truncated = n < 2 && key[F.VLAN_TCI0 + 2 * n] === 0 && isVlanType(key[F.DL_TYPE]!);
  if (n >= 2 || (key[F.VLAN_TCI0 + 2 * n] === 0 && !truncated)) {
    formatInner(p);
    return;
  }
  p.etherType(truncated ? key[F.DL_TYPE]! : key[F.VLAN_TPID0 + 2 * n]!, 0xffff);
  const tci = key[F.VLAN_TCI0 + 2 * n]!;
  const tciMask = mask ? mask[F.VLAN_TCI0 + 2 * n]! & 0xffff : 0xffff;
  if (tciMask || p.verbose) p.add('vlan', formatVlanTci(tci, tciMask, p.verbose));
  const outer = p.parts;
  p.parts = [];
  if (!truncated) formatVlans(p, n + 1);
  const inner = p.parts.join(',');
  p.parts = outer;
  p.add('encap', inner);
}

function formatInner(p: KeyPrinter): void {
  const { key, mask } = p;
  const type = key[F.DL_TYPE]!;
  if (type < 0x600) {
    if (mask) p.parts.push('eth_type(0/0xffff)');
    return;
  }
  p.etherType(type, mask ? mask[F.DL_TYPE]! : 0xffff);
  if (isVlanType(type)) return;
  if (type === 0x0800) p.struct(STRUCTS.ipv4);
  else if (type === 0x86dd) p.struct(STRUCTS.ipv6);
  else if (type === 0x0806 || type === 0x8035) p.struct(STRUCTS.arp);
  else if (isMplsType(type)) formatMpls(p);
  else if (type === 0x894f) p.add('nsh', formatNsh(key, mask));
  const l4 = l4Attr(key);
  if (!l4) return;
  p.struct(l4);
  if (l4 === STRUCTS.tcp && (key[F.TCP_FLAGS] || mask?.[F.TCP_FLAGS])) p.scalar(SCALARS.tcp_flags);
  if (l4 === STRUCTS.icmpv6 && isNdKey(key) && (!mask || (mask[F.TP_SRC]! & 0xff) === 0xff)) {
    p.struct(STRUCTS.nd);
    if (key[F.ND_RESERVED] || key[F.ND_OPTIONS_TYPE]) p.struct(STRUCTS.nd_ext);
  }
}

function formatMpls(p: KeyPrinter): void {
  const { key, mask } = p;
  const labels = countMplsLabels(key);
  const at = F.MPLS_LSE0;
  const words = Array.from({ length: labels }, (_, i) => at + i);
  if (mask && !p.verbose && words.every((w) => mask[w] === 0)) return;
  const exact = !mask || words.every((w) => mask[w] === U32);
  p.add(
    'mpls',
    words.map((w) => (exact ? formatLse(key[w]!) : formatLseMasked(key[w]!, mask![w]!))).join(','),
  );
}
