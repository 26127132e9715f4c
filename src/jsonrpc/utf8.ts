/**
 * UTF-8 from peers and files that need not be any.
 *
 * A byte that belongs to no character becomes a lone surrogate, 0x80 + n as U+DC80 + n, so that nothing is lost and
 * whoever wants UTF-8 can tell (`isWellFormed`) and say what it found. C counterpart: lib/unicode.c.
 */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** U+DC00, to which such a byte is added. */
const ESCAPE = 0xdc00;
/** Code units that become a string at once: arguments of a call. */
const BATCH = 8192;

/**
 * The length of the character at `at`, or, negative, the number of bytes at which it is seen to be none.
 * (Unicode, table 3-7.)
 */
function characterAt(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 || lead > 0xf4 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  if (length === 0) return -1;
  for (let i = 1; i < length; i++) {
    const byte = bytes[at + i] ?? 0;
    const low = i > 1 ? 0x80 : lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = i > 1 ? 0xbf : lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (byte < low || byte > high) return -(i + 1);
  }
  return length;
}

export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeDamaged(bytes);
  }
}

function decodeDamaged(bytes: Uint8Array): string {
  const units = new Uint16Array(bytes.length);
  let n = 0;
  for (let i = 0; i < bytes.length; ) {
    const length = characterAt(bytes, i);
    if (length < 0) {
      units[n++] = ESCAPE + bytes[i++]!;
      continue;
    }
    let code = bytes[i++]!;
    if (length > 1) code &= 0x7f >> length;
    for (let k = 1; k < length; k++) code = (code << 6) | (bytes[i++]! & 0x3f);
    if (code >= 0x10000) {
      units[n++] = 0xd7c0 + (code >> 10);
      code = 0xdc00 | (code & 0x3ff);
    }
    units[n++] = code;
  }
  let text = '';
  for (let i = 0; i < n; i += BATCH)
    text += String.fromCharCode(...units.subarray(i, Math.min(n, i + BATCH)));
  return text;
}

/** The bytes of which `decodeUtf8` makes `text`; surrogates that stand for none are encoded as if they were characters. */
export function encodeUtf8(text: string): Uint8Array {
  if (text.isWellFormed()) return encoder.encode(text);
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code > ESCAPE + 0x7f && code <= ESCAPE + 0xff) bytes.push(code - ESCAPE);
    else if (code >= 0xd800 && code < 0xe000)
      bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else bytes.push(...encoder.encode(character));
  }
  return Uint8Array.from(bytes);
}

/** What is wrong with a text that is not well-formed: the first bytes that are no UTF-8. */
export function invalidUtf8(text: string): string {
  // All before the first surrogate that stands alone is good.
  const bytes = encodeUtf8(text);
  let at = 0;
  let length = characterAt(bytes, at);
  while (length > 0) {
    at += length;
    length = characterAt(bytes, at);
  }
  // C's strings end with a zero byte.
  const shown = Array.from(
    { length: -length },
    (_, i) => ` 0x${(bytes[at + i] ?? 0).toString(16).padStart(2, '0')}`,
  );
  return `invalid UTF-8 sequence${shown.join('')}`;
}
