/** What a client wants to hear of: the <monitor-requests> of RFC 7047 and of ovsdb-server(7). */
import type { Json } from '../../jsonrpc/json.ts';
import type { Database, Table } from '../database.ts';
import { isJsonObject, Members } from '../members.ts';
import { type OvsdbError, syntaxError } from '../ovsdb-error.ts';
import { type ColumnSchema, UUID_COLUMN } from '../schema.ts';
import { Condition } from '../transact/condition.ts';

/** Kinds of change, as bits. */
export const INITIAL = 1;
export const INSERT = 2;
export const DELETE = 4;
export const MODIFY = 8;

const SELECTIONS = { initial: INITIAL, insert: INSERT, delete: DELETE, modify: MODIFY } as const;

export interface MonitoredColumn {
  readonly column: ColumnSchema;
  /** The kinds of change in which it is told. */
  readonly select: number;
}

export interface MonitoredTable {
  readonly table: Table;
  readonly columns: readonly MonitoredColumn[];
  /** All kinds of change that any request for the table wants. */
  readonly select: number;
}

export interface MonitorSpec {
  readonly tables: readonly MonitoredTable[];
  /** The same for all clients that want the same. */
  readonly key: string;
}

/** The conditions of one client, for each table that it monitors. */
export type Conditions = Map<Table, Condition>;

interface Draft {
  select: number;
  readonly columns: Map<ColumnSchema, number>;
  clauses: Condition[];
}

function selection(json: Json | undefined, table: string): number {
  if (json === undefined) return INITIAL | INSERT | DELETE | MODIFY;
  const members = new Members(json, `table ${table} select`);
  let select = 0;
  for (const [name, bit] of Object.entries(SELECTIONS)) {
    if (members.optional(name, 'boolean') !== false) select |= bit;
  }
  members.finish();
  return select;
}

function addColumn(draft: Draft, column: ColumnSchema, select: number, json: Json | undefined): void {
  if (draft.columns.has(column)) throw syntaxError(json, `column ${column.name} mentioned more than once`);
  draft.columns.set(column, select);
}

function addRequest(draft: Draft, table: Table, json: Json, conditional: boolean): void {
  const members = new Members(json, `table ${table.name}`);
  const where = conditional ? members.optional('where', 'array') : undefined;
  const columns = members.optional('columns', 'array') as readonly Json[] | undefined;
  const selectJson = members.optional('select', 'object');
  members.finish();
  const select = selection(selectJson, table.name);
  draft.select |= select;
  if (columns) {
    for (const name of columns) {
      if (typeof name !== 'string') throw syntaxError(columns, 'array of column names expected');
      const column = table.schema.byName.get(name);
      if (!column) throw syntaxError(columns, `${name} is not a valid column name`);
      addColumn(draft, column, select, columns);
    }
  } else {
    for (const column of table.schema.byName.values())
      if (column !== UUID_COLUMN) addColumn(draft, column, select, undefined);
  }
  if (conditional) draft.clauses.push(Condition.fromJson(table.schema, where ?? []));
}

/** Several requests for one table: a row that any of them wants is told. */
function joined(conditions: readonly Condition[]): Condition {
  if (conditions.some((condition) => condition.isTrue)) return new Condition([]);
  return new Condition(conditions.flatMap((condition) => condition.clauses));
}

/** @throws OvsdbError */
export function parseMonitorRequests(
  db: Database,
  json: Json | undefined,
  conditional: boolean,
): { readonly spec: MonitorSpec; readonly conditions: Conditions } {
  if (json === undefined || !isJsonObject(json)) throw syntaxError(json, 'monitor-requests must be object');
  const tables: MonitoredTable[] = [];
  const conditions: Conditions = new Map();
  const key: string[] = [];
  for (const name in json) {
    const table = monitoredTable(db, name);
    const request = json[name]!;
    const draft: Draft = { select: 0, columns: new Map(), clauses: [] };
    for (const one of Array.isArray(request) ? (request as readonly Json[]) : [request])
      addRequest(draft, table, one, conditional);
    const columns = [...draft.columns].map(([column, select]) => ({ column, select }));
    tables.push({ table, columns, select: draft.select });
    if (conditional && draft.clauses.length > 0) conditions.set(table, joined(draft.clauses));
    key.push(
      `${name}:${draft.select}:${columns.map(({ column, select }) => `${column.index}/${select}`).join(',')}`,
    );
  }
  return { spec: { tables, key: key.sort().join(';') }, conditions };
}

/** @throws OvsdbError */
export function monitoredTable(db: Database, name: string): Table {
  const table = db.tables.get(name);
  if (!table) throw noTable(name);
  return table;
}

const noTable = (name: string): OvsdbError => syntaxError(undefined, `no table named ${name}`);
