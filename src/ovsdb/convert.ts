/** Carries the data of a database over to another schema. C counterpart: ovsdb_convert in ovsdb/file.c. */
import { Database, type Table } from './database.ts';
import { datumFromJson, datumToJson, isDefaultDatum } from './datum.ts';
import type { DatabaseSchema } from './schema.ts';
import { Transaction } from './transact/transaction.ts';
import { sameColumnType } from './type.ts';

function convertTable(txn: Transaction, from: Table, to: Table, renewDefaults: boolean): void {
  const columns = from.schema.columns.flatMap((source) => {
    const target = to.schema.byName.get(source.name);
    return target && target.index >= 0
      ? [{ source, target, same: sameColumnType(source.type, target.type) }]
      : [];
  });
  for (const row of from.rows.values()) {
    const fields = to.defaultFields();
    for (const { source, target, same } of columns) {
      const datum = row.fields[source.index]!;
      if (renewDefaults && isDefaultDatum(datum, source.type)) continue;
      fields[target.index] = same ? datum : datumFromJson(target.type, datumToJson(datum, source.type));
    }
    txn.insert(to, row.uuid, fields);
  }
}

/**
 * A new database with the same rows, as far as `schema` has their tables and columns.
 * @param renewDefaults whether what is as by default becomes what the new schema has as default, as when a file is
 * converted, in which such values do not stand
 * @throws OvsdbError when the data do not fit it
 */
export function convertDatabase(db: Database, schema: DatabaseSchema, renewDefaults = false): Database {
  const converted = new Database(schema, db.random);
  const txn = new Transaction(converted);
  for (const from of db.tables.values()) {
    const to = converted.tables.get(from.name);
    if (to) convertTable(txn, from, to, renewDefaults);
  }
  txn.prepare();
  txn.complete();
  return converted;
}
