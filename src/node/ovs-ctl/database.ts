/** The file of the database before its server starts: made if there is none, converted if its schema is another. */
import fs from 'node:fs';
import path from 'node:path';
import type { Context } from './context.ts';
import { makeDirectory } from './daemons.ts';

const tool = (context: Context, ...args: string[]): boolean =>
  context.run('ovsdb-tool', ['-vconsole:off', ...args]);

/** What the tool prints about a file; '' if it fails. */
export const askTool = (context: Context, ...args: string[]): string =>
  (context.capture('ovsdb-tool', ['-vconsole:off', ...args]) ?? '').trim();

/** @returns whether there is a database that the server can be started with */
export function provideDatabase(context: Context): boolean {
  const { 'db-file': file, 'db-schema': schema } = context.settings;
  if (!fs.existsSync(file)) {
    context.warning(`${file} does not exist`);
    makeDirectory(path.dirname(file));
    return create(context);
  }
  // Of a file that cannot be read as a database the server itself says what is wrong, and nothing touches it.
  if (askTool(context, 'needs-conversion', file, schema) !== 'yes') return true;
  if (!backUp(context)) return false;
  // The old schema may have had no garbage collection: the history of the file then has states that are not valid in
  // the new one, though the last state is. If this fails, conversion may work nevertheless.
  context.action('Compacting database', () => tool(context, 'compact', file));
  if (context.action('Converting database schema', () => tool(context, 'convert', file, schema))) return true;
  context.warning('Schema conversion failed, using empty database instead');
  fs.rmSync(file, { force: true });
  return create(context);
}

function create(context: Context): boolean {
  const { 'db-file': file, 'db-schema': schema } = context.settings;
  return context.action(`Creating empty database ${file}`, () => tool(context, 'create', file, schema));
}

/** Copies the file to FILE.backupVERSION-CKSUM, of its schema. A backup that is there already is never overwritten. */
function backUp(context: Context): boolean {
  const file = context.settings['db-file'];
  const version = askTool(context, 'db-version', file);
  const [checksum] = askTool(context, 'db-cksum', file).split(' ');
  const first = `${file}.backup${version}-${checksum}`;
  let backup = first;
  for (let n = 1; fs.existsSync(backup); n++) backup = `${first}.${n}`;
  return context.action(`Backing up database to ${backup}`, () => {
    try {
      fs.copyFileSync(file, backup, fs.constants.COPYFILE_EXCL);
      return true;
    } catch (error) {
      context.io.err(`${(error as Error).message}\n`);
      return false;
    }
  });
}
