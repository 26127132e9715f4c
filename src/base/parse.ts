/**
 * Numbers as the C library reads them, for the texts that users write: flows, actions, matches.
 *
 * The C tools accept whatever strtoll(3) accepts (leading space and sign, 0x and 0 prefixes), so these do too.
 * Written as loops over character codes: `add-flows` reads hundreds of thousands of numbers.
 * C counterparts: lib/util.c (str_to_int ...), lib/ofp-parse.c (str_to_u8 ...).
 */

/** Bad text from a user; the message is for them, as the C tools word it. */
export class ParseError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ParseError';
  }
}

const isSpace = (c: number): boolean => c === 32 || (c >= 9 && c <= 13);

/** Value of a hexadecimal (or decimal) digit, 99 for anything else. */
export function hexDigit(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  if (c >= 97 && c <= 102) return c - 87;
  if (c >= 65 && c <= 70) return c - 55;
  return 99;
}

/** The integer at the start of a text and where it ends. */
export interface ScannedInteger {
  /** A number while that is exact. */
  readonly value: number | bigint;
  /** Index of the first character that is not part of it. */
  readonly end: number;
}

/**
 * strtoll(3): optional space and sign, then digits in `base` (0: as the prefix 0x or 0 says).
 * @returns undefined when there is no digit
 */
export function scanInteger(s: string, base = 0, start = 0): ScannedInteger | undefined {
  let i = start;
  while (i < s.length && isSpace(s.charCodeAt(i))) i++;
  let negative = false;
  const sign = s.charCodeAt(i);
  if (sign === 45 || sign === 43) {
    negative = sign === 45;
    i++;
  }
  let radix = base;
  if ((radix === 0 || radix === 16) && s.charCodeAt(i) === 48 && (s.charCodeAt(i + 1) | 32) === 120) {
    if (hexDigit(s.charCodeAt(i + 2)) < 16) {
      i += 2;
      radix = 16;
    }
  }
  if (radix === 0) radix = s.charCodeAt(i) === 48 ? 8 : 10;
  const first = i;
  let value = 0;
  let big: bigint | undefined;
  for (; i < s.length; i++) {
    const digit = hexDigit(s.charCodeAt(i));
    if (digit >= radix) break;
    if (big !== undefined) big = big * BigInt(radix) + BigInt(digit);
    else if (value > 0x1_ffff_ffff_ffff) big = BigInt(value) * BigInt(radix) + BigInt(digit);
    else value = value * radix + digit;
  }
  if (i === first) return undefined;
  if (big !== undefined) return { value: negative ? -big : big, end: i };
  return { value: negative ? -value : value, end: i };
}

const LLONG_MAX = 0x7fff_ffff_ffff_ffffn;
const ULLONG_MAX = 0xffff_ffff_ffff_ffffn;

/** str_to_llong: the whole text as a signed 64-bit integer. */
export function parseLong(s: string, base = 0): number | bigint | undefined {
  const scanned = scanInteger(s, base);
  if (!scanned || scanned.end !== s.length) return undefined;
  const v = scanned.value;
  return typeof v === 'bigint' && (v > LLONG_MAX || v < -LLONG_MAX - 1n) ? undefined : v;
}

/** str_to_int: the whole text as a signed 32-bit integer. */
export function parseInt32(s: string, base = 0): number | undefined {
  const v = parseLong(s, base);
  return typeof v === 'number' && v >= -0x8000_0000 && v <= 0x7fff_ffff ? v : undefined;
}

/** str_to_uint: the whole text as an unsigned 32-bit integer. */
export function parseUint32(s: string, base = 0): number | undefined {
  const v = parseLong(s, base);
  return typeof v === 'number' && v >= 0 && v <= 0xffff_ffff ? v : undefined;
}

