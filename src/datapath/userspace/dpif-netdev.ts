/**
 * The userspace datapath: ports, flows, the way of a packet from a device's queue to others, and the messages of the
 * dpif seam. Types 'netdev' (Linux devices) and 'dummy' (the tests' devices).
 *
 * A packet's way, in batches of up to 32: parse to a compact key (parse.ts), look it up in the exact-match cache and
 * then among the megaflows, put it into its flow's group; then run each flow's program over its group (executor.ts);
 * flush the outputs and give the memory back. A packet that matches nothing is handed to the receiver of upcalls at
 * once, so that the flow it installs already serves the rest of the batch.
 *
 * It runs in the event loop: a port that has packets is polled until it is empty, some 128 packets a turn. All state
 * is owned by this object and nothing in it is shared, so that one can live in a worker of its own.
 * The loops over a batch are plain functions over typed arrays held in local constants; what they call has one shape.
 * C counterpart: lib/dpif-netdev.c.
 */
import { coverage } from '../../base/coverage.ts';
import { ERRNO } from '../../base/errno.ts';
import { type Random, SystemError } from '../../base/host.ts';
import type { Loop } from '../../base/loop.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { extractFlow, newLayers } from '../../flow/extract.ts';
import { F, type Flow, newFlow } from '../../flow/layout.ts';
import type { OdpAction } from '../../odp/action.ts';
import type {
  Dpif,
  DpifFlow,
  DpifOp,
  DpifPort,
  DpifResult,
  DpifStats,
  DpifUpcall,
  FlowStats,
  MeterConfig,
  MeterStats,
  Ufid,
} from '../dpif-provider.ts';
import { BATCH_SIZE, type Netdev, type NetdevIo, type PacketArena } from '../netdev-provider.ts';
import { Conntrack } from './conntrack.ts';
import { ExactMatchCache } from './exact-match-cache.ts';
import { Executor, type ExecutorHost, type OutputPort } from './executor.ts';
import { type FlowRecord, FlowTable } from './flow-table.ts';
import { finish, mix } from './hash.ts';
import {
  flowToKey,
  K,
  KEY_CT_TUPLE_END,
  KEY_PLAIN,
  KEY_RARE_HEADERS_END,
  KEY_STRIDE,
  KEY_WIDE,
  KEY_WORDS,
  keyToFlow,
  liveWords,
} from './key.ts';
import { Megaflows } from './megaflows.ts';
import { MAX_BANDS, MAX_METERS, Meters } from './meters.ts';
import { finishChecksum } from './offload.ts';
import { parseAny, parsePlain } from './parse.ts';
import { compile, UnsupportedActionError } from './program.ts';
import { PacketWork } from './work.ts';

const log = vlog('dpif_netdev');
const actionLimit = new RateLimit(60, 5);
const upcallMiss = coverage('dpif_netdev_upcall_miss');
const dropUpcall = coverage('datapath_drop_upcall_error');

/** Packets handled in one turn of the event loop. */
const TURN_BUDGET = 128;
/** How often the subtables are sorted by their hits. */
const SORT_INTERVAL_MS = 1000;
const DUMP_BATCH = 50;
const DUMP_SLICE = 1000;
const MAX_PORTS = 65_535;
const DEFAULT_EMC_INSERT_INVERSE_PROBABILITY = 100;

interface Port extends OutputPort {
  readonly portNo: number;
  readonly netdev: Netdev;
  /** Worth a `receive`. */
  active: boolean;
}

export interface DpifNetdevOptions {
  /** As bridges name it: 'netdev', or, where dummies stand for other datapaths, theirs. */
  readonly type: string;
  /** Dummy devices on it: their port numbers follow from their names. */
  readonly dummy?: boolean;
  readonly name: string;
  readonly arena: PacketArena;
  readonly loop: Loop;
  readonly random: Random;
}

const layers = newLayers();

