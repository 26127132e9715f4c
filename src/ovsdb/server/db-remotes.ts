/**
 * Remotes that are configured in a database: "db:DATABASE,TABLE,COLUMN", where the column holds connection methods or
 * refers to rows (Manager) with a target and options; the state of the connections is written back to those rows.
 * C counterpart: ovsdb/ovsdb-server.c.
 */

import type { Uuid } from '../../base/uuid.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { Row, Table } from '../database.ts';
import { type Datum, EMPTY, lookup, mapOf, scalar } from '../datum.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import type { ColumnSchema } from '../schema.ts';
import { finishTransaction } from '../transact/execute.ts';
import { Transaction } from '../transact/transaction.ts';
import { defaultRemoteOptions, type RemoteOptions, type RemoteStatus, type Remotes } from './remotes.ts';
import type { ServedDatabase } from './served.ts';

const log = vlog('ovsdb_server');
const rl = new RateLimit(1, 1);

export type Databases = ReadonlyMap<string, ServedDatabase>;

export interface DbColumn {
  readonly served: ServedDatabase;
  readonly table: Table;
  readonly column: ColumnSchema;
}

/** The database has no schema yet, which is no mistake of the user's. */
export class UnavailableError extends Error {}

/** What a "db:" name stands for. @throws Error worded for the user, UnavailableError among them */
export function parseDbColumn(databases: Databases, name: string): DbColumn {
  const [database, tableName, columnName] = name
    .slice('db:'.length)
    .split(',')
    .filter((part) => part !== '');
  if (database === undefined || tableName === undefined || columnName === undefined)
    throw new Error(`"${name}": invalid syntax`);
  const served = databases.get(database);
  if (!served) throw new Error(`"${name}": no database named ${database}`);
  const table = served.db.tables.get(tableName);
  if (!table) {
    const why = `"${name}": no table named ${tableName}`;
    throw served.isAvailable ? new Error(why) : new UnavailableError(why);
  }
  const column = table.schema.byName.get(columnName);
  if (!column) throw new Error(`"${name}": table "${tableName}" has no column "${columnName}"`);
  return { served, table, column };
}

/** The first nonempty string in a column, for settings that may be "db:" names too. @throws Error worded for the user */
export function queryDbString(databases: Databases, name: string): string | undefined {
  if (!name.startsWith('db:')) return name;
  const { table, column } = parseDbColumn(databases, name);
  if (column.type.key.type !== 'string' || column.type.value)
    throw new Error(
      `"${name}": table "${table.name}" column "${column.name}" is not string or set of strings`,
    );
  for (const row of table.rows.values())
    for (const key of row.get(column).keys) if (key !== '') return key as string;
  return undefined;
}

/** The value of an optional or single column of a certain type; undefined if the row has none such. */
function value(
  row: Row,
  name: string,
  type: 'string' | 'integer' | 'boolean',
): Datum['keys'][number] | undefined {
  const column = row.table.schema.byName.get(name);
  if (!column || column.type.key.type !== type || column.type.value || column.type.max !== 1)
    return undefined;
  return row.get(column).keys[0];
}

/** The rows that the column refers to. */
function* referredRows({ table, column }: DbColumn): Generator<Row> {
  const { refTable } = column.type.key;
  if (refTable === undefined || column.type.value) return;
  const target = table.db.target(refTable);
  for (const row of table.rows.values()) {
    for (const uuid of row.get(column).keys) {
      const referred = target.rows.get(uuid as Uuid);
      if (referred) yield referred;
    }
  }
}

/** A remote by the options in its row. */
function managerOptions(row: Row, target: string): RemoteOptions {
  const defaults = defaultRemoteOptions(target);
  const number = (name: string, other: number): number => Number(value(row, name, 'integer') ?? other);
  const otherConfig = row.table.schema.byName.get('other_config');
  const dscp = Number.parseInt(otherConfig ? String(lookup(row.get(otherConfig), 'dscp') ?? '') : '', 10);
  const role = value(row, 'role', 'string');
  return {
    readOnly: value(row, 'read_only', 'boolean') === true,
    maxBackoffMs: number('max_backoff', defaults.maxBackoffMs),
    probeIntervalMs: number('inactivity_probe', defaults.probeIntervalMs),
    dscp: dscp >= 0 && dscp <= 63 ? dscp : defaults.dscp,
    role: role as string | undefined,
  };
}

