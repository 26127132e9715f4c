/**
 * Message to bytes.
 */
import { ByteWriter } from '../../base/bytes.ts';
import { OfpError } from '../errors.ts';
import { P } from '../version.ts';
import { EncodeContext } from './codec.ts';
import { codecOf } from './codecs.ts';
import type { OfpKind, OfpMessage } from './message.ts';
import type { EncodeOptions } from './options.ts';
import { headerLength, putHeaders, type Raw, rawsFor } from './raw.ts';

const MAX_LENGTH = 0xffff;
/** Versions are bytes. */
const MAX_VERSIONS = 256;

const SPARE_BYTES = 1024;
/** The writer that the last message was done with: making one takes longer than encoding most messages. */
let spare: ByteWriter | undefined;

const SLAB_BYTES = 8 * 1024;
const MAX_IN_SLAB = 1024;
let slab = new Uint8Array(0);
let slabUsed = 0;

/** A copy; short ones share slabs, since V8 takes longer for memory of their own than we for the message. */
function copyOf(bytes: Uint8Array): Uint8Array {
  const { length } = bytes;
  if (length > MAX_IN_SLAB) return bytes.slice();
  if (slabUsed + length > slab.length) {
    slab = new Uint8Array(SLAB_BYTES);
    slabUsed = 0;
  }
  const copy = slab.subarray(slabUsed, (slabUsed += length));
  copy.set(bytes);
  return copy;
}

/** Forms by kind, then by version; a message has few. */
const forms = new Map<OfpKind, (readonly Raw[] | undefined)[]>();

function formsOf(kind: OfpKind, version: number): readonly Raw[] {
  let byVersion = forms.get(kind);
  if (!byVersion) forms.set(kind, (byVersion = []));
  return version < MAX_VERSIONS ? (byVersion[version] ??= rawsFor(kind, version)) : rawsFor(kind, version);
}

/** Which form the message is written in. @throws OfpError when its version has none */
export function chooseRaw(message: OfpMessage, options: EncodeOptions): Raw {
  const candidates = formsOf(message.kind, message.version);
  if (candidates.length === 1) return candidates[0]!;
  if (candidates.length === 0) {
    throw new OfpError(
      'NXBRC_UNENCODABLE_ERROR',
      `${message.kind} does not exist in OpenFlow version ${message.version}`,
    );
  }
  const chosen = codecOf(message.kind).choose?.(message, candidates, options);
  if (chosen !== undefined) return candidates.find((c) => c.id === chosen)!;
  // OpenFlow 1.0 has two forms of everything with a match.
  const nxm =
    options.protocol === undefined ? (message.nxm ?? false) : (options.protocol & P.OF10_NXM_ANY) !== 0;
  return candidates.find((c) => (c.vendor !== 0) === nxm) ?? candidates[0]!;
}

/** Appends a message to what `w` holds; without its length if it is too long for one. */
function write(w: ByteWriter, message: OfpMessage, raw: Raw, options: EncodeOptions): EncodeContext {
  const start = w.length;
  putHeaders(w, raw, message.version, message.xid, message.more ?? false);
  const c = new EncodeContext(message.version, raw.id, options, w);
  codecOf(raw.kind).encode(w, message, c);
  const length = w.length - start;
  if (length <= MAX_LENGTH) w.patchU16(start + 2, length);
  return c;
}

const tooLong = (raw: Raw, length: number): OfpError =>
  new OfpError('NXBRC_UNENCODABLE_ERROR', `${raw.name} of ${length} bytes is too long`);

/**
 * Encodes a message. A multipart message that is too long for one comes in several.
 * @throws OfpError NXBRC_UNENCODABLE_ERROR when the version cannot say it
 */
export function encodeMessage(message: OfpMessage, options: EncodeOptions = {}): Uint8Array[] {
  const raw = chooseRaw(message, options);
  // Not given back after an error or a very long message: then the next one gets a new one.
  const w = spare ?? new ByteWriter(SPARE_BYTES);
  spare = undefined;
  const c = write(w, message, raw, options);
  if (w.length <= MAX_LENGTH) {
    const bytes = copyOf(w.view());
    w.truncate(0);
    spare = w;
    return [bytes];
  }
  if (!raw.multipart || c.ends.length === 0) throw tooLong(raw, w.length);
  return split(w.view(), headerLength(raw, message.version), c.ends, message.more ?? false);
}

/**
 * Encodes a message behind what `w` holds: for many short ones, without memory of its own for each.
 * @throws OfpError NXBRC_UNENCODABLE_ERROR when the version cannot say it, or not in one message
 */
export function appendMessage(w: ByteWriter, message: OfpMessage, options: EncodeOptions = {}): void {
  const start = w.length;
  const raw = chooseRaw(message, options);
  write(w, message, raw, options);
  const length = w.length - start;
  if (length > MAX_LENGTH) throw tooLong(raw, length);
}

/** One message, for those that are known to be short. */
export function encodeOne(message: OfpMessage, options: EncodeOptions = {}): Uint8Array {
  const parts = encodeMessage(message, options);
  if (parts.length !== 1) throw new RangeError(`${message.kind} does not fit into one message`);
  return parts[0]!;
}

/** Cuts a multipart message at the ends of its items. */
function split(all: Uint8Array, header: number, ends: readonly number[], more: boolean): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let start = header;
  let end = header;
  const cut = (last: boolean): void => {
    const part = new Uint8Array(header + end - start);
    part.set(all.subarray(0, header));
    part.set(all.subarray(start, end), header);
    part[2] = part.length >> 8;
    part[3] = part.length & 0xff;
    part[11] = last && !more ? part[11]! & ~1 : part[11]! | 1;
    parts.push(part);
    start = end;
  };
  for (const next of ends) {
    if (next - start + header > MAX_LENGTH) {
      if (end === start)
        throw new OfpError('NXBRC_UNENCODABLE_ERROR', 'an item does not fit into one message');
      cut(false);
    }
    end = next;
  }
  if (end - start + header > MAX_LENGTH)
    throw new OfpError('NXBRC_UNENCODABLE_ERROR', 'an item does not fit into one message');
  cut(true);
  return parts;
}
