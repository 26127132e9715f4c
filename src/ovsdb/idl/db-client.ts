/**
 * A client's connection to one database: monitors it, follows its changes over reconnections, carries
 * transactions and holds a lock. It knows messages, not rows; {@link Idl} is the replica above it.
 *
 * After a connection breaks, monitor_cond_since asks only for what has changed since the last known
 * transaction; servers that do not know it, or that method's predecessor, are asked in the older ways. In a
 * cluster only a connected member (by default only the leader) is used. C counterpart: lib/ovsdb-cs.c.
 */
import type { Host, SystemError } from '../../base/host.ts';
import { ZERO_UUID } from '../../base/uuid.ts';
import { vlog } from '../../base/vlog.ts';
import { type Json, type JsonObject, sortedJson } from '../../jsonrpc/json.ts';
import type { JsonRpcMessage } from '../../jsonrpc/jsonrpc.ts';
import { JsonRpcSession } from '../../jsonrpc/session.ts';

const log = vlog('ovsdb_cs');

/** The forms of updates: of RFC 7047 (old and new values), and of monitor_cond (changes only). */
export type UpdateForm = 'old-new' | 'changes';

export interface DbClientEvents {
  /** The columns to monitor, by table, as far as the server's schema has them.
   * @param schema the server's, if it had to be asked for because it lacks some of ours */
  columns(schema: JsonObject | undefined): ReadonlyMap<string, readonly string[]>;
  /** The database's contents: all of them, or (`incremental`) what changed since the connection broke. */
  contents(updates: JsonObject, form: UpdateForm, incremental: boolean): void;
  update(updates: JsonObject, form: UpdateForm): void;
  /** The lock came or went, or the connection did. */
  stateChanged(): void;
}

export interface DbClientOptions {
  readonly retry?: boolean;
  readonly shuffle?: boolean;
  /** In a cluster, use only the leader (default true). */
  readonly leaderOnly?: boolean;
  readonly probeIntervalMs?: number;
}

const METHODS = ['monitor_cond_since', 'monitor_cond', 'monitor'] as const;
const SERVER_MONITOR = ['monid', '_Server'];
const SERVER_COLUMNS = ['name', 'model', 'connected', 'leader'];

export class DbClient {
  readonly #database: string;
  readonly #events: DbClientEvents;
  readonly #leaderOnly: boolean;
  readonly #session: JsonRpcSession;
  /** Replies that are waited for, by request id. A handler gets undefined when the connection breaks. */
  readonly #waiting = new Map<number, (reply: JsonRpcMessage | undefined) => void>();
  readonly #server = new Map<string, JsonObject>();
  #nextId = 0;
  #method = 0;
  #lastTransaction = ZERO_UUID;
  #monitoring = false;
  #lockName: string | undefined;
  #lockDenied = false;
  hasLock = false;
  /** Why the last connection ended or did not come about; undefined for the end of the stream. */
  lastError: SystemError | undefined;

