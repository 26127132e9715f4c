import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { JsonObject } from '../jsonrpc/json.ts';
import { NodeHost } from '../node/host.ts';
import { datumToJson } from './datum.ts';
import { openStandaloneLog, type ReadDatabase, readDatabase } from './file.ts';
import { composeRecord, OVSDB_MAGIC } from './log.ts';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovsdb-file-'));
after(() => fs.rmSync(dir, { recursive: true }));
const host = new NodeHost();
let files = 0;

const SCHEMA = {
  name: 'Test',
  version: '1.0.0',
  tables: {
    T: {
      columns: { name: { type: 'string' }, tags: { type: { key: 'string', min: 0, max: 'unlimited' } } },
      indexes: [['name']],
      isRoot: true,
    },
  },
};
const uuid = (i: number): string => `${i.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`;
/** Some more than what is read at once. */
const MANY = 14_000;
const rows = (count: number): Record<string, JsonObject> =>
  Object.fromEntries(
    Array.from({ length: count }, (_, i) => [uuid(i), { name: `r${i}`, tags: ['set', [`"{${i}`, 'é\\']] }]),
  );

/** Reads a file that consists of these records after the schema; a text stands for JSON. */
function read(...records: (JsonObject | string)[]): ReadDatabase & { text: (i: number) => string } {
  const file = path.join(dir, `${files++}.db`);
  const texts = [SCHEMA, ...records].map((json) => (typeof json === 'string' ? json : JSON.stringify(json)));
  fs.writeFileSync(file, Buffer.concat(texts.map((text) => composeRecord(OVSDB_MAGIC, text).slice())));
  const log = openStandaloneLog(host.storage, file, 'read');
  const result = readDatabase(log, host.random);
  log.close();
  const table = result.db.tables.get('T')!;
  const text = (i: number): string =>
    JSON.stringify(
      table.schema.columns.map((column) => datumToJson(table.rows.get(uuid(i))!.get(column), column.type)),
    );
  return { ...result, text };
}
const size = ({ db }: ReadDatabase): number => db.tables.get('T')!.rows.size;

test('a long first record is read row by row as a short one is as a whole', () => {
  const long = read({ T: rows(MANY), _date: 1 }, { T: { [uuid(0)]: { name: 'other' } } });
  const short = read({ T: rows(10), _date: 1 });
  assert.deepEqual([long.error, long.transactions, size(long)], [undefined, 2, MANY]);
  assert.equal(long.text(0), '["other",["set",["\\"{0","é\\\\"]]]');
  for (let i = 1; i < 10; i++) assert.equal(long.text(i), short.text(i));
  assert.equal(long.text(MANY - 1), `["r${MANY - 1}",["set",["\\"{${MANY - 1}","é\\\\"]]]`);
});

test('of a row that comes twice in one record the last counts, in a long record too', () => {
  const twice = (count: number): string => {
    const text = JSON.stringify({ T: rows(count) });
    return `${text.slice(0, -2)},"${uuid(1)}":{"name":"last"}}}`;
  };
  for (const count of [10, MANY]) {
    const result = read(twice(count));
    assert.equal(result.error, undefined);
    assert.equal(size(result), count);
    assert.equal(result.text(1), '["last",["set",[]]]');
  }
});

test('what is wrong with a long first record is said as of a short one, and none of it counts', () => {
  for (const [wrong, message] of [
    [(r: JsonObject) => ({ T: { ...r, x: {} } }), /"x" is not a valid UUID/],
    [(r: JsonObject) => ({ T: r, U: {} }), /No table named U\./],
    [(r: JsonObject) => ({ T: { ...r, [uuid(MANY)]: { name: 'r1' } } }), /identical values \(r1\) for index/],
    [(r: JsonObject) => `${JSON.stringify({ T: r }).slice(0, -2)},}}`, /are not valid JSON/],
  ] as const) {
    for (const count of [10, MANY]) {
      const result = read(wrong(rows(count)), { T: { [uuid(7)]: { name: 'unread' } } });
      assert.match(result.error!.message, message);
      assert.deepEqual([result.transactions, size(result)], [0, 0]);
    }
  }
});
