/**
 * A transaction under way: which rows it changed, how to undo that, how to finish it.
 *
 * It changes tables in place, a row by putting a copy in its place, so that its own operations see what it did and an
 * abort costs no more than the rows it touched. Between `begin` and `complete` or `abort` nothing else may look at the
 * database; all of it happens within one turn of the loop. C counterpart: ovsdb/transaction.c.
 */
import type { Uuid } from '../../base/uuid.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { type Database, Row, type Table } from '../database.ts';
import { type Datum, datumToText, equalData } from '../datum.ts';
import { checkIntegrity, updateReferrers } from './integrity.ts';
import { checkUniqueness, updateIndexes } from './uniqueness.ts';

const log = vlog('transaction');
const rl = new RateLimit(30, 60);

/** What became of a row: inserted (no `old`), deleted (no `row`) or modified. Neither: inserted and deleted again. */
export interface RowChange {
  readonly table: Table;
  readonly uuid: Uuid;
  readonly old: Row | undefined;
  row: Row | undefined;
  /** Strong references to the row. */
  refs: number;
  /** A row that it refers to weakly is deleted in the transaction. */
  lostTarget: boolean;
}

export class Transaction {
  readonly db: Database;
  /** Its name beyond this server, where it has one; to be given before it is complete. */
  id: Uuid | undefined;
  /** In order of their first change. Checks append rows that they draw in while they walk over it. */
  changes: RowChange[] = [];
  /** Those with changes. */
  readonly #tables: Table[] = [];
  #comment: string | undefined;
  /** Atoms in all the rows before and after: the measure of the transaction's size. */
  atoms = 0;
  /** By how many atoms the database grew. */
  #growth = 0;
  /** Rows of which only the references to them became more or fewer. */
  readonly #recounted: { readonly row: Row; readonly from: number; readonly to: number }[] = [];

  constructor(db: Database) {
    this.db = db;
  }

  get comment(): string | undefined {
    return this.#comment;
  }
  addComment(text: string): void {
    this.#comment = this.#comment === undefined ? text : `${this.#comment}\n${text}`;
  }

  #add(table: Table, uuid: Uuid, old: Row | undefined, row: Row | undefined): RowChange {
    const change = { table, uuid, old, row, refs: old?.refs ?? 0, lostTarget: false };
    if (!this.#tables.includes(table)) this.#tables.push(table);
    table.changes.set(uuid, change);
    this.changes.push(change);
    return change;
  }

  /** Whether a row of that UUID may be made: there is none, nor was there at the beginning. */
  mayInsert(table: Table, uuid: Uuid): boolean {
    return !table.rows.has(uuid) && !table.changes.has(uuid);
  }

  insert(table: Table, uuid: Uuid, fields: Datum[]): Row {
    const row = new Row(table, uuid, fields);
    table.rows.set(uuid, row);
    this.#add(table, uuid, undefined, row);
    return row;
  }

  /** The row whose `fields` may be changed. */
  modify(row: Row): Row {
    return this.changeOf(row).row!;
  }

  /** The change of a row that exists, made if need be. */
  changeOf(row: Row): RowChange {
    const { table, uuid } = row;
    const known = table.changes.get(uuid);
    if (known) return known;
    const copy = new Row(table, uuid, row.fields.slice());
    table.rows.set(uuid, copy);
    return this.#add(table, uuid, row, copy);
  }

  /** The change of a row that exists or did, made if need be; undefined if there is no such row. */
  findChange(table: Table, uuid: Uuid): RowChange | undefined {
    const known = table.changes.get(uuid);
    if (known) return known;
    const row = table.rows.get(uuid);
    return row && this.changeOf(row);
  }

  delete(row: Row): void {
    const { table, uuid } = row;
    table.rows.delete(uuid);
    const change = table.changes.get(uuid);
    if (!change) {
      this.#add(table, uuid, row, undefined);
      return;
    }
    change.row = undefined;
    if (!change.old) table.changes.delete(uuid);
  }

  /** Undoes everything. */
  abort(): void {
    for (const { table, uuid, old, row } of this.changes) {
      if (old) table.rows.set(uuid, old);
      else if (row) table.rows.delete(uuid);
    }
    this.#end();
  }

