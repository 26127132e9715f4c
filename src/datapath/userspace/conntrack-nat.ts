/**
 * Address and port translation of tracked connections.
 *
 * What a connection is translated to is written down in the tuple that its answers have; packets of either direction
 * are made to look as the other direction's tuple says. C counterpart: nat_* of lib/conntrack.c.
 */
import type { OdpAction } from '../../odp/action.ts';
import type { PacketArena, PacketBatch } from '../netdev-provider.ts';
import { type Connection, CS } from './conntrack-connection.ts';
import {
  hashOf,
  hasPorts,
  IP_PROTO_ICMPV6,
  IP_PROTO_SCTP,
  IP_PROTO_TCP,
  IP_PROTO_UDP,
  IPV6,
  ipEnd,
  T,
  TUPLE_WORDS,
} from './conntrack-tuple.ts';
import { swap16 } from './key.ts';
import { findL4, foldInvert, networkOffset, replace32, setIpv4, setIpv6, setPorts, sum16 } from './modify.ts';
import type { PacketWork } from './work.ts';

type CtNat = NonNullable<Extract<OdpAction, { kind: 'ct' }>['nat']>;

const MIN_EPHEMERAL_PORT = 1024;
const MAX_EPHEMERAL_PORT = 65_535;
const MAX_PORT_ATTEMPTS = 128;

export class Translator {
  readonly #arena: PacketArena;
  readonly #random: () => number;
  readonly #isTaken: (tuple: Int32Array, nowMs: number) => boolean;
  readonly #operands = new Int32Array(20);

  /**
   * @param random 32 random bits
   * @param isTaken whether a connection has the tuple
   */
  constructor(
    arena: PacketArena,
    random: () => number,
    isTaken: (tuple: Int32Array, nowMs: number) => boolean,
  ) {
    this.#arena = arena;
    this.#random = random;
    this.#isTaken = isTaken;
  }