export interface ResolvedRemotes {
  readonly remotes: ReadonlyMap<string, RemoteOptions>;
  /** Tables from which they were taken. */
  readonly tables: ReadonlySet<Table>;
  /** What is wrong with "db:" names. */
  readonly errors: readonly string[];
}

/** Replaces the "db:" names among the configured remotes by what the databases say. */
export function resolveRemotes(
  databases: Databases,
  configured: ReadonlyMap<string, RemoteOptions>,
): ResolvedRemotes {
  const remotes = new Map<string, RemoteOptions>();
  const tables = new Set<Table>();
  const errors: string[] = [];
  const add = (name: string, options: RemoteOptions): void => {
    if (!remotes.has(name)) remotes.set(name, options);
  };
  for (const [name, options] of configured) {
    if (!name.startsWith('db:')) {
      add(name, options);
      continue;
    }
    let found: DbColumn;
    try {
      found = parseDbColumn(databases, name);
    } catch (error) {
      if (!(error instanceof UnavailableError)) errors.push((error as Error).message);
      continue;
    }
    const { table, column } = found;
    const { key, value: mapped } = column.type;
    tables.add(table);
    if (key.type === 'string' && !mapped) {
      for (const row of table.rows.values())
        for (const target of row.get(column).keys)
          add(target as string, defaultRemoteOptions(target as string));
      continue;
    }
    if (key.refTable !== undefined) tables.add(table.db.target(key.refTable));
    for (const row of referredRows(found)) {
      const target = value(row, 'target', 'string');
      if (typeof target === 'string') add(target, managerOptions(row, target));
      else log.infoRl(rl, `Table \`${row.table.name}' has missing or invalid \`target' column`);
    }
  }
  return { remotes, tables, errors };
}

function statusMap(status: RemoteStatus | undefined): Datum {
  const pairs: [string, string][] = [];
  const add = (name: string, text: string | number | undefined): void => {
    if (text !== undefined && text !== '') pairs.push([name, String(text)]);
  };
  add('state', status?.state);
  add('sec_since_connect', status?.secondsSinceConnect);
  add('sec_since_disconnect', status?.secondsSinceDisconnect);
  add('last_error', status?.lastError);
  add('locks_held', status?.locksHeld);
  add('locks_waiting', status?.locksWaiting);
  add('locks_lost', status?.locksLost);
  if (status && status.connections > 1) add('n_connections', status.connections);
  add('bound_port', status?.boundPort);
  return pairs.length === 0 ? EMPTY : mapOf(pairs);
}

/** Writes the state of the connections into the rows that configure them. */
export function writeRemoteStatus(
  databases: Databases,
  configured: Iterable<string>,
  remotes: Remotes,
): void {
  for (const name of configured) {
    if (!name.startsWith('db:')) continue;
    let found: DbColumn;
    try {
      found = parseDbColumn(databases, name);
    } catch {
      continue;
    }
    if (!found.served.model.ownsRows || found.served.triggers.isPaused) continue;
    const txn = new Transaction(found.served.db);
    for (const row of [...referredRows(found)]) {
      const target = value(row, 'target', 'string');
      if (typeof target !== 'string') continue;
      const status = remotes.status(target);
      const set = (column: string, type: 'boolean' | 'string', datum: Datum): void => {
        const schema = row.table.schema.byName.get(column);
        if (schema && schema.type.key.type === type) txn.modify(row).fields[schema.index] = datum;
      };
      set('is_connected', 'boolean', scalar(status?.isConnected ?? false));
      set('status', 'string', statusMap(status));
    }
    try {
      finishTransaction(txn, false);
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      log.errRl(rl, `Failed to update remote status: ${error.message}`);
    }
  }
}
