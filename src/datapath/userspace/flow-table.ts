/**
 * The datapath's flows: handles, counters in columns, and what the main thread wants to know of each.
 *
 * Hot code knows a flow by its handle and reads the columns; the record behind it is for put, delete and dump. A
 * flow keeps its key as a row cut to its live words and its mask as its subtable's, not as two full {@link Flow}s:
 * 100,000 flows then cost some 40 MB, not 200.
 *
 * A deleted flow's handle may still stand in the exact-match cache. Its program is gone from `programs`, which the
 * cache's reader checks; handles are used again only after the cache was purged of the dead ones.
 * C counterpart: struct dp_netdev_flow of lib/dpif-netdev.c.
 */
import { newFlow } from '../../flow/layout.ts';
import type { OdpAction } from '../../odp/action.ts';
import type { DpifFlow, FlowStats, Ufid } from '../dpif-provider.ts';
import { KEY_STRIDE, KEY_WORDS, keyToFlow, swap16 } from './key.ts';
import type { Subtable } from './megaflows.ts';
import type { Program } from './program.ts';

export interface FlowRecord {
  readonly ufid: Ufid;
  readonly handle: number;
  readonly key: Int32Array;
  readonly subtable: Subtable;
  actions: readonly OdpAction[];
}

const FIRST_CAPACITY = 1024;
/** Deleted handles that are kept back before the cache is purged of them. */
const QUARANTINE = 1024;

export class FlowTable {
  packets = new Float64Array(FIRST_CAPACITY);
  bytes = new Float64Array(FIRST_CAPACITY);
  usedMs = new Float64Array(FIRST_CAPACITY);
  /** As they stand in a key: in the packet's byte order, below the bits of a TPID. */
  tcpFlags = new Int32Array(FIRST_CAPACITY);
  /** Which group of the current batch the flow's packets go to; -1 for none yet. */
  group = new Int32Array(FIRST_CAPACITY).fill(-1);
  /** What to do with a flow's packets; undefined for handles that are no flow. */
  readonly programs: (Program | undefined)[] = [];
  readonly #records: (FlowRecord | undefined)[] = [];
  readonly #byUfid = new Map<Ufid, FlowRecord>();
  #free: number[] = [];
  #dead: number[] = [];
  readonly #purge: () => void;

  /** @param purge must forget every handle that has no program */
  constructor(purge: () => void) {
    this.#purge = purge;
  }

  get count(): number {
    return this.#byUfid.size;
  }
  find(ufid: Ufid): FlowRecord | undefined {
    return this.#byUfid.get(ufid);
  }
  record(handle: number): FlowRecord | undefined {
    return this.#records[handle];
  }
  values(): IterableIterator<FlowRecord> {
    return this.#byUfid.values();
  }

  /** @param key row of which the first `live` words are kept */
  add(
    ufid: Ufid,
    key: Int32Array,
    live: number,
    subtable: Subtable,
    actions: readonly OdpAction[],
    program: Program,
  ): FlowRecord {
    const handle = this.#take();
    this.packets[handle] = 0;
    this.bytes[handle] = 0;
    this.usedMs[handle] = 0;
    this.tcpFlags[handle] = 0;
    this.programs[handle] = program;
    const record: FlowRecord = { ufid, handle, key: key.slice(0, live), subtable, actions };
    this.#records[handle] = record;
    this.#byUfid.set(ufid, record);
    return record;
  }

  remove(record: FlowRecord): void {
    this.#byUfid.delete(record.ufid);
    this.#records[record.handle] = undefined;
    this.programs[record.handle] = undefined;
    this.#dead.push(record.handle);
  }

  stats(handle: number, into: FlowStats): void {
    into.packets = this.packets[handle]!;
    into.bytes = this.bytes[handle]!;
    into.usedMs = this.usedMs[handle]!;
    into.tcpFlags = swap16(this.tcpFlags[handle]! & 0xffff);
  }

  /** The flow as the dpif seam shows it. */
  describe(record: FlowRecord): DpifFlow {
    const stats: FlowStats = { packets: 0, bytes: 0, usedMs: 0, tcpFlags: 0 };
    this.stats(record.handle, stats);
    return {
      ufid: record.ufid,
      key: keyToFlow(record.key, 0, record.key.length, newFlow()),
      mask: keyToFlow(record.subtable.mask, 0, KEY_WORDS, newFlow()),
      actions: record.actions,
      stats,
    };
  }

  /** A record's key as a whole row. */
  row(record: FlowRecord): Int32Array {
    const row = new Int32Array(KEY_STRIDE);
    row.set(record.key);
    return row;
  }

  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const handle = this.#records.length;
    this.#records.push(undefined);
    this.programs.push(undefined);
    if (handle >= this.packets.length) this.#grow();
    return handle;
  }

  /** Makes deleted handles usable again. Only between batches: groups of packets refer to flows by handle. */
  recycle(): void {
    if (this.#dead.length < QUARANTINE) return;
    this.#purge();
    this.#free = this.#free.concat(this.#dead);
    this.#dead = [];
  }

  #grow(): void {
    const capacity = this.packets.length * 2;
    const grown = <T extends Float64Array | Int32Array>(old: T, larger: T): T => {
      larger.set(old);
      return larger;
    };
    this.packets = grown(this.packets, new Float64Array(capacity));
    this.bytes = grown(this.bytes, new Float64Array(capacity));
    this.usedMs = grown(this.usedMs, new Float64Array(capacity));
    this.tcpFlags = grown(this.tcpFlags, new Int32Array(capacity));
    this.group = grown(this.group, new Int32Array(capacity).fill(-1));
  }
}
