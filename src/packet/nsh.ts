/** Network Service Header (RFC 8300). C counterpart: include/openvswitch/nsh.h. */
import { getU16, getU32, putU16, putU32 } from './wire.ts';

export const NSH_BASE_BYTES = 8;
export const NSH_MD1_BYTES = 24;
export const NSH_NEXT = { IPV4: 1, IPV6: 2, ETHERNET: 3, NSH: 4, MPLS: 5 } as const;

export interface NshHeader {
  readonly flags: number;
  readonly ttl: number;
  readonly mdType: number;
  readonly next: number;
  readonly spi: number;
  readonly si: number;
  /** The four words of metadata type 1. */
  readonly context: ArrayLike<number>;
}

/** Length that a header declares for itself. */
export const nshBytes = (b: Uint8Array, at: number): number => (getU16(b, at) & 0x3f) * 4;

/** The header at `at`, or undefined unless it is whole, of version 0, and of the length that its type asks for. */
export function parseNsh(b: Uint8Array, at: number, end = b.length): NshHeader | undefined {
  if (end - at < NSH_BASE_BYTES) return undefined;
  const first = getU16(b, at);
  const bytes = (first & 0x3f) * 4;
  const mdType = b[at + 2]!;
  if (bytes > end - at || first >>> 14 !== 0) return undefined;
  if (mdType === 1 ? bytes !== NSH_MD1_BYTES : mdType === 2 && bytes < NSH_BASE_BYTES) return undefined;
  const path = getU32(b, at + 4);
  const context = mdType === 1 ? [8, 12, 16, 20].map((o) => getU32(b, at + o)) : [0, 0, 0, 0];
  return {
    flags: (first >>> 12) & 3,
    ttl: (first >>> 6) & 0x3f,
    mdType,
    next: b[at + 3]!,
    spi: path >>> 8,
    si: path & 0xff,
    context,
  };
}

/** Writes a header. @returns its length */
export function buildNsh(b: Uint8Array, at: number, h: NshHeader): number {
  const bytes = h.mdType === 1 ? NSH_MD1_BYTES : NSH_BASE_BYTES;
  putU16(b, at, ((h.flags & 3) << 12) | ((h.ttl & 0x3f) << 6) | (bytes / 4));
  b[at + 2] = h.mdType;
  b[at + 3] = h.next;
  putU32(b, at + 4, ((h.spi << 8) | h.si) >>> 0);
  if (h.mdType === 1) for (let i = 0; i < 4; i++) putU32(b, at + 8 + 4 * i, h.context[i]!);
  return bytes;
}
