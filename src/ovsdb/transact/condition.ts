/**
 * "where" of operations and of conditional monitors: clauses of column, function and argument.
 * A query wants all clauses to hold, a monitor any of them. C counterpart: ovsdb/condition.c.
 */
import type { Json } from '../../jsonrpc/json.ts';
import { compareAtoms } from '../atom.ts';
import { dataKey } from '../database.ts';
import {
  compareData,
  type Datum,
  datumFromJson,
  datumToJson,
  EMPTY,
  equalData,
  excludesAll,
  includesAll,
} from '../datum.ts';
import { OvsdbError, syntaxError } from '../ovsdb-error.ts';
import { type ColumnSchema, type TableSchema, UUID_COLUMN } from '../schema.ts';
import type { SymbolTable } from '../symbols.ts';
import { type ColumnType, columnTypeToEnglish, isOptionalScalar, isScalar } from '../type.ts';

/** In the order of how few rows they may be expected to leave. */
const FUNCTIONS = ['false', 'true', '==', '!=', 'includes', 'excludes', '<', '<=', '>', '>='] as const;
export type ClauseFunction = (typeof FUNCTIONS)[number];

export interface Clause {
  readonly function: ClauseFunction;
  /** For 'true' and 'false' without meaning. */
  readonly column: ColumnSchema;
  readonly arg: Datum;
}

/** How a condition looks at a row. */
export type GetDatum = (column: ColumnSchema) => Datum;

/** The type that the argument must have. */
function argumentType(fn: ClauseFunction, { name, type }: ColumnSchema, json: Json): ColumnType {
  const one = isScalar(type);
  switch (fn) {
    case '<':
    case '<=':
    case '>':
    case '>=':
      if (!(one || isOptionalScalar(type)) || (type.key.type !== 'integer' && type.key.type !== 'real'))
        throw syntaxError(
          json,
          `Type mismatch: "${fn}" operator may not be applied to column ${name} of type ${columnTypeToEnglish(type)}.`,
        );
      return { ...type, min: 1 };
    case 'excludes':
      return one ? type : { ...type, min: 0, max: Number.POSITIVE_INFINITY };
    case 'includes':
      return one ? type : { ...type, min: 0 };
    default:
      return type;
  }
}

function clauseFromJson(table: TableSchema, json: Json, symbols: SymbolTable | undefined): Clause {
  if (typeof json === 'boolean')
    return { function: json ? 'true' : 'false', column: UUID_COLUMN, arg: EMPTY };
  if (!Array.isArray(json) || json.length !== 3) throw syntaxError(json, 'Parse error in condition.');
  const [name, operator, arg] = json as readonly Json[] as readonly [Json, Json, Json];
  if (typeof name !== 'string' || typeof operator !== 'string')
    throw syntaxError(json, 'Parse error in condition.');
  const column = table.byName.get(name);
  if (!column) throw syntaxError(json, `No column ${name} in table ${table.name}.`, 'unknown column');
  const fn = FUNCTIONS.slice(2).find((f) => f === operator);
  if (!fn) throw new OvsdbError('unknown function', `No function named ${operator}.`);
  return { function: fn, column, arg: datumFromJson(argumentType(fn, column, json), arg, symbols) };
}

function holds({ function: fn, column, arg }: Clause, field: Datum): boolean {
  switch (fn) {
    case 'true':
      return true;
    case 'false':
      return false;
    case '==':
      return equalData(field, arg);
    case '!=':
      return !equalData(field, arg);
    case 'includes':
      return includesAll(arg, field);
    case 'excludes':
      return excludesAll(arg, field);
  }
  if (field.size === 0) return false;
  const order = compareAtoms(field.key(0), arg.key(0));
  switch (fn) {
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    case '>=':
      return order >= 0;
  }
  throw new Error(`no function ${fn} of column ${column.name}`);
}

/** `_uuid` first, since looking it up is cheapest; then by name. */
const columnRank = ({ index, name }: ColumnSchema): string => (index < 0 ? `${-index}` : name);

function compareClauses(a: Clause, b: Clause): number {
  if (a.function !== b.function) return FUNCTIONS.indexOf(a.function) - FUNCTIONS.indexOf(b.function);
  if (a.column !== b.column) return columnRank(a.column) < columnRank(b.column) ? -1 : 1;
  return compareData(a.arg, b.arg);
}

export class Condition {
  /** Sorted, the most selective first. */
  readonly clauses: readonly Clause[];
  /** Where all clauses are equations: for each column the values that it may have. */
  readonly #equations: ReadonlyMap<ColumnSchema, ReadonlySet<unknown>> | undefined;

  constructor(clauses: readonly Clause[]) {
    this.clauses = [...clauses].sort(compareClauses);
    if (clauses.length > 4 && clauses.every((clause) => clause.function === '==')) {
      const equations = new Map<ColumnSchema, Set<unknown>>();
      for (const { column, arg } of clauses) {
        const values = equations.get(column) ?? new Set();
        equations.set(column, values.add(dataKey([column], () => arg)));
      }
      this.#equations = equations;
    }
  }

  /** @throws OvsdbError */
  static fromJson(table: TableSchema, json: Json, symbols?: SymbolTable): Condition {
    if (!Array.isArray(json)) throw syntaxError(json, 'array expected');
    return new Condition((json as readonly Json[]).map((clause) => clauseFromJson(table, clause, symbols)));
  }

  toJson(): Json {
    return this.clauses.map(({ function: fn, column, arg }) =>
      fn === 'true' || fn === 'false' ? fn === 'true' : [column.name, fn, datumToJson(arg, column.type)],
    );
  }

  /** Whether every row matches any of the clauses (there may be none). */
  get isTrue(): boolean {
    const { clauses } = this;
    return clauses.length === 0 || clauses.some((clause) => clause.function === 'true');
  }
  /** Whether no row can match any of the clauses. */
  get isFalse(): boolean {
    return this.clauses.length === 1 && this.clauses[0]!.function === 'false';
  }

  matchesAll(get: GetDatum): boolean {
    for (const clause of this.clauses) if (!holds(clause, get(clause.column))) return false;
    return true;
  }

  matchesAny(get: GetDatum): boolean {
    if (this.isTrue) return true;
    if (this.#equations) {
      for (const [column, values] of this.#equations) {
        if (values.has(dataKey([column], get))) return true;
      }
      return false;
    }
    for (const clause of this.clauses) if (holds(clause, get(clause.column))) return true;
    return false;
  }

  equals(other: Condition): boolean {
    return (
      this.clauses.length === other.clauses.length &&
      this.clauses.every((clause, i) => compareClauses(clause, other.clauses[i]!) === 0)
    );
  }
}
