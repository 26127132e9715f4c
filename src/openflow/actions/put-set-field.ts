/** The standard set_field on the wire, which many older actions are written as from OpenFlow 1.2 on. */
import type { ByteWriter } from '../../base/bytes.ts';
import { FIELD, type FieldName, fieldAllOnes } from '../../flow/fields.ts';
import type { OfpVersion } from '../version.ts';
import { putEntry } from './fields.ts';
import { endAction } from './wire.ts';

const OFPAT_SET_FIELD = 25;

/** Writes set_field; the mask must be all ones before OpenFlow 1.5. */
export function putSetFieldEntry(
  w: ByteWriter,
  version: OfpVersion,
  field: FieldName,
  value: bigint,
  mask: bigint,
): void {
  const start = w.length;
  w.u16(OFPAT_SET_FIELD).u16(0);
  putEntry(w, field, version, value, mask);
  endAction(w, start);
}

/** Writes set_field of a whole field. */
export function putSetField(
  w: ByteWriter,
  version: OfpVersion,
  field: FieldName,
  value: number | bigint,
): void {
  putSetFieldEntry(w, version, field, BigInt(value), fieldAllOnes(FIELD[field]));
}
