/**
 * The connection manager of a bridge: its controllers and management clients, what they are told, and what happens
 * when there are no controllers.
 *
 * Owns every OpenFlow connection of its bridge. Configured by the daemon (`setControllers`, `setSnoops`,
 * `setFailMode`); ofproto talks to it through `Connections`. In-band control is not here.
 * C counterpart: ofproto/connmgr.c.
 */
import { coverage } from '../../base/coverage.ts';
import type { Host, Listener, Random, Stream, Streams, SystemError } from '../../base/host.ts';
import type { Loop, Runnable, Task } from '../../base/loop.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { catchAllMatch, F, type Match } from '../../flow/layout.ts';
import { OFPP } from '../../flow/ports.ts';
import type { OfpAct } from '../../openflow/actions/action.ts';
import { OfpError } from '../../openflow/errors.ts';
import { messageName } from '../../openflow/messages/format.ts';
import {
  type AsyncType,
  type ControllerRole,
  type FlowRemoved,
  type Message,
  NO_BUFFER,
  type OfpBody,
  type PhyPort,
  type TableConfig,
} from '../../openflow/messages/message.ts';
import { OFP13, OFP14, OFP15 } from '../../openflow/version.ts';
import type { Connections, OfConn, PacketInEvent } from '../ofconn.ts';
import { FailOpen, type FailOpenHost } from './fail-open.ts';
import type { Job, OfConnection } from './ofconn.ts';
import { Service, type ServiceHost } from './service.ts';
import type { ControllerSettings } from './settings.ts';
import { OFP_PORT, targetKind, Vconn } from './vconn.ts';

const log = vlog('connmgr');
const limit = new RateLimit(1, 5);
const unsent = coverage('connmgr_async_unsent');
const NORMAL: readonly OfpAct[] = [{ kind: 'output', port: OFPP.NORMAL, maxLen: 0 }];

/** What to do without controllers: wait for them, or forward like a plain switch. */
export type FailMode = 'secure' | 'standalone';

/** What the connection manager needs of its bridge. */
export interface ConnectedBridge {
  readonly name: string;
  flushFlows(): void;
  addFlow(match: Match, priority: number, actions: readonly OfpAct[]): void;
  deleteFlow(match: Match, priority: number): void;
}

export interface ConnMgrOptions {
  readonly host: Pick<Host, 'loop' | 'random' | 'streams'>;
  readonly bridge: ConnectedBridge;
  /** Handles one OpenFlow message, or begins to and returns the rest. @throws OfpError to answer with */
  readonly handle: (conn: OfConnection, message: Uint8Array) => Job | undefined;
}

/** Of a primary controller that we connect to: columns of the Controller table. */
export interface ControllerInfo {
  readonly isConnected: boolean;
  /** undefined when there is no connection. */
  readonly role: ControllerRole | undefined;
  readonly status: ReadonlyMap<string, string>;
}

export class ConnMgr implements Connections, ServiceHost, FailOpenHost, Runnable {
  readonly name: string;
  readonly loop: Loop;
  readonly random: Random;
  readonly streams: Streams;
  generationId: bigint | undefined;
  readonly #bridge: ConnectedBridge;
  readonly #handle: ConnMgrOptions['handle'];
  readonly #services = new Map<string, Service>();
  readonly #snoops = new Map<string, { listener: Listener | undefined; isClosed: boolean }>();
  readonly #task: Task;
  #failMode: FailMode = 'secure';
  #failOpen: FailOpen | undefined;
  #isReceiving = false;

  constructor({ host, bridge, handle }: ConnMgrOptions) {
    this.name = bridge.name;
    this.loop = host.loop;
    this.random = host.random;
    this.streams = host.streams;
    this.#bridge = bridge;
    this.#handle = handle;
    this.#task = host.loop.task(this);
  }

