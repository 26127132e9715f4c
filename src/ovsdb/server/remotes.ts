/**
 * The connection methods that the server listens on or connects to, with their sessions.
 * C counterpart: struct ovsdb_jsonrpc_remote in ovsdb/jsonrpc-server.c.
 */
import { type Listener, SystemError } from '../../base/host.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { DEFAULT_MAX_BACKOFF_MS, DEFAULT_PROBE_INTERVAL_MS } from '../../jsonrpc/reconnect.ts';
import { OVSDB_PORT } from '../../jsonrpc/session.ts';
import type { OvsdbServer } from './server.ts';
import { Session, type SessionSettings } from './session.ts';

const log = vlog('ovsdb_jsonrpc_server');
const rl = new RateLimit(1, 5);

export interface RemoteOptions extends SessionSettings {
  readonly dscp: number;
}

const DSCP_DEFAULT = 48;

const isPassive = (name: string): boolean => /^p(?:unix|tcp|ssl):/.test(name);
const isUnix = (name: string): boolean => /^p?unix:/.test(name);

export const defaultRemoteOptions = (name: string): RemoteOptions => ({
  readOnly: false,
  maxBackoffMs: DEFAULT_MAX_BACKOFF_MS,
  // A Unix socket's peer cannot vanish unnoticed.
  probeIntervalMs: isUnix(name) ? 0 : DEFAULT_PROBE_INTERVAL_MS,
  dscp: DSCP_DEFAULT,
  role: undefined,
});

/** What the "status" column of a Manager row is made of. */
export interface RemoteStatus {
  readonly isConnected: boolean;
  readonly connections: number;
  readonly boundPort: number | undefined;
  /** For outgoing connections. */
  readonly state?: string;
  readonly lastError?: string;
  readonly secondsSinceConnect?: number;
  readonly secondsSinceDisconnect?: number;
  readonly locksHeld?: string;
  readonly locksWaiting?: string;
  readonly locksLost?: string;
}

class Remote {
  readonly name: string;
  options: RemoteOptions;
  readonly sessions = new Set<Session>();
  readonly #server: OvsdbServer;
  #listener: Listener | undefined;
  #closed = false;

  constructor(server: OvsdbServer, name: string, options: RemoteOptions) {
    this.#server = server;
    this.name = name;
    this.options = options;
  }

  /** @returns whether it listens or keeps a connection up */
  async open(): Promise<boolean> {
    if (!isPassive(this.name)) {
      this.#add(new Session(this.#server, this.name, this.options));
      return true;
    }
    try {
      const listener = await this.#server.host.streams.listen(this.name, OVSDB_PORT, (stream) =>
        this.#add(new Session(this.#server, stream, this.options)),
      );
      if (this.#closed) {
        listener.close();
        return false;
      }
      this.#listener = listener;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log.errRl(rl, `${this.name}: listen failed: ${error.message}`);
      return false;
    }
    return true;
  }

  #add(session: Session): void {
    this.sessions.add(session);
    session.onEnd = () => this.sessions.delete(session);
  }

  apply(options: RemoteOptions): void {
    this.options = options;
    for (const session of this.sessions) session.apply(options);
  }

  status(): RemoteStatus | undefined {
    if (this.#listener)
      return {
        isConnected: this.sessions.size > 0,
        connections: this.sessions.size,
        boundPort: this.#listener.port,
      };
    const [session] = this.sessions;
    return session && activeStatus(this.#server, session);
  }

  close(): void {
    this.#closed = true;
    this.#listener?.close();
    for (const session of [...this.sessions]) session.close();
  }
}

function activeStatus(server: OvsdbServer, session: Session): RemoteStatus {
  const { reconnect, lastError } = session.rpc;
  const { state, sinceConnectMs, sinceDisconnectMs } = reconnect.stats(server.host.loop.now());
  const locks = { held: [] as string[], waiting: [] as string[], lost: [] as string[] };
  for (const waiter of session.waiters.values()) {
    const list = waiter.keeper.isOwner(waiter)
      ? locks.held
      : waiter.mode === 'lock'
        ? locks.waiting
        : locks.lost;
    list.push(waiter.name);
  }
  const seconds = (ms: number): number => Math.floor(ms / 1000);
  return {
    isConnected: session.rpc.isConnected,
    connections: 1,
    boundPort: undefined,
    state,
    ...(lastError === undefined ? {} : { lastError }),
    ...(sinceConnectMs === undefined ? {} : { secondsSinceConnect: seconds(sinceConnectMs) }),
    ...(sinceDisconnectMs === undefined ? {} : { secondsSinceDisconnect: seconds(sinceDisconnectMs) }),
    locksHeld: locks.held.join(' '),
    locksWaiting: locks.waiting.join(' '),
    locksLost: locks.lost.join(' '),
  };
}

export class Remotes {
  readonly #server: OvsdbServer;
  readonly #remotes = new Map<string, Remote>();

  constructor(server: OvsdbServer) {
    this.#server = server;
  }

  /** Opens what is new, closes what is gone, changes the options of the rest. What cannot be opened is tried at the next call. */
  async set(wanted: ReadonlyMap<string, RemoteOptions>): Promise<void> {
    for (const [name, remote] of [...this.#remotes]) {
      const options = wanted.get(name);
      if (options && options.dscp === remote.options.dscp && options.role === remote.options.role) continue;
      if (!options) log.info(`${name}: remote deconfigured`);
      this.#remotes.delete(name);
      remote.close();
    }
    const opening: Promise<void>[] = [];
    for (const [name, options] of wanted) {
      const known = this.#remotes.get(name);
      if (known) {
        known.apply(options);
        continue;
      }
      const remote = new Remote(this.#server, name, options);
      this.#remotes.set(name, remote);
      opening.push(
        remote.open().then((opened) => {
          if (!opened && this.#remotes.get(name) === remote) this.#remotes.delete(name);
        }),
      );
    }
    await Promise.all(opening);
  }

  status(name: string): RemoteStatus | undefined {
    return this.#remotes.get(name)?.status();
  }

  close(): void {
    for (const remote of this.#remotes.values()) remote.close();
    this.#remotes.clear();
  }
}
