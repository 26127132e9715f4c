/** monitor, monitor-cond and monitor-cond-since: print tables of what changes. */
import { parseUuid, ZERO_UUID } from '../../base/uuid.ts';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import { compareStrings } from '../../ovsdb/atom.ts';
import { datumFromJson, datumToBare, datumToText } from '../../ovsdb/datum.ts';
import { isJsonObject } from '../../ovsdb/members.ts';
import { OvsdbError } from '../../ovsdb/ovsdb-error.ts';
import type { ColumnSchema, DatabaseSchema, TableSchema } from '../../ovsdb/schema.ts';
import { EMPTY_CELL, jsonCell, type TableCell, TablePrinter, textCell } from '../table.ts';
import { ToolError } from '../tool.ts';
import type { Client, ClientCommand } from './context.ts';
import { checked } from './rpc.ts';
import { parseArgument } from './transact.ts';

type Method = 'monitor' | 'monitor_cond' | 'monitor_cond_since';
const NOTIFICATION: Readonly<Record<Method, string>> = {
  monitor: 'update',
  monitor_cond: 'update2',
  monitor_cond_since: 'update3',
};

interface Monitored {
  readonly table: TableSchema;
  readonly columns: ColumnSchema[];
}

/** A value as the server sent it; as JSON if it does not fit the column. */
function valueCell(json: Json, { type }: ColumnSchema): TableCell {
  try {
    const datum = datumFromJson(type, json);
    return {
      json: () => json,
      string: () => datumToText(datum, type),
      bare: () => datumToBare(datum, type),
    };
  } catch (error) {
    if (error instanceof OvsdbError) return jsonCell(json);
    throw error;
  }
}

/** Parses one COLUMN,... argument into a monitor request. @throws ToolError */
function requestOf(client: Client, { table, columns }: Monitored, arg: string): JsonObject {
  const where = client.rpc.name;
  const names: string[] = [];
  const select = { initial: true, insert: true, delete: true, modify: true };
  const add = (column: ColumnSchema): void => {
    if (columns.includes(column))
      throw new ToolError(`${where}: column "${column.name}" mentioned multiple times`);
    columns.push(column);
    names.push(column.name);
  };
  for (const word of arg.split(',').filter((w) => w !== '')) {
    const kind = word.slice(1);
    if (word.startsWith('!') && kind in select) select[kind as keyof typeof select] = false;
    else {
      const column = table.byName.get(word);
      if (!column)
        throw new ToolError(
          `${where}: table "${table.name}" in ${client.database} does not have a column named "${word}"`,
        );
      add(column);
    }
  }
  if (names.length === 0) {
    for (const column of [...table.columns].sort((a, b) => compareStrings(a.name, b.name))) add(column);
    add(table.byName.get('_version')!);
  }
  return { columns: names, ...(Object.values(select).includes(false) && { select }) };
}

/** Prints updates. */
class Printer {
  readonly #client: Client;
  readonly #monitored: readonly Monitored[];
  readonly #printer: TablePrinter;

  constructor(client: Client, monitored: readonly Monitored[]) {
    this.#client = client;
    this.#monitored = monitored;
    this.#printer = new TablePrinter(client.settings.style);
  }

  /** @param rows the lines that a row's change is shown by: kind of change and values */
  #print(updates: Json, what: string, rows: (change: JsonObject) => [action: string, values: Json][]): void {
    if (!isJsonObject(updates)) {
      this.#client.complain(`<${what}> is not object`);
      return;
    }
    for (const { table, columns } of this.#monitored) {
      const changes = updates[table.name];
      if (changes === undefined) continue;
      if (!isJsonObject(changes)) {
        this.#client.complain(`<table-update> for table ${table.name} is not object`);
        continue;
      }
      const lines: TableCell[][] = [];
      for (const [uuid, change] of Object.entries(changes)) {
        if (!isJsonObject(change)) {
          this.#client.complain('<row-update> is not object');
          continue;
        }
        for (const [action, values] of rows(change)) lines.push(this.#line(uuid, action, values, columns));
      }
      const { io, settings } = this.#client;
      io.out(
        this.#printer.format({
          ...(this.#monitored.length > 1 && { caption: table.name }),
          timestamp: settings.timestamp ? io.host.loop.clock.wallNow() : undefined,
          headings: ['row', 'action', ...columns.map((column) => column.name)],
          rows: lines,
        }),
      );
    }
  }

  #line(uuid: string, action: string, values: Json, columns: readonly ColumnSchema[]): TableCell[] {
    const object = isJsonObject(values) ? values : {};
    return [
      textCell(action === 'new' ? '' : uuid),
      textCell(action),
      ...columns.map((column) => {
        const value = object[column.name];
        return value === undefined ? EMPTY_CELL : valueCell(value, column);
      }),
    ];
  }

  /** The form of RFC 7047: old and new values. */
  oldNew(updates: Json, initial: boolean): void {
    this.#print(updates, 'table-updates', (change) => {
      const { old, new: now } = change;
      if (initial) return [['initial', now ?? null]];
      if (old === undefined) return [['insert', now ?? null]];
      if (now === undefined) return [['delete', old]];
      return [
        ['old', old],
        ['new', now],
      ];
    });
  }

  /** The form of monitor_cond: what changed. */
  changes(updates: Json): void {
    this.#print(updates, 'table-updates2', (change) => {
      for (const action of ['delete', 'initial', 'modify', 'insert']) {
        const values = change[action];
        if (values !== undefined) return [[action, values]];
      }
      return [];
    });
  }
}

