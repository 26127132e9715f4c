/** The commands that change columns of a row that exists: set, add, remove, clear. */

import { TextError } from '../../../ovsdb/atom.ts';
import { type Datum, datumFromText, EMPTY, subtract, union } from '../../../ovsdb/datum.ts';
import type { Column, Table } from '../../../ovsdb/idl/description.ts';
import type { IdlRow } from '../../../ovsdb/idl/row.ts';
import { type ColumnType, countText, isMap, withoutSize } from '../../../ovsdb/type.ts';
import { checkMutable, prepareArgument, setColumn } from '../column-value.ts';
import type { CommandSyntax } from '../command.ts';
import { type CtlContext, fail } from '../context.ts';
import { getColumn, getRow, getTable, prepareColumn, prepareTable } from '../lookup.ts';

const MANY = Number.POSITIVE_INFINITY;
const base = { maxArgs: MANY, options: ['--if-exists'], mode: 'rw' } as const;

/** The row that `TABLE RECORD` names, if it exists. */
function target(ctx: CtlContext): { table: Table; row: IdlRow | undefined } {
  const table = getTable(ctx, ctx.argv[1]!);
  return { table, row: getRow(ctx, table, ctx.argv[2]!, ctx.mustExist) };
}

export const set: CommandSyntax<CtlContext> = {
  ...base,
  name: 'set',
  minArgs: 3,
  arguments: 'TABLE RECORD COLUMN[:KEY]=VALUE...',

  prerequisites(ctx) {
    const table = prepareTable(ctx, ctx.argv[1]!);
    for (const arg of ctx.argv.slice(3)) prepareArgument(ctx, table, arg);
  },

  run(ctx) {
    const { table, row } = target(ctx);
    if (!row) return;
    for (const arg of ctx.argv.slice(3)) setColumn(ctx, table, row, arg, ctx.isLast);
    ctx.invalidate();
  },
};

function prepareOneColumn(ctx: CtlContext): void {
  prepareColumn(ctx, prepareTable(ctx, ctx.argv[1]!), ctx.argv[3]!);
}

/** Changes one column by the words after its name. */
function changeColumn(
  ctx: CtlContext,
  change: (old: Datum, type: ColumnType, word: string) => Datum,
  check: (datum: Datum, column: Column) => void,
): void {
  const table = getTable(ctx, ctx.argv[1]!);
  const column = getColumn(table, ctx.argv[3]!);
  const row = getRow(ctx, table, ctx.argv[2]!, ctx.mustExist);
  if (!row) return;
  checkMutable(row, column);
  let datum = row._read(column);
  for (const word of ctx.argv.slice(4)) datum = change(datum, column.type, word);
  check(datum, column);
  ctx.txn.verifyColumn(row, column);
  ctx.txn.write(row, column, datum);
  ctx.invalidate();
}

const wouldPut = (operation: string, datum: Datum, { type, name, table }: Column): string =>
  `"${operation}" operation would put ${datum.size} ${isMap(type) ? 'pairs' : 'values'} in column ${name} of table ${table.name}`;

/** Elements of a column, one or more. */
const someOf = (type: ColumnType): ColumnType => ({ ...withoutSize(type), min: 1 });

export const add: CommandSyntax<CtlContext> = {
  ...base,
  name: 'add',
  minArgs: 4,
  arguments: 'TABLE RECORD COLUMN [KEY=]VALUE...',
  prerequisites: prepareOneColumn,

  run(ctx) {
    changeColumn(
      ctx,
      (old, type, word) => union(old, datumFromText(someOf(type), word, ctx.symbols)),
      (datum, column) => {
        if (datum.size > column.type.max)
          fail(`${wouldPut('add', datum, column)} but the maximum number is ${countText(column.type.max)}`);
      },
    );
  },
};

export const remove: CommandSyntax<CtlContext> = {
  ...base,
  name: 'remove',
  minArgs: 4,
  arguments: 'TABLE RECORD COLUMN KEY|VALUE|KEY=VALUE...',
  prerequisites: prepareOneColumn,

  run(ctx) {
    changeColumn(
      ctx,
      (old, type, word) => subtract(old, elementsToRemove(ctx, type, word)),
      (datum, column) => {
        if (datum.size < column.type.min)
          fail(`${wouldPut('remove', datum, column)} but the minimum number is ${column.type.min}`);
      },
    );
  },
};

/** Elements, or for a map their keys alone. */
function elementsToRemove(ctx: CtlContext, type: ColumnType, word: string): Datum {
  try {
    return datumFromText(someOf(type), word, ctx.symbols);
  } catch (error) {
    if (!(error instanceof TextError) || !isMap(type)) throw error;
    return datumFromText({ ...someOf(type), value: undefined }, word, ctx.symbols);
  }
}

export const clear: CommandSyntax<CtlContext> = {
  ...base,
  name: 'clear',
  minArgs: 3,
  arguments: 'TABLE RECORD COLUMN...',

  prerequisites(ctx) {
    const table = prepareTable(ctx, ctx.argv[1]!);
    for (const name of ctx.argv.slice(3)) prepareColumn(ctx, table, name);
  },

  run(ctx) {
    const { table, row } = target(ctx);
    if (!row) return;
    for (const name of ctx.argv.slice(3)) {
      const column = getColumn(table, name);
      checkMutable(row, column);
      if (column.type.min > 0)
        fail(
          `"clear" operation cannot be applied to column ${column.name} of table ${table.name}, which is not allowed to be empty`,
        );
      ctx.txn.write(row, column, EMPTY);
    }
    ctx.invalidate();
  },
};
