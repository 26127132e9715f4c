/**
 * One NXM or OXM entry: a header, a value, perhaps a mask. Matches, actions and properties are made of these.
 *
 * A header is 32 bits (class, number, mask bit, length), with 32 more for an experimenter. Values are big-endian and
 * as long as the field, but for tunnel options, which may be shorter.
 * C counterpart: nx_pull_entry and nxm_put_entry_raw of lib/nx-match.c.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import {
  type Field,
  type FieldHeader,
  fieldAllOnes,
  fieldByHeader,
  fieldByHeaderNoLength,
  fieldHeader,
  headerValueBytes,
  OXM_CLASS_EXPERIMENTER,
} from '../fields.ts';
import { hex } from '../text.ts';
import type { TunTable } from '../tun-metadata.ts';
import { MatchError } from './error.ts';

export const log = vlog('nx_match');
/** What peers do wrong is their bug: a line a minute is enough. */
export const peerLimit = new RateLimit(1, 5);

/** The cookie's pseudo-header, which only an NXM match in a flow mod or flow request may hold. */
export const NXM_NX_COOKIE = ((0x0001 << 16) | (30 << 9) | 8) >>> 0;
export const NXM_NX_COOKIE_W = ((0x0001 << 16) | (30 << 9) | 0x100 | 16) >>> 0;

export const HAS_MASK = 0x100;

/** How entries are read. */
export interface EntryOptions {
  /** The bridge's tunnel options: fields are mapped through it, and those it lacks are errors. */
  readonly tun?: TunTable | undefined;
  /** The entry belongs to an action: errors are those of actions. */
  readonly inAction?: boolean;
  readonly allowCookie?: boolean;
}

/** The last header read. One object, overwritten by {@link pullRawHeader}. */
export interface RawHeader {
  header: number;
  experimenter: number;
  field: Field | undefined;
}

export const newRawHeader = (): RawHeader => ({ header: 0, experimenter: 0, field: undefined });

/** Whether the header is that of the cookie, in either form. */
export const isCookieHeader = (h: RawHeader): boolean =>
  h.experimenter === 0 && (h.header === NXM_NX_COOKIE || h.header === NXM_NX_COOKIE_W);

/** A header as C prints it: `vendor:class:field/mask:length`. */
export const headerText = (h: RawHeader): string =>
  `${hex(h.experimenter)}:${h.header >>> 16}:${(h.header >>> 9) & 0x7f}:${h.header & HAS_MASK ? 1 : 0}:${h.header & 0xff}`;

/**
 * Reads a header. `raw.field` is undefined if nobody knows it.
 * @returns the error that goes with an unknown field
 * @throws MatchError OFPBMC_BAD_LEN, NXFMFC_INVALID_TLV_FIELD
 */
export function pullRawHeader(r: ByteReader, raw: RawHeader, options: EntryOptions): MatchError | undefined {
  if (r.left < 4) {
    log.dbgRl(peerLimit, () => `encountered partial (${r.left}-byte) OXM entry`);
    throw new MatchError('OFPBMC_BAD_LEN');
  }
  const header = r.u32();
  raw.header = header;
  raw.experimenter = 0;
  raw.field = undefined;
  if (header >>> 16 === OXM_CLASS_EXPERIMENTER) {
    if (r.left < 4) {
      log.dbgRl(peerLimit, () => `encountered partial (${r.left + 4}-byte) OXM entry`);
      throw new MatchError('OFPBMC_BAD_LEN');
    }
    raw.experimenter = r.u32();
    if ((header & 0xff) < 4) {
      log.warnRl(
        peerLimit,
        `OXM header ${headerText(raw)} has invalid length ${header & 0xff} (minimum is 8)`,
      );
      throw new MatchError('OFPBMC_BAD_LEN');
    }
  }
  let field = fieldByHeader(header, raw.experimenter);
  if (field && field.tunIndex >= 0 && options.tun) {
    field = options.tun.entries[field.tunIndex]?.field;
    if (!field) throw new MatchError('NXFMFC_INVALID_TLV_FIELD');
  }
  raw.field = field;
  if (field || (options.allowCookie && isCookieHeader(raw))) return undefined;
  log.dbgRl(peerLimit, () => `OXM header ${headerText(raw)} is unknown`);
  if (!options.inAction) return new MatchError('OFPBMC_BAD_FIELD');
  const vendorBytes = raw.experimenter ? 4 : 0;
  const payload = (header & 0xff) - vendorBytes;
  const length = (header & HAS_MASK ? payload >> 1 : payload) + vendorBytes;
  const wrongLength = fieldByHeaderNoLength(header, raw.experimenter) !== undefined && length > 0;
  throw new MatchError(wrongLength ? 'OFPBAC_BAD_SET_LEN' : 'OFPBAC_BAD_SET_TYPE');
}

