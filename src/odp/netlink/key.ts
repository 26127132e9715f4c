/**
 * Flow keys and masks as the netlink attributes of a kernel datapath.
 *
 * A mask is written by the shape of its key: which attributes there are is the key's to say. Attributes that only
 * userspace has (packet type, ND extensions) are written when `kernel` is false.
 * C counterpart: odp_flow_key_from_flow and odp_flow_key_to_flow of lib/odp-util.c.
 */
import { TruncatedError } from '../../base/bytes.ts';
import { getWords } from '../../flow/fields.ts';
import {
  F,
  FLOW_DL_TYPE_NONE,
  FLOW_TNL_F_CSUM,
  FLOW_TNL_F_DONT_FRAGMENT,
  FLOW_TNL_F_KEY,
  FLOW_TNL_F_OAM,
  FLOW_TNL_F_UDPIF,
  type Flow,
  newFlow,
  VLAN_CFI,
} from '../../flow/layout.ts';
import { setTunOptionBytes } from '../../flow/tun-metadata.ts';
import { getU16, getU32, putU16, putU32 } from '../../packet/wire.ts';
import {
  countMplsLabels,
  flowFrag,
  hasTunnel,
  isMplsType,
  isNdKey,
  isVlanType,
  KEY_ATTR,
  l4Attr,
  ODPP_NONE,
  odpFrag,
  type Part,
  SCALARS,
  type ScalarAttr,
  STRUCTS,
  type StructAttr,
} from '../attrs.ts';
import { AttrWriter, readAttrs } from './attr.ts';

/** What a datapath understands beyond the basics. */
export interface OdpSupport {
  readonly recirc: boolean;
  readonly ctState: boolean;
  readonly ctZone: boolean;
  readonly ctMark: boolean;
  readonly ctLabel: boolean;
  readonly ctOrigTuple: boolean;
  readonly ctOrigTuple6: boolean;
  readonly ndExt: boolean;
  readonly maxVlanHeaders: number;
  readonly maxMplsDepth: number;
}

/** Everything that a current kernel or the userspace datapath has. */
export const FULL_SUPPORT: OdpSupport = {
  recirc: true,
  ctState: true,
  ctZone: true,
  ctMark: true,
  ctLabel: true,
  ctOrigTuple: true,
  ctOrigTuple6: true,
  ndExt: true,
  maxVlanHeaders: 2,
  maxMplsDepth: 3,
};

export interface EncodeKeyOptions {
  readonly support?: OdpSupport;
  /** Leave out what kernels reject. */
  readonly kernel?: boolean;
}

const TUNNEL_ATTR = {
  ID: 0,
  IPV4_SRC: 1,
  IPV4_DST: 2,
  TOS: 3,
  TTL: 4,
  DONT_FRAGMENT: 5,
  CSUM: 6,
  OAM: 7,
  GENEVE_OPTS: 8,
  TP_SRC: 9,
  TP_DST: 10,
  VXLAN_OPTS: 11,
  IPV6_SRC: 12,
  IPV6_DST: 13,
  ERSPAN_OPTS: 15,
  GTPU_OPTS: 16,
} as const;
const VXLAN_EXT_GBP = 1;
const MAX_VLANS = 2;
export const NSH_ATTR = { BASE: 1, MD1: 2, MD2: 3 } as const;

/** Writes a part of `data` into the struct at `base`. */
function putPart(b: Uint8Array, base: number, part: Part, data: Flow, isMask: boolean): void {
  const at = base + part.at;
  const w = part.word;
  switch (part.style) {
    case 'mac':
      putU16(b, at, data[w]! & 0xffff);
      putU32(b, at + 2, data[w + 1]!);
      break;
    case 'ipv6':
      for (let i = 0; i < 4; i++) putU32(b, at + 4 * i, data[w + i]!);
      break;
    case 'ipv4':
    case 'u32x':
      putU32(b, at, data[w]!);
      break;
    case 'label':
      putU32(b, at, data[w]! & 0xfffff);
      break;
    case 'u16':
    case 'u16x':
      // An ARP opcode's upper byte is always 0, which an exact mask says.
      putU16(b, at, isMask && w === F.NW_PROTO && (data[w]! & 0xff) === 0xff ? 0xffff : data[w]! & 0xffff);
      break;
    case 'frag':
      b[at] = isMask ? (data[w]! & 3 ? 0xff : 0) : odpFrag(data[w]!);
      break;
    default:
      b[at] = data[w]! & 0xff;
  }
}

