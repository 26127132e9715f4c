import { vlog } from '../../../base/vlog.ts';
import { atomToText } from '../../../ovsdb/atom.ts';
import { checkedAtomFromText, datumToText, findKey } from '../../../ovsdb/datum.ts';
import { parseArgument, prepareArgument } from '../column-value.ts';
import type { CommandSyntax } from '../command.ts';
import { type CtlContext, fail } from '../context.ts';
import { getRow, getTable, prepareTable } from '../lookup.ts';
import { createSymbol } from '../symbols.ts';

const log = vlog('db_ctl_base');
const isUuidColumn = (name: string): boolean => /^[_-]uuid$/i.test(name);

export const get: CommandSyntax<CtlContext> = {
  name: 'get',
  minArgs: 2,
  maxArgs: Number.POSITIVE_INFINITY,
  arguments: 'TABLE RECORD [COLUMN[:KEY]]...',
  options: ['--if-exists', '--id='],
  mode: 'ro',

  prerequisites(ctx) {
    if (!ctx.options.has('--id') && ctx.argv.length <= 3 && ctx.io.isTty)
      log.warn('"get" command without row arguments or "--id" is possibly erroneous');
    const table = prepareTable(ctx, ctx.argv[1]!);
    for (const arg of ctx.argv.slice(3)) if (!isUuidColumn(arg)) prepareArgument(ctx, table, arg);
  },

  run(ctx) {
    const id = ctx.options.get('--id');
    if (id !== undefined && !ctx.mustExist) fail('--if-exists and --id may not be specified together');
    const table = getTable(ctx, ctx.argv[1]!);
    const record = ctx.argv[2]!;
    const row = getRow(ctx, table, record, ctx.mustExist);
    if (!row) return;
    if (id !== undefined) {
      const isNew = ctx.symbols.get(id) === undefined;
      const symbol = createSymbol(ctx, id);
      if (!isNew) fail(`row id "${id}" specified on "get" command was used before it was defined`);
      symbol.uuid = row._uuid;
      // The row exists: nobody has to refer to it.
      symbol.strongRef = true;
    }
    for (const arg of ctx.argv.slice(3)) {
      if (isUuidColumn(arg)) {
        ctx.output += `${row._uuid}\n`;
        continue;
      }
      const { column, key } = parseArgument(table, arg);
      const { type } = column;
      ctx.txn.verifyColumn(row, column);
      const datum = row._read(column);
      if (key === undefined) {
        ctx.output += `${datumToText(datum, type)}\n`;
        continue;
      }
      if (!type.value) fail(`cannot specify key to get for non-map column ${column.name}`);
      const at = findKey(datum, checkedAtomFromText(type.key, key, ctx.symbols));
      if (at >= 0) ctx.output += atomToText(type.value!.type, datum.value(at)!);
      else if (ctx.mustExist)
        fail(`no key "${key}" in ${table.name} record "${record}" column ${column.name}`);
      ctx.output += '\n';
    }
  },
};