/** Bytes that follow a header. With a mask they are twice those of a value, or one more: that one means nothing. */
export const payloadBytes = (header: number): number =>
  (header & 0xff) - (header >>> 16 === OXM_CLASS_EXPERIMENTER ? 4 : 0);

/** Checks that what follows a header is there and that no value bit lies outside the mask. @returns bytes a value */
export function checkPayload(r: ByteReader, raw: RawHeader): number {
  const width = headerValueBytes(raw.header);
  const total = payloadBytes(raw.header);
  if (r.left < total) {
    log.dbgRl(
      peerLimit,
      () =>
        `OXM header ${headerText(raw)} calls for ${total}-byte payload but only ${r.left} bytes follow OXM header`,
    );
    throw new MatchError('OFPBMC_BAD_LEN');
  }
  if (raw.header & HAS_MASK) {
    const at = r.pos;
    for (let i = 0; i < width; i++) {
      if (r.bytes[at + i]! & ~r.bytes[at + width + i]!) {
        log.warnRl(
          peerLimit,
          `Rejecting NXM/OXM entry ${headerText(raw)} with 1-bits in value for bits wildcarded by the mask.`,
        );
        throw new MatchError('OFPBMC_BAD_WILDCARDS');
      }
    }
  }
  return width;
}

/** `bytes` bytes at `at`, as a number. */
export function readBig(b: Uint8Array, at: number, bytes: number): bigint {
  let value = 0n;
  for (let i = 0; i < bytes; i++) value = (value << 8n) | BigInt(b[at + i]!);
  return value;
}

export interface Entry {
  readonly field: Field;
  readonly value: bigint;
  /** Undefined when the entry had none. */
  readonly mask: bigint | undefined;
}

const entryHeader = newRawHeader();

/** Reads an entry. @throws MatchError */
export function pullEntry(r: ByteReader, options: EntryOptions = {}): Entry {
  const unknown = pullRawHeader(r, entryHeader, options);
  const { header, field } = entryHeader;
  const width = checkPayload(r, entryHeader);
  const bytes = r.take(payloadBytes(header));
  if (!field) throw unknown ?? new MatchError('OFPBMC_BAD_FIELD');
  return {
    field,
    value: readBig(bytes, 0, width),
    mask: header & HAS_MASK ? readBig(bytes, width, width) : undefined,
  };
}

/** Reads an entry that must have no mask. @throws MatchError */
export function pullExactEntry(r: ByteReader, options: EntryOptions = {}): Entry {
  const entry = pullEntry(r, options);
  if (entry.mask === undefined) return entry;
  log.dbgRl(peerLimit, 'OXM header includes mask but masked OXMs are not allowed here');
  throw new MatchError('OFPBMC_BAD_MASK');
}

/** Reads a header alone, as actions that name a field have it. @throws MatchError */
export function pullHeader(r: ByteReader, options: EntryOptions = {}): { field: Field; masked: boolean } {
  const unknown = pullRawHeader(r, entryHeader, options);
  const { header, field } = entryHeader;
  if (!field) throw unknown ?? new MatchError('OFPBMC_BAD_FIELD');
  return { field, masked: (header & HAS_MASK) !== 0 };
}

// --- writing ------------------------------------------------------------------------------------------------

