/**
 * Fields as objects, and how to read and write them in a flow key.
 *
 * Everything here is derived from the rows of `field-table.ts`. Values of at most 32 bits go through the number
 * functions (`...U32`), which allocate nothing; `bigint` is for wider values and for callers that take any field.
 * A value is always the field's own: `ip_dscp` of a ToS byte 0xb8 is 46, `in_port` is the 16-bit OpenFlow 1.0 port.
 * C counterpart: lib/meta-flow.c, and the field index of lib/nx-match.c.
 */
import {
  FIELD_ROWS,
  type FieldFormat,
  type FieldName,
  type FieldPrereq,
  type HeaderRow,
  type Row,
} from './field-table.ts';
import { F, type Flow, type Match, VLAN_CFI } from './layout.ts';
import { portFromOf10 } from './ports.ts';

export {
  type FieldFormat,
  type FieldName,
  type FieldPrereq,
  N_REGS,
  N_XREGS,
  N_XXREGS,
} from './field-table.ts';
export { portFromOf10, portToOf10 } from './ports.ts';

/** One NXM or OXM header of a field. */
export interface FieldHeader {
  readonly name: string;
  /** ONF, Nicira or NSH experimenter; 0 for a class of its own. */
  readonly experimenter: number;
  readonly oxmClass: number;
  readonly number: number;
  /** The 32-bit header without mask bit; its length counts the experimenter's 4 bytes. */
  readonly header: number;
  /** First OpenFlow wire version that has it; 0 for any. */
  readonly version: number;
  /** First Open vSwitch version that has it. */
  readonly since: string;
}

export interface Field {
  /** Position in the table: C's mf_field_id. */
  readonly id: number;
  readonly name: FieldName;
  readonly alias: string | undefined;
  readonly bytes: number;
  readonly bits: number;
  readonly word: number;
  /** Words in the flow key: 1, 2, 4, and up to 31 for a tunnel option. */
  readonly words: number;
  readonly shift: number;
  /** Of a one-word field, the bits in its word when it is matched exactly. */
  readonly full: number;
  readonly implies: number;
  readonly format: FieldFormat;
  readonly maskable: boolean;
  readonly maskIsValue: boolean;
  readonly writable: boolean;
  readonly requires: FieldPrereq;
  readonly of10: 'exact' | 'cidr' | undefined;
  readonly of11: 'exact' | 'bitwise' | undefined;
  readonly prefix: boolean;
  readonly headers: readonly FieldHeader[];
  /** N for tun_metadataN, otherwise -1. */
  readonly tunIndex: number;
  /** A tunnel option that a tunnel table has given its place and length. */
  readonly mapped: boolean;
}

export const NX_EXPERIMENTER = 0x00002320;
export const ONF_EXPERIMENTER = 0x4f4e4600;
export const NSH_EXPERIMENTER = 0x005ad650;
export const OXM_CLASS_EXPERIMENTER = 0xffff;

/** Experimenter and class by the start of a header's name. */
const OXM_CLASSES: readonly (readonly [prefix: string, experimenter: number, oxmClass: number])[] = [
  ['NXM_OF_', 0, 0x0000],
  ['NXM_NX_', 0, 0x0001],
  ['NXOXM_NSH_', NSH_EXPERIMENTER, OXM_CLASS_EXPERIMENTER],
  ['OXM_OF_PKT_REG', 0, 0x8001],
  ['OXM_OF_', 0, 0x8000],
  ['ONFOXM_ET_', ONF_EXPERIMENTER, OXM_CLASS_EXPERIMENTER],
  ['ERICOXM_OF_', 0, 0x1000],
  ['NXOXM_ET_', NX_EXPERIMENTER, OXM_CLASS_EXPERIMENTER],
];

