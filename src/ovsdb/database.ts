/**
 * A database in memory: tables of rows, and what finds rows quickly.
 *
 * Rows are immutable once their transaction has ended: to change one is to put a copy with other data in its place, so
 * monitors, history and logs may keep old and new rows for as long as they like. Only one transaction is under way at a
 * time; it works in place and keeps what it needs for undoing (see transact/transaction.ts).
 * C counterparts: ovsdb/ovsdb.c, ovsdb/table.c, ovsdb/row.c.
 */
import type { Random } from '../base/host.ts';
import { randomUuid, type Uuid } from '../base/uuid.ts';
import type { Json } from '../jsonrpc/json.ts';
import type { Atom } from './atom.ts';
import {
  type Datum,
  datumFromJson,
  datumToText,
  defaultDatum,
  scalar,
  transientDatumFromJson,
} from './datum.ts';
import { isJsonObject } from './members.ts';
import { syntaxError } from './ovsdb-error.ts';
import type { ColumnSchema, DatabaseSchema, TableSchema } from './schema.ts';
import type { SymbolTable } from './symbols.ts';
import type { RowChange, Transaction } from './transact/transaction.ts';
import { isScalar, isStrongRef, isWeakRef } from './type.ts';

export class Row {
  readonly table: Table;
  readonly uuid: Uuid;
  /** By column index. Written only by the transaction that made the row. */
  readonly fields: Datum[];
  /** Strong references to the row from other rows. */
  refs = 0;
  #version: Uuid | undefined;

  constructor(table: Table, uuid: Uuid, fields: Datum[]) {
    this.table = table;
    this.uuid = uuid;
    this.fields = fields;
  }

  /** The row's `_version`, drawn when somebody first asks. */
  get version(): Uuid {
    return (this.#version ??= randomUuid(this.table.db.random));
  }

  get(column: ColumnSchema): Datum {
    if (column.index >= 0) return this.fields[column.index]!;
    return scalar(column.name === '_uuid' ? this.uuid : this.version);
  }
}

/** Rows that refer weakly to one row, and how often each does. */
export type Referrers = Map<Uuid, { readonly table: Table; count: number }>;

export class Table {
  readonly db: Database;
  readonly schema: TableSchema;
  readonly rows = new Map<Uuid, Row>();
  /** For each index of the schema: the row with given values. As of the last commit. */
  readonly indexes: Map<Atom, Uuid>[];
  /** For rows of this table that are referred to weakly. */
  readonly referrers = new Map<Uuid, Referrers>();
  /** Rows that the transaction under way changed. */
  readonly changes = new Map<Uuid, RowChange>();
  /** Columns with strong and with weak references. */
  readonly strongColumns: readonly ColumnSchema[];
  readonly weakColumns: readonly ColumnSchema[];
  readonly #defaults: readonly Datum[];
  /** Whether changes of rows are written to the program's log (`ovsdb-server/tlog-set`). */
  log = false;

  constructor(db: Database, schema: TableSchema) {
    this.db = db;
    this.schema = schema;
    this.indexes = schema.indexes.map(() => new Map());
    const { columns } = schema;
    this.strongColumns = columns.filter((c) => isStrongRef(c.type.key) || isStrongRef(c.type.value));
    this.weakColumns = columns.filter((c) => isWeakRef(c.type.key) || isWeakRef(c.type.value));
    this.#defaults = columns.map((c) => defaultDatum(c.type));
  }

  get name(): string {
    return this.schema.name;
  }

  /** New fields, all with their defaults. */
  defaultFields(): Datum[] {
    return this.#defaults.slice();
  }

  /** The index whose columns are `columns`, read for these values. */
  indexKey(index: number, fields: readonly Datum[]): Atom {
    return dataKey(this.schema.indexes[index]!, (column) => fields[column.index]!);
  }
}

/** What a database needs in order to outlive the process. */
export interface TransactionSink {
  /** Writes the changes of a transaction that has passed all checks. @throws OvsdbError: then it must be undone */
  write(txn: Transaction, durable: boolean): void;
}

export class Database {
  readonly schema: DatabaseSchema;
  readonly random: Random;
  readonly tables: ReadonlyMap<string, Table>;
  /** Atoms in all rows: the measure of the database's size. */
  atoms = 0;
  sink: TransactionSink | undefined;
  /** Called when a transaction that is in the log could not be completed in memory: only starting anew mends that. */
  broken: (error: unknown) => void = (error) => {
    throw error;
  };
  /** Called after each transaction that changed something or has a name. */
  readonly listeners = new Set<(txn: Transaction) => void>();

  constructor(schema: DatabaseSchema, random: Random) {
    this.schema = schema;
    this.random = random;
    this.tables = new Map([...schema.tables].map(([name, table]) => [name, new Table(this, table)]));
  }

  get name(): string {
    return this.schema.name;
  }

  /** Where a reference points. */
  target(refTable: string): Table {
    return this.tables.get(refTable)!;
  }
}

/** One value that is the same exactly for equal data in the given columns: a key for maps. */
export function dataKey(columns: readonly ColumnSchema[], get: (column: ColumnSchema) => Datum): Atom {
  if (columns.length === 1 && isScalar(columns[0]!.type)) return get(columns[0]!).key(0);
  let key = '';
  const add = (atom: Atom): void => {
    const text = String(atom);
    key += `${text.length}:${text}`;
  };
  for (const column of columns) {
    const datum = get(column);
    key += `${datum.size};`;
    datum.keys.forEach(add);
    datum.values.forEach(add);
  }
  return key;
}

/** A row as it came in JSON: only the columns that it names. */
export interface PartialRow {
  readonly columns: readonly ColumnSchema[];
  /** Parallel to `columns`. */
  readonly data: readonly Datum[];
}

/**
 * @param isDiff the data are differences, which may be of any size
 * @throws OvsdbError
 */
export function rowFromJson(
  table: TableSchema,
  json: Json,
  symbols?: SymbolTable,
  isDiff = false,
): PartialRow {
  if (!isJsonObject(json)) throw syntaxError(json, 'row must be JSON object');
  const columns: ColumnSchema[] = [];
  const data: Datum[] = [];
  for (const name in json) {
    const column = table.byName.get(name);
    if (!column) throw syntaxError(json, `No column ${name} in table ${table.name}.`, 'unknown column');
    columns.push(column);
    data.push(
      isDiff
        ? transientDatumFromJson(column.type, json[name]!)
        : datumFromJson(column.type, json[name]!, symbols),
    );
  }
  return { columns, data };
}

/** 'a, b, and c' */
export function englishList(items: readonly string[]): string {
  if (items.length < 3) return items.join(' and ');
  return `${items.slice(0, -1).join(', ')}, and ${items.at(-1)}`;
}

/** The values of some columns as errors list them. */
export const rowColumnsText = (row: Row, columns: readonly ColumnSchema[]): string =>
  englishList(columns.map((column) => datumToText(row.get(column), column.type)));
