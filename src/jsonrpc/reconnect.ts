/**
 * When to connect, probe and give up: the state machine of a connection that is to be kept up.
 *
 * Sans I/O: its owner tells it what happened and asks {@link Reconnect.run} what to do; all times are
 * monotonic milliseconds. Used for database connections. C counterpart: lib/reconnect.c.
 */
import type { SystemError } from '../base/host.ts';
import { vlog } from '../base/vlog.ts';

const log = vlog('reconnect');

export const DEFAULT_MIN_BACKOFF_MS = 1000;
export const DEFAULT_MAX_BACKOFF_MS = 8000;
export const DEFAULT_PROBE_INTERVAL_MS = 5000;

export type ReconnectState =
  | 'VOID'
  | 'BACKOFF'
  | 'CONNECTING'
  | 'ACTIVE'
  | 'IDLE'
  | 'RECONNECT'
  | 'LISTENING';
/** What the owner has to do now. */
export type ReconnectAction = 'connect' | 'disconnect' | 'probe' | undefined;
/** Why a connection ended: an error, an orderly end of file, or nothing in particular. */
export type DisconnectReason = SystemError | 'eof' | undefined;

export interface ReconnectStats {
  readonly state: ReconnectState;
  readonly stateElapsedMs: number;
  readonly backoffMs: number;
  readonly attempted: number;
  readonly successful: number;
  readonly connectedMs: number;
  /** Grows at every connect and disconnect. */
  readonly seqno: number;
  readonly sinceConnectMs: number | undefined;
  readonly sinceDisconnectMs: number | undefined;
}

/** As printf's %.3g for a number of seconds. */
const seconds = (ms: number): string => String(Number((ms / 1000).toPrecision(3)));

export class Reconnect {
  name = 'void';
  quiet = false;
  /** In passive mode it waits for the peer to connect. */
  passive = false;
  maxTries = Number.POSITIVE_INFINITY;
  /** Attempts that are made without backing off (one for each remote, say). */
  backoffFreeTries = 0;
  #minBackoff = DEFAULT_MIN_BACKOFF_MS;
  #maxBackoff = DEFAULT_MAX_BACKOFF_MS;
  #probeInterval = DEFAULT_PROBE_INTERVAL_MS;
  #state: ReconnectState = 'VOID';
  #stateEntered: number;
  #backoff = 0;
  #lastActivity: number;
  #lastConnected: number | undefined;
  #lastDisconnected: number | undefined;
  #attempted = 0;
  #successful = 0;
  #connectedMs = 0;
  #seqno = 0;

  constructor(now: number) {
    this.#stateEntered = now;
    this.#lastActivity = now;
  }

  get state(): ReconnectState {
    return this.#state;
  }
  get isConnected(): boolean {
    return this.#state === 'ACTIVE' || this.#state === 'IDLE';
  }

