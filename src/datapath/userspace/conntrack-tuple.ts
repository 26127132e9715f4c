/**
 * What connection tracking reads of a packet: the tuple that names its connection, and whether it is sound.
 *
 * C counterpart: conn_key_extract of lib/conntrack.c.
 */
import { coverage } from '../../base/coverage.ts';
import type { PacketArena, PacketBatch } from '../netdev-provider.ts';
import { isInvalidTcp, TCP_ACK, TCP_SYN, TcpSegment } from './conntrack-tcp.ts';
import { finish, mix } from './hash.ts';
import { K, KEY_PLAIN, KEY_STRIDE, swap16 } from './key.ts';
import { findL4, foldInvert, networkOffset, sum16 } from './modify.ts';
import { parseAny, parsePlain } from './parse.ts';

/** Words of a tuple. Addresses and ports stand as they do in a packet; for ICMP a port is identifier | type << 16. */
export const T = { ZONE: 0, PROTO: 1, SRC: 2, DST: 6, SRC_PORT: 10, DST_PORT: 11 } as const;
export const TUPLE_WORDS = 12;
/** In word {@link T.PROTO}, beside the protocol. */
export const IPV6 = 0x100;

const RAW_IPV4 = 0x0008;
const RAW_IPV6 = 0xdd86;
export const IP_PROTO_TCP = 6;
export const IP_PROTO_UDP = 17;
export const IP_PROTO_SCTP = 132;
export const IP_PROTO_ICMP = 1;
export const IP_PROTO_ICMPV6 = 58;

/** Requests and their replies, by protocol. A connection begins with a request. */
const ICMP_REQUESTS: ReadonlyMap<number, number> = new Map([
  [8, 0],
  [13, 14],
  [15, 16],
]);
const ICMPV6_REQUESTS: ReadonlyMap<number, number> = new Map([[128, 129]]);
/** Errors, which belong to the connection of the packet that they quote. */
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12]);
const ICMPV6_ERRORS: ReadonlySet<number> = new Set([1, 2, 3, 4]);

const badSum = coverage('conntrack_l4csum_err');

/** Reads one packet after the other; what it found stands until the next. */
export class TupleReader {
  readonly tuple = new Int32Array(TUPLE_WORDS);
  tcpFlags = 0;
  /** Of an ICMP error: where the IP header that it quotes is; the tuple is then that of an answer to the quoted packet. */
  quoteAt = 0;
  /** Of a TCP packet. */
  readonly segment = new TcpSegment();
  readonly #arena: PacketArena;
  readonly #key = new Int32Array(KEY_STRIDE);
  #l4 = -1;

  constructor(arena: PacketArena) {
    this.#arena = arena;
  }

