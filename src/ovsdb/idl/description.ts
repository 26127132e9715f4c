/**
 * What the IDL knows of tables and columns: derived from a schema constant, one table at a time when it is
 * first asked for, so that a short-lived tool does not pay for a whole schema.
 */
import { compareAtoms, compareStrings } from '../atom.ts';
import { type Datum, defaultDatum } from '../datum.ts';
import type { BaseSpec, SchemaSpec, TableSpec, TypeSpec } from '../schemas/spec.ts';
import { type BaseType, baseType, type ColumnType, withoutConstraints } from '../type.ts';

export interface Column {
  readonly name: string;
  /** Its place in a row. */
  readonly index: number;
  readonly table: Table;
  readonly mutable: boolean;
  readonly type: ColumnType;
  /** For values from the server, whose schema may be newer than ours. */
  readonly lenientType: ColumnType;
  readonly defaultValue: Datum;
}

export interface Table {
  readonly name: string;
  readonly spec: TableSpec;
  /** By name. */
  readonly columns: readonly Column[];
  readonly byName: ReadonlyMap<string, Column>;
  readonly isRoot: boolean;
  /** At most one row: it may be called ".". */
  readonly isSingleton: boolean;
}

function baseTypeOf(spec: BaseSpec): BaseType {
  return {
    ...baseType(spec.type),
    enum: spec.enum && [...spec.enum].sort(compareAtoms),
    min: spec.minInteger,
    max: spec.maxInteger,
    refTable: spec.refTable,
    refType: spec.refType ?? 'strong',
  };
}

export const columnTypeOf = ({ key, value, min = 1, max = 1 }: TypeSpec): ColumnType => ({
  key: baseTypeOf(key),
  value: value && baseTypeOf(value),
  min,
  max: max === 'unlimited' ? Number.POSITIVE_INFINITY : max,
});

/** A column of a table; its types are made when they are first looked at. */
class LazyColumn implements Column {
  readonly name: string;
  readonly index: number;
  readonly table: Table;
  readonly mutable: boolean;
  readonly #spec: TypeSpec;
  #type: ColumnType | undefined;
  #lenient: ColumnType | undefined;

  constructor(table: Table, name: string, index: number) {
    const spec = table.spec.columns[name]!;
    this.table = table;
    this.name = name;
    this.index = index;
    this.mutable = spec.mutable !== false;
    this.#spec = spec.type;
  }
  get type(): ColumnType {
    this.#type ??= columnTypeOf(this.#spec);
    return this.#type;
  }
  get lenientType(): ColumnType {
    this.#lenient ??= { ...withoutConstraints(this.type), ...(this.type.max === 1 && { max: 1 }) };
    return this.#lenient;
  }
  get defaultValue(): Datum {
    return defaultDatum(this.type);
  }
}

/** The tables of a schema, by name. */
export class Tables {
  readonly schema: SchemaSpec;
  readonly #made = new Map<string, Table>();
  /** In a schema that marks no table as root all are. */
  readonly #allRoots: boolean;

  constructor(schema: SchemaSpec) {
    this.schema = schema;
    this.#allRoots = !Object.values(schema.tables).some((table) => table.isRoot);
  }

  get names(): readonly string[] {
    return Object.keys(this.schema.tables);
  }

  /** The table of that name, which must exist. */
  get(name: string): Table {
    let table = this.#made.get(name);
    if (!table) this.#made.set(name, (table = describe(name, this.schema.tables[name]!, this.#allRoots)));
    return table;
  }

  find(name: string): Table | undefined {
    return Object.hasOwn(this.schema.tables, name) ? this.get(name) : undefined;
  }
}

function describe(name: string, spec: TableSpec, allRoots: boolean): Table {
  const columns: Column[] = [];
  const byName = new Map<string, Column>();
  const table: Table = {
    name,
    spec,
    columns,
    byName,
    isRoot: allRoots || spec.isRoot === true,
    isSingleton: spec.maxRows === 1,
  };
  for (const column of Object.keys(spec.columns).sort(compareStrings)) {
    const made = new LazyColumn(table, column, columns.length);
    columns.push(made);
    byName.set(column, made);
  }
  return table;
}
