/**
 * Database, table and column schemas of RFC 7047 section 3.2. Immutable once parsed.
 * C counterpart: ovsdb/ovsdb.c, ovsdb/table.c, ovsdb/column.c.
 */
import { type Json, type JsonObject, sortedJson } from '../jsonrpc/json.ts';
import type { Integer } from './atom.ts';
import { isId, Members } from './members.ts';
import { OvsdbError, syntaxError } from './ovsdb-error.ts';
import {
  type BaseType,
  type ColumnType,
  columnTypeFromJson,
  columnTypeToJson,
  isStrongRef,
  isWeakRef,
  scalarType,
} from './type.ts';

export interface ColumnSchema {
  readonly name: string;
  /** Its place in a row; negative for `_uuid` and `_version`. */
  readonly index: number;
  readonly type: ColumnType;
  readonly mutable: boolean;
  /** False for what is not written to the disk. */
  readonly persistent: boolean;
}

const implied = (name: string, index: number, persistent: boolean): ColumnSchema => ({
  name,
  index,
  type: scalarType('uuid'),
  mutable: false,
  persistent,
});

/** The columns that every table has. */
export const UUID_COLUMN: ColumnSchema = implied('_uuid', -1, true);
export const VERSION_COLUMN: ColumnSchema = implied('_version', -2, false);

export interface TableSchema {
  readonly name: string;
  /** Those of the schema, by index. */
  readonly columns: readonly ColumnSchema[];
  /** By name, with `_uuid` and `_version`. */
  readonly byName: ReadonlyMap<string, ColumnSchema>;
  /** Each a set of columns whose values together are unique in the table. */
  readonly indexes: readonly (readonly ColumnSchema[])[];
  readonly isRoot: boolean;
  /** `Infinity` for no limit. */
  readonly maxRows: number;
  readonly mutable: boolean;
}

export interface DatabaseSchema {
  readonly name: string;
  /** "x.y.z", or '' in old databases. */
  readonly version: string;
  readonly cksum: string;
  readonly tables: ReadonlyMap<string, TableSchema>;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export interface Version {
  readonly x: number;
  readonly y: number;
  readonly z: number;
}

/** @returns undefined unless `text` is "x.y.z" */
export function parseVersion(text: string): Version | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)$/.exec(text);
  return match ? { x: Number(match[1]), y: Number(match[2]), z: Number(match[3]) } : undefined;
}

function columnFromJson(name: string, index: number, json: Json): ColumnSchema {
  const members = new Members(json, `schema for column ${name}`);
  const mutable = members.optional('mutable', 'boolean');
  const ephemeral = members.optional('ephemeral', 'boolean');
  const typeJson = members.required('type', 'string', 'object');
  members.finish();
  const type = columnTypeFromJson(typeJson!);
  // A weak reference vanishes with the row that it names, so it cannot be immutable.
  const weak = isWeakRef(type.key) || isWeakRef(type.value);
  return { name, index, type, mutable: mutable !== false || weak, persistent: ephemeral !== true };
}

function checkName(name: string, json: Json): void {
  if (name.startsWith('_')) throw syntaxError(json, 'names beginning with "_" are reserved');
  if (!isId(name)) throw syntaxError(json, 'name must be a valid id');
}

/**
 * The columns that a JSON array names.
 * @param json undefined for all columns of the table, `_uuid` and `_version` too
 * @throws OvsdbError
 */
export function columnSetFromJson(json: Json | undefined, table: TableSchema): ColumnSchema[] {
  if (json === undefined) return [...table.byName.values()];
  const bad = (): OvsdbError => syntaxError(json, 'array of distinct column names expected');
  if (!Array.isArray(json)) throw bad();
  const set: ColumnSchema[] = [];
  for (const name of json as readonly Json[]) {
    if (typeof name !== 'string') throw bad();
    const column = table.byName.get(name);
    if (!column) throw syntaxError(json, `${name} is not a valid column name`);
    if (set.includes(column)) throw bad();
    set.push(column);
  }
  return set;
}

/** 'columns "a", "b", and "c"', as errors say it. */
export function columnSetText(set: readonly ColumnSchema[]): string {
  const names = set.map((column) => `"${column.name}"`);
  if (names.length === 0) return 'no columns';
  if (names.length === 1) return `column ${names[0]}`;
  if (names.length === 2) return `columns ${names.join(' and ')}`;
  return `columns ${names.slice(0, -1).join(', ')}, and ${names.at(-1)}`;
}

