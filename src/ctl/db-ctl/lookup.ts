/**
 * Finds tables, columns and rows by what users call them: names may be abbreviated and spelled with "-" or in
 * any case, rows named by UUID (or its beginning), ".", or a name that the tool knows for the table.
 */
import { isPartialUuid, parseUuid, type Uuid } from '../../base/uuid.ts';
import { compareStrings } from '../../ovsdb/atom.ts';
import type { Column, Table } from '../../ovsdb/idl/description.ts';
import type { IdlRow } from '../../ovsdb/idl/row.ts';
import { type CtlContext, fail, type RowId } from './context.ts';

/** How well what a user typed matches a name; 0 for not at all. */
function matchScore(name: string, typed: string): number {
  if (name === typed) return Number.POSITIVE_INFINITY;
  const plain = (text: string): string => text.toLowerCase().replaceAll('-', '_');
  const [a, b] = [plain(name), plain(typed)];
  if (a === b) return Number.MAX_SAFE_INTEGER;
  return a.startsWith(b) ? b.length : 0;
}

/** The names that match best. */
function bestMatches(names: Iterable<string>, typed: string): string[] {
  let best: string[] = [];
  let bestScore = 1;
  for (const name of names) {
    const score = matchScore(name, typed);
    if (score > bestScore) best = [];
    if (score >= bestScore) {
      best.push(name);
      bestScore = score;
    }
  }
  return best.sort(compareStrings);
}

/** @throws ToolError */
export function getTable(ctx: CtlContext, typed: string): Table {
  const matches = bestMatches(ctx.idl.tables.names, typed);
  if (matches.length === 0) fail(`unknown table "${typed}"`);
  if (matches.length > 1) fail(`"${typed}" matches multiple table names: ${matches.join(', ')}`);
  return ctx.idl.tables.get(matches[0]!);
}

/** @throws ToolError */
export function getColumn(table: Table, typed: string): Column {
  const matches = bestMatches(
    table.columns.map((column) => column.name),
    typed,
  );
  if (matches.length === 0) fail(`${table.name} does not contain a column whose name matches "${typed}"`);
  if (matches.length > 1)
    fail(`${table.name} contains more than one column whose name matches "${typed}": ${matches.join(', ')}`);
  return table.byName.get(matches[0]!)!;
}

/** Finds a table and asks for the columns by which its rows may be named. */
export function prepareTable(ctx: CtlContext, typed: string): Table {
  const table = getTable(ctx, typed);
  ctx.idl.monitor(table.name);
  for (const { name, via } of ctx.db.rowIds[table.name] ?? []) {
    const owner = ctx.idl.tables.get(name[0]);
    ctx.idl.monitorColumn(owner.byName.get(name[1])!);
    if (via !== undefined) ctx.idl.monitorColumn(owner.byName.get(via)!);
  }
  return table;
}

export function prepareColumn(ctx: CtlContext, table: Table, typed: string): Column {
  const column = getColumn(table, typed);
  ctx.idl.monitorColumn(column);
  return column;
}

/** @returns undefined if there is no such row and `mustExist` is false. @throws ToolError */
export function getRow(ctx: CtlContext, table: Table, id: string, mustExist: true): IdlRow;
export function getRow(ctx: CtlContext, table: Table, id: string, mustExist: boolean): IdlRow | undefined;
export function getRow(ctx: CtlContext, table: Table, id: string, mustExist: boolean): IdlRow | undefined {
  const uuid = parseUuid(id);
  const row =
    (uuid === undefined ? undefined : ctx.idl.find(table.name, uuid)) ??
    (id === '.' ? onlyRow(ctx, table) : undefined) ??
    rowByName(ctx, table, id) ??
    rowByPartialUuid(ctx, table, id);
  if (!row && mustExist) fail(`no row "${id}" in table ${table.name}`);
  return row;
}

export const rowsOf = (ctx: CtlContext, table: Table): Iterable<IdlRow> => ctx.idl.rows(table.name);

function onlyRow(ctx: CtlContext, table: Table): IdlRow | undefined {
  const rows = [...rowsOf(ctx, table)];
  return rows.length === 1 ? rows[0] : undefined;
}

function rowByName(ctx: CtlContext, table: Table, id: string): IdlRow | undefined {
  for (const rowId of ctx.db.rowIds[table.name] ?? []) {
    const row = rowByOneName(ctx, table, rowId, id);
    if (row) return row;
  }
  return undefined;
}

function rowByOneName(ctx: CtlContext, table: Table, { name, via }: RowId, id: string): IdlRow | undefined {
  const owner = ctx.idl.tables.get(name[0]);
  const nameColumn = owner.byName.get(name[1])!;
  let found: IdlRow | undefined;
  for (const row of rowsOf(ctx, owner)) {
    const { keys } = row._read(nameColumn);
    if (keys.length !== 1 || !nameMatches(keys[0]!, id)) continue;
    if (found) fail(`multiple rows in ${owner.name} match "${id}"`);
    found = row;
  }
  if (!found || via === undefined) return found;
  const viaColumn = owner.byName.get(via)!;
  ctx.txn.verifyColumn(found, viaColumn);
  const { keys } = found._read(viaColumn);
  return keys.length === 1 ? ctx.idl.find(table.name, keys[0] as Uuid) : undefined;
}

/** Names that are themselves UUIDs may be abbreviated. */
function nameMatches(name: unknown, id: string): boolean {
  if (typeof name !== 'string') return /^\d+$/.test(id) && String(name) === String(BigInt(id));
  return name === id || (id.length >= 4 && name.startsWith(id) && parseUuid(name) !== undefined);
}

function rowByPartialUuid(ctx: CtlContext, table: Table, id: string): IdlRow | undefined {
  if (id.length < 4 || !isPartialUuid(id)) return undefined;
  const prefix = id.toLowerCase();
  const rows = [...rowsOf(ctx, table)].filter((row) => row._uuid.startsWith(prefix));
  if (rows.length > 1)
    fail(
      `${table.name} contains 2 or more rows whose UUIDs begin with ${id}: at least ${rows[0]!._uuid} and ${rows[1]!._uuid}`,
    );
  return rows[0];
}
