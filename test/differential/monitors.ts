/**
 * Monitors of all kinds on the C implementation's server and on ours, while the same random transactions and changes of
 * conditions pass: both must send the same updates, and the replica that a client makes of them must be what the
 * server has.
 */
import { type Json, type JsonObject, parseJson, sortedJson, stringifyJson } from '../../src/jsonrpc/json.ts';
import { type Datum, datumFromJson, datumToJson, defaultDatum, diffData } from '../../src/ovsdb/datum.ts';
import { isJsonObject } from '../../src/ovsdb/members.ts';
import { OvsdbError } from '../../src/ovsdb/ovsdb-error.ts';
import { type DatabaseSchema, schemaFromJson, type TableSchema } from '../../src/ovsdb/schema.ts';
import { Condition } from '../../src/ovsdb/transact/condition.ts';
import { type ColumnType, withoutConstraints } from '../../src/ovsdb/type.ts';
import { Random } from '../fuzz/mutate.ts';
import { type DatabaseClient, DatabaseServer } from '../support/database-server.ts';
import { canonical, UuidNames } from './compare.ts';
import { randomSchema } from './random-schema.ts';
import { TransactionGenerator } from './random-transaction.ts';

type Version = 1 | 2 | 3;
const METHODS = { 1: 'monitor', 2: 'monitor_cond', 3: 'monitor_cond_since' } as const;
const ZERO = '00000000-0000-0000-0000-000000000000';

/** What a client keeps of what one monitor tells: rows by table and UUID. */
class Replica {
  readonly #schema: DatabaseSchema;
  readonly tables = new Map<string, Map<string, Map<string, Datum>>>();

  constructor(schema: DatabaseSchema) {
    this.#schema = schema;
  }

  #type(table: string, column: string): ColumnType {
    return withoutConstraints(this.#schema.tables.get(table)!.byName.get(column)!.type);
  }

  apply(updates: Json, columns: ReadonlyMap<string, readonly string[]>): void {
    for (const [table, rows] of Object.entries(updates as JsonObject)) {
      let kept = this.tables.get(table);
      if (!kept) this.tables.set(table, (kept = new Map()));
      for (const [uuid, update] of Object.entries(rows as JsonObject))
        this.#row(table, kept, uuid, update as JsonObject, columns.get(table)!);
    }
  }

