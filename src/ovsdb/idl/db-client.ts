/**
 * A client's connection to one database: monitors it, follows its changes over reconnections, carries
 * transactions and holds a lock. It knows messages, not rows; {@link Idl} and a relay's database are replicas above it.
 *
 * After a connection breaks, monitor_cond_since asks only for what has changed since the last known
 * transaction; servers that do not know it, or that method's predecessor, are asked in the older ways. A server that says
 * that it is of no use is left for another. C counterpart: lib/ovsdb-cs.c.
 */
import type { Host, SystemError } from '../../base/host.ts';
import { type Uuid, ZERO_UUID } from '../../base/uuid.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { type Json, type JsonObject, sortedJson } from '../../jsonrpc/json.ts';
import type { JsonRpcMessage } from '../../jsonrpc/jsonrpc.ts';
import { Requests, type ResponseHandler } from '../../jsonrpc/requests.ts';
import { JsonRpcSession } from '../../jsonrpc/session.ts';
import { MonitorConditions } from './monitor-conditions.ts';
import { SERVER_MONITOR_REQUEST, ServerRows } from './server-rows.ts';

const log = vlog('ovsdb_cs');
const absentLimit = new RateLimit(5, 5);

/** The forms of updates: of RFC 7047 (old and new values), and of monitor_cond (changes only). */
export type UpdateForm = 'old-new' | 'changes';

export interface DbClientEvents {
  /** The columns to monitor, by table, as far as the server's schema has them.
   * @param schema the server's, if it had to be asked for because it lacks some of ours, or always with `schemaFirst` */
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
  /** Use only servers of this cluster. */
  readonly clusterId?: Uuid | undefined;
  /** Ask for the schema before monitoring: a round trip more, for those that know none (default false). */
  readonly schemaFirst?: boolean;
}

const METHODS = ['monitor_cond_since', 'monitor_cond', 'monitor'] as const;
const SERVER_MONITOR = ['monid', '_Server'];

/** The kind of an error, of those too that are mere strings. */
const tagOf = (error: Json): Json | undefined =>
  typeof error === 'object' && error !== null ? (error as JsonObject)['error'] : error;

