/**
 * Ethernet II, 802.2 with SNAP, and VLAN tags.
 *
 * C counterpart: struct eth_header and vlan_eth_header of lib/packets.h.
 */
import { getU16, getU32, putMac, putU16, putU32 } from './wire.ts';

export const ETH_HEADER_BYTES = 14;
export const VLAN_TAG_BYTES = 4;
/** Below this a frame's type field is a length. */
export const ETH_TYPE_MIN = 0x600;

export const ETH_TYPE = {
  IP: 0x0800,
  ARP: 0x0806,
  TEB: 0x6558,
  VLAN_8021Q: 0x8100,
  RARP: 0x8035,
  IPV6: 0x86dd,
  LACP: 0x8809,
  MPLS: 0x8847,
  MPLS_MCAST: 0x8848,
  VLAN_8021AD: 0x88a8,
  LLDP: 0x88cc,
  NSH: 0x894f,
  CFM: 0x8902,
  ERSPAN1: 0x88be,
  ERSPAN2: 0x22eb,
} as const;

export const isVlanEthertype = (type: number): boolean =>
  type === ETH_TYPE.VLAN_8021Q || type === ETH_TYPE.VLAN_8021AD;

export interface EthernetHeader {
  readonly dst: number;
  readonly src: number;
  readonly type: number;
}

export function buildEthernet(b: Uint8Array, at: number, header: EthernetHeader): void {
  putMac(b, at, header.dst);
  putMac(b, at + 6, header.src);
  putU16(b, at + 12, header.type);
}

const SNAP_HEADER_BYTES = 8;

/**
 * The Ethertype whose field starts at `at`, looking through an 802.2 SNAP header.
 * @returns the type, or undefined for 802.2 without SNAP; how many bytes to skip is {@link ethertypeBytes}
 */
export function parseEthertype(b: Uint8Array, at: number, end: number): number | undefined {
  const type = getU16(b, at);
  if (type >= ETH_TYPE_MIN) return type;
  if (end - at - 2 < SNAP_HEADER_BYTES) return undefined;
  if (getU32(b, at + 2) !== 0xaaaa0300 || getU16(b, at + 6) !== 0) return undefined;
  const snapType = getU16(b, at + 8);
  return snapType >= ETH_TYPE_MIN ? snapType : undefined;
}

/** Bytes that {@link parseEthertype} looked through at `at`. */
export function ethertypeBytes(b: Uint8Array, at: number, end: number): number {
  if (getU16(b, at) >= ETH_TYPE_MIN || end - at - 2 < SNAP_HEADER_BYTES) return 2;
  return getU32(b, at + 2) === 0xaaaa0300 && getU16(b, at + 6) === 0 ? 2 + SNAP_HEADER_BYTES : 2;
}

/** A frame with a VLAN tag put in after the addresses. */
export function pushVlanTag(frame: Uint8Array, tpid: number, tci: number): Uint8Array {
  const out = new Uint8Array(frame.length + VLAN_TAG_BYTES);
  out.set(frame.subarray(0, 12));
  putU32(out, 12, ((tpid << 16) | tci) >>> 0);
  out.set(frame.subarray(12), 16);
  return out;
}

/** A frame without its outermost VLAN tag; the same frame if it has none. */
export function popVlanTag(frame: Uint8Array): Uint8Array {
  if (frame.length < ETH_HEADER_BYTES + VLAN_TAG_BYTES || !isVlanEthertype(getU16(frame, 12))) return frame;
  const out = new Uint8Array(frame.length - VLAN_TAG_BYTES);
  out.set(frame.subarray(0, 12));
  out.set(frame.subarray(16), 12);
  return out;
}

/** Multicast, broadcast included. */
export const isMulticastMac = (mac: number): boolean => (Math.floor(mac / 2 ** 40) & 1) !== 0;

/** 01:80:c2:00:00:0x, which bridges never forward. */
export const isReservedMac = (mac: number): boolean => mac >= 0x0180c2000000 && mac <= 0x0180c200000f;