  #row(
    table: string,
    rows: Map<string, Map<string, Datum>>,
    uuid: string,
    update: JsonObject,
    columns: readonly string[],
  ): void {
    const known = rows.get(uuid);
    const fail = (why: string): never => {
      throw new Error(`${why}: ${table} ${uuid} ${stringifyJson(update)}`);
    };
    if ('new' in update || 'old' in update) {
      if ('old' in update && !known) fail('change of a row that was never told');
      if (!('old' in update) && known) fail('row told twice');
      if (!('new' in update)) rows.delete(uuid);
      else {
        const row = new Map<string, Datum>();
        for (const [name, value] of Object.entries(update['new'] as JsonObject))
          row.set(name, datumFromJson(this.#type(table, name), value));
        rows.set(uuid, row);
      }
      return;
    }
    if ('delete' in update) {
      if (!rows.delete(uuid)) fail('deletion of a row that was never told');
      return;
    }
    const isModification = 'modify' in update;
    if (isModification !== (known !== undefined)) fail(known ? 'row told twice' : 'change of an unknown row');
    const row = known ?? new Map<string, Datum>();
    const values = (update['modify'] ?? update['insert'] ?? update['initial']) as JsonObject;
    for (const name of columns) {
      const type = this.#type(table, name);
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      const original = this.#schema.tables.get(table)!.byName.get(name)!.type;
      if (!isModification)
        row.set(name, value === undefined ? defaultDatum(original) : datumFromJson(type, value));
      else if (value !== undefined)
        row.set(name, diffData(row.get(name)!, datumFromJson(type, value), original));
    }
    rows.set(uuid, row);
  }

  text(): string {
    const tables = [...this.tables].map(([table, rows]): [string, Json] => [
      table,
      Object.fromEntries(
        [...rows].map(([uuid, row]) => [
          uuid,
          Object.fromEntries(
            [...row].map(([name, datum]) => [name, datumToJson(datum, this.#type(table, name))]),
          ),
        ]),
      ),
    ]);
    return sortedJson(
      canonical(Object.fromEntries(tables.filter(([, rows]) => Object.keys(rows as object).length > 0))),
    );
  }
}

/** What is asked for, of both servers. */
interface MonitorModel {
  id: string;
  readonly version: Version;
  readonly columns: ReadonlyMap<string, readonly string[]>;
  /** For the tables that have any; a row is told that matches one of the clauses. */
  readonly conditions: Map<string, readonly Json[]>;
  /** It hears of all changes, so that the replica must be right. */
  readonly isWhole: boolean;
}

/** One server's side. */
class Side {
  readonly server: DatabaseServer;
  readonly writer: DatabaseClient;
  watcher!: DatabaseClient;
  readonly replicas = new Map<string, Replica>();
  /** Notifications since the last `take`. */
  #heard: Json[] = [];
  /** An update that does not fit what came before. */
  failed: Error | undefined;
  readonly #schema: DatabaseSchema;
  readonly #models: ReadonlyMap<string, MonitorModel>;

  constructor(
    server: DatabaseServer,
    writer: DatabaseClient,
    schema: DatabaseSchema,
    models: Side['models'],
  ) {
    this.server = server;
    this.writer = writer;
    this.#schema = schema;
    this.#models = models;
  }

  get models(): ReadonlyMap<string, MonitorModel> {
    return this.#models;
  }

  async connect(): Promise<void> {
    this.watcher = await this.server.client();
    this.replicas.clear();
    this.watcher.onNotification = ({ method, params }) => {
      const id = params[0] as string;
      const updates = params[method === 'update3' ? 2 : 1]!;
      this.#heard.push([method, id, updates]);
      const model = this.#models.get(id);
      if (!model?.isWhole) return;
      try {
        this.replicas.get(id)!.apply(updates, model.columns);
      } catch (error) {
        this.failed ??= error as Error;
      }
    };
  }

  async monitor(model: MonitorModel, requests: Json): Promise<Json> {
    const { id, version } = model;
    const replica = new Replica(this.#schema);
    this.replicas.set(id, replica);
    const more = version === 3 ? [ZERO] : [];
    const result = await this.watcher.request(METHODS[version], 'db', id, requests, ...more);
    const updates = version === 3 && Array.isArray(result) ? result[2]! : result;
    if (model.isWhole && isJsonObject(updates) && !('ERROR' in updates))
      replica.apply(updates, model.columns);
    return updates;
  }

  /** Waits for everything that the server has to tell. */
  async take(): Promise<Json> {
    // The first reply may overtake what a monitor has to tell, the second comes a turn of the server's loop later.
    for (let i = 0; i < 2; i++) await this.watcher.request('list_dbs');
    return this.#heard.splice(0);
  }

  /** The rows that a monitor should show. */
  async expected(model: MonitorModel): Promise<string> {
    const replica = new Replica(this.#schema);
    for (const [table, columns] of model.columns) {
      const clauses = model.conditions.get(table);
      const wheres: Json[] = clauses && clauses.length > 0 ? clauses.map((clause) => [clause]) : [[]];
      const ops = wheres.map((where) => ({ op: 'select', table, where, columns: ['_uuid', ...columns] }));
      const results = (await this.writer.request('transact', 'db', ...ops)) as readonly JsonObject[];
      const rows: Record<string, Json> = {};
      for (const result of results)
        for (const row of result['rows'] as readonly JsonObject[]) {
          const uuid = (row['_uuid'] as readonly string[])[1]!;
          rows[uuid] = { new: Object.fromEntries(columns.map((name) => [name, row[name]!])) };
        }
      replica.apply({ [table]: rows }, model.columns);
    }
    return replica.text();
  }
}

/** The C server's client has rows that the server has not, or the other way round. */
class TheirsIsWrong extends Error {}

class Scenario {
  readonly #random: Random;
  readonly #generator: TransactionGenerator;
  readonly #sides: readonly Side[];
  readonly #models: Map<string, MonitorModel>;
  readonly #names = new UuidNames();
  #count = 0;
  #last = '';

  constructor(
    random: Random,
    generator: TransactionGenerator,
    sides: readonly Side[],
    models: Map<string, MonitorModel>,
  ) {
    this.#random = random;
    this.#generator = generator;
    this.#sides = sides;
    this.#models = models;
  }

  #same(what: string, [theirs, ours]: readonly Json[]): void {
    const [a, b] = [theirs!, ours!].map((json) => sortedJson(canonical(this.#names.translate(json))));
    if (a !== b) throw new Error(`${what}:\n  C    ${a}\n  ours ${b}`);
  }

  /** What was heard, in the order of the monitors' names; the order in which a server goes over them is its own. */
  #ordered(heard: readonly Json[]): Json {
    const list = heard.map((one) => {
      const [method, id, updates] = one as readonly [string, string, JsonObject];
      // The C server at times tells of a modification and then of no column.
      const tables = Object.entries(updates).flatMap(([table, rows]): [string, Json][] => {
        const told = Object.entries(rows as JsonObject).filter(
          ([, update]) => sortedJson(update) !== '{"modify":{}}',
        );
        return told.length > 0 ? [[table, Object.fromEntries(told)]] : [];
      });
      return [id, method, Object.fromEntries(tables)] as const;
    });
    return list
      .filter(([, , updates]) => Object.keys(updates).length > 0)
      .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  }

  #clauses(table: TableSchema): readonly Json[] {
    const where = this.#generator.where(table, 4) as readonly Json[];
    // In a query named rows are looked up, in a condition there are none.
    return where.filter((clause) => !stringifyJson(clause).includes('named-uuid'));
  }

  #isGood(table: TableSchema, where: readonly Json[]): boolean {
    try {
      Condition.fromJson(table, parseJson(stringifyJson(where)));
      return true;
    } catch (error) {
      if (error instanceof OvsdbError) return false;
      throw error;
    }
  }

  async add(): Promise<void> {
    const random = this.#random;
    const version = random.pick<Version>([1, 2, 3]);
    const columns = new Map<string, readonly string[]>();
    const conditions = new Map<string, readonly Json[]>();
    const requests: Record<string, Json> = Object.create(null);
    const select =
      random.below(6) === 0 ? { [random.pick(['initial', 'insert', 'modify', 'delete'])]: false } : undefined;
    for (const table of this.#generator.schema.tables.values()) {
      if (random.below(4) === 0) continue;
      const names = table.columns.map((column) => column.name).filter(() => random.below(3) > 0);
      columns.set(table.name, names);
      let where: readonly Json[] | undefined;
      if (version !== 1 && random.below(2) === 0) {
        where = this.#clauses(table);
        conditions.set(table.name, where);
      }
      const request = { columns: names, ...(where ? { where } : {}), ...(select ? { select } : {}) };
      requests[table.name] = random.below(2) === 0 ? request : [request];
    }
    const id = `m${this.#count++}`;
    const model: MonitorModel = { id, version, columns, conditions, isWhole: select === undefined };
    this.#models.set(id, model);
    const asked = { ...requests };
    const replies = await Promise.all(this.#sides.map((side) => side.monitor(model, asked)));
    if (this.#failed(`${METHODS[version]} ${stringifyJson(asked)}`, replies, conditions.size))
      this.#models.delete(id);
  }

  /** Compares replies. Of several errors the C server tells the one that its hash table has first. */
  #failed(what: string, replies: readonly Json[], conditions: number): boolean {
    const failed = replies.map((reply) => isJsonObject(reply) && 'ERROR' in reply);
    if (!(failed[0] && failed[1] && conditions > 1)) this.#same(what, replies);
    return failed[0]!;
  }

  async changeConditions(): Promise<void> {
    const random = this.#random;
    const model = [...this.#models.values()].filter(({ version }) => version !== 1)[random.below(4)];
    if (!model) return;
    const changes: Record<string, Json> = Object.create(null);
    const wheres = new Map<string, readonly Json[]>();
    for (const table of this.#generator.schema.tables.values()) {
      if (!model.columns.has(table.name) || random.below(2) === 0) continue;
      const where = this.#clauses(table);
      // Of a request with something bad in it the C server carries out what its hash table has before that.
      if (!this.#isGood(table, where)) {
        if (Object.keys(changes).length > 0) continue;
        changes[table.name] = [{ where }];
        break;
      }
      changes[table.name] = [{ where }];
      wheres.set(table.name, where);
    }
    const id = random.below(3) === 0 ? `m${this.#count++}` : model.id;
    const old = model.id;
    const asked = { ...changes };
    // Updates between the request and its reply may come under either name.
    for (const side of this.#sides) side.replicas.set(id, side.replicas.get(old)!);
    this.#models.set(id, model);
    const replies = await Promise.all(
      this.#sides.map((side) => side.watcher.request('monitor_cond_change', old, id, asked)),
    );
    if (this.#failed(`monitor_cond_change ${stringifyJson(asked)}`, replies, wheres.size)) {
      if (id !== old) this.#models.delete(id);
      return;
    }
    for (const [table, where] of wheres) model.conditions.set(table, where);
    if (id !== old) this.#models.delete(old);
    model.id = id;
  }

  async remove(): Promise<void> {
    const model = [...this.#models.values()][0];
    if (!model) return;
    await this.check('before monitor_cancel');
    this.#models.delete(model.id);
    this.#same(
      'monitor_cancel',
      await Promise.all(this.#sides.map((s) => s.watcher.request('monitor_cancel', model.id))),
    );
  }

  async transact(): Promise<void> {
    const ops = this.#generator.transaction();
    const [theirs, ours] = await Promise.all(
      this.#sides.map((s) => s.writer.request('transact', 'db', ...ops)),
    );
    this.#names.learn(theirs!, ours!);
    this.#last = stringifyJson(ops);
  }

  async check(what: string): Promise<void> {
    const heard = (await Promise.all(this.#sides.map((side) => side.take()))) as readonly (readonly Json[])[];
    const conditions = [...this.#models.values()].map(
      (m) => `${m.id}: ${stringifyJson(Object.fromEntries(m.conditions))}`,
    );
    const event = `${what} ${this.#last} with ${conditions.join(' ')}`;
    const wrong: (string | undefined)[] = [];
    for (const side of this.#sides) wrong.push(await this.#wrongReplica(side));
    if (wrong[1] !== undefined) throw new Error(`ours: ${wrong[1]} after ${event}`);
    if (wrong[0] !== undefined) throw new TheirsIsWrong(`${wrong[0]} after ${event}`);
    this.#same(
      `updates after ${event}`,
      heard.map((list) => this.#ordered(list)),
    );
  }

  /** What is wrong with the replicas of a side's client. */
  async #wrongReplica(side: Side): Promise<string | undefined> {
    if (side.failed) return side.failed.message;
    for (const model of this.#models.values()) {
      if (!model.isWhole) continue;
      const [has, should] = [side.replicas.get(model.id)!.text(), await side.expected(model)];
      if (has !== should) return `replica ${model.id}:\n  is     ${has}\n  should ${should}`;
    }
    return undefined;
  }

  async reconnect(): Promise<void> {
    for (const side of this.#sides) {
      side.watcher.close();
      await side.connect();
    }
    this.#models.clear();
  }
}

/** @returns where the C server went wrong, if it did @throws Error that says where the servers differ */
export async function compareMonitors(seed: number, steps: number): Promise<string | undefined> {
  const random = new Random(seed);
  const json = randomSchema(random);
  const schema = schemaFromJson(json);
  const generator = new TransactionGenerator(random, schema);
  const models = new Map<string, MonitorModel>();
  const servers: DatabaseServer[] = [];
  const sides: Side[] = [];
  try {
    for (const side of ['theirs', 'ours'] as const) {
      const server = await DatabaseServer.start(side, { schema: json });
      servers.push(server);
      const made = new Side(server, await server.client(), schema, models);
      await made.connect();
      sides.push(made);
    }
    const scenario = new Scenario(random, generator, sides, models);
    for (let step = 0; step < steps; step++) {
      const kind = random.below(24);
      const what =
        kind < 3 && models.size < 6
          ? 'add'
          : kind < 7
            ? 'changeConditions'
            : kind === 7
              ? 'remove'
              : kind === 8 && random.below(4) === 0
                ? 'reconnect'
                : 'transact';
      try {
        await scenario[what]();
        await scenario.check(what);
      } catch (error) {
        const [theirs] = servers;
        for (let i = 0; i < 20 && theirs?.isRunning; i++) await new Promise((r) => setTimeout(r, 20));
        // The C server ends by a signal at times.
        if (theirs && !theirs.isRunning) return `seed ${seed}, step ${step}: the C server ended`;
        if (error instanceof TheirsIsWrong) return `seed ${seed}, step ${step}: ${error.message}`;
        const ends = sides.map(({ server, writer, watcher }) =>
          writer.isClosed || watcher.isClosed ? `${server.side} closed: ${server.log.slice(-500)}` : '',
        );
        throw new Error(
          `seed ${seed}, step ${step} (${what}): ${(error as Error).message} ${ends.join(' ')}`,
        );
      }
    }
    return undefined;
  } finally {
    for (const side of sides) for (const client of [side.writer, side.watcher]) client.close();
    for (const server of servers) await server.stop();
  }
}
