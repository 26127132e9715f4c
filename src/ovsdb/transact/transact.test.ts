import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Json, stringifyJson } from '../../jsonrpc/json.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { Database } from '../database.ts';
import { schemaFromJson } from '../schema.ts';
import { compose, execute } from './execute.ts';

const set = (key: Json): Json => ({ type: { key, min: 0, max: 'unlimited' } });
const ref = (refTable: string, refType = 'strong'): Json => ({ type: 'uuid', refTable, refType });

/** A database with a root table that refers to others, and tables that refer to each other. */
function makeDb(): Database {
  return new Database(
    schemaFromJson({
      name: 'db',
      version: '1.0.0',
      tables: {
        root: {
          isRoot: true,
          maxRows: 2,
          columns: {
            name: { type: 'string' },
            children: set(ref('child')),
            friends: set(ref('child', 'weak')),
            options: { type: { key: 'string', value: 'integer', min: 0, max: 'unlimited' } },
            fixed: { type: 'integer', mutable: false },
            small: { type: { key: { type: 'integer', minInteger: 0, maxInteger: 9 }, min: 0, max: 2 } },
            real: { type: 'real' },
          },
        },
        child: {
          columns: { name: { type: 'string' }, number: { type: 'integer' }, next: set(ref('child')) },
          indexes: [['name'], ['number', 'name']],
        },
        picky: { isRoot: true, columns: { one: { type: { key: ref('child', 'weak') } } } },
      },
    }),
    new SimHost(1).random,
  );
}

type Op = Record<string, Json>;
const run = (db: Database, ...ops: Op[]): Op[] => execute(db, ['db', ...ops]) as unknown as Op[];
const ok = (db: Database, ...ops: Op[]): Op[] => {
  const results = run(db, ...ops);
  assert.ok(!results.some((r) => r && 'error' in r), stringifyJson(results));
  return results;
};
const failure = (db: Database, ...ops: Op[]): string => {
  const before = dump(db);
  const bad = run(db, ...ops).find((r) => r && 'error' in r);
  assert.ok(bad, 'expected an error');
  assert.deepEqual(dump(db), before, 'a failed transaction must change nothing');
  return `${String(bad['error'])}: ${String(bad['details'])}`;
};
const select = (db: Database, table: string, columns?: string[]): Op[] =>
  ok(db, { op: 'select', table, where: [], ...(columns ? { columns, sort: columns } : {}) })[0]![
    'rows'
  ] as unknown as Op[];
const dump = (db: Database): Json =>
  [...db.tables.keys()].map(
    (table) => ok(db, { op: 'select', table, where: [], sort: ['_uuid'] })[0]!['rows']!,
  );
const insert = (table: string, row: Op, name?: string): Op => ({
  op: 'insert',
  table,
  row,
  ...(name === undefined ? {} : { 'uuid-name': name }),
});
const named = (name: string): Json => ['named-uuid', name];

/** A root with the children a and b. */
function family(db: Database): void {
  ok(
    db,
    insert('child', { name: 'a', number: 1 }, 'a'),
    insert('child', { name: 'b', number: 2 }, 'b'),
    insert('root', { name: 'r', children: ['set', [named('a'), named('b')]], friends: named('b') }),
  );
}

test('rows that nothing refers to go at the end of a transaction', () => {
  const db = makeDb();
  ok(db, insert('child', { name: 'orphan' }));
  assert.equal(select(db, 'child').length, 0);
  family(db);
  assert.equal(select(db, 'child').length, 2);
  ok(db, { op: 'update', table: 'root', where: [], row: { children: ['set', []] } });
  assert.equal(select(db, 'child').length, 0);
  assert.deepEqual(select(db, 'root', ['friends']), [{ friends: ['set', []] }]);
});

test('a long chain of rows goes with its head', () => {
  const db = makeDb();
  const n = 5000;
  const chain = Array.from({ length: n }, (_, i) =>
    insert('child', { name: `c${i}`, ...(i + 1 < n ? { next: named(`c${i + 1}`) } : {}) }, `c${i}`),
  );
  ok(db, ...chain, insert('root', { name: 'r', children: named('c0') }));
  assert.equal(select(db, 'child').length, n);
  ok(db, { op: 'delete', table: 'root', where: [] });
  assert.equal(select(db, 'child').length, 0);
  assert.equal(db.atoms, 0);
});

test('a row that is referred to cannot be deleted, and a reference must lead to a row', () => {
  const db = makeDb();
  family(db);
  assert.match(
    failure(db, { op: 'delete', table: 'child', where: [['name', '==', 'a']] }),
    /^referential integrity violation: cannot delete child row .* because of 1 remaining reference\(s\)$/,
  );
  assert.match(
    failure(db, insert('root', { children: ['uuid', '00000000-0000-4000-8000-000000000001'] })),
    /^referential integrity violation: Table root column children row .* references nonexistent row .* in table child\.$/,
  );
});