  #end(): void {
    for (const table of this.#tables) table.changes.clear();
  }

  /** Forgets changes that leave the row as it was. */
  #dropUnchanged(): void {
    if (this.changes.every(({ old, row }) => !old && row)) return;
    this.changes = this.changes.filter((change) => {
      const { table, uuid, old, row } = change;
      if (!old) return row !== undefined;
      if (!row || isChanged(old, row)) return true;
      table.rows.set(uuid, old);
      if (old.refs !== change.refs) {
        this.#recounted.push({ row: old, from: old.refs, to: change.refs });
        old.refs = change.refs;
      }
      table.changes.delete(uuid);
      return false;
    });
  }

  /**
   * Checks that the result is consistent, and completes it: collects garbage, drops weak references to deleted rows.
   * @throws OvsdbError: the transaction must be aborted
   */
  prepare(): void {
    for (const { old, row } of this.changes) if (old && row) shareEqual(old, row);
    this.#dropUnchanged();
    if (this.changes.length === 0) return;
    checkIntegrity(this);
    checkUniqueness(this);
  }

  /** Makes a prepared transaction final, and tells the listeners if it changed anything or has a name. */
  complete(): void {
    this.completeSilently();
    this.#announce();
  }

  /** Makes a prepared transaction final as far as the database goes, in a way that `revert` can undo. */
  completeSilently(): void {
    if (this.changes.length > 0) {
      this.#dropUnchanged();
      updateReferrers(this.changes);
      updateIndexes(this.changes);
      for (const { old, row, refs } of this.changes) {
        const before = old ? countAtoms(old) : 0;
        const after = row ? countAtoms(row) : 0;
        this.#growth += after - before;
        this.atoms += before + after;
        if (row) row.refs = refs;
      }
      this.db.atoms += this.#growth;
    }
    this.#end();
  }

  /** Undoes the transaction that was completed silently last and is not undone yet. */
  revert(): void {
    for (const { row, from } of this.#recounted) row.refs = from;
    this.#turn(
      this.changes.map((change) => ({ ...change, old: change.row, row: change.old })),
      -this.#growth,
    );
  }

  /** Does again what `revert` undid, on a database that is as it was before, and tells the listeners. */
  redo(): void {
    for (const { row, to } of this.#recounted) row.refs = to;
    this.#turn(this.changes, this.#growth);
    this.#announce();
  }

  #turn(changes: readonly RowChange[], growth: number): void {
    for (const { table, uuid, row } of changes) {
      if (row) table.rows.set(uuid, row);
      else table.rows.delete(uuid);
    }
    updateReferrers(changes);
    updateIndexes(changes);
    this.db.atoms += growth;
  }

  #announce(): void {
    if (this.changes.length === 0 && this.id === undefined) return;
    for (const change of this.changes) if (change.table.log) logChange(change);
    for (const listener of this.db.listeners) listener(this);
  }
}

/** Lets `row` have the very data of `old` where they are equal, so that from now on `===` tells what changed. */
function shareEqual(old: Row, row: Row): void {
  for (let i = 0; i < row.fields.length; i++) {
    const [was, is] = [old.fields[i]!, row.fields[i]!];
    if (was !== is && equalData(was, is)) row.fields[i] = was;
  }
}

function isChanged(old: Row, row: Row): boolean {
  for (let i = 0; i < row.fields.length; i++) if (old.fields[i] !== row.fields[i]) return true;
  return false;
}

function countAtoms(row: Row): number {
  // A row's own UUID and version count too.
  let n = 2;
  for (const datum of row.fields) n += datum.hasValues ? 2 * datum.size : datum.size;
  return n;
}

function logChange({ table, old, row }: RowChange): void {
  const shown = row ?? old;
  if (!shown) return;
  const op = !old ? 'inserted' : row ? 'updated' : 'deleted';
  const columns = [...table.schema.byName.values()].map(
    (c) => `${c.name}:${datumToText(shown.get(c), c.type)}`,
  );
  log.infoRl(rl, `table:${table.name},op:${op},${columns.join(',')}`);
}
