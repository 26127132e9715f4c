/**
 * The Internet checksum (RFC 1071) and its change when part of the data changes (RFC 1624).
 *
 * Partial sums are plain numbers below 2**53; {@link csumFinish} folds and inverts one. C counterpart: lib/csum.c.
 */

/** Adds `length` bytes from `start` to a partial sum; an odd last byte counts as followed by zero. */
export function csumAdd(sum: number, b: Uint8Array, start: number, length: number): number {
  let at = start;
  const even = start + (length & ~1);
  for (; at < even; at += 2) sum += (b[at]! << 8) | b[at + 1]!;
  return length & 1 ? sum + (b[at]! << 8) : sum;
}

/** Folds a partial sum to 16 bits and inverts it: what goes into the header. */
export function csumFinish(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

/** The checksum of a range. */
export const csum = (b: Uint8Array, start: number, length: number): number =>
  csumFinish(csumAdd(0, b, start, length));

/** A checksum after one 16-bit word of what it covers went from `before` to `after`. */
export const csumUpdate16 = (old: number, before: number, after: number): number =>
  csumFinish((~old & 0xffff) + (~before & 0xffff) + after);

/** A checksum after one 32-bit word of what it covers changed. */
export const csumUpdate32 = (old: number, before: number, after: number): number =>
  csumUpdate16(csumUpdate16(old, before >>> 16, after >>> 16), before & 0xffff, after & 0xffff);

/** Partial sum of an IPv4 pseudo-header: addresses of the header at `ip`, protocol and the payload's length. */
export const csumPseudoIpv4 = (b: Uint8Array, ip: number, proto: number, l4Length: number): number =>
  csumAdd(proto + l4Length, b, ip + 12, 8);

/** Partial sum of an IPv6 pseudo-header. */
export const csumPseudoIpv6 = (b: Uint8Array, ip: number, proto: number, l4Length: number): number =>
  csumAdd(proto + (l4Length & 0xffff) + (l4Length >>> 16), b, ip + 8, 32);

/** CRC32c as SCTP uses it (RFC 3309), over a range whose checksum field counts as zero. */
export function crc32c(b: Uint8Array, start: number, length: number): number {
  let crc = 0xffffffff;
  for (let i = start; i < start + length; i++) crc = (crc >>> 8) ^ CRC32C_TABLE[(crc ^ b[i]!) & 0xff]!;
  return ~crc >>> 0;
}

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0x82f63b78 : n >>> 1;
  return n;
});

/** Whether the IPv4 header at `at` sums to what it says. */
export const isIpv4HeaderSumGood = (b: Uint8Array, at: number): boolean =>
  csum(b, at, (b[at]! & 0x0f) * 4) === 0;
