import { type Json, type JsonObject, parseJson } from '../../jsonrpc/json.ts';
import type { Database } from '../../ovsdb/database.ts';
import {
  databaseToText,
  openStandaloneLog,
  type ReadDatabase,
  readDatabase,
  readSchema,
} from '../../ovsdb/file.ts';
import { OVSDB_MAGIC, OvsdbLog, RAFT_MAGIC } from '../../ovsdb/log.ts';
import { type DatabaseSchema, schemaToJson } from '../../ovsdb/schema.ts';
import { ToolError, type ToolIo } from '../tool.ts';

export const defaultDb = (io: ToolIo): string => `${io.host.dirs.db}/conf.db`;
export const defaultSchema = (io: ToolIo): string => `${io.host.dirs.pkgdata}/vswitch.ovsschema`;

/** The schema in a stand-alone database. @throws OvsdbError */
export function schemaOfDb(io: ToolIo, file: string): DatabaseSchema {
  const log = openStandaloneLog(io.host.storage, file, 'read');
  const schema = readSchema(log);
  log.close();
  return schema;
}

/**
 * Reads a stand-alone database. A malformed record is fatal; one that does not fit what precedes it ends the reading,
 * as in the server.
 * @throws OvsdbError, ToolError
 */
export function readDb(io: ToolIo, log: OvsdbLog): ReadDatabase {
  const read = readDatabase(log, io.host.random);
  if (read.error && read.isMalformed) throw read.error;
  return read;
}

/** A log of either kind. @throws OvsdbError */
export const openAnyLog = (io: ToolIo, file: string): OvsdbLog =>
  OvsdbLog.open(io.host.storage, file, [OVSDB_MAGIC, RAFT_MAGIC], 'read');

/** A file that must not exist yet. @throws OvsdbError */
export const openNewLog = (io: ToolIo, file: string, magic: string): OvsdbLog =>
  OvsdbLog.open(io.host.storage, file, [magic], 'create-exclusive');

/** Waits until everything written is on the disk. @throws OvsdbError */
export async function syncAndClose(log: OvsdbLog): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    log.sync((error) => (error ? reject(error) : resolve()));
  });
  log.close();
}

/** Writes a whole database into a file, as one transaction. @throws OvsdbError */
export async function writeDb(
  io: ToolIo,
  file: string,
  mode: 'create' | 'create-exclusive',
  comment: string,
  db: Database,
): Promise<void> {
  const { storage, loop } = io.host;
  // Whoever writes over a file has locked it already.
  const log = OvsdbLog.open(storage, file, [OVSDB_MAGIC], mode, mode === 'create-exclusive');
  try {
    log.write(schemaToJson(db.schema));
    const annotations = { comment, wallMs: loop.clock.wallNow(), useDiff: false };
    log.write(parseJson([...databaseToText(db, annotations)].join('')) as JsonObject);
    await syncAndClose(log);
  } catch (error) {
    storage.remove(file);
    throw error;
  }
}

/** The first record of a clustered database. @throws OvsdbError, ToolError */
export function clusterHeader(io: ToolIo, file: string): Readonly<Record<string, Json>> {
  const log = openAnyLog(io, file);
  try {
    if (log.magic !== RAFT_MAGIC) throw new ToolError(`${file}: not a clustered database`);
    return log.read() ?? {};
  } finally {
    log.close();
  }
}

/** A member of such a record that is text. @throws ToolError */
export function headerText(file: string, header: Readonly<Record<string, Json>>, member: string): string {
  const value = header[member];
  if (typeof value !== 'string') throw new ToolError(`${file}: raft header lacks "${member}"`);
  return value;
}
