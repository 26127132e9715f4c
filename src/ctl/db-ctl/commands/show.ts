import type { Uuid } from '../../../base/uuid.ts';
import { atomToText } from '../../../ovsdb/atom.ts';
import { datumToText, isDefaultDatum } from '../../../ovsdb/datum.ts';
import type { IdlRow } from '../../../ovsdb/idl/row.ts';
import type { CommandSyntax } from '../command.ts';
import { type CtlContext, fail, type ShowTable } from '../context.ts';
import { getTable } from '../lookup.ts';

export const show: CommandSyntax<CtlContext> = {
  name: 'show',
  minArgs: 0,
  maxArgs: 0,
  arguments: '',
  options: ['--filter='],
  mode: 'ro',

  prerequisites(ctx) {
    for (const { table, nameColumn, columns } of ctx.db.show) {
      const { byName } = ctx.idl.tables.get(table);
      ctx.idl.monitor(table);
      for (const name of nameColumn === undefined ? columns : [nameColumn, ...columns])
        ctx.idl.monitorColumn(byName.get(name)!);
    }
  },

  run(ctx) {
    const top = ctx.db.show[0]!;
    const filters = parseFilters(ctx, ctx.options.get('--filter') ?? '', top.table);
    for (const row of ctx.idl.rows(top.table)) ctx.output += rowText(ctx, row, 0, [], filters);
  },
};

/** By table: texts of which a row's output must contain one. */
type Filters = ReadonlyMap<string, readonly string[]>;

function parseFilters(ctx: CtlContext, text: string, topTable: string): Filters {
  const filters = new Map<string, string[]>();
  for (const item of text.split(',').filter((word) => word !== '')) {
    const [, name, values] = /^([^(]*)\((.*)\)$/.exec(item) ?? [];
    if (name === undefined && item.includes('(')) fail("Malformed filter: missing closing ')'");
    const table = name === undefined ? topTable : getTable(ctx, name).name;
    const list = filters.get(table) ?? [];
    filters.set(table, [...list, ...(values ?? item).split('|').filter((word) => word !== '')]);
  }
  return filters;
}

/** @param above the tables of the rows that this one is shown within */
function rowText(
  ctx: CtlContext,
  row: IdlRow,
  level: number,
  above: readonly string[],
  filters: Filters,
): string {
  const indent = ' '.repeat(level * 4);
  const table = row._table;
  const shown = ctx.db.show.find((s) => s.table === table.name);
  let text = `${indent}${rowTitle(row, shown)}\n`;
  if (!shown || above.includes(table.name)) return text;
  const within = [...above, table.name];
  for (const name of shown.columns) {
    const column = table.byName.get(name)!;
    const datum = row._read(column);
    const { key, value } = column.type;
    const refTable = key.refTable;
    const valueShown = ctx.db.show.find((s) => s.table === value?.refTable);
    if (refTable !== undefined && ctx.db.show.some((s) => s.table === refTable)) {
      for (const uuid of datum.keys) {
        const target = ctx.idl.find(refTable, uuid as Uuid);
        if (target) text += rowText(ctx, target, level + 1, within, filters);
      }
    } else if (valueShown?.nameColumn !== undefined) {
      text += `${indent}    ${name}:\n`;
      datum.keys.forEach((atom, i) => {
        const target = ctx.idl.find(valueShown.table, datum.value(i) as Uuid);
        const title = target ? nameText(target, valueShown.nameColumn!) : '"<null>"';
        text += `${indent}        ${atomToText(key.type, atom)}=${title}\n`;
      });
    } else if (!isDefaultDatum(datum, column.type)) {
      text += `${indent}    ${name}: ${datumToText(datum, column.type)}\n`;
    }
  }
  const wanted = filters.get(table.name);
  if (wanted && !wanted.some((word) => text.toLowerCase().includes(word.toLowerCase()))) return '';
  return text;
}

function rowTitle(row: IdlRow, shown: ShowTable | undefined): string {
  if (shown?.nameColumn === undefined) return row._uuid;
  return `${row._table.name} ${nameText(row, shown.nameColumn)}`;
}

function nameText(row: IdlRow, nameColumn: string): string {
  const column = row._table.byName.get(nameColumn)!;
  return datumToText(row._read(column), column.type);
}
