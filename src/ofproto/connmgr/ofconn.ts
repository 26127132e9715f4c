/**
 * One controller's or management client's connection to a bridge: its settings, its requests, its messages.
 *
 * Requests are handled one after another; while one is still under way (a long dump) or the peer does not read
 * its replies, reading stops, so that neither queue grows without bound. C counterpart: struct ofconn of
 * ofproto/connmgr.c.
 */
import type { Random } from '../../base/host.ts';
import type { Loop, Runnable, Task } from '../../base/loop.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { OfpError, type OfpErrorName } from '../../openflow/errors.ts';
import { defaultAsyncConfig } from '../../openflow/messages/async-config.ts';
import { encodeMessage, encodeOne } from '../../openflow/messages/encode.ts';
import { errorReply } from '../../openflow/messages/error.ts';
import { messageName } from '../../openflow/messages/format.ts';
import {
  type AsyncConfig,
  type AsyncType,
  type ControllerRole,
  type FlowModCommand,
  OFPR,
  type OfpBody,
  type OfpMessage,
  type PacketInFormat,
} from '../../openflow/messages/message.ts';
import { OFP13, OFP14, type OfpVersion, type Protocol, versionProtocol } from '../../openflow/version.ts';
import type { OfConn } from '../ofconn.ts';
import { FlowModReport } from './flow-mod-report.ts';
import { Pinsched, type PinschedStats } from './pinsched.ts';
import type { Rconn } from './rconn.ts';
import type { ControllerSettings } from './settings.ts';

const log = vlog('connmgr');
const errorLimit = new RateLimit(10, 10);
const overflowLimit = new RateLimit(5, 5);

/** Bytes of unsent replies beyond which no further request is read. */
const MAX_REPLY_BACKLOG = 512 * 1024;
/** Requests handled, or slices of one, before others have a turn. */
const MAX_BATCH = 50;
/** Requests waiting for their turn beyond which reading stops. */
const MAX_INBOX = 200;
const DEFAULT_MISS_SEND_LEN = 128;
/** Request bytes that an error quotes at most: all of it, if that leaves room for the longest error's header. */
const ERROR_QUOTE = 0xffff - 28;

const NO_REASONS: Readonly<Record<AsyncType, number>> = {
  packet_in: 0,
  port_status: 0,
  flow_removed: 0,
  role_status: 0,
  table_status: 0,
  requestforward: 0,
};
const NO_ASYNC: AsyncConfig = { primary: NO_REASONS, secondary: NO_REASONS };
/** Reasons that OpenFlow 1.4 split off from "action". */
const ACTION_REASONS = (1 << OFPR.ACTION_SET) | (1 << OFPR.GROUP) | (1 << OFPR.PACKET_OUT);

/** What is left of a request. */
export type Job = Iterator<void, void>;

/** What a connection needs of its manager. */
export interface OfConnHost {
  readonly loop: Loop;
  readonly random: Random;
  /** Handles one message, or begins to. @throws OfpError to answer with */
  handle(conn: OfConnection, message: Uint8Array): Job | undefined;
  /** Newest generation id of a role request on any connection. */
  generationId: bigint | undefined;
  connections(): Iterable<OfConnection>;
  /** Something was received, so that the controller may have admitted the switch. */
  received(): void;
}

const MISS_REASONS = new Set<number>([OFPR.NO_MATCH, OFPR.EXPLICIT_MISS, OFPR.IMPLICIT_MISS]);

export class OfConnection implements OfConn, Runnable {
  readonly rconn: Rconn;
  readonly isPrimary: boolean;
  readonly attachments = new Map<object, unknown>();
  readonly onClose = new Set<() => void>();
  role: ControllerRole = 'equal';
  packetInFormat: PacketInFormat = 'standard';
  controllerId = 0;
  missSendLen: number;
  readonly #host: OfConnHost;
  readonly #task: Task;
  #settings: ControllerSettings;
  #protocol: Protocol = 0;
  #async: AsyncConfig | undefined;
  readonly #inbox: Uint8Array[] = [];
  #job: Job | undefined;
  #isPaused = false;
  /** Packet-ins sent since the kernel had last taken everything. */
  #packetInsInFlight = 0;
  /** For packets that an action sent, and for those that missed. */
  #schedulers: readonly [Pinsched<Uint8Array>, Pinsched<Uint8Array>] | undefined;
  readonly #report: FlowModReport;

  constructor(host: OfConnHost, rconn: Rconn, settings: ControllerSettings) {
    this.#host = host;
    this.rconn = rconn;
    this.isPrimary = settings.type === 'primary';
    this.missSendLen = this.isPrimary ? DEFAULT_MISS_SEND_LEN : 0;
    this.#settings = settings;
    this.#report = new FlowModReport(() => this.rconn.name);
    this.#task = host.loop.task(this);
    this.configure(settings);
  }