function writeHeader(w: ByteWriter, h: Pick<FieldHeader, 'experimenter'>, header: number): void {
  w.u32(header >>> 0);
  if (h.experimenter) w.u32(h.experimenter);
}

/** The header of `bytes` of value, with mask or not. */
function headerOf(h: Pick<FieldHeader, 'header' | 'experimenter'>, bytes: number, masked: boolean): number {
  const length = (masked ? bytes * 2 : bytes) + (h.experimenter ? 4 : 0);
  return ((h.header & ~0x1ff) | (masked ? HAS_MASK : 0) | length) >>> 0;
}

/** Stands for fields that text can name and the wire cannot, such as dl_vlan: the peer takes it for what it likes. */
const NO_HEADER = { header: 0, experimenter: 0 };

/** Writes a field's header alone; zeros for a field without. */
export function putHeader(w: ByteWriter, field: Field, version: number, masked = false): void {
  const h = fieldHeader(field, version);
  if (h) writeHeader(w, h, headerOf(h, field.bytes, masked));
  else w.u32(0);
}

export function putBig(w: ByteWriter, value: bigint, bytes: number): void {
  for (let i = bytes - 1; i >= 0; i--) w.u8(Number((value >> BigInt(8 * i)) & 0xffn));
}

/** Writes an entry of a given length, with a mask if there is one. */
export function putEntryBytes(
  w: ByteWriter,
  field: Field,
  version: number,
  value: bigint,
  mask: bigint | undefined,
  bytes: number,
): void {
  const h = fieldHeader(field, version) ?? NO_HEADER;
  writeHeader(w, h, headerOf(h, bytes, mask !== undefined));
  putBig(w, value, bytes);
  if (mask !== undefined) putBig(w, mask, bytes);
}

/** Writes an entry; a tunnel option that no table maps only as long as it needs to be. */
export function putEntry(w: ByteWriter, field: Field, version: number, value: bigint, mask?: bigint): void {
  const masked = mask !== undefined && mask !== fieldAllOnes(field) ? mask : undefined;
  let bytes = field.bytes;
  if (field.tunIndex >= 0 && !field.mapped) {
    const need = value | (masked ?? 0n);
    bytes = need === 0n ? 0 : Math.ceil(need.toString(16).length / 2);
  }
  putEntryBytes(w, field, version, value, masked, bytes);
}

/** Writes an entry of a field of at most 32 bits; the mask is left out if it is all ones. */
export function putEntryU32(w: ByteWriter, field: Field, version: number, value: number, mask: number): void {
  const h = fieldHeader(field, version)!;
  const bytes = field.bytes;
  const masked = mask >>> 0 !== (bytes === 4 ? 0xffffffff : 2 ** (8 * bytes) - 1);
  writeHeader(w, h, headerOf(h, bytes, masked));
  for (let pass = 0; pass < (masked ? 2 : 1); pass++) {
    const v = pass === 0 ? value : mask;
    if (bytes === 1) w.u8(v & 0xff);
    else if (bytes === 2) w.u16(v & 0xffff);
    else w.u32(v >>> 0);
  }
}

/** Writes an entry of a field of several words straight from a flow and its mask; nothing if the mask is zero. */
export function putEntryWords(
  w: ByteWriter,
  field: Field,
  version: number,
  flow: Uint32Array,
  mask: Uint32Array,
): boolean {
  const { word, words, bytes } = field;
  const first = bytes & 3 ? 0xffff : 0xffffffff;
  let any = 0;
  let exact = mask[word] === first;
  for (let i = 0; i < words; i++) {
    any |= mask[word + i]!;
    if (i > 0 && mask[word + i] !== 0xffffffff) exact = false;
  }
  if (any === 0) return false;
  const h = fieldHeader(field, version)!;
  writeHeader(w, h, headerOf(h, bytes, !exact));
  for (let pass = 0; pass < (exact ? 1 : 2); pass++) {
    const from = pass === 0 ? flow : mask;
    for (let i = 0; i < words; i++) {
      if (i === 0 && bytes & 3) w.u16(from[word]! & 0xffff);
      else w.u32(from[word + i]!);
    }
  }
  return true;
}
