/** Random schemas, and values for their columns: good ones at the edges of their types, and now and then bad ones. */
import { type Json, type JsonObject, sortedJson, stringifyJson } from '../../src/jsonrpc/json.ts';
import { ATOMIC_TYPES, type AtomicType } from '../../src/ovsdb/atom.ts';
import type { DatabaseSchema } from '../../src/ovsdb/schema.ts';
import type { BaseType, ColumnType } from '../../src/ovsdb/type.ts';
import type { Random } from '../fuzz/mutate.ts';

/** A number in a spelling of its own. */
export const raw = (text: string): Json => (JSON as unknown as { rawJSON(text: string): Json }).rawJSON(text);

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);
const INTEGERS: readonly Json[] = [
  ...[0, 1, -1, 2, 3, 7, 20, 21, -5, -6, 1000, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53, -(2 ** 53)],
  ...[MAX, MIN, MAX - 1n, MIN + 1n, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 62n, -(2n ** 62n), 3037000500n],
  ...['1.0', '1e3', '-0', '-0.0', '20.00', '2e0', '0e99', '123e-0', '9223372036854775807.0', '12.5e1'].map(
    raw,
  ),
];
const REALS: readonly Json[] = [
  ...[0, 1, -1, 0.5, -2.5, 0.1, -0.1, 3, 1e10, 1e-5, 1e300, -1e300, 1e-300, 123456.789, 1e22],
  ...['-0.0', '1.0', '1.5e0', '15e-1', '1E+2', '1.5e308', '100000000000000000000'].map(raw),
];
const STRINGS: readonly string[] = [
  ...[
    '',
    'x',
    'y',
    'z',
    'a b',
    'abc',
    'true',
    '1',
    'é',
    'ß',
    '\u{1f600}',
    '\uffff',
    '\u{10ffff}',
    '\ue000',
    '"',
    '\\',
  ],
  ...[
    '\n',
    '\u0001\u001f',
    '\u007f',
    'a"b\\c/d',
    '[]',
    '{}',
    'x=y',
    'a,b',
    '00000000-0000-4000-8000-000000000000',
  ],
  ...['__proto__', 'constructor', 'set', 'x'.repeat(40)],
];

/** Column and table names; some of them mean something to the engine. */
const NAMES = [
  'a',
  'b',
  'c',
  'constructor',
  'toString',
  'valueOf',
  'hasOwnProperty',
  'length',
  'name',
  'T',
  'set',
  'rows',
];

/** The UUID of a row that transactions name; the pool of a table is small so that they meet. */
export const poolUuid = (table: number, i: number): string =>
  `${'0123456789abcdef'[table % 16]!.repeat(8)}-0000-4000-8000-00000000000${i}`;
export const POOL = 6;

/** What a reference may name besides rows of the pool. */
export interface ValueContext {
  readonly random: Random;
  readonly schema: DatabaseSchema;
  /** Names of rows that the transaction makes, maybe. */
  readonly names: readonly string[];
  /** One of so many values is bad; 0 for none. */
  readonly badOneIn: number;
}

const bad = ({ random, badOneIn }: ValueContext): boolean => badOneIn > 0 && random.below(badOneIn) === 0;

const JUNK: readonly Json[] = [
  ...[
    null,
    true,
    'x',
    5,
    2.5,
    [],
    {},
    ['set'],
    ['set', 1],
    ['map', []],
    ['uuid', 'x'],
    ['uuid', 5],
    ['named-uuid', '1'],
  ],
  ...[
    ['set', [[]]],
    ['map', [[1]]],
    [1, 2, 3],
    { __proto__: 1 },
    ['named-uuid', 'nobody'],
    ['uuid', poolUuid(0, 0), 1],
  ],
];
export const junk = (random: Random): Json => random.pick(JUNK);

