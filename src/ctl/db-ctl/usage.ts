/** What --help of a database control tool says: its own commands, and what works alike in all of them. */
import { streamUsage } from '../../base/stream-usage.ts';
import { compareStrings } from '../../ovsdb/atom.ts';
import type { SchemaSpec } from '../../ovsdb/schemas/spec.ts';
import { logUsage } from '../log-options.ts';
import { TABLE_USAGE } from '../table.ts';
import type { ToolIo } from '../tool.ts';
import type { DbCtlSchema } from './context.ts';

const DB_COMMANDS_USAGE = `Database commands:
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
function tablesUsage(schema: SchemaSpec, { rowIds }: DbCtlSchema): string {
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

/** What differs between the tools. */
export interface OwnUsage {
  /** The tool, its usage and its own commands. */
  readonly commands: string;
  /** The options before those of tables, logs and connections. */
  readonly options: string;
  readonly noSyslog: string;
  /** Whether there is the option --bootstrap-ca-cert. */
  readonly bootstrap: boolean;
}

/** All that --help prints. */
export const ctlUsage = (io: ToolIo, schema: SchemaSpec, tables: DbCtlSchema, own: OwnUsage): string =>
  own.commands +
  DB_COMMANDS_USAGE +
  tablesUsage(schema, tables) +
  own.options +
  TABLE_USAGE +
  logUsage(`${io.host.dirs.log}/${io.program}.log`) +
  own.noSyslog +
  streamUsage('database', true, own.bootstrap) +
  `
Other options:
  -h, --help                  display this help message
  -V, --version               display version information
`;
