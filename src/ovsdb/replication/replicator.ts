/**
 * Copies the database of that name from an active server, again and again from the start when the connection was lost,
 * then change by change; some tables may be excluded, which keep what they have.
 *
 * The local schema may have more than the active server's but must have all of it. When that is not so, or the active
 * server has no such database, or is this very server, replication fails for good and the owner is told.
 * C counterpart: ovsdb/replication.c.
 */
import type { Host } from '../../base/host.ts';
import { parseUuid, type Uuid } from '../../base/uuid.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { type Json, type JsonObject, sortedJson } from '../../jsonrpc/json.ts';
import type { JsonRpcMessage } from '../../jsonrpc/jsonrpc.ts';
import { Requests } from '../../jsonrpc/requests.ts';
import { type ConnectionOptions, JsonRpcSession } from '../../jsonrpc/session.ts';
import type { Table } from '../database.ts';
import { isJsonObject } from '../members.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { columnToJson, type DatabaseSchema, sameSchema, schemaFromJson } from '../schema.ts';
import type { SourceConfig } from '../server/configuration.ts';
import type { ServedDatabase } from '../server/served.ts';
import { finishTransaction } from '../transact/execute.ts';
import { Transaction } from '../transact/transaction.ts';
import { applyContents, applyUpdates } from './table-updates.ts';

const log = vlog('replication');
const errorLog = vlog('ovsdb_error');
const rl = new RateLimit(1, 1);

/** It is 'replicating' until the next connection, even while there is none. */
type State = 'connecting' | 'replicating' | 'failed';

export interface ReplicationConfig {
  readonly source: SourceConfig;
  /** "TABLE" or "DB:TABLE", separated by blanks or commas. */
  readonly excludeTables: string | undefined;
}

export class Replicator {
  readonly source: string;
  readonly excludeTables: string | undefined;
  readonly #served: ServedDatabase;
  readonly #serverId: Uuid;
  readonly #excluded: ReadonlySet<string>;
  readonly #session: JsonRpcSession;
  readonly #requests: Requests;
  readonly #failed: () => void;
  #state: State = 'connecting';

