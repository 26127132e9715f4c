/**
 * A reliable OpenFlow connection: connects, probes a silent peer, and connects again after failures, waiting
 * longer after each; or an unreliable one over an accepted stream, which ends with it.
 *
 * Sans I/O apart from its vconn: `run` does what is due, `deadline` says when that is. States and their texts are
 * those of the C implementation (lib/rconn.c), as the database shows them.
 */
import { coverage } from '../../base/coverage.ts';
import { type Streams, SystemError } from '../../base/host.ts';
import type { Runnable } from '../../base/loop.ts';
import { vlog } from '../../base/vlog.ts';
import { tryDecodeMessage } from '../../openflow/messages/decode.ts';
import { encodeOne } from '../../openflow/messages/encode.ts';
import type { OfpKind } from '../../openflow/messages/message.ts';
import type { VersionBitmap } from '../../openflow/version.ts';
import { Vconn, type VconnEnd, type VconnEvents } from './vconn.ts';

const log = vlog('rconn');
const queued = coverage('rconn_queued');
const sentCounter = coverage('rconn_sent');
const overflow = coverage('rconn_overflow');

export type RconnState = 'VOID' | 'BACKOFF' | 'CONNECTING' | 'ACTIVE' | 'IDLE' | 'DISCONNECTED';

const DEFAULT_MAX_BACKOFF_MS = 8000;
const MIN_PROBE_S = 5;
const ADMITTED_AFTER_MS = 30_000;
const MAX_MONITORS = 8;
/** Replies wait for a peer to read, what it asked to be told of does not. */
const MAX_BACKLOG = 64 * 1024 * 1024;
/** A watcher that lags behind by more misses messages. */
const MAX_MONITOR_BACKLOG = 256 * 1024;

/** Messages that a controller sends to look at a switch before it decides to control it. */
const ADMISSION = new Set<OfpKind>([
  'hello',
  'error',
  'echo_request',
  'echo_reply',
  'features_request',
  'features_reply',
  'get_config_request',
  'get_config_reply',
  'set_config',
  'queue_get_config_request',
  'queue_get_config_reply',
  'get_async_request',
  'get_async_reply',
  'group_stats_request',
  'group_stats_reply',
  'group_desc_stats_request',
  'group_desc_stats_reply',
  'group_features_stats_request',
  'group_features_stats_reply',
  'table_features_stats_request',
  'table_features_stats_reply',
  'table_desc_request',
  'table_desc_reply',
]);

/** Whether the message is one that only an admitted switch gets. */
function isAdmittedMessage(bytes: Uint8Array): boolean {
  const { message } = tryDecodeMessage(bytes);
  return message !== undefined && !ADMISSION.has(message.kind);
}

export interface RconnOptions {
  readonly streams: Streams;
  /** Monotonic ms. */
  readonly now: () => number;
  /** Has `run` called soon. */
  readonly wake: () => void;
  readonly maxBackoffS: number;
  /** 0: never. */
  readonly probeIntervalS: number;
  readonly allowedVersions: VersionBitmap;
  /** A message came; the receiver owns it. */
  readonly message: (bytes: Uint8Array) => void;
  /** It connected, or is no longer connected. */
  readonly changed: () => void;
  /** All that was sent has been taken by the kernel. */
  readonly drained: () => void;
}

const secondsToMs = (s: number): number => (s > 0 ? Math.max(MIN_PROBE_S, s) * 1000 : 0);

export class Rconn implements Runnable {
  /** For logs, e.g. 'br0<->tcp:127.0.0.1:6653'. */
  name = 'void';
  target = 'void';
  isReliable = false;
  state: RconnState = 'VOID';
  /** Why it last disconnected: undefined never or by our wish, 'eof', or an error. */
  lastError: SystemError | 'eof' | undefined;
  /** Monotonic ms; undefined: never. */
  lastConnectedMs: number | undefined;
  lastDisconnectedMs: number | undefined;
  /** Negotiated last; 0: never. */
  version = 0;
  readonly #options: RconnOptions;
  #vconn: Vconn | undefined;
  #stateEnteredMs: number;
  #backoffMs = 0;
  #maxBackoffMs: number;
  #probeMs: number;
  /** Before this time a failure counts as another of the same series. */
  #backoffDeadlineMs = Number.NEGATIVE_INFINITY;
  #lastActivityMs: number;
  #lastAdmittedMs: number;
  #isProbablyAdmitted = false;
  /** Too much waits for the peer: the connection is about to be dropped. */
  #isOverrun = false;
  readonly #monitors = new Set<Vconn>();

