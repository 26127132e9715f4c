/** UUIDs as lower-case strings 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx'. C counterpart: lib/uuid.c. */
import { hexDigitCode } from './hex.ts';
import type { Random } from './host.ts';

export type Uuid = string;

export const ZERO_UUID: Uuid = '00000000-0000-0000-0000-000000000000';

const PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** @returns the canonical form, or undefined if `text` is not a UUID */
export function parseUuid(text: string): Uuid | undefined {
  return PATTERN.test(text) ? text.toLowerCase() : undefined;
}

/** Whether `text` begins a UUID: how many of its characters do. */
export function isPartialUuid(text: string): boolean {
  if (text.length > 36) return false;
  for (let i = 0; i < text.length; i++) {
    const wantDash = i === 8 || i === 13 || i === 18 || i === 23;
    if (wantDash ? text[i] !== '-' : !/[0-9a-f]/i.test(text[i]!)) return false;
  }
  return true;
}

/** Codes of the text that is being made: `fromCharCode` makes a string at once, where adding up pieces makes 20. */
const codes = new Array<number>(36).fill(0x2d);

/** Writes eight digits, and skips the dashes that are among and after them. */
function putWord(at: number, word: number): number {
  for (let shift = 28; shift >= 0; shift -= 4) {
    if (at === 8 || at === 13 || at === 18 || at === 23) at++;
    codes[at++] = hexDigitCode((word >>> shift) & 15);
  }
  return at;
}

function formatWords(a: number, b: number, c: number, d: number): Uuid {
  putWord(putWord(putWord(putWord(0, a), b), c), d);
  return String.fromCharCode.apply(null, codes);
}

/** From 16 bytes. */
export function formatUuid(b: Uint8Array): Uuid {
  const word = (i: number): number => (b[i]! << 24) | (b[i + 1]! << 16) | (b[i + 2]! << 8) | b[i + 3]!;
  return formatWords(word(0), word(4), word(8), word(12));
}

/** A new random (version 4) UUID. Its bytes are drawn together: by that a recording tells them from other randomness. */
export function randomUuid(random: Random): Uuid {
  const b = random.bytes(16);
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  return formatUuid(b);
}