  constructor(
    host: Host,
    database: string,
    remotes: readonly string[],
    events: DbClientEvents,
    options: DbClientOptions,
  ) {
    this.#database = database;
    this.#events = events;
    this.#leaderOnly = options.leaderOnly ?? true;
    this.#session = new JsonRpcSession(
      host,
      remotes,
      {
        connected: () => this.#start(),
        message: (message) => this.#message(message),
        disconnected: (error) => this.#stop(error),
      },
      options,
    );
  }

  get session(): JsonRpcSession {
    return this.#session;
  }
  get isAlive(): boolean {
    return this.#session.isAlive;
  }
  /** Connected, and the contents have arrived. */
  get isMonitoring(): boolean {
    return this.#monitoring;
  }
  get lockName(): string | undefined {
    return this.#lockName;
  }
  /** The server said that somebody else has the lock. */
  get isLockContended(): boolean {
    return this.#lockDenied;
  }

  setRemotes(remotes: readonly string[]): void {
    this.#session.setRemotes(remotes);
  }

  /** From now on tries to reconnect for ever. */
  enableReconnect(): void {
    this.#session.reconnect.maxTries = Number.POSITIVE_INFINITY;
  }

  close(): void {
    this.#session.close();
    this.#forget();
  }

  /** Asks for a lock, and again after each reconnection; undefined gives it back. */
  setLock(name: string | undefined): void {
    if (name === this.#lockName) return;
    if (this.#lockName !== undefined && this.#session.isConnected) this.#request('unlock', [this.#lockName]);
    this.#lockName = name;
    this.hasLock = false;
    this.#lockDenied = false;
    if (this.#session.isConnected) this.#requestLock();
  }

  /** Sends a transaction. @returns its result, or its error object, or undefined if the connection broke */
  transact(params: readonly Json[]): Promise<Json | undefined> {
    return new Promise((resolve) => {
      if (!this.#monitoring) return resolve(undefined);
      this.#request('transact', params, (reply) => {
        if (reply?.type === 'reply') resolve(reply.result);
        else resolve(reply?.type === 'error' ? reply.error : undefined);
      });
    });
  }

  #request(
    method: string,
    params: readonly Json[],
    done: (reply: JsonRpcMessage | undefined) => void = () => {},
  ): void {
    const id = this.#nextId++;
    this.#waiting.set(id, done);
    this.#session.send({ type: 'request', method, params, id });
  }

  #start(): void {
    this.#server.clear();
    this.#requestLock();
    // Both monitors at once: a round trip less for short-lived tools. The answers come in this order.
    const columns = { Database: [{ columns: SERVER_COLUMNS }] };
    this.#request('monitor_cond', ['_Server', SERVER_MONITOR, columns], (reply) => {
      if (reply?.type === 'reply') this.#serverUpdate(reply.result as JsonObject);
    });
    this.#monitor(undefined);
    this.#events.stateChanged();
  }

  #stop(error: SystemError | undefined): void {
    this.lastError = error;
    this.#forget();
    this.#events.stateChanged();
  }

  #forget(): void {
    this.#monitoring = false;
    this.hasLock = false;
    this.#lockDenied = false;
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const done of waiting) done(undefined);
  }

  #requestLock(): void {
    const name = this.#lockName;
    if (name === undefined) return;
    this.#request('lock', [name], (reply) => {
      if (name !== this.#lockName) return;
      if (reply?.type !== 'reply') return;
      this.hasLock = (reply.result as JsonObject)['locked'] === true;
      this.#lockDenied = !this.hasLock;
      this.#events.stateChanged();
    });
  }

  #monitor(schema: JsonObject | undefined): void {
    const method = METHODS[this.#method]!;
    const requests: Record<string, Json> = {};
    for (const [table, columns] of this.#events.columns(schema)) requests[table] = [{ columns }];
    const since = method === 'monitor_cond_since' ? [this.#lastTransaction] : [];
    this.#request(method, [this.#database, ['monid', this.#database], requests, ...since], (reply) => {
      if (reply?.type === 'reply') this.#contents(method, reply.result);
      else if (reply?.type === 'error') this.#monitorRefused(reply.error, schema !== undefined);
    });
  }

  #contents(method: (typeof METHODS)[number], result: Json): void {
    this.#monitoring = true;
    if (method !== 'monitor_cond_since') {
      this.#events.contents(result as JsonObject, method === 'monitor' ? 'old-new' : 'changes', false);
      return;
    }
    const [found, last, updates] = result as readonly [Json, Json, Json];
    this.#lastTransaction = String(last);
    this.#events.contents(updates as JsonObject, 'changes', found === true);
  }

  #monitorRefused(error: Json, knewSchema: boolean): void {
    const tag = typeof error === 'object' && error !== null ? (error as JsonObject)['error'] : error;
    if (tag === 'unknown method' && this.#method + 1 < METHODS.length) {
      this.#method++;
      this.#monitor(undefined);
    } else if (tag === 'unknown database' || knewSchema) {
      log.warn(`${this.#session.name}: cannot monitor database ${this.#database}: ${sortedJson(error)}`);
      this.#session.forceReconnect();
    } else {
      // Perhaps the server's schema lacks some of what we asked for.
      this.#request('get_schema', [this.#database], (reply) => {
        if (reply?.type === 'reply') this.#monitor(reply.result as JsonObject);
        else if (reply) this.#session.forceReconnect();
      });
    }
  }

  #message(message: JsonRpcMessage): void {
    if (message.type === 'reply' || message.type === 'error') {
      const id = message.id as number;
      const done = this.#waiting.get(id);
      this.#waiting.delete(id);
      done?.(message);
    } else if (message.type === 'notification') this.#notification(message.method, message.params);
  }

  #notification(method: string, params: readonly Json[]): void {
    switch (method) {
      case 'update3':
        this.#lastTransaction = String(params[1]);
        this.#events.update(params[2] as JsonObject, 'changes');
        break;
      case 'update2':
        if (Array.isArray(params[0]) && params[0][1] === '_Server')
          this.#serverUpdate(params[1] as JsonObject);
        else this.#events.update(params[1] as JsonObject, 'changes');
        break;
      case 'update':
        this.#events.update(params[1] as JsonObject, 'old-new');
        break;
      case 'locked':
      case 'stolen':
        if (params[0] !== this.#lockName) return;
        this.hasLock = method === 'locked';
        this.#lockDenied = !this.hasLock;
        this.#events.stateChanged();
        break;
      case 'monitor_canceled':
        // The database was removed or converted.
        if (Array.isArray(params[0]) && params[0][1] === this.#database) this.#session.forceReconnect();
        break;
    }
  }

  /** Notes what the server says of its databases, and leaves it if it cannot serve ours. */
  #serverUpdate(updates: JsonObject): void {
    for (const [uuid, change] of Object.entries((updates['Database'] ?? {}) as Record<string, JsonObject>)) {
      const values = change['initial'] ?? change['insert'] ?? change['modify'];
      if (values === undefined || values === null) this.#server.delete(uuid);
      else this.#server.set(uuid, { ...this.#server.get(uuid), ...(values as JsonObject) });
    }
    const database = [...this.#server.values()].find((row) => row['name'] === this.#database);
    if (database?.['model'] !== 'clustered') return;
    const why =
      database['connected'] !== true
        ? 'clustered database server is disconnected from cluster'
        : this.#leaderOnly && database['leader'] !== true
          ? 'clustered database server is not cluster leader'
          : undefined;
    if (why === undefined) return;
    log.info(`${this.#session.name}: ${why}; trying another server`);
    this.#session.forceReconnect();
  }
}