function getPart(b: Uint8Array, base: number, part: Part, data: Flow, isMask: boolean): void {
  const at = base + part.at;
  const w = part.word;
  switch (part.style) {
    case 'mac':
      data[w] = getU16(b, at);
      data[w + 1] = getU32(b, at + 2);
      break;
    case 'ipv6':
      for (let i = 0; i < 4; i++) data[w + i] = getU32(b, at + 4 * i);
      break;
    case 'ipv4':
    case 'u32x':
    case 'label':
      data[w] = getU32(b, at);
      break;
    case 'u16':
    case 'u16x':
      data[w] = w === F.NW_PROTO ? getU16(b, at) & 0xff : getU16(b, at);
      break;
    case 'frag':
      data[w] = isMask ? (b[at] ? 3 : 0) : flowFrag(b[at]!);
      break;
    default:
      data[w] = b[at]!;
  }
}

/** A struct attribute's bytes. */
export function structBytes(attr: StructAttr, data: Flow, isMask = false): Uint8Array {
  const b = new Uint8Array(attr.bytes);
  for (const part of attr.parts) putPart(b, 0, part, data, isMask);
  return b;
}

/** Reads a struct attribute's bytes into a key. @throws TruncatedError */
export function readStruct(attr: StructAttr, b: Uint8Array, data: Flow, isMask = false): void {
  if (b.length < attr.bytes) throw new TruncatedError();
  for (const part of attr.parts) getPart(b, 0, part, data, isMask);
}

export function bigBytes(value: bigint, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * (bytes - 1 - i))) & 255n));
}

const words = (data: Flow, first: number, count: number): Uint8Array =>
  bigBytes(getWords(data, first, count), 4 * count);

/** Connection labels: a host's 128 bits, as kernels on little-endian machines have them. */
export const labelBytes = (value: bigint): Uint8Array => bigBytes(value, 16).reverse();

/** struct erspan_metadata: the version as a host int, then an index or, for version 2, time stamp, tag and bits. */
function erspanBytes(version: number, data: Flow): Uint8Array {
  const b = new Uint8Array(12);
  // In a mask, all of the version's int.
  b.fill(data[F.TUN_ERSPAN_VER] === 0xff ? 0xff : 0, 0, 4);
  b[0] = data[F.TUN_ERSPAN_VER]!;
  if (version === 1) putU32(b, 4, data[F.TUN_ERSPAN_IDX]!);
  else putU16(b, 10, ((data[F.TUN_ERSPAN_HWID]! & 0x3f) << 4) | ((data[F.TUN_ERSPAN_DIR]! & 1) << 3));
  return b;
}

