/**
 * Connection tracking of the userspace datapath: the `ct` action.
 *
 * A connection is committed by a flow; from then on its packets, in both directions, say so in ct_state, carry its
 * mark and label, and are translated as it was agreed (NAT). Connections are found by their tuple - zone, protocol,
 * addresses, ports or ICMP identifier - in a table with an entry for each direction, where the one for the reply
 * already has the translated addresses.
 *
 * Limits: {@link MAX_CONNECTIONS} connections unless told otherwise, and those of zones; fragments are invalid; no
 * helpers for FTP and TFTP. C counterpart: lib/conntrack.c.
 */
import { coverage } from '../../base/coverage.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { F } from '../../flow/layout.ts';
import type { OdpAction } from '../../odp/action.ts';
import type { CtEntry, CtZoneLimit, DpifConntrack } from '../dpif-provider.ts';
import type { PacketArena } from '../netdev-provider.ts';
import { Connection, CS } from './conntrack-connection.ts';
import { ZoneLimits } from './conntrack-limits.ts';
import { Translator } from './conntrack-nat.ts';
import { TcpConnection, type TcpVerdict } from './conntrack-tcp.ts';
import {
  hashOf,
  IP_PROTO_TCP,
  IPV6,
  isIcmp,
  reverse,
  sameTuple,
  T,
  TUPLE_WORDS,
  TupleReader,
} from './conntrack-tuple.ts';
import { K, KEY_STRIDE, keyWordOf, swap16, swap32 } from './key.ts';
import { type PacketWork, setMetadata } from './work.ts';

type CtAction = Extract<OdpAction, { kind: 'ct' }>;

const log = vlog('conntrack');
const natLimit = new RateLimit(5, 5);

export const MAX_CONNECTIONS = 3_000_000;

/** Seconds until a connection is forgotten, by its state. */
const TCP_TIMEOUT_S = {
  first: 30,
  opening: 30,
  established: 24 * 60 * 60,
  closing: 15 * 60,
  finWait: 45,
  closed: 30,
} as const;
const TIMEOUT_S = { otherFirst: 60, otherBoth: 30, icmpFirst: 60, icmpReply: 30 } as const;

const full = coverage('conntrack_full');
const zoneFull = coverage('conntrack_zone_full');

/** One direction of a connection, as the table finds it. */
interface Entry {
  readonly tuple: Int32Array;
  readonly hash: number;
  readonly connection: Connection;
  readonly isReply: boolean;
  next: Entry | undefined;
}

const CT_NW_SRC = keyWordOf(F.CT_NW_SRC);
const CT_NW_DST = keyWordOf(F.CT_NW_DST);
const CT_IPV6_SRC = keyWordOf(F.CT_IPV6_SRC);
const CT_IPV6_DST = keyWordOf(F.CT_IPV6_DST);
const CT_NW_PROTO = keyWordOf(F.CT_NW_PROTO);
const CT_TP_SRC = keyWordOf(F.CT_TP_SRC);
const CT_TP_DST = keyWordOf(F.CT_TP_DST);

/** How long it takes to look at all connections for having expired; a part of them has its turn each second. */
const DEFAULT_SWEEP_MS = 20_000;
const SWEEP_STEP_MS = 1000;

export class Conntrack implements DpifConntrack {
  maxConnections = MAX_CONNECTIONS;
  checkTcpSequence = true;
  sweepIntervalMs = DEFAULT_SWEEP_MS;
  readonly #entries = new Map<number, Entry>();
  readonly #connections = new Set<Connection>();
  #sweep: IterableIterator<Connection> | undefined;
  #sweepAt = 0;
  /** The packet in hand. */
  readonly #packet: TupleReader;
  readonly #translator: Translator;
  readonly #limits = new ZoneLimits();
  readonly #now: () => number;

