/**
 * Big-endian reading and writing of wire formats.
 *
 * A reader never reads past its window: an attempt throws {@link TruncatedError}, which decoders turn into
 * the protocol's own error. A writer grows by doubling up to {@link MAX_MESSAGE_BYTES}.
 */

export const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/** A read past the end of the input. */
export class TruncatedError extends Error {
  constructor() {
    super('truncated input');
    this.name = 'TruncatedError';
  }
}

const EMPTY = new Uint8Array(0);
const MAX_PADDING = 16;

/**
 * Numbers are put together from their bytes: decoders make a reader for each part of a message, and a DataView for
 * each would take longer than all that is read through it.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  /** Next byte to read, as an index into `bytes`. */
  pos: number;
  /** One past the last byte that may be read. */
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    if (start < 0 || end > bytes.length || start > end) throw new RangeError('window outside of the bytes');
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
  }

  get left(): number {
    return this.end - this.pos;
  }

  #take(n: number): number {
    const at = this.pos;
    if (n < 0 || at + n > this.end) throw new TruncatedError();
    this.pos = at + n;
    return at;
  }

  #u16At(at: number): number {
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }
  #u32At(at: number): number {
    const b = this.bytes;
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
  }

  u8(): number {
    return this.bytes[this.#take(1)]!;
  }
  u16(): number {
    return this.#u16At(this.#take(2));
  }
  u32(): number {
    return this.#u32At(this.#take(4));
  }
  u64(): bigint {
    const at = this.#take(8);
    const high = this.#u32At(at);
    const low = this.#u32At(at + 4);
    if (high !== 0) return (BigInt(high) << 32n) | BigInt(low);
    // Most are: cookies and counters of flows. The constant costs no memory.
    return low === 0 ? 0n : BigInt(low);
  }
  skip(n: number): void {
    this.#take(n);
  }
  /** A view (not a copy) of the next `n` bytes. */
  take(n: number): Uint8Array {
    const at = this.#take(n);
    return n === 0 ? EMPTY : this.bytes.subarray(at, at + n);
  }
  /** A reader over the next `n` bytes, which this reader skips. */
  sub(n: number): ByteReader {
    const at = this.#take(n);
    return new ByteReader(this.bytes, at, at + n);
  }
  peekU8(offset = 0): number {
    if (this.pos + offset + 1 > this.end) throw new TruncatedError();
    return this.bytes[this.pos + offset]!;
  }
  peekU16(offset = 0): number {
    if (this.pos + offset + 2 > this.end) throw new TruncatedError();
    return this.#u16At(this.pos + offset);
  }
  peekU32(offset = 0): number {
    if (this.pos + offset + 4 > this.end) throw new TruncatedError();
    return this.#u32At(this.pos + offset);
  }
}

export class ByteWriter {
  #buffer: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;
  #capacity: number;

  constructor(capacity = 256) {
    this.#capacity = capacity;
    this.#buffer = new Uint8Array(capacity);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Makes room for `n` bytes and returns where they start. May replace buffer and view: call it before using them. */
  #room(n: number): number {
    const at = this.#length;
    const need = at + n;
    if (need > this.#capacity) this.#grow(need);
    this.#length = need;
    return at;
  }

  // Apart, so that V8 puts what is above into its callers.
  #grow(need: number): void {
    if (need > MAX_MESSAGE_BYTES) throw new RangeError('message too long');
    this.#capacity = Math.max(need, this.#capacity * 2);
    const grown = new Uint8Array(this.#capacity);
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
    this.#view = new DataView(grown.buffer);
  }

  u8(v: number): this {
    const at = this.#room(1);
    this.#view.setUint8(at, v);
    return this;
  }
  u16(v: number): this {
    const at = this.#room(2);
    this.#view.setUint16(at, v);
    return this;
  }
  u32(v: number): this {
    const at = this.#room(4);
    this.#view.setUint32(at, v);
    return this;
  }
  u64(v: bigint): this {
    const at = this.#room(8);
    this.#view.setBigUint64(at, v);
    return this;
  }
  zero(n: number): this {
    const at = this.#room(n);
    // Padding is a few bytes, for which a call of fill() takes longer than the bytes do.
    if (n > MAX_PADDING) this.#buffer.fill(0, at, at + n);
    else for (let i = at; i < at + n; i++) this.#buffer[i] = 0;
    return this;
  }
  put(bytes: Uint8Array): this {
    const at = this.#room(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }
  /** Zero bytes up to a multiple of `alignment` counted from `from`. */
  align(alignment: number, from = 0): this {
    const over = (this.#length - from) % alignment;
    return over === 0 ? this : this.zero(alignment - over);
  }
  /** Overwrites what was written at `at`. */
  patchU8(at: number, v: number): void {
    this.#view.setUint8(at, v);
  }
  patchU16(at: number, v: number): void {
    this.#view.setUint16(at, v);
  }
  patchU32(at: number, v: number): void {
    this.#view.setUint32(at, v);
  }
  /** Forgets everything after the first `length` bytes. */
  truncate(length: number): void {
    if (length > this.#length) throw new RangeError('cannot truncate upwards');
    this.#length = length;
  }
  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#buffer.slice(0, this.#length);
  }
  /** A view of what was written, valid until the next write. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }
}