function makeHeader([name, number, version, since]: HeaderRow, bytes: number): FieldHeader {
  const found = OXM_CLASSES.find(([prefix]) => name.startsWith(prefix));
  if (!found) throw new Error(`no OXM class for ${name}`);
  const [, experimenter, oxmClass] = found;
  const length = bytes + (experimenter ? 4 : 0);
  return {
    name,
    experimenter,
    oxmClass,
    number,
    header: ((oxmClass << 16) | (number << 9) | length) >>> 0,
    version,
    since,
  };
}

const lowBits = (n: number): number => (n >= 32 ? 0xffffffff : 2 ** n - 1);

function makeField(row: Row, id: number): Field {
  return {
    id,
    name: row.name as FieldName,
    alias: row.alias,
    bytes: row.bytes,
    bits: row.bits ?? row.bytes * 8,
    word: row.word,
    words: Math.ceil(row.bytes / 4),
    shift: row.shift ?? 0,
    full: row.full ?? lowBits(row.bytes * 8),
    implies: row.implies ?? 0,
    format: row.format,
    maskable: row.maskable ?? false,
    maskIsValue: row.maskIsValue ?? false,
    writable: row.writable ?? false,
    requires: row.requires ?? 'none',
    of10: row.of10,
    of11: row.of11,
    prefix: row.prefix ?? false,
    headers: row.headers.map((h) => makeHeader(h, row.bytes)),
    tunIndex: row.name.startsWith('tun_metadata') ? Number(row.name.slice(12)) : -1,
    mapped: false,
  };
}

/** Every field, by id. */
export const FIELDS: readonly Field[] = FIELD_ROWS.map(makeField);

/** Every field by its name, e.g. `FIELD.eth_src`. */
export const FIELD = Object.fromEntries(FIELDS.map((f) => [f.name, f])) as Readonly<Record<FieldName, Field>>;

// Fields that the accessors treat apart, looked up once: FIELD is too large for V8 to find a property in it quickly.
const IN_PORT = FIELD.in_port;
const DL_VLAN = FIELD.dl_vlan;
const IPV6_LABEL = FIELD.ipv6_label;

const byName = new Map<string, Field>();
const byNxmName = new Map<string, Field>();
const byHeader = new Map<number, Field>();

const MAX_VALUE_BYTES = 127;

/** What identifies a header regardless of mask bit and length: class and number, or experimenter and number. */
const headerKey = (header: number, experimenter: number): number =>
  header >>> 16 === OXM_CLASS_EXPERIMENTER
    ? 2 ** 23 + experimenter * 128 + ((header >>> 9) & 0x7f)
    : header >>> 9;

for (const f of FIELDS) {
  byName.set(f.name, f);
  if (f.alias) byName.set(f.alias, f);
  for (const h of f.headers) {
    byNxmName.set(h.name, f);
    byHeader.set(headerKey(h.header, h.experimenter), f);
  }
}

/** The field called `name` in flow text, by either of its names. */
export const fieldByName = (name: string): Field | undefined => byName.get(name);

/** The field with an NXM or OXM name such as `NXM_OF_ETH_SRC` (exact, upper case). */
export const fieldByNxmName = (name: string): Field | undefined => byNxmName.get(name);

/** The length that a header declares for one value: without mask and experimenter. */
export function headerValueBytes(header: number): number {
  const length = (header & 0xff) - (header >>> 16 === OXM_CLASS_EXPERIMENTER ? 4 : 0);
  return header & 0x100 ? length >> 1 : length;
}

/** The field of a header of a wrong length. As in C nothing is a field whose value would take 128 bytes or more. */
export const fieldByHeaderNoLength = (header: number, experimenter = 0): Field | undefined =>
  headerValueBytes(header) > MAX_VALUE_BYTES ? undefined : byHeader.get(headerKey(header, experimenter));