export function putTunnel(w: AttrWriter, data: Flow, key: Flow): void {
  w.nested(KEY_ATTR.TUNNEL, () => {
    const T = TUNNEL_ATTR;
    const flags = data[F.TUN_FLAGS]!;
    if (getWords(data, F.TUN_ID, 2) !== 0n || flags & FLOW_TNL_F_KEY) w.bytes(T.ID, words(data, F.TUN_ID, 2));
    if (data[F.TUN_SRC]) w.be32(T.IPV4_SRC, data[F.TUN_SRC]!);
    if (data[F.TUN_DST]) w.be32(T.IPV4_DST, data[F.TUN_DST]!);
    if (getWords(data, F.TUN_IPV6_SRC, 4) !== 0n) w.bytes(T.IPV6_SRC, words(data, F.TUN_IPV6_SRC, 4));
    if (getWords(data, F.TUN_IPV6_DST, 4) !== 0n) w.bytes(T.IPV6_DST, words(data, F.TUN_IPV6_DST, 4));
    if (data[F.TUN_TOS]) w.u8(T.TOS, data[F.TUN_TOS]!);
    w.u8(T.TTL, data[F.TUN_TTL]!);
    if (flags & FLOW_TNL_F_DONT_FRAGMENT) w.flag(T.DONT_FRAGMENT);
    if (flags & FLOW_TNL_F_CSUM) w.flag(T.CSUM);
    if (data[F.TUN_TP_SRC]) w.be16(T.TP_SRC, data[F.TUN_TP_SRC]!);
    if (data[F.TUN_TP_DST]) w.be16(T.TP_DST, data[F.TUN_TP_DST]!);
    if (flags & FLOW_TNL_F_OAM) w.flag(T.OAM);
    if (data[F.TUN_GBP_ID] || data[F.TUN_GBP_FLAGS]) {
      w.nested(T.VXLAN_OPTS, () =>
        w.u32(VXLAN_EXT_GBP, (data[F.TUN_GBP_FLAGS]! << 16) | data[F.TUN_GBP_ID]!),
      );
    }
    const optionBytes = key[F.TUN_FLAGS]! & FLOW_TNL_F_UDPIF ? key[F.TUN_METADATA_PRESENT + 1]! : 0;
    if (optionBytes) w.bytes(T.GENEVE_OPTS, words(data, F.TUN_METADATA, 64).subarray(0, optionBytes));
    const version = key[F.TUN_ERSPAN_VER];
    if (version === 1 || version === 2) w.bytes(T.ERSPAN_OPTS, erspanBytes(version, data));
    if (data[F.TUN_GTPU_FLAGS] && data[F.TUN_GTPU_MSGTYPE]) {
      w.bytes(T.GTPU_OPTS, Uint8Array.of(data[F.TUN_GTPU_FLAGS]!, data[F.TUN_GTPU_MSGTYPE]!));
    }
  });
}

/** Base and metadata attributes of NSH. */
export function putNsh(w: AttrWriter, data: Flow, hasContext: boolean): void {
  const base = new Uint8Array(8);
  base.set([data[F.NSH_FLAGS]!, data[F.NSH_TTL]!, data[F.NSH_MDTYPE]!, data[F.NSH_NP]!]);
  putU32(base, 4, ((data[F.NSH_SPI]! << 8) | data[F.NSH_SI]!) >>> 0);
  w.bytes(NSH_ATTR.BASE, base);
  if (hasContext) w.bytes(NSH_ATTR.MD1, words(data, F.NSH_C1, 4));
}

/** The writer of one key: whose shape, whose data, and for whom. */
class KeyWriter {
  readonly w = new AttrWriter();
  readonly #key: Flow;
  readonly #data: Flow;
  readonly #isMask: boolean;
  readonly #support: OdpSupport;
  readonly #kernel: boolean;

  constructor(key: Flow, mask: Flow | undefined, options: EncodeKeyOptions) {
    this.#key = key;
    this.#data = mask ?? key;
    this.#isMask = mask !== undefined;
    this.#support = options.support ?? FULL_SUPPORT;
    this.#kernel = options.kernel ?? false;
  }

  #struct(attr: StructAttr): void {
    this.w.bytes(attr.id, structBytes(attr, this.#data, this.#isMask));
  }

  #scalar(attr: ScalarAttr, wanted = true): void {
    if (!wanted) return;
    const v = this.#data[attr.word]!;
    if (attr.bytes === 4) attr.hostOrder ? this.w.u32(attr.id, v) : this.w.be32(attr.id, v);
    else attr.hostOrder ? this.w.u16(attr.id, v) : this.w.be16(attr.id, v);
  }