  constructor(options: RconnOptions) {
    this.#options = options;
    const now = options.now();
    this.#stateEnteredMs = now;
    this.#lastActivityMs = now;
    this.#lastAdmittedMs = now;
    this.#maxBackoffMs = options.maxBackoffS > 0 ? options.maxBackoffS * 1000 : DEFAULT_MAX_BACKOFF_MS;
    this.#probeMs = secondsToMs(options.probeIntervalS);
  }

  // --- what it is doing -------------------------------------------------------------------------------------

  get isConnected(): boolean {
    return this.state === 'ACTIVE' || this.state === 'IDLE';
  }
  /** Connected, or going to be. */
  get isAlive(): boolean {
    return this.state !== 'VOID' && this.state !== 'DISCONNECTED';
  }
  get backlog(): number {
    return this.#vconn?.backlog ?? 0;
  }
  get localPort(): number | undefined {
    return this.#vconn?.localPort;
  }

  /** Connected, and the controller seems to have accepted us. */
  get isAdmitted(): boolean {
    return this.isConnected && this.#lastAdmittedMs >= (this.lastConnectedMs ?? Number.POSITIVE_INFINITY);
  }

  /** Whole seconds since it was last admitted; 0 while it is. */
  failureDurationS(): number {
    return this.isAdmitted ? 0 : Math.floor((this.#options.now() - this.#lastAdmittedMs) / 1000);
  }

  // --- settings ---------------------------------------------------------------------------------------------

  setMaxBackoff(seconds: number): void {
    this.#maxBackoffMs = Math.max(1, seconds) * 1000;
    if (this.state !== 'BACKOFF' || this.#backoffMs <= this.#maxBackoffMs) return;
    this.#backoffMs = this.#maxBackoffMs;
    this.#backoffDeadlineMs = Math.min(this.#backoffDeadlineMs, this.#options.now() + this.#maxBackoffMs);
    this.#options.wake();
  }

  setProbeInterval(seconds: number): void {
    this.#probeMs = secondsToMs(seconds);
    this.#options.wake();
  }

  // --- connecting -------------------------------------------------------------------------------------------

  /** Connects to a target, and again whenever the connection is lost. */
  connect(target: string, name: string): void {
    this.target = target;
    this.name = name;
    this.isReliable = true;
    if (target.startsWith('unix:')) this.#probeMs = 0;
    this.#reconnect();
  }

  /** Uses a connection that a listener accepted. `accept` makes the vconn with the events given to it. */
  connectUnreliably(name: string, accept: (events: VconnEvents) => Vconn): void {
    this.isReliable = false;
    this.name = name;
    this.#vconn = accept(this.#events());
    this.target = this.#vconn.name;
    this.#transition('CONNECTING');
    this.#options.wake();
  }

  /** Drops the connection; a reliable one connects again. */
  reconnect(): void {
    if (!this.isConnected) return;
    log.info(`${this.name}: disconnecting`);
    this.#disconnect(undefined);
  }

  /** Drops the connection for good. No event follows. */
  close(): void {
    this.#vconn?.close();
    this.#vconn = undefined;
    this.isReliable = false;
    this.state = 'VOID';
    for (const monitor of this.#monitors) monitor.close();
    this.#monitors.clear();
  }

  pause(): void {
    this.#vconn?.pause();
  }
  resume(): void {
    this.#vconn?.resume();
  }

  // --- messages ---------------------------------------------------------------------------------------------

  /** Sends a message if there is a connection. */
  send(message: Uint8Array): void {
    if (!this.isConnected || this.#isOverrun) return;
    queued.inc();
    sentCounter.inc();
    this.#copyToMonitors(message);
    this.#vconn!.send(message);
    if (this.backlog <= MAX_BACKLOG) return;
    // Whoever sends may not expect the connection to go meanwhile.
    this.#isOverrun = true;
    this.#options.wake();
  }

  /** Counts a message that was not sent because too many were queued. */
  countOverflow(): void {
    overflow.inc();
  }

  /** Sends a copy of every message to `vconn` too, both of the peer's and ours. */
  addMonitor(accept: (events: VconnEvents) => Vconn): void {
    const vconn = accept({
      connected: () => {},
      message: () => {},
      closed: (end) => this.#closeMonitor(vconn, end),
    });
    if (this.#monitors.size >= MAX_MONITORS) {
      log.dbg(`too many monitor connections, discarding ${vconn.name}`);
      vconn.close();
      return;
    }
    log.info(`new monitor connection from ${vconn.name}`);
    vconn.anyVersion = true;
    this.#monitors.add(vconn);
  }

  #closeMonitor(vconn: Vconn, end: VconnEnd): void {
    if (!this.#monitors.delete(vconn)) return;
    log.dbg(`${this.name}: closing monitor connection to ${vconn.name}: ${end?.message ?? 'End of file'}`);
  }

  #copyToMonitors(message: Uint8Array): void {
    for (const monitor of this.#monitors) if (monitor.backlog < MAX_MONITOR_BACKLOG) monitor.send(message);
  }

  // --- the machine ------------------------------------------------------------------------------------------

  run(now: number): void {
    if (this.#isOverrun) {
      log.warn(`${this.name}: ${this.backlog} bytes wait for a peer that does not read, disconnecting`);
      this.#disconnect(new SystemError('ENOBUFS'));
    }
    for (;;) {
      const before = this.state;
      if (now >= this.deadline()) this.#timeOut(now);
      if (this.state === before) return;
    }
  }

  deadline(): number {
    return this.#stateEnteredMs + this.#timeoutMs();
  }

  #timeoutMs(): number {
    switch (this.state) {
      case 'BACKOFF':
        return this.#backoffMs;
      case 'CONNECTING':
        return Math.max(1000, this.#backoffMs);
      case 'ACTIVE':
        return this.#probeMs === 0
          ? Number.POSITIVE_INFINITY
          : Math.max(this.#lastActivityMs, this.#stateEnteredMs) + this.#probeMs - this.#stateEnteredMs;
      case 'IDLE':
        return this.#probeMs === 0 ? Number.POSITIVE_INFINITY : this.#probeMs;
      default:
        return Number.POSITIVE_INFINITY;
    }
  }

  #timeOut(now: number): void {
    const seconds = (since: number): number => Math.floor((now - since) / 1000);
    switch (this.state) {
      case 'BACKOFF':
        this.#reconnect();
        break;
      case 'CONNECTING':
        if (this.#logsAttempts()) log.info(`${this.name}: connection timed out`);
        this.#backoffDeadlineMs = Number.POSITIVE_INFINITY;
        this.#disconnect(new SystemError('ETIMEDOUT'));
        break;
      case 'ACTIVE': {
        const base = Math.max(this.#lastActivityMs, this.#stateEnteredMs);
        log.dbg(() => `${this.name}: idle ${seconds(base)} seconds, sending inactivity probe`);
        this.#transition('IDLE');
        this.send(
          encodeOne({ version: this.version, xid: 0, kind: 'echo_request', data: new Uint8Array(0) }),
        );
        break;
      }
      case 'IDLE':
        log.err(
          `${this.name}: no response to inactivity probe after ${seconds(this.#stateEnteredMs)} seconds, disconnecting`,
        );
        this.#disconnect(new SystemError('ETIMEDOUT'));
        break;
      default:
        break;
    }
  }

  /** Attempts are worth a log line until they have become rare. */
  #logsAttempts(): boolean {
    return this.#backoffMs < this.#maxBackoffMs;
  }

  #reconnect(): void {
    if (this.#logsAttempts()) log.info(`${this.name}: connecting...`);
    const { streams, allowedVersions, now } = this.#options;
    try {
      this.#vconn = Vconn.open(streams, this.target, allowedVersions, this.#events());
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log.warn(`${this.name}: connection failed (${error.message})`);
      this.#backoffDeadlineMs = Number.POSITIVE_INFINITY;
      this.#disconnect(error);
      return;
    }
    this.#backoffDeadlineMs = now() + this.#backoffMs;
    this.#transition('CONNECTING');
    this.#options.wake();
  }

  #events(): VconnEvents {
    return {
      connected: () => this.#connected(),
      message: (bytes) => this.#received(bytes),
      closed: (end) => this.#closed(end),
      drained: () => {
        this.#lastActivityMs = this.#options.now();
        this.#options.drained();
      },
    };
  }

  #connected(): void {
    const text = `${this.name}: connected`;
    if (this.isReliable) log.info(text);
    else log.dbg(text);
    this.#transition('ACTIVE');
    this.version = this.#vconn!.version;
    this.lastConnectedMs = this.#stateEnteredMs;
    this.#options.changed();
    this.#options.wake();
  }

  #received(bytes: Uint8Array): void {
    const now = this.#options.now();
    this.#copyToMonitors(bytes);
    if (
      this.#isProbablyAdmitted ||
      now - (this.lastConnectedMs ?? now) >= ADMITTED_AFTER_MS ||
      isAdmittedMessage(bytes)
    ) {
      this.#isProbablyAdmitted = true;
      this.#lastAdmittedMs = now;
    }
    this.#lastActivityMs = now;
    if (this.state === 'IDLE') {
      this.#transition('ACTIVE');
      this.#options.wake();
    }
    this.#options.message(bytes);
  }

  #closed(end: VconnEnd): void {
    if (end && this.state === 'CONNECTING' && !this.#vconn!.wasOpened) {
      log.warn(`${this.name}: connection failed (${end.message})`);
      this.#backoffDeadlineMs = Number.POSITIVE_INFINITY;
    } else if (end) {
      log.warn(`${this.name}: connection dropped (${end.message})`);
    } else if (this.isReliable) {
      log.info(`${this.name}: connection closed by peer`);
    } else {
      log.dbg(`${this.name}: connection closed by peer`);
    }
    this.#disconnect(end ?? 'eof');
  }

  #disconnect(error: SystemError | 'eof' | undefined): void {
    this.lastError = error;
    this.#isOverrun = false;
    this.#vconn?.close();
    this.#vconn = undefined;
    const now = this.#options.now();
    const wasConnected = this.isConnected;
    if (!this.isReliable) {
      this.lastDisconnectedMs = now;
      this.#transition('DISCONNECTED');
    } else {
      if (wasConnected || this.state === 'CONNECTING') this.lastDisconnectedMs = now;
      if (now >= this.#backoffDeadlineMs) {
        this.#backoffMs = 1000;
      } else if (this.#backoffMs < this.#maxBackoffMs / 2) {
        this.#backoffMs = Math.max(1000, 2 * this.#backoffMs);
        log.info(`${this.name}: waiting ${Math.floor(this.#backoffMs / 1000)} seconds before reconnect`);
      } else {
        if (this.#logsAttempts())
          log.info(
            `${this.name}: continuing to retry connections in the background but suppressing further logging`,
          );
        this.#backoffMs = this.#maxBackoffMs;
      }
      this.#backoffDeadlineMs = now + this.#backoffMs;
      this.#transition('BACKOFF');
    }
    if (wasConnected || !this.isReliable) this.#options.changed();
    this.#options.wake();
  }

  #transition(state: RconnState): void {
    const willBeConnected = state === 'ACTIVE' || state === 'IDLE';
    if (willBeConnected && !this.isConnected) this.#isProbablyAdmitted = false;
    log.dbg(() => `${this.name}: entering ${state}`);
    this.state = state;
    this.#stateEnteredMs = this.#options.now();
  }
}
