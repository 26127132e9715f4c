/** UUIDs as lower-case strings 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx'. C counterpart: lib/uuid.c. */
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

const HEX = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));

/** From 16 bytes. */
export function formatUuid(b: Uint8Array): Uuid {
  let text = '';
  for (let i = 0; i < 16; i++) text += (i === 4 || i === 6 || i === 8 || i === 10 ? '-' : '') + HEX[b[i]!]!;
  return text;
}

/** A new random (version 4) UUID. */
export function randomUuid(random: Random): Uuid {
  const b = random.bytes(16);
  b[6] = (b[6]! & 0x0f) | 0x40;
  b[8] = (b[8]! & 0x3f) | 0x80;
  return formatUuid(b);
}
