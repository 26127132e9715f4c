import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimHost } from '../sim/sim-host.ts';
import { Database } from './database.ts';
import { databaseToText } from './file.ts';
import { schemaFromJson } from './schema.ts';
import { execute } from './transact/execute.ts';

const numbers = { type: { key: 'integer', min: 0, max: 'unlimited' } };
const SCHEMA = schemaFromJson({
  name: 'db',
  tables: { A: { columns: { set: numbers } }, B: { columns: { set: numbers } } },
});

test('a snapshot has the rows of its beginning, whatever transactions come before its end', () => {
  const db = new Database(SCHEMA, new SimHost(1).random);
  const insert = (table: string, set: number) => ({ op: 'insert', table, row: { set } });
  execute(db, ['db', ...Array.from({ length: 250 }, (_, i) => insert('A', i)), insert('B', 1)]);
  const pieces = () => databaseToText(db, { wallMs: 0, useDiff: true });
  const before = [...pieces()].join('');
  const work = pieces();
  let text = work.next().value;
  execute(db, ['db', { op: 'mutate', table: 'B', where: [], mutations: [['set', 'insert', 2]] }]);
  execute(db, ['db', insert('B', 3), { op: 'delete', table: 'A', where: [['set', '>=', 0]] }]);
  execute(db, ['db', { op: 'delete', table: 'A', where: [] }]);
  for (const piece of work) text += piece;
  assert.equal(text, before);
});
