import assert from 'node:assert/strict';
import { test } from 'node:test';
import { captureLog } from '../../../test/support/log-capture.ts';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import { SimClient } from '../../sim/sim-client.ts';
import {
  createDatabaseFile,
  inVirtualTime,
  pass,
  type SimServer,
  startSimServer,
} from '../../sim/sim-database.ts';
import { SimHost } from '../../sim/sim-host.ts';

const SOURCE = 'unix:/run/source.sock';
const RELAY = 'unix:/run/relay.sock';
const FILE = '/db/source.db';
const SCHEMA = {
  name: 'db',
  version: '1.0.0',
  tables: {
    T: {
      isRoot: true,
      columns: { name: { type: 'string' }, set: { type: { key: 'integer', min: 0, max: 'unlimited' } } },
      indexes: [['name']],
    },
  },
} as const;
const ZEROS = '00000000-0000-0000-0000-000000000000';
const id = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

const insert = (name: string, set: readonly number[] = []): JsonObject => ({
  op: 'insert',
  table: 'T',
  row: { name, set: ['set', set] },
});
const names = async (client: SimClient): Promise<Json[]> => {
  const [{ rows }] = (await client.call('transact', 'db', {
    op: 'select',
    table: 'T',
    where: [],
    columns: ['name'],
  })) as unknown as [{ rows: { name: Json }[] }];
  return rows.map((row) => row.name).sort();
};

/** The relay's row in its database _Server. */
async function state(client: SimClient): Promise<JsonObject> {
  const [{ rows }] = (await client.call('transact', '_Server', {
    op: 'select',
    table: 'Database',
    where: [['name', '==', 'db']],
    columns: ['model', 'connected', 'leader', 'schema'],
  })) as unknown as [{ rows: JsonObject[] }];
  return { ...rows[0]!, schema: typeof rows[0]!['schema'] === 'string' };
}

/** A source, a relay of it, and a client of each. */
async function world() {
  const host = new SimHost();
  createDatabaseFile(host, SCHEMA, FILE);
  const source = await startSimServer(host, SOURCE, [FILE]);
  const relay = await startSimServer(host, RELAY, [`relay:db:${SOURCE}`]);
  await pass(host, 50);
  return {
    host,
    source,
    relay,
    atSource: await SimClient.connect(host, SOURCE),
    atRelay: await SimClient.connect(host, RELAY),
  };
}

test('a relay offers what its source has and passes on what its clients write', async () => {
  const { host, atSource, atRelay } = await world();
  await atSource.call('transact', 'db', insert('a'));
  await pass(host, 10);
  assert.deepEqual(await names(atRelay), ['a']);
  await atRelay.call('monitor', 'db', 'm', { T: { columns: ['name'] } });
  const results = (await atRelay.call('transact', 'db', insert('b'), insert('c'))) as JsonObject[];
  assert.ok(results.every((result) => Array.isArray(result['uuid'])));
  // The change precedes the reply, as it does where it was made.
  assert.equal(atRelay.heard.length, 1);
  assert.deepEqual(await names(atSource), ['a', 'b', 'c']);
  assert.deepEqual(await names(atRelay), ['a', 'b', 'c']);
});

test('the source has the last word on what is written', async () => {
  const { atSource, atRelay } = await world();
  await atSource.call('transact', 'db', insert('a'));
  const [, error] = (await atRelay.call('transact', 'db', insert('a'))) as JsonObject[];
  assert.equal(error!['error'], 'constraint violation');
  const [, aborted] = (await atRelay.call('transact', 'db', insert('x'), { op: 'abort' })) as JsonObject[];
  assert.equal(aborted!['error'], 'aborted');
  assert.deepEqual(await names(atSource), ['a']);
});

test('a wait is answered when the source changes', async () => {
  const { host, atSource, atRelay } = await world();
  const waiting = atRelay.send('transact', 'db', {
    op: 'wait',
    table: 'T',
    where: [['name', '==', 'a']],
    columns: ['name'],
    until: '==',
    rows: [{ name: 'a' }],
  });
  await pass(host, 100);
  await atSource.call('transact', 'db', insert('a'));
  assert.deepEqual(await inVirtualTime(host, waiting), [{}]);
});

