/**
 * An order of a table's rows by columns: finds rows by values without looking at all of them, and walks ranges.
 *
 * The order is brought up to date when it is asked, not when rows change; after bulk changes it is sorted anew. What
 * the open transaction has done to rows counts. C counterpart: ovsdb_idl_index in lib/ovsdb-idl.c.
 */
import { compareStrings } from '../atom.ts';
import { compareData, type Datum } from '../datum.ts';
import type { Column } from './description.ts';
import type { IdlRow } from './row.ts';

export interface IndexColumn {
  readonly column: Column;
  readonly descending: boolean;
}

/** Where the rows are. */
export interface IndexSource {
  /** Those of the database. */
  committedRows(): Iterable<IdlRow>;
  holds(row: IdlRow): boolean;
  /** Those that the open transaction touched or made, without those that it deleted. */
  pendingRows(): Iterable<IdlRow>;
}

interface Entry {
  readonly row: IdlRow;
  readonly keys: readonly Datum[];
}

/** A change of more rows than this part of the table is worth sorting. */
const RESORT_FRACTION = 1 / 8;
const FEW = 16;

export class RowIndex<R extends IdlRow = IdlRow, K extends object = object> {
  readonly #columns: readonly IndexColumn[];
  readonly #source: IndexSource;
  #entries: Entry[] = [];
  readonly #entryOf = new Map<IdlRow, Entry>();
  readonly #stale = new Set<IdlRow>();
  #sorted = false;
  readonly #toDatum: (value: unknown, column: Column) => Datum;

  /** Made by `Idl.createIndex()`. */
  constructor(
    columns: readonly IndexColumn[],
    source: IndexSource,
    toDatum: (value: unknown, column: Column) => Datum,
  ) {
    this.#columns = columns;
    this.#source = source;
    this.#toDatum = toDatum;
  }

  /** A row came, went or changed; for `Idl` only. */
  touched(row: IdlRow): void {
    if (this.#sorted) this.#stale.add(row);
  }

  /** All rows, in order. */
  all(): R[] {
    return this.#between(undefined, undefined);
  }

  /** The rows with these values. @param values of all columns of the index, or of the first ones */
  find(values: Partial<K>): R[] {
    return this.#between(this.#keysOf(values), this.#keysOf(values));
  }

  /** A row with these values. */
  first(values: Partial<K>): R | undefined {
    return this.find(values)[0];
  }

  /** The rows from `from` to `to`, both included; undefined stands for the end. In the order of the index. */
  range(from: Partial<K> | undefined, to: Partial<K> | undefined): R[] {
    return this.#between(from && this.#keysOf(from), to && this.#keysOf(to));
  }

  #keysOf(values: object): Datum[] {
    const given = values as Readonly<Record<string, unknown>>;
    const keys: Datum[] = [];
    for (const { column } of this.#columns) {
      if (!Object.hasOwn(given, column.name)) break;
      keys.push(this.#toDatum(given[column.name], column));
    }
    if (keys.length !== Object.keys(given).length)
      throw new Error(`the index is by ${this.#columns.map(({ column }) => column.name).join(', ')}`);
    return keys;
  }

  #compare(a: readonly Datum[], b: readonly Datum[]): number {
    const n = Math.min(a.length, b.length);
    for (let i = 0; i < n; i++) {
      const difference = compareData(a[i]!, b[i]!);
      if (difference !== 0) return this.#columns[i]!.descending ? -difference : difference;
    }
    return 0;
  }

  readonly #compareEntries = (a: Entry, b: Entry): number =>
    this.#compare(a.keys, b.keys) || compareStrings(a.row._uuid, b.row._uuid);

  #entry(row: IdlRow, read: (column: Column) => Datum): Entry {
    return { row, keys: this.#columns.map(({ column }) => read(column)) };
  }

  #refresh(): void {
    const isBulk = this.#stale.size > FEW + this.#entries.length * RESORT_FRACTION;
    if (!this.#sorted || isBulk) {
      this.#entryOf.clear();
      this.#entries = Array.from(this.#source.committedRows(), (row) =>
        this.#entry(row, (column) => row._committed(column)),
      ).sort(this.#compareEntries);
      for (const entry of this.#entries) this.#entryOf.set(entry.row, entry);
      this.#sorted = true;
    } else {
      for (const row of this.#stale) this.#replace(row);
    }
    this.#stale.clear();
  }

  #replace(row: IdlRow): void {
    const old = this.#entryOf.get(row);
    if (old)
      this.#entries.splice(
        this.#position((entry) => this.#compareEntries(entry, old)),
        1,
      );
    this.#entryOf.delete(row);
    if (!this.#source.holds(row)) return;
    const entry = this.#entry(row, (column) => row._committed(column));
    this.#entries.splice(
      this.#position((other) => this.#compareEntries(other, entry)),
      0,
      entry,
    );
    this.#entryOf.set(row, entry);
  }

  /** The first entry that is not before. @param order negative for entries before */
  #position(order: (entry: Entry) => number): number {
    let [low, high] = [0, this.#entries.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (order(this.#entries[middle]!) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #between(from: readonly Datum[] | undefined, to: readonly Datum[] | undefined): R[] {
    this.#refresh();
    const pending: Entry[] = [];
    for (const row of this.#source.pendingRows()) {
      const entry = this.#entry(row, (column) => row._read(column));
      if (from && this.#compare(entry.keys, from) < 0) continue;
      if (to && this.#compare(entry.keys, to) > 0) continue;
      pending.push(entry);
    }
    const found: Entry[] = [];
    const start = from ? this.#position((entry) => this.#compare(entry.keys, from)) : 0;
    for (let i = start; i < this.#entries.length; i++) {
      const entry = this.#entries[i]!;
      if (to && this.#compare(entry.keys, to) > 0) break;
      if (!entry.row._pending) found.push(entry);
    }
    if (pending.length > 0) found.push(...pending);
    if (pending.length > 0) found.sort(this.#compareEntries);
    return found.map(({ row }) => row as R);
  }
}