export function randomAtom(x: ValueContext, base: BaseType): Json {
  const { random } = x;
  if (bad(x)) return junk(random);
  if (base.enum && random.below(8) > 0) return random.pick(base.enum) as Json;
  switch (base.type) {
    case 'integer':
      if (base.min !== undefined && random.below(8) === 0)
        return random.pick([base.min, BigInt(base.min) - 1n, BigInt(base.min) + 1n]) as Json;
      if (base.max !== undefined && random.below(8) === 0)
        return random.pick([base.max, BigInt(base.max) + 1n]) as Json;
      return base.min === undefined && base.max === undefined ? random.pick(INTEGERS) : random.below(26) - 6;
    case 'real':
      return base.min === undefined && base.max === undefined ? random.pick(REALS) : random.below(40) / 4 - 3;
    case 'boolean':
      return random.below(2) === 0;
    case 'string':
      return random.pick(random.below(3) === 0 ? STRINGS : STRINGS.slice(0, 6));
    case 'uuid': {
      if (x.names.length > 0 && random.below(4) === 0) return ['named-uuid', random.pick(x.names)];
      const tables = [...x.schema.tables.keys()];
      const table = base.refTable === undefined ? 15 : tables.indexOf(base.refTable);
      if (random.below(30) === 0) return ['uuid', '00000000-0000-0000-0000-000000000000'];
      return ['uuid', poolUuid(table, random.below(POOL))];
    }
  }
}

function count(x: ValueContext, { min, max }: ColumnType): number {
  const { random } = x;
  if (bad(x)) return random.below(5);
  const most = Math.min(max, 4);
  return Math.max(min, random.below(most + 1));
}

/** Distinct, as far as that can be seen without knowing what equals what. */
function distinct(x: ValueContext, base: BaseType, n: number): Json[] {
  const seen = new Map<string, Json>();
  for (let i = 0; i < n; i++) {
    const atom = randomAtom(x, base);
    const key = typeof atom === 'object' ? stringifyJson(atom) : String(atom);
    if (bad(x) || !seen.has(key)) seen.set(seen.has(key) ? `${key}#` : key, atom);
  }
  return [...seen.values()];
}

/** RFC 7047's <value> for a column of that type. */
export function randomDatum(x: ValueContext, type: ColumnType): Json {
  const { random } = x;
  if (bad(x)) return junk(random);
  const n = count(x, type);
  const keys = distinct(x, type.key, n);
  if (type.value) return ['map', keys.map((key) => [key, randomAtom(x, type.value!)])];
  if (keys.length === 1 && random.below(3) > 0) return keys[0]!;
  return ['set', keys];
}

function randomBase(random: Random, tables: readonly string[]): Json {
  const type: AtomicType = random.pick(ATOMIC_TYPES);
  const plain = random.below(3) === 0;
  switch (type) {
    case 'integer':
      if (plain) return type;
      if (random.below(4) === 0) return { type, enum: ['set', [1, 2, 3, MAX]] };
      return random.pick<Json>([
        { type, minInteger: -5, maxInteger: 20 },
        { type, minInteger: 0 },
        { type, maxInteger: 7 },
      ]);
    case 'real':
      return plain
        ? type
        : random.pick<Json>([
            { type, minReal: -1.5, maxReal: 5 },
            { type, minReal: 0 },
            { type, enum: 0.5 },
          ]);
    case 'boolean':
      return type;
    case 'string':
      return plain
        ? type
        : random.pick<Json>([
            { type, minLength: 1 },
            { type, maxLength: 3 },
            { type, enum: ['set', ['x', 'y', 'abc', '']] },
            { type, minLength: 1, maxLength: 2 },
          ]);
    case 'uuid':
      if (plain) return type;
      return { type, refTable: random.pick(tables), refType: random.pick(['strong', 'weak']) };
  }
}

function randomType(random: Random, tables: readonly string[]): Json {
  const key = randomBase(random, tables);
  const [min, max] = random.pick<readonly [number, Json]>([
    [1, 1],
    [1, 1],
    [0, 1],
    [0, 2],
    [0, 'unlimited'],
    [0, 'unlimited'],
    [1, 3],
    [1, 'unlimited'],
  ]);
  if (min === 1 && max === 1 && random.below(2) === 0) return typeof key === 'string' ? key : { key };
  return { key, ...(random.below(3) === 0 ? { value: randomBase(random, tables) } : {}), min, max };
}

