/**
 * Finds where each JSON text ends in a stream of bytes, and parses it.
 *
 * It only counts brackets outside of strings, so a byte is looked at once; a byte that cannot occur in JSON
 * ends the stream at once with the parser's error. Limits: {@link MAX_TEXT_BYTES} a text.
 * C counterpart: struct json_parser in lib/json.c.
 */
import { JSON_MAX_HEIGHT, type Json, JsonError, parseJson } from './json.ts';

/** Longest JSON text accepted from a peer. */
export const MAX_TEXT_BYTES = 512 * 1024 * 1024;

const START = 0;
const OUTSIDE = 1;
const STRING = 2;
const ESCAPE = 3;

/** Bytes that may stand outside of strings. */
const ALLOWED = new Uint8Array(256);
for (const c of ' \t\r\n{}[]:,"-+.0123456789eEtrufalsn') ALLOWED[c.charCodeAt(0)] = 1;

export class JsonStreamParser {
  #state = START;
  #depth = 0;
  readonly #parts: Uint8Array[] = [];
  #length = 0;
  readonly #decoder = new TextDecoder();

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
          this.#keep(bytes.subarray(start, i + 1));
          this.#state = START;
          this.#depth = 0;
          state = START;
          start = i + 1;
          value(this.#take());
        }
      } else if (ALLOWED[c] === 0) {
        this.#refuse(bytes.subarray(start, i + 1));
      }
    }
    this.#state = state;
    this.#depth = depth;
    if (state !== START) this.#keep(bytes.slice(start));
  }

  #keep(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length > MAX_TEXT_BYTES) throw new JsonError('input exceeds maximum length');
    this.#parts.push(part);
  }

  #text(): string {
    let all = this.#parts[0] ?? new Uint8Array(0);
    if (this.#parts.length > 1) {
      all = new Uint8Array(this.#length);
      let at = 0;
      for (const part of this.#parts) {
        all.set(part, at);
        at += part.length;
      }
    }
    this.#parts.length = 0;
    this.#length = 0;
    return this.#decoder.decode(all);
  }

  #take(): Json {
    return parseJson(this.#text());
  }

  /** The text so far cannot become JSON: raises the parser's error for it. */
  #refuse(part: Uint8Array): never {
    this.#keep(part);
    parseJson(this.#text());
    throw new JsonError('syntax error');
  }
}
