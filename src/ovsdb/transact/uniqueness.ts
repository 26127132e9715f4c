/**
 * The schema's indexes: no two rows of a table may have the same values in the columns of one.
 *
 * A table's maps stand for the last commit; a transaction checks its rows against them and among themselves, and
 * brings the maps up to date when it completes. C counterpart: ovsdb/transaction.c.
 */
import type { Uuid } from '../../base/uuid.ts';
import type { Atom } from '../atom.ts';
import { type Row, rowColumnsText, type Table } from '../database.ts';
import { compareData } from '../datum.ts';
import { constraintViolation, type OvsdbError } from '../ovsdb-error.ts';
import { type ColumnSchema, columnSetText } from '../schema.ts';
import type { RowChange, Transaction } from './transaction.ts';

const sameIn = (columns: readonly ColumnSchema[], a: Row, b: Row): boolean =>
  columns.every((column) => a.fields[column.index] === b.fields[column.index]);

/** Whether the change gives the row other values in that index than it had. */
const moves = (change: RowChange, index: readonly ColumnSchema[]): boolean =>
  !(change.old && change.row && sameIn(index, change.old, change.row));

/** @throws OvsdbError constraint violation */
export function checkUniqueness(txn: Transaction): void {
  /** Values that rows of the transaction take. */
  const taken = new Map<Table, Map<Atom, Row>[]>();
  for (const change of txn.changes) {
    const { table, row } = change;
    if (!row || table.indexes.length === 0) continue;
    let maps = taken.get(table);
    if (!maps) taken.set(table, (maps = table.indexes.map(() => new Map())));
    table.schema.indexes.forEach((index, i) => {
      if (!moves(change, index)) return;
      const key = table.indexKey(i, row.fields);
      const other = maps[i]!.get(key) ?? holder(table, i, key, index);
      if (other && other !== row) throw duplicate(index, other, row);
      maps[i]!.set(key, row);
    });
  }
}

/** The row that had those values before the transaction, if it still has them. */
function holder(table: Table, i: number, key: Atom, index: readonly ColumnSchema[]): Row | undefined {
  const uuid = table.indexes[i]!.get(key);
  if (uuid === undefined) return undefined;
  const change = table.changes.get(uuid);
  return change && moves(change, index) ? undefined : table.rows.get(uuid);
}

function duplicate(index: readonly ColumnSchema[], a: Row, b: Row): OvsdbError {
  // An order that does not depend on chance makes the message the same every time.
  const [first, second] = compareRows(a, b) < 0 ? [b, a] : [a, b];
  return constraintViolation(
    `Transaction causes multiple rows in "${a.table.name}" table to have identical values ` +
      `(${rowColumnsText(first, index)}) for index on ${columnSetText(index)}.  ` +
      `${origin(index, 'First', first)}  ${origin(index, 'Second', second)}`,
  );
}

function compareRows(a: Row, b: Row): number {
  const columns = a.table.schema.columns
    .filter(({ type }) => type.key.type !== 'uuid' && type.value?.type !== 'uuid')
    .sort((x, y) => (x.name < y.name ? -1 : 1));
  for (const { index } of columns) {
    const order = compareData(a.fields[index]!, b.fields[index]!);
    if (order !== 0) return order;
  }
  return 0;
}

/** How the row came by the values. */
function origin(index: readonly ColumnSchema[], title: string, row: Row): string {
  const change = row.table.changes.get(row.uuid);
  const who = `${title} row, with UUID ${row.uuid}, `;
  if (!change || (change.old && sameIn(row.table.schema.columns, change.old, row)))
    return `${who}existed in the database before this transaction and was not modified by the transaction.`;
  if (!change.old) return `${who}was inserted by this transaction.`;
  if (sameIn(index, change.old, row))
    return (
      `${who}existed in the database before this transaction, which modified some of the row's columns ` +
      'but not any columns in this index.'
    );
  return `${who}had the following index values before the transaction: ${rowColumnsText(change.old, index)}.`;
}

/** Brings the tables' maps up to date with the changes of a transaction that has passed the checks. */
export function updateIndexes(changes: readonly RowChange[]): void {
  const each = (visit: (map: Map<Atom, Uuid>, i: number, change: RowChange) => void): void => {
    for (const change of changes) {
      const { table } = change;
      for (let i = 0; i < table.indexes.length; i++) {
        if (moves(change, table.schema.indexes[i]!)) visit(table.indexes[i]!, i, change);
      }
    }
  };
  // All old values go before the first new one comes: rows may have exchanged theirs.
  each((map, i, { table, old }) => old && map.delete(table.indexKey(i, old.fields)));
  each((map, i, { table, row, uuid }) => row && map.set(table.indexKey(i, row.fields), uuid));
}
