/**
 * Makes one database follow another: carries out the <table-updates> of a monitor as parts of a transaction.
 * C counterparts: ovsdb/replication.c, ovsdb/relay.c, ovsdb_table_execute_* in ovsdb/table.c.
 */
import { parseUuid, type Uuid } from '../../base/uuid.ts';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import type { Table } from '../database.ts';
import { updateFields } from '../file.ts';
import type { UpdateForm } from '../idl/db-client.ts';
import { isJsonObject } from '../members.ts';
import { OvsdbError, syntaxError } from '../ovsdb-error.ts';
import type { Transaction } from '../transact/transaction.ts';

/** What became of one row: its columns, or their differences; neither for a deleted row. */
interface RowUpdate {
  readonly kind: 'insert' | 'update' | 'differences' | 'delete';
  readonly columns: Json;
}

const inconsistent = (verb: string, uuid: Uuid, { name }: Table): OvsdbError =>
  new OvsdbError('consistency violation', `cannot ${verb} row ${uuid} from table ${name}`);

function rowUpdate(json: Json, form: UpdateForm): RowUpdate {
  if (!isJsonObject(json)) throw new OvsdbError('Not a JSON object', '<row-update> is not object');
  if (form === 'old-new') {
    const columns = json['new'];
    if (columns === undefined) return { kind: 'delete', columns: null };
    return { kind: json['old'] === undefined ? 'insert' : 'update', columns };
  }
  const inserted = json['initial'] ?? json['insert'];
  if (inserted !== undefined) return { kind: 'insert', columns: inserted };
  const modified = json['modify'];
  if (modified !== undefined) return { kind: 'differences', columns: modified };
  if (json['delete'] !== undefined) return { kind: 'delete', columns: null };
  throw syntaxError(json, '<row-update2> has unknown member');
}

function* rowUpdates(
  table: Table,
  updates: Json,
  form: UpdateForm,
): Generator<{ readonly uuid: Uuid; readonly update: RowUpdate }> {
  if (!isJsonObject(updates))
    throw new OvsdbError('Not a JSON object', `<table-update> for table ${table.name} is not object`);
  for (const text in updates) {
    const uuid = parseUuid(text);
    if (uuid === undefined) throw syntaxError(updates, '<table-update> names must be UUIDs', 'bad row UUID');
    yield { uuid, update: rowUpdate(updates[text]!, form) };
  }
}

function* tableUpdates(
  { db }: Transaction,
  updates: JsonObject,
): Generator<{ readonly table: Table; readonly rows: Json }> {
  for (const name in updates) {
    const table = db.tables.get(name);
    if (!table) throw new OvsdbError('unknown table', `unknown table ${name}`);
    yield { table, rows: updates[name]! };
  }
}

function insertRow(txn: Transaction, table: Table, uuid: Uuid, columns: Json): void {
  const fields = table.defaultFields();
  updateFields(table, fields, columns, false);
  txn.insert(table, uuid, fields);
}

/**
 * Changes what `updates` say has changed.
 * @throws OvsdbError, a "consistency violation" when the database is not what the other was before
 */
export function applyUpdates(txn: Transaction, updates: JsonObject, form: UpdateForm): void {
  for (const { table, rows } of tableUpdates(txn, updates)) {
    for (const { uuid, update } of rowUpdates(table, rows, form)) {
      const row = table.rows.get(uuid);
      switch (update.kind) {
        case 'insert':
          if (!txn.mayInsert(table, uuid)) throw inconsistent('insert duplicate', uuid, table);
          insertRow(txn, table, uuid, update.columns);
          break;
        case 'update':
        case 'differences':
          if (!row) throw inconsistent('modify missing', uuid, table);
          updateFields(table, txn.modify(row).fields, update.columns, update.kind === 'differences');
          break;
        case 'delete':
          if (!row) throw inconsistent('delete missing', uuid, table);
          txn.delete(row);
      }
    }
  }
}

/**
 * Makes `tables` hold exactly the rows of `contents`, the answer to the request for a monitor. Rows that are as they
 * should be stay untouched, so that those who monitor them here hear only of what is different.
 * @throws OvsdbError
 */
export function applyContents(
  txn: Transaction,
  contents: JsonObject,
  form: UpdateForm,
  tables: Iterable<Table>,
): void {
  for (const table of tables) {
    const present = contents[table.name] ?? null;
    for (const row of [...table.rows.values()])
      if (!isJsonObject(present) || !Object.hasOwn(present, row.uuid)) txn.delete(row);
  }
  for (const { table, rows } of tableUpdates(txn, contents)) {
    for (const { uuid, update } of rowUpdates(table, rows, form)) {
      if (update.kind !== 'insert') throw inconsistent('modify missing', uuid, table);
      const row = table.rows.get(uuid);
      if (!row) {
        insertRow(txn, table, uuid, update.columns);
        continue;
      }
      const { fields } = txn.modify(row);
      fields.splice(0, fields.length, ...table.defaultFields());
      updateFields(table, fields, update.columns, false);
    }
  }
}
