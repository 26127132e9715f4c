/**
 * Fields and subfields inside of actions: their headers and values on the wire, their text, what is allowed.
 *
 * Errors of the field layer become the errors of actions here. Fields are the ones of the table; a switch that
 * gives tunnel options their own lengths changes only how long their values are.
 * C counterparts: nx_pull_header, nx_pull_entry, nx_put_entry in lib/nx-match.c; mf_check_src, mf_check_dst.
 */
import { ByteReader, type ByteWriter } from '../../base/bytes.ts';
import { ParseError } from '../../base/parse.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { formatFieldText, parseFieldText } from '../../flow/field-text.ts';
import {
  FIELD,
  type Field,
  type FieldName,
  fieldAllOnes,
  fieldByHeader,
  fieldHeader,
  OXM_CLASS_EXPERIMENTER,
} from '../../flow/fields.ts';
import type { Match } from '../../flow/layout.ts';
import {
  pullExactEntry,
  pullHeader,
  pullEntry as pullMatchEntry,
  putBig,
  putHeader,
  putEntry as putMatchEntry,
  readBig,
} from '../../flow/match/entry.ts';
import { MatchError } from '../../flow/match/error.ts';
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
import type { TunTable } from '../../flow/tun-metadata.ts';
import { OfpError } from '../errors.ts';
import type { OfpVersion } from '../version.ts';
import type { Subfield } from './action.ts';

export { formatSubfield };

const logFields = vlog('meta_flow');
const fieldLimit = new RateLimit(1, 5);

// --- wire -------------------------------------------------------------------------------------------------

/** Low bit of a subfield and its width, as one 16-bit number of the Nicira actions says them. */
export const bitRange = (ofsNbits: number): { offset: number; bits: number } => ({
  offset: ofsNbits >>> 6,
  bits: (ofsNbits & 63) + 1,
});

/** The 16-bit number for {@link bitRange}. */
export const packBitRange = (sf: Subfield): number => ((sf.offset << 6) | (sf.bits - 1)) & 0xffff;

/** The field of a 32-bit NXM header. @throws OfpError OFPBAC_BAD_SET_TYPE, NXFMFC_INVALID_TLV_FIELD */
export function fieldOfNxm(header: number, tun: TunTable | undefined): FieldName {
  const field = header >>> 16 === OXM_CLASS_EXPERIMENTER ? undefined : fieldByHeader(header);
  if (!field) throw new OfpError('OFPBAC_BAD_SET_TYPE');
  if (field.tunIndex >= 0 && tun && !tun.entries[field.tunIndex])
    throw new OfpError('NXFMFC_INVALID_TLV_FIELD');
  return field.name;
}

/** Whether a field has a header of 4 bytes. */
export const hasNxmHeader = (field: FieldName): boolean => nxmHeader(field) !== 0;

/** Header of 4 bytes; 0 when the field has only one of an experimenter. */
export function nxmHeader(field: FieldName): number {
  const header = fieldHeader(FIELD[field], 0);
  return header && header.experimenter === 0 ? header.header : 0;
}

/** Runs a function of the field layer on the bytes up to `end`; its errors become those of OpenFlow. */
function within<T>(r: ByteReader, end: number, pull: (inner: ByteReader) => T): T {
  const inner = new ByteReader(r.bytes, r.pos, end);
  try {
    return pull(inner);
  } catch (error) {
    throw error instanceof MatchError ? new OfpError(error.name) : error;
  } finally {
    r.pos = inner.pos;
  }
}

/** Reads the header of a field that an action names. @throws OfpError */
export function pullField(r: ByteReader, end: number, tun: TunTable | undefined): FieldName {
  const { field, masked } = within(r, end, (inner) => pullHeader(inner, { tun }));
  if (masked) throw new OfpError('OFPBMC_BAD_MASK');
  return field.name;
}

/** Writes the header of a field; version 0 prefers NXM. */
export const putField = (w: ByteWriter, field: FieldName, version: OfpVersion): void =>
  putHeader(w, FIELD[field], version);

export interface FieldEntry {
  readonly field: Field;
  readonly value: bigint;
  /** All ones when there was none. */
  readonly mask: bigint;
}

/** Reads a field's header, value and mask. @throws OfpError */
export function pullEntry(
  r: ByteReader,
  end: number,
  mayMask: boolean,
  tun: TunTable | undefined,
): FieldEntry {
  const options = { tun, inAction: true };
  const entry = within(r, end, (inner) =>
    mayMask ? pullMatchEntry(inner, options) : pullExactEntry(inner, options),
  );
  // Whatever length a bridge gives a tunnel option, actions know it by its name and full width.
  const field = FIELD[entry.field.name];
  return { field, value: entry.value, mask: entry.mask ?? fieldAllOnes(field) };
}

/** Writes a field's header, value, and mask unless that is all ones. */
export const putEntry = (
  w: ByteWriter,
  field: FieldName,
  version: OfpVersion,
  value: bigint,
  mask: bigint,
): void => putMatchEntry(w, FIELD[field], version, value, mask);

/** The number in `count` bytes. */
export const readNumber = (r: ByteReader, count: number): bigint => readBig(r.take(count), 0, count);

export const writeNumber = putBig;

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
