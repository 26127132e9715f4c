/** The schema that a clustered database gets of one that is meant for any. C counterpart: ovsdb/ovsdb.c. */
import { vlog } from '../base/vlog.ts';
import { type DatabaseSchema, persistentSchema } from '../ovsdb/schema.ts';

const log = vlog('ovsdb');

/** Makes all columns persistent, with a warning if some were not. @param file that the schema is from */
export function clusterSchema(schema: DatabaseSchema, file: string): DatabaseSchema {
  const columns = [...schema.tables.values()].flatMap((table) =>
    table.columns.filter((column) => !column.persistent).map((column) => [column.name, table.name] as const),
  );
  const [column, table] = columns.at(-1) ?? [];
  if (column === undefined) return schema;
  log.warn(
    `${file}: changed ${columns.length} columns in '${schema.name}' database from ephemeral to persistent, including '${column}' column in '${table}' table, because clusters do not support ephemeral columns`,
  );
  return persistentSchema(schema);
}
