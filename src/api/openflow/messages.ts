/** Messages between values and bytes. */
import { MessageFramer } from '../../ofproto/connmgr/framing.ts';
import { OfpError } from '../../openflow/errors.ts';
import * as codec from '../../openflow/messages/decode.ts';
import { encodeMessage as encodeParts } from '../../openflow/messages/encode.ts';
import type { OfpMessage } from '../../openflow/messages/message.ts';
import { P } from '../../openflow/version.ts';

const HEADER = 8;

export interface DecodeOptions {
  /** OpenFlow 1.0: whether flow_mods on this connection carry table numbers (after a flow_mod_table_id). */
  readonly flowModTableId?: boolean;
}

export interface EncodeOptions {
  /** OpenFlow 1.0: whether flow_mods on this connection carry table numbers (after a flow_mod_table_id). */
  readonly flowModTableId?: boolean;
}

/**
 * Decodes one message. `bytes` is all of it, as {@link MessageSplitter} yields it, and must not change afterwards:
 * the value refers to parts of it.
 * @throws OfpError the error to answer with
 */
export function decodeMessage(bytes: Uint8Array, options: DecodeOptions = {}): OfpMessage {
  if (bytes.length < HEADER || ((bytes[2]! << 8) | bytes[3]!) !== bytes.length)
    throw new OfpError('OFPBRC_BAD_LEN', `the message has ${bytes.length} bytes`);
  return codec.decodeMessage(bytes, options);
}

/**
 * Encodes a message. A multipart message that is too long for one comes as several, one behind the other: the bytes
 * are for a stream, and {@link MessageSplitter} takes them apart again.
 * In OpenFlow 1.0 the message's `nxm` asks for the form with an extensible match; decoding sets it.
 * @throws OfpError NXBRC_UNENCODABLE_ERROR when the version has no such message or it is too long
 */
export function encodeMessage(message: OfpMessage, options: EncodeOptions = {}): Uint8Array {
  const parts = encodeParts(
    message,
    options.flowModTableId ? { protocol: message.nxm ? P.OF10_NXM_TID : P.OF10_STD_TID } : {},
  );
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Cuts what a stream brings into messages. Holds at most the beginning of one, so at most 65,535 bytes. */
export class MessageSplitter {
  readonly #framer = new MessageFramer();

  /**
   * Takes bytes from the stream.
   * @returns the messages that they complete, each in bytes of its own
   * @throws OfpError OFPBRC_BAD_LEN for a length that no message can have: the stream is of no more use
   */
  push(chunk: Uint8Array): Uint8Array[] {
    const messages: Uint8Array[] = [];
    const ok = this.#framer.push(chunk, (message) => messages.push(message) > 0);
    if (!ok) throw new OfpError('OFPBRC_BAD_LEN', 'a message is shorter than its header');
    return messages;
  }

  /** Whether the stream has stopped in the middle of a message. */
  get isMidMessage(): boolean {
    return this.#framer.isMidMessage;
  }
}
