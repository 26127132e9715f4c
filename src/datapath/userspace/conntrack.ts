/**
 * Connection tracking of the userspace datapath: the `ct` action.
 *
 * A connection is committed by a flow; from then on its packets, in both directions, say so in ct_state, carry its
 * mark and label, and are translated as it was agreed (NAT). Connections are found by their tuple - zone, protocol,
 * addresses, ports or ICMP identifier - in a table with an entry for each direction, where the one for the reply
 * already has the translated addresses.
 *
 * Limits: {@link MAX_CONNECTIONS} connections; TCP follows the flags but not the sequence numbers; fragments are
 * invalid; no helpers for FTP and TFTP. C counterpart: lib/conntrack.c, lib/conntrack-tcp.c.
 */
import { coverage } from '../../base/coverage.ts';
import { F } from '../../flow/layout.ts';
import type { OdpAction } from '../../odp/action.ts';
import type { PacketArena } from '../netdev-provider.ts';
import {
  hashOf,
  IP_PROTO_ICMP,
  IP_PROTO_ICMPV6,
  IP_PROTO_SCTP,
  IP_PROTO_TCP,
  IP_PROTO_UDP,
  IPV6,
  isInvalidTcp,
  reverse,
  sameTuple,
  T,
  TCP_ACK,
  TCP_FIN,
  TCP_RST,
  TCP_SYN,
  TUPLE_WORDS,
  TupleReader,
} from './conntrack-tuple.ts';
import { K, KEY_STRIDE, keyWordOf, swap16, swap32 } from './key.ts';
import { setIpv4, setIpv6, setPorts } from './modify.ts';
import { type PacketWork, setMetadata } from './work.ts';

type CtAction = Extract<OdpAction, { kind: 'ct' }>;

export const CS = {
  NEW: 0x01,
  ESTABLISHED: 0x02,
  RELATED: 0x04,
  REPLY_DIR: 0x08,
  INVALID: 0x10,
  TRACKED: 0x20,
  SRC_NAT: 0x40,
  DST_NAT: 0x80,
} as const;

export const MAX_CONNECTIONS = 1_000_000;

/** How far each side of a TCP connection is. */
const PEER = { CLOSED: 0, SYN_SENT: 1, ESTABLISHED: 2, CLOSING: 3, FIN_WAIT_2: 4, TIME_WAIT: 5 } as const;

/** Seconds until a connection is forgotten, by its state. */
const TIMEOUT_S = {
  tcpFirst: 30,
  tcpOpening: 30,
  tcpEstablished: 24 * 60 * 60,
  tcpClosing: 15 * 60,
  tcpFinWait: 45,
  tcpClosed: 30,
  otherFirst: 60,
  otherMultiple: 60,
  otherBoth: 30,
  icmpFirst: 60,
  icmpReply: 30,
} as const;

const MIN_EPHEMERAL_PORT = 1024;
const MAX_EPHEMERAL_PORT = 65_535;
const MAX_PORT_ATTEMPTS = 128;

const full = coverage('conntrack_full');

/** One direction of a connection, as the table finds it. */
interface Entry {
  readonly tuple: Int32Array;
  readonly hash: number;
  readonly connection: Connection;
  readonly isReply: boolean;
  next: Entry | undefined;
}

export class Connection {
  readonly zone: number;
  /** As packets of the first direction have it, and of the other. */
  readonly original: Int32Array;
  readonly reply: Int32Array;
  /** {@link CS.SRC_NAT} and {@link CS.DST_NAT}. */
  nat = 0;
  mark = 0;
  readonly label = new Int32Array(4);
  /** TCP: {@link PEER} of each side. Others: whether more than one packet was seen, and whether a reply. */
  readonly peers: [number, number] = [PEER.CLOSED, PEER.CLOSED];
  expiresMs = 0;

  constructor(original: Int32Array, reply: Int32Array) {
    this.zone = original[T.ZONE]!;
    this.original = original;
    this.reply = reply;
  }
}

const CT_NW_SRC = keyWordOf(F.CT_NW_SRC);
const CT_NW_DST = keyWordOf(F.CT_NW_DST);
const CT_IPV6_SRC = keyWordOf(F.CT_IPV6_SRC);
const CT_IPV6_DST = keyWordOf(F.CT_IPV6_DST);
const CT_NW_PROTO = keyWordOf(F.CT_NW_PROTO);
const CT_TP_SRC = keyWordOf(F.CT_TP_SRC);
const CT_TP_DST = keyWordOf(F.CT_TP_DST);

