/**
 * The interface definition layer: a replica of the monitored part of a database, kept up to date, with typed
 * rows, and transactions on it.
 *
 * Ask for columns with {@link Idl.monitor}, then {@link Idl.connect}. Each batch of changes that concerns the
 * program makes `seqno` grow and calls `onChange`; between two calls the replica does not change, so a
 * program may keep rows in its hands. Rows keep their identity over reconnections, in which nothing is lost or told
 * twice: of what changed meanwhile the program hears as if it had been connected.
 *
 * ```ts
 * const idl = new Idl(host, openVswitchSchema);
 * idl.monitor('Bridge', ['name', 'fail_mode']);
 * idl.connect(['unix:/run/openvswitch/db.sock']);
 * const byName = idl.createIndex('Bridge', ['name']);
 * idl.onChange = () => console.log([...idl.rows('Bridge')].map((bridge) => bridge.name));
 * await update(idl, (txn) => {
 *   const bridge = byName.first({ name: 'br0' });
 *   if (bridge) txn.set(bridge, { fail_mode: 'secure' });
 * });
 * ```
 *
 * What it holds grows with the rows that were asked for, see {@link Idl.setCondition}; changes that nobody takes, with
 * the rows that changed. C counterpart: lib/ovsdb-idl.c.
 */
import type { Host, SystemError } from '../../base/host.ts';
import type { Uuid } from '../../base/uuid.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import type { ColumnName, SchemaSpec, TableName } from '../schemas/spec.ts';
import { ChangeTracker, type RowChange } from './changes.ts';
import { type Clause, type Condition, clause, conditionToJson, type Relation } from './condition.ts';
import { DbClient, type DbClientOptions, type UpdateForm } from './db-client.ts';
import { type Column, Tables } from './description.ts';
import { Replica, type ReplicaContext } from './replica.ts';
import { type IdlRow, type Row, toDatum, type Values } from './row.ts';
import { RowIndex } from './row-index.ts';
import { Txn } from './txn.ts';

const log = vlog('ovsdb_idl');
const rl = new RateLimit(5, 1);

export interface MonitorOptions {
  /** False for columns that only this program writes: their changes alone are no reason to wake it. */
  readonly alert?: boolean;
}

export class Idl<S extends SchemaSpec = SchemaSpec> implements ReplicaContext {
  readonly host: Host;
  readonly schema: S;
  readonly tables: Tables;
  readonly #replicas = new Map<string, Replica>();
  #client: DbClient | undefined;
  #txn: Txn<S> | undefined;
  #lockName: string | undefined;
  #changes: ChangeTracker | undefined;
  readonly #conditions = new Map<string, Json>();
  readonly #waiting: (() => void)[] = [];
  /** Grows whenever the replica has changed in a way that concerns the program; 0 until it has contents. */
  seqno = 0;
  /** Called when `seqno` grew, the lock came or went, or the connection did. */
  onChange: () => void = () => {};

  constructor(host: Host, schema: S) {
    this.host = host;
    this.schema = schema;
    this.tables = new Tables(schema);
  }

  /** Asks for columns of a table (none: only for its rows' existence). Before {@link connect}. */
  monitor<T extends TableName<S>>(
    table: T,
    columns: readonly ColumnName<S, T>[] = [],
    options: MonitorOptions = {},
  ): void {
    const replica = this.#replica(table);
    for (const name of columns) this.monitorColumn(replica.table.byName.get(name)!, options);
  }

  /** {@link monitor} for a column that is known only at run time. Its references are followed to the rows. */
  monitorColumn(column: Column, { alert = true }: MonitorOptions = {}): void {
    this.#replica(column.table.name).columns.set(column, alert);
    for (const base of [column.type.key, column.type.value])
      if (base?.refTable !== undefined) this.#replica(base.refTable);
  }

  /** Asks for all columns of all tables. */
  monitorAll(): void {
    for (const name of this.tables.names)
      for (const column of this.tables.get(name).columns) this.monitorColumn(column);
  }

