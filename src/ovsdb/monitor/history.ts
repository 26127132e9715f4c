/**
 * The last transactions of a database, for "monitor_cond_since": a client that comes back names the last one it heard of.
 *
 * It is bounded by a number of transactions and by the size of the database: beyond that a client is better served with
 * all the rows. C counterpart: ovsdb_txn_history_* in ovsdb/transaction.c.
 */
import type { Random } from '../../base/host.ts';
import { randomUuid, type Uuid, ZERO_UUID } from '../../base/uuid.ts';
import type { RowChange } from '../transact/transaction.ts';
import { ChangeSet } from './change-set.ts';

const MAX_TRANSACTIONS = 100;

interface Entry {
  /** Drawn when a client is first told of the transaction. */
  id: Uuid | undefined;
  readonly changes: readonly RowChange[];
  readonly atoms: number;
}

export class TransactionHistory {
  readonly #random: Random;
  readonly #entries: Entry[] = [];
  #atoms = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  get size(): number {
    return this.#entries.length;
  }
  get atoms(): number {
    return this.#atoms;
  }

  /** @param databaseAtoms size of the whole database */
  add(changes: readonly RowChange[], atoms: number, databaseAtoms: number): void {
    this.#entries.push({ id: undefined, changes, atoms });
    this.#atoms += atoms;
    while (
      this.#entries.length > 1 &&
      (this.#entries.length > MAX_TRANSACTIONS || this.#atoms > databaseAtoms)
    )
      this.#atoms -= this.#entries.shift()!.atoms;
  }

  /** Of the last transaction; all zeros before the first. */
  get lastId(): Uuid {
    const last = this.#entries.at(-1);
    return last ? (last.id ??= randomUuid(this.#random)) : ZERO_UUID;
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
