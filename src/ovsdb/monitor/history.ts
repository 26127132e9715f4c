/**
 * The last transactions of a database, for "monitor_cond_since": a client that comes back, perhaps to another server,
 * names the last one it heard of. So there is a history only where transactions have names beyond this server, in
 * clusters and relays.
 *
 * It is bounded by a number of transactions and by the size of the database: beyond that a client is better served with
 * all the rows. C counterpart: ovsdb_txn_history_* in ovsdb/transaction.c.
 */
import { type Uuid, ZERO_UUID } from '../../base/uuid.ts';
import type { RowChange, Transaction } from '../transact/transaction.ts';
import { ChangeSet } from './change-set.ts';

const MAX_TRANSACTIONS = 100;

interface Entry {
  readonly id: Uuid;
  readonly changes: readonly RowChange[];
  readonly atoms: number;
}

export class TransactionHistory {
  #entries: Entry[] = [];
  #atoms = 0;

  get size(): number {
    return this.#entries.length;
  }
  get atoms(): number {
    return this.#atoms;
  }

  /**
   * Takes in a transaction, which may have changed nothing. After one without a name no earlier one is good to start from.
   * @param databaseAtoms size of the whole database
   */
  add({ id, changes, atoms }: Transaction, databaseAtoms: number): void {
    if (id === undefined) {
      if (this.#entries.length > 0) this.clear();
      return;
    }
    this.#entries.push({ id, changes, atoms });
    this.#atoms += atoms;
    while (
      this.#entries.length > 1 &&
      (this.#entries.length > MAX_TRANSACTIONS || this.#atoms > databaseAtoms)
    )
      this.#atoms -= this.#entries.shift()!.atoms;
  }

  clear(): void {
    this.#entries = [];
    this.#atoms = 0;
  }

  /** Of the last transaction; all zeros if it has none. */
  get lastId(): Uuid {
    return this.#entries.at(-1)?.id ?? ZERO_UUID;
  }

  /** What changed after that transaction; undefined if it is not known any more. */
  changesAfter(id: Uuid): ChangeSet | undefined {
    const i = this.#entries.findIndex((entry) => entry.id === id);
    if (i < 0) return undefined;
    const set = new ChangeSet();
    for (const { changes } of this.#entries.slice(i + 1)) set.merge(changes);
    return set;
  }
}