function tableFromJson(name: string, json: Json): Mutable<TableSchema> {
  const members = new Members(json, `table schema for table ${name}`);
  const columnsJson = members.required('columns', 'object') as JsonObject;
  const mutable = members.optional('mutable', 'boolean');
  const maxRows = members.optional('maxRows', 'integer') as Integer | undefined;
  const isRoot = members.optional('isRoot', 'boolean');
  const indexes = members.optional('indexes', 'array') as readonly Json[] | undefined;
  members.finish();
  if (maxRows !== undefined && maxRows <= 0) throw syntaxError(json, 'maxRows must be at least 1');
  const names = Object.keys(columnsJson);
  if (names.length === 0) throw syntaxError(json, 'table must have at least one column');
  const columns = names.map((column, index) => {
    checkName(column, json);
    return columnFromJson(column, index, columnsJson[column]!);
  });
  const byName = new Map([UUID_COLUMN, VERSION_COLUMN, ...columns].map((column) => [column.name, column]));
  const table: Mutable<TableSchema> = {
    name,
    columns,
    byName,
    indexes: [],
    isRoot: isRoot === true,
    maxRows: maxRows === undefined || maxRows >= 0xffffffff ? Number.POSITIVE_INFINITY : Number(maxRows),
    mutable: mutable !== false,
  };
  table.indexes = (indexes ?? []).map((index) => {
    const set = columnSetFromJson(index, table);
    if (set.length === 0) throw syntaxError(json, 'index must have at least one column');
    const ephemeral = set.find((column) => !column.persistent);
    if (ephemeral)
      throw syntaxError(json, `ephemeral columns (such as ${ephemeral.name}) may not be indexed`);
    return set;
  });
  return table;
}

/** @throws OvsdbError */
export function schemaFromJson(json: Json): DatabaseSchema {
  const members = new Members(json, 'database schema');
  const name = members.required('name', 'id') as string;
  const version = members.optional('version', 'string') as string | undefined;
  const cksum = members.optional('cksum', 'string') as string | undefined;
  const tablesJson = members.required('tables', 'object') as JsonObject;
  members.finish();
  if (version !== undefined && !parseVersion(version))
    throw syntaxError(json, `schema version "${version}" not in format x.y.z`);
  const tables = new Map<string, Mutable<TableSchema>>();
  for (const tableName of Object.keys(tablesJson)) {
    checkName(tableName, json);
    tables.set(tableName, tableFromJson(tableName, tablesJson[tableName]!));
  }
  // Schemas older than garbage collection name no root table: then every table is one.
  if (![...tables.values()].some((table) => table.isRoot))
    for (const table of tables.values()) table.isRoot = true;
  for (const table of tables.values()) for (const column of table.columns) checkReferences(column, tables);
  return { name, version: version ?? '', cksum: cksum ?? '', tables };
}

function checkReferences(column: ColumnSchema, tables: ReadonlyMap<string, TableSchema>): void {
  const check = (base: BaseType | undefined, which: string): void => {
    if (base?.refTable === undefined) return;
    const target = tables.get(base.refTable);
    if (!target)
      throw new OvsdbError(
        'syntax error',
        `column ${column.name} ${which} refers to undefined table ${base.refTable}`,
      );
    // What keeps a row alive must survive a restart, or replaying the log would lose the row.
    if (isStrongRef(base) && !target.isRoot) (column as Mutable<ColumnSchema>).persistent = true;
  };
  check(column.type.key, 'key');
  check(column.type.value, 'value');
}

export function columnToJson(column: ColumnSchema): Json {
  return {
    ...(column.mutable ? {} : { mutable: false }),
    ...(column.persistent ? {} : { ephemeral: true }),
    type: columnTypeToJson(column.type),
  };
}

function tableToJson(table: TableSchema, defaultIsRoot: boolean): Json {
  return {
    ...(table.mutable ? {} : { mutable: false }),
    ...(table.isRoot === defaultIsRoot ? {} : { isRoot: table.isRoot }),
    columns: Object.fromEntries(table.columns.map((column) => [column.name, columnToJson(column)])),
    ...(table.maxRows === Number.POSITIVE_INFINITY ? {} : { maxRows: table.maxRows }),
    ...(table.indexes.length === 0 ? {} : { indexes: table.indexes.map((set) => set.map((c) => c.name)) }),
  };
}

export function schemaToJson(schema: DatabaseSchema): JsonObject {
  // Older tools know no "isRoot", so it is left out where every table is a root.
  const allRoots = [...schema.tables.values()].every((table) => table.isRoot);
  return {
    name: schema.name,
    ...(schema.version === '' ? {} : { version: schema.version }),
    ...(schema.cksum === '' ? {} : { cksum: schema.cksum }),
    tables: Object.fromEntries(
      [...schema.tables].map(([name, table]) => [name, tableToJson(table, allRoots)]),
    ),
  };
}

/** The schema with all its columns kept: clusters know no others. */
export function persistentSchema(schema: DatabaseSchema): DatabaseSchema {
  const json = schemaToJson(schema) as { readonly tables: Readonly<Record<string, JsonObject>> };
  const tables = Object.entries(json.tables).map(([name, table]) => {
    const columns = Object.entries(table['columns'] as Readonly<Record<string, JsonObject>>);
    const kept = columns.map(([column, { ephemeral: _, ...rest }]) => [column, rest] as const);
    return [name, { ...table, columns: Object.fromEntries(kept) }] as const;
  });
  return schemaFromJson({ ...json, tables: Object.fromEntries(tables) } as Json);
}

export const sameSchema = (a: DatabaseSchema, b: DatabaseSchema): boolean =>
  sortedJson(schemaToJson(a)) === sortedJson(schemaToJson(b));
