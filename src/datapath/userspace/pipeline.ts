/**
 * The way of packets through the userspace datapath, in batches of up to 32: parse to a compact key (parse.ts), look it
 * up in the exact-match cache and then among the megaflows, put it into its flow's group; then run each flow's program
 * over its group (executor.ts), flush the outputs and give the memory back. A packet that matches nothing is handed to
 * the receiver of upcalls at once, so that the flow it installs already serves the rest of the batch.
 *
 * A pipeline owns its caches, tables and buffers and shares nothing, so that each packet thread can have one.
 * The loops over a batch are plain functions over typed arrays held in local constants, and what they call has one
 * shape, so that the optimising compiler sees through all of it.
 * C counterpart: dp_netdev_input and what it calls in lib/dpif-netdev.c.
 */
import { coverage } from '../../base/coverage.ts';
import { ERRNO } from '../../base/errno.ts';
import { errorStack } from '../../base/error-stack.ts';
import type { Random } from '../../base/host.ts';
import type { Loop } from '../../base/loop.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { extractFlow, newLayers } from '../../flow/extract.ts';
import { F, type Flow, newFlow } from '../../flow/layout.ts';
import type { OdpAction } from '../../odp/action.ts';
import type { DpifOp, DpifUpcall } from '../dpif-provider.ts';
import { BATCH_SIZE, type NetdevIo, type PacketArena } from '../netdev-provider.ts';
import { Conntrack } from './conntrack.ts';
import { ExactMatchCache } from './exact-match-cache.ts';
import { Executor } from './executor.ts';
import { logUpcall } from './flow-log.ts';
import { FlowTable } from './flow-table.ts';
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
import { Meters } from './meters.ts';
import { finishChecksum } from './offload.ts';
import { parseAny, parsePlain } from './parse.ts';
import { compile } from './program.ts';
import { PacketWork } from './work.ts';

const log = vlog('dpif_netdev');
const failedLimit = new RateLimit(5, 5);
const upcallMiss = coverage('dpif_netdev_upcall_miss');
const dropUpcall = coverage('datapath_drop_upcall_error');

/** How often the subtables are sorted by their hits. */
const SORT_INTERVAL_MS = 1000;
/** Where a packet from outside is executed, with room before it for headers. */
const EXECUTE_BUFFER_BYTES = 73_728;
const EXECUTE_HEADROOM = 1022;
const MAX_EXECUTE_BYTES = 66_000;

const layers = newLayers();

export type UpcallReceiver = (upcalls: readonly DpifUpcall[]) => void;

export interface PipelineOptions {
  readonly name: string;
  readonly arena: PacketArena;
  readonly loop: Loop;
  readonly random: Random;
}

export class Pipeline {
  readonly cache = new ExactMatchCache();
  readonly megaflows = new Megaflows();
  readonly meters = new Meters();
  readonly flows: FlowTable;
  readonly conntrack: Conntrack;
  readonly executor: Executor;
  receiver: UpcallReceiver | undefined;
  /** Tags beyond this many are not looked through. */
  vlanLimit = 2;
  /** Lookups that the cache answered, that a megaflow did, that none did, and upcalls that nobody took. */
  cacheHits = 0;
  maskHits = 0;
  missed = 0;
  lost = 0;
  readonly #name: string;
  readonly #arena: PacketArena;
  readonly #loop: Loop;
  /** Packets just received, and those that `execute` brings. */
  readonly #received = new PacketWork(0);
  readonly #executed = new PacketWork(0);
  #executeBuffer = -1;
  /** Upcalls that wait until the packets in hand are done. */
  #upcalls: DpifUpcall[] = [];
  #busy = false;
  #now = 0;
  #sortAt = 0;