  /**
   * @param random 32 random bits
   * @param now the time for tools, which look at it between packets
   */
  constructor(arena: PacketArena, random: () => number, now: () => number) {
    this.#packet = new TupleReader(arena);
    this.#translator = new Translator(
      arena,
      random,
      (tuple, nowMs) => this.#find(tuple, nowMs) !== undefined,
    );
    this.#now = now;
  }

  // For tools.

  get count(): number {
    return this.#connections.size;
  }
  *entries(zone?: number): IterableIterator<CtEntry> {
    const now = this.#now();
    for (const connection of this.#connections)
      if ((zone === undefined || connection.zone === zone) && connection.expiresMs > now)
        yield connection.describe(now);
  }

  flush(zone?: number, matches?: (entry: CtEntry) => boolean): number {
    const now = this.#now();
    let flushed = 0;
    for (const connection of [...this.#connections]) {
      if (zone !== undefined && connection.zone !== zone) continue;
      if (matches && !(connection.expiresMs > now && matches(connection.describe(now)))) continue;
      this.#remove(connection);
      flushed++;
    }
    return flushed;
  }

  setZoneLimit(zone: number | undefined, limit: number): void {
    this.#limits.set(zone, limit);
  }
  deleteZoneLimit(zone: number | undefined): void {
    this.#limits.delete(zone);
  }
  zoneLimits(zones: readonly number[]): readonly CtZoneLimit[] {
    return this.#limits.list(zones);
  }

  // Packets.

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
    if (connection && this.#packet.quoteAt !== 0) {
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
        state |= this.#translator.apply(work, i, connection, isReply, this.#packet.quoteAt);
    } else if (this.#packet.quoteAt !== 0 || !this.#packet.mayBegin()) {
      state = CS.INVALID;
    } else {
      state = CS.NEW;
      if (action.commit) {
        connection = this.#commit(action, nowMs);
        if (connection && connection.nat !== 0)
          state |= this.#translator.apply(work, i, connection, false, 0);
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
    const icmp = isIcmp(proto);
    setMetadata(work, i, CT_TP_SRC, !t ? 0 : icmp ? t[T.SRC_PORT]! >>> 16 : swap16(t[T.SRC_PORT]!), -1);
    setMetadata(work, i, CT_TP_DST, !t || icmp ? 0 : swap16(t[T.DST_PORT]!), -1);
  }

  // Connections.

  /** A packet of a connection arrived: what that makes of the packet, and of the connection. */
  #update(connection: Connection, isReply: boolean, nowMs: number): TcpVerdict {
    const { tcp } = connection;
    if (tcp) {
      const verdict = tcp.update(this.#packet.segment, isReply, this.checkTcpSequence);
      if (tcp.renewed) connection.expiresMs = nowMs + TCP_TIMEOUT_S[tcp.phase] * 1000;
      return verdict;
    }
    connection.answered ||= isReply;
    const { answered } = connection;
    const seconds = isIcmp(connection.original[T.PROTO]! & 0xff)
      ? TIMEOUT_S[answered ? 'icmpReply' : 'icmpFirst']
      : TIMEOUT_S[answered ? 'otherBoth' : 'otherFirst'];
    connection.expiresMs = nowMs + seconds * 1000;
    return answered ? 'established' : 'new';
  }

  /** Makes a connection of the packet in hand; undefined if there are too many, or no address left to translate to. */
  #commit(action: CtAction, nowMs: number): Connection | undefined {
    const zoneCount = this.#limits.countOf(this.#packet.tuple[T.ZONE]!);
    if (zoneCount && this.#limits.isFull(zoneCount)) {
      zoneFull.inc();
      return undefined;
    }
    if (this.#connections.size >= this.maxConnections) {
      full.inc();
      return undefined;
    }
    const original = this.#packet.tuple.slice();
    const connection = new Connection(original);
    const { reply } = connection;
    if (action.nat?.type !== undefined) {
      connection.nat = action.nat.type === 'src' ? CS.SRC_NAT : CS.DST_NAT;
      if (!this.#translator.choose(connection, action.nat, nowMs)) {
        log.warnRl(
          natLimit,
          'Unable to NAT due to tuple space exhaustion - if DoS attack, use firewalling and/or zone partitioning.',
        );
        return undefined;
      }
    }
    const proto = original[T.PROTO]! & 0xff;
    if (proto === IP_PROTO_TCP) connection.tcp = new TcpConnection(this.#packet.segment);
    const seconds = connection.tcp
      ? TCP_TIMEOUT_S.first
      : TIMEOUT_S[isIcmp(proto) ? 'icmpFirst' : 'otherFirst'];
    connection.expiresMs = nowMs + seconds * 1000;
    connection.zoneCount = zoneCount;
    if (zoneCount) zoneCount.count++;
    this.#insert(original, connection, false);
    this.#insert(reply, connection, true);
    this.#connections.add(connection);
    return connection;
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
    if (connection.zoneCount) connection.zoneCount.count--;
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
    this.#sweepAt = nowMs + SWEEP_STEP_MS;
    const step = Math.ceil((this.#connections.size * SWEEP_STEP_MS) / this.sweepIntervalMs);
    for (let n = 0; n <= step; n++) {
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
