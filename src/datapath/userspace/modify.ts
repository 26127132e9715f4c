/**
 * Changes to packets where they lie in the arena.
 *
 * The network header is always 4-aligned there, so addresses are read and written as words, in the packet's own byte
 * order: the Internet checksum does not mind, as long as all its terms are read alike (RFC 1071). Operands come from
 * a {@link Program}'s code: at `a`, value and mask in turn.
 *
 * A frame whose checksum was left to us (`partial`) holds the sum of its pseudo-header there, uninverted; changes of
 * ports do not touch it. C counterpart: the packet_* functions of lib/packets.c.
 */
import { crc32c } from '../../packet/checksum.ts';
import type { PacketArena, PacketBatch } from '../netdev-provider.ts';
import { swap16, swap32 } from './key.ts';

const RAW_VLAN = 0x0081;
const RAW_SVLAN = 0xa888;
const RAW_IPV4 = 0x0008;
const RAW_IPV6 = 0xdd86;
const RAW_ARP = 0x0608;
const RAW_MPLS = 0x4788;
const RAW_MPLS_MULTICAST = 0x4888;
const NEEDS_CSUM = 1;

/** An inverted checksum after a word of what it covers went from `before` to `after`. */
export function replace32(sum: number, before: number, after: number): number {
  let s = (~sum & 0xffff) + (~before & 0xffff) + (~before >>> 16) + (after & 0xffff) + (after >>> 16);
  s = (s & 0xffff) + (s >>> 16);
  s = (s & 0xffff) + (s >>> 16);
  return ~s & 0xffff;
}

/** Byte offset of what follows the Ethernet header and its VLAN tags; its ethertype stands just before. */
export function networkOffset(u16: Uint16Array, p: number): number {
  let at = (p + 12) >> 1;
  while (u16[at] === RAW_VLAN || u16[at] === RAW_SVLAN) at += 2;
  return (at + 1) << 1;
}

export function setEth(arena: PacketArena, p: number, code: Int32Array, a: number): void {
  const { i32, u16 } = arena;
  const h = p >> 1;
  if ((p & 3) === 2) {
    const w = (p + 2) >> 2;
    i32[w] = (i32[w]! & ~code[a + 1]!) | code[a]!;
    i32[w + 1] = (i32[w + 1]! & ~code[a + 3]!) | code[a + 2]!;
  } else {
    for (const [at, k] of [
      [h + 1, a],
      [h + 3, a + 2],
    ] as const) {
      u16[at] = (u16[at]! & ~code[k + 1]!) | code[k]!;
      u16[at + 1] = (u16[at + 1]! & ~(code[k + 1]! >>> 16)) | (code[k]! >>> 16);
    }
  }
  const mask = code[a + 5]!;
  const value = code[a + 4]!;
  u16[h] = (u16[h]! & ~mask) | value;
  u16[h + 5] = (u16[h + 5]! & ~(mask >>> 16)) | (value >>> 16);
}

/** Where the L4 checksum of a protocol stands, in bytes after its header's start; -1 for none to keep right. */
const checksumOffset = (proto: number, isIpv6: boolean): number =>
  proto === 6 ? 16 : proto === 17 ? 6 : proto === 58 && isIpv6 ? 2 : -1;

/** Adapts an L4 checksum to a changed word of the pseudo-header. */
function fixPseudo(
  u16: Uint16Array,
  at: number,
  udp: boolean,
  partial: boolean,
  before: number,
  after: number,
): void {
  const old = u16[at]!;
  if (partial) {
    u16[at] = ~replace32(~old & 0xffff, before, after) & 0xffff;
  } else if (!udp || old !== 0) {
    const sum = replace32(old, before, after);
    u16[at] = udp && sum === 0 ? 0xffff : sum;
  }
}

