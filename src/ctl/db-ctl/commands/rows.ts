/** The commands that make, delete and wait for rows: create, destroy, wait-until; and comment, which does nothing. */
import { parseUuid, type Uuid } from '../../../base/uuid.ts';
import { vlog } from '../../../base/vlog.ts';
import { prepareArgument, satisfies, setColumn } from '../column-value.ts';
import type { CommandSyntax } from '../command.ts';
import { type CtlContext, fail } from '../context.ts';
import { getRow, getTable, prepareTable, rowsOf } from '../lookup.ts';
import { createSymbol } from '../symbols.ts';

const log = vlog('db_ctl_base');
const MANY = Number.POSITIVE_INFINITY;

export const create: CommandSyntax<CtlContext> = {
  name: 'create',
  minArgs: 2,
  maxArgs: MANY,
  arguments: 'TABLE COLUMN[:KEY]=VALUE...',
  options: ['--id='],
  mode: 'rw',

  prerequisites(ctx) {
    const table = getTable(ctx, ctx.argv[1]!);
    if (!ctx.options.has('--id') && !table.isRoot)
      log.warn(`applying "create" command to table ${table.name} without --id option will have no effect`);
  },

  run(ctx) {
    const table = getTable(ctx, ctx.argv[1]!);
    const id = ctx.options.get('--id');
    const persistent = id === undefined ? undefined : parseUuid(id);
    let uuid: Uuid | undefined = persistent;
    if (id !== undefined && persistent === undefined) {
      const symbol = createSymbol(ctx, id);
      // Rows of a root table stay whether or not anything refers to them.
      if (table.isRoot) symbol.strongRef = true;
      uuid = symbol.uuid;
    }
    const row = ctx.txn.insertRow(table.name, uuid, persistent !== undefined);
    for (const arg of ctx.argv.slice(2)) setColumn(ctx, table, row, arg);
    ctx.output += row._uuid;
  },

  postprocess(ctx) {
    ctx.output = `${ctx.txn.finalUuid(ctx.output) ?? ctx.output}\n`;
  },
};

export const destroy: CommandSyntax<CtlContext> = {
  name: 'destroy',
  minArgs: 1,
  maxArgs: MANY,
  arguments: 'TABLE [RECORD]...',
  options: ['--if-exists', '--all'],
  mode: 'rw',

  prerequisites(ctx) {
    prepareTable(ctx, ctx.argv[1]!);
  },

  run(ctx) {
    const table = getTable(ctx, ctx.argv[1]!);
    const records = ctx.argv.slice(2);
    const all = ctx.options.has('--all');
    if (all && records.length > 0) fail('--all and records argument should not be specified together');
    if (all && !ctx.mustExist) fail('--all and --if-exists should not be specified together');
    if (!all && records.length === 0) {
      log.warn('either --all or records argument should be specified');
      return;
    }
    const rows = all ? [...rowsOf(ctx, table)] : records.map((id) => getRow(ctx, table, id, ctx.mustExist));
    for (const row of rows) if (row) ctx.txn.delete(row);
    ctx.invalidate();
  },
};

export const waitUntil: CommandSyntax<CtlContext> = {
  name: 'wait-until',
  minArgs: 2,
  maxArgs: MANY,
  arguments: 'TABLE RECORD [COLUMN[:KEY]=VALUE]...',
  mode: 'ro',

  prerequisites(ctx) {
    const table = prepareTable(ctx, ctx.argv[1]!);
    for (const arg of ctx.argv.slice(3)) prepareArgument(ctx, table, arg);
  },

  run(ctx) {
    const table = getTable(ctx, ctx.argv[1]!);
    const row = getRow(ctx, table, ctx.argv[2]!, false);
    ctx.tryAgain = !row || !ctx.argv.slice(3).every((arg) => satisfies(ctx, table, row, arg));
  },
};

export const comment: CommandSyntax<CtlContext> = {
  name: 'comment',
  minArgs: 0,
  maxArgs: MANY,
  arguments: '[ARG]...',
  mode: 'ro',
};
