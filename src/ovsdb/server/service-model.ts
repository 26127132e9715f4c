/**
 * What differs between the ways of serving a database: on its own with a file, as the backup of another server, as a
 * relay of one, in a cluster. Everything else - sessions, monitors, waiting transactions - is the same for all of them and
 * knows only this interface.
 *
 * A model makes its {@link ServedDatabase} and keeps it supplied: what it learns from elsewhere it carries out there as
 * transactions of its own (`Transaction.id` is their name beyond this server), or as a whole new database with
 * `ServedDatabase.replace`. C counterparts: ovsdb/storage.c and what ovsdb/trigger.c asks of it.
 */
import type { Uuid } from '../../base/uuid.ts';
import type { Json } from '../../jsonrpc/json.ts';
import type { Database } from '../database.ts';
import type { OvsdbError } from '../ovsdb-error.ts';
import type { Composed } from '../transact/execute.ts';
import type { LockKeeper } from './locks.ts';

/** Columns of the database's row in _Server. */
export interface DatabaseStatus {
  readonly model: 'standalone' | 'clustered' | 'relay';
  /** To the rest of the cluster, to the source. */
  readonly connected: boolean;
  readonly leader: boolean;
  readonly cid?: Uuid;
  readonly sid?: Uuid;
  /** Of the last entry of the cluster's log that is in the database. */
  readonly index?: number;
}

export const STANDALONE_STATUS: DatabaseStatus = { model: 'standalone', connected: true, leader: true };

/** What a client's transaction came to. */
export type Outcome =
  /** The results of its operations, as the RFC's "transact" has them, those of failed ones too. */
  | { readonly kind: 'results'; readonly results: Json }
  /** No results: the whole request failed. */
  | { readonly kind: 'error'; readonly error: Json }
  /** It cannot be found out: the client must not be told anything, and learns what there is when it connects again. */
  | { readonly kind: 'unknown' };

/** What came of the attempt to commit a transaction. */
export type CommitOutcome =
  | Outcome
  /** Others were faster: it is to be composed anew after the next `Triggers.wake`. */
  | { readonly kind: 'retry' };

export type ComposedTransaction = Extract<Composed, { kind: 'ready' }>;

/**
 * Where commits take time, those that come meanwhile wait, and then go together: one by one they are composed, each on what
 * the ones before it made of the database, which is undone when all are composed, and done again when they are committed.
 */
export interface Batching {
  /** Nothing may be tried before the next `Triggers.wake`. */
  readonly isBusy: boolean;
  /** Transactions are committed from here on until `end`, all within one turn of the loop. */
  begin(): void;
  end(): void;
  /** Some have been committed since `begin`: what others find in the database is true only if those come about. */
  readonly isOpen: boolean;
  /** Keeps an outcome until that is certain. @param done and the result are as for `ServiceModel.commit` */
  hold(outcome: Outcome, done: (outcome: CommitOutcome) => void): () => void;
}

export interface ServiceModel {
  /** Clients may not write. */
  readonly readOnly: boolean;
  /** The server may write rows of its own accord, such as the state of its connections. */
  readonly ownsRows: boolean;
  /** The same object until something in it changes; `ServedDatabase.statusChanged` is to be called then. */
  readonly status: DatabaseStatus;
  /** Why the storage does not work; undefined if it does. */
  readonly storageError: string | undefined;
  readonly batching?: Batching;
  /** Who keeps locks, where that is not this server. */
  readonly locks?: LockKeeper;

  /**
   * Commits a client's transaction that has operations that write, or passes it on.
   * @param params of the client's request
   * @param composed what its operations did here. Its `txn` is completed or aborted when the method returns.
   * @param done called once, during the call or at any time later, unless the commit has been cancelled
   * @returns makes `done` never be called, though the transaction may come about; undefined when there is nothing to
   *   cancel any more: it is done, or only the disk is waited for
   */
  commit(
    params: Json,
    composed: ComposedTransaction,
    done: (outcome: CommitOutcome) => void,
  ): (() => void) | undefined;

  /**
   * Puts a converted database in the place of the present one, for all that serve it.
   * @param done called when that has been done here with `ServedDatabase.replace`, or cannot be done
   */
  convert(converted: Database, done: (error: OvsdbError | undefined) => void): void;

  /** Makes the storage small, if there is any. */
  compact(done: (error: OvsdbError | undefined) => void): void;

  /** Lets go of everything. Nothing may be called afterwards. */
  close(): void;
}
