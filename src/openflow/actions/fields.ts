/**
 * Fields and subfields inside of actions: their headers and values on the wire, their text, what is allowed.
 *
 * Errors of the field layer become the errors of actions here. Fields are the ones of the table; a switch that
 * gives tunnel options their own lengths changes only how long their values are.
 * C counterparts: nx_pull_header, nx_pull_entry, nx_put_entry in lib/nx-match.c; mf_check_src, mf_check_dst.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { ParseError } from '../../base/parse.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { formatFieldText, parseFieldText } from '../../flow/field-text.ts';
import {
  FIELD,
  type Field,
  type FieldName,
  fieldAllOnes,
  fieldByHeader,
  fieldByHeaderNoLength,
  fieldHeader,
  OXM_CLASS_EXPERIMENTER,
} from '../../flow/fields.ts';
import type { Match } from '../../flow/layout.ts';
import type { NameMap } from '../../flow/ports.ts';
import {
  checkSubfieldDestination,
  checkSubfieldSource,
  formatSubfield,
  parseField as parseFieldName,
  parseSubfieldAt,
  SubfieldError,
} from '../../flow/subfield.ts';
import { FlowTextError } from '../../flow/text.ts';
import { OfpError } from '../errors.ts';
import type { OfpVersion } from '../version.ts';
import type { Subfield } from './action.ts';

export { formatSubfield };

const log = vlog('nx_match');
const logFields = vlog('meta_flow');
const limit = new RateLimit(1, 5);
const fieldLimit = new RateLimit(1, 5);
const MASK_BIT = 0x100;

// --- wire -------------------------------------------------------------------------------------------------

/** Low bit of a subfield and its width, as one 16-bit number of the Nicira actions says them. */
export const bitRange = (ofsNbits: number): { offset: number; bits: number } => ({
  offset: ofsNbits >>> 6,
  bits: (ofsNbits & 63) + 1,
});

/** The 16-bit number for {@link bitRange}. */
export const packBitRange = (sf: Subfield): number => ((sf.offset << 6) | (sf.bits - 1)) & 0xffff;

/** The field of a 32-bit NXM header. @throws OfpError OFPBAC_BAD_SET_TYPE */
export function fieldOfNxm(header: number): FieldName {
  const field = header >>> 16 === OXM_CLASS_EXPERIMENTER ? undefined : fieldByHeader(header);
  if (!field) throw new OfpError('OFPBAC_BAD_SET_TYPE');
  return field.name;
}

/** Whether a field has a header of 4 bytes. */
export const hasNxmHeader = (field: FieldName): boolean => nxmHeader(field) !== 0;

/** Header of 4 bytes; 0 when the field has only one of an experimenter. */
export function nxmHeader(field: FieldName): number {
  const header = fieldHeader(FIELD[field], 0);
  return header && header.experimenter === 0 ? header.header : 0;
}

interface PulledHeader {
  readonly field: Field | undefined;
  readonly masked: boolean;
  /** Bytes that follow, the mask included. */
  readonly payload: number;
  readonly lengthWrong: boolean;
}

function pullHeader(r: ByteReader, end: number): PulledHeader {
  const left = end - r.pos;
  if (left < 4) throw new OfpError('OFPBMC_BAD_LEN');
  const header = r.u32();
  const isExperimenter = header >>> 16 === OXM_CLASS_EXPERIMENTER;
  let experimenter = 0;
  if (isExperimenter) {
    if (left < 8) throw new OfpError('OFPBMC_BAD_LEN');
    experimenter = r.u32();
  }
  const payload = (header & 0xff) - (isExperimenter ? 4 : 0);
  const id = `${header >>> 16}:${(header >>> 9) & 0x7f}`;
  if (payload < 0) {
    log.warnRl(limit, `OXM header ${id} has invalid length ${header & 0xff} (minimum is 8)`);
    throw new OfpError('OFPBMC_BAD_LEN');
  }
  const field = fieldByHeader(header, experimenter);
  const lengthWrong = !field && fieldByHeaderNoLength(header, experimenter) !== undefined;
  if (!field) log.dbgRl(limit, () => `OXM header ${id} is unknown`);
  return { field, masked: (header & MASK_BIT) !== 0, payload, lengthWrong };
}

/** Reads the header of a field that an action names; the reader may not pass `end`. @throws OfpError */
export function pullField(r: ByteReader, end: number): FieldName {
  const { field, masked } = pullHeader(r, end);
  if (!field) throw new OfpError('OFPBMC_BAD_FIELD');
  if (masked) throw new OfpError('OFPBMC_BAD_MASK');
  return field.name;
}

/** Writes the header of a field; version 0 prefers NXM. */
export function putField(w: ByteWriter, field: FieldName, version: OfpVersion): void {
  const h = fieldHeader(FIELD[field], version);
  if (!h) throw new RangeError(`${field} has no header`);
  w.u32(h.header);
  if (h.experimenter) w.u32(h.experimenter);
}

export interface FieldEntry {
  readonly field: Field;
  readonly value: bigint;
  /** All ones when there was none. */
  readonly mask: bigint;
}

