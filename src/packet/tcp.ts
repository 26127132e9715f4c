/** TCP's header. C counterpart: struct tcp_header of lib/packets.h. */
import { getU16, getU32, putU16 } from './wire.ts';

export const TCP_HEADER_BYTES = 20;
export const TCP_CSUM_AT = 16;

export const TCP_FLAG = {
  FIN: 0x001,
  SYN: 0x002,
  RST: 0x004,
  PSH: 0x008,
  ACK: 0x010,
  URG: 0x020,
  ECE: 0x040,
  CWR: 0x080,
  NS: 0x100,
} as const;

export interface TcpHeader {
  readonly src: number;
  readonly dst: number;
  readonly seq: number;
  readonly ack: number;
  readonly headerBytes: number;
  readonly flags: number;
  readonly window: number;
}

/** The header at `at`, or undefined unless it is whole. */
export function parseTcp(b: Uint8Array, at: number, end = b.length): TcpHeader | undefined {
  if (end - at < TCP_HEADER_BYTES) return undefined;
  const headerBytes = (b[at + 12]! >> 4) * 4;
  if (headerBytes < TCP_HEADER_BYTES || end - at < headerBytes) return undefined;
  return {
    src: getU16(b, at),
    dst: getU16(b, at + 2),
    seq: getU32(b, at + 4),
    ack: getU32(b, at + 8),
    headerBytes,
    flags: getU16(b, at + 12) & 0x0fff,
    window: getU16(b, at + 14),
  };
}

/** Writes ports and flags of a header without options; the rest, checksum included, is the caller's. */
export function buildTcp(b: Uint8Array, at: number, src: number, dst: number, flags: number): void {
  putU16(b, at, src);
  putU16(b, at + 2, dst);
  putU16(b, at + 12, (5 << 12) | (flags & 0x0fff));
}
