/** dump, backup and restore: a whole database as tables, and to and from the form of a database file. */
import type { Storage, StoredFile } from '../../base/host.ts';
import { vlog } from '../../base/vlog.ts';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import { sortedJson, stringifyJson } from '../../jsonrpc/json.ts';
import { compareStrings } from '../../ovsdb/atom.ts';
import {
  compareData,
  type Datum,
  datumToBare,
  datumToJson,
  datumToJsonWithRowNames,
  datumToText,
  isDefaultDatum,
  rowName,
  unconstrainedDatumFromJson,
} from '../../ovsdb/datum.ts';
import { isJsonObject } from '../../ovsdb/members.ts';
import { type ColumnSchema, sameSchema, schemaToJson, type TableSchema } from '../../ovsdb/schema.ts';
import { TablePrinter } from '../table.ts';
import { ToolError } from '../tool.ts';
import type { Client, ClientCommand } from './context.ts';
import { checked } from './rpc.ts';
import { checkResults } from './transact.ts';

const log = vlog('ovsdb_client');

interface Selection {
  readonly table: TableSchema;
  readonly columns: readonly ColumnSchema[];
}

/** The rows of several tables, read in one transaction. @throws ToolError */
async function readTables(client: Client, selections: readonly Selection[]): Promise<(readonly Json[])[]> {
  const operations = selections.map(({ table, columns }) => ({
    op: 'select',
    table: table.name,
    where: [],
    columns: columns.map((column) => column.name),
  }));
  const reply = await client.rpc.transact('transact', [client.database, ...operations]);
  if (!Array.isArray(reply) || reply.length !== selections.length)
    throw new ToolError(`reply is not array of ${selections.length} elements: ${sortedJson(reply)}`);
  return (reply as readonly Json[]).map((result, i) => {
    const rows = isJsonObject(result) ? result['rows'] : undefined;
    if (!Array.isArray(rows))
      throw new ToolError(
        `${selections[i]!.table.name} table reply is not an object with a "rows" member array: ${sortedJson(result)}`,
      );
    return rows as readonly Json[];
  });
}

const byName = (a: { readonly name: string }, b: { readonly name: string }): number =>
  compareStrings(a.name, b.name);

const dump: ClientCommand = {
  name: 'dump',
  need: 'database',
  minArgs: 0,
  maxArgs: Number.POSITIVE_INFINITY,
  async run(client, [tableName, ...columnNames]) {
    const schema = await client.rpc.schema(client.database);
    let tables = [...schema.tables.values()].sort(byName);
    if (tableName !== undefined) {
      tables = tables.filter((table) => table.name === tableName);
      if (tables.length === 0) throw new ToolError(`No table "${tableName}" found.`);
    }
    const selections = tables.map((table) => ({ table, columns: dumpedColumns(table, columnNames) }));
    const results = await readTables(client, selections);
    const printer = new TablePrinter(client.settings.style);
    selections.forEach((selection, i) => {
      client.io.out(dumpText(printer, selection, results[i]!));
    });
  },
};

/** @param names those wanted; none for all */
function dumpedColumns(table: TableSchema, names: readonly string[]): ColumnSchema[] {
  const columns =
    names.length === 0
      ? [...table.byName.values()]
      : names.map((name) => {
          const column = table.byName.get(name);
          if (!column) throw new ToolError(`Table "${table.name}" has no column ${name}.`);
          return column;
        });
  return columns.filter((column) => column.name !== '_version').sort(byName);
}