  /** 0 chooses the default. Both are at least a second. */
  setBackoff(minMs: number, maxMs: number): void {
    this.#minBackoff = Math.max(minMs, 1000);
    this.#maxBackoff = Math.max(maxMs ? Math.max(maxMs, 1000) : DEFAULT_MAX_BACKOFF_MS, this.#minBackoff);
    if (this.#state === 'BACKOFF') this.#backoff = Math.min(this.#backoff, this.#maxBackoff);
  }

  /** 0 turns probes off; otherwise at least a second. */
  setProbeInterval(ms: number): void {
    this.#probeInterval = ms ? Math.max(1000, ms) : 0;
  }
  get probeIntervalMs(): number {
    return this.#probeInterval;
  }

  enable(now: number): void {
    if (this.#state !== 'VOID' || !this.#mayRetry()) return;
    this.#enter('BACKOFF', now);
    this.#backoff = 0;
  }

  disable(now: number): void {
    if (this.#state !== 'VOID') this.#enter('VOID', now);
  }

  /** Makes the next `run` ask for a disconnect, after which it connects anew. */
  forceReconnect(now: number): void {
    if (this.#state === 'CONNECTING' || this.isConnected) this.#enter('RECONNECT', now);
  }

  connecting(now: number): void {
    if (this.#state === 'CONNECTING') return;
    if (this.passive) this.#info(`${this.name}: listening...`);
    else if (this.#backoff < this.#maxBackoff) this.#info(`${this.name}: connecting...`);
    this.#enter('CONNECTING', now);
  }

  listening(now: number): void {
    if (this.#state === 'LISTENING') return;
    this.#info(`${this.name}: listening...`);
    this.#enter('LISTENING', now);
  }

  connected(now: number): void {
    if (this.isConnected) return;
    this.connecting(now);
    this.#info(`${this.name}: connected`);
    this.#enter('ACTIVE', now);
    this.#lastConnected = now;
  }

  connectFailed(now: number, reason: DisconnectReason): void {
    this.connecting(now);
    this.disconnected(now, reason);
  }

  /** Something arrived from the peer. */
  activity(now: number): void {
    if (this.#state === 'IDLE') this.#enter('ACTIVE', now);
    this.#lastActivity = now;
  }

  disconnected(now: number, reason: DisconnectReason): void {
    const state = this.#state;
    if (state === 'BACKOFF' || state === 'VOID') return;
    const error = reason === 'eof' || reason === undefined ? undefined : reason;
    if (this.isConnected) {
      if (error) log.warn(`${this.name}: connection dropped (${error.message})`);
      else this.#info(`${this.name}: connection ${reason === 'eof' ? 'closed by peer' : 'dropped'}`);
      this.#lastDisconnected = now;
    } else if (state === 'LISTENING') {
      if (error) log.warn(`${this.name}: error listening for connections (${error.message})`);
      else this.#info(`${this.name}: error listening for connections`);
    } else if (this.#backoff < this.#maxBackoff) {
      const what = this.passive ? 'listen' : 'connection';
      if (error) log.info(`${this.name}: ${what} attempt failed (${error.message})`);
      else this.#info(`${this.name}: ${what} attempt timed out`);
    }
    if (!this.#mayRetry()) {
      this.#enter('VOID', now);
      return;
    }
    this.#chooseBackoff();
    this.#enter('BACKOFF', now);
  }

  #chooseBackoff(): void {
    if (this.backoffFreeTries > 1) {
      this.backoffFreeTries--;
      this.#backoff = 0;
    } else if (
      this.isConnected &&
      (this.#lastActivity - (this.#lastConnected ?? 0) >= this.#backoff || this.passive)
    ) {
      this.#backoff = this.passive ? 0 : this.#minBackoff;
    } else if (this.#backoff < this.#minBackoff) {
      this.#backoff = this.#minBackoff;
    } else if (this.#backoff < this.#maxBackoff / 2) {
      this.#backoff *= 2;
      const next = this.passive ? 'trying to listen again' : 'reconnect';
      this.#info(`${this.name}: waiting ${seconds(this.#backoff)} seconds before ${next}`);
    } else {
      if (this.#backoff < this.#maxBackoff) {
        const what = this.passive ? 'try to listen' : 'reconnect';
        log.info(`${this.name}: continuing to ${what} in the background but suppressing further logging`);
      }
      this.#backoff = this.#maxBackoff;
    }
  }

  /** When `run` will have something to say if nothing else happens. */
  deadline(): number {
    switch (this.#state) {
      case 'VOID':
      case 'LISTENING':
        return Number.POSITIVE_INFINITY;
      case 'BACKOFF':
        return this.#stateEntered + this.#backoff;
      case 'CONNECTING':
        return this.#stateEntered + Math.max(1000, this.#backoff);
      case 'ACTIVE':
        return this.#probeInterval
          ? Math.max(this.#lastActivity, this.#stateEntered) + this.#probeInterval
          : Number.POSITIVE_INFINITY;
      case 'IDLE':
        return this.#probeInterval ? this.#stateEntered + this.#probeInterval : Number.POSITIVE_INFINITY;
      case 'RECONNECT':
        return this.#stateEntered;
    }
  }

  run(now: number): ReconnectAction {
    if (now < this.deadline()) return undefined;
    switch (this.#state) {
      case 'BACKOFF':
        return 'connect';
      case 'ACTIVE': {
        const idle = Math.round(now - Math.max(this.#lastActivity, this.#stateEntered));
        log.dbg(`${this.name}: idle ${idle} ms, sending inactivity probe`);
        this.#enter('IDLE', now);
        return 'probe';
      }
      case 'IDLE':
        log.err(
          `${this.name}: no response to inactivity probe after ${seconds(now - this.#stateEntered)} seconds, disconnecting`,
        );
        return 'disconnect';
      case 'CONNECTING':
      case 'RECONNECT':
        return 'disconnect';
      default:
        return undefined;
    }
  }

  stats(now: number): ReconnectStats {
    const since = (t: number | undefined): number | undefined => (t === undefined ? undefined : now - t);
    return {
      state: this.#state,
      stateElapsedMs: now - this.#stateEntered,
      backoffMs: this.#backoff,
      attempted: this.#attempted,
      successful: this.#successful,
      connectedMs: this.#connectedMs + (this.isConnected ? now - (this.#lastConnected ?? now) : 0),
      seqno: this.#seqno,
      sinceConnectMs: since(this.#lastConnected),
      sinceDisconnectMs: since(this.#lastDisconnected),
    };
  }

  #info(message: string): void {
    if (this.quiet) log.dbg(message);
    else log.info(message);
  }

  #enter(state: ReconnectState, now: number): void {
    const wasConnected = this.isConnected;
    if (this.#state === 'CONNECTING') {
      this.#attempted++;
      if (state === 'ACTIVE') this.#successful++;
    }
    this.#state = state;
    this.#stateEntered = now;
    if (wasConnected !== this.isConnected) {
      if (wasConnected) this.#connectedMs += now - (this.#lastConnected ?? now);
      this.#seqno++;
    }
    log.dbg(`${this.name}: entering ${state}`);
  }

  #mayRetry(): boolean {
    const may = this.maxTries > 0;
    if (may) this.maxTries--;
    return may;
  }
}
