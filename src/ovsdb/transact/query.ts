/** Finds the rows that match a condition, by UUID or by an index of the schema where it can. C counterpart: ovsdb/query.c. */
import type { Uuid } from '../../base/uuid.ts';
import { dataKey, type Row, type Table } from '../database.ts';
import type { Datum } from '../datum.ts';
import type { ColumnSchema } from '../schema.ts';
import type { Condition } from './condition.ts';

const matches = (condition: Condition, row: Row): boolean =>
  condition.matchesAll((column) => row.get(column));

/** Rows that may match: a few where the condition fixes the values of an index, else all. */
function candidates(table: Table, condition: Condition): Iterable<Row> {
  const fixed = new Map<ColumnSchema, Datum>();
  for (const clause of condition.clauses) if (clause.function === '==') fixed.set(clause.column, clause.arg);
  const i = table.schema.indexes.findIndex((index) => index.every((column) => fixed.has(column)));
  if (i < 0) return table.rows.values();
  const found = table.indexes[i]!.get(dataKey(table.schema.indexes[i]!, (column) => fixed.get(column)!));
  const rows = new Set<Row>();
  const add = (uuid: Uuid): void => {
    const row = table.rows.get(uuid);
    if (row) rows.add(row);
  };
  if (found !== undefined) add(found);
  // The maps stand for the last commit; what the transaction changed is looked at besides.
  for (const uuid of table.changes.keys()) add(uuid);
  return rows;
}

/** Calls `visit` for each row of the table that matches, until it returns false. It may change or delete the row. */
export function query(table: Table, condition: Condition, visit: (row: Row) => unknown): void {
  const first = condition.clauses[0];
  if (first && first.function === '==' && first.column.name === '_uuid') {
    const row = table.rows.get(first.arg.key(0) as Uuid);
    if (row && matches(condition, row)) visit(row);
    return;
  }
  if (condition.clauses.length === 0) {
    for (const row of table.rows.values()) if (visit(row) === false) return;
    return;
  }
  for (const row of candidates(table, condition)) {
    if (matches(condition, row) && visit(row) === false) return;
  }
}
