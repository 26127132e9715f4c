/** The commands that work on any database. */
import type { CommandSyntax } from './command.ts';
import { get } from './commands/get.ts';
import { find, list } from './commands/list.ts';
import { add, clear, remove, set } from './commands/modify.ts';
import { comment, create, destroy, waitUntil } from './commands/rows.ts';
import { show } from './commands/show.ts';
import type { CtlContext } from './context.ts';

const COMMANDS: readonly CommandSyntax<CtlContext>[] = [
  comment,
  get,
  list,
  find,
  set,
  add,
  remove,
  clear,
  create,
  destroy,
  waitUntil,
  show,
];

/** They read no more of a tool's context than `CtlContext` has, whatever its schema. */
export const dbCommands = <C>(): readonly CommandSyntax<C>[] =>
  COMMANDS as unknown as readonly CommandSyntax<C>[];