export function setIpv4(
  arena: PacketArena,
  batch: PacketBatch,
  i: number,
  code: Int32Array,
  a: number,
): void {
  const { i32, u16, u8 } = arena;
  const p = batch.offset[i]!;
  const ip = networkOffset(u16, p);
  const end = p + batch.length[i]!;
  if (u16[(ip - 2) >> 1] !== RAW_IPV4 || ip + 20 > end) return;
  const w = ip >> 2;
  const l4 = ip + ((u8[ip]! & 15) << 2);
  const later = (u16[(ip + 6) >> 1]! & 0xff1f) !== 0;
  const proto = u8[ip + 9]!;
  const sumAt = later ? -1 : checksumOffset(proto, false);
  const partial = (batch.offload[i]! & NEEDS_CSUM) !== 0;
  let headerSum = u16[(ip + 10) >> 1]!;
  for (let k = 0; k < 2; k++) {
    const mask = code[a + 2 * k + 1]!;
    if (mask === 0) continue;
    const before = i32[w + 3 + k]!;
    const after = (before & ~mask) | code[a + 2 * k]!;
    if (after === before) continue;
    i32[w + 3 + k] = after;
    headerSum = replace32(headerSum, before, after);
    if (sumAt >= 0 && l4 + sumAt + 2 <= end)
      fixPseudo(u16, (l4 + sumAt) >> 1, proto === 17, partial, before, after);
  }
  const mask = code[a + 5]!;
  if (mask !== 0) {
    const value = code[a + 4]!;
    // ToS is byte 1 of word 0, TTL byte 0 of word 2.
    const tosMask = mask & 0xff00;
    const w0 = i32[w]!;
    const newW0 = (w0 & ~tosMask) | (value & tosMask);
    const ttlMask = (mask >>> 16) & 0xff;
    const w2 = i32[w + 2]!;
    const newW2 = (w2 & ~ttlMask) | ((value >>> 16) & ttlMask);
    headerSum = replace32(headerSum, w0 & 0xff00, newW0 & 0xff00);
    headerSum = replace32(headerSum, w2 & 0xff, newW2 & 0xff);
    i32[w] = newW0;
    i32[w + 2] = newW2;
  }
  u16[(ip + 10) >> 1] = headerSum;
}

/**
 * Where the L4 header of an IPv6 packet starts, behind its extension headers; -1 when there is none (a later
 * fragment, or headers that run past the end). `ipv6Protocol` is then what it is.
 */
function ipv6L4(u8: Uint8Array, ip: number, end: number): number {
  let proto = u8[ip + 6]!;
  let at = ip + 40;
  for (let n = 0; n < 16; n++) {
    if (proto !== 0 && proto !== 43 && proto !== 44 && proto !== 51 && proto !== 60) {
      ipv6Protocol = proto;
      return at;
    }
    if (at + 8 > end) return -1;
    if (proto === 44 && (((u8[at + 2]! << 8) | u8[at + 3]!) & 0xfff8) !== 0) return -1;
    const size = proto === 44 ? 8 : proto === 51 ? (u8[at + 1]! + 2) * 4 : (u8[at + 1]! + 1) * 8;
    proto = u8[at]!;
    at += size;
  }
  return -1;
}
let ipv6Protocol = 0;

export function setIpv6(
  arena: PacketArena,
  batch: PacketBatch,
  i: number,
  code: Int32Array,
  a: number,
): void {
  const { i32, u16, u8 } = arena;
  const p = batch.offset[i]!;
  const ip = networkOffset(u16, p);
  const end = p + batch.length[i]!;
  if (u16[(ip - 2) >> 1] !== RAW_IPV6 || ip + 40 > end) return;
  const w = ip >> 2;
  const l4 = ipv6L4(u8, ip, end);
  const proto = ipv6Protocol;
  const sumAt = l4 < 0 ? -1 : checksumOffset(proto, true);
  const partial = (batch.offload[i]! & NEEDS_CSUM) !== 0;
  for (let k = 0; k < 8; k++) {
    const mask = code[a + 2 * k + 1]!;
    if (mask === 0) continue;
    const before = i32[w + 2 + k]!;
    const after = (before & ~mask) | code[a + 2 * k]!;
    if (after === before) continue;
    i32[w + 2 + k] = after;
    if (sumAt >= 0 && l4 + sumAt + 2 <= end)
      fixPseudo(u16, (l4 + sumAt) >> 1, proto === 17, partial, before, after);
  }
  const labelMask = code[a + 17]!;
  const mask = code[a + 19]!;
  if ((labelMask | mask) === 0) return;
  const value = code[a + 18]!;
  const wordMask = (labelMask & 0xfffff) | (((mask >>> 8) & 0xff) << 20);
  const word = (code[a + 16]! & 0xfffff) | (((value >>> 8) & 0xff) << 20);
  i32[w] = swap32((swap32(i32[w]!) & ~wordMask) | (word & wordMask));
  const hopMask = (mask >>> 16) & 0xff;
  u8[ip + 7] = (u8[ip + 7]! & ~hopMask) | ((value >>> 16) & hopMask);
}

