/**
 * Big-endian numbers at an index of a byte array: the innermost tool of every header reader and writer here.
 *
 * Plain index arithmetic, no DataView: V8 inlines it, and it needs no object per packet. Nothing checks bounds;
 * callers know how many bytes there are.
 */

export const getU16 = (b: Uint8Array, at: number): number => (b[at]! << 8) | b[at + 1]!;

export const getU32 = (b: Uint8Array, at: number): number =>
  ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;

export function putU16(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 8;
  b[at + 1] = value;
}

export function putU32(b: Uint8Array, at: number, value: number): void {
  b[at] = value >>> 24;
  b[at + 1] = value >>> 16;
  b[at + 2] = value >>> 8;
  b[at + 3] = value;
}

/** A MAC address as a number below 2**48. */
export const getMac = (b: Uint8Array, at: number): number => getU16(b, at) * 2 ** 32 + getU32(b, at + 2);

export function putMac(b: Uint8Array, at: number, mac: number): void {
  putU16(b, at, Math.floor(mac / 2 ** 32));
  putU32(b, at + 2, mac % 2 ** 32);
}