/** The field of a 32-bit NXM or OXM header, with or without mask bit, whose length must be right. */
export function fieldByHeader(header: number, experimenter = 0): Field | undefined {
  const f = byHeader.get(headerKey(header, experimenter));
  const bytes = headerValueBytes(header);
  return f && (bytes === f.bytes || (f.tunIndex >= 0 && bytes <= MAX_VALUE_BYTES)) ? f : undefined;
}

/** The header to write for a field in an OpenFlow version; 0 prefers NXM over OXM. */
export function fieldHeader(field: Field, version: number): FieldHeader | undefined {
  let best: FieldHeader | undefined;
  for (const h of field.headers) if (!best || version >= h.version) best = h;
  return best;
}

/** The name that actions and subfields print: NXM's or OXM's if there is one. */
export const fieldNxmName = (field: Field): string => fieldHeader(field, 0)?.name ?? field.name;

// --- values ---------------------------------------------------------------------------------------------

/** Whether a 32-bit port can be: C knows no ports between 0xff00 and 0xffffff00. */
export const isOf11PortValid = (port: number): boolean => port < 0xff00 || port >= 0xffffff00;

/** The value of a field of one word. */
export function getFieldU32(flow: Flow, field: Field): number {
  if (field === IN_PORT) return flow[F.IN_PORT]! & 0xffff;
  return (flow[field.word]! & field.full) >>> field.shift;
}

/** Writes a field of one word; bits beyond the field are dropped. */
export function setFieldU32(flow: Flow, field: Field, value: number): void {
  const w = field.word;
  if (field === IN_PORT) {
    flow[w] = portFromOf10(value & 0xffff);
  } else if (w === F.VLAN_TCI0) {
    if (field === DL_VLAN && value === 0xffff) flow[w] = 0;
    else flow[w] = (flow[w]! & ~field.full) | ((value << field.shift) & field.full) | field.implies;
    if (flow[w] !== 0 && flow[F.VLAN_TPID0] === 0) flow[F.VLAN_TPID0] = 0x8100;
  } else {
    flow[w] = (flow[w]! & ~field.full) | ((value << field.shift) & field.full);
  }
}

/** Reads `count` words from `first`, most significant first. */
export function getWords(flow: Flow, first: number, count: number): bigint {
  let value = BigInt(flow[first]!);
  for (let i = 1; i < count; i++) value = (value << 32n) | BigInt(flow[first + i]!);
  return value;
}

export function setWords(flow: Flow, first: number, count: number, value: bigint): void {
  for (let i = count - 1; i >= 0; i--) {
    flow[first + i] = Number(value & 0xffffffffn);
    value >>= 32n;
  }
}

/** The value of a field, whatever its width. A tunnel option must be mapped (see `tun-metadata.ts`). */
export const getField = (flow: Flow, field: Field): bigint =>
  field.words === 1 && field.tunIndex < 0
    ? BigInt(getFieldU32(flow, field))
    : getWords(flow, field.word, field.words);

/** Writes a field as an action does; a VLAN field adds the tag. */
export function setField(flow: Flow, field: Field, value: bigint): void {
  if (field.words === 1 && field.tunIndex < 0) setFieldU32(flow, field, Number(value & 0xffffffffn));
  else {
    setWords(flow, field.word, field.words, value);
    if (field.tunIndex >= 0) markTunPresent(flow, field.tunIndex);
  }
}

/** Writes the bits of `mask` alone. */
export function setFieldMasked(flow: Flow, field: Field, value: bigint, mask: bigint): void {
  setField(flow, field, (getField(flow, field) & ~mask) | (value & mask));
}

/** Sets the bit of TUN_METADATA_PRESENT that says that option `index` is there. */
export function markTunPresent(flow: Flow, index: number): void {
  const w = F.TUN_METADATA_PRESENT + (index < 32 ? 1 : 0);
  flow[w] = flow[w]! | (1 << (index & 31));
}

/** Whether option `index` is marked in TUN_METADATA_PRESENT. */
export const isTunPresent = (flow: Flow, index: number): boolean =>
  (flow[F.TUN_METADATA_PRESENT + (index < 32 ? 1 : 0)]! & (1 << (index & 31))) !== 0;

