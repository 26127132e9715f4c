/** Lists of fields as OXM headers: with masks as their values, or headers alone. C counterpart: lib/nx-match.c. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { FieldName } from '../../flow/field-names.ts';
import { formatFieldText } from '../../flow/field-text.ts';
import {
  FIELD,
  type Field,
  fieldAllOnes,
  fieldByHeader,
  fieldHeader,
  headerValueBytes,
  isFieldMaskValid,
  OXM_CLASS_EXPERIMENTER,
} from '../../flow/fields.ts';
import { putEntryBytes } from '../../flow/match/entry.ts';
import { OfpError } from '../errors.ts';

export interface FieldMask {
  readonly field: FieldName;
  readonly mask: bigint;
}

const MASK_BIT = 0x100;

/** A header off the wire. */
interface Header {
  /** undefined when it is not known. */
  readonly field: Field | undefined;
  readonly masked: boolean;
  /** Bytes of one value. */
  readonly size: number;
}

/** @throws OfpError OFPBMC_BAD_LEN */
function readHeader(r: ByteReader): Header {
  if (r.left < 4) throw new OfpError('OFPBMC_BAD_LEN');
  const header = r.u32();
  let experimenter = 0;
  if (header >>> 16 === OXM_CLASS_EXPERIMENTER) {
    if (r.left < 4 || (header & 0xff) < 4) throw new OfpError('OFPBMC_BAD_LEN');
    experimenter = r.u32();
  }
  const masked = (header & MASK_BIT) !== 0;
  return { field: fieldByHeader(header, experimenter), masked, size: headerValueBytes(header) };
}

/** Writes the header of a field for values of its length. */
function putHeader(w: ByteWriter, field: Field, version: number, masked: boolean): void {
  const h = fieldHeader(field, version);
  if (!h) return;
  w.u32(masked ? (h.header | MASK_BIT) + field.bytes : h.header);
  if (h.experimenter) w.u32(h.experimenter);
}

/** Reads fields with the bits of them that count. @throws OfpError OFPBMC_* */
export function readFieldArray(r: ByteReader): FieldMask[] {
  const fields: FieldMask[] = [];
  while (r.left > 0) {
    const { field, masked, size } = readHeader(r);
    if (r.left < size) throw new OfpError('OFPBMC_BAD_LEN');
    let mask = 0n;
    for (const b of r.take(size)) mask = (mask << 8n) | BigInt(b);
    if (!field) throw new OfpError('OFPBMC_BAD_FIELD');
    if (masked) throw new OfpError('OFPBMC_BAD_MASK');
    if (fields.some((f) => f.field === field.name)) throw new OfpError('OFPBMC_DUP_FIELD');
    if (!isFieldMaskValid(field, mask)) throw new OfpError('OFPBMC_BAD_MASK');
    fields.push({ field: field.name, mask });
  }
  return fields.sort((a, b) => FIELD[a.field].id - FIELD[b.field].id);
}

export function putFieldArray(w: ByteWriter, fields: readonly FieldMask[], version: number): void {
  for (const { field, mask } of fields) {
    const f = FIELD[field];
    putEntryBytes(w, f, version, mask, undefined, f.bytes);
  }
}

/** Names of fields, each with its mask unless that is all ones. */
export const fieldArrayText = (fields: readonly FieldMask[]): string =>
  fields
    .map(({ field, mask }) => {
      const f = FIELD[field];
      return mask === fieldAllOnes(f) ? field : `${field}=${formatFieldText(f, mask)}`;
    })
    .join(',');

/** Reads headers alone. Unknown fields are an error unless `loose`. @throws OfpError OFPBMC_* */
export function readFieldHeaders(
  r: ByteReader,
  loose: boolean,
): { exact: Set<FieldName>; masked: Set<FieldName> } {
  const exact = new Set<FieldName>();
  const masked = new Set<FieldName>();
  while (r.left > 0) {
    const header = readHeader(r);
    if (header.field) (header.masked ? masked : exact).add(header.field.name);
    else if (!loose) throw new OfpError('OFPBMC_BAD_FIELD');
  }
  return { exact, masked };
}

/** Writes headers alone, in the order of the table of fields; those in `masks` with the mask bit. */
export function putFieldHeaders(
  w: ByteWriter,
  fields: ReadonlySet<FieldName>,
  masks: ReadonlySet<FieldName> | undefined,
  version: number,
): void {
  for (const f of inTableOrder(fields)) putHeader(w, f, version, masks?.has(f.name) ?? false);
}

export const inTableOrder = (fields: ReadonlySet<FieldName>): Field[] =>
  [...fields].map((name) => FIELD[name]).sort((a, b) => a.id - b.id);
