import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import { SimEtcd, type SimEtcdClient } from '../../sim/sim-etcd.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { createClusteredDatabase } from '../cluster/create.ts';
import { Layout } from '../cluster/layout.ts';
import { databaseToText } from '../file.ts';
import { schemaFromJson } from '../schema.ts';
import { Clustered } from './clustered.ts';
import type { Outcome } from './service-model.ts';

const SCHEMA = schemaFromJson({
  name: 'db',
  version: '1.0.0',
  tables: {
    T: {
      isRoot: true,
      columns: { token: { type: 'string' }, text: { type: 'string' } },
      indexes: [['token']],
    },
    Counter: { isRoot: true, maxRows: 1, columns: { n: { type: 'integer' } } },
  },
});
const PREFIX = 'ovsdb/db';

class Server {
  readonly client: SimEtcdClient;
  readonly model: Clustered;
  /** Tokens of the rows in the order in which they came about here. */
  readonly order: string[] = [];
  isAlive = true;

  private constructor(client: SimEtcdClient, model: Clustered) {
    this.client = client;
    this.model = model;
    model.served.db.listeners.add(({ changes }) => {
      for (const { table, old, row } of changes)
        if (table.name === 'T' && row && !old) this.order.push(String(row.fields[0]!.keys[0]));
    });
  }

  static async start(host: SimHost, etcd: SimEtcd): Promise<Server | undefined> {
    const client = etcd.connect();
    const opening = Clustered.open(host, 'etcd:sim', client, PREFIX).catch(() => undefined);
    const model = await inTime(host, opening);
    return model && new Server(client, model);
  }

  transact(...operations: Json[]): Promise<Outcome> {
    return new Promise((resolve) => {
      this.model.served.triggers.run(['db', ...operations], { ownsLock: () => false }, resolve);
    });
  }

  /** Without a farewell to etcd. */
  kill(): void {
    this.isAlive = false;
    this.client.isCut = true;
    this.model.close();
  }

  get text(): string {
    const { db } = this.model.served;
    const text = [...databaseToText(db, { wallMs: 0, useDiff: false })].join('');
    const { T, Counter } = JSON.parse(text) as Record<string, JsonObject>;
    return JSON.stringify(
      [T, Counter].map((table) => Object.entries(table ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))),
    );
  }
}

/** What comes of a promise in virtual time. */
async function inTime<T>(host: SimHost, promise: Promise<T>): Promise<T> {
  let isSettled = false;
  void promise.finally(() => {
    isSettled = true;
  });
  for (let i = 0; i < 100_000 && !isSettled; i++) await host.pass(10, turn);
  return promise;
}

async function cluster(seed: number): Promise<{ host: SimHost; etcd: SimEtcd }> {
  const host = new SimHost(seed);
  const etcd = new SimEtcd(host);
  const layout = new Layout(PREFIX);
  const creating = createClusteredDatabase(host, etcd.connect(), layout, SCHEMA, {
    Counter: { '11111111-1111-1111-1111-111111111111': { n: 0 } },
  });
  await inTime(host, creating);
  return { host, etcd };
}

const start = async (host: SimHost, etcd: SimEtcd): Promise<Server> => {
  const server = await Server.start(host, etcd);
  assert.ok(server);
  await host.pass(1000, turn);
  return server;
};

const insert = (token: string, text = ''): JsonObject => ({ op: 'insert', table: 'T', row: { token, text } });
const count: Json[] = [
  { op: 'select', table: 'Counter', where: [], columns: ['n'] },
  { op: 'mutate', table: 'Counter', where: [], mutations: [['n', '+=', 1]] },
];
const results = (outcome: Outcome): readonly JsonObject[] => {
  assert.equal(outcome.kind, 'results');
  return (outcome as { readonly results: readonly JsonObject[] }).results;
};
const errorOf = (outcome: Outcome): Json | undefined =>
  results(outcome).find((result) => result?.['error'] !== undefined)?.['error'];

