/**
 * Random transactions get the same answers from the C implementation's ovsdb-server and from ours, and leave the same
 * rows. Needs ovsdb-server and ovsdb-tool in PATH.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Json, sortedJson } from '../../src/jsonrpc/json.ts';
import { JsonRpc, type JsonRpcMessage } from '../../src/jsonrpc/jsonrpc.ts';
import { NodeStreams } from '../../src/node/streams/streams.ts';
import { Database } from '../../src/ovsdb/database.ts';
import { schemaFromJson } from '../../src/ovsdb/schema.ts';
import { execute } from '../../src/ovsdb/transact/execute.ts';
import { SimHost } from '../../src/sim/sim-host.ts';

const has = (program: string): boolean =>
  (process.env['PATH'] ?? '').split(':').some((dir) => fs.existsSync(path.join(dir, program)));
const missing = ['ovsdb-server', 'ovsdb-tool'].filter((program) => !has(program));

const many = (key: Json, value?: Json): Json => ({
  type: { key, ...(value === undefined ? {} : { value }), min: 0, max: 'unlimited' },
});
const ref = (refTable: string, refType: string): Json => ({ type: 'uuid', refTable, refType });

const SCHEMA = {
  name: 'db',
  version: '1.0.0',
  tables: {
    A: {
      isRoot: true,
      columns: {
        name: { type: 'string' },
        n: { type: { key: { type: 'integer', minInteger: -5, maxInteger: 20 } } },
        tags: many('integer'),
        map: many('string', 'integer'),
        strong: many(ref('B', 'strong')),
        weak: many(ref('B', 'weak')),
        pair: { type: { key: 'integer', min: 0, max: 2 } },
      },
      indexes: [['name']],
    },
    B: {
      columns: {
        name: { type: 'string' },
        real: { type: 'real' },
        next: many(ref('B', 'strong')),
        owner: many('string', ref('A', 'weak')),
      },
      indexes: [['name', 'real']],
    },
  },
} as const;

type Op = Readonly<Record<string, Json>>;

const uuid = (table: 'A' | 'B', i: number): string =>
  `${table === 'A' ? 'a' : 'b'}0000000-0000-4000-8000-00000000000${i}`;
const anyRef = (table: 'A' | 'B'): fc.Arbitrary<Json> => fc.nat(5).map((i) => ['uuid', uuid(table, i)]);
const setOf = (item: fc.Arbitrary<Json>, max = 3): fc.Arbitrary<Json> =>
  fc.uniqueArray(item, { maxLength: max, selector: sortedJson }).map((items) => ['set', items]);
const small = fc.integer({ min: -6, max: 21 });
const word = fc.constantFrom('x', 'y', 'z', '', 'a b');
const half = fc.constantFrom(0, 0.5, 1, -2.5);

const COLUMNS: Readonly<Record<'A' | 'B', Readonly<Record<string, fc.Arbitrary<Json>>>>> = {
  A: {
    name: word,
    n: small,
    tags: setOf(small),
    map: fc.dictionary(word, small, { maxKeys: 3 }).map((o) => ['map', Object.entries(o)]),
    strong: setOf(anyRef('B')),
    weak: setOf(anyRef('B')),
    pair: setOf(small, 2),
  },
  B: {
    name: word,
    real: half,
    next: setOf(anyRef('B'), 1),
    owner: fc.tuple(word, anyRef('A')).map((pair) => ['map', [pair]]),
  },
};

const table = fc.constantFrom<'A' | 'B'>('A', 'B');
const row = (t: 'A' | 'B'): fc.Arbitrary<Op> =>
  fc.record(COLUMNS[t], { requiredKeys: [] }) as fc.Arbitrary<Op>;
const column = (t: 'A' | 'B'): fc.Arbitrary<string> => fc.constantFrom(...Object.keys(COLUMNS[t]));
const clause = (t: 'A' | 'B'): fc.Arbitrary<Json> =>
  column(t).chain((name) =>
    fc
      .tuple(fc.constantFrom('==', '!=', 'includes', 'excludes', '<', '>='), COLUMNS[t][name]!)
      .map(([fn, value]) => [name, fn, value]),
  );
const where = (t: 'A' | 'B'): fc.Arbitrary<Json> => fc.array(clause(t), { maxLength: 2 });
const mutation = (t: 'A' | 'B'): fc.Arbitrary<Json> =>
  column(t).chain((name) =>
    fc
      .tuple(
        fc.constantFrom('+=', '-=', '*=', '/=', '%=', 'insert', 'delete'),
        fc.oneof(COLUMNS[t][name]!, small),
      )
      .map(([mutator, value]) => [name, mutator, value]),
  );

const operation: fc.Arbitrary<Op> = table.chain((t) =>
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        op: fc.constant('insert'),
        table: fc.constant(t),
        row: row(t),
        uuid: fc.nat(5).map((i) => uuid(t, i)),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant('update'),
        table: fc.constant(t),
        where: where(t),
        row: row(t),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        op: fc.constant('mutate'),
        table: fc.constant(t),
        where: where(t),
        mutations: fc.array(mutation(t), { maxLength: 2 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ op: fc.constant('delete'), table: fc.constant(t), where: where(t) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        op: fc.constant('select'),
        table: fc.constant(t),
        where: where(t),
        columns: fc.uniqueArray(column(t), { minLength: 1 }),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        op: fc.constant('wait'),
        table: fc.constant(t),
        where: where(t),
        columns: fc.constant(['name']),
        until: fc.constantFrom('==', '!='),
        rows: fc.array(word.map((name) => ({ name }))),
        timeout: fc.constant(0),
      }),
    },
  ),
) as fc.Arbitrary<Op>;

/** The answer with what depends on the order of a hash table taken out. */
function comparable(answer: Json): string {
  return sortedJson(
    (answer as readonly (Op | null)[]).map((result) => {
      const rows = result?.['rows'];
      if (Array.isArray(rows)) return (rows as readonly Json[]).map(sortedJson).sort();
      // Which of several wrong things a message names is a matter of order too.
      return result && 'error' in result ? { error: result['error']! } : result;
    }),
  );
}

