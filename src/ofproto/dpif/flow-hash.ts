/**
 * Hashes over packet fields that choose among links: multipath, bundle, select groups, bonds.
 *
 * Where the C implementation's choice follows from the packet alone, ours must be the same (switches on both
 * ends of a link set, and operators who compare, rely on it). So these are its hashes: lookup3 over the bytes
 * of the fields as they lie in memory there, and MurmurHash3's mixing for words.
 * C counterparts: lib/hash.h, flow_hash_*() in lib/flow.c.
 */
import { jhashBytes } from '../../base/jhash.ts';
import {
  F,
  FLOW_NW_FRAG_ANY,
  FLOW_NW_FRAG_LATER,
  type Flow,
  VLAN_CFI,
  VLAN_VID_MASK,
} from '../../flow/layout.ts';

const rot = (x: number, k: number): number => (x << k) | (x >>> (32 - k));

/** Mixes a word into a hash; finish with {@link hashFinish}. */
export function hashAdd(hash: number, word: number): number {
  let h = hash;
  if (word !== 0) h ^= Math.imul(rot(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rot(h, 13), 5) + 0xe6546b64) | 0;
}

export function hashFinish(hash: number, final: number): number {
  let h = hash ^ final;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

export const hash2Words = (x: number, y: number): number => hashFinish(hashAdd(hashAdd(x, 0), y), 8);
export const hashInt = hash2Words;

/** @param x a 64-bit value */
export function hashUint64(x: bigint): number {
  const h = hashAdd(0, Number(x & 0xffff_ffffn));
  return hashFinish(hashAdd(h, Number(x >> 32n)), 8);
}

/** @param bytes in the order in which they lie in a packet */
export function hashBytes(bytes: Uint8Array, basis: number): number {
  let hash = basis;
  for (let at = 0; at < bytes.length; at += 4) {
    const word =
      bytes[at]! | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 3] ?? 0) << 24);
    hash = hashAdd(hash, word);
  }
  return hashFinish(hash, bytes.length);
}

export function hashBoolean(x: boolean, basis: number): number {
  return ((x ? 0xc2b73583 : 0xe90f1258) ^ rot(basis, 1)) >>> 0;
}

const ETH_TYPE_IP = 0x0800;
const ETH_TYPE_IPV6 = 0x86dd;
const IPPROTO_ICMP = 1;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_SCTP = 132;

/** NX_HASH_FIELDS_*: which fields a multipath or bundle action hashes. */
export const HASH_FIELDS = {
  ETH_SRC: 0,
  SYMMETRIC_L4: 1,
  SYMMETRIC_L3L4: 2,
  SYMMETRIC_L3L4_UDP: 3,
  NW_SRC: 4,
  NW_DST: 5,
  SYMMETRIC_L3: 6,
} as const;

const swap16 = (x: number): number => ((x & 0xff) << 8) | ((x >>> 8) & 0xff);
const swap32 = (x: number): number =>
  ((x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24)) >>> 0;

/** Writes `value` big-endian into `n` bytes at `at`. */
function put(bytes: Uint8Array, at: number, n: number, value: number): void {
  for (let i = 0; i < n; i++) bytes[at + i] = value >>> (8 * (n - 1 - i));
}

function putAddress(
  bytes: Uint8Array,
  at: number,
  flow: Flow,
  src: number,
  dst: number,
  words: number,
): void {
  for (let i = 0; i < words; i++) put(bytes, at + 4 * i, 4, flow[src + i]! ^ flow[dst + i]!);
}

const vlanXor = (flow: Flow): number => (flow[F.VLAN_TCI0]! ^ flow[F.VLAN_TCI1]!) & VLAN_VID_MASK;