test('a relay says whether it has a source, and waits for it', async () => {
  const host = new SimHost();
  await startSimServer(host, RELAY, [`relay:db:${SOURCE}`]);
  const client = await SimClient.connect(host, RELAY);
  assert.deepEqual(await client.call('list_dbs'), ['_Server', 'db']);
  await assert.rejects(client.call('get_schema', 'db'), /"database not available"/);
  assert.deepEqual(await state(client), { model: 'relay', connected: false, leader: false, schema: false });

  createDatabaseFile(host, SCHEMA, FILE);
  let source: SimServer = await startSimServer(host, SOURCE, [FILE]);
  await pass(host, 10_000);
  // It did not know of such changes.
  assert.ok(client.isClosed);
  const again = await SimClient.connect(host, RELAY);
  assert.deepEqual(await state(again), { model: 'relay', connected: true, leader: false, schema: true });
  await again.call('transact', 'db', insert('a'));

  source.program.stop();
  await pass(host, 1000);
  const written = again.send('transact', 'db', insert('b'));
  // The source may be back soon.
  assert.equal((await state(again))['connected'], true);
  await pass(host, 30_000);
  assert.equal((await state(again))['connected'], false);
  assert.deepEqual(await names(again), ['a']);

  source = await startSimServer(host, SOURCE, [FILE]);
  assert.equal(((await inVirtualTime(host, written)) as Json[]).length, 1);
  assert.equal((await state(again))['connected'], true);
  assert.deepEqual(await names(again), ['a', 'b']);
});

test('a transaction whose fate is unknown is canceled', async () => {
  const { host, source, atRelay } = await world();
  // The relay's connection is the first one.
  const [toRelay] = source.program.server.sessions;
  toRelay!.rpc.rpc!.pause();
  const sent = atRelay.send('transact', 'db', insert('a'));
  await pass(host, 100);
  toRelay!.close();
  await assert.rejects(inVirtualTime(host, sent), /"canceled"/);
});

test('a client with many transactions under way is listened to again when they have ended', async () => {
  const { host, source, atSource, atRelay } = await world();
  const [toRelay] = source.program.server.sessions;
  toRelay!.rpc.rpc!.pause();
  const sent = Array.from({ length: 3000 }, (_, n) => atRelay.send('transact', 'db', insert(`n${n}`)));
  await pass(host, 100);
  assert.equal(source.program.server.databases.get('db')!.db.tables.get('T')!.rows.size, 0);
  toRelay!.rpc.rpc!.resume();
  const results = (await inVirtualTime(host, Promise.all(sent))) as JsonObject[][];
  assert.ok(results.every(([result]) => result!['uuid'] !== undefined));
  assert.equal((await names(atSource)).length, 3000);
});

test('the schema follows the source', async () => {
  const { host, atSource, atRelay } = await world();
  await atSource.call('set_db_change_aware', true);
  await atSource.call('transact', 'db', insert('a'));
  const aware = await SimClient.connect(host, RELAY);
  await aware.call('set_db_change_aware', true);
  await aware.call('monitor', 'db', 'm', { T: {} });
  const columns = { ...SCHEMA.tables.T.columns, more: { type: 'string' } };
  const tables = { T: { ...SCHEMA.tables.T, columns } };
  await atSource.call('convert', 'db', { ...SCHEMA, version: '2.0.0', tables });
  await pass(host, 5000);
  assert.ok(atRelay.isClosed);
  assert.deepEqual(aware.heard.at(-1), ['monitor_canceled', ['m']]);
  assert.equal(((await aware.call('get_schema', 'db')) as JsonObject)['version'], '2.0.0');
  assert.deepEqual(await names(aware), ['a']);
  await assert.rejects(aware.call('convert', 'db', SCHEMA), /conversion is not allowed/);
});

test('a relay may be the source of another', async () => {
  const { host, atSource } = await world();
  const second = 'unix:/run/second.sock';
  await startSimServer(host, second, [`relay:db:${RELAY}`]);
  await pass(host, 100);
  const client = await SimClient.connect(host, second);
  await client.call('transact', 'db', insert('a'));
  assert.deepEqual(await names(atSource), ['a']);
  assert.deepEqual(await names(client), ['a']);
});

test('another of several sources is used when one is gone', async () => {
  const host = new SimHost();
  createDatabaseFile(host, SCHEMA, FILE);
  const source = await startSimServer(host, SOURCE, [FILE]);
  await source.appctl('ovsdb-server/add-remote', 'punix:/run/other.sock');
  await startSimServer(host, RELAY, [`relay:db:unix:/run/none.sock,${SOURCE},unix:/run/other.sock`]);
  await pass(host, 100);
  const client = await SimClient.connect(host, RELAY);
  await client.call('transact', 'db', insert('a'));
  await source.appctl('ovsdb-server/remove-remote', `p${SOURCE}`);
  await pass(host, 10_000);
  await client.call('transact', 'db', insert('b'));
  assert.deepEqual(await names(client), ['a', 'b']);
});

test('the names of remotes in the replica are for the source to use, and their state is not written', async () => {
  const { host, relay, atRelay } = await world();
  await atRelay.call('transact', 'db', insert('punix:/run/extra.sock'));
  await relay.appctl('ovsdb-server/add-remote', 'db:db,T,name');
  await pass(host, 5000);
  const extra = await SimClient.connect(host, 'unix:/run/extra.sock');
  assert.deepEqual(await names(extra), ['punix:/run/extra.sock']);
});