  all(): void {
    const { w } = this;
    const key = this.#key;
    const data = this.#data;
    const support = this.#support;
    this.#scalar(SCALARS.recirc_id, support.recirc);
    this.#scalar(SCALARS.dp_hash, support.recirc);
    this.#scalar(SCALARS.skb_priority);
    if (hasTunnel(key)) putTunnel(w, data, key);
    this.#scalar(SCALARS.in_port, this.#isMask || key[F.IN_PORT] !== ODPP_NONE);
    this.#scalar(SCALARS.skb_mark);
    this.#scalar(SCALARS.ct_state, support.ctState);
    this.#scalar(SCALARS.ct_zone, support.ctZone);
    this.#scalar(SCALARS.ct_mark, support.ctMark);
    if (support.ctLabel) w.bytes(KEY_ATTR.CT_LABELS, labelBytes(getWords(data, F.CT_LABEL, 4)));
    if (key[F.CT_NW_PROTO]) {
      if (support.ctOrigTuple && key[F.DL_TYPE] === 0x0800) this.#struct(STRUCTS.ct_tuple4);
      else if (support.ctOrigTuple6 && key[F.DL_TYPE] === 0x86dd) this.#struct(STRUCTS.ct_tuple6);
    }
    this.#scalar(SCALARS.packet_type, !this.#kernel);
    if (key[F.PACKET_TYPE] === 0) {
      this.#struct(STRUCTS.eth);
      this.#vlans(0);
    } else this.#inner();
  }

