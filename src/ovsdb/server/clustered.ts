/**
 * The clustered service model: a database that any number of servers share by way of etcd. All of them take
 * transactions; what counts is the order of the records in the log there (cluster/cluster-log.ts).
 *
 * The database in memory shows what is in the log and nothing else; a client is answered when its transaction is there. While etcd
 * does not answer, reads go on and writes are refused; those that were on their way are answered when it is known what
 * became of them. C counterpart: ovsdb/raft.c, whose consensus is etcd's task here.
 */
import type { Host } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import { randomUuid, type Uuid, ZERO_UUID } from '../../base/uuid.ts';
import { vlog } from '../../base/vlog.ts';
import { type Json, stringifyJson } from '../../jsonrpc/json.ts';
import { Batch } from '../cluster/batch.ts';
import { ClusterLocks } from '../cluster/cluster-locks.ts';
import { type AppendOutcome, ClusterLog } from '../cluster/cluster-log.ts';
import { Compactor } from '../cluster/compactor.ts';
import { KvError, type KvStore } from '../cluster/kv.ts';
import { Layout } from '../cluster/layout.ts';
import { Member } from '../cluster/member.ts';
import {
  type ClusterRecord,
  type Entry,
  MAX_VALUE_CHARS,
  recordText,
  type Snapshot,
} from '../cluster/records.ts';
import { replayEntry, snapshotDatabase } from '../cluster/replay.ts';
import { convertDatabase } from '../convert.ts';
import type { Database } from '../database.ts';
import { becomeLike } from '../difference.ts';
import { transactionToText } from '../file.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { type DatabaseSchema, persistentSchema, sameSchema, schemaToJson } from '../schema.ts';
import { Transaction } from '../transact/transaction.ts';
import { ServedDatabase } from './served.ts';
import type {
  Batching,
  CommitOutcome,
  ComposedTransaction,
  DatabaseStatus,
  Outcome,
  ServiceModel,
} from './service-model.ts';

const log = vlog('ovsdb_cluster');

/** How often the status may become another: each time all clients that follow _Server are told. */
const STATUS_MS = 100;
/** How long to wait for the first connection that is complete. */
const JOIN_MS = 5000;
/** Characters of the JSON of one transaction. */
const MAX_TRANSACTION_CHARS = 64 * 1024 * 1024;

const clusterError = (details: string): OvsdbError => new OvsdbError('cluster error', details);

interface Conversion {
  readonly schema: DatabaseSchema;
  readonly done: (error: OvsdbError | undefined) => void;
}

export class Clustered implements ServiceModel, Batching {
  readonly readOnly = false;
  readonly ownsRows = false;
  readonly storageError = undefined;
  readonly #host: Host;
  readonly #file: string;
  readonly member: Member;
  readonly log: ClusterLog;
  readonly locks: ClusterLocks;
  readonly compactor: Compactor;
  #served: ServedDatabase | undefined;
  status: DatabaseStatus;
  #statusTimer: Timer | undefined;
  #onJoined: (() => void) | undefined;
  /** The last transaction in the database. */
  #lastId: Uuid = ZERO_UUID;
  /** Being composed. */
  #batch: Batch | undefined;
  #isFull = false;
  readonly #conversions: Conversion[] = [];

