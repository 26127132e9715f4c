/**
 * JSON with exact 64-bit integers: integers that a double cannot hold come and go as bigints.
 *
 * The engine's own JSON.parse does the work in the common case. Text with long numbers, and text that
 * JSON.parse refuses, goes through a parser here, which keeps integers exact and words its errors as the C
 * implementation does ("line 0, column 5, byte 5: syntax error ..."), positions in bytes from 0.
 * Limits: 1000 levels of nesting. C counterpart: lib/json.c.
 */

import { encodeUtf8 } from './utf8.ts';

export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

export const JSON_MAX_HEIGHT = 1000;

/** Bad JSON; the message says where and why. */
export class JsonError extends Error {}

/**
 * What the engine's parser takes and the C implementation does not, or not so: numbers that a double might not hold
 * exactly, zero with a sign, numbers with an exponent; escapes of zero bytes and of halves of characters. A number stands
 * after one of few characters, which tells it from what looks like one in a string: UUIDs are full of "-0" and "3e5".
 */
const UNUSUAL = /[[,:\s](?:-0|-?[\d.]{16}|-?[\d.]+[eE][+-]?\d)|\\u(?:0000|[dD][89a-fA-F])/;

/** Parses a whole text: an object or array.
 * @throws JsonError */
export function parseJson(text: string): Json {
  if (!UNUSUAL.test(text)) {
    try {
      const value = JSON.parse(text) as Json;
      if (typeof value === 'object' && value !== null) return value;
    } catch {
      // The careful parser below says what is wrong.
    }
  }
  return new Parser(text).parse();
}

const replacer = (_name: string, value: unknown): unknown => {
  if (typeof value === 'bigint') return JSON_RAW.rawJSON(value.toString());
  return value;
};

/** JSON.rawJSON of ES2025, which every engine that we run on has. */
const JSON_RAW = JSON as unknown as { rawJSON(text: string): unknown };

export function stringifyJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (error instanceof TypeError) return JSON.stringify(value, replacer);
    throw error;
  }
}

/** As C's "%.15g". */
export function formatReal(value: number): string {
  if (value === 0) return '0';
  const [mantissa, power] = value.toExponential(14).split('e') as [string, string];
  const exponent = Number(power);
  const trim = (digits: string): string => digits.replace(/\.?0+$/, '');
  if (exponent >= -4 && exponent < 14) return trim(value.toPrecision(15));
  if (exponent === 14) return value.toPrecision(15);
  return `${trim(mantissa)}e${power[0]}${power.slice(1).padStart(2, '0')}`;
}

/** A number as people see it: in the digits that C prints, or all that it needs. */
function numberText(value: number): string {
  if (Number.isSafeInteger(value)) return String(value);
  const text = formatReal(value);
  if (Number(text) === value) return text;
  return Math.abs(value) >= 1e15 ? value.toExponential() : String(value);
}