  /** Reads the packet's tuple, TCP flags and place of the L4 header; false if it cannot be tracked. */
  read(batch: PacketBatch, i: number, zone: number): boolean {
    const arena = this.#arena;
    const { u16, u8, i32 } = arena;
    const p = batch.offset[i]!;
    const length = batch.length[i]!;
    const key = this.#key.fill(0);
    if (parsePlain(u16, i32, p, length, key, 0) === 0) parseAny(arena, p, length, key, 0, KEY_PLAIN, 2);
    const type = key[K.TYPE_TCI]! & 0xffff;
    const isIpv6 = type === RAW_IPV6;
    if ((type !== RAW_IPV4 && !isIpv6) || key[K.NW]! >>> 24 !== 0) return false;
    const end = p + length;
    this.#l4 = findL4(arena, p, end);
    if (this.#l4 < 0 || (batch.offload[i] === 0 && !this.#sumsAreRight(p, end, isIpv6))) return false;
    const tuple = this.tuple.fill(0);
    const proto = key[K.NW]! & 0xff;
    this.tcpFlags = swap16(key[K.FLAGS_TPID]! & 0xffff);
    this.quoteAt = 0;
    if (proto === IP_PROTO_ICMP || proto === IP_PROTO_ICMPV6) {
      const kind = u8[this.#l4]!;
      const errors = proto === IP_PROTO_ICMP ? ICMP_ERRORS : ICMPV6_ERRORS;
      if (errors.has(kind)) {
        if (!this.#extractQuoted(this.#l4 + 8, end, isIpv6)) return false;
        // It has to go to whom the quoted packet came from, which is where an answer would go.
        for (let k = 0; k < (isIpv6 ? 4 : 1); k++)
          if (tuple[T.DST + k] !== key[(isIpv6 ? K.IPV6_DST : K.NW_DST) + k]) return false;
        this.quoteAt = this.#l4 + 8;
        tuple[T.ZONE] = zone;
        return true;
      }
      const ports = icmpPorts(proto, kind, u16[(this.#l4 + 4) >> 1]!);
      if (!ports) return false;
      tuple[T.SRC_PORT] = ports[0];
      tuple[T.DST_PORT] = ports[1];
    } else if (proto === IP_PROTO_TCP || proto === IP_PROTO_UDP || proto === IP_PROTO_SCTP) {
      if (this.#l4 + (proto === IP_PROTO_TCP ? 20 : proto === IP_PROTO_UDP ? 8 : 12) > end) return false;
      if (proto === IP_PROTO_TCP)
        this.segment.read(
          arena,
          this.#l4,
          Math.min(end, ipEnd(u16, networkOffset(u16, p), isIpv6)),
          this.tcpFlags,
        );
      tuple[T.SRC_PORT] = key[K.TP]! & 0xffff;
      tuple[T.DST_PORT] = key[K.TP]! >>> 16;
    }
    tuple[T.ZONE] = zone;
    tuple[T.PROTO] = proto | (isIpv6 ? IPV6 : 0);
    for (let k = 0; k < (isIpv6 ? 4 : 1); k++) {
      tuple[T.SRC + k] = key[(isIpv6 ? K.IPV6_SRC : K.NW_SRC) + k]!;
      tuple[T.DST + k] = key[(isIpv6 ? K.IPV6_DST : K.NW_DST) + k]!;
    }
    return true;
  }

  /** The tuple of the packet that an ICMP error quotes, turned round: as its answer would have it. */
  #extractQuoted(ip: number, end: number, isIpv6: boolean): boolean {
    const { u8, u16, i32 } = this.#arena;
    const tuple = this.tuple;
    if (ip + (isIpv6 ? 40 : 20) > end || (ip & 3) !== 0) return false;
    const proto = isIpv6 ? u8[ip + 6]! : u8[ip + 9]!;
    const l4 = isIpv6 ? ip + 40 : ip + (u8[ip]! & 15) * 4;
    if (l4 + 8 > end) return false;
    const first = (isIpv6 ? ip + 8 : ip + 12) >> 2;
    const words = isIpv6 ? 4 : 1;
    for (let k = 0; k < words; k++) {
      tuple[T.SRC + k] = i32[first + k]!;
      tuple[T.DST + k] = i32[first + words + k]!;
    }
    if (proto === IP_PROTO_ICMP || proto === IP_PROTO_ICMPV6) {
      const ports = icmpPorts(proto, u8[l4]!, u16[(l4 + 4) >> 1]!);
      if (!ports) return false;
      tuple[T.SRC_PORT] = ports[0];
      tuple[T.DST_PORT] = ports[1];
    } else {
      tuple[T.SRC_PORT] = u16[l4 >> 1]!;
      tuple[T.DST_PORT] = u16[(l4 + 2) >> 1]!;
    }
    tuple[T.PROTO] = proto | (isIpv6 ? IPV6 : 0);
    reverse(tuple);
    return true;
  }

  #sumsAreRight(p: number, end: number, isIpv6: boolean): boolean {
    const { u16, u8 } = this.#arena;
    const ip = networkOffset(u16, p);
    const l4 = this.#l4;
    const proto = this.#key[K.NW]! & 0xff;
    if (!isIpv6 && foldInvert(sum16(u16, u8, ip, ip + (u8[ip]! & 15) * 4, 0)) !== 0) return false;
    if (
      proto !== IP_PROTO_TCP &&
      proto !== IP_PROTO_UDP &&
      proto !== IP_PROTO_ICMP &&
      proto !== IP_PROTO_ICMPV6
    )
      return true;
    if (proto === IP_PROTO_UDP && u16[(l4 + 6) >> 1] === 0) return !isIpv6;
    const l4End = Math.min(end, ipEnd(u16, ip, isIpv6));
    let sum = 0;
    if (proto !== IP_PROTO_ICMP) {
      const bytes = l4End - l4;
      sum = swap16(proto) + swap16(bytes & 0xffff);
      sum = sum16(u16, u8, isIpv6 ? ip + 8 : ip + 12, isIpv6 ? ip + 40 : ip + 20, sum);
    }
    if (foldInvert(sum16(u16, u8, l4, l4End, sum)) === 0) return true;
    badSum.inc();
    return false;
  }

  /** Whether the packet may be the first of a connection. */
  mayBegin(): boolean {
    const proto = this.tuple[T.PROTO]! & 0xff;
    if (proto === IP_PROTO_TCP)
      return !isInvalidTcp(this.tcpFlags) && (this.tcpFlags & (TCP_SYN | TCP_ACK)) !== (TCP_SYN | TCP_ACK);
    if (proto === IP_PROTO_ICMP) return ICMP_REQUESTS.has(this.tuple[T.SRC_PORT]! >>> 16);
    if (proto === IP_PROTO_ICMPV6) return ICMPV6_REQUESTS.has(this.tuple[T.SRC_PORT]! >>> 16);
    return true;
  }
}

export const isIcmp = (proto: number): boolean => proto === IP_PROTO_ICMP || proto === IP_PROTO_ICMPV6;

export const hasPorts = (proto: number): boolean =>
  proto === IP_PROTO_TCP || proto === IP_PROTO_UDP || proto === IP_PROTO_SCTP;

/** Where an IP packet ends; a frame may be longer. */
export const ipEnd = (u16: Uint16Array, ip: number, isIpv6: boolean): number =>
  isIpv6 ? ip + 40 + swap16(u16[(ip + 4) >> 1]!) : ip + swap16(u16[(ip + 2) >> 1]!);

/** Exchanges the two ends. */
export function reverse(tuple: Int32Array): void {
  for (let k = 0; k < 4; k++) {
    const word = tuple[T.SRC + k]!;
    tuple[T.SRC + k] = tuple[T.DST + k]!;
    tuple[T.DST + k] = word;
  }
  const port = tuple[T.SRC_PORT]!;
  tuple[T.SRC_PORT] = tuple[T.DST_PORT]!;
  tuple[T.DST_PORT] = port;
}

export function hashOf(tuple: Int32Array, from: number, to: number): number {
  let hash = 0;
  for (let k = from; k < to; k++) hash = mix(hash, tuple[k]!);
  return finish(hash, TUPLE_WORDS * 4);
}

export function sameTuple(a: Int32Array, b: Int32Array): boolean {
  for (let k = 0; k < TUPLE_WORDS; k++) if (a[k] !== b[k]) return false;
  return true;
}

/** What stands for the ports of an ICMP packet: identifier and type, such that its answer has them exchanged. */
function icmpPorts(
  proto: number,
  kind: number,
  identifier: number,
): [source: number, destination: number] | undefined {
  const requests = proto === IP_PROTO_ICMP ? ICMP_REQUESTS : ICMPV6_REQUESTS;
  const reply = requests.get(kind) ?? [...requests].find(([, answer]) => answer === kind)?.[0];
  return reply === undefined ? undefined : [identifier | (kind << 16), identifier | (reply << 16)];
}