  /** VLAN tag `n` and what it encapsulates, or what follows the tags. */
  #vlans(n: number): void {
    const { w } = this;
    const key = this.#key;
    const tci = F.VLAN_TCI0 + 2 * n;
    const truncated = n < MAX_VLANS && key[tci] === 0 && isVlanType(key[F.DL_TYPE]!);
    if (n >= Math.min(this.#support.maxVlanHeaders, MAX_VLANS) || (key[tci] === 0 && !truncated)) {
      this.#inner();
      return;
    }
    w.be16(KEY_ATTR.ETHERTYPE, this.#isMask ? 0xffff : truncated ? key[F.DL_TYPE]! : key[tci - 1]!);
    w.be16(KEY_ATTR.VLAN, this.#data[tci]!);
    w.nested(KEY_ATTR.ENCAP, () => {
      if (!truncated) this.#vlans(n + 1);
    });
  }

  /** Ethertype and everything behind it. */
  #inner(): void {
    const { w } = this;
    const key = this.#key;
    const data = this.#data;
    const type = key[F.DL_TYPE]!;
    if (type < 0x600) {
      if (this.#isMask) w.be16(KEY_ATTR.ETHERTYPE, 0xffff);
      return;
    }
    w.be16(KEY_ATTR.ETHERTYPE, data[F.DL_TYPE]!);
    if (isVlanType(type)) return;
    if (type === 0x0800) this.#struct(STRUCTS.ipv4);
    else if (type === 0x86dd) this.#struct(STRUCTS.ipv6);
    else if (type === 0x0806 || type === 0x8035) this.#struct(STRUCTS.arp);
    else if (isMplsType(type)) {
      const count = countMplsLabels(key);
      const labels = this.#isMask ? Math.min(count, this.#support.maxMplsDepth) : count;
      w.bytes(KEY_ATTR.MPLS, words(data, F.MPLS_LSE0, 3).subarray(0, 4 * labels));
    } else if (type === 0x894f) {
      const context = this.#isMask ? getWords(data, F.NSH_C1, 4) !== 0n : key[F.NSH_MDTYPE] === 1;
      w.nested(KEY_ATTR.NSH, () => putNsh(w, data, context));
    }
    this.#transport();
  }

  #transport(): void {
    const key = this.#key;
    const data = this.#data;
    const l4 = l4Attr(key);
    if (!l4) return;
    this.#struct(l4);
    if (l4 === STRUCTS.tcp) this.#scalar(SCALARS.tcp_flags, this.#isMask || key[F.TCP_FLAGS] !== 0);
    if (l4 !== STRUCTS.icmpv6 || !isNdKey(key) || (this.#isMask && (data[F.TP_SRC]! & 0xff) !== 0xff)) return;
    this.#struct(STRUCTS.nd);
    const extended = data[F.ND_RESERVED] !== 0 || data[F.ND_OPTIONS_TYPE] !== 0;
    if (extended && this.#support.ndExt && !this.#kernel) this.#struct(STRUCTS.nd_ext);
  }
}

/** A key, or with `mask` that mask over it, as attributes. */
export function encodeOdpKey(key: Flow, mask?: Flow, options: EncodeKeyOptions = {}): Uint8Array {
  const writer = new KeyWriter(key, mask, options);
  writer.all();
  return writer.w.finish();
}

// --- decoding -----------------------------------------------------------------------------------------------

const STRUCT_BY_ID = new Map<number, StructAttr>(Object.values(STRUCTS).map((a) => [a.id, a]));
const SCALAR_BY_ID = new Map<number, ScalarAttr>(Object.values(SCALARS).map((a) => [a.id, a]));

function readWords(b: Uint8Array, data: Flow, first: number, count: number): void {
  if (b.length < 4 * count) throw new TruncatedError();
  for (let i = 0; i < count; i++) data[first + i] = getU32(b, 4 * i);
}

function readTunnel(bytes: Uint8Array, data: Flow, isMask: boolean): void {
  const T = TUNNEL_ATTR;
  const flag = (bit: number): void => {
    data[F.TUN_FLAGS] = data[F.TUN_FLAGS]! | bit;
  };
  for (const a of readAttrs(bytes)) {
    switch (a.type) {
      case T.ID:
        readWords(a.bytes, data, F.TUN_ID, 2);
        flag(FLOW_TNL_F_KEY);
        break;
      case T.IPV4_SRC:
        data[F.TUN_SRC] = a.be32();
        break;
      case T.IPV4_DST:
        data[F.TUN_DST] = a.be32();
        break;
      case T.IPV6_SRC:
        readWords(a.bytes, data, F.TUN_IPV6_SRC, 4);
        break;
      case T.IPV6_DST:
        readWords(a.bytes, data, F.TUN_IPV6_DST, 4);
        break;
      case T.TOS:
        data[F.TUN_TOS] = a.u8();
        break;
      case T.TTL:
        data[F.TUN_TTL] = a.u8();
        break;
      case T.DONT_FRAGMENT:
        flag(FLOW_TNL_F_DONT_FRAGMENT);
        break;
      case T.CSUM:
        flag(FLOW_TNL_F_CSUM);
        break;
      case T.OAM:
        flag(FLOW_TNL_F_OAM);
        break;
      case T.TP_SRC:
        data[F.TUN_TP_SRC] = a.be16();
        break;
      case T.TP_DST:
        data[F.TUN_TP_DST] = a.be16();
        break;
      case T.VXLAN_OPTS:
        for (const e of a.nested()) {
          if (e.type !== VXLAN_EXT_GBP) continue;
          data[F.TUN_GBP_ID] = e.u32() & 0xffff;
          data[F.TUN_GBP_FLAGS] = (e.u32() >>> 16) & 0xff;
        }
        break;
      case T.GENEVE_OPTS: {
        const flags = data[F.TUN_FLAGS]!;
        setTunOptionBytes(data, a.bytes);
        if (isMask) data[F.TUN_FLAGS] = flags | FLOW_TNL_F_UDPIF;
        break;
      }
      case T.ERSPAN_OPTS: {
        // A mask has no version to go by, but then what it does not use is zero.
        const version = a.u8();
        const bits = a.be16(10);
        data[F.TUN_ERSPAN_VER] = version;
        if (isMask || version === 1) data[F.TUN_ERSPAN_IDX] = a.be32(4);
        if (isMask || version === 2) {
          const dir = (bits >> 3) & 1;
          const hwid = (bits >> 4) & 0x3f;
          data[F.TUN_ERSPAN_DIR] = isMask && dir ? 0xff : dir;
          data[F.TUN_ERSPAN_HWID] = isMask && hwid === 0x3f ? 0xff : hwid;
        }
        break;
      }
      case T.GTPU_OPTS:
        data[F.TUN_GTPU_FLAGS] = a.be16() >> 8;
        data[F.TUN_GTPU_MSGTYPE] = a.be16() & 0xff;
        break;
    }
  }
}

/** Reads the attributes of NSH. @throws TruncatedError */
export function readNsh(bytes: Uint8Array, data: Flow): void {
  for (const a of readAttrs(bytes)) {
    if (a.type === NSH_ATTR.BASE) {
      const path = a.be32(4);
      [F.NSH_FLAGS, F.NSH_TTL, F.NSH_MDTYPE, F.NSH_NP].forEach((word, i) => {
        data[word] = a.bytes[i]!;
      });
      data[F.NSH_SPI] = path >>> 8;
      data[F.NSH_SI] = path & 0xff;
    } else if (a.type === NSH_ATTR.MD1) readWords(a.bytes, data, F.NSH_C1, 4);
  }
}

/** Which attributes a key had that say what it starts with. */
interface Seen {
  ethernet: boolean;
  ethertype: boolean;
  packetType: boolean;
  vlans: number;
}

function readLevel(bytes: Uint8Array, data: Flow, isMask: boolean, seen: Seen): void {
  for (const a of readAttrs(bytes)) {
    const struct = STRUCT_BY_ID.get(a.type);
    const scalar = SCALAR_BY_ID.get(a.type);
    if (struct) {
      readStruct(struct, a.bytes, data, isMask);
      if (struct === STRUCTS.eth) seen.ethernet = true;
    } else if (scalar) {
      data[scalar.word] =
        scalar.bytes === 4 ? (scalar.hostOrder ? a.u32() : a.be32()) : scalar.hostOrder ? a.u16() : a.be16();
      if (scalar === SCALARS.packet_type) seen.packetType = true;
    } else readOther(a.type, a.bytes, data, isMask, seen);
  }
}

function readOther(type: number, bytes: Uint8Array, data: Flow, isMask: boolean, seen: Seen): void {
  const need = (n: number): void => {
    if (bytes.length < n) throw new TruncatedError();
  };
  switch (type) {
    case KEY_ATTR.TUNNEL:
      readTunnel(bytes, data, isMask);
      break;
    case KEY_ATTR.CT_LABELS:
      need(16);
      readWords(bytes.slice().reverse(), data, F.CT_LABEL, 4);
      break;
    case KEY_ATTR.ETHERTYPE:
      need(2);
      data[F.DL_TYPE] = getU16(bytes, 0);
      seen.ethertype = true;
      break;
    case KEY_ATTR.VLAN: {
      need(2);
      if (seen.vlans >= MAX_VLANS) break;
      const tci = F.VLAN_TCI0 + 2 * seen.vlans;
      // The Ethertype before it was the tag's own, unless the tag is cut off.
      data[tci] = getU16(bytes, 0);
      if (isMask || data[tci] !== 0) data[tci - 1] = data[F.DL_TYPE]!;
      break;
    }
    case KEY_ATTR.ENCAP:
      // Behind a tag that is cut off there is nothing; behind a whole one there may be a frame without Ethertype.
      if (
        seen.vlans < MAX_VLANS &&
        (bytes.length > 0 || (data[F.VLAN_TCI0 + 2 * seen.vlans]! & VLAN_CFI) !== 0)
      ) {
        seen.vlans++;
        data[F.DL_TYPE] = 0;
        seen.ethertype = false;
        readLevel(bytes, data, isMask, seen);
      }
      break;
    case KEY_ATTR.MPLS:
      for (let i = 0; i < 3 && 4 * i + 4 <= bytes.length; i++) data[F.MPLS_LSE0 + i] = getU32(bytes, 4 * i);
      break;
    case KEY_ATTR.NSH:
      readNsh(bytes, data);
      break;
  }
}

/** A key from its attributes. @throws TruncatedError */
export function decodeOdpKey(bytes: Uint8Array): Flow {
  const key = newFlow();
  key[F.IN_PORT] = ODPP_NONE;
  const seen: Seen = { ethernet: false, ethertype: false, packetType: false, vlans: 0 };
  readLevel(bytes, key, false, seen);
  if (!seen.packetType && !seen.ethernet && seen.ethertype) key[F.PACKET_TYPE] = 0x10000 | key[F.DL_TYPE]!;
  if (!seen.ethertype && key[F.PACKET_TYPE] === 0) key[F.DL_TYPE] = FLOW_DL_TYPE_NONE;
  return key;
}

/** A mask from its attributes. @throws TruncatedError */
export function decodeOdpMask(bytes: Uint8Array): Flow {
  const mask = newFlow();
  const seen: Seen = { ethernet: false, ethertype: false, packetType: false, vlans: 0 };
  readLevel(bytes, mask, true, seen);
  if (!seen.packetType) mask[F.PACKET_TYPE] = 0xffffffff;
  return mask;
}