test('what one server commits, all show', async () => {
  const { host, etcd } = await cluster(1);
  const [a, b] = [await start(host, etcd), await start(host, etcd)];
  assert.equal(errorOf(await inTime(host, a.transact(insert('x')))), undefined);
  assert.equal(errorOf(await inTime(host, b.transact(insert('y')))), undefined);
  assert.equal(errorOf(await inTime(host, a.transact(insert('y')))), 'constraint violation');
  await host.pass(100, turn);
  assert.deepEqual(a.order, ['x', 'y']);
  assert.deepEqual(b.order, ['x', 'y']);
  assert.equal(a.text, b.text);
  const c = await start(host, etcd);
  assert.equal(c.text, a.text);
  assert.deepEqual(
    { ...c.model.status, sid: '', cid: '' },
    {
      model: 'clustered',
      connected: true,
      leader: true,
      index: 2,
      sid: '',
      cid: '',
    },
  );
  assert.equal(c.model.status.cid, a.model.status.cid);
});

test('a server that etcd does not answer refuses writes, answers reads and says so, until etcd is back', async () => {
  const { host, etcd } = await cluster(2);
  const a = await start(host, etcd);
  etcd.isDown = true;
  const doubtful = a.transact(insert('doubtful'));
  await host.pass(10_000, turn);
  assert.deepEqual([a.model.status.connected, a.model.status.leader], [false, false]);
  assert.equal(errorOf(await inTime(host, a.transact(insert('refused')))), 'cluster error');
  const [found] = results(await inTime(host, a.transact({ op: 'select', table: 'T', where: [] })));
  assert.deepEqual(found, { rows: [] });
  etcd.isDown = false;
  assert.equal(errorOf(await inTime(host, doubtful)), undefined);
  await host.pass(2000, turn);
  assert.deepEqual([a.model.status.connected, a.model.status.leader], [true, true]);
  assert.deepEqual(a.order, ['doubtful']);
});