/** Two-space indentation and sorted members, as the C tools' --pretty prints: closing brackets have no line to themselves. */
export function prettyJson(value: Json, indent = '\n'): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const items = value.map((item) => inner + prettyJson(item, inner));
    return `[${items.join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const object = value as JsonObject;
    const members = Object.keys(object)
      .sort()
      .map((name) => `${JSON.stringify(name)}: ${prettyJson(object[name]!, inner)}`);
    return `{${inner}${members.join(`,${inner}`)}}`;
  }
  return typeof value === 'number' ? numberText(value) : stringifyJson(value);
}

/** Sorted members without white space, as the C tools print JSON. */
export function sortedJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(sortedJson).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const object = value as JsonObject;
    const members = Object.keys(object)
      .sort()
      .map((name) => `${JSON.stringify(name)}:${sortedJson(object[name]!)}`);
    return `{${members.join(',')}}`;
  }
  return typeof value === 'number' ? numberText(value) : stringifyJson(value);
}

const MIN_INT = -(2n ** 63n);
const MAX_INT = 2n ** 63n - 1n;

const END = 'unexpected end of input';

class Parser {
  readonly #text: string;
  #pos = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): Json {
    this.#space();
    if (this.#pos === this.#text.length) this.#fail('empty input stream');
    const c = this.#text[this.#pos];
    if (c !== '{' && c !== '[') {
      this.#token();
      this.#fail('syntax error at beginning of input');
    }
    const value = this.#value(0);
    this.#space();
    if (this.#pos < this.#text.length) {
      this.#token();
      this.#fail('trailing garbage at end of input');
    }
    return value;
  }

  #fail(why: string, at = this.#pos): never {
    const before = encodeUtf8(this.#text.slice(0, at));
    const lastNewline = before.lastIndexOf(10);
    let lines = 0;
    for (const b of before) if (b === 10) lines++;
    // The end of a number or word shows only by what follows it: there is one more byte then.
    const end = at === this.#text.length && why === END && /[\w.+-]$/.test(this.#text) ? 1 : 0;
    throw new JsonError(
      `line ${lines}, column ${before.length - lastNewline - 1 + end}, byte ${before.length + end}: ${why}`,
    );
  }

  #space(): void {
    while (/[ \t\n\r]/.test(this.#text[this.#pos] ?? '')) this.#pos++;
  }

  /** Lexes the next token, for the errors that lexing it may raise, and stays where an error about it is told. */
  #token(): void {
    const c = this.#text[this.#pos] ?? '';
    if (c === '"') {
      this.#string();
      this.#pos--;
    } else if (/[-0-9]/.test(c)) this.#number();
    else if (/[a-z]/.test(c)) this.#keyword();
    else if (c === '' || '[]{}:,'.includes(c)) return;
    else {
      const code = encodeUtf8(String.fromCodePoint(this.#text.codePointAt(this.#pos)!))[0]!;
      if (code > 0x20 && code < 0x7f) this.#fail(`invalid character '${c}'`);
      this.#fail(`invalid character U+${code.toString(16).padStart(4, '0')}`);
    }
  }

  #value(height: number): Json {
    this.#space();
    const c = this.#text[this.#pos];
    if (c === undefined) this.#fail(END);
    if (c === '{') return this.#object(height + 1);
    if (c === '[') return this.#array(height + 1);
    if (c === '"') return this.#string();
    if (/[-0-9]/.test(c)) return this.#number();
    if (/[a-z]/.test(c)) return this.#keyword();
    this.#token();
    return this.#fail('syntax error expecting value');
  }

  #enter(height: number): void {
    if (height > JSON_MAX_HEIGHT) this.#fail(`input exceeds maximum nesting depth ${JSON_MAX_HEIGHT}`);
    this.#pos++;
    this.#space();
  }

  /** Skips to the next token and takes it if it is `c`. */
  #accept(c: string): boolean {
    this.#space();
    if (this.#pos === this.#text.length) this.#fail(END);
    if (this.#text[this.#pos] !== c) return false;
    this.#pos++;
    return true;
  }

  #object(height: number): Json {
    this.#enter(height);
    const object: Record<string, Json> = {};
    if (this.#accept('}')) return object;
    for (;;) {
      this.#space();
      const c = this.#text[this.#pos];
      if (c === undefined) this.#fail(END);
      if (c !== '"') {
        this.#token();
        this.#fail('syntax error parsing object expecting string');
      }
      const name = this.#string();
      if (!this.#accept(':')) {
        this.#token();
        this.#fail("syntax error parsing object expecting ':'");
      }
      const value = this.#value(height);
      if (name === '__proto__')
        Object.defineProperty(object, name, { value, enumerable: true, configurable: true });
      else object[name] = value;
      if (this.#accept('}')) return object;
      if (!this.#accept(',')) {
        this.#token();
        this.#fail("syntax error expecting '}' or ','");
      }
    }
  }

  #array(height: number): Json {
    this.#enter(height);
    const array: Json[] = [];
    if (this.#accept(']')) return array;
    for (;;) {
      array.push(this.#value(height));
      if (this.#accept(']')) return array;
      if (!this.#accept(',')) {
        this.#token();
        this.#fail("syntax error expecting ']' or ','");
      }
    }
  }

  #keyword(): Json {
    const word = /[A-Za-z]*/y;
    word.lastIndex = this.#pos;
    const text = word.exec(this.#text)![0];
    this.#pos += text.length;
    if (text === 'true') return true;
    if (text === 'false') return false;
    if (text === 'null') return null;
    return this.#fail(`invalid keyword '${text}'`);
  }

  #number(): Json {
    const run = /[-+.0-9eE]*/y;
    run.lastIndex = this.#pos;
    const text = run.exec(this.#text)![0];
    this.#pos += text.length;
    const parts = /^(-?)(\d*)(?:(\.)(\d*))?(?:([eE])([-+]?)(\d*))?/.exec(text)!;
    const [matched, sign, whole, point, fraction, e, esign, exponent] = parts;
    if (whole === '') this.#fail("'-' must be followed by digit");
    if (whole!.length > 1 && whole![0] === '0') this.#fail('leading zeros not allowed');
    if (point && !fraction) this.#fail('decimal point must be followed by digit');
    if (e && !exponent) this.#fail('exponent must contain at least one digit');
    if (matched.length !== text.length) this.#fail('syntax error in number');
    const power = e ? Number(`${esign}${exponent}`) : 0;
    if (Math.abs(power) > 0x7fffffff) this.#fail('exponent outside valid range');
    // An integer however it is spelled ("1e3", "2.0") is an integer.
    const digits = `${whole}${fraction ?? ''}`.replace(/^0+/, '');
    const shift = power - (fraction?.length ?? 0);
    if (digits === '') return 0;
    let zeros = 0;
    while (digits[digits.length - 1 - zeros] === '0') zeros++;
    if (shift >= -zeros && shift < 20 && digits.length + shift < 20) {
      const magnitude = BigInt(shift >= 0 ? digits + '0'.repeat(shift) : digits.slice(0, shift));
      const integer = sign ? -magnitude : magnitude;
      if (integer >= MIN_INT && integer <= MAX_INT) {
        const number = Number(integer);
        return Number.isSafeInteger(number) ? number : integer;
      }
    }
    const real = Number(text);
    if (!Number.isFinite(real)) this.#fail('number outside valid range');
    return real === 0 ? 0 : real;
  }

  #string(): string {
    const start = ++this.#pos;
    let escaped = false;
    for (;;) {
      const c = this.#text[this.#pos];
      if (c === undefined) this.#fail('unexpected end of input in quoted string');
      if (c === '"') break;
      if (c! < ' ')
        this.#fail(
          `U+${c!.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')} must be escaped in quoted string`,
        );
      if (c === '\\') {
        escaped = true;
        this.#pos++;
      }
      this.#pos++;
    }
    const raw = this.#text.slice(start, this.#pos);
    const value = escaped ? unescapeJsonString(raw, (why) => this.#fail(why)) : raw;
    this.#pos++;
    return value;
  }
}

