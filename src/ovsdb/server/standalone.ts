/**
 * The stand-alone service model: a database of this server alone, kept in a log file; and with a replicator the model
 * "active-backup".
 *
 * Transactions are appended to the log before they count. A client that asked for durability gets its reply when the
 * disk has confirmed; others go on meanwhile and may see the transaction before that. Compaction runs in slices between
 * other work. C counterparts: ovsdb/storage.c, ovsdb/file.c.
 */
import type { Host } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import { vlog } from '../../base/vlog.ts';
import type { Json } from '../../jsonrpc/json.ts';
import type { Database, TransactionSink } from '../database.ts';
import { readDatabase, transactionToText, writeSnapshot } from '../file.ts';
import type { OvsdbLog } from '../log.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import type { Replicator } from '../replication/replicator.ts';
import { finishTransaction } from '../transact/execute.ts';
import type { Transaction } from '../transact/transaction.ts';
import { ServedDatabase } from './served.ts';
import {
  type CommitOutcome,
  type ComposedTransaction,
  type ServiceModel,
  STANDALONE_STATUS,
} from './service-model.ts';

const log = vlog('ovsdb');
const serverLog = vlog('ovsdb_server');

const MINUTE_MS = 60_000;
/** No compaction sooner than this after the last, plus a random part of the same length. */
const COMPACT_AFTER_MS = 10 * MINUTE_MS;
/** However little happened, once a day. */
const COMPACT_AT_LATEST_MS = 24 * 60 * MINUTE_MS;
/** Records below which compaction does not pay. */
const COMPACT_MIN_RECORDS = 100;
/** How long one slice of a compaction may take. */
const SLICE_MS = 5;

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
  #records: number;
  #compactNotBefore = 0;
  #compactTimer: Timer | undefined;
  /** Those who wait for a compaction that runs or is to run. */
  #compacting: Done[] | undefined;
  /** Further replacements of the log, which wait for the one under way. */
  readonly #toReplace: (() => void)[] = [];
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
    this.#records = transactions + 1;
    db.sink = this;
    this.served = new ServedDatabase(host, file, db, this);
    this.#scheduleCompaction();
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
    this.#records++;
    if (this.#isCompactionDue()) void this.#host.loop.defer(() => this.compact(() => {}));
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

  #scheduleCompaction(): void {
    const { loop, random } = this.#host;
    this.#compactNotBefore = loop.now() + COMPACT_AFTER_MS + (random.u32() % COMPACT_AFTER_MS);
    this.#compactTimer?.cancel();
    this.#compactTimer = loop.after(COMPACT_AT_LATEST_MS, () => this.compact(() => {}));
  }

  #isCompactionDue(): boolean {
    return (
      this.#host.loop.now() >= this.#compactNotBefore &&
      this.#records >= COMPACT_MIN_RECORDS &&
      this.#log.grewLots
    );
  }

  /** Replaces the log by one that holds just the present rows. */
  compact(done: Done): void {
    if (this.#closed) {
      done(undefined);
      return;
    }
    if (this.#compacting) {
      this.#compacting.push(done);
      return;
    }
    this.#compacting = [done];
    this.#replaceLog(
      () => this.served.db,
      'compacting database online',
      (error) => {
        const waiting = this.#compacting!;
        this.#compacting = undefined;
        if (error) log.info(error.message);
        for (const one of waiting) one(error);
      },
    );
  }

  /** Puts the rows of a database, asked for when its turn comes, in the place of the log. */
  #replaceLog(database: () => Database, comment: string, done: Done): void {
    if (this.#log.isBeingReplaced) {
      this.#toReplace.push(() => this.#replaceLog(database, comment, done));
      return;
    }
    const { loop } = this.#host;
    const started = loop.now();
    const ended = (error: OvsdbError | undefined): void => {
      if (this.#closed) return;
      this.#scheduleCompaction();
      if (!error) this.#records = 2;
      const elapsed = Math.round(loop.now() - started);
      const text = `${this.served.name}: Database compaction took ${elapsed}ms`;
      if (elapsed > 1000) log.info(text);
      else log.dbg(text);
      done(error);
      this.#toReplace.shift()?.();
    };
    let replacement: ReturnType<OvsdbLog['startReplacement']>;
    try {
      replacement = this.#log.startReplacement();
    } catch (error) {
      ended(error as OvsdbError);
      return;
    }
    const work = writeSnapshot(database(), replacement, {
      comment,
      wallMs: loop.clock.wallNow(),
      useDiff: this.#options.useDiff,
    });
    const slice = (): void => {
      if (this.#closed) return;
      const until = loop.now() + SLICE_MS;
      try {
        do {
          if (work.next().done) {
            replacement.commit(ended);
            return;
          }
        } while (loop.now() < until);
      } catch (error) {
        replacement.abandon();
        ended(error as OvsdbError);
        return;
      }
      loop.defer(slice);
    };
    slice();
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
    this.#replaceLog(() => converted, 'converted by ovsdb-server', finish);
  }

  close(): void {
    this.#closed = true;
    this.#replicator?.close();
    this.#compactTimer?.cancel();
    this.#log.close();
  }
}