  /** @param options `name` of the datapath, for the log */
  constructor({ name, arena, loop, random }: PipelineOptions) {
    this.#name = name;
    this.#arena = arena;
    this.#loop = loop;
    this.conntrack = new Conntrack(
      arena,
      () => random.u32(),
      () => loop.now(),
    );
    this.flows = new FlowTable(() => this.cache.purge((flow) => this.flows.programs[flow] === undefined));
    this.executor = new Executor(arena, this.meters, {
      recirculate: (work) => this.#process(work, -1),
      userspace: (work, i, maxLength, action, program) =>
        this.#userspaceAction(work, i, maxLength, action, program.actions),
      conntrack: (work, list, base, n, action) =>
        this.conntrack.execute(work, list, base, n, action, this.#now),
      bondPort: () => -1,
      now: () => this.#now,
      random: () => random.u32(),
    });
  }

  /** Packets or upcalls are in hand: what arrives has to wait. */
  get busy(): boolean {
    return this.#busy;
  }

  /** Receives and handles one batch of a port; returns how many packets it had. */
  receive(io: NetdevIo, portNo: number): number {
    const work = this.#received;
    const { batch } = work;
    const n = io.receive(batch);
    if (n === 0) return 0;
    this.#begin();
    try {
      this.#process(work, portNo);
    } catch (error) {
      // A mistake of ours costs this batch, not those to come.
      log.errRl(failedLimit, `${this.#name}: failed to process packets: ${errorStack(error)}`);
    } finally {
      this.#forgetGroups(work);
      this.executor.flush();
      io.release(batch);
      this.#busy = false;
    }
    this.deliver();
    return n;
  }

  /** Between batches: makes the handles of deleted flows usable again. */
  recycle(): void {
    if (!this.#busy) this.flows.recycle();
  }

  /** Runs actions on a packet that came from outside, with the metadata of `op.key`; returns an errno or 0.
   * @throws UnsupportedActionError */
  execute(op: Extract<DpifOp, { kind: 'execute' }>): number {
    const program = compile(op.actions);
    const work = this.#executed;
    const { batch } = work;
    const length = op.packet.length;
    if (length > MAX_EXECUTE_BYTES) return ERRNO.EINVAL;
    if (this.#executeBuffer < 0) this.#executeBuffer = this.#arena.allocate(EXECUTE_BUFFER_BYTES);
    const offset = this.#executeBuffer + EXECUTE_HEADROOM;
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
    extractFlow(this.#arena.u8, key, layers, offset, offset + length, this.vlanLimit);
    work.live[0] = flowToKey(key, work.keys, 0);
    work.all[0] = 0;
    try {
      this.executor.run(program, 0, work, work.all, 0, 1);
    } finally {
      this.executor.flush();
      this.#busy = nested;
    }
    return 0;
  }

  close(): void {
    if (this.#executeBuffer >= 0) this.#arena.free(this.#executeBuffer, EXECUTE_BUFFER_BYTES);
    this.#executeBuffer = -1;
  }

  #begin(): void {
    this.recycle();
    this.#busy = true;
    this.#now = this.#loop.now();
    if (this.#now < this.#sortAt) return;
    this.megaflows.sort();
    this.#sortAt = this.#now + SORT_INTERVAL_MS;
  }

  // The way of a batch.

  /** Looks up all packets of `work` and runs their flows' programs. `inPort` is -1 for recirculated packets. */
  #process(work: PacketWork, inPort: number): void {
    const { batch, keys, live, hash, misses } = work;
    const { u16, i32 } = this.#arena;
    const { programs } = this.flows;
    const cache = this.cache;
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
    this.cacheHits += hits;
    for (let m = 0; m < missCount; m++) {
      const i = misses[m]!;
      const ko = i * KEY_STRIDE;
      const flow = this.megaflows.lookup(keys, ko);
      if (flow < 0) {
        this.#miss(work, i);
        continue;
      }
      this.maskHits++;
      if (live[i]! <= KEY_WIDE) cache.maybeInsert(keys, ko, live[i]!, hash[i]!, flow);
      this.#addToGroup(work, flow, i);
    }
    this.#runGroups(work);
  }

  #addToGroup(work: PacketWork, flow: number, i: number): void {
    const column = this.flows.group;
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
    const { group } = this.flows;
    for (let g = 0; g < work.groups; g++) group[work.groupFlow[g]!] = -1;
    work.groups = 0;
  }

  #runGroups(work: PacketWork): void {
    const groups = work.groups;
    const flows = this.flows;
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
      this.executor.run(program, 0, work, work.groupPackets, g * BATCH_SIZE, n);
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
    words = parseAny(this.#arena, batch.offset[i]!, batch.length[i]!, keys, ko, words, this.vlanLimit);
    live[i] = words;
    return words;
  }

  // Upcalls.

  /** No flow matches packet `i`: asks the receiver, now if nothing is in the way, else when the batch is done. */
  #miss(work: PacketWork, i: number): void {
    upcallMiss.inc();
    this.missed++;
    if (!this.receiver) {
      this.lost++;
      dropUpcall.inc();
      return;
    }
    const key = keyToFlow(work.keys, i * KEY_STRIDE, work.live[i]!, newFlow());
    const upcall = this.#upcall('miss', work, i, key, undefined, undefined);
    logUpcall(this.#name, upcall);
    if (work === this.#received) this.receiver([upcall]);
    else this.#upcalls.push(upcall);
  }

  #userspaceAction(
    work: PacketWork,
    i: number,
    maxLength: number,
    action: Extract<OdpAction, { kind: 'userspace' }>,
    actions: readonly OdpAction[],
  ): void {
    if (!this.receiver) {
      this.lost++;
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
      this.vlanLimit,
    );
    const upcall = this.#upcall('action', work, i, key, action, action.withActions ? actions : undefined);
    logUpcall(this.#name, upcall);
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
      this.executor.flush();
      finishChecksum(this.#arena, batch, i);
    }
    const offset = batch.offset[i]!;
    const packet = this.#arena.u8.slice(offset, offset + batch.length[i]!);
    const offload =
      batch.offload[i] === 0 ? undefined : { offload: batch.offload[i]!, checksum: batch.checksum[i]! };
    return { reason, packet, key, action, actions, ufid: undefined, offload };
  }

  /** Hands the waiting upcalls over; what the receiver executes may bring new ones. */
  deliver(): void {
    if (this.#busy || this.#upcalls.length === 0) return;
    this.#busy = true;
    try {
      while (this.#upcalls.length > 0) {
        const upcalls = this.#upcalls;
        this.#upcalls = [];
        this.receiver?.(upcalls);
      }
    } finally {
      this.#busy = false;
    }
  }
}

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
