/**
 * SHA-1 (FIPS 180-1), for the database's log, whose records carry it as a checksum.
 *
 * In JavaScript, since core code has no other and a record is a few hundred bytes. The loop works on int32 values only,
 * which keeps it in machine registers. C counterpart: lib/sha1.c.
 */
import { hexDigitCode } from './hex.ts';

const INITIAL_STATE = new Int32Array([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0]);
const W = new Int32Array(80);
/** Codes of the digits of a digest: `fromCharCode` makes a string at once, where adding up pieces makes 20. */
const digits = new Array<number>(40).fill(0);

const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));

export class Sha1 {
  readonly #state = new Int32Array(5);
  readonly #tail = new Uint8Array(128);
  #tailLength = 0;
  #length = 0;

  constructor() {
    this.reset();
  }

  /** Makes it as new. */
  reset(): this {
    this.#state.set(INITIAL_STATE);
    this.#tailLength = 0;
    this.#length = 0;
    return this;
  }

  /** Takes in the bytes from `start` to before `end`. */
  update(bytes: Uint8Array, start = 0, end = bytes.length): this {
    this.#length += end - start;
    let at = start;
    while (this.#tailLength > 0 && at < end) {
      this.#tail[this.#tailLength++] = bytes[at++]!;
      if (this.#tailLength < 64) continue;
      this.#blocks(this.#tail, 0, 64);
      this.#tailLength = 0;
    }
    const whole = at + ((end - at) & ~63);
    this.#blocks(bytes, at, whole);
    for (at = whole; at < end; at++) this.#tail[this.#tailLength++] = bytes[at]!;
    return this;
  }

  /** The digest as 40 hexadecimal digits. After it the object must be `reset`. */
  hex(): string {
    const tail = this.#tail;
    const total = this.#tailLength < 56 ? 64 : 128;
    tail[this.#tailLength] = 0x80;
    tail.fill(0, this.#tailLength + 1, total);
    // The length in bits; the upper half of it exactly, though it is beyond 32 bits.
    const high = Math.floor(this.#length / 0x20000000);
    const low = this.#length << 3;
    for (let i = 0; i < 4; i++) {
      tail[total - 8 + i] = high >>> (24 - 8 * i);
      tail[total - 4 + i] = low >>> (24 - 8 * i);
    }
    this.#blocks(tail, 0, total);
    for (let i = 0; i < 40; i++) digits[i] = hexDigitCode((this.#state[i >> 3]! >>> (28 - 4 * (i & 7))) & 15);
    return String.fromCharCode.apply(null, digits);
  }

  /** Takes in whole blocks of 64 bytes. */
  #blocks(bytes: Uint8Array, start: number, end: number): void {
    const h = this.#state;
    for (let at = start; at < end; at += 64) {
      for (let i = 0; i < 16; i++) {
        const p = at + i * 4;
        W[i] = (bytes[p]! << 24) | (bytes[p + 1]! << 16) | (bytes[p + 2]! << 8) | bytes[p + 3]!;
      }
      for (let i = 16; i < 80; i++) W[i] = rotl(W[i - 3]! ^ W[i - 8]! ^ W[i - 14]! ^ W[i - 16]!, 1);
      let a = h[0]!;
      let b = h[1]!;
      let c = h[2]!;
      let d = h[3]!;
      let e = h[4]!;
      // One loop for each of the four round functions, so that none has a branch inside.
      for (let i = 0; i < 20; i++) {
        const t = (rotl(a, 5) + ((b & c) | (~b & d)) + e + 0x5a827999 + W[i]!) | 0;
        e = d;
        d = c;
        c = rotl(b, 30);
        b = a;
        a = t;
      }
      for (let i = 20; i < 40; i++) {
        const t = (rotl(a, 5) + (b ^ c ^ d) + e + 0x6ed9eba1 + W[i]!) | 0;
        e = d;
        d = c;
        c = rotl(b, 30);
        b = a;
        a = t;
      }
      for (let i = 40; i < 60; i++) {
        const t = (rotl(a, 5) + ((b & c) | (b & d) | (c & d)) + e + 0x8f1bbcdc + W[i]!) | 0;
        e = d;
        d = c;
        c = rotl(b, 30);
        b = a;
        a = t;
      }
      for (let i = 60; i < 80; i++) {
        const t = (rotl(a, 5) + (b ^ c ^ d) + e + 0xca62c1d6 + W[i]!) | 0;
        e = d;
        d = c;
        c = rotl(b, 30);
        b = a;
        a = t;
      }
      h[0] = (h[0]! + a) | 0;
      h[1] = (h[1]! + b) | 0;
      h[2] = (h[2]! + c) | 0;
      h[3] = (h[3]! + d) | 0;
      h[4] = (h[4]! + e) | 0;
    }
  }
}

const shared = new Sha1();

/** The SHA-1 of the bytes from `start` to before `end` at once. */
export const sha1Hex = (bytes: Uint8Array, start?: number, end?: number): string =>
  shared.reset().update(bytes, start, end).hex();