  /**
   * @param serverId of this server
   * @param failed called once if it ends, later than in this call; the replicator has to be closed still
   */
  constructor(
    host: Host,
    served: ServedDatabase,
    { source, excludeTables }: ReplicationConfig,
    serverId: Uuid,
    failed: () => void,
  ) {
    this.source = source.remote;
    this.excludeTables = excludeTables;
    this.#served = served;
    this.#serverId = serverId;
    this.#failed = failed;
    this.#excluded = excludedTables(served.name, excludeTables ?? '');
    this.#session = new JsonRpcSession(host, [source.remote], {
      connected: () => this.#start(),
      message: (message) => this.#message(message),
      disconnected: () => this.#requests.abandon(),
    });
    this.#requests = new Requests((message) => this.#session.send(message));
    this.applyOptions(source.options);
  }

  applyOptions(options: ConnectionOptions): void {
    this.#session.applyOptions(options);
  }

  close(): void {
    this.#session.close();
  }

  /** For `ovsdb-server/sync-status`. */
  get statusText(): string {
    if (this.#state === 'connecting') return `connecting: ${this.source}`;
    if (this.#state === 'failed') return `Replication to (${this.source}) failed`;
    const tables = [...this.#excluded].map((table) => `${this.#served.name}:${table}`).sort();
    return `replicating: ${this.source}\n${tables.length === 0 ? '' : `exclude: ${tables.join(',')}`}`;
  }

  #fail(): void {
    if (this.#state === 'failed') return;
    this.#state = 'failed';
    this.#failed();
  }

  /** Carries out what a message from the active server asks for. Most errors end the replication. */
  #attempt(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      errorLog.errRl(rl, `unexpected ovsdb error: ${error.message}`);
      // The copy is not what it should be: it is made anew.
      if (error.tag === 'consistency violation') this.#session.forceReconnect();
      else this.#fail();
    }
  }

  #ask(method: string, params: readonly Json[], then: (result: Json) => void): void {
    this.#requests.send(method, params, (response) => {
      if (response?.type === 'reply') {
        this.#attempt(() => then(response.result));
      } else if (response) {
        // Such as a cluster's member that has not joined it: perhaps later.
        log.warn(`${this.#served.name}: ${method} failed: ${sortedJson(response.error)}`);
        this.#session.forceReconnect();
      }
    });
  }

  #start(): void {
    if (this.#state === 'failed') return;
    this.#state = 'connecting';
    const { name } = this.#served;
    log.dbg(`${name}: send server ID request.`);
    this.#ask('get_server_id', [], (id) => {
      const uuid = typeof id === 'string' ? parseUuid(id) : undefined;
      if (uuid === undefined)
        throw new OvsdbError('get_server_id failed', `${name}: Server ID is not valid UUID`);
      if (uuid === this.#serverId)
        throw new OvsdbError('Server ID check failed', `${name}: Self replicating is not allowed`);
      this.#listDatabases();
    });
  }

  #listDatabases(): void {
    const { name } = this.#served;
    this.#ask('list_dbs', [], (names) => {
      if (!Array.isArray(names))
        throw new OvsdbError('list_dbs failed', `${name}: list_dbs response is not array`);
      if (!names.includes(name))
        throw new OvsdbError('list_dbs failed', `${name}: database name is not in the list`);
      log.dbg(`${name}: send schema request.`);
      this.#ask('get_schema', [name], (schema) => this.#checkSchema(schemaFromJson(schema)));
    });
  }

  #checkSchema(active: DatabaseSchema): void {
    const { name, db } = this.#served;
    if (active.name !== name) {
      log.warn(`${name}: unexpected schema ${active.name}.`);
      this.#fail();
      return;
    }
    if (!sameSchema(active, db.schema)) {
      log.info(`${name}: Schema version mismatch, checking if ${name} can still be replicated or not.`);
      const why = whyNotContained(active, db.schema);
      if (why !== undefined) {
        log.info(why);
        log.info(`${name} cannot be replicated.`);
        this.#fail();
        return;
      }
      log.info(`${name} can be replicated.`);
    }
    const requests: Record<string, Json> = {};
    for (const table of [...active.tables.keys()].sort())
      if (!this.#excluded.has(table)) requests[table] = [{}];
    log.dbg(`${name}: send monitor request.`);
    this.#ask('monitor', [name, name, requests], (contents) => this.#contents(contents));
  }

  /** The tables that are copied, those too that only the local schema has. */
  *#tables(): Generator<Table> {
    for (const table of this.#served.db.tables.values()) if (!this.#excluded.has(table.name)) yield table;
  }

  #contents(contents: Json): void {
    const { name } = this.#served;
    log.info(`${name}: Monitor reply received. Resetting the database.`);
    this.#commit((txn) => applyContents(txn, objectOf(contents), 'old-new', this.#tables()));
    log.dbg(`${name}: Listening to monitor updates.`);
    this.#state = 'replicating';
  }

  #message(message: JsonRpcMessage): void {
    if (this.#state === 'failed') return;
    if (message.type === 'reply' || message.type === 'error') {
      if (!this.#requests.take(message)) log.warn(`${this.#served.name}: received unexpected reply.`);
    } else if (message.type === 'notification' && message.method === 'update') {
      this.#update(message.params);
    }
  }

  #update([id, updates]: readonly Json[]): void {
    const { name } = this.#served;
    if (id !== name) {
      log.warn(`${name}: received update for unexpected database ${String(id)}`);
      this.#fail();
    } else if (this.#state === 'replicating') {
      this.#attempt(() => this.#commit((txn) => applyUpdates(txn, objectOf(updates), 'old-new')));
    }
  }

  /** @throws OvsdbError */
  #commit(change: (txn: Transaction) => void): void {
    const txn = new Transaction(this.#served.db);
    try {
      change(txn);
    } catch (error) {
      txn.abort();
      throw error;
    }
    finishTransaction(txn, false);
  }
}

const objectOf = (json: Json | undefined): JsonObject => {
  if (json !== undefined && isJsonObject(json)) return json;
  throw new OvsdbError('Not a JSON object', '<table-updates> is not object');
};

/** The tables of database `name` that are excluded. */
function excludedTables(name: string, text: string): ReadonlySet<string> {
  const excluded = new Set<string>();
  for (const item of text.split(/[ ,]+/)) {
    const colon = item.indexOf(':');
    if (colon < 0) excluded.add(item);
    else if (item.slice(0, colon) === name) excluded.add(item.slice(colon + 1));
  }
  excluded.delete('');
  return excluded;
}

/** What of `active` the local schema lacks or has otherwise; undefined if nothing. */
function whyNotContained(active: DatabaseSchema, local: DatabaseSchema): string | undefined {
  for (const table of active.tables.values()) {
    const here = local.tables.get(table.name);
    if (!here) return `Table ${table.name} not present in the local db schema`;
    for (const column of table.columns) {
      const own = here.byName.get(column.name);
      if (!own) return `Column ${column.name} not present in the local db schema table ${table.name}.`;
      if (sortedJson(columnToJson(own)) !== sortedJson(columnToJson(column)))
        return `Column ${column.name} mismatch in local db schema table ${table.name}.`;
    }
  }
  return undefined;
}
