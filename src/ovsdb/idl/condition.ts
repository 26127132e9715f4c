/** Which rows of a table a program wants: the conditions of monitor_cond. */
import type { Json } from '../../jsonrpc/json.ts';
import { datumToJson } from '../datum.ts';
import type { Column } from './description.ts';
import { toDatum } from './row.ts';

/**
 * Those of RFC 7047 section 5.1. `includes` and `excludes` have further forms, of ovsdb-server(7), for columns of one
 * value at most.
 */
export type Relation =
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'includes'
  | 'excludes'
  | 'includes_lt'
  | 'includes_gt'
  | 'excludes_lt'
  | 'excludes_gt';

/** Made by `Idl.where()` and `Idl.whereUuid()`. */
export type Clause = readonly [column: string, relation: Relation, value: Json];

/** All rows, none, or those that satisfy any of the clauses. */
export type Condition = boolean | readonly Clause[];

export const clause = (column: Column, relation: Relation, value: unknown): Clause => [
  column.name,
  relation,
  datumToJson(toDatum(value, column), column.type),
];

/** The form of monitor_cond, in which no clause at all would mean every row. */
export function conditionToJson(condition: Condition): Json {
  if (typeof condition === 'boolean') return [condition];
  return condition.length === 0 ? [false] : condition;
}
