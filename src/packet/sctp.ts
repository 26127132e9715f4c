/** SCTP's common header. C counterpart: struct sctp_header of lib/packets.h. */
import { crc32c } from './checksum.ts';
import { getU16, putU16 } from './wire.ts';

export const SCTP_HEADER_BYTES = 12;
const CSUM_AT = 8;

export interface SctpHeader {
  readonly src: number;
  readonly dst: number;
}

/** The header at `at`, or undefined unless it is whole. */
export function parseSctp(b: Uint8Array, at: number, end = b.length): SctpHeader | undefined {
  return end - at < SCTP_HEADER_BYTES ? undefined : { src: getU16(b, at), dst: getU16(b, at + 2) };
}

/** The checksum of the packet from `at` to `end`, with its checksum field counted as zero; the field is left zero. */
function sumWithoutField(b: Uint8Array, at: number, end: number): number {
  b.fill(0, at + CSUM_AT, at + CSUM_AT + 4);
  return crc32c(b, at, end - at);
}

const getLe32 = (b: Uint8Array, at: number): number =>
  (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;

/** Changes the ports. A checksum that was right stays right, a wrong one stays as wrong as it was. */
export function setSctpPorts(b: Uint8Array, at: number, end: number, src: number, dst: number): void {
  const old = getLe32(b, at + CSUM_AT);
  const correct = sumWithoutField(b, at, end);
  putU16(b, at, src);
  putU16(b, at + 2, dst);
  const sum = old ^ correct ^ crc32c(b, at, end - at);
  for (let i = 0; i < 4; i++) b[at + CSUM_AT + i] = sum >>> (8 * i);
}
