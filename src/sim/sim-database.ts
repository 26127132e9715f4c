/** A database server in a simulated host, and waiting for promises in virtual time. */
import type { ParsedOption } from '../base/getopt.ts';
import { UnixctlCommands } from '../base/unixctl.ts';
import type { JsonObject } from '../jsonrpc/json.ts';
import { stringifyJson } from '../jsonrpc/json.ts';
import { composeRecord, OVSDB_MAGIC, OvsdbLog } from '../ovsdb/log.ts';
import { registerServerCommands } from '../ovsdb/server/commands.ts';
import { type OvsdbServerOptionId, ovsdbServerSettings } from '../ovsdb/server/options.ts';
import { ServerProgram } from '../ovsdb/server/program.ts';
import type { ServedDatabase } from '../ovsdb/server/served.ts';
import { Standalone } from '../ovsdb/server/standalone.ts';
import type { SimHost } from './sim-host.ts';

/** Where it listens; the target for clients has no 'p'. */
export const SIM_DATABASE = 'unix:/run/db.sock';

/** Makes a file with an empty database. */
export function createDatabaseFile(host: SimHost, schema: JsonObject, file: string): void {
  const record = composeRecord(OVSDB_MAGIC, stringifyJson(schema)).slice();
  host.storage.open(file, { create: 'excl' }).append(record);
}

/** A new database for a server that is made by hand. */
export function simDatabase(host: SimHost, schema: JsonObject, file = '/db/conf.db'): ServedDatabase {
  createDatabaseFile(host, schema, file);
  const log = OvsdbLog.open(host.storage, file, [OVSDB_MAGIC], 'write');
  return new Standalone(host, { useDiff: true }, file, log).served;
}

/** Starts a server on a file, which is made with `schema` when it does not exist. */
export async function startSimDatabase(
  host: SimHost,
  schema: JsonObject,
  file = '/db/conf.db',
): Promise<ServerProgram> {
  if (!host.storage.exists(file)) createDatabaseFile(host, schema, file);
  return (await startSimServer(host, SIM_DATABASE, [file])).program;
}

export interface SimServer {
  readonly program: ServerProgram;
  /** Runs a management command. @returns its reply. @throws UnixctlError */
  appctl(name: string, ...args: string[]): Promise<string>;
}

/**
 * Starts a server.
 * @param remote where it listens, as clients name it
 * @param databases files, or relays
 */
export async function startSimServer(
  host: SimHost,
  remote: string,
  databases: readonly string[],
  ...options: ParsedOption<OvsdbServerOptionId>[]
): Promise<SimServer> {
  const settings = ovsdbServerSettings([{ id: 'remote', value: `p${remote}` }, ...options], databases, '/db');
  const program = new ServerProgram(host, settings);
  const commands = new UnixctlCommands('sim');
  registerServerCommands(commands, program);
  if (!(await program.start())) throw new Error('the database server did not start');
  return {
    program,
    appctl: async (name, ...args) => String(await commands.execute(name, args, { format: 'text' })),
  };
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
