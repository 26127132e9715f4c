/**
 * A transaction on the replica: collects what the program changes, reads back what it wrote, and commits it
 * as one RFC 7047 "transact".
 *
 * There is at most one open transaction on an {@link Idl}. After `commit` or `abort` its rows read as the
 * database has them; what was committed arrives as an ordinary update, before `commit` resolves.
 * C counterpart: the ovsdb_idl_txn part of lib/ovsdb-idl.c.
 */
import { randomUuid, type Uuid } from '../../base/uuid.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { type Json, type JsonObject, sortedJson } from '../../jsonrpc/json.ts';
import type { Atom } from '../atom.ts';
import { Datum, datumToJson, EMPTY, equalData, findKey, rowName, subtract, union } from '../datum.ts';
import type { SchemaSpec, TableName } from '../schemas/spec.ts';
import { type ColumnType, scalarType, withoutSize } from '../type.ts';
import type { Column } from './description.ts';
import type { Idl } from './idl.ts';
import {
  type ColumnsOf,
  type Elements,
  type IdlRow,
  type Pending,
  type Row,
  toDatum,
  toKeys,
  type Values,
  type ValuesOf,
} from './row.ts';

const log = vlog('ovsdb_idl');
const rl = new RateLimit(1, 5);

/**
 * - `unchanged`: there was nothing to do.
 * - `try-again`: the database changed under the transaction (or the connection broke): run it anew.
 * - `not-locked`: the program does not hold the lock it asked for.
 * - `error`: see {@link Txn.error}.
 */
export type TxnStatus = 'unchanged' | 'success' | 'try-again' | 'not-locked' | 'error';

interface Increment {
  readonly row: IdlRow;
  readonly column: Column;
  /** Whether it alone is reason enough to commit. */
  readonly force: boolean;
}

/** A reply to one operation. */
type OpResult = {
  readonly error?: Json;
  readonly details?: Json;
  readonly uuid?: Json;
  readonly rows?: Json;
};

const SELF_UUID_TYPE = scalarType('uuid');

export class Txn<S extends SchemaSpec = SchemaSpec> {
  readonly #idl: Idl<S>;
  readonly #rows = new Set<IdlRow>();
  readonly #inserted = new Map<Uuid, IdlRow>();
  readonly #insertUuids = new Map<Uuid, Uuid>();
  readonly #comments: string[] = [];
  #increment: Increment | undefined;
  #incrementIndex = -1;
  #newValue = 0;
  #insertIndexes: { index: number; row: IdlRow }[] = [];
  #done = false;
  /** The server checks the transaction and throws it away. */
  dryRun = false;
  /** After the status `error`: what the server said. */
  error: string | undefined;

  /** Made by `Idl.txn()`. */
  constructor(idl: Idl<S>) {
    this.#idl = idl;
  }

