/** `ovsdb-tool compact`, `convert`: rewrite a database as one transaction, in place or into another file. */
import { SystemError } from '../../base/host.ts';
import { OVS_VERSION } from '../../base/version.ts';
import { convertDatabase } from '../../ovsdb/convert.ts';
import { openStandaloneLog } from '../../ovsdb/file.ts';
import type { DatabaseSchema } from '../../ovsdb/schema.ts';
import { schemaFromFile } from '../schema-file.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import { defaultDb, defaultSchema, readDb, writeDb } from './files.ts';

function lock(io: ToolIo, file: string): () => void {
  try {
    return io.host.storage.lock(file);
  } catch (error) {
    if (error instanceof SystemError)
      throw new ToolError(`${file}: failed to lock lockfile (${error.message})`);
    throw error;
  }
}

async function rewrite(
  io: ToolIo,
  from: string,
  to: string | undefined,
  comment: string,
  schema?: DatabaseSchema,
): Promise<void> {
  const { storage } = io.host;
  // Through symbolic links: it is the file that is replaced, not the link to it.
  const source = storage.resolve(from);
  const target = to === undefined ? `${source}.tmp` : storage.resolve(to);
  const unlock: (() => void)[] = [];
  try {
    if (to === undefined) unlock.push(lock(io, from));
    unlock.push(lock(io, target));
    const log = openStandaloneLog(storage, from, 'read');
    const { db, error } = readDb(io, log);
    log.close();
    // What the file goes on with would be lost.
    if (error) throw error;
    await writeDb(io, target, 'create', comment, schema ? convertDatabase(db, schema, true) : db);
    if (to === undefined) rename(io, target, source);
  } finally {
    for (const release of unlock) release();
  }
}

/** @throws ToolError */
function rename(io: ToolIo, from: string, to: string): void {
  try {
    io.host.storage.rename(from, to);
  } catch (error) {
    if (error instanceof SystemError)
      throw new ToolError(`failed to rename "${from}" to "${to}" (${error.message})`);
    throw error;
  }
}

export const compact = (io: ToolIo, [db, target]: readonly string[]): Promise<void> =>
  rewrite(io, db ?? defaultDb(io), target, `compacted by ovsdb-tool ${OVS_VERSION}`);

export const convert = (io: ToolIo, [db, schema, target]: readonly string[]): Promise<void> =>
  rewrite(
    io,
    db ?? defaultDb(io),
    target,
    `converted by ovsdb-tool ${OVS_VERSION}`,
    schemaFromFile(io, schema ?? defaultSchema(io)),
  );
