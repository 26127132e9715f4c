/**
 * Builders for database schemas as constants, and the row types that TypeScript derives from them.
 *
 * A builder returns the JSON form of RFC 7047 section 3.2 with its literal types kept, so that one constant
 * is at once the schema file, the IDL's description of the tables, and (through {@link RowOf}) the types of
 * the rows. Nothing is computed at start-up beyond making these plain objects.
 */
import type { Uuid } from '../../base/uuid.ts';

export type AtomTypeName = 'integer' | 'real' | 'boolean' | 'string' | 'uuid';

export interface BaseSpec {
  readonly type: AtomTypeName;
  readonly enum?: readonly (string | number)[];
  readonly minInteger?: number;
  readonly maxInteger?: number;
  readonly refTable?: string;
  readonly refType?: 'strong' | 'weak';
}

export interface TypeSpec {
  readonly key: BaseSpec;
  readonly value?: BaseSpec;
  readonly min?: number;
  readonly max?: number | 'unlimited';
}

export interface ColumnSpec {
  readonly type: TypeSpec;
  readonly ephemeral?: boolean;
  readonly mutable?: boolean;
}

export interface TableSpec {
  readonly columns: Readonly<Record<string, ColumnSpec>>;
  readonly isRoot?: boolean;
  readonly maxRows?: number;
  readonly indexes?: readonly (readonly string[])[];
}

export interface SchemaSpec {
  readonly name: string;
  readonly version: string;
  readonly cksum: string;
  readonly tables: Readonly<Record<string, TableSpec>>;
}

// Atoms.
export const integer = { type: 'integer' } as const;
export const boolean = { type: 'boolean' } as const;
export const string = { type: 'string' } as const;
export const integerFrom = (minInteger: number) => ({ type: 'integer', minInteger }) as const;
export const integerIn = (minInteger: number, maxInteger: number) =>
  ({ type: 'integer', minInteger, maxInteger }) as const;
export const oneOf = <const T extends readonly string[]>(...values: T) =>
  ({ type: 'string', enum: values }) as const;
export const ref = <const T extends string>(refTable: T) => ({ type: 'uuid', refTable }) as const;
export const weakRef = <const T extends string>(refTable: T) =>
  ({ type: 'uuid', refTable, refType: 'weak' }) as const;

// Column types. A bare atom is exactly one value.
export const optional = <const K extends BaseSpec>(key: K) => ({ key, min: 0, max: 1 }) as const;
export const set = <const K extends BaseSpec>(key: K, min = 0, max: number | 'unlimited' = 'unlimited') =>
  ({ key, min, max, many: true }) as {
    readonly key: K;
    readonly min: number;
    readonly max: number | 'unlimited';
  };
export const map = <const K extends BaseSpec, const V extends BaseSpec>(key: K, value: V) =>
  ({ key, value, min: 0, max: 'unlimited' }) as const;
export const stringMap = map(string, string);

// Columns.
type Typed<T extends BaseSpec | TypeSpec> = T extends TypeSpec
  ? T
  : T extends BaseSpec
    ? { readonly key: T }
    : never;
const typed = <T extends BaseSpec | TypeSpec>(type: T) => ('key' in type ? type : { key: type }) as Typed<T>;
export const column = <const T extends BaseSpec | TypeSpec>(type: T) => ({ type: typed(type) }) as const;
/** Forgotten when the server restarts. */
export const ephemeral = <const T extends BaseSpec | TypeSpec>(type: T) =>
  ({ type: typed(type), ephemeral: true }) as const;
/** Cannot change once its row is committed. */
export const immutable = <const T extends BaseSpec | TypeSpec>(type: T) =>
  ({ type: typed(type), mutable: false }) as const;

export const table = <const C extends Readonly<Record<string, ColumnSpec>>>(
  columns: C,
  options: Omit<TableSpec, 'columns'> = {},
) => ({ columns, ...options }) as { readonly columns: C } & Omit<TableSpec, 'columns'>;

// The row types.
export type TableName<S extends SchemaSpec> = keyof S['tables'] & string;
export type ColumnName<S extends SchemaSpec, T extends TableName<S>> = keyof S['tables'][T]['columns'] &
  string;

type AtomOf<B extends BaseSpec> = B extends { readonly enum: readonly (infer E)[] }
  ? E
  : B['type'] extends 'integer' | 'real'
    ? number
    : B['type'] extends 'boolean'
      ? boolean
      : B['type'] extends 'string'
        ? string
        : Uuid;

/** A reference reads as the row that it refers to. */
type ReadAtom<S extends SchemaSpec, B extends BaseSpec, Rows> = B extends { readonly refTable: infer R }
  ? R extends keyof Rows & TableName<S>
    ? Rows[R]
    : Uuid
  : AtomOf<B>;

type Shape<T extends TypeSpec, K, V> = T extends { readonly value: BaseSpec }
  ? ReadonlyMap<K, V>
  : T extends { readonly min: 0; readonly max: 1 }
    ? K | undefined
    : T extends { readonly max: number | 'unlimited' }
      ? readonly K[]
      : K;

/** What a column reads as, and what is written to it: a scalar, optional scalar, array or Map. */
export type ColumnValue<S extends SchemaSpec, T extends TypeSpec, Rows> = Shape<
  T,
  ReadAtom<S, T['key'], Rows>,
  T extends { readonly value: infer V extends BaseSpec } ? ReadAtom<S, V, Rows> : never
>;
