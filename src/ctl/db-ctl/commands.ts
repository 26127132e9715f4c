/** The commands that work on any database. */
import type { CommandSyntax } from './command.ts';
import { get } from './commands/get.ts';
import { find, list } from './commands/list.ts';
import { add, clear, remove, set } from './commands/modify.ts';
import { comment, create, destroy, waitUntil } from './commands/rows.ts';
import { show } from './commands/show.ts';
import type { CtlContext } from './context.ts';

export const DB_COMMANDS: readonly CommandSyntax<CtlContext>[] = [
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

export const DB_COMMANDS_USAGE = `Database commands:
  list TBL [REC]              list RECord (or all records) in TBL
  find TBL CONDITION...       list records satisfying CONDITION in TBL
  get TBL REC COL[:KEY]       print values of COLumns in RECord in TBL
  set TBL REC COL[:KEY]=VALUE set COLumn values in RECord in TBL
  add TBL REC COL [KEY=]VALUE add (KEY=)VALUE to COLumn in RECord in TBL
  remove TBL REC COL [KEY=]VALUE  remove (KEY=)VALUE from COLumn
  clear TBL REC COL           clear values from COLumn in RECord in TBL
  create TBL COL[:KEY]=VALUE  create and initialize new record
  destroy TBL REC             delete RECord from TBL
  wait-until TBL REC [COL[:KEY]=VALUE]  wait until condition is true
Potentially unsafe database commands require --force option.
`;
