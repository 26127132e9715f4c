/**
 * Finds where each JSON text ends in a stream of bytes, and parses it.
 *
 * It only counts brackets outside of strings, so a byte is looked at once; a byte that cannot occur in JSON
 * ends the stream at once with the parser's error. Limits: {@link MAX_TEXT_BYTES} a text, and
 * `JsonStreamParser.maxUnfinishedBytes` for the unfinished texts of all streams: who holds most of them has to go first.
 * C counterpart: struct json_parser in lib/json.c.
 */
import { JSON_MAX_HEIGHT, type Json, JsonError, parseJson } from './json.ts';
import { decodeUtf8 } from './utf8.ts';

/** Longest JSON text accepted from a peer: a string of the engine holds twice that. */
export const MAX_TEXT_BYTES = 256 * 1024 * 1024;
export const TOO_MUCH_UNFINISHED = 'unfinished input exceeds maximum length';

/** Bytes set aside by all streams. */
let unfinished = 0;
/** The streams that have set bytes aside. */
const holders = new Set<JsonStreamParser>();
const EMPTY = new Uint8Array(0);

const START = 0;
const OUTSIDE = 1;
const STRING = 2;
const ESCAPE = 3;

/** Bytes that may stand outside of strings. */
const ALLOWED = new Uint8Array(256);
for (const c of ' \t\r\n{}[]:,"-+.0123456789eEtrufalsn') ALLOWED[c.charCodeAt(0)] = 1;

export class JsonStreamParser {
  /** Many peers together must not use up the memory either. */
  static maxUnfinishedBytes = 1024 * 1024 * 1024;
  /** Called when the stream has lost what it had set aside, to make room for another: it is of no more use. */
  evicted: () => void = () => {};
  #state = START;
  #depth = 0;
  maxTextBytes = MAX_TEXT_BYTES;
  /** Begins with what has come of a text whose end has not. */
  #buffer: Uint8Array = EMPTY;
  #length = 0;

  /** Whether the stream stands inside of a text. */
  get inside(): boolean {
    return this.#state !== START;
  }

  /**
   * Takes the next bytes; calls `value` for each text that they complete, until it returns false.
   * @throws JsonError
   */
  feed(bytes: Uint8Array, value: (json: Json) => void): void {
    let state = this.#state;
    let depth = this.#depth;
    let start = 0;
    for (let i = 0; i < bytes.length; i++) {
      const c = bytes[i]!;
      if (state === STRING) {
        if (c === 0x22) state = OUTSIDE;
        else if (c === 0x5c) state = ESCAPE;
        else if (c < 0x20) this.#refuse(bytes.subarray(start, i + 1));
      } else if (state === ESCAPE) {
        state = STRING;
      } else if (c === 0x22 && state === OUTSIDE) {
        state = STRING;
      } else if (c === 0x7b || c === 0x5b) {
        if (state === START) start = i;
        state = OUTSIDE;
        // Whoever walks over the value later does so recursively.
        if (++depth > JSON_MAX_HEIGHT) this.#refuse(bytes.subarray(start, i + 1));
      } else if (state === START) {
        if (c !== 0x20 && (c < 9 || c > 13)) this.#refuse(bytes.subarray(i));
      } else if (c === 0x7d || c === 0x5d) {
        if (--depth === 0) {
          const text = this.#text(bytes.subarray(start, i + 1));
          this.#state = START;
          this.#depth = 0;
          state = START;
          start = i + 1;
          value(parseJson(text));
        }
      } else if (ALLOWED[c] === 0) {
        this.#refuse(bytes.subarray(start, i + 1));
      }
    }
    this.#state = state;
    this.#depth = depth;
    if (state !== START) this.#keep(bytes.subarray(start));
  }

  /** Forgets what it has set aside; nothing may be fed any more. */
  close(): void {
    unfinished -= this.#buffer.length;
    holders.delete(this);
    this.#buffer = EMPTY;
    this.#length = 0;
  }

  /** Sees to it that so many bytes more may be set aside. */
  #makeRoom(bytes: number): void {
    while (unfinished + bytes > JsonStreamParser.maxUnfinishedBytes) {
      let largest: JsonStreamParser | undefined;
      for (const holder of holders)
        if (!largest || holder.#buffer.length > largest.#buffer.length) largest = holder;
      if (!largest || largest.#buffer.length <= this.#buffer.length + bytes)
        throw new JsonError(TOO_MUCH_UNFINISHED);
      largest.close();
      largest.evicted();
    }
  }

  #keep(part: Uint8Array): void {
    const end = this.#length + part.length;
    if (end > this.maxTextBytes) throw new JsonError('input exceeds maximum length');
    if (end > this.#buffer.length) {
      const size = Math.max(end, 2 * this.#buffer.length, 4096);
      this.#makeRoom(size - this.#buffer.length);
      unfinished += size - this.#buffer.length;
      holders.add(this);
      const grown = new Uint8Array(size);
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
    this.#buffer.set(part, this.#length);
    this.#length = end;
  }

  /** The text that ends with `last`. */
  #text(last: Uint8Array): string {
    if (this.#length === 0) return decodeUtf8(last);
    this.#keep(last);
    const text = decodeUtf8(this.#buffer.subarray(0, this.#length));
    this.close();
    return text;
  }

  /** The text so far cannot become JSON: raises the parser's error for it. */
  #refuse(part: Uint8Array): never {
    parseJson(this.#text(part));
    throw new JsonError('syntax error');
  }
}
