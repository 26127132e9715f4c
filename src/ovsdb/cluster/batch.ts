/**
 * Group commit of a clustered database: the transactions that go into one record.
 *
 * While a record is on its way all that clients ask for waits; then it is composed in one go, each transaction on the database as
 * the ones before it leave it. That state is undone before anything else can look at it, and done again, with the
 * answers to the clients, when the record is in the log. If another server's record is there instead, all of them are
 * composed anew on what it made. So the throughput does not depend on how long the store takes.
 */
import type { Uuid } from '../../base/uuid.ts';
import type { CommitOutcome, Outcome } from '../server/service-model.ts';
import type { Transaction } from '../transact/transaction.ts';

interface Item {
  /** Absent for what changed nothing. */
  readonly txn: Transaction | undefined;
  readonly outcome: Outcome;
  done: ((outcome: CommitOutcome) => void) | undefined;
}

export class Batch {
  readonly id: Uuid;
  readonly entries: { readonly id: Uuid; readonly kind: 'transaction'; readonly json: string }[] = [];
  /** Characters of the entries. */
  chars = 0;
  /** Locks that the transactions asserted. */
  readonly asserted = new Set<string>();
  readonly #items: Item[] = [];

  constructor(id: Uuid) {
    this.id = id;
  }

  /** Id of the last transaction. */
  get lastId(): Uuid {
    return this.entries.at(-1)!.id;
  }

  /**
   * Takes in a transaction that is prepared, and has a name.
   * @param text JSON of its changes
   * @returns makes its client not be told
   */
  add(
    txn: Transaction,
    text: string,
    asserted: readonly string[],
    outcome: Outcome,
    done: (outcome: CommitOutcome) => void,
  ): () => void {
    txn.completeSilently();
    this.entries.push({ id: txn.id!, kind: 'transaction', json: text });
    this.chars += text.length;
    for (const lock of asserted) this.asserted.add(lock);
    return this.#put({ txn, outcome, done });
  }

  /** Takes in an outcome that is true only if the transactions so far come about. @returns as `add` */
  hold(outcome: Outcome, done: (outcome: CommitOutcome) => void): () => void {
    return this.#put({ txn: undefined, outcome, done });
  }

  #put(item: Item): () => void {
    this.#items.push(item);
    return () => {
      item.done = undefined;
    };
  }

  /** Makes the database what it was before. */
  revert(): void {
    for (const { txn } of this.#items.toReversed()) txn?.revert();
  }

  /** Makes the transactions count, and tells the clients. */
  commit(): void {
    for (const { txn, outcome, done } of this.#items) {
      txn?.redo();
      done?.(outcome);
    }
  }

  /** Tells the clients that none of it came about, or what else became of it. */
  fail(outcome: (item: Outcome) => CommitOutcome): void {
    for (const item of this.#items) item.done?.(outcome(item.outcome));
  }
}