/** Same value for both directions of a connection; UDP ports do not count. */
export function hashSymmetricL4(flow: Flow, basis: number): number {
  // ip address (16), eth_type, vlan, port (2 each), MAC (6), ip_proto (1), padding to 32
  const b = new Uint8Array(32);
  const ethType = flow[F.DL_TYPE]!;
  put(b, 16, 2, ethType);
  put(b, 18, 2, vlanXor(flow));
  put(b, 22, 2, flow[F.DL_SRC]! ^ flow[F.DL_DST]!);
  put(b, 24, 4, flow[F.DL_SRC + 1]! ^ flow[F.DL_DST + 1]!);
  if (ethType === ETH_TYPE_IP) putAddress(b, 0, flow, F.NW_SRC, F.NW_DST, 1);
  else if (ethType === ETH_TYPE_IPV6) putAddress(b, 0, flow, F.IPV6_SRC, F.IPV6_DST, 4);
  if (ethType === ETH_TYPE_IP || ethType === ETH_TYPE_IPV6) {
    const proto = flow[F.NW_PROTO]!;
    b[28] = proto;
    if (proto === IPPROTO_TCP || proto === IPPROTO_SCTP) put(b, 20, 2, flow[F.TP_SRC]! ^ flow[F.TP_DST]!);
  }
  return jhashBytes(b, basis);
}

function hashSymmetricL2(flow: Flow, basis: number): number {
  if (flow[F.PACKET_TYPE] !== 0) return 0;
  const hi = (flow[F.DL_SRC]! ^ flow[F.DL_DST]!) & 0xffff;
  const lo = (flow[F.DL_SRC + 1]! ^ flow[F.DL_DST + 1]!) >>> 0;
  let hash = hashAdd(basis, swap16(flow[F.DL_TYPE]!) | (swap16(vlanXor(flow)) << 16));
  hash = hashAdd(hash, swap16(hi) | (swap16(lo >>> 16) << 16));
  hash = hashAdd(hash, swap16(lo & 0xffff));
  return hashFinish(hash, basis);
}

export function hashSymmetricL3L4(flow: Flow, basis: number, withUdpPorts: boolean): number {
  const ethType = flow[F.DL_TYPE]!;
  let hash = basis;
  if (ethType === ETH_TYPE_IP) hash = hashAdd(hash, swap32(flow[F.NW_SRC]! ^ flow[F.NW_DST]!));
  else if (ethType === ETH_TYPE_IPV6)
    for (let i = 0; i < 4; i++) hash = hashAdd(hash, swap32(flow[F.IPV6_SRC + i]! ^ flow[F.IPV6_DST + i]!));
  else return hashSymmetricL2(flow, basis);
  const proto = flow[F.NW_PROTO]!;
  hash = hashAdd(hash, proto);
  const hasPorts = proto === IPPROTO_TCP || proto === IPPROTO_SCTP || (withUdpPorts && proto === IPPROTO_UDP);
  if (hasPorts && (flow[F.NW_FRAG]! & (FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER)) === 0)
    hash = hashAdd(hash, swap16(flow[F.TP_SRC]! ^ flow[F.TP_DST]!));
  return hashFinish(hash, basis);
}

function hashSymmetricL3(flow: Flow, basis: number): number {
  const b = new Uint8Array(20);
  const ethType = flow[F.DL_TYPE]!;
  put(b, 16, 2, ethType);
  if (ethType === ETH_TYPE_IP) putAddress(b, 0, flow, F.NW_SRC, F.NW_DST, 1);
  else if (ethType === ETH_TYPE_IPV6) putAddress(b, 0, flow, F.IPV6_SRC, F.IPV6_DST, 4);
  return jhashBytes(b, basis);
}

function hashAddress(flow: Flow, v4: number, v6: number, basis: number): number {
  const ethType = flow[F.DL_TYPE]!;
  const [word, n] = ethType === ETH_TYPE_IP ? [v4, 1] : ethType === ETH_TYPE_IPV6 ? [v6, 4] : [0, 0];
  if (n === 0) return basis;
  const b = new Uint8Array(4 * n);
  for (let i = 0; i < n; i++) put(b, 4 * i, 4, flow[word + i]!);
  return jhashBytes(b, basis);
}