/** Finds the L4 header of an IPv4 or IPv6 packet; -1 when there is none. Also sets `l4Protocol` and `l4End`. */
export function findL4(arena: PacketArena, p: number, end: number): number {
  const { u16, u8 } = arena;
  const ip = networkOffset(u16, p);
  const type = u16[(ip - 2) >> 1];
  if (type === RAW_IPV4 && ip + 20 <= end) {
    if ((u16[(ip + 6) >> 1]! & 0xff1f) !== 0) return -1;
    l4Protocol = u8[ip + 9]!;
    l4End = Math.min(end, ip + swap16(u16[(ip + 2) >> 1]!));
    return ip + ((u8[ip]! & 15) << 2);
  }
  if (type === RAW_IPV6 && ip + 40 <= end) {
    const l4 = ipv6L4(u8, ip, end);
    l4Protocol = ipv6Protocol;
    l4End = Math.min(end, ip + 40 + swap16(u16[(ip + 4) >> 1]!));
    return l4;
  }
  return -1;
}
let l4Protocol = 0;
let l4End = 0;

/** CRC32c of the SCTP packet at [at, end), whose checksum field counts as zero; as it lies in memory. */
function sctpSum(u8: Uint8Array, at: number, end: number): number {
  u8.fill(0, at + 8, at + 12);
  return crc32c(u8, at, end - at);
}

/** Sets the ports of TCP, UDP or SCTP. */
export function setPorts(
  arena: PacketArena,
  batch: PacketBatch,
  i: number,
  code: Int32Array,
  a: number,
): void {
  const { u16, u8, i32 } = arena;
  const p = batch.offset[i]!;
  const end = p + batch.length[i]!;
  const l4 = findL4(arena, p, end);
  const proto = l4Protocol;
  if (l4 < 0 || l4 + (proto === 6 ? 20 : proto === 17 ? 8 : 12) > end) return;
  const h = l4 >> 1;
  const before = u16[h]! | (u16[h + 1]! << 16);
  const after = (before & ~code[a + 1]!) | code[a]!;
  if (before === after) return;
  if (proto === 132) {
    // A sum that was wrong stays wrong by as much.
    const wrong = i32[(l4 + 8) >> 2]! ^ sctpSum(u8, l4, l4End);
    u16[h] = after;
    u16[h + 1] = after >>> 16;
    i32[(l4 + 8) >> 2] = wrong ^ sctpSum(u8, l4, l4End);
    return;
  }
  u16[h] = after;
  u16[h + 1] = after >>> 16;
  if ((batch.offload[i]! & NEEDS_CSUM) !== 0) return;
  const at = (l4 + (proto === 6 ? 16 : 6)) >> 1;
  if (proto === 17 && u16[at] === 0) return;
  const sum = replace32(u16[at]!, before, after);
  u16[at] = proto === 17 && sum === 0 ? 0xffff : sum;
}

/** Sets type and code of ICMP or ICMPv6. */
export function setIcmp(
  arena: PacketArena,
  batch: PacketBatch,
  i: number,
  code: Int32Array,
  a: number,
): void {
  const { u16 } = arena;
  const p = batch.offset[i]!;
  const end = p + batch.length[i]!;
  const l4 = findL4(arena, p, end);
  if (l4 < 0 || l4 + 8 > end) return;
  const mask = code[a + 1]! | (code[a + 3]! << 8);
  const before = u16[l4 >> 1]!;
  const after = (before & ~mask) | ((code[a]! | (code[a + 2]! << 8)) & mask);
  u16[l4 >> 1] = after;
  u16[(l4 + 2) >> 1] = replace32(u16[(l4 + 2) >> 1]!, before, after);
}

