/**
 * A server that is killed at any moment of a load of writes, compactions and conversions: when it starts again, every
 * transaction that was acknowledged is there, none is there in part, and the C tool reads the same from its file.
 * `KILL_ROUNDS=200` makes more rounds, `KILL_SEED` others.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { type Json, type JsonObject, parseJson, sortedJson, stringifyJson } from '../../src/jsonrpc/json.ts';
import { Random } from '../fuzz/mutate.ts';
import { type DatabaseClient, DatabaseServer, toolOf, whyNoReference } from '../support/database-server.ts';

const ROUNDS = Number(process.env['KILL_ROUNDS'] ?? 12);
const SEED = Number(process.env['KILL_SEED'] ?? 1);

const integers = { type: { key: 'integer', min: 0, max: 'unlimited' } };
/** A transaction adds to both tables; the version that is odd has a column more. */
const schema = (version: number): JsonObject => ({
  name: 'db',
  version: `${version}.0.0`,
  tables: {
    Left: {
      isRoot: true,
      columns: {
        id: { type: 'string' },
        right: { type: { key: { type: 'uuid', refTable: 'Right' } } },
        ...(version % 2 ? { more: integers } : {}),
      },
      indexes: [['id']],
    },
    Right: { columns: { id: { type: 'string' }, text: { type: 'string' } } },
    // So much that transactions come while it is compacted.
    Bulk: { isRoot: true, columns: { text: { type: 'string' } } },
    Last: { isRoot: true, columns: { writer: { type: 'string' }, n: { type: 'integer' }, all: integers } },
  },
});

const EVERYTHING: readonly JsonObject[] = [
  { op: 'select', table: 'Left', where: [], columns: ['id', 'right'] },
  { op: 'select', table: 'Right', where: [], columns: ['_uuid', 'id', 'text'] },
  { op: 'select', table: 'Last', where: [], columns: ['writer', 'n', 'all'] },
  { op: 'select', table: 'Bulk', where: [], columns: ['text'] },
];
const BULK_ROWS = 5000;

/** Transactions number 1, 2, 3 ... of one client. */
class Writer {
  readonly name: string;
  readonly durable: boolean;
  /** How many may be under way. */
  readonly depth: number;
  sent = 0;
  acknowledged = 0;

  constructor(name: string, durable: boolean, depth: number) {
    this.name = name;
    this.durable = durable;
    this.depth = depth;
  }