  #replica(table: string): Replica {
    let replica = this.#replicas.get(table);
    if (!replica) this.#replicas.set(table, (replica = new Replica(this.tables.get(table), this)));
    return replica;
  }

  connect(remotes: readonly string[], options: DbClientOptions = {}): void {
    this.#client = new DbClient(
      this.host,
      this.schema.name,
      remotes,
      {
        columns: (schema) => this.#columnsFor(schema),
        contents: (updates, form, incremental) => this.#contents(updates, form, incremental),
        update: (updates, form) => this.#update(updates, form),
        stateChanged: () => this.#changed(),
      },
      options,
    );
    for (const [table, where] of this.#conditions) this.#client.setCondition(table, where);
    this.#client.setLock(this.#lockName);
  }

  get client(): DbClient | undefined {
    return this.#client;
  }
  /** Whether there is, or will be tried, a connection. */
  get isAlive(): boolean {
    return this.#client?.isAlive ?? false;
  }
  get isConnected(): boolean {
    return this.#client?.isMonitoring ?? false;
  }
  /** Whether the contents have arrived at least once. */
  get hasContents(): boolean {
    return this.seqno > 0;
  }
  get lastError(): SystemError | undefined {
    return this.#client?.lastError;
  }

  setRemotes(remotes: readonly string[]): void {
    this.#client?.setRemotes(remotes);
  }

  close(): void {
    this.#client?.close();
    this.#changed();
  }

  /**
   * Which rows of a table to have: all (by default), none, or those that satisfy any clause. Also while connected: the
   * rows come and go as if they were inserted and deleted, soon; see {@link conditionsInEffect}.
   */
  setCondition<T extends TableName<S>>(table: T, condition: Condition): void {
    const where = conditionToJson(condition);
    this.#conditions.set(table, where);
    this.#client?.setCondition(table, where);
  }

  /** A clause of a condition: the rows of which a column compares so with a value. */
  where<T extends TableName<S>, C extends ColumnName<S, T>>(
    table: T,
    column: C,
    relation: Relation,
    value: Exclude<Values<S, T>[C], undefined>,
  ): Clause {
    return clause(this.#replica(table).table.byName.get(column)!, relation, value);
  }

  /** A clause that one row satisfies. */
  whereUuid(uuid: Uuid): Clause {
    return ['_uuid', '==', ['uuid', uuid]];
  }

  /** Whether the replica is by the conditions that were set last; `onChange` is called when it becomes so. */
  get conditionsInEffect(): boolean {
    return this.#client?.conditionsInEffect ?? false;
  }

  /**
   * Makes an order of a table's rows, by which they are found without looking at all. The columns must be monitored.
   * @param descending those of the columns that are to go from the last value to the first
   */
  createIndex<T extends TableName<S>, const C extends readonly ColumnName<S, T>[]>(
    table: T,
    columns: C,
    descending: readonly C[number][] = [],
  ): RowIndex<Row<S, T>, Required<Pick<Values<S, T>, C[number]>>> {
    const replica = this.#replica(table);
    const index = new RowIndex<Row<S, T>, Required<Pick<Values<S, T>, C[number]>>>(
      columns.map((name) => ({
        column: replica.table.byName.get(name)!,
        descending: descending.includes(name),
      })),
      {
        committedRows: () => replica.rows.values(),
        holds: (row) => replica.rows.get(row._uuid) === row,
        pendingRows: () => this.#txn?.pendingRows(table) ?? [],
      },
      toDatum,
    );
    replica.indexes.push(index);
    return index;
  }

  #changed(): void {
    const waiting = this.#waiting.splice(0);
    for (const wake of waiting) wake();
    this.onChange();
  }

  /** Resolves at the next call of `onChange`. */
  nextChange(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Transactions are sent only while the program holds the lock of that name. */
  setLock(name: string | undefined): void {
    this.#lockName = name;
    this.#client?.setLock(name);
  }
  get lockName(): string | undefined {
    return this.#lockName;
  }
  /** Whether the lock that was asked for (if any) is held. */
  get hasRequestedLock(): boolean {
    return this.#lockName === undefined || this.#client?.hasLock === true;
  }
  get isLockContended(): boolean {
    return this.#client?.isLockContended ?? false;
  }

  /** From now on collects changes for {@link takeChanges}. */
  trackChanges(): void {
    this.#changes ??= new ChangeTracker();
  }

  /** What has changed since the last call: in all tables, or in one. */
  takeChanges(): RowChange[];
  takeChanges<T extends TableName<S>>(table: T): RowChange<Row<S, T>>[];
  takeChanges(table?: string): RowChange[] {
    return this.#changes?.take(table) ?? [];
  }

  /** The rows of a table as the open transaction has left them. */
  *rows<T extends TableName<S>>(table: T): IterableIterator<Row<S, T>> {
    for (const row of this.#replica(table).rows.values()) if (!row._pending?.deleted) yield row as Row<S, T>;
    if (this.#txn) yield* this.#txn.insertedRows(table) as IterableIterator<Row<S, T>>;
  }

  /** Any row: the row, of a table that has at most one. */
  first<T extends TableName<S>>(table: T): Row<S, T> | undefined {
    for (const row of this.rows(table)) return row;
    return undefined;
  }

  row<T extends TableName<S>>(table: T, uuid: Uuid): Row<S, T> | undefined {
    return this.find(table, uuid) as Row<S, T> | undefined;
  }

  find(table: string, uuid: Uuid): IdlRow | undefined {
    const row = this.#replicas.get(table)?.rows.get(uuid) ?? this.#txn?.inserted(uuid);
    return row?._pending?.deleted ? undefined : row;
  }

  /** Values that the replica holds, for reports of memory. */
  get cellCount(): number {
    let count = 0;
    for (const { rows, columns } of this.#replicas.values()) count += rows.size * columns.size;
    return count;
  }

  /** Opens a transaction; only one can be open. */
  txn(): Txn<S> {
    if (this.#txn) throw new Error('a transaction is open');
    this.#txn = new Txn(this);
    return this.#txn;
  }

  /** For replicas only. */
  get changes(): ChangeTracker | undefined {
    return this.#changes;
  }
  get nextSeqno(): number {
    return this.seqno + 1;
  }

  /** For `Txn` only. */
  closeTxn(txn: Txn<S>): void {
    if (this.#txn === txn) this.#txn = undefined;
  }
  makeRow(table: string, uuid: Uuid): IdlRow {
    return this.#replica(table).makeRow(uuid);
  }
  isEmptyTable(table: string): boolean {
    return this.#replica(table).rows.size === 0;
  }
  transact(params: readonly Json[]): Promise<Json | undefined> {
    return this.#client?.transact(params) ?? Promise.resolve(undefined);
  }

  #columnsFor(schema: JsonObject | undefined): Map<string, string[]> {
    const tables = schema?.['tables'] as JsonObject | undefined;
    const wanted = new Map<string, string[]>();
    for (const [name, { columns }] of this.#replicas) {
      const names = [...columns.keys()].map((column) => column.name);
      if (!tables) {
        wanted.set(name, names);
        continue;
      }
      const table = tables[name] as JsonObject | undefined;
      const known = table?.['columns'] as JsonObject | undefined;
      if (!known) {
        log.warn(`${this.schema.name} database lacks ${name} table (database needs upgrade?)`);
        continue;
      }
      const lacking = names.filter((column) => known[column] === undefined);
      for (const column of lacking)
        log.warn(
          `${name} table in ${this.schema.name} database lacks ${column} column (database needs upgrade?)`,
        );
      wanted.set(
        name,
        names.filter((column) => known[column] !== undefined),
      );
    }
    return wanted;
  }

  #contents(updates: JsonObject, form: UpdateForm, incremental: boolean): void {
    if (!incremental) this.#dropAbsent(updates);
    this.#apply(updates, form, !incremental);
    this.seqno++;
    this.#changed();
  }

  #update(updates: JsonObject, form: UpdateForm): void {
    if (!this.#apply(updates, form, false)) return;
    this.seqno++;
    this.#changed();
  }

  /** Forgets the rows that the database's whole contents do not have. */
  #dropAbsent(contents: JsonObject): void {
    for (const [name, replica] of this.#replicas) replica.dropAbsent((contents[name] ?? {}) as JsonObject);
  }

  /** @returns whether something changed that concerns the program */
  #apply(updates: JsonObject, form: UpdateForm, whole: boolean): boolean {
    let concerns = false;
    for (const [name, rows] of Object.entries(updates)) {
      const replica = this.#replicas.get(name);
      if (!replica) continue;
      for (const [uuid, change] of Object.entries(rows as Record<string, JsonObject>)) {
        try {
          const effect = replica.apply(uuid, change, form, whole);
          if (effect === 'concerns') concerns = true;
          else if (effect === 'inconsistent') this.#missing(name, uuid);
        } catch (error) {
          if (!(error instanceof OvsdbError)) throw error;
          log.warnRl(rl, `error parsing update of row ${uuid} in table ${name}: ${error.message}`);
        }
      }
    }
    return concerns;
  }

  /** Something was missed that must not be: gets everything anew. */
  #missing(table: string, uuid: Uuid): void {
    log.warnRl(rl, `cannot update missing row ${uuid} in table ${table}`);
    this.#client?.startAfresh();
  }
}
