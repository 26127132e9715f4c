/**
 * The userspace datapath: its ports, their polling, and the messages of the dpif seam. What happens to a packet is in
 * pipeline.ts. Types 'netdev' (Linux devices) and 'dummy' (the tests' devices).
 *
 * It runs in the event loop: a port that has packets is polled until it is empty, some 128 packets a turn.
 * C counterpart: lib/dpif-netdev.c.
 */
import { ERRNO } from '../../base/errno.ts';
import { errorStack } from '../../base/error-stack.ts';
import { type Random, SystemError } from '../../base/host.ts';
import type { Loop } from '../../base/loop.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
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
import type { Netdev, NetdevIo, PacketArena } from '../netdev-provider.ts';
import type { Conntrack } from './conntrack.ts';
import type { OutputPort } from './executor.ts';
import { logFlowPut } from './flow-log.ts';
import type { FlowRecord } from './flow-table.ts';
import { flowToKey, KEY_STRIDE } from './key.ts';
import { MAX_BANDS, MAX_METERS } from './meters.ts';
import { Pipeline } from './pipeline.ts';
import { compile, UnsupportedActionError } from './program.ts';

const log = vlog('dpif_netdev');
const actionLimit = new RateLimit(60, 5);

/** Packets handled in one turn of the event loop. */
const TURN_BUDGET = 128;
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
  /** Called once it has closed. */
  readonly closed?: () => void;
}

export class DpifNetdev implements Dpif {
  readonly type: string;
  readonly name: string;
  readonly #dummy: boolean;
  readonly #arena: PacketArena;
  readonly #loop: Loop;
  readonly #ports = new Map<number, Port>();
  readonly #pipeline: Pipeline;
  readonly #keyScratch = new Int32Array(KEY_STRIDE);
  readonly #maskScratch = new Int32Array(KEY_STRIDE);
  #active: Port[] = [];
  #scheduled = false;
  #closed = false;
  readonly #onClosed: (() => void) | undefined;

  constructor(options: DpifNetdevOptions) {
    this.type = options.type;
    this.name = options.name;
    this.#dummy = options.dummy ?? options.type === 'dummy';
    this.#arena = options.arena;
    this.#loop = options.loop;
    this.#onClosed = options.closed;
    this.#pipeline = new Pipeline(options);
    this.#pipeline.cache.inverseProbability = DEFAULT_EMC_INSERT_INVERSE_PROBABILITY;
  }