export class DpifNetdev implements Dpif {
  readonly type: string;
  readonly name: string;
  readonly #dummy: boolean;
  readonly #arena: PacketArena;
  readonly #loop: Loop;
  readonly #random: Random;
  readonly #ports = new Map<number, Port>();
  readonly #cache = new ExactMatchCache();
  readonly #megaflows = new Megaflows();
  readonly #meters = new Meters();
  /** The connections of the `ct` action. */
  readonly conntrack: Conntrack;
  readonly #flows: FlowTable;
  readonly #executor: Executor;
  /** Packets just received, and those that `execute` brings. */
  readonly #received = new PacketWork(0);
  readonly #executed = new PacketWork(0);
  readonly #keyScratch = new Int32Array(KEY_STRIDE);
  readonly #maskScratch = new Int32Array(KEY_STRIDE);
  #active: Port[] = [];
  #scheduled = false;
  #closed = false;
  #now = 0;
  #sortAt = 0;
  #vlanLimit = 2;
  #receiver: ((upcalls: readonly DpifUpcall[]) => void) | undefined;
  /** Upcalls that wait until the packets in hand are done. */
  #upcalls: DpifUpcall[] = [];
  #busy = false;
  #cacheHits = 0;
  #maskHits = 0;
  #missed = 0;
  #lost = 0;

