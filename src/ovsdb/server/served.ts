/**
 * A database as the server offers it: its rows, its monitors' changes, its waiting transactions. Where the rows come from
 * and how they are kept is the business of its service model. C counterpart: struct db in ovsdb/ovsdb-server.c.
 */
import type { Host } from '../../base/host.ts';
import { Database } from '../database.ts';
import { ChangeTracker } from '../monitor/change-set.ts';
import { TransactionHistory } from '../monitor/history.ts';
import type { Monitorable } from '../monitor/monitor.ts';
import type { Transaction } from '../transact/transaction.ts';
import type { ServiceModel } from './service-model.ts';
import { Triggers } from './triggers.ts';

/** What a server has to do when a database changes. */
export interface ServedEvents {
  /** A transaction changed something. */
  committed(txn: Transaction): void;
  /**
   * Another database is about to take this one's place: nobody may go on looking at the old rows.
   * @param comment says in the log why clients that do not know of such changes are disconnected; undefined if they need
   *   not be
   */
  replacing(comment: string | undefined): void;
  /** It has taken its place. */
  replaced(): void;
  /** `ServiceModel.status` is another. */
  statusChanged(): void;
}

const NOBODY: ServedEvents = {
  committed: () => {},
  replacing: () => {},
  replaced: () => {},
  statusChanged: () => {},
};

export class ServedDatabase implements Monitorable {
  readonly #host: Host;
  /** The key of its configuration: most often a file name. '<internal>' for what is only in memory. */
  readonly file: string;
  readonly model: ServiceModel;
  #db: Database;
  #isAvailable: boolean;
  tracker = new ChangeTracker();
  readonly history = new TransactionHistory();
  readonly triggers: Triggers;
  events: ServedEvents = NOBODY;

  /** @param db its name alone, if its schema is not known yet */
  constructor(host: Host, file: string, db: Database | string, model: ServiceModel) {
    this.#host = host;
    this.file = file;
    this.model = model;
    this.triggers = new Triggers(host.loop, this);
    this.#isAvailable = typeof db !== 'string';
    this.#db =
      typeof db === 'string'
        ? new Database({ name: db, version: '', cksum: '', tables: new Map() }, host.random)
        : db;
    this.#adopt();
  }

  get db(): Database {
    return this.#db;
  }
  get name(): string {
    return this.#db.name;
  }
  /** Whether there is a schema, so that clients can do anything with it. */
  get isAvailable(): boolean {
    return this.#isAvailable;
  }

  #adopt(): void {
    const db = this.#db;
    // Past everything that would contain it.
    db.broken = (error) =>
      this.#host.loop.defer(() => {
        throw error;
      });
    db.listeners.add((txn) => {
      this.history.add(txn, db.atoms);
      if (txn.changes.length === 0) return;
      this.tracker.commit(txn.changes);
      this.triggers.wake();
      this.events.committed(txn);
    });
  }

  /**
   * Puts another database in the place of this one; monitors and waiting transactions are canceled.
   * @param comment as for `ServedEvents.replacing`
   */
  replace(db: Database, comment?: string): void {
    this.events.replacing(comment);
    this.#db = db;
    this.#isAvailable = true;
    this.tracker = new ChangeTracker();
    this.history.clear();
    this.#adopt();
    this.events.replaced();
  }

  /** To be called when `model.status` has become another. */
  statusChanged(): void {
    this.events.statusChanged();
  }

  close(): void {
    this.model.close();
  }
}