/** The number in `count` bytes. */
export function readNumber(r: ByteReader, count: number): bigint {
  if (count <= 4) {
    let n = 0;
    for (let i = 0; i < count; i++) n = n * 256 + r.u8();
    return BigInt(n);
  }
  let value = 0n;
  let left = count;
  for (; left % 4 !== 0; left--) value = (value << 8n) | BigInt(r.u8());
  for (; left > 0; left -= 4) value = (value << 32n) | BigInt(r.u32());
  return value;
}

export function writeNumber(w: ByteWriter, value: bigint, count: number): void {
  if (count <= 4) {
    const n = Number(value);
    if (count === 4) w.u32(n);
    else for (let i = count - 1; i >= 0; i--) w.u8((n >>> (8 * i)) & 0xff);
    return;
  }
  for (let i = count - 1; i >= 0; i--) w.u8(Number((value >> BigInt(8 * i)) & 0xffn));
}

/** Reads a field's header, value and mask. @throws OfpError */
export function pullEntry(r: ByteReader, end: number, mayMask: boolean): FieldEntry {
  const { field, masked, payload, lengthWrong } = pullHeader(r, end);
  if (!field) throw new OfpError(lengthWrong ? 'OFPBAC_BAD_SET_LEN' : 'OFPBAC_BAD_SET_TYPE');
  if (end - r.pos < payload) throw new OfpError('OFPBMC_BAD_LEN');
  const width = masked ? payload >> 1 : payload;
  const value = readNumber(r, width);
  if (!masked) return { field, value, mask: fieldAllOnes(field) };
  const mask = readNumber(r, width);
  if (value & ~mask) {
    log.warnRl(
      limit,
      `Rejecting NXM/OXM entry ${field.name} with 1-bits in value for bits wildcarded by the mask.`,
    );
    throw new OfpError('OFPBMC_BAD_WILDCARDS');
  }
  if (!mayMask) throw new OfpError('OFPBMC_BAD_MASK');
  return { field, value, mask };
}

const byteLength = (n: bigint): number => (n === 0n ? 1 : (n.toString(16).length + 1) >> 1);

/** Writes a field's header, value, and mask unless that is all ones. */
export function putEntry(
  w: ByteWriter,
  name: FieldName,
  version: OfpVersion,
  value: bigint,
  mask: bigint,
): void {
  const field = FIELD[name];
  const h = fieldHeader(field, version);
  if (!h) throw new RangeError(`${name} has no header`);
  const masked = mask !== fieldAllOnes(field);
  const isVariable = field.tunIndex >= 0;
  const bytes = isVariable ? Math.max(byteLength(value), masked ? byteLength(mask) : 0) : field.bytes;
  const length = (masked ? 2 * bytes : bytes) + (h.experimenter ? 4 : 0);
  w.u32(((h.header & ~0x1ff) | (masked ? MASK_BIT : 0) | length) >>> 0);
  if (h.experimenter) w.u32(h.experimenter);
  writeNumber(w, value, bytes);
  if (masked) writeNumber(w, mask, bytes);
}

// --- checks -----------------------------------------------------------------------------------------------

/** @throws OfpError unless the action may read it (in a flow with this match, if given) */
export function checkSource(sf: Subfield, match?: Match): void {
  const problem = checkSubfieldSource(sf, match);
  if (problem) {
    logFields.warnRl(fieldLimit, problem.text);
    throw new OfpError(problem.error);
  }
}

/** @throws OfpError unless the action may write it (in a flow with this match, if given) */
export function checkDestination(sf: Subfield, match?: Match): void {
  const problem = checkSubfieldDestination(sf, match);
  if (problem) {
    logFields.warnRl(fieldLimit, problem.text);
    throw new OfpError(problem.error);
  }
}

// --- text -------------------------------------------------------------------------------------------------

function asParseError<T>(fn: () => T): T {
  try {
    return fn();
  } catch (error) {
    throw error instanceof SubfieldError || error instanceof FlowTextError
      ? new ParseError(error.message)
      : error;
  }
}

/** Reads a subfield at `pos`. @returns it and the position behind it @throws ParseError */
export const scanSubfield = (text: string, pos = 0): [Subfield, number] =>
  asParseError(() => parseSubfieldAt(text, pos));

/** Reads a subfield that is all of the text. @throws ParseError */
export function parseSubfield(text: string): Subfield {
  const [subfield, end] = scanSubfield(text);
  if (end < text.length) throw new ParseError('unexpected input following field syntax');
  return subfield;
}

/** The field that all of the text names. @throws ParseError */
export const parseField = (text: string): Field => asParseError(() => parseFieldName(text));

/** Reads a field's value, perhaps with a mask. @throws ParseError */
export const parseFieldValue = (
  field: Field,
  text: string,
  ports?: NameMap,
): { value: bigint; mask: bigint } => asParseError(() => parseFieldText(field, text, ports));

/** Prints a field's value, with its mask unless that is all ones. */
export const formatFieldValue = (field: Field, value: bigint, mask?: bigint, ports?: NameMap): string =>
  formatFieldText(field, value, mask, ports);

/** Whether a value has bits beyond the lowest `bits`. */
export const exceeds = (value: bigint, bits: number): boolean => value >> BigInt(bits) !== 0n;