/** strtoull(3) on the whole text: negative numbers wrap around. */
export function parseUint64(s: string, base = 0): bigint | undefined {
  const scanned = scanInteger(s, base);
  if (!scanned || scanned.end !== s.length) return undefined;
  const v = BigInt(scanned.value);
  return v > ULLONG_MAX || v < -ULLONG_MAX ? undefined : BigInt.asUintN(64, v);
}

/** strtoull(3): the number that the text starts with, 0 when it starts with none, the largest when it is too large. */
export function strtoull(s: string): bigint {
  const v = BigInt(scanInteger(s)?.value ?? 0);
  return v > ULLONG_MAX || v < -ULLONG_MAX ? ULLONG_MAX : BigInt.asUintN(64, v);
}

/** The number of 32 bits that the text starts with, 0 when it starts with none: atoi(3), or %i of scanf(3) in base 0. */
export function atoi(s: string, base = 10): number {
  const v = scanInteger(s, base)?.value ?? 0;
  return typeof v === 'number' && Math.abs(v) <= 0x7fff_ffff_ffff
    ? v | 0
    : Number(BigInt.asIntN(32, BigInt(v)));
}

/** @throws ParseError `invalid NAME "TEXT"` */
export function strToU8(s: string, name: string): number {
  const v = parseInt32(s);
  if (v === undefined || v < 0 || v > 255) throw new ParseError(`invalid ${name} "${s}"`);
  return v;
}

/** @throws ParseError `invalid NAME "TEXT"` */
export function strToU16(s: string, name: string): number {
  const v = parseInt32(s);
  if (v === undefined || v < 0 || v > 65535) throw new ParseError(`invalid ${name} "${s}"`);
  return v;
}

/** @throws ParseError */
export function strToU32(s: string): number {
  if (s === '') throw new ParseError('missing required numeric argument');
  const v = parseUint64(s);
  if (v === undefined || v > 0xffff_ffffn) throw new ParseError(`invalid numeric format ${s}`);
  return Number(v);
}

/** @throws ParseError */
export function strToU64(s: string): bigint {
  if (s === '') throw new ParseError('missing required numeric argument');
  const v = parseUint64(s);
  if (v === undefined) throw new ParseError(`invalid numeric format ${s}`);
  return v;
}

/** Reads pairs of hexadecimal digits, skipping blanks and dots, from `start`; `end` is where it stopped. */
export function scanHexBytes(s: string, start = 0): { readonly bytes: Uint8Array; readonly end: number } {
  const bytes: number[] = [];
  let i = start;
  for (;;) {
    while (i < s.length && (s[i] === '.' || isSpace(s.charCodeAt(i)))) i++;
    const high = hexDigit(s.charCodeAt(i));
    const low = hexDigit(s.charCodeAt(i + 1));
    if (high > 15 || low > 15) return { bytes: Uint8Array.from(bytes), end: i };
    bytes.push(high * 16 + low);
    i += 2;
  }
}

/** 'xx:xx:xx:xx:xx:xx' at the start of the text (what follows is ignored, as in the C tools). */
export function scanMac(s: string): bigint | undefined {
  let mac = 0n;
  let i = 0;
  for (let octet = 0; octet < 6; octet++) {
    if (octet > 0 && s[i++] !== ':') return undefined;
    const scanned = scanInteger(s, 16, i);
    if (!scanned) return undefined;
    mac = (mac << 8n) | BigInt(Number(scanned.value) & 0xff);
    i = scanned.end;
  }
  return mac;
}

/** '1.2.3.4' from `start` on; `end` is the first character after it. */
export function scanIpv4(s: string, start = 0): { readonly ip: number; readonly end: number } | undefined {
  let ip = 0;
  let i = start;
  for (let octet = 0; octet < 4; octet++) {
    if (octet > 0 && s[i++] !== '.') return undefined;
    const first = i;
    let n = 0;
    for (let d = hexDigit(s.charCodeAt(i)); d < 10; d = hexDigit(s.charCodeAt(++i))) n = n * 10 + d;
    if (i === first || n > 255) return undefined;
    ip = ip * 256 + n;
  }
  return { ip, end: i };
}
