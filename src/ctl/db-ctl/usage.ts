/** What --help of a database control tool says of the commands and tables that work alike in all of them. */
import { compareStrings } from '../../ovsdb/atom.ts';
import type { SchemaSpec } from '../../ovsdb/schemas/spec.ts';
import type { DbCtlSchema } from './context.ts';

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

/** How rows may be referred to, a table each. */
export function tablesUsage(schema: SchemaSpec, { rowIds }: DbCtlSchema): string {
  const names = Object.keys(schema.tables).sort(compareStrings);
  const lines = names.map((table) => {
    const ways = ['by UUID'];
    if (schema.tables[table]!.maxRows === 1) ways.push('as "."');
    for (const { name, via } of rowIds[table] ?? []) {
      if (via === undefined) ways.push(`by "${name[1]}"`);
      else ways.push(`via "${via}" of ${name[0]} with matching "${name[1]}"`);
    }
    return `  ${table}:${ways.map((way) => `\n    ${way}`).join('')}\n`;
  });
  return `Database commands may reference a row in each table in the following ways:\n${lines.join('')}`;
}