/** How often, and how many connections at a time, are looked at for having expired. */
const SWEEP_MS = 1000;
const SWEEP_CONNECTIONS = 10_000;

export class Conntrack {
  readonly #arena: PacketArena;
  readonly #random: () => number;
  readonly #entries = new Map<number, Entry>();
  readonly #connections = new Set<Connection>();
  #sweep: IterableIterator<Connection> | undefined;
  #sweepAt = 0;
  /** The packet in hand. */
  readonly #packet: TupleReader;
  readonly #operands = new Int32Array(20);

  /** @param random 32 random bits */
  constructor(arena: PacketArena, random: () => number) {
    this.#arena = arena;
    this.#random = random;
    this.#packet = new TupleReader(arena);
  }

  get count(): number {
    return this.#connections.size;
  }
  connections(): IterableIterator<Connection> {
    return this.#connections.values();
  }

  /** Forgets all connections, or those of a zone. */
  flush(zone?: number): void {
    for (const connection of [...this.#connections])
      if (zone === undefined || connection.zone === zone) this.#remove(connection);
  }

  /** Runs a `ct` action on the packets of a list. None is dropped. */
  execute(
    work: PacketWork,
    list: Int32Array,
    base: number,
    n: number,
    action: CtAction,
    nowMs: number,
  ): void {
    if (nowMs >= this.#sweepAt) this.#expire(nowMs);
    for (let k = 0; k < n; k++) this.#track(work, list[base + k]!, action, nowMs);
  }

  #track(work: PacketWork, i: number, action: CtAction, nowMs: number): void {
    const row = i * KEY_STRIDE;
    const old = work.keys[row + K.CT]!;
    // The state that an earlier `ct` gave it counts only in its zone.
    const oldState = (old & CS.TRACKED) !== 0 && old >>> 16 === action.zone ? old & 0xffff : 0;
    if (!this.#packet.read(work.batch, i, action.zone)) {
      this.#write(work, i, CS.TRACKED | CS.INVALID, action.zone, undefined, undefined);
      return;
    }
    const natted = (oldState & (CS.SRC_NAT | CS.DST_NAT)) !== 0;
    if (natted) reverse(this.#packet.tuple);
    const entry = this.#find(this.#packet.tuple, nowMs);
    let connection = entry?.connection;
    let isReply = entry?.isReply ?? false;
    if (natted) {
      isReply = !isReply;
      reverse(this.#packet.tuple);
      if (connection) this.#packet.tuple.set(isReply ? connection.reply : connection.original);
    }
    if (connection && action.force && isReply) {
      this.#remove(connection);
      connection = undefined;
      isReply = false;
    }

    let state = oldState & (CS.SRC_NAT | CS.DST_NAT);
    if (connection && this.#packet.isRelated) {
      state |= CS.RELATED | (isReply ? CS.REPLY_DIR : 0);
    } else if (connection) {
      const update = this.#update(connection, isReply, nowMs);
      if (update === 'again') {
        this.#remove(connection);
        connection = undefined;
      } else if (update === 'established') {
        state |= CS.ESTABLISHED | (isReply ? CS.REPLY_DIR : 0);
      } else {
        state = update === 'new' ? state | CS.NEW : CS.INVALID;
      }
    }
    if (connection) {
      if (action.nat && connection.nat !== 0 && !natted)
        state |= this.#translate(work, i, connection, isReply);
    } else if (this.#packet.isRelated || !this.#packet.mayBegin()) {
      state = CS.INVALID;
    } else {
      state = CS.NEW;
      if (action.commit) {
        connection = this.#commit(action, nowMs);
        if (connection && connection.nat !== 0) state |= this.#translate(work, i, connection, false);
      }
    }
    this.#write(work, i, state | CS.TRACKED, action.zone, connection, this.#packet.tuple);
    if (connection) this.#applyMark(work, i, connection, action);
  }

  #applyMark(work: PacketWork, i: number, connection: Connection, { mark, label }: CtAction): void {
    if (mark) {
      connection.mark = (connection.mark & ~mark.mask) | (mark.value & mark.mask);
      setMetadata(work, i, K.CT_MARK, connection.mark, -1);
    }
    if (label) {
      for (let k = 0; k < 4; k++) {
        const mask = label.mask[k]!;
        connection.label[k] = (connection.label[k]! & ~mask) | (label.value[k]! & mask);
        setMetadata(work, i, K.CT_LABEL + k, connection.label[k]!, -1);
      }
    }
  }

  /** Writes the packet's conntrack metadata, with the tuple of the connection's first direction. */
  #write(
    work: PacketWork,
    i: number,
    state: number,
    zone: number,
    connection: Connection | undefined,
    tuple: Int32Array | undefined,
  ): void {
    setMetadata(work, i, K.CT, state | (zone << 16), -1);
    setMetadata(work, i, K.CT_MARK, connection?.mark ?? 0, -1);
    for (let k = 0; k < 4; k++) setMetadata(work, i, K.CT_LABEL + k, connection?.label[k] ?? 0, -1);
    const t = connection?.original ?? tuple;
    setMetadata(work, i, CT_NW_PROTO, t ? t[T.PROTO]! & 0xff : 0, -1);
    const isIpv6 = t !== undefined && (t[T.PROTO]! & IPV6) !== 0;
    setMetadata(work, i, CT_NW_SRC, t && !isIpv6 ? swap32(t[T.SRC]!) : 0, -1);
    setMetadata(work, i, CT_NW_DST, t && !isIpv6 ? swap32(t[T.DST]!) : 0, -1);
    for (let k = 0; k < 4; k++) {
      setMetadata(work, i, CT_IPV6_SRC + k, t && isIpv6 ? swap32(t[T.SRC + k]!) : 0, -1);
      setMetadata(work, i, CT_IPV6_DST + k, t && isIpv6 ? swap32(t[T.DST + k]!) : 0, -1);
    }
    const proto = t ? t[T.PROTO]! & 0xff : 0;
    const isIcmp = proto === IP_PROTO_ICMP || proto === IP_PROTO_ICMPV6;
    setMetadata(work, i, CT_TP_SRC, !t ? 0 : isIcmp ? t[T.SRC_PORT]! >>> 16 : swap16(t[T.SRC_PORT]!), -1);
    setMetadata(work, i, CT_TP_DST, !t || isIcmp ? 0 : swap16(t[T.DST_PORT]!), -1);
  }

  // Connections.

  /** A packet of a connection arrived: what that makes of the packet, and of the connection. */
  #update(
    connection: Connection,
    isReply: boolean,
    nowMs: number,
  ): 'new' | 'established' | 'invalid' | 'again' {
    const { peers } = connection;
    const proto = connection.original[T.PROTO]! & 0xff;
    const lives = (seconds: number): void => {
      connection.expiresMs = nowMs + seconds * 1000;
    };
    if (proto === IP_PROTO_TCP) return this.#updateTcp(connection, isReply, lives);
    const isIcmp = proto === IP_PROTO_ICMP || proto === IP_PROTO_ICMPV6;
    if (isReply) peers[1] = 1;
    else peers[0] = 1;
    const both = peers[1] === 1;
    if (isIcmp) lives(both ? TIMEOUT_S.icmpReply : TIMEOUT_S.icmpFirst);
    else lives(both ? TIMEOUT_S.otherBoth : TIMEOUT_S.otherMultiple);
    return both ? 'established' : 'new';
  }

  #updateTcp(
    { peers }: Connection,
    isReply: boolean,
    lives: (seconds: number) => void,
  ): 'new' | 'established' | 'invalid' | 'again' {
    const flags = this.#packet.tcpFlags;
    if (isInvalidTcp(flags)) return 'invalid';
    const me = isReply ? 1 : 0;
    const other = isReply ? 0 : 1;
    if ((flags & (TCP_SYN | TCP_ACK)) === TCP_SYN) {
      if (peers[me] >= PEER.FIN_WAIT_2 && peers[other] >= PEER.FIN_WAIT_2) return 'again';
      if (peers[me] <= PEER.SYN_SENT) {
        peers[me] = PEER.SYN_SENT;
        lives(TIMEOUT_S.tcpFirst);
        return 'new';
      }
    }
    if (peers[me] < PEER.SYN_SENT) peers[me] = PEER.SYN_SENT;
    if (flags & TCP_FIN && peers[me] < PEER.CLOSING) peers[me] = PEER.CLOSING;
    if (flags & TCP_ACK) {
      if (peers[other] === PEER.SYN_SENT) peers[other] = PEER.ESTABLISHED;
      else if (peers[other] === PEER.CLOSING) peers[other] = PEER.FIN_WAIT_2;
    }
    if (flags & TCP_RST) peers[0] = peers[1] = PEER.TIME_WAIT;
    const least = Math.min(peers[0], peers[1]);
    const most = Math.max(peers[0], peers[1]);
    if (least >= PEER.FIN_WAIT_2) lives(TIMEOUT_S.tcpClosed);
    else if (least >= PEER.CLOSING) lives(TIMEOUT_S.tcpFinWait);
    else if (least < PEER.ESTABLISHED) lives(TIMEOUT_S.tcpOpening);
    else if (most >= PEER.CLOSING) lives(TIMEOUT_S.tcpClosing);
    else lives(TIMEOUT_S.tcpEstablished);
    return 'established';
  }

