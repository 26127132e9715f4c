/** Brings a database to the contents of another with the same schema, by one transaction. */
import type { Uuid } from '../base/uuid.ts';
import type { Database } from './database.ts';
import { Transaction } from './transact/transaction.ts';

/**
 * @param target not changed
 * @param id the transaction's name beyond this server
 * @throws OvsdbError: nothing has changed then
 */
export function becomeLike(db: Database, target: Database, id?: Uuid): void {
  const txn = new Transaction(db);
  txn.id = id;
  try {
    for (const table of db.tables.values()) {
      const { rows } = target.tables.get(table.name)!;
      for (const row of [...table.rows.values()]) if (!rows.has(row.uuid)) txn.delete(row);
      for (const { uuid, fields } of rows.values()) {
        const row = table.rows.get(uuid);
        // What is equal after all is found out when the transaction is prepared.
        if (row) txn.modify(row).fields.splice(0, fields.length, ...fields);
        else txn.insert(table, uuid, fields.slice());
      }
    }
    txn.prepare();
  } catch (error) {
    txn.abort();
    throw error;
  }
  txn.complete();
}
