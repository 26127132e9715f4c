/**
 * The relay service model: a replica of another server's database. Clients read and monitor it here; what they write is
 * passed on to the source, and comes back with its updates.
 *
 * The schema is the source's, and follows it. Names of transactions are the source's too, so a client can go on at
 * another relay of it, or at the source, where it was. Nothing is kept on disk. C counterpart: ovsdb/relay.c.
 */
import type { Host } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import { ZERO_UUID } from '../../base/uuid.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import { parseRemotes } from '../../jsonrpc/remotes.ts';
import { Database } from '../database.ts';
import { DbClient, type UpdateForm } from '../idl/db-client.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { applyContents, applyUpdates } from '../replication/table-updates.ts';
import { type DatabaseSchema, sameSchema, schemaFromJson } from '../schema.ts';
import type { SourceConfig } from '../server/configuration.ts';
import { ServedDatabase } from '../server/served.ts';
import type {
  CommitOutcome,
  ComposedTransaction,
  DatabaseStatus,
  ServiceModel,
} from '../server/service-model.ts';
import { finishTransaction } from '../transact/execute.ts';
import { Transaction } from '../transact/transaction.ts';
import { Forwarding } from './forwarding.ts';

const log = vlog('relay');
const rl = new RateLimit(1, 5);

/** How long a lost source has to come back before clients are told. */
const GRACE_MS = 30_000;

const statusFor = (connected: boolean): DatabaseStatus => ({ model: 'relay', connected, leader: false });

export class Relay implements ServiceModel {
  readonly served: ServedDatabase;
  readonly readOnly = false;
  readonly ownsRows = false;
  status = statusFor(false);
  readonly #host: Host;
  readonly #client: DbClient;
  readonly #forwarding: Forwarding;
  #source: string;
  /** The source's, if another than that of the database, from the request for its contents to their arrival. */
  #newSchema: DatabaseSchema | undefined;
  #grace: Timer | undefined;

  constructor(host: Host, name: string, source: SourceConfig) {
    this.#host = host;
    this.#source = source.remote;
    this.served = new ServedDatabase(host, name, name, this);
    const { remotes, clusterId } = parseRemotes(source.remote);
    this.#client = new DbClient(
      host,
      name,
      remotes,
      {
        columns: (schema) => this.#columns(schema!),
        contents: (updates, form, incremental) => this.#contents(updates, form, incremental),
        update: (updates, form) =>
          this.#attempt(() => this.#commit((txn) => applyUpdates(txn, updates, form))),
        stateChanged: () => this.#stateChanged(),
      },
      { leaderOnly: false, schemaFirst: true, clusterId },
    );
    this.#forwarding = new Forwarding(this.#client);
    this.#client.session.applyOptions(source.options);
  }

  /** Goes on with another source or other options; a connection to a server that is still named is kept. */
  setSource({ remote, options }: SourceConfig): void {
    if (remote !== this.#source) {
      this.#source = remote;
      const { remotes, clusterId } = parseRemotes(remote);
      this.#client.setRemotes(remotes, clusterId);
    }
    this.#client.session.applyOptions(options);
  }

  get storageError(): string | undefined {
    return undefined;
  }

  commit(params: Json, { txn }: ComposedTransaction, done: (outcome: CommitOutcome) => void): () => void {
    // That it could be composed was worth knowing; it comes about at the source.
    txn.abort();
    return this.#forwarding.forward(params as readonly Json[], done);
  }

  convert(_converted: Database, done: (error: OvsdbError | undefined) => void): void {
    done(new OvsdbError('not allowed', `conversion is not allowed for relay database ${this.served.name}`));
  }

  compact(done: (error: OvsdbError | undefined) => void): void {
    done(undefined);
  }

  close(): void {
    this.#grace?.cancel();
    this.#client.close();
  }

  #stateChanged(): void {
    if (this.#client.isMonitoring) return;
    if (!this.status.connected || this.#grace) return;
    this.#grace = this.#host.loop.after(GRACE_MS, () => this.#setConnected(false));
  }

  #setConnected(connected: boolean): void {
    this.#grace?.cancel();
    this.#grace = undefined;
    if (this.status.connected === connected) return;
    this.status = statusFor(connected);
    this.served.statusChanged();
  }

  /** All columns of all tables: the source's database is to be had whole. */
  #columns(json: JsonObject): ReadonlyMap<string, readonly string[]> {
    let schema: DatabaseSchema;
    try {
      schema = schemaFromJson(json);
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      log.warn(`${this.served.name}: Failed to parse db schema: ${error.message}`);
      return new Map();
    }
    const { served } = this;
    const isNew = !served.isAvailable || !sameSchema(schema, served.db.schema);
    // Until the contents come, those of the old schema are better than none.
    this.#newSchema = isNew ? schema : undefined;
    if (isNew) log.dbg(`database ${served.name} schema changed.`);
    return new Map(
      [...schema.tables.values()].map((table) => [table.name, table.columns.map(({ name }) => name)]),
    );
  }

  #contents(updates: JsonObject, form: UpdateForm, incremental: boolean): void {
    if (incremental && this.#newSchema) {
      // A difference to rows of the old schema is of no use.
      this.#client.startAfresh();
      return;
    }
    this.#attempt(() => {
      if (this.#newSchema) this.#adoptSchema(this.#newSchema);
      this.#commit((txn) => {
        if (incremental) {
          applyUpdates(txn, updates, form);
          return;
        }
        applyContents(txn, updates, form, txn.db.tables.values());
        // Earlier transactions do not lead here.
        this.served.history.clear();
      });
      this.#setConnected(true);
      this.#forwarding.run();
    });
  }

  #adoptSchema(schema: DatabaseSchema): void {
    const { served } = this;
    let comment: string | undefined;
    if (!served.isAvailable) comment = `database ${served.name} connected to storage`;
    else if (schema.version !== served.db.schema.version) comment = `database ${served.name} schema changed`;
    served.replace(new Database(schema, this.#host.random), comment);
    this.#newSchema = undefined;
  }

  /** @throws OvsdbError */
  #commit(change: (txn: Transaction) => void): void {
    const txn = new Transaction(this.served.db);
    try {
      change(txn);
    } catch (error) {
      txn.abort();
      throw error;
    }
    const { lastTransaction } = this.#client;
    if (lastTransaction !== ZERO_UUID) txn.id = lastTransaction;
    finishTransaction(txn, false);
  }

  /** What cannot be carried out leaves a database that is not the source's: it is fetched anew. */
  #attempt(run: () => void): void {
    try {
      run();
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      log.warnRl(rl, error.message);
      this.#client.startAfresh();
    }
  }
}
