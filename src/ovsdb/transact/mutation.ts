/** "mutations" of the mutate operation: arithmetic, insertion and deletion. C counterpart: ovsdb/mutation.c. */
import type { Json } from '../../jsonrpc/json.ts';
import { type Atom, INT64_MAX, INT64_MIN, type Integer, normalInteger } from '../atom.ts';
import { Datum, datumFromJson, setOf, subtract, union } from '../datum.ts';
import { constraintViolation, OvsdbError, syntaxError } from '../ovsdb-error.ts';
import type { ColumnSchema, TableSchema } from '../schema.ts';
import type { SymbolTable } from '../symbols.ts';
import { baseType, type ColumnType, checkAtom, columnTypeToEnglish, isMap, isScalar } from '../type.ts';

const ARITHMETIC = ['+=', '-=', '*=', '/=', '%='] as const;
type Operator = (typeof ARITHMETIC)[number];
type Mutator = Operator | 'insert' | 'delete';

export interface Mutation {
  readonly column: ColumnSchema;
  readonly mutator: Mutator;
  readonly arg: Datum;
}

function mutatorFromString(name: string): Mutator {
  const operator = ARITHMETIC.find((o) => o === name);
  if (operator) return operator;
  if (name === 'insert' || name === 'delete') return name;
  throw new OvsdbError('unknown mutator', `No mutator named ${name}.`);
}

function argument(
  mutator: Mutator,
  column: ColumnSchema,
  json: Json,
  arg: Json,
  symbols: SymbolTable,
): Datum {
  const { type } = column;
  const mismatch = (): OvsdbError =>
    syntaxError(
      json,
      `Type mismatch: "${mutator}" operator may not be applied to column ${column.name} ` +
        `of type ${columnTypeToEnglish(type)}.`,
    );
  if (mutator !== 'insert' && mutator !== 'delete') {
    const kind = type.key.type;
    if (isMap(type) || (kind !== 'integer' && kind !== 'real') || (mutator === '%=' && kind === 'real'))
      throw mismatch();
    return datumFromJson({ key: baseType(kind), value: undefined, min: 1, max: 1 }, arg, symbols);
  }
  if (isScalar(type)) throw mismatch();
  if (mutator === 'insert') return datumFromJson({ ...type, min: 0 }, arg, symbols);
  const relaxed: ColumnType = { ...type, min: 0, max: Number.POSITIVE_INFINITY };
  if (!isMap(type)) return datumFromJson(relaxed, arg, symbols);
  try {
    return datumFromJson(relaxed, arg, symbols);
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
    // From a map one may delete pairs, or keys whatever their values.
    return datumFromJson({ ...relaxed, value: undefined }, arg, symbols);
  }
}

function mutationFromJson(table: TableSchema, json: Json, symbols: SymbolTable): Mutation {
  const bad = (): OvsdbError => syntaxError(json, 'Parse error in mutation.');
  if (!Array.isArray(json) || json.length !== 3) throw bad();
  const [name, operator, arg] = json as readonly Json[] as readonly [Json, Json, Json];
  if (typeof name !== 'string' || typeof operator !== 'string') throw bad();
  const column = table.byName.get(name);
  if (!column) throw syntaxError(json, `No column ${name} in table ${table.name}.`, 'unknown column');
  if (!column.mutable)
    throw syntaxError(
      json,
      `Cannot mutate immutable column ${name} in table ${table.name}.`,
      'constraint violation',
    );
  const mutator = mutatorFromString(operator);
  return { column, mutator, arg: argument(mutator, column, json, arg, symbols) };
}

/** @throws OvsdbError */
export const mutationsFromJson = (table: TableSchema, json: Json, symbols: SymbolTable): Mutation[] =>
  (json as readonly Json[]).map((mutation) => mutationFromJson(table, mutation, symbols));

const outOfRange = (operator: Operator): OvsdbError =>
  new OvsdbError('range error', `Result of "${operator}" operation is out of range.`);
const divisionByZero = (): OvsdbError => new OvsdbError('domain error', 'Division by zero.');

function computeInteger(operator: Operator, x: bigint, y: bigint): bigint {
  switch (operator) {
    case '+=':
      return x + y;
    case '-=':
      return x - y;
    case '*=':
      return x * y;
    case '/=':
      if (y === 0n) throw divisionByZero();
      return x / y;
    case '%=':
      if (y === 0n) throw divisionByZero();
      if (x === INT64_MIN && y === -1n) throw outOfRange(operator);
      return x % y;
  }
}

function integerResult(operator: Operator, x: Integer, y: Integer): Integer {
  if (typeof x === 'number' && typeof y === 'number' && (operator === '+=' || operator === '-=')) {
    const sum = operator === '+=' ? x + y : x - y;
    if (Number.isSafeInteger(sum)) return sum;
  }
  const result = computeInteger(operator, BigInt(x), BigInt(y));
  if (result < INT64_MIN || result > INT64_MAX) throw outOfRange(operator);
  return normalInteger(result);
}

function realResult(operator: Operator, x: number, y: number): number {
  if (operator === '/=' && y === 0) throw divisionByZero();
  const result = operator === '+=' ? x + y : operator === '-=' ? x - y : operator === '*=' ? x * y : x / y;
  if (!Number.isFinite(result)) throw outOfRange(operator);
  return result;
}

function compute(operator: Operator, datum: Datum, arg: Atom, type: ColumnType): Datum {
  const atoms = datum.keys.map((atom) =>
    type.key.type === 'integer'
      ? integerResult(operator, atom as Integer, arg as Integer)
      : realResult(operator, atom as number, arg as number),
  );
  for (const atom of atoms) checkAtom(atom, type.key);
  if (atoms.length === 1) return new Datum(atoms);
  const result = setOf(atoms);
  if (result.size < atoms.length)
    throw constraintViolation(`Result of "${operator}" operation contains duplicates.`);
  return result;
}

/** The datum after the mutation. @throws OvsdbError */
export function mutate(datum: Datum, { column, mutator, arg }: Mutation): Datum {
  const { type } = column;
  if (mutator !== 'insert' && mutator !== 'delete') return compute(mutator, datum, arg.key(0), type);
  const result = mutator === 'insert' ? union(datum, arg) : subtract(datum, arg);
  if (result.size < type.min || result.size > type.max)
    throw constraintViolation(`Attempted to store ${result.size} elements in ${columnTypeToEnglish(type)}.`);
  return result;
}