  #ops(n: number): JsonObject[] {
    const id = `${this.name}-${n}`;
    const last =
      n === 1
        ? { op: 'insert', table: 'Last', row: { writer: this.name, n, all: n } }
        : {
            op: 'mutate',
            table: 'Last',
            where: [['writer', '==', this.name]],
            mutations: [
              ['n', '+=', 1],
              ['all', 'insert', n],
            ],
          };
    return [
      { op: 'insert', table: 'Right', row: { id, text: 'x'.repeat((n * 37) % 300) }, 'uuid-name': 'r' },
      { op: 'insert', table: 'Left', row: { id, right: ['named-uuid', 'r'] } },
      last,
      ...(this.durable ? [{ op: 'commit', durable: true }] : []),
    ];
  }

  /** Writes until the connection ends. */
  async run(server: DatabaseServer): Promise<void> {
    const client = await server.client();
    try {
      await client.request('set_db_change_aware', true);
      await Promise.all(Array.from({ length: this.depth }, () => this.#loop(client)));
    } catch {
      // The server is gone.
    } finally {
      client.close();
    }
  }

  async #loop(client: DatabaseClient): Promise<void> {
    for (;;) {
      const n = ++this.sent;
      const reply = await client.request('transact', 'db', ...this.#ops(n));
      assert.ok(Array.isArray(reply), stringifyJson(reply));
      const failed = (reply as readonly (JsonObject | null)[]).find((result) => result && 'error' in result);
      assert.equal(failed, undefined, stringifyJson(reply));
      this.acknowledged = Math.max(this.acknowledged, n);
    }
  }
}

/** Compacts and converts, by turns. */
class Disturber {
  readonly #random: Random;
  version: number;
  /** That of a conversion which is not acknowledged. */
  pending: number | undefined;
  done = 0;

  constructor(random: Random, version: number) {
    this.#random = random;
    this.version = version;
  }

  async run(server: DatabaseServer): Promise<void> {
    const [client, control] = await Promise.all([server.client(), server.client('ctl')]);
    try {
      await client.request('set_db_change_aware', true);
      for (;;) {
        await new Promise((resolve) => setTimeout(resolve, this.#random.below(15)));
        if (this.#random.below(2) === 0) {
          this.pending = this.version + 1;
          const reply = await client.request('convert', 'db', schema(this.pending));
          assert.equal(stringifyJson(reply), '{}');
          this.version = this.pending;
          this.pending = undefined;
        } else await control.request('ovsdb-server/compact');
        this.done++;
      }
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    } finally {
      client.close();
      control.close();
    }
  }
}

const rowsOf = (results: Json, i: number): readonly JsonObject[] =>
  ((results as readonly JsonObject[])[i]!['rows'] as readonly JsonObject[] | undefined) ?? [];

/** The rows, in an order of their own. */
const contents = (results: Json): string =>
  EVERYTHING.map((_, i) => rowsOf(results, i).map(sortedJson).sort().join('\n')).join('\n\n');

function check(results: Json, writers: readonly Writer[]): void {
  const rights = new Map(rowsOf(results, 1).map((row) => [sortedJson(row['_uuid']!), row]));
  const lefts = rowsOf(results, 0);
  assert.equal(rights.size, lefts.length);
  const ids = new Set<string>();
  for (const left of lefts) {
    assert.equal(rights.get(sortedJson(left['right']!))!['id'], left['id']);
    ids.add(left['id'] as string);
  }
  let expected = 0;
  for (const { name, acknowledged, sent } of writers) {
    const row = rowsOf(results, 2).find((last) => last['writer'] === name);
    const n = (row?.['n'] as number | undefined) ?? 0;
    assert.ok(n >= acknowledged, `${name}: ${acknowledged} were acknowledged, ${n} are there`);
    assert.ok(n <= sent, `${name}: ${sent} were sent, ${n} are there`);
    for (let i = 1; i <= n; i++) assert.ok(ids.has(`${name}-${i}`), `${name}-${i} of ${n} is not there`);
    const all = row?.['all'] as Json[] | number | undefined;
    const count = all === undefined ? 0 : Array.isArray(all) ? (all[1] as unknown as Json[]).length : 1;
    assert.equal(count, n);
    expected += n;
  }
  assert.equal(ids.size, expected);
  assert.equal(rowsOf(results, 3).length, BULK_ROWS);
}

async function ask(server: DatabaseServer, ops: readonly JsonObject[]): Promise<Json> {
  const client = await server.client();
  try {
    return await client.request('transact', 'db', ...ops);
  } finally {
    client.close();
  }
}

test('a server that is killed keeps every transaction that it acknowledged, whole', {
  skip: whyNoReference(),
  timeout: ROUNDS * 20_000,
}, async (t) => {
  const random = new Random(SEED);
  const server = await DatabaseServer.start('ours', { schema: schema(0) });
  let version = 0;
  let transactions = 0;
  let disturbances = 0;
  try {
    const bulk = Array.from({ length: BULK_ROWS }, (_, i) => ({
      op: 'insert',
      table: 'Bulk',
      row: { text: `${'x'.repeat(80)}${i}` },
    }));
    await ask(server, bulk);
    for (let round = 0; round < ROUNDS; round++) {
      const writers = [
        new Writer(`r${round}a`, true, 1),
        new Writer(`r${round}b`, true, 8),
        new Writer(`r${round}c`, false, 1),
        new Writer(`r${round}d`, false, 16),
      ];
      const disturber = new Disturber(random, version);
      const work = [...writers, disturber].map((one) => one.run(server));
      await new Promise((resolve) => setTimeout(resolve, 5 + random.below(700)));
      await server.kill('SIGKILL');
      await Promise.all(work);

      const query = stringifyJson(['db', ...EVERYTHING]);
      const theirs = contents(parseJson(toolOf('theirs', 'query', server.file, query)));
      assert.equal(contents(parseJson(toolOf('ours', 'query', server.file, query))), theirs);
      await server.run();
      const served = await ask(server, EVERYTHING);
      assert.equal(contents(served), theirs);
      try {
        check(served, writers);
        const client = await server.client();
        const kept = (await client.request('get_schema', 'db')) as JsonObject;
        client.close();
        version = Number(String(kept['version']).split('.')[0]);
        assert.ok(version === disturber.version || version === disturber.pending);
      } catch (error) {
        throw new Error(
          `KILL_SEED=${SEED}, round ${round} (${path.basename(server.file)}): ${String(error)}`,
        );
      }
      transactions += writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
      disturbances += disturber.done;
      await ask(server, [
        { op: 'delete', table: 'Left', where: [] },
        { op: 'delete', table: 'Last', where: [] },
        { op: 'commit', durable: true },
      ]);
    }
  } finally {
    await server.stop();
  }
  t.diagnostic(`${ROUNDS} rounds, ${transactions} transactions, ${disturbances} compactions and conversions`);
  assert.ok(transactions > 0 && disturbances > 0);
});
