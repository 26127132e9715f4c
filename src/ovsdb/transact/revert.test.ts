import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimHost } from '../../sim/sim-host.ts';
import { Database } from '../database.ts';
import { schemaFromJson } from '../schema.ts';
import { compose } from './execute.ts';
import type { Transaction } from './transaction.ts';

const SCHEMA = schemaFromJson({
  name: 'db',
  tables: {
    Root: {
      isRoot: true,
      columns: {
        name: { type: 'string' },
        children: { type: { key: { type: 'uuid', refTable: 'Child' }, min: 0, max: 'unlimited' } },
        friends: {
          type: { key: { type: 'uuid', refTable: 'Child', refType: 'weak' }, min: 0, max: 'unlimited' },
        },
      },
      indexes: [['name']],
    },
    Child: { columns: { n: { type: 'integer' } } },
  },
});

/** Everything that a transaction may change, the counts and maps that it keeps too. */
function everything(db: Database): unknown {
  return [...db.tables.values()].map((table) => [
    db.atoms,
    [...table.rows.values()]
      .map(({ uuid, refs, fields }) => [uuid, refs, fields.map(({ keys }) => [...keys])] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1)),
    table.indexes.map((index) => [...index].sort()),
    [...table.referrers]
      .map(([uuid, from]) => [uuid, [...from].map(([id, { count }]) => [id, count]).sort()])
      .sort(),
  ]);
}

const name = fc.constantFrom('a', 'b', 'c', 'd');
const operations = fc.oneof(
  fc.tuple(name, fc.boolean()).map(([n, isFriend]) => [
    { op: 'insert', table: 'Child', 'uuid-name': 'x', row: { n: 1 } },
    {
      op: 'insert',
      table: 'Root',
      row: { name: n, children: ['named-uuid', 'x'], ...(isFriend ? { friends: ['named-uuid', 'x'] } : {}) },
    },
  ]),
  name.map((n) => [{ op: 'delete', table: 'Root', where: [['name', '==', n]] }]),
  name.map((n) => [
    { op: 'update', table: 'Root', where: [['name', '==', n]], row: { children: ['set', []] } },
  ]),
  fc.integer({ min: 0, max: 9 }).map((n) => [{ op: 'update', table: 'Child', where: [], row: { n } }]),
);

test('transactions that are undone, the last first, leave nothing, and done again they make the same', () => {
  fc.assert(
    fc.property(
      fc.array(operations, { maxLength: 8 }),
      fc.array(operations, { maxLength: 8 }),
      (before, then) => {
        const db = new Database(SCHEMA, new SimHost().random);
        const carryOut = (ops: object[]): Transaction | undefined => {
          const composed = compose(db, ['db', ...ops] as never);
          if (composed.kind !== 'ready') return undefined;
          try {
            composed.txn.prepare();
          } catch {
            composed.txn.abort();
            return undefined;
          }
          composed.txn.completeSilently();
          return composed.txn;
        };
        for (const ops of before) carryOut(ops);
        const old = everything(db);
        const done = then.flatMap((ops) => carryOut(ops) ?? []);
        const made = everything(db);
        for (const txn of done.toReversed()) txn.revert();
        assert.deepEqual(everything(db), old);
        let told = 0;
        db.listeners.add(() => told++);
        for (const txn of done) txn.redo();
        assert.deepEqual(everything(db), made);
        assert.equal(told, done.filter(({ changes }) => changes.length > 0).length);
      },
    ),
  );
});
