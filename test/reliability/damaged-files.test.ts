/**
 * Files that are cut short or altered at any byte: what is read of them, and what is said about it, is what the C tool
 * reads and says; what the server writes then follows the last whole record.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type Json, type JsonObject, parseJson, sortedJson, stringifyJson } from '../../src/jsonrpc/json.ts';
import { NodeHost } from '../../src/node/host.ts';
import { type ReadDatabase, readDatabase } from '../../src/ovsdb/file.ts';
import { composeRecord, OVSDB_MAGIC, OvsdbLog } from '../../src/ovsdb/log.ts';
import { OvsdbError } from '../../src/ovsdb/ovsdb-error.ts';
import { execute } from '../../src/ovsdb/transact/execute.ts';
import { DatabaseServer, databaseProgram, toolOf, whyNoReference } from '../support/database-server.ts';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovsdb-damaged-'));
after(() => fs.rmSync(dir, { recursive: true }));
const file = path.join(dir, 'db');
const host = new NodeHost();

const SCHEMA = { name: 'db', tables: { T: { isRoot: true, columns: { s: { type: 'string' } } } } };
const uuid = (n: number): string => `00000000-0000-4000-8000-00000000000${n}`;
const RECORDS = [
  SCHEMA,
  { T: { [uuid(1)]: { s: 'one' } }, _date: 1 },
  { T: { [uuid(2)]: { s: 'zwö \u{1f600}' } }, _date: 2, _comment: 'two' },
  { T: { [uuid(1)]: { s: 'three' } }, _date: 3, _is_diff: true },
].map((json) => composeRecord(OVSDB_MAGIC, stringifyJson(json)).slice());
const GOOD = Buffer.concat(RECORDS);
const ALL = [{ op: 'select', table: 'T', where: [], columns: ['_uuid', 's'] }];
const QUERY = stringifyJson(['db', ...ALL]);

const rows = (results: Json): string =>
  ((results as readonly JsonObject[])[0]!['rows'] as readonly Json[]).map(sortedJson).sort().join();

/** What the C tool prints: rows, or an error. */
function theirs(): string {
  const { status, stdout, stderr } = spawnSync(
    databaseProgram('theirs', 'ovsdb-tool'),
    ['query', file, QUERY],
    {
      encoding: 'utf8',
    },
  );
  return status === 0 ? rows(parseJson(stdout)) : stderr.trim().replace(/^ovsdb-tool: /, '');
}

/** What ours reads, and the error if there is one. */
function read(): { readonly found: ReadDatabase | undefined; readonly said: string } {
  let log: OvsdbLog | undefined;
  try {
    log = OvsdbLog.open(host.storage, file, [OVSDB_MAGIC, 'CLUSTER'], 'read');
    const found = readDatabase(log, host.random);
    const { error, isMalformed } = found;
    return { found, said: error && isMalformed ? error.message : rows(execute(found.db, ['db', ...ALL])) };
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
    return { found: undefined, said: error.message };
  } finally {
    log?.close();
  }
}

function compare(bytes: Uint8Array, what: string): ReadDatabase | undefined {
  fs.writeFileSync(file, bytes);
  const { found, said } = read();
  assert.equal(said, theirs(), what);
  return found;
}

const skip = { skip: whyNoReference(), timeout: 120_000 };

test(
  'a file that is cut short anywhere is read as by the C tool, and every whole record is kept',
  skip,
  () => {
    for (let length = GOOD.length; length >= 0; length--) {
      const found = compare(GOOD.subarray(0, length), `${length} bytes`);
      if (!found) continue;
      let whole = -1;
      for (let left = length; whole + 1 < RECORDS.length && left >= RECORDS[whole + 1]!.length; )
        left -= RECORDS[++whole]!.length;
      assert.equal(found.transactions, whole, `${length} bytes`);
    }
  },
);

test('a file with one byte altered anywhere is read as by the C tool', skip, () => {
  for (let at = 0; at < GOOD.length; at++) {
    const bytes = Buffer.from(GOOD);
    bytes[at]! ^= [0x01, 0x20, 0x04][at % 3]!;
    compare(bytes, `byte ${at} is ${bytes[at]}`);
  }
});

test('what follows the last record and is none is said in the words of the C tool', skip, () => {
  const record = (text: string): Uint8Array => composeRecord(OVSDB_MAGIC, text).slice();
  const tails: readonly (string | Uint8Array)[] = [
    '\n',
    'x',
    Buffer.alloc(4096),
    'OVSDB JSON 0 da39a3ee5e6b4b0d3255bfef95601890afd80709\n',
    'OVSDB JSON 99999999999999999999 da39a3ee5e6b4b0d3255bfef95601890afd80709\n',
    'OVSDB JSON 18446744073709551615 da39a3ee5e6b4b0d3255bfef95601890afd80709\n',
    'OVSDB JSON 4503599627370496 da39a3ee5e6b4b0d3255bfef95601890afd80709\n{}\n',
    'OVSDB JSON x da39a3ee5e6b4b0d3255bfef95601890afd80709\n{}\n',
    'OVSDB CLUSTER 5 da39a3ee5e6b4b0d3255bfef95601890afd80709\n{}\n',
    `OVSDB JSON ${'9'.repeat(200)}`,
    record('[]'),
    record('{"T":5}'),
    record('{"T":{"x":{}}}'),
    record(`{"T":{"${uuid(9)}":null}}`),
    record(`{"T":{"${uuid(1)}":5}}`),
    record(`{"T":{"${uuid(1)}":{"nix":1}}}`),
    record(`{"T":{"${uuid(1)}":{"s":1}}}`),
    record('{"U":{}}'),
    record('{"constructor":{}}'),
    record('{"__proto__":{}}'),
    record('{"_date":"x"}'),
    record('{"_comment":5}'),
    record('{'),
  ];
  for (const tail of tails) compare(Buffer.concat([GOOD, Buffer.from(tail)]), String(tail));
});

test('a server goes on after the last whole record', { timeout: 120_000 }, async () => {
  fs.rmSync(file, { force: true });
  const server = await DatabaseServer.start('ours', { schema: SCHEMA, dir });
  try {
    const ends = [
      RECORDS[0]!.length + 1,
      GOOD.length - 1,
      GOOD.length - RECORDS[3]!.length + 20,
      GOOD.length,
    ];
    for (const length of ends) {
      await server.kill('SIGTERM');
      fs.writeFileSync(file, GOOD.subarray(0, length));
      const kept = read().found!.db.tables.get('T')!.rows.size;
      await server.run();
      const client = await server.client();
      await client.request('transact', 'db', { op: 'insert', table: 'T', row: { s: 'new' } });
      const served = rows(await client.request('transact', 'db', ...ALL));
      client.close();
      for (const side of whyNoReference() ? (['ours'] as const) : (['ours', 'theirs'] as const))
        assert.equal(rows(parseJson(toolOf(side, 'query', file, QUERY))), served);
      assert.equal(served.split('"s"').length - 1, kept + 1, `${length} bytes`);
    }
  } finally {
    await server.stop();
  }
});
