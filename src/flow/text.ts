/**
 * The words that flow text is made of: addresses, integers, flags.
 *
 * Parsers throw {@link FlowTextError} with the message of the C tools. Numbers follow its scanner: out-of-range
 * parts of an address wrap, integers are decimal, octal with a leading 0 or hexadecimal with 0x.
 * C counterpart: parts of lib/packets.c and lib/util.c.
 */

import { hexDigit, scanInteger, scanIpv4 } from '../base/parse.ts';

const ZERO = 48;
const LOWER_X = 120;
const DOT = 46;
const COLON = 58;

/** Text that is not a flow; the message is for the user. */
export class FlowTextError extends Error {}

// --- integers -----------------------------------------------------------------------------------------------

/** C's "%#x": no prefix for zero. */
export const hex = (v: number): string => (v === 0 ? '0' : `0x${v.toString(16)}`);
export const hexBig = (v: bigint): string => (v === 0n ? '0' : `0x${v.toString(16)}`);
export const hexPad = (v: number, digits: number): string => `0x${v.toString(16).padStart(digits, '0')}`;

/** An unsigned integer of at most `bytes` bytes at the start of some text. */
export interface ScannedInt {
  readonly value: bigint;
  /** What follows it. */
  readonly tail: string;
  readonly error: 'range' | 'syntax' | undefined;
}

const U64 = 1n << 64n;

const isDigitOf = (radix: number, c: number): boolean => hexDigit(c) < radix;
/** Digits that make an exact number. */
const MAX_PLAIN_DIGITS = 12;

/** {@link scanInt} for what most numbers are: few digits, with 0x before them or not. Twelve times as fast. */
function scanPlainInt(text: string, bytes: number): ScannedInt | undefined {
  let i = 0;
  let radix = 10;
  if (text.charCodeAt(0) === ZERO) {
    if ((text.charCodeAt(1) | 32) === LOWER_X) {
      i = 2;
      radix = 16;
    } else if (isDigitOf(10, text.charCodeAt(1))) return undefined;
  }
  const first = i;
  let value = 0;
  for (let c = text.charCodeAt(i); isDigitOf(radix, c); c = text.charCodeAt(++i))
    value = value * radix + hexDigit(c);
  // Blanks may separate hexadecimal digits.
  if (i === first || i - first > MAX_PLAIN_DIGITS || (radix === 16 && /\s/.test(text.charAt(i))))
    return undefined;
  return {
    value: BigInt(value),
    tail: text.slice(i),
    error: value >= 2 ** (8 * bytes) ? 'range' : undefined,
  };
}

/** Reads an integer of at most `bytes` bytes; what is wrong with it is told, not thrown. C counterpart: parse_int_string(). */
export function scanInt(text: string, bytes: number): ScannedInt {
  const plain = scanPlainInt(text, bytes);
  if (plain) return plain;
  const limit = 1n << BigInt(bytes * 8);
  if (/^0[xX]/.test(text)) {
    // Hexadecimal may be any width, and blanks may separate its digits.
    const digits = /^[ \t\r\n0-9a-fA-F]*/.exec(text.slice(2))![0];
    const tail = text.slice(2 + digits.length);
    const value = BigInt(`0x0${digits.replace(/\s+/g, '')}`);
    return { value, tail, error: value >= limit ? 'range' : undefined };
  }
  const scanned = scanInteger(text);
  if (!scanned) return { value: 0n, tail: text, error: 'syntax' };
  const tail = text.slice(scanned.end);
  const signed = BigInt(scanned.value);
  if (signed >= U64 || signed <= -U64) return { value: signed, tail, error: 'range' };
  const value = BigInt.asUintN(64, signed);
  return { value, tail, error: value >= limit ? 'range' : undefined };
}

// --- Ethernet -----------------------------------------------------------------------------------------------

/** Every byte as two hexadecimal digits. */
const HEX2: readonly string[] = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** A MAC address from its upper 16 and lower 32 bits. */
export function formatMac(high: number, low: number): string {
  const h = HEX2;
  return `${h[(high >>> 8) & 255]}:${h[high & 255]}:${h[low >>> 24]}:${h[(low >>> 16) & 255]}:${h[(low >>> 8) & 255]}:${h[low & 255]}`;
}

/** A MAC address from a number below 2**48. */
export const formatMacNumber = (mac: number): string => formatMac(Math.floor(mac / 2 ** 32), mac % 2 ** 32);

