/** Makes a database of what a clustered one has in the store. */
import type { Random } from '../../base/host.ts';
import { type Json, parseJson } from '../../jsonrpc/json.ts';
import { convertDatabase } from '../convert.ts';
import { Database } from '../database.ts';
import { replayTransaction } from '../file.ts';
import { isJsonObject } from '../members.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { schemaFromJson } from '../schema.ts';
import type { Entry } from './records.ts';

/** @param text of a snapshot @throws OvsdbError */
export function snapshotDatabase(text: string, random: Random): Database {
  const [schema = null, data = null] = parseJson(text) as readonly Json[];
  if (!isJsonObject(data)) throw new OvsdbError('ovsdb error', 'cluster: snapshot is damaged');
  const db = new Database(schemaFromJson(schema), random);
  const error = replayTransaction(db, data);
  if (error) throw error;
  return db;
}

/** @returns the database after it: another if it is a conversion @throws OvsdbError */
export function replayEntry(db: Database, entry: Entry): Database {
  if ('schema' in entry) return convertDatabase(db, schemaFromJson(entry.schema));
  const error = replayTransaction(db, entry.transaction, entry.id);
  if (error) throw error;
  return db;
}