  /**
   * Gives the reply's tuple the translated address and port, such that no other connection has it.
   * @returns false when there is none left
   */
  choose(connection: Connection, nat: CtNat, nowMs: number): boolean {
    const { reply, original } = connection;
    const isSource = nat.type === 'src';
    const hash = nat.persistent ? hashOf(original, T.SRC, T.SRC + 4) : hashOf(original, 0, TUPLE_WORDS);
    const words = (original[T.PROTO]! & IPV6) !== 0 ? 4 : 1;
    // Where packets of the first direction come from is where the reply goes to.
    const address = isSource ? T.DST : T.SRC;
    if (nat.minAddr?.some((byte) => byte !== 0)) {
      const chosen = addressInRange(nat.minAddr, nat.maxAddr ?? nat.minAddr, hash);
      for (let k = 0; k < words; k++) reply[address + k] = chosen[k]!;
    }
    const proto = original[T.PROTO]! & 0xff;
    if (!hasPorts(proto)) return !this.#isTaken(reply, nowMs);
    const portsGiven = nat.minPort !== 0;
    const offset = nat.random ? this.#random() : hash;
    if (portsGiven) {
      const port = isSource ? T.DST_PORT : T.SRC_PORT;
      const max = Math.max(nat.maxPort, nat.minPort);
      if (
        this.#choosePort(
          reply,
          port,
          nat.minPort,
          max,
          nat.minPort + ((offset >>> 0) % (max - nat.minPort + 1)),
          nowMs,
        )
      )
        return true;
      if (isSource) return false;
    }
    // The port of the packet's source is kept if it can be, and otherwise changed within its class.
    const current = swap16(original[T.SRC_PORT]!);
    const [min, max] =
      current < 512 ? [1, 511] : current < 1024 ? [600, 1023] : [MIN_EPHEMERAL_PORT, MAX_EPHEMERAL_PORT];
    return this.#choosePort(reply, T.DST_PORT, min, max, current, nowMs);
  }

  #choosePort(
    reply: Int32Array,
    word: number,
    min: number,
    max: number,
    first: number,
    nowMs: number,
  ): boolean {
    const range = max - min + 1;
    let from = first;
    for (let attempts = Math.min(range, MAX_PORT_ATTEMPTS); ; attempts >>= 1) {
      for (let n = 0, port = from; n < attempts; n++, port = port >= max || port < min ? min : port + 1) {
        reply[word] = swap16(port);
        if (!this.#isTaken(reply, nowMs)) return true;
      }
      if (attempts >= range || attempts < 16) break;
      from = min + (this.#random() % range);
    }
    reply[word] = swap16(first);
    return false;
  }

  /**
   * Translates a packet of a connection.
   * @param quoteAt of an ICMP error: where the IP header that it quotes is, which is translated too; 0 for other packets
   * @returns the bits of ct_state that say so
   */
  apply(work: PacketWork, i: number, connection: Connection, isReply: boolean, quoteAt: number): number {
    // What the packet's answer will look like says what the packet must look like.
    const answer = isReply ? connection.original : connection.reply;
    const both = CS.SRC_NAT | CS.DST_NAT;
    const nat = isReply ? connection.nat ^ both : connection.nat;
    const source = (nat & CS.SRC_NAT) !== 0;
    const proto = answer[T.PROTO]! & 0xff;
    const arena = this.#arena;
    const { batch } = work;
    const operands = this.#operands.fill(0);
    const isIpv6 = (answer[T.PROTO]! & IPV6) !== 0;
    const words = isIpv6 ? 4 : 1;
    for (let k = 0; k < words; k++) {
      const at = 2 * (source ? k : words + k);
      operands[at] = answer[(source ? T.DST : T.SRC) + k]!;
      operands[at + 1] = -1;
    }
    if (isIpv6) setIpv6(arena, batch, i, operands, 0);
    else setIpv4(arena, batch, i, operands, 0);
    if (quoteAt !== 0) {
      this.#translateQuote(batch, i, quoteAt, answer, source);
    } else if (hasPorts(proto)) {
      operands[0] = answer[T.DST_PORT]! | (answer[T.SRC_PORT]! << 16);
      operands[1] = -1;
      setPorts(arena, batch, i, operands, 0);
    }
    return nat;
  }

  /** The packet that an ICMP error quotes went the other way: its other end is translated. */
  #translateQuote(
    batch: PacketBatch,
    i: number,
    quoteAt: number,
    answer: Int32Array,
    outerSource: boolean,
  ): void {
    const { u8, u16, i32 } = this.#arena;
    const p = batch.offset[i]!;
    const end = p + batch.length[i]!;
    const isIpv6 = (answer[T.PROTO]! & IPV6) !== 0;
    const words = isIpv6 ? 4 : 1;
    const proto = answer[T.PROTO]! & 0xff;
    const l4 = quoteAt + (isIpv6 ? 40 : (u8[quoteAt]! & 15) * 4);
    const sumAt = l4 + (proto === IP_PROTO_TCP ? 16 : proto === IP_PROTO_UDP ? 6 : 2);
    const hasSum = proto !== IP_PROTO_UDP || u16[sumAt >> 1] !== 0;
    const keepsSum = (hasPorts(proto) || proto === IP_PROTO_ICMPV6) && hasSum && sumAt + 2 <= end;
    const replace = (at: number, after: number, inHeader: boolean): void => {
      const before = i32[at]!;
      i32[at] = after;
      if (inHeader && !isIpv6) u16[(quoteAt + 10) >> 1] = replace32(u16[(quoteAt + 10) >> 1]!, before, after);
      if (keepsSum && proto !== IP_PROTO_SCTP) u16[sumAt >> 1] = replace32(u16[sumAt >> 1]!, before, after);
    };
    const addresses = (quoteAt + (isIpv6 ? 8 : 12)) >> 2;
    for (let k = 0; k < words; k++)
      replace(addresses + (outerSource ? words + k : k), answer[(outerSource ? T.DST : T.SRC) + k]!, true);
    if (hasPorts(proto) && l4 + 4 <= end)
      replace(l4 >> 2, answer[T.SRC_PORT]! | (answer[T.DST_PORT]! << 16), false);
    const icmp = findL4(this.#arena, p, end);
    const icmpEnd = Math.min(end, ipEnd(u16, networkOffset(u16, p), isIpv6));
    const outer = networkOffset(u16, p);
    u16[(icmp + 2) >> 1] = 0;
    let sum = 0;
    if (isIpv6) {
      sum = swap16(IP_PROTO_ICMPV6) + swap16((icmpEnd - icmp) & 0xffff);
      sum = sum16(u16, u8, outer + 8, outer + 40, sum);
    }
    u16[(icmp + 2) >> 1] = foldInvert(sum16(u16, u8, icmp, icmpEnd, sum));
  }
}

/** The address at `hash` modulo the range's size, as words of a packet. The range lies in the lower 32 bits. */
function addressInRange(min: Uint8Array, max: Uint8Array, hash: number): Int32Array {
  const last = min.length - 4;
  const low = new DataView(min.buffer, min.byteOffset).getUint32(last);
  const high = new DataView(max.buffer, max.byteOffset).getUint32(last);
  const chosen = Uint8Array.from(min);
  const view = new DataView(chosen.buffer);
  view.setUint32(last, low + ((hash >>> 0) % (Math.max(0, high - low) + 1)));
  return Int32Array.from({ length: min.length / 4 }, (_, k) => view.getInt32(k * 4, true));
}