  /** Takes over changed settings. */
  configure(settings: ControllerSettings): void {
    this.#settings = settings;
    this.rconn.setMaxBackoff(settings.maxBackoff);
    this.rconn.setProbeInterval(settings.probeInterval);
    const { rateLimit, burstLimit } = settings;
    if (rateLimit <= 0) {
      this.#schedulers = undefined;
    } else if (this.#schedulers) {
      for (const scheduler of this.#schedulers) scheduler.setLimits(rateLimit, burstLimit);
    } else {
      const make = (): Pinsched<Uint8Array> =>
        new Pinsched(rateLimit, burstLimit, this.#host.loop.now(), this.#host.random);
      this.#schedulers = [make(), make()];
    }
    this.#task.wake();
  }

  /** Ends it; the rconn is the owner's. */
  destroy(): void {
    this.#report.flush(this.#host.loop.now());
    this.#task.remove();
    this.#inbox.length = 0;
    this.#job?.return?.();
    this.#job = undefined;
    for (const fn of this.onClose) fn();
    this.onClose.clear();
  }

  // --- state that messages change ---------------------------------------------------------------------------

  get version(): OfpVersion {
    return this.rconn.version;
  }

  /** 0 until the version is agreed. */
  get protocol(): Protocol {
    if (this.#protocol === 0 && this.rconn.isConnected) this.#protocol = versionProtocol(this.rconn.version);
    return this.#protocol;
  }
  set protocol(protocol: Protocol) {
    this.#protocol = protocol;
  }

  get generationId(): bigint | undefined {
    return this.#host.generationId;
  }

  setRole(role: ControllerRole, generationId: bigint | undefined): void {
    if (generationId !== undefined) this.#checkGeneration(generationId);
    if (role === 'primary' && this.role !== 'primary') {
      for (const other of this.#host.connections()) {
        if (other.role !== 'primary') continue;
        other.role = 'secondary';
        other.#sendRoleStatus('secondary');
      }
    }
    this.role = role;
  }

  /** Generations are 64-bit numbers that wrap around. */
  #checkGeneration(id: bigint): void {
    const newest = this.#host.generationId;
    if (newest !== undefined && BigInt.asIntN(64, id - newest) < 0n) throw new OfpError('OFPRRFC_STALE');
    this.#host.generationId = id;
  }

  #sendRoleStatus(role: ControllerRole): void {
    if (this.version < OFP13) return;
    const generationId = this.generationId ?? 0xffff_ffff_ffff_ffffn;
    this.send({ kind: 'role_status', role, reason: 0, generationId });
  }

  get invalidTtlToController(): boolean {
    return (this.asyncConfig.primary.packet_in & (1 << OFPR.INVALID_TTL)) !== 0;
  }
  set invalidTtlToController(enable: boolean) {
    const { primary, secondary } = this.asyncConfig;
    const bit = 1 << OFPR.INVALID_TTL;
    const packetIn = enable ? primary.packet_in | bit : primary.packet_in & ~bit;
    this.asyncConfig = { primary: { ...primary, packet_in: packetIn }, secondary };
  }

  get asyncConfig(): AsyncConfig {
    if (this.#async) return this.#async;
    return this.#settings.enableAsyncMessages && this.version > 0
      ? defaultAsyncConfig(this.version)
      : NO_ASYNC;
  }
  set asyncConfig(config: AsyncConfig) {
    const widen = (masks: AsyncConfig['primary']): AsyncConfig['primary'] =>
      masks.packet_in & (1 << OFPR.ACTION)
        ? { ...masks, packet_in: masks.packet_in | ACTION_REASONS }
        : masks;
    this.#async =
      this.version < OFP14 ? { primary: widen(config.primary), secondary: widen(config.secondary) } : config;
  }

  /** Whether it wants asynchronous messages of that type for that reason. */
  wants(type: AsyncType, reason: number): boolean {
    if (!this.rconn.isConnected || this.protocol === 0) return false;
    // A management connection has to ask for them by setting a length.
    if (!this.isPrimary && this.missSendLen === 0) return false;
    const config = this.asyncConfig;
    const masks = this.role === 'secondary' ? config.secondary : config.primary;
    return (masks[type] & (1 << reason)) !== 0;
  }

  /** Whether a table miss should send it the packet although no flow says so: before OpenFlow 1.3. */
  get wantsMisses(): boolean {
    return this.controllerId === 0 && (this.protocol === 0 || this.version < 4);
  }

  // --- sending ----------------------------------------------------------------------------------------------

  get backlog(): number {
    return this.rconn.backlog;
  }

  sendReply(body: OfpBody, xid: number, more = false, version = this.version): void {
    for (const bytes of this.#encode(body, xid, more, version)) this.rconn.send(bytes);
  }

  send(body: OfpBody): void {
    for (const bytes of this.#encode(body, 0, false)) this.rconn.send(bytes);
  }

  sendError(error: OfpErrorName, request: Uint8Array): void {
    log.infoRl(
      errorLimit,
      `${this.rconn.name}: sending ${error} error reply to ${messageName(request)} message`,
    );
    this.rconn.send(encodeOne(errorReply(error, request.subarray(0, ERROR_QUOTE))));
  }

  #encode(body: OfpBody, xid: number, more: boolean, version = this.version): Uint8Array[] {
    const message = { ...body, version, xid, ...(more ? { more } : {}) } as OfpMessage;
    return encodeMessage(message, { protocol: this.protocol });
  }

  /** Whether two messages are the same in the version of this connection. */
  looksSame(a: OfpBody, b: OfpBody): boolean {
    const [x, y] = [this.#encode(a, 0, false)[0]!, this.#encode(b, 0, false)[0]!];
    return x.length === y.length && x.every((byte, i) => byte === y[i]);
  }

  /** Sends a packet-in, through the rate limit if there is one. */
  sendPacketIn(body: Extract<OfpBody, { kind: 'packet_in' }>, inPort: number): void {
    const now = this.#host.loop.now();
    const scheduler = this.#schedulers?.[MISS_REASONS.has(body.reason) ? 1 : 0];
    for (const bytes of this.#encode(body, 0, false)) {
      if (!scheduler || scheduler.offer(inPort, bytes, now)) this.#sendLimited(bytes);
      else this.#task.wake();
    }
  }

  #sendLimited(bytes: Uint8Array): void {
    if (this.rconn.backlog === 0) this.#packetInsInFlight = 0;
    if (this.#packetInsInFlight >= this.#settings.maxPacketInQueue) {
      this.rconn.countOverflow();
      log.infoRl(overflowLimit, `${this.rconn.name}: dropping packet-in due to queue overflow`);
      return;
    }
    this.#packetInsInFlight++;
    this.rconn.send(bytes);
  }

  /** Backlog and drops of the rate limits by name, if there are any. */
  schedulerStats(): readonly (readonly [name: string, stats: PinschedStats])[] {
    const [action, miss] = this.#schedulers ?? [];
    return action && miss
      ? [
          ['action', action.stats],
          ['miss', miss.stats],
        ]
      : [];
  }

  /** Notes a flow_mod that was carried out, for the log. */
  reportFlowMod(command: FlowModCommand): void {
    this.#report.add(command, this.#host.loop.now());
    this.#task.wake();
  }

  // --- receiving --------------------------------------------------------------------------------------------

  /** A message came in. */
  receive(message: Uint8Array): void {
    this.#host.received();
    if (this.#job || this.#inbox.length > 0 || !this.#mayHandle()) {
      this.#inbox.push(message);
      this.#updateReading();
      this.#task.wake();
      return;
    }
    this.#handle(message);
  }

  /** All that was sent has left. */
  drained(): void {
    this.#packetInsInFlight = 0;
    this.#task.wake();
  }

  #mayHandle(): boolean {
    return this.rconn.backlog < MAX_REPLY_BACKLOG;
  }

  #handle(message: Uint8Array): void {
    this.#job = this.#host.handle(this, message);
    if (!this.#job) return;
    this.#updateReading();
    this.#task.wake();
  }

  /** Reads on unless there is enough to do. */
  #updateReading(): void {
    const shouldPause = this.#job !== undefined || this.#inbox.length > MAX_INBOX || !this.#mayHandle();
    if (shouldPause === this.#isPaused) return;
    this.#isPaused = shouldPause;
    if (shouldPause) this.rconn.pause();
    else this.rconn.resume();
  }

  run(now: number): void {
    if (this.#schedulers)
      for (const scheduler of this.#schedulers) scheduler.run(now, (bytes) => this.#sendLimited(bytes));
    for (let i = 0; i < MAX_BATCH && this.#mayHandle(); i++) {
      if (this.#job) {
        if (this.#job.next().done) this.#job = undefined;
        continue;
      }
      const message = this.#inbox.shift();
      if (!message) break;
      this.#handle(message);
    }
    this.#updateReading();
    this.#report.run(now);
  }

  deadline(): number {
    if ((this.#job || this.#inbox.length > 0) && this.#mayHandle()) return Number.NEGATIVE_INFINITY;
    let deadline = this.#report.deadline();
    if (this.#schedulers)
      for (const scheduler of this.#schedulers) deadline = Math.min(deadline, scheduler.deadline());
    return deadline;
  }
}
