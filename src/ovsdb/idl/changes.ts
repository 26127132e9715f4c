/** What has happened to the rows of a replica since the program last asked. */
import type { Datum } from '../datum.ts';
import type { Column } from './description.ts';
import { type ColumnsOf, type IdlRow, toValue } from './row.ts';

/** What happened to a row, all in all: a row that came and went is not told of. */
export class RowChange<R extends IdlRow = IdlRow> {
  /** A row that was deleted reads as it did last. */
  readonly row: R;
  readonly kind: 'inserted' | 'modified' | 'deleted';
  readonly #before: ReadonlyMap<Column, Datum>;

  constructor(row: R, kind: RowChange['kind'], before: ReadonlyMap<Column, Datum>) {
    this.row = row;
    this.kind = kind;
    this.#before = before;
  }

  /** The columns that changed; none of a row that was inserted. */
  get columns(): ReadonlySet<string> {
    return new Set([...this.#before.keys()].map((column) => column.name));
  }

  has(column: ColumnsOf<R>): boolean {
    return this.#before.has(this.row._table.byName.get(column)!);
  }

  /** What the column was before; undefined of a row that was inserted. References read as rows that there are now. */
  was<C extends ColumnsOf<R>>(column: C): R[C] | undefined {
    if (this.kind === 'inserted') return undefined;
    const found = this.row._table.byName.get(column)!;
    const datum = this.#before.get(found) ?? this.row._committed(found);
    return toValue(datum, found, this.row._source) as R[C];
  }
}

interface Tracked {
  kind: RowChange['kind'];
  readonly before: Map<Column, Datum>;
}

/** Collects changes of a replica. Grows with the rows that changed until {@link take}. */
export class ChangeTracker {
  readonly #changes = new Map<IdlRow, Tracked>();

  inserted(row: IdlRow): void {
    this.#changes.set(row, { kind: 'inserted', before: new Map() });
  }

  modified(row: IdlRow, column: Column, before: Datum): void {
    let change = this.#changes.get(row);
    if (!change) this.#changes.set(row, (change = { kind: 'modified', before: new Map() }));
    if (change.kind === 'modified' && !change.before.has(column)) change.before.set(column, before);
  }

  deleted(row: IdlRow): void {
    const change = this.#changes.get(row);
    if (change?.kind === 'inserted') this.#changes.delete(row);
    else if (change) change.kind = 'deleted';
    else this.#changes.set(row, { kind: 'deleted', before: new Map() });
  }

  /** @param table only its changes; the others stay. undefined for all */
  take(table: string | undefined): RowChange[] {
    const taken: RowChange[] = [];
    for (const [row, { kind, before }] of this.#changes) {
      if (table !== undefined && row._table.name !== table) continue;
      taken.push(new RowChange(row, kind, before));
      this.#changes.delete(row);
    }
    return taken;
  }
}