test('remotes that a replica names are there when it is', async () => {
  const host = new SimHost();
  createDatabaseFile(host, SCHEMA, FILE);
  const log = captureLog(['warn', 'err', 'emer']);
  await startSimServer(host, RELAY, [`relay:db:${SOURCE}`], { id: 'remote', value: 'db:db,T,name' });
  await pass(host, 5000);
  const source = await startSimServer(host, SOURCE, [FILE]);
  await (await SimClient.connect(host, SOURCE)).call('transact', 'db', insert('punix:/run/extra.sock'));
  await pass(host, 10_000);
  log.stop();
  assert.deepEqual(log.lines, []);
  assert.deepEqual(await names(await SimClient.connect(host, 'unix:/run/extra.sock')), [
    'punix:/run/extra.sock',
  ]);
  source.program.stop();
});

/** A source that does what the test says: it offers the database with transaction ids, as a cluster does. */
class ScriptedSource {
  readonly host: SimHost;
  /** For each request of the relay for its contents: the last transaction that it knew. */
  readonly asked: Json[] = [];
  /** The answer to the next such request. */
  contents: Json = [false, id(1), {}];
  /** The connection of the relay. */
  relay: SimClient | undefined;

  constructor(host: SimHost) {
    this.host = host;
  }

  async listen(): Promise<void> {
    await this.host.streams.listen(`p${SOURCE}`, 0, (stream) => {
      this.relay = new SimClient(this.host, stream);
      this.relay.answer = (method, params) => this.#answer(method, params);
    });
  }

  #answer(method: string, params: readonly Json[]): Json | undefined {
    if (method === 'monitor_cond') {
      const row = { name: 'db', model: 'standalone', connected: true, leader: true };
      return { Database: { [id(99)]: { initial: row } } };
    }
    if (method === 'get_schema') return SCHEMA;
    if (method === 'monitor_cond_since') {
      this.asked.push(params[3]!);
      return this.contents;
    }
    return {};
  }

  update(txn: number, rows: Json): void {
    this.relay!.notify('update3', ['monid', 'db'], id(txn), { T: rows });
  }
}

async function scripted() {
  const host = new SimHost();
  const source = new ScriptedSource(host);
  await source.listen();
  source.contents = [false, id(1), { T: { [id(11)]: { initial: { name: 'a' } } } }];
  await startSimServer(host, RELAY, [`relay:db:${SOURCE}`]);
  await pass(host, 100);
  return { host, source, client: await SimClient.connect(host, RELAY) };
}

test('a relay asks only for what it has missed', async () => {
  const { host, source, client } = await scripted();
  source.update(2, { [id(12)]: { insert: { name: 'b' } } });
  await pass(host, 10);
  assert.deepEqual(await names(client), ['a', 'b']);
  source.contents = [true, id(3), { T: { [id(11)]: { delete: null } } }];
  source.relay!.close();
  await pass(host, 5000);
  assert.deepEqual(source.asked, [ZEROS, id(2)]);
  assert.deepEqual(await names(client), ['b']);
  // All that happened too long ago for a difference: what is not in the answer is not there any more.
  source.contents = [false, id(9), { T: { [id(12)]: { initial: { name: 'b2' } } } }];
  await client.call('monitor_cond', 'db', 'm', { T: [{ columns: ['name'] }] });
  source.relay!.close();
  await pass(host, 5000);
  assert.deepEqual(client.heard, [['update2', ['m', { T: { [id(12)]: { modify: { name: 'b2' } } } }]]]);
});

test('a client goes on at a relay where it was, by the names that the source gave to transactions', async () => {
  const { host, source, client } = await scripted();
  for (let n = 2; n <= 5; n++) {
    source.update(n, { [id(10 + n)]: { insert: { name: `n${n}` } } });
    await pass(host, 10);
  }
  const since = (last: string): Promise<Json> =>
    client.call('monitor_cond_since', 'db', last, { T: [{ columns: ['name'] }] }, last);
  assert.deepEqual(await since(id(4)), [true, id(5), { T: { [id(15)]: { insert: { name: 'n5' } } } }]);
  assert.deepEqual(await since(id(5)), [true, id(5), {}]);
  const [found, , all] = (await since(id(77))) as [Json, Json, { T: JsonObject }];
  assert.equal(found, false);
  assert.equal(Object.keys(all.T).length, 5);
});

test('a replica that does not fit the updates is fetched anew', async () => {
  const { host, source, client } = await scripted();
  source.contents = [false, id(4), { T: { [id(13)]: { initial: { name: 'c', set: ['set', [1, 2]] } } } }];
  source.update(3, { [id(77)]: { modify: { name: 'x' } } });
  await pass(host, 5000);
  assert.deepEqual(source.asked, [ZEROS, ZEROS]);
  assert.deepEqual(await names(client), ['c']);
});