  private constructor(host: Host, file: string, kv: KvStore, prefix: string) {
    this.#host = host;
    this.#file = file;
    const sid = randomUuid(host.random);
    this.status = { model: 'clustered', connected: false, leader: false, sid };
    this.member = new Member(host, kv, new Layout(prefix), sid);
    this.locks = new ClusterLocks(host, this.member);
    this.log = new ClusterLog(host, this.member, {
      restore: (snapshot, text) => this.#restore(snapshot, text),
      apply: (record) => this.#apply(record),
      others: (events) => this.locks.changed(events),
      othersAre: (keys, revision) => this.locks.are(keys, revision),
      changed: () => this.#changed(),
      ready: () => this.#ready(),
    });
    this.compactor = new Compactor(host, this.log, () => ({ db: this.served.db, id: this.#lastId }));
    this.member.onChange = () => {
      this.locks.sessionChanged();
      this.#changed();
    };
  }

  /**
   * Reads a database and joins its servers; returns when that is done, or after a while anyway.
   * @param file as configured
   * @param kv closed with the model
   * @throws KvError when the store cannot be reached, OvsdbError when there is no database
   */
  static async open(host: Host, file: string, kv: KvStore, prefix: string): Promise<Clustered> {
    const model = new Clustered(host, file, kv, prefix);
    try {
      await model.log.open();
    } catch (error) {
      model.close();
      throw error;
    }
    void model.member.keepAlive();
    void model.log.follow();
    await model.#joined();
    return model;
  }

  get served(): ServedDatabase {
    return this.#served!;
  }
  get batching(): Batching {
    return this;
  }

  /** Whether the store answers and its log is followed. */
  get isConnected(): boolean {
    return this.member.isReached && this.log.isFollowing;
  }

  async #joined(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onJoined = resolve;
      this.#host.loop.after(JOIN_MS, resolve);
    });
    this.#onJoined = undefined;
    this.#updateStatus();
  }