  /** Closes every connection and listener. */
  destroy(): void {
    for (const service of this.#services.values()) service.close();
    this.#services.clear();
    for (const target of [...this.#snoops.keys()]) this.#closeSnoop(target);
    this.#failOpen?.recover();
    this.#failOpen = undefined;
    this.#task.remove();
  }

  // --- configuration ----------------------------------------------------------------------------------------

  /** Makes these the controllers and listeners, by target. Connections of those that stay are kept. */
  setControllers(controllers: ReadonlyMap<string, ControllerSettings>): void {
    const had = this.hasControllers;
    for (const [target, settings] of controllers)
      if (!this.#services.has(target)) this.#addService(target, settings);
    for (const [target, service] of [...this.#services]) {
      const settings = controllers.get(target);
      if (!settings) {
        log.info(`${this.name}: removed ${service.settings.type} controller "${target}"`);
        this.#removeService(service);
      } else if (!service.configure(settings)) {
        log.info(
          `${this.name}: Changes to controller "${target}" expects re-initialization: Re-initializing now.`,
        );
        this.#removeService(service);
        this.#addService(target, settings);
      }
    }
    this.#updateFailOpen();
    if (had !== this.hasControllers) this.#bridge.flushFlows();
  }

  #addService(target: string, settings: ControllerSettings): void {
    if (targetKind(target) === undefined) {
      log.warnRl(limit, `${this.name}: unsupported controller "${target}"`);
      return;
    }
    const service: Service = new Service(this, target, settings, () => {
      if (this.#services.get(target) === service) this.#services.delete(target);
    });
    this.#services.set(target, service);
    log.info(`${this.name}: added ${settings.type} controller "${target}"`);
  }

  #removeService(service: Service): void {
    this.#services.delete(service.target);
    service.close();
  }

  /** Makes these the targets whose clients see a copy of all messages of the most important controller. */
  setSnoops(targets: Iterable<string>): void {
    const wanted = new Set(targets);
    for (const target of [...this.#snoops.keys()]) if (!wanted.has(target)) this.#closeSnoop(target);
    for (const target of wanted) if (!this.#snoops.has(target)) this.#openSnoop(target);
  }

  #openSnoop(target: string): void {
    const snoop: { listener: Listener | undefined; isClosed: boolean } = {
      listener: undefined,
      isClosed: false,
    };
    this.#snoops.set(target, snoop);
    this.streams
      .listen(target, OFP_PORT, (stream) => this.#acceptSnoop(stream))
      .then(
        (listener) => {
          if (snoop.isClosed) listener.close();
          else snoop.listener = listener;
        },
        (error: SystemError) => {
          log.err(`failed to listen on ${target}: ${error.message}`);
          if (this.#snoops.get(target) === snoop) this.#snoops.delete(target);
        },
      );
  }

  #closeSnoop(target: string): void {
    const snoop = this.#snoops.get(target)!;
    snoop.isClosed = true;
    snoop.listener?.close();
    this.#snoops.delete(target);
  }

  #acceptSnoop(stream: Stream): void {
    const rank = (service: Service): number =>
      ['nochange', 'secondary', 'equal', 'primary'].indexOf(service.firstConn?.role ?? 'nochange');
    let best: Service | undefined;
    for (const service of this.#services.values())
      if (service.rconn && (!best || rank(service) > rank(best))) best = service;
    if (!best) {
      log.infoRl(limit, 'no controller connection to snoop');
      stream.close();
      return;
    }
    best.rconn!.addMonitor((events) => Vconn.accept(stream, 0, events));
  }

  get failMode(): FailMode {
    return this.#failMode;
  }

  setFailMode(mode: FailMode): void {
    if (mode === this.#failMode) return;
    this.#failMode = mode;
    this.#updateFailOpen();
    if (!this.hasControllers) this.#bridge.flushFlows();
  }

  #updateFailOpen(): void {
    if (this.hasControllers && this.#failMode === 'standalone') {
      this.#failOpen ??= new FailOpen(this);
      this.#task.wake();
    } else {
      this.#failOpen?.recover();
      this.#failOpen = undefined;
    }
  }

  /** Drops all connections; controllers are connected to again. */
  reconnect(): void {
    for (const conn of [...this.connections()]) conn.rconn.reconnect();
  }

  // --- what there is ----------------------------------------------------------------------------------------

  /** Whether primary controllers are configured, connected or not. */
  get hasControllers(): boolean {
    for (const service of this.#services.values()) if (service.settings.type === 'primary') return true;
    return false;
  }

  get hasSnoops(): boolean {
    return this.#snoops.size > 0;
  }

  *connections(): Generator<OfConnection> {
    for (const service of this.#services.values()) yield* service.conns;
  }

  all(): Iterable<OfConn> {
    return this.connections();
  }

  /** The state of each controller that we connect to, by target. */
  controllerInfo(): Map<string, ControllerInfo> {
    const infos = new Map<string, ControllerInfo>();
    for (const service of this.#services.values())
      if (service.rconn) infos.set(service.target, this.#infoOf(service));
    return infos;
  }

  #infoOf(service: Service): ControllerInfo {
    const rconn = service.rconn!;
    const conn = service.firstConn;
    const now = this.loop.now();
    const status = new Map<string, string>();
    const ago = (name: string, since: number | undefined): void => {
      if (since !== undefined) status.set(name, String(Math.floor((now - since) / 1000)));
    };
    const { lastError } = rconn;
    if (lastError) status.set('last_error', lastError === 'eof' ? 'End of file' : lastError.message);
    status.set('state', rconn.state);
    ago('sec_since_connect', rconn.lastConnectedMs);
    ago('sec_since_disconnect', rconn.lastDisconnectedMs);
    for (const [name, stats] of conn?.schedulerStats() ?? []) {
      status.set(`packet-in-${name}-backlog`, String(stats.queued));
      status.set(`packet-in-${name}-bypassed`, String(stats.normal));
      status.set(`packet-in-${name}-queued`, String(stats.limited));
      status.set(`packet-in-${name}-dropped`, String(stats.dropped));
    }
    return { isConnected: rconn.isConnected, role: conn?.role, status };
  }

  /** For `memory/show`. */
  memoryUsage(): { ofconns: number; packets: number } {
    let ofconns = 0;
    let packets = 0;
    for (const conn of this.connections()) {
      ofconns++;
      for (const [, stats] of conn.schedulerStats()) packets += stats.queued;
    }
    return { ofconns, packets };
  }

  /** Flows of fail-open in table 0, which controllers do not see. */
  get hiddenRules(): number {
    return this.#failOpen?.ruleCount ?? 0;
  }

  wantsPacketInOnMiss(): boolean {
    for (const conn of this.connections()) if (conn.wantsMisses) return true;
    return false;
  }

  isAnyConnected(): boolean {
    for (const service of this.#services.values())
      if (service.settings.type === 'primary' && service.conns.size > 0) return true;
    return false;
  }

  isAnyAdmitted(): boolean {
    for (const conn of this.connections()) if (conn.isPrimary && conn.rconn.isAdmitted) return true;
    return false;
  }

  failureDurationS(): number {
    let least = Number.POSITIVE_INFINITY;
    for (const { settings, rconn } of this.#services.values())
      if (settings.type === 'primary' && rconn) least = Math.min(least, rconn.failureDurationS());
    return least === Number.POSITIVE_INFINITY ? 0 : least;
  }

  maxProbeIntervalS(): number {
    let longest = 0;
    for (const { settings } of this.#services.values())
      if (settings.type === 'primary') longest = Math.max(longest, settings.probeInterval);
    return longest;
  }

  // --- asynchronous messages --------------------------------------------------------------------------------

  #sendTo(conn: OfConnection, body: OfpBody): void {
    try {
      conn.send(body);
    } catch (error) {
      // What the connection's version cannot say, its controller cannot have asked for.
      if (!(error instanceof OfpError)) throw error;
    }
  }

  #broadcast(type: AsyncType, reason: number, body: OfpBody, wants?: (conn: OfConnection) => boolean): void {
    for (const conn of this.connections())
      if (conn.wants(type, reason) && (!wants || wants(conn))) this.#sendTo(conn, body);
  }

  sendPacketIn(event: PacketInEvent): void {
    let isSent = false;
    for (const conn of this.connections()) {
      if (conn.controllerId !== event.controllerId || !conn.wants('packet_in', event.reason)) continue;
      const { packet, metadata, reason, tableId, cookie, userdata, continuation } = event;
      const body: Extract<OfpBody, { kind: 'packet_in' }> = {
        kind: 'packet_in',
        format: conn.packetInFormat,
        packet,
        totalLen: packet.length,
        bufferId: NO_BUFFER,
        metadata,
        reason,
        tableId,
        cookie,
        userdata,
        ...(continuation && { continuation }),
      };
      conn.sendPacketIn(body, metadata.flow[F.IN_PORT]!);
      isSent = true;
    }
    if (!isSent) unsent.inc();
  }

  sendPortStatus(source: OfConn | undefined, reason: number, port: PhyPort, old?: PhyPort): void {
    const body = { kind: 'port_status', reason, port } as const;
    const before = old && ({ kind: 'port_status', reason, port: old } as const);
    this.#broadcast('port_status', reason, body, (conn) => {
      // Before OpenFlow 1.5 a controller does not hear of the changes that it made.
      if (conn === source && conn.version < OFP15) return false;
      // Not every version can say every change.
      return before === undefined || !conn.looksSame(before, body);
    });
  }

  sendFlowRemoved(message: FlowRemoved): void {
    this.#broadcast('flow_removed', message.reason, { kind: 'flow_removed', ...message });
  }

  sendTableStatus(reason: number, desc: TableConfig): void {
    this.#broadcast(
      'table_status',
      reason,
      { kind: 'table_status', reason, desc },
      (conn) => conn.version >= OFP14,
    );
  }

  sendRequestForward(source: OfConn, request: Message<'group_mod'> | Message<'meter_mod'>): void {
    const isMeter = request.kind === 'meter_mod';
    this.#broadcast(
      'requestforward',
      isMeter ? 1 : 0,
      { kind: 'requestforward', requestXid: request.xid, request },
      (conn) => conn !== source && (!isMeter || conn.version >= OFP13),
    );
  }

  // --- running ----------------------------------------------------------------------------------------------

  handle(conn: OfConnection, message: Uint8Array): Job | undefined {
    return this.#guard(conn, message, () => {
      const job = this.#handle(conn, message);
      return job && this.#guardedJob(conn, message, job);
    });
  }

  /** Answers the errors of a request; anything else that goes wrong ends only this connection. */
  #guard<T>(conn: OfConnection, message: Uint8Array, fn: () => T | undefined): T | undefined {
    try {
      return fn();
    } catch (error) {
      if (error instanceof OfpError) {
        conn.sendError(error.code, message);
      } else {
        const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
        log.err(`${conn.rconn.name}: failed to handle ${messageName(message)}: ${what}`);
        conn.rconn.reconnect();
      }
      return undefined;
    }
  }

  #guardedJob(conn: OfConnection, message: Uint8Array, job: Job): Job {
    return {
      next: () => this.#guard(conn, message, () => job.next()) ?? { done: true, value: undefined },
      return: () => job.return?.() ?? { done: true, value: undefined },
    };
  }

  /** A message came in. */
  received(): void {
    if (!this.#failOpen || this.#isReceiving) return;
    this.#isReceiving = true;
    this.#failOpen.maybeRecover();
    this.#isReceiving = false;
  }

  connectionsChanged(): void {
    this.#task.wake();
  }

  run(now: number): void {
    this.#failOpen?.run(now);
  }

  deadline(): number {
    return this.#failOpen?.deadline(this.loop.now()) ?? Number.POSITIVE_INFINITY;
  }

  // --- fail-open's and ofproto's --------------------------------------------------------------------------

  addFlow(match: Match, priority: number, actions: readonly OfpAct[]): void {
    this.#bridge.addFlow(match, priority, actions);
  }
  deleteFlow(match: Match, priority: number): void {
    this.#bridge.deleteFlow(match, priority);
  }
  flushFlows(): void {
    this.#bridge.flushFlows();
  }

  flushed(): void {
    this.#failOpen?.flushed();
    // Without controllers, a standalone switch forwards by itself; a secure one waits to be told.
    if (!this.hasControllers && this.#failMode === 'standalone') this.addFlow(catchAllMatch(), 0, NORMAL);
  }
}
