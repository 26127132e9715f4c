/**
 * Netlink attributes: length, type, payload, padded to 4 bytes.
 *
 * Lengths, types and most numbers are in the host's byte order, which is little-endian wherever this runs.
 * C counterpart: lib/netlink.c.
 */
import { ByteWriter, TruncatedError } from '../../base/bytes.ts';

const HEADER_BYTES = 4;
const NLA_F_NESTED = 0x8000;
const TYPE_MASK = 0x3fff;

const pad4 = (n: number): number => (n + 3) & ~3;

export class AttrWriter {
  readonly #w = new ByteWriter(256);

  #le16(v: number): void {
    this.#w.u8(v & 0xff).u8((v >>> 8) & 0xff);
  }
  #head(type: number, length: number): void {
    this.#le16(HEADER_BYTES + length);
    this.#le16(type);
  }

  get length(): number {
    return this.#w.length;
  }

  flag(type: number): void {
    this.#head(type, 0);
  }
  bytes(type: number, value: Uint8Array): void {
    this.#head(type, value.length);
    this.#w.put(value).zero(pad4(value.length) - value.length);
  }
  u8(type: number, v: number): void {
    this.#head(type, 1);
    this.#w.u8(v).zero(3);
  }
  /** In the host's byte order. */
  u16(type: number, v: number): void {
    this.#head(type, 2);
    this.#le16(v);
    this.#w.zero(2);
  }
  u32(type: number, v: number): void {
    this.#head(type, 4);
    this.#le16(v & 0xffff);
    this.#le16(v >>> 16);
  }
  be16(type: number, v: number): void {
    this.#head(type, 2);
    this.#w.u16(v & 0xffff).zero(2);
  }
  be32(type: number, v: number): void {
    this.#head(type, 4);
    this.#w.u32(v >>> 0);
  }
  /** ASCII text with its terminating zero. */
  string(type: number, text: string): void {
    this.bytes(
      type,
      Uint8Array.from({ length: text.length + 1 }, (_, i) =>
        i < text.length ? text.charCodeAt(i) & 0x7f : 0,
      ),
    );
  }
  /** An attribute that holds what `fill` writes. */
  nested(type: number, fill: () => void): void {
    const at = this.#w.length;
    this.#head(type | NLA_F_NESTED, 0);
    fill();
    const length = this.#w.length - at;
    this.#w.patchU8(at, length & 0xff);
    this.#w.patchU8(at + 1, length >>> 8);
  }
  finish(): Uint8Array {
    return this.#w.finish();
  }
}

/** One attribute of some bytes; numbers are read in the host's order unless the name says otherwise. */
export class Attr {
  readonly type: number;
  readonly bytes: Uint8Array;

  constructor(type: number, bytes: Uint8Array) {
    this.type = type;
    this.bytes = bytes;
  }

  #need(n: number): Uint8Array {
    if (this.bytes.length < n) throw new TruncatedError();
    return this.bytes;
  }
  u8(): number {
    return this.#need(1)[0]!;
  }
  u16(): number {
    const b = this.#need(2);
    return b[0]! | (b[1]! << 8);
  }
  u32(): number {
    const b = this.#need(4);
    return (b[0]! | (b[1]! << 8) | (b[2]! << 16) | (b[3]! << 24)) >>> 0;
  }
  be16(at = 0): number {
    const b = this.#need(at + 2);
    return (b[at]! << 8) | b[at + 1]!;
  }
  be32(at = 0): number {
    const b = this.#need(at + 4);
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
  }
  text(): string {
    const end = this.bytes.indexOf(0);
    return String.fromCharCode(...this.bytes.subarray(0, end < 0 ? this.bytes.length : end));
  }
  nested(): Generator<Attr> {
    return readAttrs(this.bytes);
  }
}

/** The attributes in some bytes. @throws TruncatedError */
export function* readAttrs(b: Uint8Array): Generator<Attr> {
  for (let at = 0; at + HEADER_BYTES <= b.length; ) {
    const length = b[at]! | (b[at + 1]! << 8);
    if (length < HEADER_BYTES || at + length > b.length) throw new TruncatedError();
    yield new Attr((b[at + 2]! | (b[at + 3]! << 8)) & TYPE_MASK, b.subarray(at + HEADER_BYTES, at + length));
    at += pad4(length);
  }
}
