/** Shows transactions of a database's log. */
import { formatTime } from '../../base/vlog.ts';
import { type Json, type JsonObject, sortedJson } from '../../jsonrpc/json.ts';
import { datumFromJson, datumToText } from '../../ovsdb/datum.ts';
import { isJsonObject } from '../../ovsdb/members.ts';
import { OvsdbError } from '../../ovsdb/ovsdb-error.ts';
import { type DatabaseSchema, schemaFromJson, type TableSchema } from '../../ovsdb/schema.ts';
import type { ToolIo } from '../tool.ts';

/** Times before this are seconds: old versions wrote those. */
const SECONDS_UNTIL = 0x7fffffff;

export class LogPrinter {
  readonly #io: ToolIo;
  /** 1 shows rows, 2 columns too. */
  readonly #verbosity: number;
  #schema: DatabaseSchema | undefined;
  /** What rows are called, by UUID. */
  readonly #names = new Map<string, string>();

  constructor(io: ToolIo, verbosity: number) {
    this.#io = io;
    this.#verbosity = verbosity;
  }

  /** Shows a schema, and reads the rows that follow by it. @param title what is printed before it. @throws OvsdbError */
  schema(json: Json, title: string): void {
    const schema = schemaFromJson(json);
    const { name, version, cksum } = schema;
    this.#io.out(title.replace('%', `"${name}"`) + `, version="${version}", cksum="${cksum}"\n`);
    this.#schema = schema;
  }

  record(json: Json): void {
    if (!isJsonObject(json)) return;
    const { _date: date, _comment: comment } = json;
    let text = '';
    if (typeof date === 'number' && Number.isInteger(date))
      text += formatTime(' %Y-%m-%d %H:%M:%S.###', date < SECONDS_UNTIL ? date * 1000 : date);
    if (typeof comment === 'string') text += ` "${comment}"`;
    this.#io.out(text);
    if (this.#verbosity > 0) this.#changes(json);
  }

  #changes(tables: JsonObject): void {
    const isDiff = tables['_is_diff'] === true;
    let first = true;
    for (const [name, rows] of Object.entries(tables)) {
      if (name.startsWith('_') || !isJsonObject(rows)) continue;
      if (first) this.#io.out('\n');
      first = false;
      for (const [uuid, columns] of Object.entries(rows)) this.#row(name, uuid, columns, isDiff);
    }
  }

  #row(table: string, uuid: string, columns: Json, isDiff: boolean): void {
    const short = uuid.slice(0, 8);
    const oldName = this.#names.get(uuid);
    const newName = isJsonObject(columns) && 'name' in columns ? sortedJson(columns['name']!) : undefined;
    let text = `  table ${table}`;
    if (oldName !== undefined) text += ` row ${oldName} (${short})${isDiff ? ' diff' : ''}:\n`;
    else text += ` insert row ${newName === undefined ? short : `${newName} (${short})`}:\n`;
    if (isJsonObject(columns)) {
      if (this.#verbosity > 1) {
        const schema = this.#schema?.tables.get(table);
        for (const [column, value] of Object.entries(columns))
          text += `    ${column}=${valueText(schema, column, value)}\n`;
      }
      if (newName !== undefined) this.#names.set(uuid, newName);
      else if (oldName === undefined) this.#names.set(uuid, short);
    } else if (columns === null) {
      text += '    delete row\n';
      this.#names.delete(uuid);
    }
    this.#io.out(text);
  }
}

function valueText(table: TableSchema | undefined, name: string, value: Json): string {
  const column = table?.byName.get(name);
  try {
    if (column) return datumToText(datumFromJson(column.type, value), column.type);
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
  }
  return sortedJson(value);
}
