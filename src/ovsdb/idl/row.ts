/**
 * Rows of the replica: each column is a property of the row, in JavaScript's own types.
 *
 * A row class is made for each table with one getter a column: a scalar reads as itself, an optional one as
 * value or `undefined`, a set as an array, a map as a Map, a reference as the row referred to (a reference to
 * a row that is not, or not yet, in the replica is left out). Converted values are kept until the column
 * changes. The members that are not columns begin with "_", which no column's name does.
 *
 * Within a transaction a row reads as the transaction has written it.
 */
import type { Uuid } from '../../base/uuid.ts';
import type { Atom } from '../atom.ts';
import { type Datum, EMPTY, mapOf, scalar, setOf } from '../datum.ts';
import type { ColumnName, ColumnValue, SchemaSpec, TableName } from '../schemas/spec.ts';
import { type BaseType, isScalar } from '../type.ts';
import type { Column, Table } from './description.ts';

/** Where references are looked up. */
export interface RowSource {
  find(table: string, uuid: Uuid): IdlRow | undefined;
}

/** What the open transaction does to a row. */
export interface Pending {
  readonly written: Map<Column, Datum>;
  /** Columns of which parts change, see `Txn.addTo`. */
  readonly mutations: Map<Column, { insert: Datum; remove: readonly Atom[] }>;
  /** Columns that must still be as they were. */
  readonly verified: Set<Column>;
  inserted: boolean;
  /** The UUID of an inserted row is the final one. */
  persistUuid: boolean;
  deleted: boolean;
}

export class IdlRow {
  _uuid: Uuid;
  readonly _table: Table;
  readonly _source: RowSource;
  /** By column index; undefined where the column is not monitored or never had another value than its default. */
  readonly _data: (Datum | undefined)[] = [];
  readonly _values: unknown[] = [];
  _pending: Pending | undefined;
  /** The replica's sequence number when the row last changed. */
  _changed = 0;

  constructor(source: RowSource, table: Table, uuid: Uuid) {
    this._source = source;
    this._table = table;
    this._uuid = uuid;
  }

  /** A column's value, in the open transaction if there is one. */
  _read(column: Column): Datum {
    return this._pending?.written.get(column) ?? this._committed(column);
  }

  /** A column's value in the database. */
  _committed(column: Column): Datum {
    return this._data[column.index] ?? column.defaultValue;
  }

  _store(column: Column, datum: Datum): void {
    this._data[column.index] = datum;
    this._values[column.index] = undefined;
  }

  /** A column in JavaScript's types. */
  _get(column: Column): unknown {
    const { key, value } = column.type;
    const cacheable = key.refTable === undefined && value?.refTable === undefined;
    if (!cacheable || this._pending?.written.has(column))
      return toValue(this._read(column), column, this._source);
    const kept = this._values[column.index];
    if (kept !== undefined) return kept;
    const made = toValue(this._committed(column), column, this._source);
    this._values[column.index] = made;
    return made;
  }
}

function toAtom(atom: Atom, base: BaseType, source: RowSource): unknown {
  if (base.refTable !== undefined) return source.find(base.refTable, atom as Uuid);
  // 64-bit integers beyond 2**53 are read exactly by `_read`.
  return typeof atom === 'bigint' ? Number(atom) : atom;
}

/** A datum in JavaScript's types. */
export function toValue(datum: Datum, column: Column, source: RowSource): unknown {
  const { type } = column;
  const { keys, values } = datum;
  if (type.value) {
    const map = new Map<unknown, unknown>();
    for (let i = 0; i < keys.length; i++) {
      const value = toAtom(values[i]!, type.value, source);
      if (value !== undefined) map.set(toAtom(keys[i]!, type.key, source), value);
    }
    return map;
  }
  if (type.max === 1) return keys.length === 0 ? undefined : toAtom(keys[0]!, type.key, source);
  if (type.key.refTable === undefined) return keys.map((key) => toAtom(key, type.key, source));
  return keys.map((key) => toAtom(key, type.key, source)).filter((row) => row !== undefined);
}

const fromAtom = (value: unknown): Atom => (value instanceof IdlRow ? value._uuid : (value as Atom));

/** The datum of a value in JavaScript's types. */
export function toDatum(value: unknown, column: Column): Datum {
  const { type } = column;
  if (type.value) {
    const map = value as ReadonlyMap<unknown, unknown>;
    const pairs: [Atom, Atom][] = [];
    for (const [key, item] of map) pairs.push([fromAtom(key), fromAtom(item)]);
    return mapOf(pairs);
  }
  if (isScalar(type)) return scalar(fromAtom(value));
  if (type.max === 1) return value === undefined ? EMPTY : scalar(fromAtom(value));
  return setOf((value as readonly unknown[]).map(fromAtom));
}

/** Keys of a map or elements of a set. */
export const toKeys = (keys: readonly unknown[]): readonly Atom[] => setOf(keys.map(fromAtom)).keys;

export type RowClass = new (source: RowSource, table: Table, uuid: Uuid) => IdlRow;

/** A class with one getter a column. */
export function rowClass(table: Table): RowClass {
  const made = class extends IdlRow {};
  for (const column of table.columns) {
    Object.defineProperty(made.prototype, column.name, {
      enumerable: true,
      get(this: IdlRow) {
        return this._get(column);
      },
    });
  }
  return made;
}

/** A row of table `T`; of a schema known only at run time, just a row. */
export type Row<S extends SchemaSpec, T extends TableName<S>> = string extends T
  ? IdlRow
  : IdlRow & {
      readonly [C in ColumnName<S, T>]: ColumnValue<S, S['tables'][T]['columns'][C]['type'], Rows<S>>;
    };

export type Rows<S extends SchemaSpec> = { readonly [T in TableName<S>]: Row<S, T> };

/** Values to write to a row of table `T`. */
export type Values<S extends SchemaSpec, T extends TableName<S>> = {
  readonly [C in ColumnName<S, T>]?: ColumnValue<S, S['tables'][T]['columns'][C]['type'], Rows<S>>;
};

/** The columns of a typed row. */
export type ColumnsOf<R extends IdlRow> = Exclude<keyof R, keyof IdlRow> & string;
export type ValuesOf<R extends IdlRow> = { readonly [C in ColumnsOf<R>]?: R[C] };

type KeyOf<V> = V extends ReadonlyMap<infer K, unknown> ? K : V extends readonly (infer E)[] ? E : never;

/** The columns of a row that are sets or maps. */
type CollectionsOf<R extends IdlRow> = {
  [C in ColumnsOf<R>]: R[C] extends ReadonlyMap<unknown, unknown> | readonly unknown[] ? C : never;
}[ColumnsOf<R>];

/** Elements to add to columns, and to remove from them. */
export interface Elements<R extends IdlRow> {
  readonly add?: { readonly [C in CollectionsOf<R>]?: R[C] };
  readonly remove?: { readonly [C in CollectionsOf<R>]?: readonly KeyOf<R[C]>[] };
}