  constructor(options: DpifNetdevOptions) {
    this.type = options.type;
    this.name = options.name;
    this.#dummy = options.dummy ?? options.type === 'dummy';
    this.#arena = options.arena;
    this.#loop = options.loop;
    this.#random = options.random;
    this.conntrack = new Conntrack(options.arena, () => options.random.u32());
    this.#cache.inverseProbability = DEFAULT_EMC_INSERT_INVERSE_PROBABILITY;
    this.#flows = new FlowTable(() => this.#cache.purge((flow) => this.#flows.programs[flow] === undefined));
    const host: ExecutorHost = {
      recirculate: (work) => this.#process(work, -1),
      userspace: (work, i, maxLength, action, program) =>
        this.#userspaceAction(work, i, maxLength, action, program.actions),
      conntrack: (work, list, base, n, action) =>
        this.conntrack.execute(work, list, base, n, action, this.#now),
      bondPort: () => -1,
      now: () => this.#now,
      random: () => this.#random.u32(),
    };
    this.#executor = new Executor(options.arena, this.#meters, host);
  }

  // Ports.

  portAdd(netdev: Netdev, portNo?: number): number {
    const number = portNo ?? this.#choosePort(netdev.name);
    if (number < 0 || number > MAX_PORTS) throw new SystemError(ERRNO.EFBIG);
    if (this.#ports.has(number)) throw new SystemError(ERRNO.EBUSY);
    for (const port of this.#ports.values())
      if (port.netdev.name === netdev.name) throw new SystemError(ERRNO.EEXIST);
    const io = netdev.openIo(this.#arena);
    const port: Port = { portNo: number, netdev, io, queued: false, active: false };
    this.#ports.set(number, port);
    this.#executor.ports[number] = port;
    if (io) {
      io.onReadable = () => this.#readable(port);
      this.#activate(port);
    }
    return number;
  }

  portDel(portNo: number): void {
    const port = this.#ports.get(portNo);
    if (!port) throw new SystemError(ERRNO.ENODEV);
    this.#ports.delete(portNo);
    this.#executor.ports[portNo] = undefined;
    this.#active = this.#active.filter((p) => p !== port);
    port.active = false;
    if (port.io) {
      port.io.onReadable = undefined;
      port.io.close();
    }
  }

  ports(): readonly DpifPort[] {
    return [...this.#ports.values()]
      .sort((a, b) => a.portNo - b.portNo)
      .map(({ portNo, netdev }) => ({ portNo, name: netdev.name, type: netdev.type }));
  }

  portOpenType(type: string): string {
    if (type !== 'internal') return type;
    return this.#dummy ? 'dummy-internal' : 'tap';
  }

  /** A port number that nobody has. Dummy devices get the number in their name, so that tests can foretell it. */
  #choosePort(name: string): number {
    if (this.#dummy) {
      const digits = /\d+/.exec(name);
      if (digits) {
        const number = Number(digits[0]) + (name.startsWith('br') ? 100 : 0);
        if (number > 0 && number < MAX_PORTS && !this.#ports.has(number)) return number;
      }
    }
    for (let number = 1; number < MAX_PORTS; number++) if (!this.#ports.has(number)) return number;
    throw new SystemError(ERRNO.EFBIG);
  }

  // The event loop's side.

  /** Packets wait at a port: they are looked at now, unless others are in hand. */
  #readable(port: Port): void {
    if (this.#busy || this.#scheduled || this.#closed) {
      this.#activate(port);
      return;
    }
    port.active = true;
    this.#active.push(port);
    this.#scheduled = true;
    this.#turn();
  }

  #activate(port: Port): void {
    if (port.active || this.#closed) return;
    port.active = true;
    this.#active.push(port);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#loop.defer(this.#turn);
  }

  /** One turn: polls the active ports in rounds until they are empty or the budget is used up. */
  readonly #turn = (): void => {
    let left = TURN_BUDGET;
    try {
      while (left > 0 && this.#active.length > 0) {
        const active = this.#active;
        let idle = 0;
        for (let i = 0; i < active.length; i++) {
          const port = active[i]!;
          const n = this.#poll(port);
          left -= n;
          if (n === 0) {
            port.active = false;
            idle++;
          }
        }
        if (idle > 0) this.#active = this.#active.filter((port) => port.active);
      }
    } finally {
      // Also when the receiver of an upcall threw: the other packets must not wait for ever.
      if (this.#active.length > 0) this.#loop.defer(this.#turn);
      else this.#scheduled = false;
    }
  };

  /** Receives and handles one batch of a port; returns how many packets it had. */
  #poll(port: Port): number {
    if (!port.active) return 0;
    const io = port.io as NetdevIo;
    const work = this.#received;
    const { batch } = work;
    const n = io.receive(batch);
    if (n === 0) return 0;
    this.#begin();
    try {
      this.#process(work, port.portNo);
    } finally {
      this.#forgetGroups(work);
      this.#executor.flush();
      io.release(batch);
      this.#busy = false;
    }
    this.#deliver();
    return n;
  }

  #begin(): void {
    this.#busy = true;
    this.#flows.recycle();
    this.#now = this.#loop.now();
    if (this.#now < this.#sortAt) return;
    this.#megaflows.sort();
    this.#sortAt = this.#now + SORT_INTERVAL_MS;
  }

  // The way of a batch.

  /** Looks up all packets of `work` and runs their flows' programs. `inPort` is -1 for recirculated packets. */
  #process(work: PacketWork, inPort: number): void {
    const { batch, keys, live, hash, misses } = work;
    const { u16, i32 } = this.#arena;
    const { programs } = this.#flows;
    const cache = this.#cache;
    const count = batch.count;
    let missCount = 0;
    let hits = 0;
    work.groups = 0;
    for (let i = 0; i < count; i++) {
      const ko = i * KEY_STRIDE;
      let words = inPort >= 0 ? parsePlain(u16, i32, batch.offset[i]!, batch.length[i]!, keys, ko) : 0;
      if (words === 0) {
        words = this.#parseSlowly(work, i, inPort);
      } else {
        keys[ko + K.IN_PORT] = inPort;
        keys[ko + K.RECIRC_ID] = 0;
        // What the slot's last packet left behind the words that this one has filled.
        const old = live[i]!;
        if (old !== KEY_PLAIN) {
          const first = words === KEY_PLAIN ? KEY_PLAIN : K.DP_HASH;
          for (let k = first; k < old; k++) keys[ko + k] = 0;
        }
        live[i] = words;
      }
      let flow = -1;
      if (words === KEY_PLAIN) {
        const h = hashPlain(keys, ko);
        hash[i] = h;
        flow = cache.lookupPlain(keys, ko, h);
      } else if (words === KEY_WIDE) {
        const h = hashWide(keys, ko);
        hash[i] = h;
        flow = cache.lookupWide(keys, ko, h);
      }
      if (flow >= 0 && programs[flow] !== undefined) {
        hits++;
        this.#addToGroup(work, flow, i);
      } else {
        misses[missCount++] = i;
      }
    }
    this.#cacheHits += hits;
    for (let m = 0; m < missCount; m++) {
      const i = misses[m]!;
      const ko = i * KEY_STRIDE;
      const flow = this.#megaflows.lookup(keys, ko);
      if (flow < 0) {
        this.#miss(work, i);
        continue;
      }
      this.#maskHits++;
      if (live[i]! <= KEY_WIDE) cache.maybeInsert(keys, ko, live[i]!, hash[i]!, flow);
      this.#addToGroup(work, flow, i);
    }
    this.#runGroups(work);
  }

  #addToGroup(work: PacketWork, flow: number, i: number): void {
    const column = this.#flows.group;
    let g = column[flow]!;
    if (g < 0) {
      g = work.groups++;
      column[flow] = g;
      work.groupFlow[g] = flow;
      work.groupCount[g] = 0;
      work.groupBytes[g] = 0;
      work.groupFlags[g] = 0;
    }
    const n = work.groupCount[g]!;
    work.groupPackets[g * BATCH_SIZE + n] = i;
    work.groupCount[g] = n + 1;
    work.groupBytes[g]! += work.batch.length[i]!;
    work.groupFlags[g]! |= work.keys[i * KEY_STRIDE + K.FLAGS_TPID]!;
  }

  #forgetGroups(work: PacketWork): void {
    const { group } = this.#flows;
    for (let g = 0; g < work.groups; g++) group[work.groupFlow[g]!] = -1;
    work.groups = 0;
  }

  #runGroups(work: PacketWork): void {
    const groups = work.groups;
    const flows = this.#flows;
    // All at once: a recirculated packet of another group's flow must not join that group.
    this.#forgetGroups(work);
    for (let g = 0; g < groups; g++) {
      const flow = work.groupFlow[g]!;
      const program = flows.programs[flow];
      if (program === undefined) continue;
      const n = work.groupCount[g]!;
      flows.packets[flow]! += n;
      flows.bytes[flow]! += work.groupBytes[g]!;
      flows.usedMs[flow] = this.#now;
      flows.tcpFlags[flow]! |= work.groupFlags[g]!;
      this.#executor.run(program, 0, work, work.groupPackets, g * BATCH_SIZE, n);
    }
  }