/** The value with all of a field's bytes set, as an exact match's mask reads. */
export const fieldAllOnes = (field: Field): bigint => ALL_ONES[field.bytes]!;
/** By bytes: big integers are slow to make. */
const ALL_ONES: readonly bigint[] = Array.from(
  { length: 1 + Math.max(...FIELDS.map((f) => f.bytes)) },
  (_, bytes) => (1n << BigInt(bytes * 8)) - 1n,
);

// --- masks and matches ------------------------------------------------------------------------------------

/** Marks a field as consulted, in a mask: all of its bits, and for a VLAN field that the tag is there. */
export function maskField(mask: Flow, field: Field): void {
  if (field.words === 1 && field.tunIndex < 0) {
    mask[field.word] = mask[field.word]! | field.full | field.implies;
    return;
  }
  const highest = field.bytes & 3 ? lowBits((field.bytes & 3) * 8) : 0xffffffff;
  for (let i = 0; i < field.words; i++) mask[field.word + i] = i === 0 ? highest : 0xffffffff;
  if (field.tunIndex >= 0) markTunPresent(mask, field.tunIndex);
}

/** Whether a mask ignores the field altogether. */
export function isFieldWild(mask: Flow, field: Field): boolean {
  if (field.tunIndex >= 0) return !isTunPresent(mask, field.tunIndex);
  if (field.words === 1) return (mask[field.word]! & field.full) === 0;
  for (let i = 0; i < field.words; i++) if (mask[field.word + i] !== 0) return false;
  return true;
}

/** Whether a mask has all bits of the field. */
export function isFieldExact(mask: Flow, field: Field): boolean {
  if (field.words === 1 && field.tunIndex < 0) return (mask[field.word]! & field.full) >>> 0 === field.full;
  return getWords(mask, field.word, field.words) === fieldAllOnes(field);
}

/** Matches a one-word field exactly. */
export function matchFieldU32(match: Match, field: Field, value: number): void {
  matchFieldMaskedU32(match, field, value, 0xffffffff);
}

/** Matches a one-word field under a mask, in the field's own bits; what was matched in it before is gone. */
export function matchFieldMaskedU32(match: Match, field: Field, value: number, mask: number): void {
  const w = field.word;
  if (field === IN_PORT) {
    match.mask[w] = mask === 0 ? 0 : 0xffffffff;
    match.flow[w] = mask === 0 ? 0 : portFromOf10(value & 0xffff);
    return;
  }
  if (field === DL_VLAN && value === 0xffff) {
    match.mask[w] = 0xffff;
    match.flow[w] = 0;
    return;
  }
  if (field.maskIsValue) {
    match.mask[w] = mask === 0 ? 0 : value & field.full;
    match.flow[w] = value & mask & field.full;
    return;
  }
  // A mask over all of the value's bytes is exact, also where the word keeps more bits than those (ICMP types).
  // An IPv6 label's mask is exact if it has the label's 20 bits.
  const exact =
    mask === 0xffffffff ||
    mask === lowBits(field.bytes * 8) ||
    (field === IPV6_LABEL && (mask & 0xfffff) === 0xfffff);
  const bits = exact ? field.full : (mask << field.shift) & field.full;
  const implied = mask === 0 ? 0 : field.implies;
  match.mask[w] = (match.mask[w]! & ~field.full) | bits | implied;
  match.flow[w] = (match.flow[w]! & ~field.full) | ((value << field.shift) & bits) | implied;
}

