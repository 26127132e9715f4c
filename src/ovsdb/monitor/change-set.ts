/**
 * What changed in a database since some client last heard of it.
 *
 * Clients that are up to date share one empty set; a commit goes into every set that somebody still needs. So a client
 * that does not read costs one set, in which changes to one row merge, however many transactions pass. Texts composed
 * from a set are kept with it for the other clients that want the same. C counterpart: ovsdb/monitor.c.
 */
import type { Uuid } from '../../base/uuid.ts';
import type { Row, Table } from '../database.ts';
import type { RowChange } from '../transact/transaction.ts';

export interface NetChange {
  readonly old: Row | undefined;
  row: Row | undefined;
}

export type TableChanges = ReadonlyMap<Uuid, NetChange>;

export class ChangeSet {
  readonly #tables = new Map<Table, Map<Uuid, NetChange>>();
  /** Composed texts by what they were composed for; undefined for "nothing to tell". */
  readonly texts = new Map<string, string | undefined>();
  /** Clients that have not been told of it. */
  users = 0;

  get isEmpty(): boolean {
    return this.#tables.size === 0;
  }

  changesOf(table: Table): TableChanges | undefined {
    return this.#tables.get(table);
  }

  /** Adds what a later transaction changed. */
  merge(changes: readonly RowChange[]): void {
    this.texts.clear();
    for (const { table, uuid, old, row } of changes) {
      let rows = this.#tables.get(table);
      if (!rows) this.#tables.set(table, (rows = new Map()));
      const known = rows.get(uuid);
      if (!known) rows.set(uuid, { old, row });
      else if (!known.old && !row) rows.delete(uuid);
      else known.row = row;
    }
  }
}

/** The change sets of one database. */
export class ChangeTracker {
  readonly #sets = new Set<ChangeSet>();
  /** The set of those who have heard of everything. */
  #fresh: ChangeSet | undefined;
  /** Texts of the initial contents, good until the next commit. */
  readonly initialTexts = new Map<string, string | undefined>();

  /** Takes in a commit. */
  commit(changes: readonly RowChange[]): void {
    for (const set of this.#sets) set.merge(changes);
    this.#fresh = undefined;
    this.initialTexts.clear();
  }

  /** A set that collects from now on; give it back with `release`. */
  track(): ChangeSet {
    if (!this.#fresh) {
      this.#fresh = new ChangeSet();
      this.#sets.add(this.#fresh);
    }
    this.#fresh.users++;
    return this.#fresh;
  }

  release(set: ChangeSet): void {
    if (--set.users > 0) return;
    this.#sets.delete(set);
    if (this.#fresh === set) this.#fresh = undefined;
  }

  /** Whether anybody wants to hear of changes. */
  get isFollowed(): boolean {
    return this.#sets.size > 0;
  }

  /** Kept texts, as `memory/show` counts them. */
  get cachedTexts(): number {
    let n = this.initialTexts.size;
    for (const set of this.#sets) n += set.texts.size;
    return n;
  }
}