  /** The connections of the `ct` action. */
  get conntrack(): Conntrack {
    return this.#pipeline.conntrack;
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
    this.#pipeline.executor.ports[number] = port;
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
    this.#pipeline.executor.ports[portNo] = undefined;
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
    if (this.#pipeline.busy || this.#scheduled || this.#closed) {
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
          const n = port.active ? this.#pipeline.receive(port.io as NetdevIo, port.portNo) : 0;
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

  setUpcallReceiver(receiver: ((upcalls: readonly DpifUpcall[]) => void) | undefined): void {
    this.#pipeline.receiver = receiver;
  }

  // Operations.

  operate(ops: readonly DpifOp[], done?: (results: readonly DpifResult[]) => void): void {
    this.#pipeline.recycle();
    const results = ops.map((op) => this.#operation(op));
    this.#pipeline.deliver();
    done?.(results);
  }

  #operation(op: DpifOp): DpifResult {
    try {
      switch (op.kind) {
        case 'flow_put':
          return { errno: this.#flowPut(op) };
        case 'flow_del': {
          const record = this.#pipeline.flows.find(op.ufid);
          if (!record) return { errno: ERRNO.ENOENT };
          const { stats } = this.#pipeline.flows.describe(record);
          this.#remove(record);
          return { errno: 0, stats };
        }
        case 'execute':
          return { errno: this.#pipeline.execute(op) };
      }
    } catch (error) {
      if (error instanceof UnsupportedActionError) {
        log.warnRl(actionLimit, error.message);
        return { errno: ERRNO.ENOTSUP };
      }
      // A mistake of ours costs this operation, not the others.
      log.errRl(actionLimit, `failed to carry out ${op.kind}: ${errorStack(error)}`);
      return { errno: ERRNO.EINVAL };
    }
  }

  #flowPut(op: Extract<DpifOp, { kind: 'flow_put' }>): number {
    const key = this.#keyScratch;
    const live = flowToKey(op.key, key, 0);
    const existing =
      this.#pipeline.flows.find(op.ufid) ??
      this.#pipeline.flows.record(this.#pipeline.megaflows.lookup(key, 0));
    if (existing) {
      if (!op.modify) return ERRNO.EEXIST;
      if (existing.ufid !== op.ufid) return ERRNO.EINVAL;
      this.#pipeline.flows.programs[existing.handle] = compile(op.actions);
      logFlowPut(op, existing.actions);
      existing.actions = op.actions;
      return 0;
    }
    if (!op.create) return ERRNO.ENOENT;
    const program = compile(op.actions);
    flowToKey(op.mask, this.#maskScratch, 0);
    const subtable = this.#pipeline.megaflows.subtable(this.#maskScratch);
    const record = this.#pipeline.flows.add(op.ufid, key, live, subtable, op.actions, program);
    subtable.insert(key, 0, record.handle);
    logFlowPut(op, undefined);
    return 0;
  }

  #remove(record: FlowRecord): void {
    record.subtable.remove(this.#pipeline.flows.row(record), 0);
    this.#pipeline.megaflows.dropIfEmpty(record.subtable);
    this.#pipeline.flows.remove(record);
  }

  // Flows.

  dumpFlows(batch: (flows: readonly DpifFlow[]) => void, done: () => void): void {
    const records = [...this.#pipeline.flows.values()];
    let next = 0;
    const slice = (): void => {
      for (const end = next + DUMP_SLICE; next < end && next < records.length; next += DUMP_BATCH) {
        const flows = records
          .slice(next, next + DUMP_BATCH)
          .filter((record) => this.#pipeline.flows.find(record.ufid) === record)
          .map((record) => this.#pipeline.flows.describe(record));
        if (flows.length > 0) batch(flows);
      }
      if (next < records.length) this.#loop.defer(slice);
      else done();
    };
    slice();
  }

  flowGet(ufid: Ufid): DpifFlow | undefined {
    const record = this.#pipeline.flows.find(ufid);
    return record && this.#pipeline.flows.describe(record);
  }

  flowStats(ufid: Ufid, into: FlowStats): boolean {
    const record = this.#pipeline.flows.find(ufid);
    if (!record) return false;
    this.#pipeline.flows.stats(record.handle, into);
    return true;
  }

  flushFlows(): void {
    for (const record of [...this.#pipeline.flows.values()]) this.#pipeline.flows.remove(record);
    this.#pipeline.megaflows.clear();
  }

  stats(): DpifStats {
    return {
      hit: this.#pipeline.cacheHits + this.#pipeline.maskHits,
      missed: this.#pipeline.missed,
      lost: this.#pipeline.lost,
      flows: this.#pipeline.flows.count,
      masks: this.#pipeline.megaflows.masks,
      masksHit: this.#pipeline.megaflows.searched,
      cacheHits: this.#pipeline.cacheHits,
    };
  }

  // Meters.

  meterSet(id: number, config: MeterConfig): void {
    if (id < 0 || id >= MAX_METERS) throw new SystemError(ERRNO.EFBIG);
    if (config.bands.length > MAX_BANDS) throw new SystemError(ERRNO.EINVAL);
    if (config.bands.some((band) => band.type !== 'drop')) throw new SystemError(ERRNO.ENODEV);
    this.#pipeline.meters.set(id, config, Math.floor(this.#loop.now()));
  }
  meterGet(id: number): MeterStats | undefined {
    return this.#pipeline.meters.get(id);
  }
  meterDel(id: number): MeterStats | undefined {
    return this.#pipeline.meters.delete(id);
  }

  configure(options: ReadonlyMap<string, string>): void {
    const number = (name: string, fallback: number): number => {
      const text = options.get(name);
      return text !== undefined && /^\d+$/.test(text) ? Number(text) : fallback;
    };
    const probability = number('emc-insert-inv-prob', DEFAULT_EMC_INSERT_INVERSE_PROBABILITY);
    if (probability !== this.#pipeline.cache.inverseProbability) {
      this.#pipeline.cache.inverseProbability = probability;
      if (probability === 0) {
        this.#pipeline.cache.clear();
        log.info('EMC insertion probability changed to zero');
      } else {
        log.info(
          `EMC insertion probability changed to 1/${probability} (~${(100 / probability).toFixed(2)}%)`,
        );
      }
    }
    const limit = number('vlan-limit', 1);
    this.#pipeline.vlanLimit = limit === 0 || limit > 2 ? 2 : limit;
  }

  close(): void {
    this.#closed = true;
    for (const portNo of [...this.#ports.keys()]) this.portDel(portNo);
    this.#pipeline.close();
    this.#onClosed?.();
  }
}
