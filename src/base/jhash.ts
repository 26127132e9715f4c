/**
 * Bob Jenkins's lookup3 hash over little-endian words, as lib/jhash.c computes it. Where the C implementation chooses a
 * link by it, ours must choose the same.
 */
const rot = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** @param words the bytes, and zeros up to a multiple of 12 bytes; absent ones count as 0
 * @param bytes how many there are @returns unsigned */
export function jhashWords(words: Int32Array, bytes: number, basis: number): number {
  let n = bytes;
  let at = 0;
  let a = (0xdeadbeef + n + basis) | 0;
  let b = a;
  let c = a;
  for (; n >= 12; n -= 12, at += 3) {
    a = (a + words[at]!) | 0;
    b = (b + words[at + 1]!) | 0;
    c = (c + words[at + 2]!) | 0;
    a = (a - c) ^ rot(c, 4);
    c = (c + b) | 0;
    b = (b - a) ^ rot(a, 6);
    a = (a + c) | 0;
    c = (c - b) ^ rot(b, 8);
    b = (b + a) | 0;
    a = (a - c) ^ rot(c, 16);
    c = (c + b) | 0;
    b = (b - a) ^ rot(a, 19);
    a = (a + c) | 0;
    c = (c - b) ^ rot(b, 4);
    b = (b + a) | 0;
  }
  if (n > 0) {
    a = (a + words[at]!) | 0;
    b = (b + (words[at + 1] ?? 0)) | 0;
    c = (c + (words[at + 2] ?? 0)) | 0;
    c = ((c ^ b) - rot(b, 14)) | 0;
    a = ((a ^ c) - rot(c, 11)) | 0;
    b = ((b ^ a) - rot(a, 25)) | 0;
    c = ((c ^ b) - rot(b, 16)) | 0;
    a = ((a ^ c) - rot(c, 4)) | 0;
    b = ((b ^ a) - rot(a, 14)) | 0;
    c = ((c ^ b) - rot(b, 24)) | 0;
  }
  return c >>> 0;
}

/** The same over bytes. */
export function jhashBytes(bytes: Uint8Array, basis: number): number {
  const words = new Int32Array(Math.ceil(bytes.length / 4));
  for (let i = 0; i < bytes.length; i++) words[i >> 2] = words[i >> 2]! | (bytes[i]! << (8 * (i & 3)));
  return jhashWords(words, bytes.length, basis);
}