test('transactions that come while one is under way go together', async () => {
  const { host, etcd } = await cluster(3);
  etcd.faults.maxDelayMs = 50;
  const a = await start(host, etcd);
  const index = a.model.log.index;
  const all = Promise.all(Array.from({ length: 100 }, (_, i) => a.transact(...count, insert(`t${i}`))));
  const replies = await inTime(host, all);
  assert.deepEqual(
    replies.map((reply) => (results(reply)[0]!['rows'] as JsonObject[])[0]!['n']),
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.ok(a.model.log.index - index <= 3, `${a.model.log.index - index} records`);
});

test('a transaction longer than a value of the store is kept in parts, and snapshots too', async () => {
  const { host, etcd } = await cluster(4);
  const [a, b] = [await start(host, etcd), await start(host, etcd)];
  const text = 'long text '.repeat(100_000);
  assert.equal(errorOf(await inTime(host, a.transact(insert('long', text)))), undefined);
  await host.pass(1000, turn);
  assert.equal(b.text, a.text);
  for (let i = 0; i < 300; i++) await inTime(host, a.transact(insert(`x${i}`)));
  await inTime(host, b.model.log.member.kv.transact({ guards: [], success: [] }));
  await inTime(host, new Promise((done) => b.model.compact(done)));
  await host.pass(1000, turn);
  const c = await start(host, etcd);
  assert.equal(c.text, a.text);
  assert.ok(c.model.log.snapshot!.index > 300);
  assert.equal(etcd.keys.filter((key) => key.includes('/log/')).length, 100);
  // The long record's parts went with it: what is left is the snapshot.
  assert.equal(
    new Set(etcd.keys.filter((key) => key.includes('/blob/')).map((key) => key.replace(/\d+$/, ''))).size,
    1,
  );
});

test('a server that was cut off while records went finds its way by the snapshot, as one transaction', async () => {
  const { host, etcd } = await cluster(5);
  const [a, b] = [await start(host, etcd), await start(host, etcd)];
  await inTime(host, Promise.all(Array.from({ length: 300 }, (_, i) => a.transact(insert(`before${i}`)))));
  await host.pass(1000, turn);
  b.client.isCut = true;
  await host.pass(8000, turn);
  for (let i = 0; i < 150; i++) await inTime(host, a.transact(insert(`x${i}`)));
  await inTime(host, new Promise((done) => a.model.compact(done)));
  const { lastId } = b.model.served.history;
  etcd.forgetBefore(etcd.revision);
  b.client.isCut = false;
  await host.pass(5000, turn);
  assert.equal(b.text, a.text);
  assert.equal(b.model.served.history.lastId, a.model.served.history.lastId);
  assert.ok(b.model.served.history.changesAfter(lastId));
  assert.equal(errorOf(await inTime(host, b.transact(insert('y')))), undefined);
});

test('what somebody else writes under the prefix ends no server', async () => {
  const { host, etcd } = await cluster(12);
  const a = await start(host, etcd);
  const other = etcd.connect();
  const layout = new Layout(PREFIX);
  const good = new Map([layout.head, layout.snapshot].map((key) => [key, etcd.get(key)!.value]));
  const put = (key: string, value: string): Promise<unknown> =>
    inTime(host, other.transact({ guards: [], success: [{ op: 'put', key, value }] }));
  for (const value of ['', 'junk', '[]', '{}', '[{}]', '{"format":2}', '{"format":1}'])
    for (const key of [
      layout.head,
      layout.snapshot,
      layout.log(1),
      layout.lock('L'),
      `${layout.logs}x`,
      `${layout.servers}x`,
      `${layout.blobs}x`,
    ]) {
      await put(key, value);
      await host.pass(100, turn);
    }
  assert.equal(a.model.isConnected, false);
  assert.deepEqual(results(await inTime(host, a.transact({ op: 'select', table: 'T', where: [] }))), [
    { rows: [] },
  ]);
  for (const [key, value] of good) await put(key, value);
  await inTime(host, other.transact({ guards: [], success: [{ op: 'delete', key: layout.log(1) }] }));
  await host.pass(5000, turn);
  assert.equal(errorOf(await inTime(host, a.transact(insert('x')))), undefined);
});

test('of servers that write snapshots at once one wins, and nothing is lost', async () => {
  const { host, etcd } = await cluster(11);
  const servers = [await start(host, etcd), await start(host, etcd), await start(host, etcd)];
  etcd.faults.maxDelayMs = 60;
  for (let round = 0; round < 30; round++) {
    const compactions = servers.map(async ({ model }, i) => {
      await model.member.sleep(20 * i);
      await model.compactor.compact(0).catch(() => {});
    });
    const work = servers.map((server, i) => server.transact(...count, insert(`${round}-${i}`)));
    await inTime(host, Promise.all<unknown>([...compactions, ...work]));
  }
  const last = await start(host, etcd);
  assert.equal(last.model.served.db.tables.get('T')!.rows.size, 90);
  await host.pass(1000, turn);
  for (const { text } of servers) assert.equal(text, last.text);
  const blobs = new Set(
    etcd.keys.filter((key) => key.includes('/blob/')).map((key) => key.replace(/\d+$/, '')),
  );
  assert.equal(blobs.size, 1, 'only the last snapshot is left');
});

test('a client that goes to another server gets only what it has not heard of', async () => {
  const { host, etcd } = await cluster(6);
  const [a, b] = [await start(host, etcd), await start(host, etcd)];
  await inTime(host, a.transact(insert('x')));
  const { lastId } = a.model.served.history;
  await inTime(host, b.transact(insert('y')));
  const set = b.model.served.history.changesAfter(lastId)!;
  assert.deepEqual([...set.changesOf(b.model.served.db.tables.get('T')!)!.values()].length, 1);
});

test('a conversion of the schema reaches all servers, in its place among the transactions', async () => {
  const { host, etcd } = await cluster(7);
  const [a, b] = [await start(host, etcd), await start(host, etcd)];
  await inTime(host, a.transact(insert('x')));
  const json = {
    name: 'db',
    version: '2.0.0',
    tables: {
      T: { isRoot: true, columns: { token: { type: 'string' }, more: { type: 'integer', ephemeral: true } } },
    },
  };
  const { convertDatabase } = await import('../convert.ts');
  const converted = convertDatabase(b.model.served.db, schemaFromJson(json));
  assert.equal(await inTime(host, new Promise((done) => b.model.convert(converted, done))), undefined);
  await host.pass(100, turn);
  for (const { model } of [a, b, await start(host, etcd)]) {
    assert.equal(model.served.db.schema.version, '2.0.0');
    assert.equal(model.served.db.tables.get('T')!.rows.size, 1);
    assert.ok(model.served.db.tables.get('T')!.schema.byName.get('more')!.persistent);
  }
  const more = { op: 'insert', table: 'T', row: { token: 'y', more: 7 } };
  assert.equal(errorOf(await inTime(host, a.transact(more))), undefined);
  await host.pass(100, turn);
  const [found] = results(
    await inTime(
      host,
      b.transact({ op: 'select', table: 'T', where: [['more', '==', 7]], columns: ['token'] }),
    ),
  );
  assert.deepEqual(found, { rows: [{ token: 'y' }] });
});

/** Random work on servers that come and go, with faults on the way to etcd; then the history is checked. */
async function history(seed: number): Promise<void> {
  const { host, etcd } = await cluster(seed);
  const random = (n: number): number => host.random.u32() % n;
  const servers: Server[] = [];
  for (let i = 0; i < 3; i++) servers.push(await start(host, etcd));
  Object.assign(etcd.faults, { lostPerMille: random(30), maxDelayMs: random(100), latePerMille: random(20) });
  /** By token: its place in the order, as its transaction found it. */
  const acknowledged = new Map<string, number>();
  const failed = new Set<string>();
  let tokens = 0;
  const work = (server: Server): void => {
    const token = `t${tokens++}`;
    const text = random(200) === 0 ? 'x'.repeat(500_000) : '';

    void server.transact(...count, insert(token, text)).then((outcome) => {
      // A server that was killed answers nobody.
      if (!server.isAlive || outcome.kind !== 'results') return;
      if (errorOf(outcome) !== undefined) failed.add(token);
      else acknowledged.set(token, (results(outcome)[0]!['rows'] as JsonObject[])[0]!['n'] as number);
    });
  };
  for (let step = 0; step < 400; step++) {
    for (let i = random(4); i > 0; i--) work(servers[random(servers.length)]!);
    const server = servers[random(servers.length)]!;
    switch (random(40)) {
      case 0:
        server.client.isCut = !server.client.isCut;
        break;
      case 1:
        etcd.isDown = true;
        host.loop.after(random(15_000), () => {
          etcd.isDown = false;
        });
        break;
      case 2: {
        const next = await Server.start(host, etcd);
        if (!next) break;
        servers.push(next);
        server.kill();
        servers.splice(servers.indexOf(server), 1);
        break;
      }
      case 3:
        void server.model.compactor.compact(random(4)).catch(() => {});
        etcd.forgetBefore(etcd.revision - random(4));
        break;
      case 4:
        etcd.revokeLease(server.model.member.session?.lease ?? '');
        break;
      case 5:
        etcd.forgetBefore(etcd.revision - random(20));
        break;
    }
    await host.pass(random(300), turn);
  }
  Object.assign(etcd.faults, { lostPerMille: 0, latePerMille: 0 });
  etcd.isDown = false;
  for (const { client } of servers) client.isCut = false;
  await host.pass(30_000, turn);
  const last = await start(host, etcd);
  servers.push(last);

  // Row order of the whole history is that of the counter.
  for (const server of servers) {
    assert.equal(server.text, last.text, 'all servers have the same rows');
    assert.ok(server.model.isConnected);
  }
  const rows = new Set(
    [...last.model.served.db.tables.get('T')!.rows.values()].map(({ fields }) => fields[0]!.keys[0]),
  );
  const [counter] = last.model.served.db.tables.get('Counter')!.rows.values();
  assert.equal(counter!.fields[0]!.keys[0], rows.size, 'each transaction counted once');
  for (const token of acknowledged.keys())
    assert.ok(rows.has(token), `${token} was acknowledged and is lost`);
  for (const token of failed) assert.ok(!rows.has(token), `${token} was called failed and came about`);
  assert.equal(new Set(acknowledged.values()).size, acknowledged.size, 'no two found the same state');
  const places = new Map<string, number>();
  for (const { order } of servers) {
    const told = order.filter((token) => acknowledged.has(token)).map((token) => acknowledged.get(token)!);
    // A jump by snapshot tells rows in no order; those lie together.
    assert.equal(new Set(order).size, order.length, 'no row came about twice');
    for (const [i, token] of order.entries()) places.set(token, Math.max(places.get(token) ?? 0, i));
    assert.ok(told.length <= acknowledged.size);
  }
  assert.ok(acknowledged.size > 50, `only ${acknowledged.size} of ${tokens} were acknowledged`);
  for (const { model } of servers) model.close();
}

const SEEDS = Number(process.env['CLUSTER_SEEDS'] ?? 15);
const FIRST = Number(process.env['CLUSTER_SEED'] ?? 101);
for (let seed = FIRST; seed < FIRST + 2 * SEEDS; seed += 2)
  test(`acknowledged transactions are kept once and in order, seed ${seed}`, () => history(seed));
