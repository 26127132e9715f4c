/** Random operations for a schema: mostly good ones that meet in a few rows, and now and then malformed ones. */
import type { Json, JsonObject } from '../../src/jsonrpc/json.ts';
import type { ColumnSchema, DatabaseSchema, TableSchema } from '../../src/ovsdb/schema.ts';
import type { Random } from '../fuzz/mutate.ts';
import { junk, POOL, poolUuid, randomDatum, type ValueContext } from './random-schema.ts';

const FUNCTIONS = ['==', '!=', 'includes', 'excludes', '<', '<=', '>', '>='];
const MUTATORS = ['+=', '-=', '*=', '/=', '%=', 'insert', 'delete'];
const NAMES = ['n1', 'n2', 'n3'];

export class TransactionGenerator {
  readonly random: Random;
  readonly schema: DatabaseSchema;
  readonly #tables: readonly TableSchema[];
  #x: ValueContext;

  constructor(random: Random, schema: DatabaseSchema) {
    this.random = random;
    this.schema = schema;
    this.#tables = [...schema.tables.values()];
    this.#x = { random, schema, names: [], badOneIn: 0 };
  }

  /** Operations; one transaction of some has something bad in it, most often only one thing. */
  transaction(): JsonObject[] {
    const { random } = this;
    const n = 1 + random.below(random.below(4) === 0 ? 8 : 3);
    const badAt = random.below(6) === 0 ? random.below(n) : -1;
    const names = random.below(2) === 0 ? NAMES : [];
    return Array.from({ length: n }, (_, i) => {
      this.#x = { random, schema: this.schema, names, badOneIn: i === badAt ? 4 : 0 };
      const op = this.#operation();
      return i === badAt && random.below(2) === 0 ? this.#spoil(op) : op;
    });
  }

  #spoil(op: JsonObject): JsonObject {
    const { random } = this;
    const copy: Record<string, Json> = { ...op };
    const name = random.pick(Object.keys(copy));
    switch (random.below(4)) {
      case 0:
        delete copy[name];
        break;
      case 1:
        copy[name] = junk(random);
        break;
      case 2:
        copy[random.pick(['x', 'constructor', 'where', 'row', 'timeout', 'lock', 'uuid', 'table'])] =
          junk(random);
        break;
      default:
        copy['op'] = random.pick<Json>(['nix', 'insert', 'select', 'wait', 'assert', '', 7, 'commit']);
    }
    return copy;
  }

  #columns(table: TableSchema): ColumnSchema[] {
    const columns = [...table.byName.values()].filter((column) => column.name !== '_version');
    return columns.filter(() => this.random.below(3) > 0);
  }
  #column(table: TableSchema): ColumnSchema {
    return this.random.below(8) === 0 ? table.byName.get('_uuid')! : this.random.pick(table.columns);
  }
  #columnName(table: TableSchema): string {
    const { random } = this;
    if (this.#x.badOneIn > 0 && random.below(8) === 0)
      return random.pick(['nix', '_nix', '__proto__', 'toString']);
    return this.#column(table).name;
  }

  #row(table: TableSchema, chance = 2): JsonObject {
    const row: Record<string, Json> = {};
    for (const column of table.columns)
      if (this.random.below(3) < chance) row[column.name] = randomDatum(this.#x, column.type);
    if (this.#x.badOneIn > 0 && this.random.below(8) === 0) row[this.#columnName(table)] = junk(this.random);
    return row;
  }

  #rowUuid(table: TableSchema): string {
    return poolUuid(this.#tables.indexOf(table), this.random.below(POOL));
  }

  #clause(table: TableSchema): Json {
    const { random } = this;
    if (random.below(40) === 0) return random.below(2) === 0;
    const column = this.#column(table);
    const name = this.#x.badOneIn > 0 ? this.#columnName(table) : column.name;
    const ordered = column.type.key.type === 'integer' || column.type.key.type === 'real';
    const fn = random.pick(ordered || random.below(20) === 0 ? FUNCTIONS : FUNCTIONS.slice(0, 4));
    const value =
      column.name === '_uuid' ? ['uuid', this.#rowUuid(table)] : randomDatum(this.#x, column.type);
    return [name, fn, value];
  }
  /** Clauses that a condition may have. */
  where(table: TableSchema, max = 3): Json {
    const { random } = this;
    if (random.below(3) === 0) return [['_uuid', '==', ['uuid', this.#rowUuid(table)]]];
    return Array.from({ length: random.below(max) }, () => this.#clause(table));
  }

  #mutation(table: TableSchema): Json {
    const { random } = this;
    const column = random.pick(table.columns);
    const { type } = column;
    const arithmetic = !type.value && (type.key.type === 'integer' || type.key.type === 'real');
    const mutator = random.pick(
      random.below(12) === 0 ? [...MUTATORS, '=', 'nix'] : arithmetic ? MUTATORS : MUTATORS.slice(5),
    );
    const scalarType = { ...type, min: 1, max: 1 };
    const keysType = { ...type, value: undefined };
    const value = randomDatum(
      this.#x,
      MUTATORS.indexOf(mutator) < 5
        ? scalarType
        : mutator === 'delete' && random.below(2) === 0
          ? keysType
          : type,
    );
    return [this.#x.badOneIn > 0 ? this.#columnName(table) : column.name, mutator, value];
  }

  #operation(): JsonObject {
    const { random } = this;
    const table = random.pick(this.#tables);
    const kind = random.below(20);
    const base = { table: table.name };
    if (kind < 7) {
      const uuid = random.below(5) > 0 ? { uuid: this.#rowUuid(table) } : {};
      const name =
        this.#x.names.length > 0 && random.below(2) === 0 ? { 'uuid-name': random.pick(this.#x.names) } : {};
      return { op: 'insert', ...base, row: this.#row(table), ...uuid, ...name };
    }
    if (kind < 10) return { op: 'update', ...base, where: this.where(table), row: this.#row(table, 1) };
    if (kind < 14) {
      const mutations = Array.from({ length: random.below(4) }, () => this.#mutation(table));
      return { op: 'mutate', ...base, where: this.where(table), mutations };
    }
    if (kind < 15) return { op: 'delete', ...base, where: this.where(table) };
    if (kind < 17) {
      const columns = this.#columns(table).map((column) => column.name);
      // The order of UUIDs that a server draws is not the other's.
      const sort = columns.filter((name) => {
        const { key, value } = table.byName.get(name)!.type;
        return key.type !== 'uuid' && value?.type !== 'uuid' && random.below(4) === 0;
      });
      return {
        op: 'select',
        ...base,
        where: this.where(table),
        columns,
        ...(sort.length > 0 ? { sort } : {}),
      };
    }
    if (kind < 18) {
      const columns = this.#columns(table).filter((column) => column.index >= 0);
      const rows = Array.from({ length: random.below(3) }, () =>
        Object.fromEntries(columns.map((column) => [column.name, randomDatum(this.#x, column.type)])),
      );
      return {
        op: 'wait',
        ...base,
        where: this.where(table),
        columns: columns.map((column) => column.name),
        until: random.pick(['==', '!=']),
        rows,
        timeout: 0,
      };
    }
    return random.pick<JsonObject>([
      { op: 'comment', comment: 'why "not"' },
      { op: 'abort' },
      { op: 'assert', lock: 'l1' },
      { op: 'commit', durable: random.below(20) === 0 },
    ]);
  }

  /** A "select" of everything. */
  everything(): JsonObject[] {
    return this.#tables.map((table) => ({
      op: 'select',
      table: table.name,
      where: [],
      columns: ['_uuid', ...table.columns.map((column) => column.name)],
    }));
  }
}
