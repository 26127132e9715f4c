/**
 * Role-based access control: what a client may write, by the role of the remote that it came to and the name in its
 * certificate. The rules are rows of the database itself: RBAC_Role has a row a role, which refers to a row of
 * RBAC_Permission for each table that the role may write. A database without the table RBAC_Role has no rules, and a
 * client without a role may do everything. C counterpart: ovsdb/rbac.c; ovsdb(7), "RBAC".
 */
import type { Uuid } from '../../base/uuid.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { Database, Row, Table } from '../database.ts';
import { type Datum, lookup } from '../datum.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import type { ColumnSchema } from '../schema.ts';
import type { Condition } from './condition.ts';
import { query } from './query.ts';

const log = vlog('ovsdb_rbac');
const rl = new RateLimit(1, 1);

/** Who asks for a transaction. */
export interface Client {
  /** Of the remote; none or '' for one that may do everything. */
  readonly role: string | undefined;
  /** The common name in the client's certificate, if it showed one. */
  readonly id: string | undefined;
}

export const isRestricted = (client: Client | undefined): client is Client & { readonly role: string } =>
  client?.role !== undefined && client.role !== '';

/** The error for what the client may not do. @param what e.g. 'row insertion into table "T".' */
export function permissionError({ role, id = '(null)' }: Client, what: string): OvsdbError {
  return new OvsdbError('permission error', `RBAC rules for client "${id}" role "${role}" prohibit ${what}`);
}

/** The value of a column of strings; undefined if the row has no such column. */
function strings(row: Row, name: string): Datum | undefined {
  const column = row.table.schema.byName.get(name);
  return column?.type.key.type === 'string' && !column.type.value ? row.get(column) : undefined;
}

/** The text in a column, COLUMN or COLUMN:KEY for one in a map. */
function textAt(row: Row, place: string): string | undefined {
  if (!place.includes(':')) {
    const column = row.table.schema.byName.get(place);
    return column?.type.max === 1 ? (strings(row, place)?.keys[0] as string | undefined) : undefined;
  }
  const [name, key] = place.split(':').filter((part) => part !== '');
  const column = name === undefined ? undefined : row.table.schema.byName.get(name);
  if (key === undefined || column?.type.key.type !== 'string' || column.type.value?.type !== 'string')
    return undefined;
  return lookup(row.get(column), key) as string | undefined;
}

export class AccessControl {
  readonly #db: Database;
  readonly #roles: Table;
  readonly #client: Client & { readonly role: string };

  private constructor(db: Database, roles: Table, client: Client & { readonly role: string }) {
    this.#db = db;
    this.#roles = roles;
    this.#client = client;
  }

  /** The rules for a client; undefined if it may do everything. */
  static of(db: Database, client: Client | undefined): AccessControl | undefined {
    const roles = db.tables.get('RBAC_Role');
    return roles && isRestricted(client) ? new AccessControl(db, roles, client) : undefined;
  }

  /** @throws OvsdbError if the row, which is about to be inserted, may not be */
  checkInsert(table: Table, row: Row): void {
    const permission = this.#permission(table);
    if (!permission || !this.#isAuthorized(permission, row) || !mayInsertAndDelete(permission))
      throw permissionError(this.#client, `row insertion into table "${table.name}".`);
  }

  /** @throws OvsdbError if one of the rows may not be deleted */
  checkDelete(table: Table, condition: Condition): void {
    if (!this.#mayForAll(table, condition, mayInsertAndDelete))
      throw permissionError(this.#client, `row deletion from table "${table.name}".`);
  }

  /** @throws OvsdbError if one of the columns may not be set in one of the rows */
  checkUpdate(table: Table, columns: readonly ColumnSchema[], condition: Condition): void {
    if (!this.#mayForAll(table, condition, (permission) => mayWrite(permission, columns)))
      throw permissionError(this.#client, `modification of table "${table.name}".`);
  }

  /** @throws OvsdbError if one of the columns may not be changed in one of the rows */
  checkMutate(table: Table, columns: readonly ColumnSchema[], condition: Condition): void {
    if (!this.#mayForAll(table, condition, (permission) => mayWrite(permission, columns)))
      throw permissionError(this.#client, `mutate operation on table "${table.name}".`);
  }

  #mayForAll(table: Table, condition: Condition, may: (permission: Row) => boolean): boolean {
    const permission = this.#permission(table);
    if (!permission) return false;
    const allowed = may(permission);
    let ok = true;
    query(table, condition, (row) => {
      ok = allowed && this.#isAuthorized(permission, row);
      return ok;
    });
    return ok;
  }

  /** The row of RBAC_Permission for the role and the table; none if the client has no name. */
  #permission(table: Table): Row | undefined {
    const { role, id } = this.#client;
    if (id === undefined) return undefined;
    const found = [...this.#roles.rows.values()].find((row) => strings(row, 'name')?.keys.includes(role));
    if (!found) {
      log.infoRl(rl, `rbac: role "${role}" not found in rbac roles table`);
      return undefined;
    }
    const column = this.#roles.schema.byName.get('permissions');
    if (!column) log.infoRl(rl, 'rbac: "permissions" column not present in rbac roles table');
    const target = column?.type.value?.refTable;
    if (column?.type.key.type !== 'string' || target === undefined) return undefined;
    const uuid = lookup(found.get(column), table.name);
    return uuid === undefined ? undefined : this.#db.target(target).rows.get(uuid as Uuid);
  }

  /** Whether the row is the client's: one of the columns that "authorization" names has the client's name. */
  #isAuthorized(permission: Row, row: Row): boolean {
    const places = strings(permission, 'authorization');
    if (!places) {
      log.infoRl(rl, 'rbac: error reading authorization column');
      return false;
    }
    // The empty string stands for everyone.
    return places.keys.some((place) => place === '' || textAt(row, place as string) === this.#client.id);
  }
}

function mayInsertAndDelete(permission: Row): boolean {
  const column = permission.table.schema.byName.get('insert_delete');
  return column?.type.key.type === 'boolean' && permission.get(column).keys[0] === true;
}

function mayWrite(permission: Row, columns: readonly ColumnSchema[]): boolean {
  const writable = strings(permission, 'update');
  if (!writable) log.infoRl(rl, 'rbac: could not read "update" column');
  return writable !== undefined && columns.every(({ name }) => writable.keys.includes(name));
}