  /** The rows of a table that this transaction inserted. */
  *insertedRows(table: string): IterableIterator<IdlRow> {
    for (const row of this.#inserted.values()) if (row._table.name === table) yield row;
  }

  /** The rows of a table that this transaction touched or inserted, without those that it deleted. */
  *pendingRows(table: string): IterableIterator<IdlRow> {
    for (const row of this.#rows) if (row._table.name === table && !row._pending!.deleted) yield row;
  }

  inserted(uuid: Uuid): IdlRow | undefined {
    return this.#inserted.get(uuid);
  }

  /** Adds a line to the database's log with this transaction. */
  comment(text: string): void {
    this.#comments.push(text);
  }

  /**
   * Inserts a row.
   * @param uuid stands for the row in this transaction; with `persist` the row keeps it for good
   */
  insert<T extends TableName<S>>(
    table: T,
    values: Values<S, T> = {},
    uuid?: Uuid,
    persist = false,
  ): Row<S, T> {
    const row = this.insertRow(table, uuid, persist) as Row<S, T>;
    this.#setAll(row, values);
    return row;
  }

  /** {@link insert} for a table that is known only at run time. */
  insertRow(table: string, uuid: Uuid = randomUuid(this.#idl.host.random), persist = false): IdlRow {
    const row = this.#idl.makeRow(table, uuid);
    const pending = this.#touch(row);
    pending.inserted = true;
    pending.persistUuid = persist;
    this.#inserted.set(uuid, row);
    return row;
  }

  /**
   * Writes columns of a row, also those that it has already: if anything else of the transaction changes the database,
   * it leaves them with these values whatever others do at the same time.
   */
  set<R extends IdlRow>(row: R, values: ValuesOf<R>): void {
    this.#setAll(row, values);
  }

  #setAll(row: IdlRow, values: object): void {
    for (const [name, value] of Object.entries(values)) {
      const column = row._table.byName.get(name)!;
      this.write(row, column, toDatum(value, column));
    }
  }

  /** Writes those columns of a row that differ from what it has. */
  update<R extends IdlRow>(row: R, values: ValuesOf<R>): void {
    for (const [name, value] of Object.entries(values)) {
      const column = row._table.byName.get(name)!;
      const datum = toDatum(value, column);
      if (!equalData(row._read(column), datum)) this.write(row, column, datum);
    }
  }

  /**
   * Adds and removes elements of sets and maps on the server, whatever others do to the rest of them meanwhile. Of a key
   * of a map that is there already `add` changes the value; `remove` names elements of maps by their keys. The row reads
   * as before until the transaction is committed.
   */
  mutate<R extends IdlRow>(row: R, { add = {}, remove = {} }: Elements<R>): void {
    for (const [name, keys] of Object.entries(remove)) {
      const column = row._table.byName.get(name)!;
      this.removeFrom(row, column, toKeys(keys as readonly unknown[]));
    }
    for (const [name, values] of Object.entries(add)) {
      const column = row._table.byName.get(name)!;
      this.addTo(row, column, toDatum(values, column));
    }
  }

  write(row: IdlRow, column: Column, datum: Datum): void {
    if (row._pending?.deleted) return;
    this.#touch(row).written.set(column, datum);
  }

  /**
   * Adds elements to a set or map on the server, whatever else is in it; of keys that are there already the
   * value changes. The row reads as before until the transaction is committed.
   */
  addTo(row: IdlRow, column: Column, elements: Datum): void {
    const type = withoutSize(column.type);
    const mutation = this.#mutation(row, column);
    const gone = elements.keys.filter((key) => findKey(row._committed(column), key) >= 0);
    mutation.insert = union(elements, mutation.insert);
    if (type.value) mutation.remove = [...mutation.remove.filter((key) => !gone.includes(key)), ...gone];
  }

  /** Removes elements, named by their keys, on the server. */
  removeFrom(row: IdlRow, column: Column, keys: readonly Atom[]): void {
    const mutation = this.#mutation(row, column);
    mutation.insert = subtract(mutation.insert, new Datum([...keys]));
    mutation.remove = [...mutation.remove, ...keys];
  }

  #mutation(row: IdlRow, column: Column): { insert: Datum; remove: readonly Atom[] } {
    const { mutations } = this.#touch(row);
    let mutation = mutations.get(column);
    if (!mutation) mutations.set(column, (mutation = { insert: EMPTY, remove: [] }));
    return mutation;
  }

  delete(row: IdlRow): void {
    const pending = this.#touch(row);
    if (pending.inserted) {
      this.#inserted.delete(row._uuid);
      this.#rows.delete(row);
    }
    pending.deleted = true;
  }

  /** Makes the commit fail with `try-again` unless the column is still as the replica has it. */
  verify<R extends IdlRow>(row: R, ...columns: ColumnsOf<R>[]): void {
    for (const name of columns) this.verifyColumn(row, row._table.byName.get(name)!);
  }

  verifyColumn(row: IdlRow, column: Column): void {
    if (!row._pending?.inserted && row._data[column.index] !== undefined)
      this.#touch(row).verified.add(column);
  }

  /** Adds 1 to an integer column on the server; see {@link incrementedValue}. */
  increment<R extends IdlRow>(row: R, column: ColumnsOf<R>, force = false): void {
    this.#increment = { row, column: row._table.byName.get(column)!, force };
  }

  /** After success: what `increment` made of the column. */
  get incrementedValue(): number {
    return this.#newValue;
  }

  /** After success: the final UUID of a row that was inserted under `uuid`. */
  finalUuid(uuid: Uuid): Uuid | undefined {
    return this.#insertUuids.get(uuid);
  }

  #touch(row: IdlRow): Pending {
    this.#rows.add(row);
    row._pending ??= {
      written: new Map(),
      mutations: new Map(),
      verified: new Set(),
      inserted: false,
      persistUuid: false,
      deleted: false,
    };
    return row._pending;
  }