test('weak references vanish with the row, unless the column may not be empty', () => {
  const db = makeDb();
  family(db);
  const b = ['uuid', (select(db, 'child', ['name', '_uuid'])[1]!['_uuid'] as readonly Json[])[1]!];
  ok(db, { op: 'mutate', table: 'root', where: [], mutations: [['children', 'delete', b]] });
  assert.deepEqual(select(db, 'root', ['friends']), [{ friends: ['set', []] }]);

  family2(db);
  assert.match(
    failure(db, { op: 'delete', table: 'root', where: [['name', '==', 's']] }),
    /^constraint violation: Deletion of 1 weak reference\(s\) .* "one" in "picky" row .* disallow an empty column\.$/,
  );
  assert.match(failure(db, insert('picky', {})), /contained all-zeros UUID/);
});

function family2(db: Database): void {
  ok(
    db,
    insert('child', { name: 'x', number: 7 }, 'x'),
    insert('root', { name: 's', children: named('x') }),
    insert('picky', { one: named('x') }),
  );
}

test('indexes are unique over all their columns, and rows may exchange values', () => {
  const db = makeDb();
  family(db);
  assert.match(
    failure(db, insert('child', { name: 'a', number: 5 }, 'n'), {
      op: 'mutate',
      table: 'root',
      where: [],
      mutations: [['children', 'insert', named('n')]],
    }),
    /^constraint violation: Transaction causes multiple rows in "child" table to have identical values \(a\) for index on column "name"\. {2}First row, with UUID .*, was inserted by this transaction\. {2}Second row, with UUID .*, existed in the database before this transaction and was not modified by the transaction\.$/,
  );
  ok(
    db,
    { op: 'update', table: 'child', where: [['number', '==', 1]], row: { name: 'b' } },
    { op: 'update', table: 'child', where: [['number', '==', 2]], row: { name: 'a' } },
  );
  assert.deepEqual(select(db, 'child', ['number', 'name']), [
    { number: 1, name: 'b' },
    { number: 2, name: 'a' },
  ]);
  assert.equal(
    ok(db, { op: 'select', table: 'child', where: [['name', '==', 'a']] })[0]!['rows']!.toString().length > 0,
    true,
  );
});

test('a query by index sees what the transaction did before', () => {
  const db = makeDb();
  family(db);
  const results = ok(
    db,
    { op: 'update', table: 'child', where: [['name', '==', 'a']], row: { name: 'z' } },
    { op: 'select', table: 'child', where: [['name', '==', 'z']], columns: ['number'] },
    { op: 'select', table: 'child', where: [['name', '==', 'a']], columns: ['number'] },
  );
  assert.deepEqual(results.slice(1), [{ rows: [{ number: 1 }] }, { rows: [] }]);
});

test('a table takes no more rows than its schema allows', () => {
  const db = makeDb();
  ok(db, insert('root', {}), insert('root', {}));
  assert.equal(
    failure(db, insert('root', {})),
    'constraint violation: transaction causes "root" table to contain 3 rows, greater than the schema-defined limit of 2 row(s)',
  );
});

test('conditions compare, include and exclude', () => {
  const db = makeDb();
  ok(db, insert('root', { name: 'r', options: ['map', [['k', 1]]], small: ['set', [1, 2]], real: 0.5 }));
  const matches = (...where: Json[]): boolean =>
    (ok(db, { op: 'select', table: 'root', where })[0]!['rows'] as readonly Json[]).length === 1;
  assert.ok(matches(['name', '==', 'r'], ['real', '<', 1], ['real', '>=', 0.5]));
  assert.ok(matches(['small', 'includes', 1]));
  assert.ok(!matches(['small', 'includes', ['set', [1, 3]]]));
  assert.ok(matches(['small', 'excludes', ['set', [0, 3]]]));
  assert.ok(matches(['options', 'includes', ['map', [['k', 1]]]]));
  assert.ok(!matches(['options', 'includes', ['map', [['k', 2]]]]));
  assert.ok(matches(['small', '!=', 1], true));
  assert.ok(!matches(false));
  assert.match(
    failure(db, { op: 'select', table: 'root', where: [['small', '<', 1]] }),
    /"<" operator may not be applied to column small of type set of up to 2 integers\.$/,
  );
  assert.equal(
    failure(db, { op: 'select', table: 'root', where: [['name', 'like', 'r']] }),
    'unknown function: No function named like.',
  );
});