/** A reference that must be there and is not in the file makes the file unreadable. */
const mayBeEphemeral = (type: Json): boolean => !sortedJson(type).includes('refTable');

/** A schema that both implementations accept. */
export function randomSchema(random: Random, tableCount = 1 + random.below(4)): JsonObject {
  const pick = (n: number): string[] => {
    const names = new Set<string>();
    while (names.size < n) names.add(random.pick(NAMES));
    return [...names];
  };
  const tables = pick(tableCount);
  const roots = random.below(3);
  return {
    name: 'db',
    version: `${random.below(9)}.${random.below(9)}.${random.below(9)}`,
    ...(random.below(2) ? { cksum: '12345678 9' } : {}),
    tables: Object.fromEntries(
      tables.map((table) => {
        const columns = pick(1 + random.below(6)).map((name): [string, JsonObject] => {
          const type = randomType(random, tables);
          return [
            name,
            {
              type,
              ...(random.below(10) === 0 && mayBeEphemeral(type) ? { ephemeral: true } : {}),
              ...(random.below(12) === 0 ? { mutable: false } : {}),
            },
          ];
        });
        const persistent = columns.filter(([, column]) => !('ephemeral' in column)).map(([name]) => name);
        return [
          table,
          {
            columns: Object.fromEntries(columns),
            ...(roots === 0 || random.below(3) > 0 ? { isRoot: true } : {}),
            ...(random.below(6) === 0 ? { maxRows: 1 + random.below(4) } : {}),
            ...(persistent.length > 0 && random.below(3) === 0
              ? { indexes: [persistent.slice(0, 1 + random.below(2))] }
              : {}),
          },
        ];
      }),
    ),
  };
}

/** The schema with a few things changed, most often such that data survive. */
export function changedSchema(random: Random, schema: JsonObject): JsonObject {
  const tables: Record<string, JsonObject> = { ...(schema['tables'] as Record<string, JsonObject>) };
  const names = Object.keys(tables);
  for (const name of names) {
    const columns: Record<string, JsonObject> = {
      ...(tables[name]!['columns'] as Record<string, JsonObject>),
    };
    for (const column of Object.keys(columns)) {
      const kind = random.below(12);
      if (kind === 0 && Object.keys(columns).length > 1) delete columns[column];
      else if (kind === 1) columns[column] = { type: randomType(random, names) };
      else if (kind === 2 && mayBeEphemeral(columns[column]!['type']!))
        columns[column] = { ...columns[column]!, ephemeral: random.below(2) === 0 };
      else if (kind < 5) columns[column] = { type: widened(columns[column]!['type']!) };
    }
    if (random.below(4) === 0) columns[random.pick(NAMES)] = { type: randomType(random, names) };
    const { indexes, ...rest } = tables[name]!;
    const kept = (indexes as readonly (readonly string[])[] | undefined)?.filter((index) =>
      index.every((column) => columns[column] && columns[column]['ephemeral'] !== true),
    );
    tables[name] = { ...rest, columns, ...(kept && kept.length > 0 ? { indexes: kept } : {}) };
  }
  return { ...schema, version: `${random.below(9)}.${random.below(9)}.${random.below(9)}`, tables };
}

/** Any number of the same, without constraints other than references. */
function widened(type: Json): Json {
  const bare = (base: Json): Json => {
    if (typeof base !== 'object' || base === null || 'refTable' in base) return base;
    return (base as JsonObject)['type']!;
  };
  if (typeof type === 'string') return { key: type, min: 0, max: 'unlimited' };
  const { key, value } = type as JsonObject;
  return {
    key: bare(key!),
    ...(value === undefined ? {} : { value: bare(value) }),
    min: 0,
    max: 'unlimited',
  };
}
