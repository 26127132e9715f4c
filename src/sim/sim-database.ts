/** A database server in a simulated host, and waiting for promises in virtual time. */
import type { JsonObject } from '../jsonrpc/json.ts';
import { stringifyJson } from '../jsonrpc/json.ts';
import { composeRecord, OVSDB_MAGIC, OvsdbLog } from '../ovsdb/log.ts';
import { ovsdbServerSettings } from '../ovsdb/server/options.ts';
import { ServerProgram } from '../ovsdb/server/program.ts';
import type { ServedDatabase } from '../ovsdb/server/served.ts';
import { Standalone } from '../ovsdb/server/standalone.ts';
import type { SimHost } from './sim-host.ts';

/** Where it listens; the target for clients has no 'p'. */
export const SIM_DATABASE = 'unix:/run/db.sock';

function createFile(host: SimHost, schema: JsonObject, file: string): void {
  const record = composeRecord(OVSDB_MAGIC, stringifyJson(schema)).slice();
  host.storage.open(file, { create: 'excl' }).append(record);
}

/** A new database for a server that is made by hand. */
export function simDatabase(host: SimHost, schema: JsonObject, file = '/db/conf.db'): ServedDatabase {
  createFile(host, schema, file);
  const log = OvsdbLog.open(host.storage, file, [OVSDB_MAGIC], 'write');
  return new Standalone(host, { useDiff: true }, file, log).served;
}

/** Starts a server on a file, which is made with `schema` when it does not exist. */
export async function startSimDatabase(
  host: SimHost,
  schema: JsonObject,
  file = '/db/conf.db',
): Promise<ServerProgram> {
  if (!host.storage.exists(file)) createFile(host, schema, file);
  const settings = ovsdbServerSettings([{ id: 'remote', value: `p${SIM_DATABASE}` }], [file], '/db');
  const server = new ServerProgram(host, settings);
  if (!(await server.start())) throw new Error('the database server did not start');
  return server;
}

/** Lets virtual time pass until `promise` is settled, at most `limitMs`. */
export async function inVirtualTime<T>(host: SimHost, promise: Promise<T>, limitMs = 60_000): Promise<T> {
  let settled = false;
  const done = (): void => {
    settled = true;
  };
  promise.then(done, done);
  for (let passed = 0; passed < limitMs; passed += 10) {
    // What has been settled runs its continuations first.
    for (let i = 0; i < 20 && !settled; i++) await Promise.resolve();
    if (settled) return promise;
    host.run(10);
  }
  throw new Error(`nothing came of it in ${limitMs} ms`);
}

/** Lets `ms` pass, with the continuations of what is settled on the way. */
export async function pass(host: SimHost, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    host.run(10);
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }
}
