/**
 * Values that most flows match exactly - small integers, addresses in their usual spelling - from text into a match,
 * without a big integer, a regular expression or an object on the way.
 *
 * `add-flows` reads hundreds of thousands of values, and this takes a third of the time of `field-text.ts`, which
 * reads every spelling. What is not plain is left to it, with all complaints: nothing here throws.
 */
import { hexDigit, scanIpv4 } from '../../base/parse.ts';
import { type Field, matchFieldU32 } from '../fields.ts';
import type { Match } from '../layout.ts';
import { parseIpv6Words } from '../text.ts';

const ZERO = 48;
const COLON = 58;
const MAC_LENGTH = 17;

/** Digits of a number of 32 bits, in decimal and in hexadecimal. */
const MAX_DECIMAL = 9;
const MAX_HEX = 8;

/** A decimal number without leading zeros, or a hexadecimal one; -1 for anything else. */
function plainInteger(text: string): number {
  const { length } = text;
  let i = 0;
  let radix = 10;
  if (text.charCodeAt(0) === ZERO && length > 1) {
    if ((text.charCodeAt(1) | 32) !== 120) return -1;
    i = 2;
    radix = 16;
  }
  const digits = length - i;
  if (digits === 0 || digits > (radix === 16 ? MAX_HEX : MAX_DECIMAL)) return -1;
  let value = 0;
  for (; i < length; i++) {
    const digit = hexDigit(text.charCodeAt(i));
    if (digit >= radix) return -1;
    value = value * radix + digit;
  }
  return value;
}

/** Two hexadecimal digits at `at`; 256 for anything else. */
function hexByte(text: string, at: number): number {
  const high = hexDigit(text.charCodeAt(at));
  const low = hexDigit(text.charCodeAt(at + 1));
  return high > 15 || low > 15 ? 256 : (high << 4) | low;
}

/** 'aa:bb:cc:dd:ee:ff' into the two words of an Ethernet address. @returns false for anything else */
function matchMac({ flow, mask }: Match, word: number, text: string): boolean {
  if (text.length !== MAC_LENGTH) return false;
  let high = 0;
  let low = 0;
  for (let at = 0; at < MAC_LENGTH; at += 3) {
    const byte = hexByte(text, at);
    if (byte > 255 || (at + 2 < MAC_LENGTH && text.charCodeAt(at + 2) !== COLON)) return false;
    if (at < 6) high = (high << 8) | byte;
    else low = ((low << 8) | byte) >>> 0;
  }
  flow[word] = high;
  flow[word + 1] = low;
  mask[word] = 0xffff;
  mask[word + 1] = 0xffffffff;
  return true;
}

function matchIpv6({ flow, mask }: Match, word: number, text: string): boolean {
  if (!parseIpv6Words(text, flow, word)) return false;
  for (let i = 0; i < 4; i++) mask[word + i] = 0xffffffff;
  return true;
}

/**
 * Matches a field exactly by a plain value.
 * @returns false, with nothing changed, when the text is anything else
 */
export function matchPlainValue(match: Match, field: Field, text: string): boolean {
  if (field.tunIndex >= 0) return false;
  switch (field.format) {
    case 'decimal':
    case 'hexadecimal': {
      if (field.words !== 1) return false;
      const value = plainInteger(text);
      if (value < 0 || (field.bytes < 4 && value >>> (8 * field.bytes) !== 0)) return false;
      matchFieldU32(match, field, value);
      return true;
    }
    case 'ipv4': {
      const scanned = scanIpv4(text);
      if (scanned?.end !== text.length) return false;
      matchFieldU32(match, field, scanned.ip);
      return true;
    }
    case 'ethernet':
      return matchMac(match, field.word, text);
    case 'ipv6':
      return matchIpv6(match, field.word, text);
    default:
      return false;
  }
}
