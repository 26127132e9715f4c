/** What the operations of a "transact" share: their context, and the members that most of them have. */
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import type { Database, Table } from '../database.ts';
import type { Members } from '../members.ts';
import type { SymbolTable } from '../symbols.ts';
import { Condition } from './condition.ts';
import type { AccessControl } from './rbac.ts';
import type { Transaction } from './transaction.ts';

/** What an operation works with. */
export interface OperationContext {
  readonly db: Database;
  readonly txn: Transaction;
  readonly symbols: SymbolTable;
  /** Whether the client holds that lock. */
  ownsLock(name: string): boolean;
  /** What the client may write; undefined: everything. */
  readonly access: AccessControl | undefined;
  /** Locks that it had to hold, and does. */
  readonly asserted: string[];
  /** Since the client first asked for the transaction. */
  readonly elapsedMs: number;
  /** The shortest time that a "wait" gives itself. */
  timeoutMs: number;
  /** A "commit" asked for the disk to have the transaction before the reply. */
  durable: boolean;
}

/** Carries out an operation; the result is that of the reply. @throws OvsdbError */
export type Operation = (x: OperationContext, members: Members) => JsonObject;

/** The member that names a table; undefined (and `members` notes why) if it does not. */
export function tableMember(x: OperationContext, members: Members): Table | undefined {
  const name = members.required('table', 'id');
  if (name === undefined) return undefined;
  const table = x.db.tables.get(name as string);
  if (!table) members.fail(`No table named ${String(name)}.`);
  return table;
}

/** @throws OvsdbError */
export const conditionMember = (x: OperationContext, table: Table, where: Json): Condition =>
  Condition.fromJson(table.schema, where, x.symbols);