function dumpText(printer: TablePrinter, { table, columns }: Selection, rows: readonly Json[]): string {
  const data = rows.map((row, y) => {
    if (!isJsonObject(row))
      throw new ToolError(
        `row ${y} in table ${table.name} response is not a JSON object: ${sortedJson(row)}`,
      );
    return columns.map((column) => {
      const json = row[column.name];
      if (json === undefined)
        throw new ToolError(`row ${y} in table ${table.name} response lacks ${column.name} column`);
      return checked(() => unconstrainedDatumFromJson(column.type, json));
    });
  });
  // UUIDs differ from run to run, so they only break ties.
  const isUuid = (x: number): boolean => columns[x]!.type.key.type === 'uuid';
  const indexes = columns.map((_, x) => x);
  const order = [...indexes.filter((x) => !isUuid(x)), ...indexes.filter(isUuid)];
  const compareRows = (a: readonly Datum[], b: readonly Datum[]): number => {
    for (const x of order) {
      const difference = compareData(a[x]!, b[x]!);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  return printer.format({
    caption: `${table.name} table`,
    headings: columns.map((column) => column.name),
    rows: data.sort(compareRows).map((row) =>
      row.map((datum, x) => {
        const { type } = columns[x]!;
        return {
          json: () => datumToJson(datum, type),
          string: () => datumToText(datum, type),
          bare: () => datumToBare(datum, type),
        };
      }),
    ),
  });
}

const backup: ClientCommand = {
  name: 'backup',
  need: 'database',
  minArgs: 0,
  maxArgs: 0,
  async run(client) {
    const { io } = client;
    if (io.isTty) throw new ToolError('not writing backup to a terminal; please redirect stdout to a file');
    const schema = await client.rpc.schema(client.database);
    const selections = [...schema.tables.values()].map((table) => ({
      table,
      columns: [...table.byName.values()].filter((column) => column.persistent),
    }));
    const results = await readTables(client, selections);
    const transaction: Record<string, Json> = {};
    selections.forEach(({ table }, i) => {
      if (results[i]!.length > 0) transaction[table.name] = rowsByUuid(table.name, results[i]!);
    });
    const { composeRecord, OVSDB_MAGIC } = await import('../../ovsdb/log.ts');
    const record = (json: JsonObject): string =>
      new TextDecoder().decode(composeRecord(OVSDB_MAGIC, stringifyJson(json)));
    io.out(record(schemaToJson(schema)));
    io.out(
      record({
        ...transaction,
        _comment: 'produced by "ovsdb-client backup"',
        _date: Math.floor(io.host.loop.clock.wallNow()),
      }),
    );
  },
};

function rowsByUuid(table: string, rows: readonly Json[]): JsonObject {
  return Object.fromEntries(
    rows.map((row) => {
      if (!isJsonObject(row))
        throw new ToolError(`${table} table reply row is not an object: ${sortedJson(row)}`);
      const { _uuid: uuid, ...values } = row;
      if (!Array.isArray(uuid))
        throw new ToolError(`${table} table reply row lacks _uuid member: ${sortedJson(row)}`);
      return [String(uuid[1]), values];
    }),
  );
}

/** Storage in which every file reads as what came on standard input. */
function standardInput(storage: Storage, bytes: Uint8Array): Storage {
  const file: StoredFile = {
    path: '/dev/stdin',
    size: () => bytes.length,
    readAt: (offset, length) => bytes.subarray(offset, offset + length),
    append() {},
    truncate() {},
    sync: (done) => done(undefined),
    close() {},
  };
  return Object.assign(Object.create(storage) as Storage, {
    open: () => file,
    resolve: (path: string) => path,
  });
}

const restore: ClientCommand = {
  name: 'restore',
  need: 'database',
  minArgs: 0,
  maxArgs: 0,
  async run(client) {
    const { io, rpc } = client;
    const { openStandaloneLog, readDatabase } = await import('../../ovsdb/file.ts');
    const { db } = checked(() => {
      const file = openStandaloneLog(standardInput(io.host.storage, io.readStdin()), '/dev/stdin', 'read');
      const read = readDatabase(file, io.host.random);
      if (read.error) throw read.error;
      return read;
    });
    const online = await rpc.schema(client.database);
    if (!sameSchema(db.schema, online)) {
      const [ours, theirs] = [db.schema.version, online.version];
      const difference =
        ours !== theirs
          ? `backup schema has version "${ours}" but database schema has version "${theirs}"`
          : `backup schema and database schema are both version ${ours} but still differ`;
      if (!client.settings.force)
        throw new ToolError(
          `${difference} (use --force to override differences, or "ovsdb-client convert" to change the schema)`,
        );
      log.info(difference);
    }
    const operations: Json[] = [];
    for (const table of db.tables.values()) {
      operations.push({ op: 'delete', table: table.schema.name, where: [] });
      for (const row of table.rows.values()) {
        const values: Record<string, Json> = {};
        for (const column of table.schema.columns) {
          const datum = row.get(column);
          if (column.persistent && !isDefaultDatum(datum, column.type))
            values[column.name] = datumToJsonWithRowNames(datum, column.type);
        }
        operations.push({
          op: 'insert',
          table: table.schema.name,
          'uuid-name': rowName(row.uuid),
          row: values,
        });
      }
    }
    checkResults(await rpc.transact('transact', [db.schema.name, ...operations]));
  },
};

export const DUMP_COMMANDS = [dump, backup, restore];