/** Matches any field under a mask. A tunnel option must be mapped. */
export function matchField(
  match: Match,
  field: Field,
  value: bigint,
  mask: bigint = fieldAllOnes(field),
): void {
  if (field.words === 1 && field.tunIndex < 0) {
    matchFieldMaskedU32(match, field, Number(value & 0xffffffffn), Number(mask & 0xffffffffn));
    return;
  }
  setWords(match.mask, field.word, field.words, mask);
  setWords(match.flow, field.word, field.words, value & mask);
  if (field.tunIndex >= 0) {
    markTunPresent(match.mask, field.tunIndex);
    markTunPresent(match.flow, field.tunIndex);
  }
}

/** The mask of a field as its own bits; all ones when it is matched exactly. */
export function getFieldMask(mask: Flow, field: Field): bigint {
  return isFieldExact(mask, field) ? fieldAllOnes(field) : getField(mask, field);
}

// --- what a packet must be --------------------------------------------------------------------------------

const ETH_IP = 0x0800;
const ETH_IPV6 = 0x86dd;
const ETH_ARP = 0x0806;
const ETH_RARP = 0x8035;
const ETH_NSH = 0x894f;
const NO_ETHERTYPE = 0x05ff;
/** ct_state bits that only a tracked, valid packet has: new, established, reply direction. */
const CT_VALID = 0x01 | 0x02 | 0x08;
const CT_SUGGESTS_VALID = 0x01 | 0x02 | 0x04 | 0x08 | 0x40 | 0x80;
const CT_INVALID = 0x10;
const CT_TRACKED = 0x20;

export const isMplsEthertype = (type: number): boolean => type === 0x8847 || type === 0x8848;

/** The Ethertype of what follows: the frame's own, or that of a packet without Ethernet header. */
export function flowEthertype(flow: Flow): number {
  const packetType = flow[F.PACKET_TYPE]!;
  if (packetType === 0) return flow[F.DL_TYPE]!;
  return packetType >>> 16 === 1 ? packetType & 0xffff : NO_ETHERTYPE;
}

function consult(wc: Flow | undefined, word: number, bits: number): void {
  if (wc) wc[word] = wc[word]! | bits;
}

function isIpProto(flow: Flow, wc: Flow | undefined, type: number, proto: number): boolean {
  const actual = flowEthertype(flow);
  if (type === 0 ? actual !== ETH_IP && actual !== ETH_IPV6 : actual !== type) return false;
  consult(wc, F.NW_PROTO, 0xff);
  return flow[F.NW_PROTO] === proto;
}

function isEthernet(flow: Flow, wc: Flow | undefined): boolean {
  consult(wc, F.PACKET_TYPE, 0xffffffff);
  return flow[F.PACKET_TYPE] === 0;
}

function isNd(flow: Flow, wc: Flow | undefined): boolean {
  if (!isIpProto(flow, wc, ETH_IPV6, 58)) return false;
  consult(wc, F.TP_DST, 0xffff);
  if (flow[F.TP_DST] !== 0) return false;
  consult(wc, F.TP_SRC, 0xffff);
  return flow[F.TP_SRC] === 135 || flow[F.TP_SRC] === 136;
}

/** Whether conntrack's fields mean anything: for a packet, or (with `mask`) for a match. */
function isCtValid(flow: Flow, mask: Flow | undefined, wc: Flow | undefined): boolean {
  const state = flow[F.CT_STATE]!;
  if (mask) {
    return (
      (state & CT_SUGGESTS_VALID) !== 0 ||
      ((state & CT_TRACKED) !== 0 && (mask[F.CT_STATE]! & CT_INVALID) !== 0 && (state & CT_INVALID) === 0)
    );
  }
  consult(wc, F.CT_STATE, CT_VALID);
  return (state & CT_VALID) !== 0;
}

const isNotLaterFragment = (flow: Flow): boolean => (flow[F.NW_FRAG]! & 2) === 0;

