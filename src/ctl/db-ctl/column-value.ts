/** Arguments of the form COLUMN[:KEY], COLUMN[:KEY]=VALUE and COLUMN[:KEY]<relation>VALUE. */
import {
  checkedAtomFromText,
  compareData,
  Datum,
  datumFromText,
  EMPTY,
  excludesAll,
  findKey,
  includesAll,
  mapOf,
  parseToken,
  union,
} from '../../ovsdb/datum.ts';
import type { Column, Table } from '../../ovsdb/idl/description.ts';
import type { IdlRow } from '../../ovsdb/idl/row.ts';
import type { SchemaSpec } from '../../ovsdb/schemas/spec.ts';
import { isMap, withoutSize } from '../../ovsdb/type.ts';
import { type CtlContext, fail } from './context.ts';
import { getColumn, prepareColumn } from './lookup.ts';

type Relation = (a: Datum, b: Datum) => boolean;

const same: Relation = (a, b) => compareData(a, b) === 0;
const differ: Relation = (a, b) => compareData(a, b) !== 0;
const within: Relation = (a, b) => includesAll(a, b);
const contains: Relation = (a, b) => includesAll(b, a);

const RELATIONS: Readonly<Record<string, Relation>> = {
  '=': same,
  '!=': differ,
  '<': (a, b) => compareData(a, b) < 0,
  '>': (a, b) => compareData(a, b) > 0,
  '<=': (a, b) => compareData(a, b) <= 0,
  '>=': (a, b) => compareData(a, b) >= 0,
  '{=}': same,
  '{!=}': differ,
  '{<}': (a, b) => b.size > a.size && includesAll(a, b),
  '{>}': (a, b) => a.size > b.size && includesAll(b, a),
  '{<=}': within,
  '{>=}': contains,
  '{in}': within,
  '{not-in}': excludesAll,
};

const WITH_VALUE = ['='];
const WITH_RELATION = Object.keys(RELATIONS);

interface Argument {
  readonly column: Column;
  readonly key: string | undefined;
  readonly operator: string;
  readonly value: string;
}

/**
 * @param operators those that a value may follow; none where no value may
 * @throws ToolError, TextError
 */
export function parseArgument(table: Table, arg: string, operators: readonly string[] = []): Argument {
  const name = parseToken(arg);
  if (name.token === '') fail(`${arg}: missing column name`);
  const column = getColumn(table, name.token);
  let end = name.end;
  let key: string | undefined;
  if (arg[end] === ':') ({ token: key, end } = parseToken(arg, end + 1));
  if (operators.length === 0) {
    if (end < arg.length) fail(`${arg}: trailing garbage "${arg.slice(end)}" in argument`);
    return { column, key, operator: '', value: '' };
  }
  let operator = '';
  for (const candidate of operators)
    if (
      candidate.length > operator.length &&
      arg.startsWith(candidate, end) &&
      end + candidate.length < arg.length
    )
      operator = candidate;
  if (operator === '') fail(missingOperator(arg, operators));
  return { column, key, operator, value: arg.slice(end + operator.length) };
}

function missingOperator(arg: string, operators: readonly string[]): string {
  const quoted = operators.map((operator) => `"${operator}"`);
  const list =
    quoted.length > 2 ? `${quoted.slice(0, -1).join(', ')}, or ${quoted.at(-1)}` : quoted.join(' or ');
  return `${arg}: argument does not end in ${list} followed by a value.`;
}

/** Asks for the column that an argument names. */
export function prepareArgument(ctx: CtlContext, table: Table, arg: string): void {
  const { token } = parseToken(arg);
  if (token === '') fail(`${arg}: missing column name`);
  prepareColumn(ctx, table, token);
}

/** Whether a row satisfies COLUMN[:KEY]<relation>VALUE. @throws ToolError, TextError */
export function satisfies(ctx: CtlContext, table: Table, row: IdlRow, arg: string): boolean {
  const { column, key, operator, value } = parseArgument(table, arg, WITH_RELATION);
  const relation = RELATIONS[operator]!;
  const have = row._read(column);
  if (key === undefined) return relation(have, datumFromText(column.type, value, ctx.symbols));
  const { type } = column;
  if (!type.value) return fail(`cannot specify key to check for non-map column ${column.name}`);
  const wantKey = checkedAtomFromText(type.key, key, ctx.symbols);
  const wanted = datumFromText(
    { ...withoutSize(type), min: type.min, key: type.value, value: undefined },
    value,
    ctx.symbols,
  );
  const at = findKey(have, wantKey);
  if (at < 0 && !operator.startsWith('{')) return false;
  return relation(at < 0 ? EMPTY : new Datum([have.value(at)!]), wanted);
}

/** @throws ToolError */
export function checkMutable(row: IdlRow, column: Column): void {
  if (!column.mutable && !row._pending?.inserted)
    fail(`cannot modify read-only column ${column.name} in table ${column.table.name}`);
}

/**
 * Carries out COLUMN[:KEY]=VALUE.
 * @param partial sends only the change of the one key; the row does not show it in this transaction
 * @throws ToolError, TextError
 */
export function setColumn<S extends SchemaSpec>(
  ctx: CtlContext<S>,
  table: Table,
  row: IdlRow,
  arg: string,
  partial = false,
): void {
  const { column, key, value } = parseArgument(table, arg, WITH_VALUE);
  checkMutable(row, column);
  const { type } = column;
  if (key === undefined) {
    ctx.txn.write(row, column, datumFromText(type, value, ctx.symbols));
    return;
  }
  if (!isMap(type)) fail(`cannot specify key to set for non-map column ${column.name}`);
  const pair = mapOf([
    [checkedAtomFromText(type.key, key, ctx.symbols), checkedAtomFromText(type.value!, value, ctx.symbols)],
  ]);
  if (partial) ctx.txn.addTo(row, column, pair);
  else {
    ctx.txn.verifyColumn(row, column);
    ctx.txn.write(row, column, union(pair, row._read(column)));
  }
}
