/**
 * Referential integrity at the end of a transaction: strong references are counted, rows that are no roots and that
 * nothing refers to any more go, weak references to rows that are gone go too.
 *
 * All of it is incremental: the work is in proportion to the rows and references that the transaction changed.
 * C counterpart: ovsdb/transaction.c.
 */
import { type Uuid, ZERO_UUID } from '../../base/uuid.ts';
import type { Referrers, Row, Table } from '../database.ts';
import { addedRemoved, Datum, EMPTY, equalData } from '../datum.ts';
import { constraintViolation, OvsdbError } from '../ovsdb-error.ts';
import type { ColumnSchema } from '../schema.ts';
import { isStrongRef, isWeakRef } from '../type.ts';
import type { RowChange, Transaction } from './transaction.ts';

const violation = (details: string): OvsdbError => new OvsdbError('referential integrity violation', details);

/** @throws OvsdbError when the transaction breaks a rule; it may then have been half carried out */
export function checkIntegrity(txn: Transaction): void {
  // The loops walk by index since they draw in further rows at the end.
  for (let i = 0; i < txn.changes.length; i++) countReferences(txn, txn.changes[i]!);
  for (const { table, uuid, old, row, refs } of txn.changes) {
    if (old && !row && refs > 0)
      throw violation(`cannot delete ${table.name} row ${uuid} because of ${refs} remaining reference(s)`);
  }
  collectGarbage(txn);
  checkRowLimits(txn);
  for (let i = 0; i < txn.changes.length; i++) drawInReferrers(txn, txn.changes[i]!);
  for (const change of txn.changes) checkWeakReferences(change);
}

type Visit = (target: Table, uuid: Uuid) => void;

/** Visits the strong references in a datum, those of the row to itself excepted. */
function eachStrongReference(owner: Row, column: ColumnSchema, datum: Datum, visit: Visit): void {
  const { key, value } = column.type;
  const { db } = owner.table;
  if (isStrongRef(key)) {
    const target = db.target(key.refTable!);
    for (const uuid of datum.keys) if (uuid !== owner.uuid) visit(target, uuid as Uuid);
  }
  if (isStrongRef(value)) {
    const target = db.target(value!.refTable!);
    for (const uuid of datum.values) if (uuid !== owner.uuid) visit(target, uuid as Uuid);
  }
}

/** Adjusts the counts of all rows to which the change added or from which it took a strong reference. */
function countReferences(txn: Transaction, { table, old, row }: RowChange): void {
  for (const column of table.strongColumns) {
    const was = old?.fields[column.index] ?? EMPTY;
    const is = row?.fields[column.index] ?? EMPTY;
    if (was === is) continue;
    const { added, removed } = addedRemoved(was, is);
    if (old)
      eachStrongReference(old, column, removed, (target, uuid) => {
        const change = txn.findChange(target, uuid);
        if (change) change.refs--;
      });
    if (row)
      eachStrongReference(row, column, added, (target, uuid) => {
        const change = txn.findChange(target, uuid);
        // A deleted row may be counted up again: that is refused when all is counted.
        if (!change)
          throw violation(
            `Table ${table.name} column ${column.name} row ${row.uuid} ` +
              `references nonexistent row ${uuid} in table ${target.name}.`,
          );
        change.refs++;
      });
  }
}

/** Deletes what nothing refers to, and what then nothing refers to, and so on. */
function collectGarbage(txn: Transaction): void {
  const isGarbage = ({ table, row, refs }: RowChange): boolean =>
    row !== undefined && refs === 0 && !table.schema.isRoot;
  const garbage = txn.changes.filter(isGarbage);
  for (let change = garbage.pop(); change !== undefined; change = garbage.pop()) {
    const row = change.row;
    if (!row) continue;
    change.row = undefined;
    change.table.rows.delete(row.uuid);
    for (const column of change.table.strongColumns) {
      eachStrongReference(row, column, row.fields[column.index]!, (target, uuid) => {
        const next = txn.findChange(target, uuid);
        if (!next) return;
        next.refs--;
        if (isGarbage(next)) garbage.push(next);
      });
    }
  }
}

function checkRowLimits(txn: Transaction): void {
  for (const { table } of txn.changes) {
    const { maxRows } = table.schema;
    if (table.rows.size > maxRows)
      throw constraintViolation(
        `transaction causes "${table.name}" table to contain ${table.rows.size} rows, ` +
          `greater than the schema-defined limit of ${maxRows} row(s)`,
      );
  }
}

