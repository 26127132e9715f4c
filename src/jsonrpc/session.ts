/**
 * A JSON-RPC connection that is kept up: connects to one of several remotes, probes it, reconnects.
 *
 * Incoming echo requests are answered here and probes' replies swallowed, so owners see only their own
 * messages. Owned by one component; `close` releases everything. C counterpart: jsonrpc_session in lib/jsonrpc.c.
 */
import type { Host, Listener, Stream, SystemError } from '../base/host.ts';
import { SystemError as SystemErrorValue } from '../base/host.ts';
import type { Task } from '../base/loop.ts';
import type { Json } from './json.ts';
import { JsonRpc, type JsonRpcMessage } from './jsonrpc.ts';
import { Reconnect } from './reconnect.ts';

export const OVSDB_PORT = 6640;

export interface SessionEvents {
  connected(): void;
  message(message: JsonRpcMessage): void;
  /** The connection is gone or an attempt failed; another attempt follows if `session.isAlive`. */
  disconnected(error: SystemError | undefined): void;
  /** All that was queued has been handed to the kernel. */
  drained?(): void;
}

/** What can be changed while a session lasts. */
export interface ConnectionOptions {
  /** 0 for the default. */
  readonly maxBackoffMs: number;
  /** 0 for none. */
  readonly probeIntervalMs: number;
}

export interface SessionOptions {
  /** Whether to try again (default true). */
  readonly retry?: boolean;
  /** Pick the remotes in random order (default true). */
  readonly shuffle?: boolean;
  readonly probeIntervalMs?: number;
  /** A connection that a peer opened: it is probed, and over when it is lost. `remotes` must be empty. */
  readonly accepted?: Stream;
}

export class JsonRpcSession {
  readonly reconnect: Reconnect;
  readonly #host: Host;
  readonly #events: SessionEvents;
  #remotes: string[];
  #next = 0;
  #rpc: JsonRpc | undefined;
  #cancelConnect: (() => void) | undefined;
  readonly #task: Task;
  #closed = false;
  /** Why the last connection or attempt ended, in words; undefined after an orderly end. */
  lastError: string | undefined;

  constructor(host: Host, remotes: readonly string[], events: SessionEvents, options: SessionOptions = {}) {
    this.#host = host;
    this.#events = events;
    this.#remotes = options.shuffle === false ? [...remotes] : shuffled(host, remotes);
    const now = host.loop.now();
    this.reconnect = new Reconnect(now);
    this.reconnect.name = this.#remotes[0] ?? 'void';
    this.reconnect.backoffFreeTries = this.#remotes.length;
    if (options.retry === false) {
      this.reconnect.maxTries = this.#remotes.length;
      this.reconnect.quiet = true;
    }
    // A Unix socket's peer cannot vanish without the kernel noticing, so it needs no probes.
    const local = this.#remotes.every((r) => /^p?unix:/.test(r));
    this.#setProbeInterval(options.probeIntervalMs ?? (local ? 0 : 5000));
    if (options.accepted) this.#adoptAccepted(options.accepted, now);
    else this.reconnect.enable(now);
    this.#task = host.loop.task({ run: (t) => this.#run(t), deadline: () => this.reconnect.deadline() });
  }

  get name(): string {
    return this.reconnect.name;
  }
  get isConnected(): boolean {
    return this.#rpc !== undefined;
  }
  /** False once it has given up (`retry: false`). */
  get isAlive(): boolean {
    return !this.#closed && (this.#rpc !== undefined || this.reconnect.state !== 'VOID');
  }
  get backlog(): number {
    return this.#rpc?.backlog ?? 0;
  }
  /** The connection itself while there is one. */
  get rpc(): JsonRpc | undefined {
    return this.#rpc;
  }

  /** Sends, or drops the message silently when there is no connection. */
  send(message: JsonRpcMessage): void {
    this.#rpc?.send(message);
  }

  /** Replaces the remotes; a connection to one that is no longer among them is dropped. */
  setRemotes(remotes: readonly string[]): void {
    const current = this.name;
    this.#remotes = shuffled(this.#host, remotes);
    this.reconnect.backoffFreeTries = remotes.length;
    if (!remotes.includes(current)) this.forceReconnect();
  }

  #setProbeInterval(ms: number): void {
    this.reconnect.setProbeInterval(this.#host.streams.isRecorded ? 0 : ms);
  }

  applyOptions({ maxBackoffMs, probeIntervalMs }: ConnectionOptions): void {
    this.reconnect.setBackoff(0, maxBackoffMs);
    this.#setProbeInterval(probeIntervalMs);
    this.#task.wake();
  }