  #changed(): void {
    if (this.isConnected) this.#onJoined?.();
    // Those that wait are to be refused, or carried out.
    this.#served?.triggers.wake();
    this.#noteStatus();
  }

  #noteStatus(): void {
    if (this.#statusTimer || this.member.isClosed) return;
    this.#statusTimer = this.#host.loop.after(STATUS_MS, () => {
      this.#statusTimer = undefined;
      this.#updateStatus();
    });
  }

  #updateStatus(): void {
    if (!this.log.snapshot) return;
    const { connected: before, index } = this.status;
    const connected = this.isConnected;
    if (connected === before && index === this.log.index) return;
    const { cid } = this.log.snapshot;
    const { sid } = this.member;
    this.status = { model: 'clustered', connected, leader: connected, cid, sid, index: this.log.index };
    if (connected !== before) log.info(`${this.#file}: ${connected ? 'connected to etcd' : 'lost etcd'}`);
    this.served.statusChanged();
  }

  // What the log tells.

  #restore({ name, id }: Snapshot, text: string): void {
    const db = snapshotDatabase(text, this.#host.random);
    if (this.#served && this.#served.name !== name)
      throw new OvsdbError('ovsdb error', `cluster: database ${this.#served.name} became ${name}`);
    const present = this.#served?.db.schema;
    if (present && sameSchema(present, db.schema)) becomeLike(this.served.db, db, id);
    else this.#adopt(db, id);
    this.#lastId = id;
  }

  /** @param isOwn a client of this server asked for it, and is answered before the others are disconnected */
  #adopt(db: Database, id: Uuid, isOwn = false): void {
    if (this.#served) this.#served.replace(db, isOwn ? undefined : `${db.name} database schema changed`);
    else this.#served = new ServedDatabase(this.#host, this.#file, db, this);
    this.#name(id);
  }

  /** Clients that come back name the state by this id. */
  #name(id: Uuid): void {
    const txn = new Transaction(this.served.db);
    txn.id = id;
    txn.complete();
    this.#lastId = id;
  }

  #apply({ entries }: ClusterRecord): void {
    for (const entry of entries) this.#applyEntry(entry);
    this.#recorded();
  }

  #applyEntry(entry: Entry): void {
    const { db } = this.served;
    const next = replayEntry(db, entry);
    this.#lastId = entry.id;
    if (next !== db) this.#adopt(next, entry.id);
  }

  #recorded(): void {
    this.#noteStatus();
    this.compactor.recorded();
  }

  // What clients want.

  get isBusy(): boolean {
    return this.#isFull || (this.isConnected && !this.log.canAppend);
  }

  get isOpen(): boolean {
    return this.#batch !== undefined;
  }

  begin(): void {
    this.#isFull = false;
  }

  hold(outcome: Outcome, done: (outcome: CommitOutcome) => void): () => void {
    return this.#batch!.hold(outcome, done);
  }

  commit(
    _params: Json,
    { txn, results, asserted }: ComposedTransaction,
    done: (outcome: CommitOutcome) => void,
  ): (() => void) | undefined {
    const outcome: Outcome = { kind: 'results', results };
    const decide = (): (() => void) | undefined => {
      txn.abort();
      if (this.#batch) return this.#batch.hold(outcome, done);
      done(outcome);
      return undefined;
    };
    const refuse = (error: OvsdbError): (() => void) | undefined => {
      results.push(error.toJson());
      return decide();
    };
    if (!this.isConnected) return refuse(clusterError(NOT_CONNECTED));
    try {
      txn.prepare();
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      return refuse(error);
    }
    const text = transactionToText(txn, { wallMs: this.#host.loop.clock.wallNow(), useDiff: true });
    if (text === undefined) return decide();
    if (text.length > MAX_TRANSACTION_CHARS)
      return refuse(clusterError(`transaction of ${text.length} characters is too large`));
    if (this.#batch && this.#batch.chars + text.length > MAX_VALUE_CHARS / 2) {
      this.#isFull = true;
      txn.abort();
      done({ kind: 'retry' });
      return undefined;
    }
    txn.id = randomUuid(this.#host.random);
    this.#batch ??= new Batch(randomUuid(this.#host.random));
    return this.#batch.add(txn, text, asserted, outcome, done);
  }

  end(): void {
    const batch = this.#batch;
    this.#isFull = false;
    if (!batch) return;
    this.#batch = undefined;
    batch.revert();
    this.log.append({
      batch: batch.id,
      text: recordText(batch.id, batch.entries),
      guards: [...batch.asserted].map((name) => this.locks.guard(name)),
      done: (outcome) => this.#decided(batch, outcome),
    });
  }

  #decided(batch: Batch, outcome: AppendOutcome): void {
    if (outcome === 'appended') {
      this.#lastId = batch.lastId;
      batch.commit();
      this.#recorded();
    } else if (outcome === 'lost') {
      batch.fail(() => ({ kind: 'retry' }));
    } else if (outcome === 'unknown') {
      batch.fail(() => ({ kind: 'unknown' }));
    } else {
      const error = clusterError(outcome.message).toJson();
      batch.fail((item) =>
        item.kind === 'results'
          ? { kind: 'results', results: [...(item.results as readonly Json[]), error] }
          : item,
      );
    }
  }

  #ready(): void {
    if (this.#conversions.length > 0) this.#convertNext();
    this.#served?.triggers.wake();
  }

  convert(converted: Database, done: (error: OvsdbError | undefined) => void): void {
    if (!this.isConnected) {
      done(clusterError(NOT_CONNECTED));
      return;
    }
    this.#conversions.push({ schema: persistentSchema(converted.schema), done });
    this.#convertNext();
  }

  #convertNext(): void {
    if (!this.log.canAppend) return;
    const conversion = this.#conversions.shift()!;
    const { schema, done } = conversion;
    let converted: Database;
    try {
      // The rows may be others than when the client asked.
      converted = convertDatabase(this.served.db, schema);
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      done(error);
      return;
    }
    const [batch, id] = [randomUuid(this.#host.random), randomUuid(this.#host.random)];
    const json = stringifyJson(schemaToJson(schema));
    this.log.append({
      batch,
      text: recordText(batch, [{ id, kind: 'schema', json }]),
      guards: [],
      done: (outcome) => {
        if (outcome === 'appended') {
          this.#adopt(converted, id, true);
          this.#recorded();
          done(undefined);
        } else if (outcome === 'lost') {
          this.#conversions.unshift(conversion);
        } else {
          done(
            clusterError(
              outcome === 'unknown' ? 'it is not known whether the schema was converted' : outcome.message,
            ),
          );
        }
      },
    });
  }

  compact(done: (error: OvsdbError | undefined) => void): void {
    this.compactor.compact().then(
      () => done(undefined),
      (error: unknown) => done(clusterError(error instanceof KvError ? error.message : String(error))),
    );
  }

  close(): void {
    this.#statusTimer?.cancel();
    this.compactor.close();
    this.member.close();
    this.log.reread();
  }
}

const NOT_CONNECTED = 'this server is not connected to etcd: it cannot commit transactions now';