const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Undoes the escapes of a JSON string's inside. `fail` receives what is wrong with it and must throw. */
export function unescapeJsonString(raw: string, fail: (why: string) => never): string {
  const hex = (at: number): number => {
    const digits = raw.slice(at, at + 4);
    if (digits.length < 4) fail('quoted string ends within \\u escape');
    if (!/^[0-9a-fA-F]{4}$/.test(digits)) fail('malformed \\u escape');
    const code = Number.parseInt(digits, 16);
    if (code === 0) fail('null bytes not supported in quoted strings');
    return code;
  };
  let out = '';
  for (let i = 0; i < raw.length; ) {
    const c = raw[i]!;
    if (c !== '\\') {
      out += c;
      i++;
      continue;
    }
    const e = raw[i + 1];
    if (e === undefined) fail('quoted string may not end with backslash');
    if (e !== 'u') {
      const simple = SIMPLE_ESCAPES[e!];
      if (simple === undefined) fail(`bad escape \\${e}`);
      out += simple;
      i += 2;
      continue;
    }
    const high = hex(i + 2);
    i += 6;
    if (high < 0xd800 || high > 0xdbff) {
      out += String.fromCharCode(high);
      continue;
    }
    if (raw[i] !== '\\' || raw[i + 1] !== 'u') fail('malformed escaped surrogate pair');
    const low = hex(i + 2);
    if (low < 0xdc00 || low > 0xdfff) fail('second half of escaped surrogate pair is not trailing surrogate');
    out += String.fromCharCode(high, low);
    i += 6;
  }
  return out;
}