/** Hash of the fields that `fields` (NX_HASH_FIELDS_*) names. */
export function hashFields(flow: Flow, fields: number, basis: number): number {
  switch (fields) {
    case HASH_FIELDS.ETH_SRC: {
      const b = new Uint8Array(6);
      put(b, 0, 2, flow[F.DL_SRC]!);
      put(b, 2, 4, flow[F.DL_SRC + 1]!);
      return jhashBytes(b, basis);
    }
    case HASH_FIELDS.SYMMETRIC_L4:
      return hashSymmetricL4(flow, basis);
    case HASH_FIELDS.SYMMETRIC_L3L4:
      return hashSymmetricL3L4(flow, basis, false);
    case HASH_FIELDS.SYMMETRIC_L3L4_UDP:
      return hashSymmetricL3L4(flow, basis, true);
    case HASH_FIELDS.NW_SRC:
      return hashAddress(flow, F.NW_SRC, F.IPV6_SRC, basis);
    case HASH_FIELDS.NW_DST:
      return hashAddress(flow, F.NW_DST, F.IPV6_DST, basis);
    default:
      return hashSymmetricL3(flow, basis);
  }
}

function maskAddresses(flow: Flow, wc: Flow, src: boolean, dst: boolean): boolean {
  const ethType = flow[F.DL_TYPE]!;
  if (ethType === ETH_TYPE_IP) {
    if (src) wc[F.NW_SRC] = 0xffff_ffff;
    if (dst) wc[F.NW_DST] = 0xffff_ffff;
  } else if (ethType === ETH_TYPE_IPV6) {
    if (src) wc.fill(0xffff_ffff, F.IPV6_SRC, F.IPV6_SRC + 4);
    if (dst) wc.fill(0xffff_ffff, F.IPV6_DST, F.IPV6_DST + 4);
  } else return false;
  return true;
}

function maskPorts(wc: Flow, bits: number): void {
  wc[F.TP_SRC] = wc[F.TP_SRC]! | bits;
  wc[F.TP_DST] = wc[F.TP_DST]! | bits;
}

/** Un-wildcards in `wc` what {@link hashFields} reads of `flow`. */
export function maskHashFields(flow: Flow, wc: Flow, fields: number): void {
  const proto = flow[F.NW_PROTO]!;
  const isFragment = (flow[F.NW_FRAG]! & (FLOW_NW_FRAG_ANY | FLOW_NW_FRAG_LATER)) !== 0;
  switch (fields) {
    case HASH_FIELDS.ETH_SRC:
      wc[F.DL_SRC] = 0xffff;
      wc[F.DL_SRC + 1] = 0xffff_ffff;
      break;
    case HASH_FIELDS.SYMMETRIC_L4:
      wc[F.DL_SRC] = 0xffff;
      wc[F.DL_SRC + 1] = 0xffff_ffff;
      wc[F.DL_DST] = 0xffff;
      wc[F.DL_DST + 1] = 0xffff_ffff;
      if (maskAddresses(flow, wc, true, true)) {
        wc[F.NW_PROTO] = 0xff;
        if (proto !== IPPROTO_UDP) maskPorts(wc, proto === IPPROTO_ICMP ? 0xff : 0xffff);
      }
      wc[F.VLAN_TCI0] = wc[F.VLAN_TCI0]! | VLAN_VID_MASK | VLAN_CFI;
      wc[F.VLAN_TCI1] = wc[F.VLAN_TCI1]! | VLAN_VID_MASK | VLAN_CFI;
      break;
    case HASH_FIELDS.SYMMETRIC_L3L4_UDP:
    case HASH_FIELDS.SYMMETRIC_L3L4:
      if (!maskAddresses(flow, wc, true, true)) break;
      wc[F.NW_PROTO] = 0xff;
      if (
        !isFragment &&
        (proto === IPPROTO_TCP ||
          proto === IPPROTO_SCTP ||
          (fields === HASH_FIELDS.SYMMETRIC_L3L4_UDP && proto === IPPROTO_UDP))
      )
        maskPorts(wc, 0xffff);
      break;
    case HASH_FIELDS.NW_SRC:
      maskAddresses(flow, wc, true, false);
      break;
    case HASH_FIELDS.NW_DST:
      maskAddresses(flow, wc, false, true);
      break;
    default:
      maskAddresses(flow, wc, true, true);
  }
}