interface MonitorRequest {
  readonly method: Method;
  /** For monitor_cond_since. */
  readonly lastId?: string;
  readonly condition?: Json;
}

async function runMonitor(
  client: Client,
  schema: DatabaseSchema,
  { method, lastId, condition }: MonitorRequest,
  [tableName, ...columnArgs]: readonly string[],
): Promise<void> {
  const { rpc, database, io } = client;
  const monitored: Monitored[] = [];
  const requests: Record<string, Json> = {};
  const addTable = (table: TableSchema, args: readonly string[]): void => {
    const entry: Monitored = { table, columns: [] };
    monitored.push(entry);
    requests[table.name] = (args.length > 0 ? args : ['']).map((arg, i) => ({
      ...requestOf(client, entry, arg),
      ...(i === 0 && condition !== undefined && { where: condition }),
    }));
  };
  if (tableName === 'ALL') {
    if (condition !== undefined) throw new ToolError('ALL tables are not allowed with condition');
    const tables = [...schema.tables.values()].sort((a, b) => compareStrings(a.name, b.name));
    for (const table of tables) addTable(table, []);
  } else {
    const table = schema.tables.get(tableName!);
    if (!table) throw new ToolError(`${rpc.name}: ${database} does not have a table named "${tableName}"`);
    addTable(table, columnArgs);
  }
  await client.announceChangeAware();

  const printer = new Printer(client, monitored);
  // An update may follow its monitor's reply in the same breath, before we have printed that.
  const early: (() => void)[] = [];
  let started = false;
  rpc.onNotification = (notification, params) => {
    if (notification === 'monitor_canceled') {
      client.endFollowing(`${database} database was removed`);
      return;
    }
    if (notification !== NOTIFICATION[method] || params[0] !== null) return;
    const print = (): void => {
      if (method === 'monitor') printer.oldNew(params[1]!, false);
      else if (method === 'monitor_cond') printer.changes(params[1]!);
      else {
        io.out(`\nlast_id: ${String(params[1])}`);
        printer.changes(params[2]!);
      }
    };
    if (started) print();
    else early.push(print);
  };
  const ended = client.follow();
  ended.catch(() => {});
  registerMonitorCommands(client);
  const since = method === 'monitor_cond_since' ? [lastId ?? ZERO_UUID] : [];
  const result = await rpc.transact(method, [database, null, requests, ...since]);
  if (method === 'monitor') printer.oldNew(result, true);
  else if (method === 'monitor_cond') printer.changes(result);
  else {
    const [found, id, updates] = result as readonly [Json, Json, Json];
    io.out(`found: ${found === true}, last_id: ${String(id)}\n`);
    printer.changes(updates);
  }
  started = true;
  for (const print of early) print();
  client.detached?.ready(true);
  await ended;
}

function registerMonitorCommands({ rpc, detached }: Client): void {
  let blocked = false;
  detached?.commands.register('ovsdb-client/block', '', 0, 0, () => {
    if (blocked) return 'already blocking';
    blocked = true;
    rpc.pause();
    return '';
  });
  detached?.commands.register('ovsdb-client/unblock', '', 0, 0, () => {
    if (!blocked) return 'already unblocked';
    blocked = false;
    rpc.resume();
    return '';
  });
  detached?.commands.register('ovsdb-client/cond_change', 'TABLE COND', 2, 2, ([table, condition]) => {
    const where = { [table!]: [{ where: parseArgument(condition!) }] };
    void rpc.request('monitor_cond_change', [null, null, where]).catch(() => {});
    return 'condition changed';
  });
}

const monitor: ClientCommand = {
  name: 'monitor',
  need: 'database',
  minArgs: 1,
  maxArgs: Number.POSITIVE_INFINITY,
  async run(client, args) {
    await runMonitor(client, await client.rpc.schema(client.database), { method: 'monitor' }, args);
  },
};

async function runConditional(
  client: Client,
  request: MonitorRequest,
  [condition, ...args]: readonly string[],
): Promise<void> {
  const schema = await client.rpc.schema(client.database);
  const table = schema.tables.get(args[0]!);
  if (!table) throw new ToolError(`${client.database} does not have a table named "${args[0]}"`);
  const json = parseArgument(condition!);
  const { Condition } = await import('../../ovsdb/transact/condition.ts');
  checked(() => Condition.fromJson(table, json));
  await runMonitor(client, schema, { ...request, condition: json }, args);
}

const monitorCond: ClientCommand = {
  name: 'monitor-cond',
  need: 'database',
  minArgs: 2,
  maxArgs: 3,
  run: (client, args) => runConditional(client, { method: 'monitor_cond' }, args),
};

const monitorCondSince: ClientCommand = {
  name: 'monitor-cond-since',
  need: 'database',
  minArgs: 2,
  maxArgs: 4,
  run(client, args) {
    const lastId = parseUuid(args[0]!);
    const request: MonitorRequest = {
      method: 'monitor_cond_since',
      ...(lastId !== undefined && { lastId }),
    };
    return runConditional(client, request, lastId === undefined ? args : args.slice(1));
  },
};

export const MONITOR_COMMANDS = [monitor, monitorCond, monitorCondSince];