  /** Makes a connection of the packet in hand; undefined if there are too many, or no address left to translate to. */
  #commit(action: CtAction, nowMs: number): Connection | undefined {
    if (this.#connections.size >= MAX_CONNECTIONS) {
      full.inc();
      return undefined;
    }
    const original = this.#packet.tuple.slice();
    const reply = original.slice();
    reverse(reply);
    const connection = new Connection(original, reply);
    if (action.nat?.type !== undefined) {
      connection.nat = action.nat.type === 'src' ? CS.SRC_NAT : CS.DST_NAT;
      if (!this.#chooseTranslation(connection, action.nat, nowMs)) return undefined;
    }
    const proto = original[T.PROTO]! & 0xff;
    if (proto === IP_PROTO_TCP) {
      connection.peers[0] = PEER.SYN_SENT;
      connection.expiresMs = nowMs + TIMEOUT_S.tcpFirst * 1000;
    } else {
      const isIcmp = proto === IP_PROTO_ICMP || proto === IP_PROTO_ICMPV6;
      connection.expiresMs = nowMs + (isIcmp ? TIMEOUT_S.icmpFirst : TIMEOUT_S.otherFirst) * 1000;
    }
    this.#insert(original, connection, false);
    this.#insert(reply, connection, true);
    this.#connections.add(connection);
    return connection;
  }

