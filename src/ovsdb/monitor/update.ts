/** Composes the <table-updates> that tell a client of changes: RFC 7047's and, as differences, those of "update2". */
import type { Uuid } from '../../base/uuid.ts';
import { type Json, stringifyJson } from '../../jsonrpc/json.ts';
import type { Row } from '../database.ts';
import { datumToJson, diffData, equalData, isDefaultDatum } from '../datum.ts';
import type { Condition } from '../transact/condition.ts';
import type { ChangeSet, NetChange } from './change-set.ts';
import {
  type Conditions,
  DELETE,
  INITIAL,
  INSERT,
  MODIFY,
  type MonitoredTable,
  type MonitorSpec,
} from './request.ts';

/** The method by which a client monitors decides the format: "monitor", "monitor_cond", "monitor_cond_since". */
export type MonitorVersion = 1 | 2 | 3;

const matches = (condition: Condition | undefined, row: Row | undefined): boolean =>
  row !== undefined && (!condition || condition.isTrue || condition.matchesAny((column) => row.get(column)));

/** What a change is to a client that sees only the rows that its condition lets through; 0 for nothing. */
function kindOf(
  { old, row }: NetChange,
  before: Condition | undefined,
  after: Condition | undefined,
): number {
  const was = matches(before, old);
  const is = matches(after, row);
  return was ? (is ? MODIFY : DELETE) : is ? INSERT : 0;
}

const isModified = ({ columns }: MonitoredTable, old: Row, row: Row): boolean =>
  old !== row && columns.some(({ column }) => !equalData(old.get(column), row.get(column)));

function rowUpdate({ columns }: MonitoredTable, kind: number, { old, row }: NetChange): Json {
  const oldJson: Record<string, Json> = {};
  const newJson: Record<string, Json> = {};
  for (const { column, select } of columns) {
    if (!(kind & select)) continue;
    const { name, type } = column;
    const was = old?.get(column);
    const is = row?.get(column);
    if (was && (!is || !equalData(was, is))) oldJson[name] = datumToJson(was, type);
    if (is) newJson[name] = datumToJson(is, type);
  }
  return { ...(kind & (INITIAL | INSERT) ? {} : { old: oldJson }), ...(row ? { new: newJson } : {}) };
}

function rowUpdate2({ columns }: MonitoredTable, kind: number, { old, row }: NetChange): Json {
  if (kind === DELETE) return { delete: null };
  const json: Record<string, Json> = {};
  for (const { column, select } of columns) {
    if (!(kind & select)) continue;
    const { name, type } = column;
    const is = row!.get(column);
    if (kind === MODIFY) {
      const was = old!.get(column);
      if (!equalData(was, is)) json[name] = datumToJson(diffData(was, is, type), type);
    } else if (!isDefaultDatum(is, type)) {
      json[name] = datumToJson(is, type);
    }
  }
  return { [kind === INITIAL ? 'initial' : kind === MODIFY ? 'modify' : 'insert']: json };
}

/** Collects the updates of rows; a table without any is not mentioned. */
class Updates {
  /** Without a prototype: a table may be called "constructor". */
  readonly #tables: Record<string, Record<Uuid, Json>> = Object.create(null);
  #any = false;

  add(monitored: MonitoredTable, version: MonitorVersion, uuid: Uuid, kind: number, change: NetChange): void {
    if (!(kind & monitored.select)) return;
    if (kind === MODIFY && !isModified(monitored, change.old!, change.row!)) return;
    const json = version === 1 ? rowUpdate(monitored, kind, change) : rowUpdate2(monitored, kind, change);
    (this.#tables[monitored.table.name] ??= {})[uuid] = json;
    this.#any = true;
  }

  /** undefined when there is nothing to tell. */
  text(): string | undefined {
    return this.#any ? stringifyJson(this.#tables) : undefined;
  }
}

/** All rows, as the answer to the request for a monitor. */
export function initialText(
  spec: MonitorSpec,
  version: MonitorVersion,
  conditions: Conditions,
): string | undefined {
  const updates = new Updates();
  for (const monitored of spec.tables) {
    if (!(monitored.select & INITIAL)) continue;
    const condition = conditions.get(monitored.table);
    for (const row of monitored.table.rows.values()) {
      if (matches(condition, row))
        updates.add(monitored, version, row.uuid, INITIAL, { old: undefined, row });
    }
  }
  return updates.text();
}

/** What is in a change set. */
export function changesText(
  spec: MonitorSpec,
  version: MonitorVersion,
  conditions: Conditions,
  set: ChangeSet,
): string | undefined {
  const updates = new Updates();
  for (const monitored of spec.tables) {
    const condition = conditions.get(monitored.table);
    for (const [uuid, change] of set.changesOf(monitored.table) ?? [])
      updates.add(monitored, version, uuid, kindOf(change, condition, condition), change);
  }
  return updates.text();
}

/** The rows that come into sight and go out of it when the conditions change and the data do not. */
export function conditionChangeText(
  spec: MonitorSpec,
  version: MonitorVersion,
  before: Conditions,
  after: Conditions,
): string | undefined {
  const updates = new Updates();
  for (const monitored of spec.tables) {
    const was = before.get(monitored.table);
    const is = after.get(monitored.table);
    if (was === is || (was && is?.equals(was))) continue;
    for (const row of monitored.table.rows.values()) {
      const change = { old: row, row };
      updates.add(monitored, version, row.uuid, kindOf(change, was, is), change);
    }
  }
  return updates.text();
}
