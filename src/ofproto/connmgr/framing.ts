/**
 * Cuts a byte stream into OpenFlow messages, each as long as its header says.
 *
 * Holds at most one unfinished message, so at most 65535 bytes. C counterpart: lib/vconn-stream.c.
 */
import { RateLimit, vlog } from '../../base/vlog.ts';

const log = vlog('vconn_stream');
const limit = new RateLimit(10, 25);
const HEADER = 8;
const EMPTY = new Uint8Array(0);

/** A copy of several messages costs as much as a copy of one; but whoever keeps one of them keeps them all. */
const RUN_BYTES = 8 * 1024;

const lengthAt = (bytes: Uint8Array, at: number): number => (bytes[at + 2]! << 8) | bytes[at + 3]!;

/** Where the whole messages from `at` on end, of which there is a run at most. */
function wholeMessages(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end - at < RUN_BYTES && bytes.length - end >= HEADER) {
    const length = lengthAt(bytes, end);
    if (length < HEADER || length > bytes.length - end) break;
    end += length;
  }
  return end;
}

export class MessageFramer {
  /** The start of a message whose end has not come yet. */
  #rest: Uint8Array = EMPTY;
  #restLength = 0;

  /** Whether the stream stopped in the middle of a message. */
  get isMidMessage(): boolean {
    return this.#restLength > 0;
  }

  /**
   * Takes bytes from the stream and hands every message that they complete to `emit`, which owns it. Stops early
   * when `emit` returns false (the connection was closed).
   * @returns false for a header with an impossible length: the stream is of no more use
   */
  push(bytes: Uint8Array, emit: (message: Uint8Array) => boolean): boolean {
    let at = 0;
    while (this.#restLength > 0 && at < bytes.length) {
      const need = this.#restLength < HEADER ? HEADER : this.#lengthOfRest();
      const n = Math.min(need - this.#restLength, bytes.length - at);
      this.#keep(bytes.subarray(at, at + n), need);
      at += n;
      if (this.#restLength < HEADER) continue;
      const length = this.#lengthOfRest();
      if (length < HEADER) return this.#tooShort(length);
      if (this.#restLength < length) continue;
      const message = this.#rest.slice(0, length);
      this.#restLength = 0;
      if (!emit(message)) return true;
    }
    for (let end = wholeMessages(bytes, at); end > at; end = wholeMessages(bytes, at)) {
      // Not slice(): a socket's bytes may be a Buffer, whose slices share its memory.
      const run = new Uint8Array(bytes.subarray(at, end));
      at = end;
      for (let start = 0; start < run.length; ) {
        const next = start + lengthAt(run, start);
        if (!emit(run.subarray(start, next))) return true;
        start = next;
      }
    }
    if (bytes.length - at >= HEADER && lengthAt(bytes, at) < HEADER)
      return this.#tooShort(lengthAt(bytes, at));
    if (at < bytes.length) this.#keep(bytes.subarray(at), bytes.length - at);
    return true;
  }

  #lengthOfRest(): number {
    return lengthAt(this.#rest, 0);
  }

  #keep(bytes: Uint8Array, total: number): void {
    const end = this.#restLength + bytes.length;
    if (end > this.#rest.length) {
      const grown = new Uint8Array(Math.max(end, total, 256));
      grown.set(this.#rest.subarray(0, this.#restLength));
      this.#rest = grown;
    }
    this.#rest.set(bytes, this.#restLength);
    this.#restLength = end;
  }

  #tooShort(length: number): boolean {
    log.errRl(limit, `received too-short ofp_header (${length} bytes)`);
    return false;
  }
}