test('mutations do arithmetic on every element, exactly and within constraints', () => {
  const db = makeDb();
  ok(
    db,
    insert('root', {
      small: ['set', [1, 2]],
      real: 1.5,
      options: [
        'map',
        [
          ['a', 1],
          ['b', 2],
        ],
      ],
    }),
  );
  const mutate = (...mutations: Json[]): Op => ({ op: 'mutate', table: 'root', where: [], mutations });
  ok(db, mutate(['small', '*=', 3], ['real', '/=', 2], ['options', 'delete', ['set', ['a']]]));
  assert.deepEqual(select(db, 'root', ['small', 'real', 'options']), [
    { small: ['set', [3, 6]], real: 0.75, options: ['map', [['b', 2]]] },
  ]);
  ok(
    db,
    mutate([
      'options',
      'insert',
      [
        'map',
        [
          ['b', 9],
          ['c', 9007199254740993n],
        ],
      ],
    ]),
  );
  assert.deepEqual(select(db, 'root', ['options']), [
    {
      options: [
        'map',
        [
          ['b', 2],
          ['c', 9007199254740993n],
        ],
      ],
    },
  ]);
  assert.equal(
    failure(db, mutate(['small', '+=', 9])),
    'constraint violation: 12 is not in the valid range 0 to 9 (inclusive)',
  );
  assert.equal(failure(db, mutate(['real', '/=', 0])), 'domain error: Division by zero.');
  assert.equal(
    failure(db, mutate(['small', '%=', 3])),
    'constraint violation: Result of "%=" operation contains duplicates.',
  );
  assert.equal(
    failure(db, mutate(['small', 'insert', ['set', [0, 1]]])),
    'constraint violation: Attempted to store 4 elements in set of up to 2 integers.',
  );
  assert.match(
    failure(db, mutate(['fixed', '+=', 1])),
    /Cannot mutate immutable column fixed in table root\./,
  );
});

test('64-bit arithmetic overflows as an error', () => {
  const db = makeDb();
  ok(
    db,
    insert('child', { name: 'm', number: 9223372036854775807n }, 'm'),
    insert('root', { children: named('m') }),
  );
  const bump: Op = { op: 'mutate', table: 'child', where: [], mutations: [['number', '+=', 1]] };
  assert.equal(failure(db, bump), 'range error: Result of "+=" operation is out of range.');
  ok(db, { ...bump, mutations: [['number', '-=', 9223372036854775807n]] });
  assert.deepEqual(select(db, 'child', ['number']), [{ number: 0 }]);
});

test('malformed operations are named in the error and stop the rest', () => {
  const db = makeDb();
  const results = run(db, insert('root', {}), { op: 'select', table: 'nix', where: [] }, insert('root', {}));
  assert.equal(results[1]!['details'], 'Parsing ovsdb operation 2 of 3 failed: No table named nix.');
  assert.equal(results[2], null);
  assert.match(failure(db, { op: 'frob' }), /Parsing ovsdb operation 1 of 1 failed: No operation "frob"$/);
  assert.match(
    failure(db, { op: 'insert', table: 'root', row: {}, extra: 1 }),
    /Member 'extra' is present but not allowed here\.$/,
  );
  assert.match(failure(db, insert('root', { nix: 1 })), /^unknown column: No column nix in table root\.$/);
  assert.match(
    failure(db, insert('root', {}, 'n'), insert('root', {}, 'n')),
    /^duplicate uuid-name: This "uuid-name" appeared on an earlier "insert" operation\.$/,
  );
  assert.match(failure(db, { op: 'abort' }), /^aborted: aborted by request$/);
  assert.match(failure(db, { op: 'assert', lock: 'l' }), /^not owner: Asserted lock l not held\.$/);
});

test('a wait that does not hold waits, or fails when its time is up', () => {
  const db = makeDb();
  ok(db, insert('root', { name: 'r' }));
  const wait = (until: string, name: string, timeout?: number): Op => ({
    op: 'wait',
    table: 'root',
    where: [],
    columns: ['name'],
    until,
    rows: [{ name }],
    ...(timeout === undefined ? {} : { timeout }),
  });
  ok(db, wait('==', 'r', 0), wait('!=', 's', 0));
  assert.equal(failure(db, wait('==', 's', 0)), 'timed out: "where" clause test failed');
  assert.deepEqual(compose(db, ['db', wait('==', 's', 100), wait('==', 's', 50)], { mayWait: true }), {
    kind: 'waiting',
    timeoutMs: 100,
  });
  const late = compose(db, ['db', wait('==', 's', 100)], { mayWait: true }, 120.7);
  assert.equal(late.kind, 'failed');
  assert.match(stringifyJson(late), /\\"wait\\" timed out after 120 ms/);
});

test('a version changes with the row and not without', () => {
  const db = makeDb();
  family(db);
  const version = (): Json => select(db, 'root', ['_version'])[0]!['_version']!;
  const before = version();
  ok(db, { op: 'update', table: 'root', where: [], row: { name: 'r' } });
  ok(
    db,
    { op: 'update', table: 'root', where: [], row: { name: 's' } },
    { op: 'update', table: 'root', where: [], row: { name: 'r' } },
  );
  assert.deepEqual(version(), before);
  ok(db, { op: 'update', table: 'root', where: [], row: { name: 's' } });
  assert.notDeepEqual(version(), before);
});
