/**
 * Parts of fields, as actions name them: `NXM_OF_VLAN_TCI[0..11]`, `reg0[3]`, `eth_src`.
 *
 * C counterpart: struct mf_subfield of include/openvswitch/meta-flow.h.
 */
import { atoi } from '../base/parse.ts';
import {
  FIELD,
  type Field,
  type FieldName,
  fieldByName,
  fieldByNxmName,
  fieldNxmName,
  fieldPrereqsOkInMatch,
  getField,
  getFieldU32,
  markTunPresent,
  setField,
  setFieldU32,
} from './fields.ts';
import type { Flow, Match } from './layout.ts';

/** Part of a field: `bits` bits from bit `offset` (0 is the least significant). */
export interface Subfield {
  readonly field: FieldName;
  readonly offset: number;
  readonly bits: number;
}

/** The field of a subfield; callers that know a tunnel table map tun_metadata through it. */
export type FieldResolver = (name: FieldName) => Field;
const unmapped: FieldResolver = (name) => FIELD[name];

/** All of a field. */
export const wholeField = (field: Field): Subfield => ({ field: field.name, offset: 0, bits: field.bits });

const ones = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

export function readSubfield(flow: Flow, sf: Subfield, resolve: FieldResolver = unmapped): bigint {
  const field = resolve(sf.field);
  if (field.words === 1 && field.tunIndex < 0) return BigInt(readBits32(getFieldU32(flow, field), sf));
  return (getField(flow, field) >> BigInt(sf.offset)) & ones(sf.bits);
}

function readBits32(value: number, sf: Subfield): number {
  const shifted = value >>> sf.offset;
  return sf.bits >= 32 ? shifted : (shifted & (2 ** sf.bits - 1)) >>> 0;
}

/** {@link readSubfield} for at most 32 bits. */
export function readSubfieldU32(flow: Flow, sf: Subfield, resolve: FieldResolver = unmapped): number {
  const field = resolve(sf.field);
  if (field.words === 1 && field.tunIndex < 0) return readBits32(getFieldU32(flow, field), sf);
  const top = sf.offset + sf.bits - 1;
  const high = flow[field.word + field.words - 1 - (top >>> 5)]!;
  if (top >>> 5 === sf.offset >>> 5) return readBits32(high, { ...sf, offset: sf.offset & 31 });
  return Number((getField(flow, field) >> BigInt(sf.offset)) & ones(sf.bits));
}

/** Writes the low `sf.bits` bits of `value`. */
export function writeSubfield(
  flow: Flow,
  sf: Subfield,
  value: bigint,
  resolve: FieldResolver = unmapped,
): void {
  const field = resolve(sf.field);
  if (field.words === 1 && field.tunIndex < 0) {
    writeSubfieldU32(flow, sf, Number(value & 0xffffffffn), resolve);
    return;
  }
  const mask = ones(sf.bits) << BigInt(sf.offset);
  setField(flow, field, (getField(flow, field) & ~mask) | ((value << BigInt(sf.offset)) & mask));
}

/** {@link writeSubfield} for at most 32 bits. */
export function writeSubfieldU32(
  flow: Flow,
  sf: Subfield,
  value: number,
  resolve: FieldResolver = unmapped,
): void {
  const field = resolve(sf.field);
  if (field.words !== 1 || field.tunIndex >= 0) {
    writeSubfield(flow, sf, BigInt(value >>> 0), resolve);
    return;
  }
  const mask = (sf.bits >= 32 ? 0xffffffff : 2 ** sf.bits - 1) << sf.offset;
  setFieldU32(flow, field, ((getFieldU32(flow, field) & ~mask) | ((value << sf.offset) & mask)) >>> 0);
}

/** Adds the bits of the subfield to a mask. A VLAN field also marks that the tag is there. */
export function markSubfieldInMask(mask: Flow, sf: Subfield, resolve: FieldResolver = unmapped): void {
  const field = resolve(sf.field);
  if (field.words === 1 && field.tunIndex < 0) {
    if (field.name === 'in_port') mask[field.word] = 0xffffffff;
    else {
      const bits = (sf.bits >= 32 ? 0xffffffff : 2 ** sf.bits - 1) << (sf.offset + field.shift);
      mask[field.word] = mask[field.word]! | (bits & field.full) | field.implies;
    }
    return;
  }
  for (let i = 0; i < field.words; i++) {
    const low = (field.words - 1 - i) * 32;
    const from = Math.max(sf.offset - low, 0);
    const to = Math.min(sf.offset + sf.bits - low, 32);
    if (from < to) {
      const bits = (to - from === 32 ? 0xffffffff : 2 ** (to - from) - 1) << from;
      mask[field.word + i] = mask[field.word + i]! | bits;
    }
  }
  if (field.tunIndex >= 0) markTunPresent(mask, field.tunIndex);
}

// --- text -------------------------------------------------------------------------------------------------

/** A subfield at the start of some text could not be read; the message is that of the C tools. */
export class SubfieldError extends Error {}

const WIDE = /^\[\s*([+-]?\d+)\.\.\s*([+-]?\d+)\]/;
const BIT = /^\[\s*([+-]?\d+)\]/;

const BRACKET = 91;
const MINUS = 45;

