/** UDP's header. C counterpart: struct udp_header of lib/packets.h. */
import { getU16, putU16 } from './wire.ts';

export const UDP_HEADER_BYTES = 8;
export const UDP_CSUM_AT = 6;

export interface UdpHeader {
  readonly src: number;
  readonly dst: number;
  readonly length: number;
}

/** The header at `at`, or undefined unless it is whole. */
export function parseUdp(b: Uint8Array, at: number, end = b.length): UdpHeader | undefined {
  if (end - at < UDP_HEADER_BYTES) return undefined;
  return { src: getU16(b, at), dst: getU16(b, at + 2), length: getU16(b, at + 4) };
}

/** Writes a header for `payloadBytes` of payload, without checksum. */
export function buildUdp(b: Uint8Array, at: number, src: number, dst: number, payloadBytes: number): void {
  putU16(b, at, src);
  putU16(b, at + 2, dst);
  putU16(b, at + 4, UDP_HEADER_BYTES + payloadBytes);
  putU16(b, at + 6, 0);
}
