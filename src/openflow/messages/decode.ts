/**
 * Bytes to message.
 */
import { ByteReader, TruncatedError } from '../../base/bytes.ts';
import { MatchError } from '../../flow/match/error.ts';
import { isOfpErrorName, OfpError } from '../errors.ts';
import { OFP10 } from '../version.ts';
import { DecodeContext } from './codec.ts';
import { codecOf } from './codecs.ts';
import { type OfpMessage, withHeader } from './message.ts';
import type { DecodeOptions } from './options.ts';
import { checkLength, headerLength, identify, multipartFlags, type Raw } from './raw.ts';

/** Bit of the multipart flags: more parts follow. */
export const OFPSF_MORE = 1;

/** Turns what decoders throw into the error to answer with. Programming errors pass through. */
export function asOfpError(error: unknown): OfpError {
  if (error instanceof OfpError) return error;
  if (error instanceof TruncatedError) return new OfpError('OFPBRC_BAD_LEN');
  if (error instanceof MatchError && isOfpErrorName(error.name)) return new OfpError(error.name);
  throw error;
}

/** A decoded message, or an error and the beginning of the list that came before it. */
export interface Decoded {
  readonly message: OfpMessage | undefined;
  readonly error: OfpError | undefined;
}

/** A reader of the body of a message whose length has been checked. */
export function bodyReader(bytes: Uint8Array, raw: Raw): ByteReader {
  return new ByteReader(bytes, headerLength(raw, bytes[0]!));
}

export const xidOf = (b: Uint8Array): number => ((b[4]! << 24) | (b[5]! << 16) | (b[6]! << 8) | b[7]!) >>> 0;

/** Decodes one whole message; bad input is a result, not an exception. */
export function tryDecodeMessage(bytes: Uint8Array, options: DecodeOptions = {}): Decoded {
  let context: DecodeContext | undefined;
  const version = bytes[0]!;
  let xid = 0;
  options.matches?.reset();
  try {
    const raw = identify(bytes);
    checkLength(raw, version, bytes.length);
    xid = xidOf(bytes);
    context = new DecodeContext(version, xid, raw.id, options);
    const message = withHeader(codecOf(raw.kind).decode(bodyReader(bytes, raw), context), version, xid);
    const more = raw.multipart && (multipartFlags(bytes) & OFPSF_MORE) !== 0;
    const nxm = raw.nxm && version === OFP10;
    if (!more && !nxm) return { message, error: undefined };
    return { message: { ...message, ...(more && { more }), ...(nxm && { nxm }) }, error: undefined };
  } catch (thrown) {
    const error = asOfpError(thrown);
    const partial = context?.partial;
    return { message: partial && withHeader(partial, version, xid), error };
  }
}

/**
 * Decodes one whole message: `bytes` must be exactly as long as its header says.
 * @throws OfpError the error to answer with
 */
export function decodeMessage(bytes: Uint8Array, options: DecodeOptions = {}): OfpMessage {
  const { message, error } = tryDecodeMessage(bytes, options);
  if (error) throw error;
  return message!;
}