/** `datum` without the elements that refer weakly to rows that are not there. */
function withoutLostReferences({ type }: ColumnSchema, datum: Datum, { db }: Table): Datum {
  const { key, value } = type;
  const keyTarget = isWeakRef(key) ? db.target(key.refTable!) : undefined;
  const valueTarget = isWeakRef(value) ? db.target(value!.refTable!) : undefined;
  const keep = (_: unknown, i: number): boolean =>
    (!keyTarget || keyTarget.rows.has(datum.key(i) as Uuid)) &&
    (!valueTarget || valueTarget.rows.has(datum.value(i) as Uuid));
  const keys = datum.keys.filter(keep);
  if (keys.length === datum.size) return datum;
  return keys.length === 0 ? EMPTY : new Datum(keys, datum.values.filter(keep));
}

function checkWeakReferences(change: RowChange): void {
  const { table, old, row } = change;
  if (!row) return;
  for (const column of table.weakColumns) {
    const datum = row.fields[column.index]!;
    const was = old?.fields[column.index];
    // What stood in the row before can only have become wrong by a deletion in this transaction.
    if (datum === was && !change.lostTarget) continue;
    const left = withoutLostReferences(column, datum, table);
    if (left === datum) continue;
    row.fields[column.index] = was && equalData(left, was) ? was : left;
    if (left.size < column.type.min) throw emptied(change, column, datum);
  }
}

function emptied({ table, old, uuid }: RowChange, column: ColumnSchema, datum: Datum): OvsdbError {
  const atoms = isWeakRef(column.type.key) ? datum.keys : datum.values;
  if (!old && atoms.includes(ZERO_UUID))
    return constraintViolation(
      `Weak reference column "${column.name}" in "${table.name}" row ${uuid} (inserted within this transaction) ` +
        'contained all-zeros UUID (probably as the default value for this column) but deleting this value caused a ' +
        'constraint volation because this column is not allowed to be empty.',
    );
  return constraintViolation(
    `Deletion of ${datum.size} weak reference(s) to deleted (or never-existing) rows from column "${column.name}" in ` +
      `"${table.name}" row ${uuid} ${old ? '' : '(inserted within this transaction) '}caused this column to become ` +
      'empty, but constraints on this column disallow an empty column.',
  );
}

/** Has the rows that refer weakly to a row that is being deleted looked at. */
function drawInReferrers(txn: Transaction, { table, uuid, old, row }: RowChange): void {
  if (!old || row) return;
  for (const [source, referrer] of table.referrers.get(uuid) ?? []) {
    const change = txn.findChange(referrer.table, source);
    if (change) change.lostTarget = true;
  }
}

/** Carries the weak references that the changes added and removed into `Table.referrers`. */
export function updateReferrers(changes: readonly RowChange[]): void {
  for (const { table, uuid, old, row } of changes) {
    for (const column of table.weakColumns) {
      const was = old?.fields[column.index] ?? EMPTY;
      const is = row?.fields[column.index] ?? EMPTY;
      if (was === is) continue;
      const { added, removed } = addedRemoved(was, is);
      eachWeakReference(table, uuid, column, removed, (target, id) => forget(target, id, uuid));
      eachWeakReference(table, uuid, column, added, (target, id) => remember(target, id, table, uuid));
    }
  }
}

function eachWeakReference(table: Table, self: Uuid, column: ColumnSchema, datum: Datum, visit: Visit): void {
  const { key, value } = column.type;
  const each = (base: { readonly refTable: string | undefined }, atoms: readonly unknown[]): void => {
    const target = table.db.target(base.refTable!);
    for (const id of atoms) if (id !== self) visit(target, id as Uuid);
  };
  if (isWeakRef(key)) each(key, datum.keys);
  if (isWeakRef(value)) each(value!, datum.values);
}

function remember(target: Table, id: Uuid, table: Table, source: Uuid): void {
  let referrers: Referrers | undefined = target.referrers.get(id);
  if (!referrers) target.referrers.set(id, (referrers = new Map()));
  const known = referrers.get(source);
  if (known) known.count++;
  else referrers.set(source, { table, count: 1 });
}

function forget(target: Table, id: Uuid, source: Uuid): void {
  const referrers = target.referrers.get(id);
  const known = referrers?.get(source);
  if (!referrers || !known || --known.count > 0) return;
  referrers.delete(source);
  if (referrers.size === 0) target.referrers.delete(id);
}
