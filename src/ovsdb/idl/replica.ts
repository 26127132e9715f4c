/** The rows of one monitored table, and how they follow the server's updates. Owned by an {@link Idl}. */
import type { Uuid } from '../../base/uuid.ts';
import type { JsonObject } from '../../jsonrpc/json.ts';
import { applyDiff, type Datum, datumFromJson, equalData } from '../datum.ts';
import type { ChangeTracker } from './changes.ts';
import type { UpdateForm } from './db-client.ts';
import type { Column, Table } from './description.ts';
import { type IdlRow, type RowClass, type RowSource, rowClass } from './row.ts';
import type { RowIndex } from './row-index.ts';

/** What the tables of a replica have in common. */
export interface ReplicaContext extends RowSource {
  readonly changes: ChangeTracker | undefined;
  /** That of the batch of changes that is being applied. */
  readonly nextSeqno: number;
}

/** What an update did: nothing that concerns the program, something that does; or it cannot be right. */
export type Effect = 'none' | 'concerns' | 'inconsistent';

export class Replica {
  readonly table: Table;
  readonly rows = new Map<Uuid, IdlRow>();
  /** Monitored columns; whether a change of it wakes the program. */
  readonly columns = new Map<Column, boolean>();
  readonly indexes: RowIndex[] = [];
  readonly #Row: RowClass;
  readonly #context: ReplicaContext;

  constructor(table: Table, context: ReplicaContext) {
    this.table = table;
    this.#Row = rowClass(table);
    this.#context = context;
  }

  /** A row that is not among {@link rows}. */
  makeRow(uuid: Uuid): IdlRow {
    return new this.#Row(this.#context, this.table, uuid);
  }

  /** Forgets the rows that the table's whole contents do not have. */
  dropAbsent(contents: JsonObject): void {
    for (const row of this.rows.values()) if (!Object.hasOwn(contents, row._uuid)) this.#delete(row);
  }

  /**
   * @param change a row's part of an update
   * @param whole a column that is not in it has its default
   * @returns `inconsistent` if it is about a row that should be there and is not
   * @throws OvsdbError
   */
  apply(uuid: Uuid, change: JsonObject, form: UpdateForm, whole: boolean): Effect {
    const row = this.rows.get(uuid);
    const values = form === 'old-new' ? change['new'] : (change['initial'] ?? change['insert']);
    if (values !== undefined && values !== null)
      return this.#replace(uuid, values as JsonObject, whole) ? 'concerns' : 'none';
    if (!row) return 'inconsistent';
    const diff = change['modify'];
    if (form === 'old-new' || diff === undefined) {
      this.#delete(row);
      return 'concerns';
    }
    const combine = (column: Column, value: Datum): Datum =>
      applyDiff(row._committed(column), value, column.lenientType);
    return this.#store(row, diff as JsonObject, combine) ? 'concerns' : 'none';
  }

  #replace(uuid: Uuid, json: JsonObject, whole: boolean): boolean {
    let row = this.rows.get(uuid);
    const isNew = row === undefined;
    if (!row) {
      row = this.makeRow(uuid);
      for (const column of this.columns.keys()) row._store(column, column.defaultValue);
      this.rows.set(uuid, row);
    } else if (whole) {
      for (const column of this.columns.keys())
        if (json[column.name] === undefined) this.#put(row, column, column.defaultValue);
    }
    const concerns = this.#store(row, json, (_column, value) => value);
    if (!isNew) return concerns;
    row._changed = this.#context.nextSeqno;
    this.#context.changes?.inserted(row);
    this.#touched(row);
    return true;
  }

  /** @returns whether something changed that concerns the program */
  #store(row: IdlRow, json: JsonObject, combine: (column: Column, value: Datum) => Datum): boolean {
    let concerns = false;
    for (const [name, value] of Object.entries(json)) {
      const column = this.table.byName.get(name);
      if (!column) continue;
      const datum = combine(column, datumFromJson(column.lenientType, value));
      if (this.#put(row, column, datum)) concerns ||= this.columns.get(column) === true;
    }
    return concerns;
  }

  /** @returns whether the column changed */
  #put(row: IdlRow, column: Column, datum: Datum): boolean {
    const before = row._committed(column);
    if (equalData(before, datum)) {
      if (row._data[column.index] === undefined) row._store(column, datum);
      return false;
    }
    row._store(column, datum);
    row._changed = this.#context.nextSeqno;
    this.#context.changes?.modified(row, column, before);
    this.#touched(row);
    return true;
  }

  #delete(row: IdlRow): void {
    this.rows.delete(row._uuid);
    this.#context.changes?.deleted(row);
    this.#touched(row);
  }

  #touched(row: IdlRow): void {
    for (const index of this.indexes) index.touched(row);
  }
}
