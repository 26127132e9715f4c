/** ARP and RARP over Ethernet and IPv4. C counterpart: struct arp_eth_header of lib/packets.h. */
import { getMac, getU16, getU32, putMac, putU16, putU32 } from './wire.ts';

export const ARP_BYTES = 28;
export const ARP_OP = { REQUEST: 1, REPLY: 2, RARP_REQUEST: 3 } as const;

export interface Arp {
  readonly op: number;
  readonly sha: number;
  readonly spa: number;
  readonly tha: number;
  readonly tpa: number;
}

/** The packet at `at`, or undefined unless it is whole and about Ethernet and IPv4. */
export function parseArp(b: Uint8Array, at: number, end = b.length): Arp | undefined {
  if (end - at < ARP_BYTES || getU32(b, at) !== 0x00010800 || getU16(b, at + 4) !== 0x0604) return undefined;
  return {
    op: getU16(b, at + 6),
    sha: getMac(b, at + 8),
    spa: getU32(b, at + 14),
    tha: getMac(b, at + 18),
    tpa: getU32(b, at + 24),
  };
}

export function buildArp(b: Uint8Array, at: number, arp: Arp): void {
  putU32(b, at, 0x00010800);
  putU16(b, at + 4, 0x0604);
  putU16(b, at + 6, arp.op);
  putMac(b, at + 8, arp.sha);
  putU32(b, at + 14, arp.spa);
  putMac(b, at + 18, arp.tha);
  putU32(b, at + 24, arp.tpa);
}