export function formatMacMasked(high: number, low: number, maskHigh: number, maskLow: number): string {
  const exact = maskHigh === 0xffff && maskLow === 0xffffffff;
  return exact ? formatMac(high, low) : `${formatMac(high, low)}/${formatMac(maskHigh, maskLow)}`;
}

/** A byte as %x of scanf(3) reads it: of a long or negative number the lowest 8 bits. */
const MAC_BYTE = '\\s*([+-]?(?:0[xX])?[0-9a-fA-F]+)';
const MAC = Array(6).fill(MAC_BYTE).join(':');
const MAC_RE = new RegExp(`^${MAC}$`);
const MAC_MASKED_RE = new RegExp(`^${MAC}/${MAC}$`);

const macOf = (groups: readonly string[], from: number): bigint => {
  let mac = 0n;
  for (let i = 0; i < 6; i++) {
    const group = groups[from + i]!;
    const low = Number.parseInt(group.replace(/^[+-]?(?:0[xX])?/, '').slice(-2), 16);
    mac = (mac << 8n) | BigInt(group.startsWith('-') ? -low & 0xff : low);
  }
  return mac;
};

export const MAC_EXACT = 0xffffffffffffn;

/** `xx:xx:xx:xx:xx:xx` as a number, or undefined. */
export function parseMac(text: string): bigint | undefined {
  const m = MAC_RE.exec(text);
  return m ? macOf(m, 1) : undefined;
}

export function parseMacMasked(text: string): { value: bigint; mask: bigint } {
  const exact = parseMac(text);
  if (exact !== undefined) return { value: exact, mask: MAC_EXACT };
  const m = MAC_MASKED_RE.exec(text);
  if (!m) throw new FlowTextError(`${text}: invalid Ethernet address`);
  return { value: macOf(m, 1), mask: macOf(m, 7) };
}

// --- IPv4 ---------------------------------------------------------------------------------------------------

