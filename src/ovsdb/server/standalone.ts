/**
 * The stand-alone service model: a database of this server alone, kept in a log file; and with a replicator the model
 * "active-backup".
 *
 * Transactions are appended to the log before they count. A client that asked for durability gets its reply when the
 * disk has confirmed; others go on meanwhile and may see the transaction before that. C counterparts: ovsdb/storage.c, ovsdb/file.c.
 */
import type { Host } from '../../base/host.ts';
import { vlog } from '../../base/vlog.ts';
import type { Json } from '../../jsonrpc/json.ts';
import type { Database, TransactionSink } from '../database.ts';
import { readDatabase, transactionToText, writeSnapshot } from '../file.ts';
import type { OvsdbLog } from '../log.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import type { Replicator } from '../replication/replicator.ts';
import { finishTransaction } from '../transact/execute.ts';
import type { Transaction } from '../transact/transaction.ts';
import { LogCompactor, type SnapshotWriter } from './log-compactor.ts';
import { ServedDatabase } from './served.ts';
import {
  type CommitOutcome,
  type ComposedTransaction,
  type ServiceModel,
  STANDALONE_STATUS,
} from './service-model.ts';

const serverLog = vlog('ovsdb_server');

export interface FileOptions {
  /** File records hold differences of columns instead of whole columns. */
  useDiff: boolean;
}

type Done = (error: OvsdbError | undefined) => void;

export class Standalone implements ServiceModel, TransactionSink {
  readonly #host: Host;
  readonly #options: FileOptions;
  readonly #log: OvsdbLog;
  readonly served: ServedDatabase;
  readonly status = STANDALONE_STATUS;
  readonly ownsRows = true;
  #replicator: Replicator | undefined;
  readonly #compactor: LogCompactor;
  /** Replies that wait for the sync under way, and for the next. */
  #syncing: Done[] | undefined;
  #toSync: Done[] = [];
  #closed = false;

  /**
   * @param file as configured
   * @param ovsdbLog closed with the model
   * @throws OvsdbError when there is no schema in the log
   */
  constructor(host: Host, options: FileOptions, file: string, ovsdbLog: OvsdbLog) {
    this.#host = host;
    this.#options = options;
    this.#log = ovsdbLog;
    const { db, transactions, error } = readDatabase(ovsdbLog, host.random);
    // Probably a crash cut the last record short; what came before it is good.
    if (error) serverLog.err(error.message);
    db.sink = this;
    this.served = new ServedDatabase(host, file, db, this);
    this.#compactor = new LogCompactor(host, ovsdbLog, {
      name: db.name,
      records: transactions + 1,
      recordsOfSnapshot: 2,
      snapshot: () => this.#snapshot(this.served.db, 'compacting database online'),
    });
  }

  get readOnly(): boolean {
    return this.#replicator !== undefined;
  }

  /** What copies another server's database into this one, which clients may not write then; closed with the model. */
  get replicator(): Replicator | undefined {
    return this.#replicator;
  }
  set replicator(replicator: Replicator | undefined) {
    this.#replicator?.close();
    this.#replicator = replicator;
  }

  get storageError(): string | undefined {
    return undefined;
  }

  commit(
    _params: Json,
    { txn, results, durable }: ComposedTransaction,
    done: (outcome: CommitOutcome) => void,
  ): undefined {
    try {
      finishTransaction(txn, durable);
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      results.push(error.toJson());
      done({ kind: 'results', results });
      return;
    }
    if (!durable) {
      done({ kind: 'results', results });
      return;
    }
    this.#whenDurable((error) => {
      if (error) results.push(error.toJson());
      done({ kind: 'results', results });
    });
  }

  write(txn: Transaction): void {
    const { useDiff } = this.#options;
    const text = transactionToText(txn, { wallMs: this.#host.loop.clock.wallNow(), useDiff });
    if (text === undefined) return;
    this.#log.writeText(text);
    this.#compactor.recorded();
  }

  /** Calls `done` when all that was committed is safe on the disk, or with the reason why it is not. */
  #whenDurable(done: Done): void {
    this.#toSync.push(done);
    if (!this.#syncing) this.#sync();
  }

  #sync(): void {
    this.#syncing = this.#toSync;
    this.#toSync = [];
    this.#log.sync((error) => {
      const waiting = this.#syncing!;
      this.#syncing = undefined;
      if (this.#toSync.length > 0 && !this.#closed) this.#sync();
      for (const done of waiting) done(error);
    });
  }

  /** Replaces the log by one that holds just the present rows. */
  compact(done: Done): void {
    if (this.#closed) done(undefined);
    else this.#compactor.compact(done);
  }

  #snapshot(db: Database, comment: string): SnapshotWriter {
    const wallMs = this.#host.loop.clock.wallNow();
    return (to) => writeSnapshot(db, to, { comment, wallMs, useDiff: this.#options.useDiff });
  }

  convert(converted: Database, done: Done): void {
    const { served } = this;
    // The new log must hold exactly what was converted.
    served.triggers.pause();
    const finish = (error: OvsdbError | undefined): void => {
      if (!error) {
        converted.sink = this;
        served.replace(converted);
      }
      done(error);
      // The next conversion, if one waits, is of this one's outcome.
      served.triggers.resume();
    };
    this.#compactor.replace(() => this.#snapshot(converted, 'converted by ovsdb-server'), finish);
  }

  close(): void {
    this.#closed = true;
    this.#replicator?.close();
    this.#compactor.close();
    this.#log.close();
  }
}