/** Where the name of a field ends: at its bits, or at the `->` behind it. */
function nameEnd(text: string): number {
  let i = 0;
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === BRACKET || c === MINUS) break;
  }
  return i;
}

/**
 * Reads a subfield at `pos` of `text`.
 * @returns the subfield and the position after it
 * @throws SubfieldError
 */
export function parseSubfieldAt(
  text: string,
  pos = 0,
  resolve: FieldResolver = unmapped,
): [Subfield, number] {
  const rest = pos === 0 ? text : text.slice(pos);
  const name = rest.slice(0, nameEnd(rest));
  const nxmName = name.length > 2 && name.endsWith('_W') ? name.slice(0, -2) : name;
  const known = fieldByNxmName(nxmName) ?? fieldByName(name);
  if (!known) throw new SubfieldError(`${rest}: unknown field \`${name}'`);
  const field = resolve(known.name);
  let start = 0;
  let end = field.bits - 1;
  let length = name.length;
  if (rest.startsWith('[]', length)) {
    length += 2;
  } else if (rest.startsWith('[', length)) {
    const brackets = rest.slice(length);
    const wide = WIDE.exec(brackets);
    const bit = wide ? null : BIT.exec(brackets);
    if (wide) [start, end] = [atoi(wide[1]!), atoi(wide[2]!)];
    else if (bit) start = end = atoi(bit[1]!);
    else throw new SubfieldError(`${rest}: syntax error expecting [] or [<bit>] or [<start>..<end>]`);
    length += brackets.indexOf(']') + 1;
  }
  const only = `because field is only ${field.bits} bits wide`;
  if (start > end) throw new SubfieldError(`${rest}: starting bit ${start} is after ending bit ${end}`);
  if (start >= field.bits) throw new SubfieldError(`${rest}: starting bit ${start} is not valid ${only}`);
  if (end >= field.bits) throw new SubfieldError(`${rest}: ending bit ${end} is not valid ${only}`);
  if (start < 0) throw new SubfieldError(`${rest}: starting bit ${start} is not valid ${only}`);
  return [{ field: field.name, offset: start, bits: end - start + 1 }, pos + length];
}

/** Reads a subfield that is all of `text`. @throws SubfieldError */
export function parseSubfield(text: string, resolve?: FieldResolver): Subfield {
  const [subfield, end] = parseSubfieldAt(text, 0, resolve);
  if (end < text.length) throw new SubfieldError(`${text}: trailing garbage following subfield`);
  return subfield;
}

/** The field that all of `text` names, by NXM, OXM or plain name. @throws SubfieldError */
export function parseField(text: string): Field {
  const field = fieldByNxmName(text) ?? fieldByName(text);
  if (!field) throw new SubfieldError(`unknown field \`${text}'`);
  return field;
}

/** As actions print it: `NXM_NX_REG0[]`, `NXM_OF_VLAN_TCI[12]`, `NXM_NX_REG1[0..7]`. */
export function formatSubfield(sf: Subfield, resolve: FieldResolver = unmapped): string {
  const field = resolve(sf.field);
  const name = fieldNxmName(field);
  if (sf.offset === 0 && sf.bits === field.bits) return `${name}[]`;
  return sf.bits === 1 ? `${name}[${sf.offset}]` : `${name}[${sf.offset}..${sf.offset + sf.bits - 1}]`;
}

// --- checks -----------------------------------------------------------------------------------------------

export type SubfieldProblem = 'OFPBAC_BAD_SET_LEN' | 'OFPBAC_MATCH_INCONSISTENT' | 'OFPBAC_BAD_SET_ARGUMENT';

/** Whether an action may read the subfield in a flow with this match; `type` is used by the log text. */
export function checkSubfieldSource(
  sf: Subfield,
  match: Match | undefined,
  resolve: FieldResolver = unmapped,
  type: 'source' | 'destination' = 'source',
): { readonly error: SubfieldProblem; readonly text: string } | undefined {
  const field = resolve(sf.field);
  const bad = (text: string): { error: SubfieldProblem; text: string } => ({
    error: 'OFPBAC_BAD_SET_LEN',
    text,
  });
  if (sf.bits === 0) return bad(`zero bit ${type} field ${field.name}`);
  if (sf.offset >= field.bits) {
    return bad(`bit offset ${sf.offset} exceeds ${field.bits}-bit width of ${type} field ${field.name}`);
  }
  if (sf.offset + sf.bits > field.bits) {
    return bad(
      `bit offset ${sf.offset} and width ${sf.bits} exceeds ${field.bits}-bit width of ${type} field ${field.name}`,
    );
  }
  if (match && !fieldPrereqsOkInMatch(field, match)) {
    const text = `${type} field ${field.name} lacks correct prerequisites`;
    return { error: 'OFPBAC_MATCH_INCONSISTENT', text };
  }
  return undefined;
}

/** Whether an action may write the subfield in a flow with this match. */
export function checkSubfieldDestination(
  sf: Subfield,
  match: Match | undefined,
  resolve: FieldResolver = unmapped,
): { readonly error: SubfieldProblem; readonly text: string } | undefined {
  const problem = checkSubfieldSource(sf, match, resolve, 'destination');
  if (problem) return problem;
  const field = resolve(sf.field);
  if (field.writable) return undefined;
  return { error: 'OFPBAC_BAD_SET_ARGUMENT', text: `destination field ${field.name} is not writable` };
}
