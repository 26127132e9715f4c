/** `ovsdb-tool create`: a new, empty database. */
import { OVSDB_MAGIC } from '../../ovsdb/log.ts';
import { schemaToJson } from '../../ovsdb/schema.ts';
import { schemaFromFile } from '../schema-file.ts';
import type { ToolIo } from '../tool.ts';
import { defaultDb, defaultSchema, openNewLog, syncAndClose } from './files.ts';

export async function create(io: ToolIo, [db, schemaFile]: readonly string[]): Promise<void> {
  const schema = schemaFromFile(io, schemaFile ?? defaultSchema(io));
  const log = openNewLog(io, db ?? defaultDb(io), OVSDB_MAGIC);
  log.write(schemaToJson(schema));
  await syncAndClose(log);
}