  /** Lets the next attempts, one with each remote, be made without waiting. */
  resetBackoff(): void {
    // Losing the connection that there is uses one up.
    this.reconnect.backoffFreeTries = this.#remotes.length + (this.isConnected ? 1 : 0);
  }

  /** Drops the connection and tries the next remote. */
  forceReconnect(): void {
    this.reconnect.forceReconnect(this.#host.loop.now());
    this.#task.wake();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#drop();
    this.#task.remove();
  }

  #drop(): void {
    this.#cancelConnect?.();
    this.#cancelConnect = undefined;
    this.#rpc?.close();
    this.#rpc = undefined;
  }

  #run(now: number): void {
    const action = this.reconnect.run(now);
    if (action === 'connect') this.#connect(now);
    else if (action === 'probe') this.#rpc?.send({ type: 'request', method: 'echo', params: [], id: 'echo' });
    else if (action === 'disconnect') this.#lost(undefined, false);
  }

  #connect(now: number): void {
    const remote = this.#remotes[this.#next++ % this.#remotes.length]!;
    this.reconnect.name = remote;
    this.reconnect.connecting(now);
    if (/^p(tcp|unix|ssl):/.test(remote)) {
      this.#listen(remote, now);
      return;
    }
    try {
      this.#cancelConnect = this.#host.streams.connect(remote, OVSDB_PORT, {
        connected: (stream) => this.#connected(stream),
        failed: (error) => this.#failed(error),
      });
    } catch (error) {
      if (!(error instanceof SystemErrorValue)) throw error;
      this.lastError = error.message;
      this.reconnect.connectFailed(now, error);
      this.#events.disconnected(error);
    }
  }

  /** A passive remote: the peer connects to us. */
  #listen(remote: string, now: number): void {
    let listener: Listener | undefined;
    let cancelled = false;
    this.reconnect.passive = true;
    this.reconnect.listening(now);
    this.#cancelConnect = () => {
      cancelled = true;
      listener?.close();
    };
    const accept = (stream: Stream): void => {
      if (cancelled) {
        stream.close();
        return;
      }
      this.#cancelConnect?.();
      this.#connected(stream);
    };
    this.#host.streams.listen(remote, OVSDB_PORT, accept).then(
      (opened) => {
        listener = opened;
        if (cancelled) opened.close();
      },
      (error: SystemError) => {
        if (!cancelled) this.#failed(error);
      },
    );
  }

  #connected(stream: Stream): void {
    this.#cancelConnect = undefined;
    this.#adopt(stream);
    this.reconnect.connected(this.#host.loop.now());
    this.#events.connected();
    this.#task.wake();
  }

  #failed(error: SystemError): void {
    this.#cancelConnect = undefined;
    this.lastError = error.message;
    this.reconnect.connectFailed(this.#host.loop.now(), error);
    this.#events.disconnected(error);
    this.#task.wake();
  }

  #adopt(stream: Stream): void {
    this.#rpc = new JsonRpc(stream, {
      message: (message) => this.#message(message),
      closed: (error) => {
        this.#rpc = undefined;
        this.#lost(error, error === undefined);
      },
      drained: () => {
        this.#rpc?.resume();
        this.#events.drained?.();
      },
      activity: () => {
        this.reconnect.activity(this.#host.loop.now());
        if (this.reconnect.probeIntervalMs > 0) this.#task.wake();
      },
    });
  }

  #adoptAccepted(stream: Stream, now: number): void {
    this.reconnect.name = stream.name;
    this.reconnect.quiet = true;
    this.reconnect.maxTries = 0;
    this.#adopt(stream);
    this.reconnect.connected(now);
  }

  #lost(error: SystemError | undefined, eof: boolean): void {
    this.#drop();
    this.lastError = eof ? 'End of file' : error?.message;
    this.reconnect.disconnected(this.#host.loop.now(), error ?? (eof ? 'eof' : undefined));
    this.#events.disconnected(error);
    this.#task.wake();
  }

  #message(message: JsonRpcMessage): void {
    if (message.type === 'request' && message.method === 'echo') {
      this.send({ type: 'reply', result: message.params as Json, id: message.id });
      // A peer that does not read the replies is not listened to until it does.
      if (this.backlog > 0) this.#rpc?.pause();
    } else if (!(message.type === 'reply' && message.id === 'echo')) {
      this.#events.message(message);
    }
  }
}

function shuffled(host: Host, remotes: readonly string[]): string[] {
  const list = [...remotes];
  for (let i = list.length - 1; i > 0; i--) {
    const j = host.random.u32() % (i + 1);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}