export class DbClient {
  readonly #database: string;
  readonly #events: DbClientEvents;
  readonly #schemaFirst: boolean;
  readonly #session: JsonRpcSession;
  readonly #requests: Requests;
  readonly #server: ServerRows;
  #watchesServer = false;
  #method = 0;
  #lastTransaction = ZERO_UUID;
  #monitoring = false;
  /** This server is of no use; the connection is about to end. */
  #left = false;
  /** Of the entries of the cluster's log; a server that has fewer than another had is behind. */
  #minIndex = 0;
  readonly #conditions = new MonitorConditions();
  /** The tables of the monitor. */
  #monitored: ReadonlySet<string> = new Set();
  /** Makes the answer to a change of conditions, which is under way, not be heard. */
  #forgetConditionChange: (() => void) | undefined;
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
    this.#schemaFirst = options.schemaFirst ?? false;
    this.#server = new ServerRows(database, options.leaderOnly ?? true, options.clusterId);
    this.#session = new JsonRpcSession(
      host,
      remotes,
      {
        connected: () => this.#connected(),
        message: (message) => this.#message(message),
        disconnected: (error) => this.#stop(error),
      },
      options,
    );
    this.#requests = new Requests((message) => this.#session.send(message));
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
  /** The transaction up to which contents and updates have come; all zeros if the server has no names for them. */
  get lastTransaction(): Uuid {
    return this.#lastTransaction;
  }
  get lockName(): string | undefined {
    return this.#lockName;
  }
  /** The server said that somebody else has the lock. */
  get isLockContended(): boolean {
    return this.#lockDenied;
  }

  setRemotes(remotes: readonly string[], clusterId?: Uuid): void {
    const other = clusterId !== this.#server.clusterId;
    this.#server.clusterId = clusterId;
    this.#session.setRemotes(remotes);
    if (other) this.#session.forceReconnect();
  }

  /** From now on tries to reconnect for ever. */
  enableReconnect(): void {
    this.#session.reconnect.maxTries = Number.POSITIVE_INFINITY;
  }

  /** What has been made of the contents cannot be right: gets them as a whole, over another connection. */
  startAfresh(): void {
    this.#lastTransaction = ZERO_UUID;
    this.#leave();
  }

  close(): void {
    this.#session.close();
    this.#forget();
  }

  /** Asks for a lock, and again after each reconnection; undefined gives it back. */
  setLock(name: string | undefined): void {
    if (name === this.#lockName) return;
    if (this.#lockName !== undefined && this.#session.isConnected)
      this.#requests.send('unlock', [this.#lockName]);
    this.#lockName = name;
    this.hasLock = false;
    this.#lockDenied = false;
    if (this.#session.isConnected) this.#requestLock();
  }

  /**
   * Which rows of a table to monitor, as in monitor_cond: those that satisfy any clause; all by default. The contents
   * follow when the server has been asked, see {@link conditionsInEffect}; servers that know no conditions send all.
   */
  setCondition(table: string, where: Json): void {
    this.#conditions.want(table, where);
    this.#changeConditions();
  }

  /** Whether the contents are by the conditions that were set last. */
  get conditionsInEffect(): boolean {
    return this.#conditions.areInEffect;
  }

  #changeConditions(): void {
    if (!this.#monitoring || this.#forgetConditionChange) return;
    const changes = this.#conditions.askForChanges(this.#monitored);
    if (!changes) return;
    const id = ['monid', this.#database];
    this.#forgetConditionChange = this.request('monitor_cond_change', [id, id, changes], (reply) => {
      this.#forgetConditionChange = undefined;
      if (!reply) return;
      if (reply.type === 'error')
        log.warn(`${this.#session.name}: conditions not changed: ${sortedJson(reply.error)}`);
      // The rows came before the answer.
      this.#conditionsAnswered();
    });
  }

  #conditionsAnswered(): void {
    this.#conditions.answered();
    this.#changeConditions();
    this.#events.stateChanged();
  }

  /** Sends a transaction. @returns its result, or its error object, or undefined if the connection broke */
  transact(params: readonly Json[]): Promise<Json | undefined> {
    return new Promise((resolve) => {
      if (!this.#monitoring) return resolve(undefined);
      this.#requests.send('transact', params, (reply) => {
        if (reply?.type === 'reply') resolve(reply.result);
        else resolve(reply?.type === 'error' ? reply.error : undefined);
      });
    });
  }

  /**
   * Sends a request while `isMonitoring`.
   * @param done is given undefined if the connection breaks first
   * @returns makes `done` never be called
   */
  request(method: string, params: readonly Json[], done: ResponseHandler): () => void {
    const id = this.#requests.send(method, params, done);
    return () => this.#requests.forget(id);
  }

  #connected(): void {
    this.#method = 0;
    this.#left = false;
    this.#requestLock();
    this.#start();
    this.#events.stateChanged();
  }

  /** Monitors both databases, anew if need be. */
  #start(): void {
    this.#server.clear();
    this.#watchesServer = false;
    this.#monitoring = false;
    this.#requests.send('monitor_cond', ['_Server', SERVER_MONITOR, SERVER_MONITOR_REQUEST], (reply) => {
      if (reply?.type === 'reply') this.#watchServer(reply.result as JsonObject);
      else if (reply && this.#schemaFirst) this.#requestSchema();
    });
    // Both monitors at once: a round trip less for short-lived tools. The answers come in this order.
    if (!this.#schemaFirst) this.#monitor(undefined);
  }

  #watchServer(contents: JsonObject): void {
    this.#watchesServer = true;
    this.#serverUpdate(contents);
    if (this.#left) return;
    // From now on the server does not disconnect us when its databases change, but tells.
    this.#requests.send('set_db_change_aware', [true]);
    if (this.#schemaFirst) this.#requestSchema();
  }

  /** Asks for it itself: the C server's table "Database" does not follow online conversions. */
  #requestSchema(): void {
    this.#requests.send('get_schema', [this.#database], (reply) => {
      if (reply?.type === 'reply') this.#monitor(reply.result as JsonObject);
      else if (reply) this.#refused(reply.error);
    });
  }

  /** The server does not let us see the database. */
  #refused(error: Json): void {
    const why = tagOf(error) === 'database not available' ? this.#server.whyNoSchema : undefined;
    if (why !== undefined) {
      this.#leave(why);
      return;
    }
    log.warn(`${this.#session.name}: cannot monitor database ${this.#database}: ${sortedJson(error)}`);
    this.#leave();
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
    this.#requests.abandon();
  }

  /** Tries another server, or this one again. */
  #leave(why?: string): void {
    if (this.#left) return;
    if (why !== undefined) log.info(`${this.#session.name}: ${why}`);
    // One that was of use may be so again soon; of others there is no hurry.
    if (this.#monitoring) this.#session.resetBackoff();
    this.#left = true;
    this.#monitoring = false;
    this.#session.forceReconnect();
  }

  #requestLock(): void {
    const name = this.#lockName;
    if (name === undefined) return;
    this.#requests.send('lock', [name], (reply) => {
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
    this.#forgetConditionChange?.();
    this.#forgetConditionChange = undefined;
    // What has changed since is not enough where other rows are wanted than before.
    if (!this.conditionsInEffect) this.#lastTransaction = ZERO_UUID;
    for (const [table, columns] of this.#events.columns(schema)) {
      const where = this.#conditions.ask(table);
      // That method knows no conditions.
      requests[table] = [method === 'monitor' ? { columns } : { columns, ...where }];
    }
    this.#monitored = new Set(Object.keys(requests));
    const since = method === 'monitor_cond_since' ? [this.#lastTransaction] : [];
    this.#requests.send(method, [this.#database, ['monid', this.#database], requests, ...since], (reply) => {
      if (reply?.type === 'reply') this.#contents(method, reply.result);
      else if (reply?.type === 'error') this.#monitorRefused(reply.error, schema);
    });
  }

  #contents(method: (typeof METHODS)[number], result: Json): void {
    this.#monitoring = true;
    if (method !== 'monitor_cond_since') {
      this.#lastTransaction = ZERO_UUID;
      this.#events.contents(result as JsonObject, method === 'monitor' ? 'old-new' : 'changes', false);
    } else {
      const [found, last, updates] = result as readonly [Json, Json, Json];
      this.#lastTransaction = String(last);
      this.#events.contents(updates as JsonObject, 'changes', found === true);
    }
    if (this.#conditions.isUsed) this.#conditionsAnswered();
  }

  #monitorRefused(error: Json, schema: JsonObject | undefined): void {
    const tag = tagOf(error);
    if (tag === 'unknown method' && this.#method + 1 < METHODS.length) {
      this.#method++;
      this.#monitor(schema);
    } else if (tag === 'unknown database' || tag === 'database not available' || schema !== undefined) {
      this.#refused(error);
    } else {
      // Perhaps the server's schema lacks some of what we asked for.
      this.#requestSchema();
    }
  }

  #message(message: JsonRpcMessage): void {
    if (this.#left) return;
    if (message.type === 'reply' || message.type === 'error') this.#requests.take(message);
    else if (message.type === 'notification') this.#notification(message.method, message.params);
  }

  #notification(method: string, params: readonly Json[]): void {
    switch (method) {
      case 'update3':
        if (!this.#monitoring) return;
        this.#lastTransaction = String(params[1]);
        this.#events.update(params[2] as JsonObject, 'changes');
        break;
      case 'update2':
        // What was on its way when a monitor was given up belongs to no contents that are known.
        if (Array.isArray(params[0]) && params[0][1] === '_Server') {
          if (this.#watchesServer) this.#serverUpdate(params[1] as JsonObject);
        } else if (this.#monitoring) this.#events.update(params[1] as JsonObject, 'changes');
        break;
      case 'update':
        if (this.#monitoring) this.#events.update(params[1] as JsonObject, 'old-new');
        break;
      case 'locked':
      case 'stolen':
        if (params[0] !== this.#lockName) return;
        this.hasLock = method === 'locked';
        this.#lockDenied = !this.hasLock;
        this.#events.stateChanged();
        break;
      case 'monitor_canceled':
        this.#canceled(params);
        break;
    }
  }

  /** The server's database was removed or replaced: what comes next is known only when all has been asked again. */
  #canceled([id]: readonly Json[]): void {
    const database = Array.isArray(id) ? id[1] : undefined;
    if (database === this.#database) {
      if (this.#watchesServer) this.#requests.send('monitor_cancel', [SERVER_MONITOR]);
    } else if (database === '_Server') {
      this.#requests.send('monitor_cancel', [['monid', this.#database]]);
    } else {
      return;
    }
    this.#start();
    this.#events.stateChanged();
  }

  /** Notes what the server says of its databases, and leaves it if it cannot serve ours. */
  #serverUpdate(updates: JsonObject): void {
    this.#server.update(updates);
    if (!this.#server.hasDatabase) {
      log.infoRl(absentLimit, `${this.#session.name}: server does not have ${this.#database} database`);
      this.#leave();
      return;
    }
    const why = this.#server.whyUseless;
    const { index } = this.#server;
    if (why !== undefined) {
      this.#leave(why);
    } else if (index !== undefined) {
      // What was seen must not be unseen.
      if (index < this.#minIndex) {
        log.warn(`${this.#session.name}: clustered database server has stale data; trying another server`);
        this.#leave();
      }
      this.#minIndex = Math.max(index, this.#minIndex);
    }
  }
}
