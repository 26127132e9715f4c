/**
 * A database as the server offers it: its rows, its log, its monitors' changes, its waiting transactions.
 *
 * Transactions are appended to the log before they count. A client that asked for durability gets its reply when the
 * disk has confirmed; others go on meanwhile and may see the transaction before that. Compaction runs in slices between
 * other work. C counterparts: ovsdb/storage.c, struct db in ovsdb/ovsdb-server.c.
 */
import type { Host } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import { vlog } from '../../base/vlog.ts';
import { Database, type TransactionSink } from '../database.ts';
import { readDatabase, transactionToText, writeSnapshot } from '../file.ts';
import type { OvsdbLog } from '../log.ts';
import { ChangeTracker } from '../monitor/change-set.ts';
import { TransactionHistory } from '../monitor/history.ts';
import type { Monitorable } from '../monitor/monitor.ts';
import type { OvsdbError } from '../ovsdb-error.ts';
import type { DatabaseSchema } from '../schema.ts';
import type { Transaction } from '../transact/transaction.ts';
import { Triggers } from './triggers.ts';

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

export interface ServedOptions {
  /** File records hold differences of columns instead of whole columns. */
  useDiff: boolean;
}

export class ServedDatabase implements Monitorable, TransactionSink {
  readonly #host: Host;
  readonly #options: ServedOptions;
  /** As configured; '<internal>' for what is only in memory. */
  readonly file: string;
  readonly #log: OvsdbLog | undefined;
  db: Database;
  tracker = new ChangeTracker();
  history: TransactionHistory;
  /** Only where transactions have names beyond this server; a stand-alone database's clients expect none. */
  readonly #keepsHistory: boolean = false;
  readonly triggers: Triggers;
  /** Clients may not write. */
  readonly readOnly: boolean;
  /** Called after each transaction that changed something, and when the database was replaced (without one). */
  onChange: (txn: Transaction | undefined) => void = () => {};
  #records = 0;
  #compactNotBefore = 0;
  #compactTimer: Timer | undefined;
  /** Those who wait for a running compaction. */
  #compacting: ((error: OvsdbError | undefined) => void)[] | undefined;
  /** Replies that wait for the sync under way, and for the next. */
  #syncing: ((error: OvsdbError | undefined) => void)[] | undefined;
  #toSync: ((error: OvsdbError | undefined) => void)[] = [];
  #closed = false;

  private constructor(
    host: Host,
    options: ServedOptions,
    file: string,
    ovsdbLog: OvsdbLog | undefined,
    db: Database,
  ) {
    this.#host = host;
    this.#options = options;
    this.file = file;
    this.#log = ovsdbLog;
    this.db = db;
    this.readOnly = ovsdbLog === undefined;
    this.history = new TransactionHistory(host.random);
    this.triggers = new Triggers(host.loop, this);
    this.#adopt(db);
    if (ovsdbLog) this.#scheduleCompaction();
  }

  /** Only in memory, and not to be written by clients. */
  static internal(host: Host, schema: DatabaseSchema): ServedDatabase {
    const db = new Database(schema, host.random);
    return new ServedDatabase(host, { useDiff: true }, '<internal>', undefined, db);
  }

  /** From a log, which is closed with it. @throws OvsdbError when there is no schema in it */
  static read(host: Host, options: ServedOptions, file: string, ovsdbLog: OvsdbLog): ServedDatabase {
    const { db, transactions, error } = readDatabase(ovsdbLog, host.random);
    // Probably a crash cut the last record short; what came before it is good.
    if (error) serverLog.err(error.message);
    const served = new ServedDatabase(host, options, file, ovsdbLog, db);
    served.#records = transactions + 1;
    return served;
  }

  get name(): string {
    return this.db.name;
  }

  #adopt(db: Database): void {
    this.db = db;
    db.sink = this;
    // Past everything that would contain it.
    db.broken = (error) =>
      this.#host.loop.defer(() => {
        throw error;
      });
    db.listeners.add((txn) => {
      this.tracker.commit(txn.changes);
      if (this.#keepsHistory) this.history.add(txn.changes, txn.atoms, db.atoms);
      this.triggers.wake();
      this.onChange(txn);
    });
  }

  write(txn: Transaction): void {
    if (!this.#log) return;
    const { useDiff } = this.#options;
    const text = transactionToText(txn, { wallMs: this.#host.loop.clock.wallNow(), useDiff });
    if (text !== undefined) this.#write(text);
  }

  #write(text: string): void {
    this.#log!.writeText(text);
    this.#records++;
    if (this.#isCompactionDue()) void this.#host.loop.defer(() => this.compact(() => {}));
  }

  /** Calls `done` when all that was committed is safe on the disk, or with the reason why it is not. */
  whenDurable(done: (error: OvsdbError | undefined) => void): void {
    if (!this.#log) {
      done(undefined);
      return;
    }
    this.#toSync.push(done);
    if (!this.#syncing) this.#sync();
  }

  #sync(): void {
    this.#syncing = this.#toSync;
    this.#toSync = [];
    this.#log!.sync((error) => {
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
      this.#log!.grewLots
    );
  }

  /** Replaces the log by one that holds just the present rows. */
  compact(done: (error: OvsdbError | undefined) => void): void {
    if (!this.#log || this.#closed) {
      done(undefined);
      return;
    }
    if (this.#compacting) {
      this.#compacting.push(done);
      return;
    }
    this.#compacting = [done];
    this.#replaceLog(this.db, 'compacting database online', (error) => {
      const waiting = this.#compacting!;
      this.#compacting = undefined;
      if (error) log.info(error.message);
      for (const one of waiting) one(error);
    });
  }

  #replaceLog(db: Database, comment: string, done: (error: OvsdbError | undefined) => void): void {
    const { loop } = this.#host;
    const started = loop.now();
    const ended = (error: OvsdbError | undefined): void => {
      if (this.#closed) return;
      this.#scheduleCompaction();
      if (!error) this.#records = 2;
      const elapsed = Math.round(loop.now() - started);
      const text = `${this.name}: Database compaction took ${elapsed}ms`;
      if (elapsed > 1000) log.info(text);
      else log.dbg(text);
      done(error);
    };
    let replacement: ReturnType<OvsdbLog['startReplacement']>;
    try {
      replacement = this.#log!.startReplacement();
    } catch (error) {
      ended(error as OvsdbError);
      return;
    }
    const work = writeSnapshot(db, replacement, {
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

  /** Puts a converted database in the place of this one, on the disk too. Monitors and triggers must be gone. */
  replace(db: Database, done: (error: OvsdbError | undefined) => void): void {
    // The new log must hold exactly what was converted.
    this.triggers.pause();
    const finish = (error: OvsdbError | undefined): void => {
      this.triggers.resume();
      if (!error) {
        this.tracker = new ChangeTracker();
        this.history = new TransactionHistory(this.#host.random);
        this.#adopt(db);
        this.onChange(undefined);
      }
      done(error);
    };
    if (!this.#log) finish(undefined);
    else if (this.#compacting)
      this.#compacting.push(() => this.#replaceLog(db, 'converted by ovsdb-server', finish));
    else this.#replaceLog(db, 'converted by ovsdb-server', finish);
  }

  close(): void {
    this.#closed = true;
    this.#compactTimer?.cancel();
    this.#log?.close();
  }
}
