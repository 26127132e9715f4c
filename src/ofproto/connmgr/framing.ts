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
    while (bytes.length - at >= HEADER) {
      const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      if (length < HEADER) return this.#tooShort(length);
      if (length > bytes.length - at) break;
      const message = bytes.slice(at, at + length);
      at += length;
      if (!emit(message)) return true;
    }
    if (at < bytes.length) this.#keep(bytes.subarray(at), bytes.length - at);
    return true;
  }

  #lengthOfRest(): number {
    return (this.#rest[2]! << 8) | this.#rest[3]!;
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
