import { type Datum, datumToBare, datumToJson, datumToText, scalar } from '../../../ovsdb/datum.ts';
import type { Column, Table } from '../../../ovsdb/idl/description.ts';
import type { IdlRow } from '../../../ovsdb/idl/row.ts';
import { type ColumnType, scalarType } from '../../../ovsdb/type.ts';
import type { TableCell } from '../../table.ts';
import { prepareArgument, satisfies } from '../column-value.ts';
import type { CommandSyntax } from '../command.ts';
import { type CtlContext, fail } from '../context.ts';
import { getColumn, getRow, getTable, prepareTable, rowsOf } from '../lookup.ts';

const UUID_TYPE = scalarType('uuid');

/** A cell that shows a value of a column. */
export const datumCell = (datum: Datum, type: ColumnType): TableCell => ({
  json: () => datumToJson(datum, type),
  string: () => datumToText(datum, type),
  bare: () => datumToBare(datum, type),
});

/** The columns to show; undefined stands for `_uuid`. */
function shownColumns(ctx: CtlContext, table: Table): (Column | undefined)[] {
  const names = ctx.options.get('--columns');
  if (names === undefined) return [undefined, ...table.columns];
  const words = names.split(/[, ]+/).filter((word) => word !== '');
  if (words.length === 0) fail('must specify at least one column name');
  return words.map((word) => (word.toLowerCase() === '_uuid' ? undefined : getColumn(table, word)));
}

function prepareList(ctx: CtlContext): Table {
  const table = prepareTable(ctx, ctx.argv[1]!);
  for (const column of shownColumns(ctx, table)) if (column) ctx.idl.monitorColumn(column);
  return table;
}

function show(ctx: CtlContext, table: Table, rows: Iterable<IdlRow>): void {
  const columns = shownColumns(ctx, table);
  ctx.table = {
    headings: columns.map((column) => column?.name ?? '_uuid'),
    rows: Array.from(rows, (row) =>
      columns.map((column) =>
        column ? datumCell(row._read(column), column.type) : datumCell(scalar(row._uuid), UUID_TYPE),
      ),
    ),
  };
}

export const list: CommandSyntax<CtlContext> = {
  name: 'list',
  minArgs: 1,
  maxArgs: Number.POSITIVE_INFINITY,
  arguments: 'TABLE [RECORD]...',
  options: ['--if-exists', '--columns='],
  mode: 'ro',
  prerequisites: prepareList,

  run(ctx) {
    const table = getTable(ctx, ctx.argv[1]!);
    const records = ctx.argv.slice(2);
    const rows = records.map((id) => getRow(ctx, table, id, ctx.mustExist));
    show(ctx, table, records.length === 0 ? rowsOf(ctx, table) : rows.filter((row) => row !== undefined));
  },
};

export const find: CommandSyntax<CtlContext> = {
  name: 'find',
  minArgs: 1,
  maxArgs: Number.POSITIVE_INFINITY,
  arguments: 'TABLE [COLUMN[:KEY]=VALUE]...',
  options: ['--columns='],
  mode: 'ro',

  prerequisites(ctx) {
    const table = prepareList(ctx);
    for (const arg of ctx.argv.slice(2)) prepareArgument(ctx, table, arg);
  },

  run(ctx) {
    const table = getTable(ctx, ctx.argv[1]!);
    const conditions = ctx.argv.slice(2);
    const matches = [...rowsOf(ctx, table)].filter((row) =>
      conditions.every((arg) => satisfies(ctx, table, row, arg)),
    );
    show(ctx, table, matches);
  },
};