  /** Parses what is not plain, and recirculated packets, whose metadata words must survive. */
  #parseSlowly(work: PacketWork, i: number, inPort: number): number {
    const { keys, live, batch } = work;
    const ko = i * KEY_STRIDE;
    let words = live[i]!;
    if (inPort >= 0) {
      for (let k = 0; k < words; k++) keys[ko + k] = 0;
      keys[ko + K.IN_PORT] = inPort;
      words = KEY_PLAIN;
    } else if (keys[ko + K.PACKET_TYPE] === 0) {
      const { u16, i32 } = this.#arena;
      const parsed = parsePlain(u16, i32, batch.offset[i]!, batch.length[i]!, keys, ko);
      if (parsed !== 0) {
        if (parsed === KEY_PLAIN) for (let k = KEY_PLAIN; k < K.DP_HASH; k++) keys[ko + k] = 0;
        if (words === KEY_WORDS)
          for (let k = KEY_CT_TUPLE_END; k < KEY_RARE_HEADERS_END; k++) keys[ko + k] = 0;
        else live[i] = liveWords(keys, ko);
        return live[i]!;
      }
    }
    words = parseAny(this.#arena, batch.offset[i]!, batch.length[i]!, keys, ko, words, this.#vlanLimit);
    live[i] = words;
    return words;
  }

  // Upcalls.

  /** No flow matches packet `i`: asks the receiver, now if nothing is in the way, else when the batch is done. */
  #miss(work: PacketWork, i: number): void {
    upcallMiss.inc();
    this.#missed++;
    if (!this.#receiver) {
      this.#lost++;
      dropUpcall.inc();
      return;
    }
    const key = keyToFlow(work.keys, i * KEY_STRIDE, work.live[i]!, newFlow());
    const upcall = this.#upcall('miss', work, i, key, undefined, undefined);
    if (work === this.#received) this.#receiver([upcall]);
    else this.#upcalls.push(upcall);
  }