  /** Gives the reply's tuple the translated address and port, such that no other connection has it. */
  #chooseTranslation(connection: Connection, nat: NonNullable<CtAction['nat']>, nowMs: number): boolean {
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
    if (proto !== IP_PROTO_TCP && proto !== IP_PROTO_UDP && proto !== IP_PROTO_SCTP)
      return this.#find(reply, nowMs) === undefined;
    const hasPorts = nat.minPort !== 0;
    const offset = nat.random ? this.#random() : hash;
    if (hasPorts) {
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
        if (!this.#find(reply, nowMs)) return true;
      }
      if (attempts >= range || attempts < 16) break;
      from = min + (this.#random() % range);
    }
    reply[word] = swap16(first);
    return false;
  }

  /** Translates a packet of a connection; returns the state bits that say so. */
  #translate(work: PacketWork, i: number, connection: Connection, isReply: boolean): number {
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
    if (
      !this.#packet.isRelated &&
      (proto === IP_PROTO_TCP || proto === IP_PROTO_UDP || proto === IP_PROTO_SCTP)
    ) {
      operands[0] = answer[T.DST_PORT]! | (answer[T.SRC_PORT]! << 16);
      operands[1] = -1;
      setPorts(arena, batch, i, operands, 0);
    }
    return nat;
  }

  // The table.

  #find(tuple: Int32Array, nowMs: number): Entry | undefined {
    for (let entry = this.#entries.get(hashOf(tuple, 0, TUPLE_WORDS)); entry; entry = entry.next) {
      if (!sameTuple(entry.tuple, tuple)) continue;
      if (entry.connection.expiresMs > nowMs) return entry;
      this.#remove(entry.connection);
      return undefined;
    }
    return undefined;
  }

  #insert(tuple: Int32Array, connection: Connection, isReply: boolean): void {
    const hash = hashOf(tuple, 0, TUPLE_WORDS);
    this.#entries.set(hash, { tuple, hash, connection, isReply, next: this.#entries.get(hash) });
  }

  #remove(connection: Connection): void {
    if (!this.#connections.delete(connection)) return;
    for (const tuple of [connection.original, connection.reply]) {
      const hash = hashOf(tuple, 0, TUPLE_WORDS);
      let previous: Entry | undefined;
      for (let entry = this.#entries.get(hash); entry; entry = entry.next) {
        if (entry.connection !== connection) {
          previous = entry;
          continue;
        }
        if (previous) previous.next = entry.next;
        else if (entry.next) this.#entries.set(hash, entry.next);
        else this.#entries.delete(hash);
      }
    }
  }

  /** Looks at some connections; the next call goes on where this one stopped. */
  #expire(nowMs: number): void {
    this.#sweepAt = nowMs + SWEEP_MS;
    for (let n = 0; n < SWEEP_CONNECTIONS; n++) {
      this.#sweep ??= this.#connections.values();
      const { value, done } = this.#sweep.next();
      if (done) {
        this.#sweep = undefined;
        return;
      }
      if (value.expiresMs <= nowMs) this.#remove(value);
    }
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