export const formatIpv4 = (ip: number): string =>
  `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;

/** Bits of a mask that is a prefix, or -1. */
export function ipv4PrefixLength(mask: number): number {
  const inverse = ~mask;
  return (inverse & (inverse + 1)) === 0 ? Math.clz32(inverse) : -1;
}

export const ipv4PrefixMask = (bits: number): number => (bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0);

export function formatIpv4Masked(ip: number, mask: number): string {
  if (mask === 0xffffffff) return formatIpv4(ip);
  const prefix = ipv4PrefixLength(mask);
  return `${formatIpv4(ip)}/${prefix >= 0 ? prefix : formatIpv4(mask)}`;
}

const IPV4 = '([+-]?\\d+)\\.([+-]?\\d+)\\.([+-]?\\d+)\\.([+-]?\\d+)';
const IPV4_RE = new RegExp(`^${IPV4}(?:/(?:${IPV4}|([+-]?\\d+)))?`);
const ipv4Of = (m: readonly (string | undefined)[], from: number): number =>
  (((Number(m[from]) & 255) << 24) |
    ((Number(m[from + 1]) & 255) << 16) |
    ((Number(m[from + 2]) & 255) << 8) |
    (Number(m[from + 3]) & 255)) >>>
  0;

/** An IPv4 address at the start of some text, perhaps with a mask or prefix length. @throws FlowTextError */
export function scanIpv4Masked(text: string): { value: number; mask: number; length: number } {
  const m = IPV4_RE.exec(text);
  if (!m) throw new FlowTextError(`${text}: invalid IP address`);
  const value = ipv4Of(m, 1);
  if (m[5] !== undefined) return { value, mask: ipv4Of(m, 5), length: m[0].length };
  if (m[9] === undefined) return { value, mask: 0xffffffff, length: m[0].length };
  const prefix = Number(m[9]);
  if (prefix < 0 || prefix > 32) {
    throw new FlowTextError(`${text}: IPv4 network prefix bits not between 0 and 32, inclusive`);
  }
  return { value, mask: ipv4PrefixMask(prefix), length: m[0].length };
}

export function parseIpv4Masked(text: string): { value: number; mask: number } {
  // Most are plain, and without a regular expression five times as fast.
  const plain = scanIpv4(text);
  if (plain?.end === text.length) return { value: plain.ip, mask: 0xffffffff };
  const scanned = scanIpv4Masked(text);
  if (scanned.length < text.length) throw new FlowTextError(`${text}: invalid IP address`);
  return scanned;
}

/** Strict dotted quad (inet_pton), or undefined. */
export function parseIpv4(text: string): number | undefined {
  const m = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!m) return undefined;
  for (let i = 1; i <= 4; i++)
    if (Number(m[i]) > 255 || (m[i]!.length > 1 && m[i]!.startsWith('0'))) return undefined;
  return ipv4Of(m, 1);
}

// --- IPv6 ---------------------------------------------------------------------------------------------------

export const IPV6_EXACT = (1n << 128n) - 1n;

/** An IPv6 address as inet_ntop writes it. */
export function formatIpv6(value: bigint): string {
  const groups: number[] = [];
  for (let i = 7; i >= 0; i--) groups.push(Number((value >> BigInt(16 * i)) & 0xffffn));
  return formatIpv6Groups(groups);
}

function formatIpv6Groups(g: readonly number[]): string {
  // The first of the longest runs of two or more zero groups becomes "::".
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; ) {
    let n = 0;
    while (i + n < 8 && g[i + n] === 0) n++;
    if (n > bestLength) {
      best = i;
      bestLength = n;
    }
    i += n + 1;
  }
  // ::a.b.c.d and ::ffff:a.b.c.d
  const dotted = best === 0 && (bestLength === 6 || (bestLength === 5 && g[5] === 0xffff));
  const words = dotted
    ? [...g.slice(0, 6).map((w) => w.toString(16)), formatIpv4(((g[6]! << 16) | g[7]!) >>> 0)]
    : g.map((w) => w.toString(16));
  if (best < 0) return words.join(':');
  const after = dotted ? Math.min(best + bestLength, 6) : best + bestLength;
  return `${words.slice(0, best).join(':')}::${words.slice(after).join(':')}`;
}

/** Four words of a flow key as an IPv6 address. */
export function formatIpv6Words(words: ArrayLike<number>, at: number): string {
  const groups: number[] = [];
  for (let i = 0; i < 4; i++) groups.push(words[at + i]! >>> 16, words[at + i]! & 0xffff);
  return formatIpv6Groups(groups);
}

/** Bits of a mask of four words that is a prefix, or -1. */
function ipv6WordsPrefixLength(words: ArrayLike<number>, at: number): number {
  let bits = 0;
  for (let i = 0; i < 4; i++) {
    const prefix = ipv4PrefixLength(words[at + i]!);
    if (prefix < 0 || (prefix > 0 && bits < 32 * i)) return -1;
    bits += prefix;
  }
  return bits;
}

/** Four words of a flow key as an IPv6 address, with those of its mask unless they are all ones. */
export function formatIpv6WordsMasked(words: ArrayLike<number>, mask: ArrayLike<number>, at: number): string {
  const prefix = ipv6WordsPrefixLength(mask, at);
  const address = formatIpv6Words(words, at);
  if (prefix === 128) return address;
  return `${address}/${prefix >= 0 ? prefix : formatIpv6Words(mask, at)}`;
}

/** Bits of a 128-bit mask that is a prefix, or -1. */
export function ipv6PrefixLength(mask: bigint): number {
  const inverse = IPV6_EXACT ^ mask;
  if ((inverse & (inverse + 1n)) !== 0n) return -1;
  return inverse === 0n ? 128 : 128 - inverse.toString(2).length;
}

export const ipv6PrefixMask = (bits: number): bigint => (IPV6_EXACT << BigInt(128 - bits)) & IPV6_EXACT;

export function formatIpv6Masked(value: bigint, mask: bigint): string {
  if (mask === IPV6_EXACT) return formatIpv6(value);
  const prefix = ipv6PrefixLength(mask);
  return `${formatIpv6(value)}/${prefix >= 0 ? prefix : formatIpv6(mask)}`;
}

const IPV6_GROUPS = 8;
const groups = new Uint16Array(IPV6_GROUPS);

/** Reads an address as inet_pton does into {@link groups}, in one pass; false when it is none. */
function readIpv6Groups(text: string): boolean {
  const end = text.length;
  let count = 0;
  /** Groups before '::'; -1 while there was none. */
  let gap = -1;
  let i = 0;
  if (text.startsWith('::')) {
    gap = 0;
    i = 2;
  }
  while (i < end) {
    const start = i;
    let group = 0;
    for (let digit = hexDigit(text.charCodeAt(i)); digit < 16; digit = hexDigit(text.charCodeAt(++i)))
      group = (group << 4) | digit;
    if (text.charCodeAt(i) === DOT) {
      const ip = count > IPV6_GROUPS - 2 ? undefined : parseIpv4(text.slice(start));
      if (ip === undefined) return false;
      groups[count++] = ip >>> 16;
      groups[count++] = ip & 0xffff;
      break;
    }
    if (i === start || i - start > 4 || count === IPV6_GROUPS) return false;
    groups[count++] = group;
    if (i === end) break;
    if (text.charCodeAt(i++) !== COLON) return false;
    if (text.charCodeAt(i) !== COLON) {
      if (i === end) return false;
    } else {
      if (gap >= 0) return false;
      gap = count;
      i++;
    }
  }
  if (gap < 0) return count === IPV6_GROUPS;
  if (count === IPV6_GROUPS) return false;
  groups.copyWithin(IPV6_GROUPS - (count - gap), gap, count);
  groups.fill(0, gap, IPV6_GROUPS - (count - gap));
  return true;
}

/** An IPv6 address as inet_pton reads it, or undefined. */
export function parseIpv6(text: string): bigint | undefined {
  if (!readIpv6Groups(text)) return undefined;
  let value = 0n;
  for (let i = 0; i < IPV6_GROUPS; i += 2)
    value = (value << 32n) | BigInt(((groups[i]! << 16) | groups[i + 1]!) >>> 0);
  return value;
}

/** The same into four words of a flow key. @returns false, with nothing written, when the text is no address */
export function parseIpv6Words(text: string, words: Uint32Array, at: number): boolean {
  if (!readIpv6Groups(text)) return false;
  for (let i = 0; i < 4; i++) words[at + i] = ((groups[2 * i]! << 16) | groups[2 * i + 1]!) >>> 0;
  return true;
}

/** What begins with a digit after the slash is a prefix length, even if it goes on as an address. */
const IPV6_RE = /^\s*([0-9a-fA-F:.]{1,46})(?:\/(?:\s*([+-]?\d+)|([0-9a-fA-F:.]{1,46})))?/;

/** An IPv6 address at the start of some text, perhaps with a mask or prefix length. @throws FlowTextError */
export function scanIpv6Masked(text: string): { value: bigint; mask: bigint; length: number } {
  const m = IPV6_RE.exec(text);
  const value = m ? parseIpv6(m[1]!) : undefined;
  if (!m || value === undefined) throw new FlowTextError(`${text}: invalid IPv6 address`);
  let mask = IPV6_EXACT;
  if (m[2] !== undefined) {
    const prefix = Number(m[2]);
    if (prefix < 0 || prefix > 128) {
      throw new FlowTextError(`${text}: IPv6 network prefix bits not between 0 and 128, inclusive`);
    }
    mask = ipv6PrefixMask(prefix);
  } else if (m[3] !== undefined) {
    const parsed = parseIpv6(m[3]);
    if (parsed === undefined) throw new FlowTextError(`${text}: Invalid IPv6 mask`);
    mask = parsed;
  }
  return { value, mask, length: m[0].length };
}

export function parseIpv6Masked(text: string): { value: bigint; mask: bigint } {
  const scanned = scanIpv6Masked(text);
  if (scanned.length < text.length) throw new FlowTextError(`${text}: invalid IPv6 address`);
  return scanned;
}

// --- flags --------------------------------------------------------------------------------------------------

/** Names of bits, least significant first; undefined for bits without a name. */
export type FlagNames = readonly (string | undefined)[];

// biome-ignore format: one line a set
export const TCP_FLAG_NAMES: FlagNames = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns', '[200]', '[400]', '[800]'];
export const CT_STATE_NAMES: FlagNames = ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat'];
export const TUN_FLAG_NAMES: FlagNames = ['oam', 'df', 'csum', 'key'];

/** `a|b`, with bits that have no name in hexadecimal; `0` for none. */
export function formatFlags(names: FlagNames, flags: number, separator = '|'): string {
  if (flags === 0) return '0';
  const words: string[] = [];
  let nameless = 0;
  for (let i = 0; i < 32; i++) {
    const bit = (1 << i) >>> 0;
    if ((flags & bit) >>> 0 === 0) continue;
    const name = names[i];
    if (name !== undefined) words.push(name);
    else nameless += bit;
  }
  if (nameless) words.push(`0x${nameless.toString(16)}`);
  return words.join(separator);
}

/** `+a-b` under a mask; as {@link formatFlags} when the mask is all of `full`. */
export function formatFlagsMasked(names: FlagNames, flags: number, mask: number, full: number): string {
  if (mask === full) return formatFlags(names, flags);
  if (mask === 0) return '0/0';
  let text = '';
  for (let left = mask; left !== 0; left &= left - 1) {
    const bit = left & -left;
    text += ((flags & bit) !== 0 ? '+' : '-') + (names[31 - Math.clz32(bit)] ?? '[Unknown]');
  }
  return text;
}

const INT = '([+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\\d*))';
const FLAGS_NUMERIC = new RegExp(`^\\s*${INT}/\\s*${INT}`);
const FLAGS_NUMBER = new RegExp(`^\\s*${INT}`);

function scannedNumber(text: string): number {
  const negative = text.startsWith('-');
  const digits = text.replace(/^[+-]/, '');
  const value = /^0\d/.test(digits) ? Number.parseInt(digits, 8) : Number(digits);
  return negative ? -value : value;
}

export interface ScannedFlags {
  readonly flags: number;
  /** 0xffffffff when the text had no mask. */
  readonly mask: number;
  readonly length: number;
}

/**
 * Flags at the start of `text`, up to the character `end` ('' for the end of the text): `a|b`, `+a-b`, numbers.
 * @param kind of flags, for messages
 * @throws FlowTextError
 */
export function scanFlags(
  text: string,
  names: FlagNames,
  kind: string,
  allowed: number,
  end = '',
  masks = true,
): ScannedFlags {
  const unknown = (at: string): FlowTextError => new FlowTextError(`${at}: unknown ${kind} flag(s)`);
  const stop = (rest: string): boolean => (end === '' ? rest === '' : rest.startsWith(end));
  const numeric = masks ? FLAGS_NUMERIC.exec(text) : null;
  if (numeric) {
    const flags = scannedNumber(numeric[1]!) >>> 0;
    const mask = scannedNumber(numeric[2]!) >>> 0;
    if ((flags & ~allowed) !== 0 || (mask & ~allowed) !== 0) throw unknown(text);
    return { flags, mask, length: numeric[0].length };
  }
  if (masks && /^[+-]/.test(text)) return scanSignedFlags(text, names, kind, allowed, stop, unknown);
  let rest = text;
  let flags = 0;
  while (!stop(rest)) {
    if (rest === '') throw unknown(text);
    const number = FLAGS_NUMBER.exec(rest);
    let taken: number;
    if (number) {
      const value = scannedNumber(number[1]!);
      if (value < 0 || value > 0xffffffff || (value & ~allowed) !== 0) throw unknown(text);
      flags |= value;
      taken = number[0].length;
    } else {
      const bit = names.findIndex(
        (name) =>
          name !== undefined &&
          rest.startsWith(name) &&
          (rest[name.length] === '|' || stop(rest.slice(name.length))),
      );
      if (bit < 0 || ((1 << bit) & allowed) === 0) throw unknown(text);
      flags |= 1 << bit;
      taken = names[bit]!.length;
    }
    rest = rest.slice(taken + (rest[taken] === '|' ? 1 : 0));
  }
  return { flags: flags >>> 0, mask: 0xffffffff, length: text.length - rest.length };
}

function scanSignedFlags(
  text: string,
  names: FlagNames,
  kind: string,
  allowed: number,
  stop: (rest: string) => boolean,
  unknown: (at: string) => FlowTextError,
): ScannedFlags {
  let rest = text;
  let flags = 0;
  let mask = 0;
  while (!stop(rest)) {
    const sign = rest[0];
    if (sign !== '+' && sign !== '-') {
      throw new FlowTextError(`${rest}: ${kind} must be preceded by '+' (for SET) or '-' (NOT SET)`);
    }
    rest = rest.slice(1);
    const bit = names.findIndex((name) => {
      if (name === undefined || !rest.startsWith(name)) return false;
      const after = rest.slice(name.length);
      return after[0] === '+' || after[0] === '-' || stop(after);
    });
    if (bit < 0) throw unknown(rest);
    if (mask & (1 << bit)) throw new FlowTextError(`${rest}: Each ${kind} flag can be specified only once`);
    if (((1 << bit) & allowed) === 0) throw unknown(rest);
    mask |= 1 << bit;
    if (sign === '+') flags |= 1 << bit;
    rest = rest.slice(names[bit]!.length);
  }
  return { flags: flags >>> 0, mask: mask >>> 0, length: text.length - rest.length };
}

// --- packet types ----------------------------------------------------------------------------------------

/** `(ns,type)` of a packet type that is not Ethernet, `eth` for one that is. */
export function formatPacketType(value: number, mask: number): string {
  if (value === 0 && mask === 0xffffffff) return 'eth';
  const part = (v: number, m: number): string => {
    if (m === 0) return '*';
    const text = v > 9 ? `0x${v.toString(16)}` : String(v);
    return m === 0xffff ? text : `${text}/${hex(m)}`;
  };
  return `packet_type=(${part(value >>> 16, mask >>> 16)},${part(value & 0xffff, mask & 0xffff)})`;
}