function prereqOk(requires: FieldPrereq, flow: Flow, mask: Flow | undefined, wc: Flow | undefined): boolean {
  switch (requires) {
    case 'none':
      return true;
    case 'Ethernet':
      return isEthernet(flow, wc);
    case 'ARP': {
      const type = flowEthertype(flow);
      return type === ETH_ARP || type === ETH_RARP;
    }
    case 'VLAN VID':
      if (!isEthernet(flow, wc)) return false;
      consult(wc, F.VLAN_TCI0, VLAN_CFI);
      return (flow[F.VLAN_TCI0]! & VLAN_CFI) !== 0;
    case 'IPv4':
      return flowEthertype(flow) === ETH_IP;
    case 'IPv6':
      return flowEthertype(flow) === ETH_IPV6;
    case 'IPv4/IPv6': {
      const type = flowEthertype(flow);
      return type === ETH_IP || type === ETH_IPV6;
    }
    case 'MPLS':
      return isMplsEthertype(flowEthertype(flow));
    case 'NSH':
      return flowEthertype(flow) === ETH_NSH;
    case 'CT':
      return isCtValid(flow, mask, wc);
    case 'TCP':
      return isIpProto(flow, wc, 0, 6) && isNotLaterFragment(flow);
    case 'UDP':
      return isIpProto(flow, wc, 0, 17) && isNotLaterFragment(flow);
    case 'SCTP':
      return isIpProto(flow, wc, 0, 132) && isNotLaterFragment(flow);
    case 'ICMPv4':
      return isIpProto(flow, wc, ETH_IP, 1);
    case 'ICMPv6':
      return isIpProto(flow, wc, ETH_IPV6, 58);
    case 'ND':
      return isNd(flow, wc);
    case 'ND solicit':
      return isNd(flow, wc) && flow[F.TP_SRC] === 135;
    case 'ND advert':
      return isNd(flow, wc) && flow[F.TP_SRC] === 136;
  }
}

/** Whether a packet has the field. What was looked at to say so is added to `wc`. */
export const fieldPrereqsOk = (field: Field, flow: Flow, wc?: Flow): boolean =>
  prereqOk(field.requires, flow, undefined, wc);

/** Whether a match lets only packets through that have the field. */
export const fieldPrereqsOkInMatch = (field: Field, match: Match): boolean =>
  prereqOk(field.requires, match.flow, match.mask, undefined);

/** A match on a field that needs an Ethernet header, or a packet type, matches Ethernet packets unless it says otherwise. */
export function addEthernetPrereq(match: Match, field: Field): void {
  if (field.requires !== 'none') matchDefaultPacketType(match);
}

export function matchDefaultPacketType(match: Match): void {
  if (match.mask[F.PACKET_TYPE] === 0) match.mask[F.PACKET_TYPE] = 0xffffffff;
}

// --- which values a field can have ------------------------------------------------------------------------

/** Whether a peer may send this value of a field of at most 32 bits. */
export function isFieldValueValidU32(field: Field, v: number): boolean {
  switch (field.name) {
    case 'in_port_oxm':
    case 'actset_output':
      return isOf11PortValid(v);
    case 'nsh_ttl':
      return v <= 63;
    case 'nsh_mdtype':
      return v === 1 || v === 2;
    case 'nw_tos':
      return (v & 3) === 0;
    case 'in_port':
    case 'tun_erspan_idx':
    case 'tun_erspan_ver':
    case 'tun_erspan_dir':
    case 'tun_erspan_hwid':
      return true;
    case 'tcp_flags':
      return v <= 0x0fff;
    case 'ipv6_label':
      return v <= 0xfffff;
    default:
      return v <= field.full >>> field.shift;
  }
}

/** Whether a peer may send this value, which is `field.bytes` wide. */
export const isFieldValueValid = (field: Field, value: bigint): boolean =>
  field.bytes > 4 || isFieldValueValidU32(field, Number(value));

/** Whether a mask is one that the field can be matched under. */
export const isFieldMaskValid = (field: Field, mask: bigint): boolean =>
  field.maskable || mask === 0n || mask === fieldAllOnes(field);
