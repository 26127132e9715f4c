/**
 * Properties: the type-length-value lists of OpenFlow 1.3 and later. C counterpart: lib/ofp-prop.c.
 */
import { ByteReader, type ByteWriter } from '../../base/bytes.ts';
import { RateLimit, type Vlog } from '../../base/vlog.ts';
import { OfpError } from '../errors.ts';

const limit = new RateLimit(5, 5);

/** First type number that introduces an experimenter's property. */
const EXPERIMENTER = 0xffff;

/** Which property: its type, or 0xffff with the experimenter and its type. */
export interface Property {
  readonly type: number;
  /** 0 for a standard one. */
  readonly experimenter: number;
  readonly expType: number;
  /** Length of its header: 4 or 12 bytes. */
  readonly headerLength: number;
  /** The whole property, header and all, without the padding after it. */
  readonly bytes: Uint8Array;
}

/** Bytes after the header of a property. */
export const propertyPayload = (p: Property): Uint8Array => p.bytes.subarray(p.headerLength);

/**
 * Takes the next property and its padding to 8 bytes.
 * @param firstExperimenter lowest type that has an experimenter's header
 * @throws OfpError OFPBPC_BAD_LEN, OFPBPC_BAD_EXPERIMENTER
 */
export function pullProperty(r: ByteReader, firstExperimenter = EXPERIMENTER, alignment = 8): Property {
  if (r.left < 4) throw new OfpError('OFPBPC_BAD_LEN');
  const type = r.peekU16(0);
  const length = r.peekU16(2);
  const padded = Math.ceil(length / alignment) * alignment;
  if (length < 4 || padded > r.left) throw new OfpError('OFPBPC_BAD_LEN');
  let experimenter = 0;
  let expType = 0;
  if (type >= firstExperimenter) {
    if (length < 12) throw new OfpError('OFPBPC_BAD_LEN');
    experimenter = r.peekU32(4);
    expType = r.peekU32(8);
    if (experimenter === 0) throw new OfpError('OFPBPC_BAD_EXPERIMENTER');
  }
  const bytes = r.take(length);
  r.skip(padded - length);
  return { type, experimenter, expType, headerLength: experimenter ? 12 : 4, bytes };
}

/** Calls `one` for each property up to the end. */
export function eachProperty(r: ByteReader, one: (p: Property) => void): void {
  while (r.left > 0) one(pullProperty(r));
}

function payloadOf(p: Property, length: number): ByteReader {
  const payload = propertyPayload(p);
  if (payload.length !== length) throw new OfpError('OFPBPC_BAD_LEN');
  return new ByteReader(payload);
}

/** A 16-bit value; what follows it is padding. */
export function propertyU16(p: Property): number {
  const payload = propertyPayload(p);
  if (payload.length < 2) throw new OfpError('OFPBPC_BAD_LEN');
  return (payload[0]! << 8) | payload[1]!;
}

/** An 8-bit value; what follows it is padding. */
export function propertyU8(p: Property): number {
  const payload = propertyPayload(p);
  if (payload.length < 1) throw new OfpError('OFPBPC_BAD_LEN');
  return payload[0]!;
}

export const propertyU32 = (p: Property): number => payloadOf(p, 4).u32();

/** A 64-bit value, which stands at a multiple of 8. */
export function propertyU64(p: Property): bigint {
  const at = (p.headerLength + 7) & ~7;
  if (p.bytes.length !== at + 8) throw new OfpError('OFPBPC_BAD_LEN');
  return new ByteReader(p.bytes, at).u64();
}

/** A reader over the properties inside this one, which begin at a multiple of 8. */
export function propertyNested(p: Property): ByteReader {
  const at = (p.headerLength + 7) & ~7;
  if (p.bytes.length < at) throw new OfpError('OFPBPC_BAD_LEN');
  return new ByteReader(p.bytes, at);
}

/** A reader over the body of a property that must have exactly `length` bytes with its header. */
export function propertyStruct(p: Property, length: number): ByteReader {
  if (p.bytes.length !== length) throw new OfpError('OFPBPC_BAD_LEN');
  return new ByteReader(p.bytes, p.headerLength);
}

/**
 * Deals with a property of unknown type: logged only, when `loose`.
 * @throws OfpError OFPBPC_BAD_TYPE, OFPBPC_BAD_EXP_TYPE
 */
export function unknownProperty(log: Vlog, loose: boolean, what: string, p: Property): void {
  const message = p.experimenter
    ? `unknown ${what} property type for exp_id 0x${p.experimenter.toString(16)}, exp_type ${p.expType | 0}`
    : `unknown ${what} property type ${p.type}`;
  if (loose) log.dbgRl(limit, message);
  else log.warnRl(limit, message);
  if (!loose) throw new OfpError(p.experimenter ? 'OFPBPC_BAD_EXP_TYPE' : 'OFPBPC_BAD_TYPE');
}

/** Writes a property whose body `body` writes after the header. */
export function putProperty(w: ByteWriter, type: number, body: () => void): void {
  const start = w.length;
  w.u16(type).u16(0);
  finish(w, start, body);
}

/** Writes an experimenter's property. */
export function putExperimenterProperty(
  w: ByteWriter,
  experimenter: number,
  expType: number,
  body: () => void,
  type = EXPERIMENTER,
): void {
  const start = w.length;
  w.u16(type).u16(0).u32(experimenter).u32(expType);
  finish(w, start, body);
}

function finish(w: ByteWriter, start: number, body: () => void): void {
  body();
  w.patchU16(start + 2, w.length - start);
  w.align(8, start);
}

export const putPropertyU16 = (w: ByteWriter, type: number, value: number): void =>
  putProperty(w, type, () => w.u16(value).u16(0));
export const putPropertyU32 = (w: ByteWriter, type: number, value: number): void =>
  putProperty(w, type, () => w.u32(value));
export const putPropertyU64 = (w: ByteWriter, type: number, value: bigint): void =>
  putProperty(w, type, () => w.u32(0).u64(value));
/** A property that contains others. */
export const putPropertyNested = (w: ByteWriter, type: number, body: () => void): void =>
  putProperty(w, type, () => {
    w.u32(0);
    body();
  });
