/** No request, however odd, makes the database server throw, hang or leave the database in a bad state. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Stream } from '../../src/base/host.ts';
import { type Json, parseJson, stringifyJson } from '../../src/jsonrpc/json.ts';
import { METHODS } from '../../src/ovsdb/server/methods/methods.ts';
import { OvsdbServer } from '../../src/ovsdb/server/server.ts';
import { Session } from '../../src/ovsdb/server/session.ts';
import { simDatabase } from '../../src/sim/sim-database.ts';
import { SimHost } from '../../src/sim/sim-host.ts';

const SCHEMA = {
  name: 'db',
  tables: {
    T: {
      isRoot: true,
      columns: {
        name: { type: 'string' },
        map: { type: { key: 'string', value: 'integer', min: 0, max: 'unlimited' } },
        ref: { type: { key: { type: 'uuid', refTable: 'U' }, min: 0, max: 'unlimited' } },
        weak: { type: { key: { type: 'uuid', refTable: 'U', refType: 'weak' }, min: 0, max: 2 } },
      },
      indexes: [['name']],
    },
    U: { columns: { real: { type: 'real' }, flag: { type: 'boolean' } } },
  },
};

/** Words that mean something to the server, so that odd requests get beyond the first check. */
const WORDS = [
  'db',
  '_Server',
  'T',
  'U',
  'name',
  'map',
  'ref',
  'weak',
  'real',
  '_uuid',
  '_version',
  'set',
  'map',
  'uuid',
  'named-uuid',
  'insert',
  'select',
  'update',
  'mutate',
  'delete',
  'wait',
  'commit',
  'abort',
  'comment',
  'assert',
  '==',
  '!=',
  '<',
  'includes',
  '+=',
  '/=',
  'op',
  'table',
  'where',
  'row',
  'rows',
  'columns',
  'mutations',
  'until',
  'timeout',
  'initial',
  'm',
  '',
  '00000000-0000-4000-8000-000000000000',
  '__proto__',
  'constructor',
  'toString',
];
const word = fc.constantFrom(...WORDS);
const json = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    word,
    fc.integer(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(word, tie('value'), { maxKeys: 5 }),
  ),
})).value;

const operation = fc.record(
  {
    op: fc.constantFrom(
      'insert',
      'select',
      'update',
      'mutate',
      'delete',
      'wait',
      'commit',
      'comment',
      'assert',
    ),
    table: fc.constantFrom('T', 'U'),
    where: fc.oneof(fc.constant([]), fc.array(fc.tuple(word, word, json)), json),
    row: fc.oneof(fc.dictionary(word, json, { maxKeys: 3 }), json),
    mutations: fc.array(fc.tuple(word, word, json)),
    columns: fc.array(word),
    rows: fc.array(json),
    until: fc.constantFrom('==', '!='),
    timeout: json,
    durable: json,
    comment: json,
    'uuid-name': word,
  },
  { requiredKeys: ['op', 'table'] },
);
const method = fc.constantFrom(...METHODS.keys(), 'cancel', 'echo', 'nix');
const params = fc.oneof(
  fc.array(json, { maxLength: 4 }),
  fc.array(operation, { maxLength: 4 }).map((ops) => ['db', ...ops] as Json),
  fc.tuple(fc.constant('db'), json, fc.dictionary(fc.constantFrom('T', 'U'), json), json),
);

class FakeStream implements Stream {
  readonly name = 'fake';
  readonly backlog = 0;
  events: Stream['events'] = { data() {}, close() {} };
  sent = '';
  isClosed = false;
  send(bytes: Uint8Array): void {
    this.sent += new TextDecoder().decode(bytes);
  }
  pause(): void {}
  resume(): void {}
  close(): void {
    this.isClosed = true;
  }
  end(): void {
    this.isClosed = true;
  }
}

test('odd requests get a reply and nothing else happens', async () => {
  const host = new SimHost(1);
  const server = new OvsdbServer(host);
  const served = simDatabase(host, SCHEMA);
  server.addDatabase(served);
  await fc.assert(
    fc.asyncProperty(method, params, json, async (name, list, id) => {
      const stream = new FakeStream();
      const session = new Session(server, stream, { readOnly: false, maxBackoffMs: 0, probeIntervalMs: 0 });
      stream.events.data(new TextEncoder().encode(stringifyJson({ method: name, params: list, id })));
      await Promise.resolve();
      if (!stream.isClosed) {
        stream.events.data(new TextEncoder().encode('{"method":"list_dbs","params":[],"id":"end"}'));
        await Promise.resolve();
        assert.match(stream.sent, /\{"error":null,"id":"end","result":\["db"\]\}$/);
      }
      session.close();
      for (const table of served.db.tables.values())
        assert.equal(table.changes.size, 0, 'a transaction was left open');
      assert.ok(Array.isArray(parseJson(`[${stream.sent.replaceAll('}{', '},{')}]`)));
    }),
    { numRuns: 3000, interruptAfterTimeLimit: 5000 },
  );
});
