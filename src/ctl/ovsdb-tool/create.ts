/** `ovsdb-tool create`: a new, empty database. */
import { OVSDB_MAGIC, OvsdbLog } from '../../ovsdb/log.ts';
import { schemaToJson } from '../../ovsdb/schema.ts';
import type { ToolIo } from '../tool.ts';
import { defaultDb, defaultSchema, schemaFromFile } from './files.ts';

export async function create(io: ToolIo, [db, schemaFile]: readonly string[]): Promise<void> {
  const schema = schemaFromFile(io, schemaFile ?? defaultSchema(io));
  const log = OvsdbLog.open(io.host.storage, db ?? defaultDb(io), [OVSDB_MAGIC], 'create-exclusive');
  log.write(schemaToJson(schema));
  await new Promise<void>((resolve, reject) => {
    log.sync((error) => (error ? reject(error) : resolve()));
  });
  log.close();
}