  #userspaceAction(
    work: PacketWork,
    i: number,
    maxLength: number,
    action: Extract<OdpAction, { kind: 'userspace' }>,
    actions: readonly OdpAction[],
  ): void {
    if (!this.#receiver) {
      this.#lost++;
      return;
    }
    const { batch } = work;
    const key = keyToFlow(work.keys, i * KEY_STRIDE, work.live[i]!, newFlow());
    // Actions before this one may have changed the packet.
    extractFlow(
      this.#arena.u8,
      key,
      layers,
      batch.offset[i]!,
      batch.offset[i]! + batch.length[i]!,
      this.#vlanLimit,
    );
    const upcall = this.#upcall('action', work, i, key, action, action.withActions ? actions : undefined);
    this.#upcalls.push(
      upcall.packet.length > maxLength ? { ...upcall, packet: upcall.packet.slice(0, maxLength) } : upcall,
    );
  }

  #upcall(
    reason: 'miss' | 'action',
    work: PacketWork,
    i: number,
    key: Flow,
    action: Extract<OdpAction, { kind: 'userspace' }> | undefined,
    actions: readonly OdpAction[] | undefined,
  ): DpifUpcall {
    const { batch } = work;
    if (batch.offload[i] !== 0) {
      this.#executor.flush();
      finishChecksum(this.#arena, batch, i);
    }
    const offset = batch.offset[i]!;
    const packet = this.#arena.u8.slice(offset, offset + batch.length[i]!);
    const offload =
      batch.offload[i] === 0 ? undefined : { offload: batch.offload[i]!, checksum: batch.checksum[i]! };
    return { reason, packet, key, action, actions, ufid: undefined, offload };
  }

  /** Hands the waiting upcalls over; what the receiver executes may bring new ones. */
  #deliver(): void {
    if (this.#busy || this.#upcalls.length === 0) return;
    this.#busy = true;
    try {
      while (this.#upcalls.length > 0) {
        const upcalls = this.#upcalls;
        this.#upcalls = [];
        this.#receiver?.(upcalls);
      }
    } finally {
      this.#busy = false;
    }
  }

  setUpcallReceiver(receiver: ((upcalls: readonly DpifUpcall[]) => void) | undefined): void {
    this.#receiver = receiver;
  }

  // Operations.

  operate(ops: readonly DpifOp[], done?: (results: readonly DpifResult[]) => void): void {
    if (!this.#busy) this.#flows.recycle();
    const results = ops.map((op) => this.#operation(op));
    this.#deliver();
    done?.(results);
  }

  #operation(op: DpifOp): DpifResult {
    try {
      switch (op.kind) {
        case 'flow_put':
          return { errno: this.#flowPut(op) };
        case 'flow_del': {
          const record = this.#flows.find(op.ufid);
          if (!record) return { errno: ERRNO.ENOENT };
          const { stats } = this.#flows.describe(record);
          this.#remove(record);
          return { errno: 0, stats };
        }
        case 'execute':
          return { errno: this.#execute(op) };
      }
    } catch (error) {
      if (!(error instanceof UnsupportedActionError)) throw error;
      log.warnRl(actionLimit, error.message);
      return { errno: ERRNO.ENOTSUP };
    }
  }

  #flowPut(op: Extract<DpifOp, { kind: 'flow_put' }>): number {
    const key = this.#keyScratch;
    const live = flowToKey(op.key, key, 0);
    const existing = this.#flows.find(op.ufid) ?? this.#flows.record(this.#megaflows.lookup(key, 0));
    if (existing) {
      if (!op.modify) return ERRNO.EEXIST;
      if (existing.ufid !== op.ufid) return ERRNO.EINVAL;
      this.#flows.programs[existing.handle] = compile(op.actions);
      existing.actions = op.actions;
      return 0;
    }
    if (!op.create) return ERRNO.ENOENT;
    const program = compile(op.actions);
    flowToKey(op.mask, this.#maskScratch, 0);
    const subtable = this.#megaflows.subtable(this.#maskScratch);
    const record = this.#flows.add(op.ufid, key, live, subtable, op.actions, program);
    subtable.insert(key, 0, record.handle);
    return 0;
  }

  #remove(record: FlowRecord): void {
    record.subtable.remove(this.#flows.row(record), 0);
    this.#megaflows.dropIfEmpty(record.subtable);
    this.#flows.remove(record);
  }

  /** Runs actions on a packet that came from outside, with the metadata of `op.key`. */
  #execute(op: Extract<DpifOp, { kind: 'execute' }>): number {
    const program = compile(op.actions);
    const work = this.#executed;
    const { batch } = work;
    const offset = this.#executeBuffer();
    const length = op.packet.length;
    if (length > MAX_EXECUTE_BYTES) return ERRNO.EINVAL;
    const nested = this.#busy;
    this.#busy = true;
    this.#now = this.#loop.now();
    this.#arena.u8.set(op.packet, offset);
    work.clear();
    batch.count = 1;
    batch.offset[0] = offset;
    batch.length[0] = length;
    batch.offload[0] = op.offload?.offload ?? 0;
    batch.checksum[0] = op.offload?.checksum ?? 0;
    const key = newFlow();
    key.set(op.key.subarray(0, F.DL_DST));
    extractFlow(this.#arena.u8, key, layers, offset, offset + length, this.#vlanLimit);
    work.live[0] = flowToKey(key, work.keys, 0);
    work.all[0] = 0;
    try {
      this.#executor.run(program, 0, work, work.all, 0, 1);
    } finally {
      this.#executor.flush();
      this.#busy = nested;
    }
    return 0;
  }

  #executeOffset = -1;
  #executeBuffer(): number {
    if (this.#executeOffset < 0) this.#executeOffset = this.#arena.allocate(EXECUTE_BUFFER_BYTES);
    return this.#executeOffset + EXECUTE_HEADROOM;
  }

  // Flows.

  dumpFlows(batch: (flows: readonly DpifFlow[]) => void, done: () => void): void {
    const records = [...this.#flows.values()];
    let next = 0;
    const slice = (): void => {
      for (const end = next + DUMP_SLICE; next < end && next < records.length; next += DUMP_BATCH) {
        const flows = records
          .slice(next, next + DUMP_BATCH)
          .filter((record) => this.#flows.find(record.ufid) === record)
          .map((record) => this.#flows.describe(record));
        if (flows.length > 0) batch(flows);
      }
      if (next < records.length) this.#loop.defer(slice);
      else done();
    };
    slice();
  }

  flowGet(ufid: Ufid): DpifFlow | undefined {
    const record = this.#flows.find(ufid);
    return record && this.#flows.describe(record);
  }

  flowStats(ufid: Ufid, into: FlowStats): boolean {
    const record = this.#flows.find(ufid);
    if (!record) return false;
    this.#flows.stats(record.handle, into);
    return true;
  }

  flushFlows(): void {
    for (const record of [...this.#flows.values()]) this.#flows.remove(record);
    this.#megaflows.clear();
  }

  stats(): DpifStats {
    return {
      hit: this.#cacheHits + this.#maskHits,
      missed: this.#missed,
      lost: this.#lost,
      flows: this.#flows.count,
      masks: this.#megaflows.masks,
      masksHit: this.#megaflows.searched,
      cacheHits: this.#cacheHits,
    };
  }

  // Meters.

  meterSet(id: number, config: MeterConfig): void {
    if (id < 0 || id >= MAX_METERS) throw new SystemError(ERRNO.EFBIG);
    if (config.bands.length > MAX_BANDS) throw new SystemError(ERRNO.EINVAL);
    if (config.bands.some((band) => band.type !== 'drop')) throw new SystemError(ERRNO.ENODEV);
    this.#meters.set(id, config, Math.floor(this.#loop.now()));
  }
  meterGet(id: number): MeterStats | undefined {
    return this.#meters.get(id);
  }
  meterDel(id: number): MeterStats | undefined {
    return this.#meters.delete(id);
  }

  configure(options: ReadonlyMap<string, string>): void {
    const number = (name: string, fallback: number): number => {
      const text = options.get(name);
      return text !== undefined && /^\d+$/.test(text) ? Number(text) : fallback;
    };
    const probability = number('emc-insert-inv-prob', DEFAULT_EMC_INSERT_INVERSE_PROBABILITY);
    if (probability !== this.#cache.inverseProbability) {
      this.#cache.inverseProbability = probability;
      if (probability === 0) {
        this.#cache.clear();
        log.info('EMC insertion probability changed to zero');
      } else {
        log.info(
          `EMC insertion probability changed to 1/${probability} (~${(100 / probability).toFixed(2)}%)`,
        );
      }
    }
    const limit = number('vlan-limit', 1);
    this.#vlanLimit = limit === 0 || limit > 2 ? 2 : limit;
  }

  close(): void {
    this.#closed = true;
    for (const portNo of [...this.#ports.keys()]) this.portDel(portNo);
    if (this.#executeOffset >= 0) this.#arena.free(this.#executeOffset, EXECUTE_BUFFER_BYTES);
    this.#executeOffset = -1;
  }
}

const EXECUTE_BUFFER_BYTES = 73_728;
const EXECUTE_HEADROOM = 1022;
const MAX_EXECUTE_BYTES = 66_000;

function hashPlain(keys: Int32Array, ko: number): number {
  let h = mix(keys[ko + K.IN_PORT]!, keys[ko + K.NW_SRC]!);
  h = mix(h, keys[ko + K.NW_DST]!);
  h = mix(h, keys[ko + K.NW]! & 0xff);
  h = mix(h, keys[ko + K.TP]!);
  return finish(h, 16);
}

function hashWide(keys: Int32Array, ko: number): number {
  let h = 0;
  for (let k = 0; k < KEY_WIDE; k++) h = mix(h, keys[ko + k]!);
  return finish(h, KEY_WIDE * 4);
}