  /** Throws everything away. */
  abort(): void {
    this.#finish();
  }

  async commit(): Promise<TxnStatus> {
    const idl = this.#idl;
    if (!idl.hasRequestedLock) {
      this.#finish();
      return 'not-locked';
    }
    const operations = this.#operations();
    this.#finish();
    if (operations === undefined) return 'unchanged';
    const reply = await idl.transact([idl.schema.name, ...operations]);
    return reply === undefined ? 'try-again' : this.#interpret(reply);
  }

  #finish(): void {
    if (this.#done) return;
    this.#done = true;
    for (const row of this.#rows) row._pending = undefined;
    for (const row of this.#inserted.values()) row._pending = undefined;
    this.#idl.closeTxn(this);
  }

  /** The operations, or undefined when there is nothing to do. */
  #operations(): JsonObject[] | undefined {
    const operations: JsonObject[] = [];
    if (this.#idl.lockName !== undefined) operations.push({ op: 'assert', lock: this.#idl.lockName });
    for (const row of this.#rows) this.#preconditions(row, operations);
    this.#emptySingletons(operations);
    let changes = false;
    for (const row of this.#rows) changes = this.#rowOperations(row, operations) || changes;
    if (this.#increment && (changes || this.#increment.force)) {
      const { row, column } = this.#increment;
      const where = this.#where(row);
      const table = row._table.name;
      this.#incrementIndex = operations.length;
      operations.push({ op: 'mutate', table, mutations: [[column.name, '+=', 1]], where });
      operations.push({ op: 'select', table, columns: [column.name], where });
    } else if (!changes) return undefined;
    if (this.#comments.length > 0) operations.push({ op: 'comment', comment: this.#comments.join('\n') });
    if (this.dryRun) operations.push({ op: 'abort' });
    return operations;
  }

  #preconditions(row: IdlRow, operations: JsonObject[]): void {
    const { verified, inserted } = row._pending!;
    if (inserted || verified.size === 0) return;
    const columns = [...verified];
    operations.push({
      op: 'wait',
      table: row._table.name,
      timeout: 0,
      where: this.#where(row),
      until: '==',
      columns: columns.map((c) => c.name),
      rows: [Object.fromEntries(columns.map((c) => [c.name, datumToJson(row._committed(c), c.type)]))],
    });
  }

  /** A first row of a table that may have but one must not meet another client's. */
  #emptySingletons(operations: JsonObject[]): void {
    for (const { _table: table } of this.#inserted.values())
      if (table.isSingleton && this.#idl.isEmptyTable(table.name))
        operations.push({ op: 'wait', table: table.name, where: [], timeout: 0, until: '==', rows: [] });
  }

  /** @returns whether the row's operations change something */
  #rowOperations(row: IdlRow, operations: JsonObject[]): boolean {
    const pending = row._pending!;
    const table = row._table.name;
    if (pending.deleted) {
      // Others go when nothing refers to them any more, which the server knows best.
      if (!row._table.isRoot) return false;
      operations.push({ op: 'delete', table, where: this.#where(row) });
      return true;
    }
    let changes = pending.inserted;
    const values: Record<string, Json> = {};
    for (const [column, datum] of pending.written) {
      if (pending.inserted && equalData(datum, column.defaultValue)) continue;
      changes ||= !equalData(datum, row._committed(column));
      values[column.name] = this.#json(datum, column.type);
    }
    if (pending.inserted) {
      const id = pending.persistUuid ? { uuid: row._uuid } : { 'uuid-name': rowName(row._uuid) };
      this.#insertIndexes.push({ index: operations.length, row });
      operations.push({ op: 'insert', table, ...id, row: values });
    } else if (pending.written.size > 0) {
      operations.push({ op: 'update', table, where: this.#where(row), row: values });
    }
    const mutations = this.#mutations(pending);
    if (mutations.length === 0) return changes;
    operations.push({ op: 'mutate', table, where: this.#where(row), mutations });
    return true;
  }

  #mutations({ mutations }: Pending): Json[] {
    const list: Json[] = [];
    for (const [column, { insert, remove }] of mutations) {
      const keyType = { ...withoutSize(column.type), value: undefined };
      const removed = new Datum([...new Set(remove)]);
      if (removed.size > 0) list.push([column.name, 'delete', this.#json(removed, keyType)]);
      if (insert.size > 0) list.push([column.name, 'insert', this.#json(insert, withoutSize(column.type))]);
    }
    return list;
  }

  #where(row: IdlRow): Json {
    return [['_uuid', '==', this.#json(new Datum([row._uuid]), SELF_UUID_TYPE)]];
  }

  /** JSON in which rows of this transaction go by their temporary names. */
  #json(datum: Datum, type: ColumnType): Json {
    const json = datumToJson(datum, type);
    const hasUuids = type.key.type === 'uuid' || type.value?.type === 'uuid';
    return hasUuids && this.#inserted.size > 0 ? this.#withNames(json) : json;
  }

  #withNames(json: Json): Json {
    if (!Array.isArray(json)) return json;
    if (json.length === 2 && json[0] === 'uuid' && typeof json[1] === 'string') {
      const row = this.#inserted.get(json[1]);
      return row && !row._pending!.persistUuid ? ['named-uuid', rowName(row._uuid)] : json;
    }
    return json.map((item: Json) => this.#withNames(item));
  }

  /** Takes the reply apart. */
  #interpret(reply: Json): TxnStatus {
    // The database was removed or converted.
    if (reply === 'canceled') return 'try-again';
    if (!Array.isArray(reply)) {
      this.error = sortedJson(reply);
      return 'error';
    }
    const results = reply as readonly (OpResult | null)[];
    let again = false;
    let locked = true;
    for (const result of results) {
      const error = result?.error;
      // After an operation that failed the others have no result.
      if (result === null || error === 'timed out') again = true;
      else if (error === 'not owner') locked = false;
      else if (error !== undefined && error !== 'aborted') {
        this.error = sortedJson(result as JsonObject);
        if (error !== 'not allowed') log.warnRl(rl, `transaction error: ${this.error}`);
      }
    }
    if (this.error !== undefined) return 'error';
    if (!locked) return 'not-locked';
    if (again) return 'try-again';
    for (const { index, row } of this.#insertIndexes) {
      const uuid = results[index]?.uuid;
      if (Array.isArray(uuid)) this.#insertUuids.set(row._uuid, String(uuid[1]));
    }
    if (this.#incrementIndex >= 0) {
      const rows = results[this.#incrementIndex + 1]?.rows;
      const value = Array.isArray(rows) ? (rows[0] as JsonObject)?.[this.#increment!.column.name] : undefined;
      this.#newValue = Number(value ?? 0);
    }
    return 'success';
  }
}