export const get32 = (u8: Uint8Array, at: number): number =>
  (u8[at]! << 24) | (u8[at + 1]! << 16) | (u8[at + 2]! << 8) | u8[at + 3]!;

export function put32(u8: Uint8Array, at: number, value: number): void {
  u8[at] = value >>> 24;
  u8[at + 1] = value >>> 16;
  u8[at + 2] = value >>> 8;
  u8[at + 3] = value;
}

/** Sets 6 bytes from two flow words: the upper 16 and the lower 32 bits. */
function setMac(u8: Uint8Array, at: number, code: Int32Array, a: number): void {
  const high = code[a]!;
  const highMask = code[a + 1]!;
  u8[at] = (u8[at]! & ~(highMask >>> 8)) | ((high & highMask) >>> 8);
  u8[at + 1] = (u8[at + 1]! & ~highMask) | (high & highMask);
  put32(u8, at + 2, (get32(u8, at + 2) & ~code[a + 3]!) | (code[a + 2]! & code[a + 3]!));
}

export function setArp(arena: PacketArena, batch: PacketBatch, i: number, code: Int32Array, a: number): void {
  const { u16, u8 } = arena;
  const p = batch.offset[i]!;
  const arp = networkOffset(u16, p);
  if (u16[(arp - 2) >> 1] !== RAW_ARP || arp + 28 > p + batch.length[i]!) return;
  put32(u8, arp + 14, (get32(u8, arp + 14) & ~code[a + 1]!) | (code[a]! & code[a + 1]!));
  put32(u8, arp + 24, (get32(u8, arp + 24) & ~code[a + 3]!) | (code[a + 2]! & code[a + 3]!));
  if (code[a + 5] !== 0) {
    u8[arp + 6] = code[a + 4]! >>> 8;
    u8[arp + 7] = code[a + 4]!;
  }
  setMac(u8, arp + 8, code, a + 6);
  setMac(u8, arp + 18, code, a + 10);
}

/** Sets fields of a neighbor solicitation or advertisement. */
export function setNd(arena: PacketArena, batch: PacketBatch, i: number, code: Int32Array, a: number): void {
  const { u16, u8 } = arena;
  const p = batch.offset[i]!;
  const ip = networkOffset(u16, p);
  const end = p + batch.length[i]!;
  const l4 = findL4(arena, p, end);
  if (u16[(ip - 2) >> 1] !== RAW_IPV6 || l4 < 0 || l4Protocol !== 58 || l4 + 24 > end) return;
  for (let k = 0; k < 4; k++) {
    const at = l4 + 8 + 4 * k;
    put32(u8, at, (get32(u8, at) & ~code[a + 2 * k + 1]!) | (code[a + 2 * k]! & code[a + 2 * k + 1]!));
  }
  put32(u8, l4 + 4, (get32(u8, l4 + 4) & ~code[a + 17]!) | (code[a + 16]! & code[a + 17]!));
  for (let at = l4 + 24; at + 8 <= end && u8[at + 1] !== 0; at += u8[at + 1]! * 8) {
    if (u8[at] === 1) setMac(u8, at + 2, code, a + 8);
    else if (u8[at] === 2) setMac(u8, at + 2, code, a + 12);
  }
  u16[(l4 + 2) >> 1] = 0;
  let sum = 58 + (l4End - l4);
  sum = swap16(sum & 0xffff);
  sum = sum16(u16, u8, ip + 8, ip + 40, sum);
  u16[(l4 + 2) >> 1] = foldInvert(sum16(u16, u8, l4, l4End, sum));
}

/** Adds the 16-bit words of [at, end), read as they lie in memory, to a partial sum. `at` is even. */
export function sum16(u16: Uint16Array, u8: Uint8Array, at: number, end: number, sum: number): number {
  const last = end >> 1;
  for (let h = at >> 1; h < last; h++) sum += u16[h]!;
  return (end & 1) !== 0 ? sum + u8[end - 1]! : sum;
}