const all = (t: 'A' | 'B'): Op => ({
  op: 'select',
  table: t,
  where: [],
  columns: ['_uuid', ...Object.keys(COLUMNS[t])],
});
const EVERYTHING: readonly Op[] = [all('A'), all('B')];

class ReferenceServer {
  readonly #process: ChildProcess;
  readonly #rpc: JsonRpc;
  #answer: (message: JsonRpcMessage) => void = () => {};

  private constructor(child: ChildProcess, rpcOf: (server: ReferenceServer) => JsonRpc) {
    this.#process = child;
    this.#rpc = rpcOf(this);
  }

  static async start(dir: string): Promise<ReferenceServer> {
    const schema = path.join(dir, 'schema');
    const db = path.join(dir, 'db');
    const socket = path.join(dir, 's');
    fs.writeFileSync(schema, sortedJson(SCHEMA as unknown as Json));
    const env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir };
    execFileSync('ovsdb-tool', ['create', db, schema], { env });
    const child = spawn(
      'ovsdb-server',
      [`--remote=punix:${socket}`, `--unixctl=${dir}/ctl`, '-vconsole:off', db],
      {
        env,
        stdio: 'ignore',
      },
    );
    while (!fs.existsSync(socket)) await new Promise((resolve) => setTimeout(resolve, 10));
    return new Promise((resolve, reject) => {
      new NodeStreams(dir, false).connect(`unix:${socket}`, 0, {
        connected: (stream) =>
          resolve(
            new ReferenceServer(
              child,
              (server) => new JsonRpc(stream, { message: (m) => server.#answer(m), closed: () => {} }),
            ),
          ),
        failed: reject,
      });
    });
  }

  execute(ops: readonly Op[]): Promise<Json> {
    return new Promise((resolve) => {
      this.#answer = (m) => resolve(m.type === 'reply' ? m.result : null);
      this.#rpc.send({ type: 'request', method: 'transact', params: ['db', ...ops], id: 0 });
    });
  }

  stop(): void {
    this.#rpc.close();
    this.#process.kill();
  }
}

test('random transactions get the answers of the C ovsdb-server', {
  skip: missing.length > 0 && `${missing.join(' and ')} not installed`,
  timeout: 60_000,
}, async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovsdb-diff-'));
  const reference = await ReferenceServer.start(dir);
  try {
    const ours = new Database(schemaFromJson(SCHEMA as unknown as Json), new SimHost(1).random);
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 4 }), async (ops) => {
        const expected = await reference.execute(ops);
        const actual = execute(ours, ['db', ...ops]);
        assert.equal(
          comparable(actual),
          comparable(expected),
          sortedJson([ops as unknown as Json, expected, actual]),
        );
        assert.equal(
          comparable(execute(ours, ['db', ...EVERYTHING])),
          comparable(await reference.execute(EVERYTHING)),
          `rows after ${sortedJson(ops as unknown as Json)}`,
        );
      }),
      // Each run builds on the rows of those before, so a failure cannot be shrunk by repeating it.
      { numRuns: 3000, interruptAfterTimeLimit: 4000, endOnFailure: true },
    );
  } finally {
    reference.stop();
    fs.rmSync(dir, { recursive: true });
  }
});
