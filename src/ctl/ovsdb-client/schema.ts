/** The commands about databases and their schemas. */

import { compareStrings } from '../../ovsdb/atom.ts';
import { type DatabaseSchema, sameSchema, schemaToJson } from '../../ovsdb/schema.ts';
import { columnTypeToJson } from '../../ovsdb/type.ts';
import { clusterSchema } from '../cluster-schema.ts';
import { schemaFromFile } from '../schema-file.ts';
import { jsonCell, type Table, TablePrinter, textCell } from '../table.ts';
import type { Client, ClientCommand } from './context.ts';
import { checked, databaseInfo } from './rpc.ts';

const listDbs: ClientCommand = {
  name: 'list-dbs',
  need: 'server',
  minArgs: 0,
  maxArgs: 0,
  async run({ io, rpc }) {
    for (const name of await rpc.databases()) io.out(`${name}\n`);
  },
};

/** A command that prints something of the schema. */
const schemaCommand = (
  name: string,
  maxArgs: number,
  print: (client: Client, schema: DatabaseSchema, args: readonly string[]) => void,
): ClientCommand => ({
  name,
  need: 'database',
  minArgs: 0,
  maxArgs,
  async run(client, args) {
    print(client, await client.rpc.schema(client.database), args);
  },
});

const getSchema = schemaCommand('get-schema', 0, (client, schema) => client.printJson(schemaToJson(schema)));
const getVersion = schemaCommand('get-schema-version', 0, ({ io }, schema) => io.out(`${schema.version}\n`));
const getCksum = schemaCommand('get-schema-cksum', 0, ({ io }, schema) => io.out(`${schema.cksum}\n`));

const printTable = ({ io, settings }: Client, table: Table): void =>
  io.out(new TablePrinter(settings.style).format(table));

const listTables = schemaCommand('list-tables', 0, (client, schema) =>
  printTable(client, {
    headings: ['Table'],
    rows: [...schema.tables.keys()].sort(compareStrings).map((name) => [textCell(name)]),
  }),
);

const listColumns = schemaCommand('list-columns', 1, (client, schema, [only]) => {
  const tables = [...schema.tables.values()].filter(({ name }) => only === undefined || name === only);
  printTable(client, {
    headings: [...(only === undefined ? ['Table'] : []), 'Column', 'Type'],
    rows: tables.flatMap((table) =>
      [...table.byName.values()].map((column) => [
        ...(only === undefined ? [textCell(table.name)] : []),
        textCell(column.name),
        jsonCell(columnTypeToJson(column.type)),
      ]),
    ),
  });
});

/** Connects to the server of the database that the schema file in the last argument is for. @returns what it would have */
async function openForFile(client: Client, args: readonly string[]): Promise<DatabaseSchema> {
  const schema = checked(() => schemaFromFile(client.io, args.at(-1)!));
  await client.open('database', 1, args, schema.name);
  const info = await databaseInfo(client.rpc, schema.name);
  return info?.['model'] === 'clustered' ? clusterSchema(schema, args.at(-1)!) : schema;
}

const convert: ClientCommand = {
  name: 'convert',
  need: 'nothing',
  minArgs: 1,
  maxArgs: 2,
  async run(client, args) {
    const schema = await openForFile(client, args);
    await client.announceChangeAware();
    await client.rpc.transact('convert', [schema.name, schemaToJson(schema)]);
  },
};

const needsConversion: ClientCommand = {
  name: 'needs-conversion',
  need: 'nothing',
  minArgs: 1,
  maxArgs: 2,
  async run(client, args) {
    const schema = await openForFile(client, args);
    client.io.out(sameSchema(schema, await client.rpc.schema(schema.name)) ? 'no\n' : 'yes\n');
  },
};

export const SCHEMA_COMMANDS = [
  listDbs,
  getSchema,
  getVersion,
  getCksum,
  listTables,
  listColumns,
  convert,
  needsConversion,
];