export function foldInvert(sum: number): number {
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

export function pushVlan(u16: Uint16Array, batch: PacketBatch, i: number, tpid: number, tci: number): void {
  const p = batch.offset[i]! - 4;
  const h = p >> 1;
  for (let k = 0; k < 6; k++) u16[h + k] = u16[h + k + 2]!;
  u16[h + 6] = tpid;
  u16[h + 7] = tci;
  moveStart(batch, i, -4);
}

export function popVlan(u16: Uint16Array, batch: PacketBatch, i: number): void {
  const h = batch.offset[i]! >> 1;
  if ((u16[h + 6] !== RAW_VLAN && u16[h + 6] !== RAW_SVLAN) || batch.length[i]! < 18) return;
  for (let k = 5; k >= 0; k--) u16[h + k + 2] = u16[h + k]!;
  moveStart(batch, i, 4);
}

/** The frame starts `bytes` later (or earlier, if negative); what its checksum refers to stays where it is. */
export function moveStart(batch: PacketBatch, i: number, bytes: number): void {
  batch.offset[i] = batch.offset[i]! + bytes;
  batch.length[i] = batch.length[i]! - bytes;
  if (batch.offload[i] !== 0) batch.checksum[i] = batch.checksum[i]! - bytes;
}

const isMpls = (type: number): boolean => type === RAW_MPLS || type === RAW_MPLS_MULTICAST;

export function pushMpls(
  arena: PacketArena,
  batch: PacketBatch,
  i: number,
  lse: number,
  ethertype: number,
): void {
  const { u16, u8 } = arena;
  const l3 = networkOffset(u16, batch.offset[i]!);
  const h = (batch.offset[i]! - 4) >> 1;
  const headerEnd = (l3 - 4) >> 1;
  for (let k = h; k < headerEnd; k++) u16[k] = u16[k + 2]!;
  u16[headerEnd - 1] = ethertype;
  put32(u8, l3 - 4, lse);
  moveStart(batch, i, -4);
}

export function popMpls(arena: PacketArena, batch: PacketBatch, i: number, ethertype: number): void {
  const { u16 } = arena;
  const p = batch.offset[i]!;
  const l3 = networkOffset(u16, p);
  if (!isMpls(u16[(l3 - 2) >> 1]!) || l3 + 4 > p + batch.length[i]!) return;
  u16[(l3 - 2) >> 1] = ethertype;
  const h = p >> 1;
  for (let k = (l3 - 2) >> 1; k >= h; k--) u16[k + 2] = u16[k]!;
  moveStart(batch, i, 4);
}

export function setMpls(arena: PacketArena, batch: PacketBatch, i: number, lse: number, mask: number): void {
  const { u16, u8 } = arena;
  const p = batch.offset[i]!;
  const l3 = networkOffset(u16, p);
  if (!isMpls(u16[(l3 - 2) >> 1]!) || l3 + 4 > p + batch.length[i]!) return;
  put32(u8, l3, (get32(u8, l3) & ~mask) | (lse & mask));
}

/** Decrements the TTL of an IP packet; false when it has run out. */
export function decTtl(arena: PacketArena, batch: PacketBatch, i: number): boolean {
  const { u16, u8 } = arena;
  const p = batch.offset[i]!;
  const ip = networkOffset(u16, p);
  const end = p + batch.length[i]!;
  const type = u16[(ip - 2) >> 1];
  if (type === RAW_IPV4 && ip + 20 <= end) {
    if (u8[ip + 8]! <= 1) return false;
    const before = u16[(ip + 8) >> 1]!;
    u8[ip + 8]!--;
    u16[(ip + 10) >> 1] = replace32(u16[(ip + 10) >> 1]!, before, u16[(ip + 8) >> 1]!);
  } else if (type === RAW_IPV6 && ip + 40 <= end) {
    if (u8[ip + 7]! <= 1) return false;
    u8[ip + 7]!--;
  }
  return true;
}
