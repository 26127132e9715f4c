/**
 * Hostile and slow clients of the database server: whatever some of them do, others are answered, the server lives, and
 * its memory stays bounded. Bounds are generous; none is on time.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Json, type JsonObject, stringifyJson } from '../../src/jsonrpc/json.ts';
import { type DatabaseClient, DatabaseServer } from '../support/database-server.ts';
import { RawPeer, residentMegabytes } from '../support/raw-peer.ts';

const SCHEMA = {
  name: 'db',
  tables: {
    T: {
      isRoot: true,
      columns: { n: { type: 'integer' }, text: { type: 'string' } },
      indexes: [['n']],
    },
  },
};

let server: DatabaseServer;
before(async () => {
  server = await DatabaseServer.start('ours', { schema: SCHEMA });
});
after(() => server.stop());

let n = 0;
/** What every other client must go on being able to do. */
async function assertServes(to: DatabaseServer = server): Promise<void> {
  const client = await to.client();
  const results = await client.request(
    'transact',
    'db',
    { op: 'insert', table: 'T', row: { n: ++n } },
    { op: 'select', table: 'T', where: [['n', '==', n]], columns: ['n'] },
    { op: 'delete', table: 'T', where: [['n', '==', n]] },
  );
  assert.deepEqual((results as readonly Json[])[1], { rows: [{ n }] });
  client.close();
}

const peers = (count: number): Promise<RawPeer[]> =>
  Promise.all(Array.from({ length: count }, () => RawPeer.connect(server.socket)));
const closeAll = (list: readonly RawPeer[]): void => {
  for (const peer of list) peer.close();
};
const grown = (from: number): number => residentMegabytes(server.pid) - from;

test('clients that monitor a busy table and never read cost one sum of changes, not one each', async () => {
  const deaf = await peers(100);
  for (const [i, peer] of deaf.entries()) {
    const method = ['monitor', 'monitor_cond', 'monitor_cond'][i % 3]!;
    const request = i % 3 === 2 ? { where: [['n', '>=', i]] } : {};
    peer.send(stringifyJson({ method, params: ['db', i, { T: request }], id: 0 }));
    await peer.until('the reply', () => peer.got.includes('"id":0'));
    peer.socket.pause();
  }
  const start = residentMegabytes(server.pid);
  const writer = await server.client();
  await writer.request('transact', 'db', { op: 'insert', table: 'T', row: { n: 1000 } });
  for (let i = 0; i < 1000; i++)
    await writer.request('transact', 'db', {
      op: 'update',
      table: 'T',
      where: [['n', '==', 1000]],
      row: { text: `${i}${'x'.repeat(10_000)}` },
    });
  await assertServes();
  assert.ok(grown(start) < 250, `grew by ${grown(start)} MB`);
  writer.close();
  closeAll(deaf);
});

test('messages that never end, a byte at a time or a lot at once, cost what they hold', async () => {
  const start = residentMegabytes(server.pid);
  const slow = await peers(50);
  for (const peer of slow) peer.send('{"method":"transact","params":["db",{"op":"comment","comment":"');
  for (let i = 0; i < 40; i++) {
    for (const peer of slow) peer.send('x');
    await assertServes();
  }
  for (const peer of slow.slice(0, 10)) peer.send(Buffer.alloc(4 << 20, 0x78));
  await assertServes();
  await assertServes();
  assert.ok(grown(start) < 300, `grew by ${grown(start)} MB`);
  closeAll(slow);
  await assertServes();
});

test('garbage of every kind ends its connection alone', async () => {
  const garbage: readonly (string | Uint8Array)[] = [
    'GET / HTTP/1.1\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00',
    Buffer.alloc(1 << 16, 0xff),
    '['.repeat(1_000_000),
    '{"a":'.repeat(100_000),
    '[1,2',
    '}',
    '{"method":"transact","params":["db"],"id":1,"id2":2}',
    '{"method":5,"params":[],"id":1}',
    '{"result":1,"error":null,"id":1}',
    `[${'1,'.repeat(500_000)}1]`,
    `{"method":"echo","params":[${'9'.repeat(1_000_000)}],"id":1e999}`,
    `{"method":"echo","params":["\\ud800"],"id":0}`,
  ];
  const list = await peers(garbage.length);
  for (const [i, peer] of list.entries()) peer.send(garbage[i]!);
  await assertServes();
  for (const [i, peer] of list.entries()) if (garbage[i] !== '[1,2') await peer.closed();
  closeAll(list);
  await assertServes();
});

test('names of the properties of every object mean nothing in requests', async () => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype'];
  const [peer] = await peers(1);
  let id = 0;
  for (const name of names) {
    const own = `{"${name}":{"x":1}}`;
    const requests: readonly (readonly [method: string, params: string])[] = [
      [name, '[]'],
      ['transact', `["${name}"]`],
      ['transact', `["db",${own}]`],
      ['transact', `["db",{"op":"${name}"}]`],
      ['transact', `["db",{"op":"insert","table":"${name}","row":{}}]`],
      ['transact', `["db",{"op":"insert","table":"T","row":${own}}]`],
      ['transact', `["db",{"op":"select","table":"T","where":[["${name}","==",1]]}]`],
      ['transact', `["db",{"op":"select","table":"T","where":[["n","${name}",1]]}]`],
      ['transact', `["db",{"op":"mutate","table":"T","where":[],"mutations":[["n","${name}",1]]}]`],
      [
        'transact',
        `["db",{"op":"wait","table":"T","where":[],"columns":["${name}"],"until":"==","rows":[${own}],"timeout":0}]`,
      ],
      ['monitor', `["db","${name}",{"${name}":{}}]`],
      ['monitor_cond', `["db",${own},{"T":{"select":${own}}}]`],
      ['monitor_cond_change', `["${name}","${name}",${own}]`],
      ['monitor_cancel', `["${name}"]`],
      ['lock', `["${name}"]`],
      ['unlock', `["${name}"]`],
      ['get_schema', `["${name}"]`],
      ['convert', `["db",{"name":"db","tables":${own}}]`],
      ['echo', `[${own}]`],
    ];
    for (const [method, params] of requests) {
      const mark = `"id":"r${++id}"`;
      peer!.send(`{"method":"${method}","params":${params},${mark}}`);
      await peer!.until(`the reply to ${method} ${params}`, () => peer!.got.includes(mark));
    }
  }
  assert.doesNotMatch(peer!.got.toString(), /internal error/);
  assert.ok(peer!.got.includes('"result":[{"__proto__":{"x":1}}]'));
  closeAll([peer!]);
  await assertServes();
});

test('a client may hold only so many monitors, locks and waiting transactions, and others as many again', async () => {
  const start = residentMegabytes(server.pid);
  const greedy = await Promise.all([server.client(), server.client()]);
  const wait = {
    op: 'wait',
    table: 'T',
    where: [['n', '==', -1]],
    columns: ['n'],
    until: '==',
    rows: [{ n: -1 }],
  };
  for (const [k, client] of greedy.entries()) {
    const replies: Promise<Json>[] = [];
    for (let i = 0; i < 1200; i++) {
      replies.push(client.request('monitor', 'db', i, { T: {} }));
      if (k === 0) replies.push(client.request('lock', `l${i}`));
      void client.request('transact', 'db', wait as JsonObject).catch(() => {});
    }
    const refused = (await Promise.all(replies)).filter((reply) =>
      /resources exhausted/.test(stringifyJson(reply)),
    );
    assert.equal(refused.length, k === 0 ? 400 : 200);
  }
  for (let i = 0; i < 5; i++) await assertServes();
  assert.ok(grown(start) < 300, `grew by ${grown(start)} MB`);
  for (const client of greedy) client.close();
  await assertServes();
});

test('floods of requests from many clients delay nobody for good', async () => {
  const start = residentMegabytes(server.pid);
  const flood = await peers(30);
  const select = stringifyJson({
    method: 'transact',
    params: ['db', { op: 'select', table: 'T', where: [] }],
    id: 1,
  });
  const echo = stringifyJson({ method: 'echo', params: ['x'.repeat(500)], id: 2 });
  for (const [i, peer] of flood.entries()) {
    if (i % 2) peer.socket.pause();
    peer.send((i % 3 ? select : echo).repeat(5000));
  }
  for (let i = 0; i < 10; i++) await assertServes();
  assert.ok(grown(start) < 300, `grew by ${grown(start)} MB`);
  closeAll(flood);
});

test('thousands of connections are served, and give back what they took', { timeout: 120_000 }, async () => {
  const clients: DatabaseClient[] = [];
  const start = residentMegabytes(server.pid);
  // The queue of a socket is short: who finds it full tries again.
  for (let tries = 0; clients.length < 1500 && tries < 20_000; tries++) {
    const client = await server.client().catch(() => undefined);
    if (client) clients.push(client);
    else await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.equal(clients.length, 1500);
  const replies = await Promise.all(clients.map((client) => client.request('list_dbs')));
  assert.ok(replies.every((reply) => (reply as readonly Json[]).includes('db')));
  assert.ok(grown(start) < 400, `grew by ${grown(start)} MB`);
  for (const client of clients) client.close();
  await assertServes();
});

test('a server that is out of file descriptors lives, and accepts again when there are some', async () => {
  const poor = await DatabaseServer.start('ours', { schema: SCHEMA, under: ['prlimit', '--nofile=60:60'] });
  try {
    const held: RawPeer[] = [];
    for (let i = 0; i < 150; i++) {
      const peer = await RawPeer.connect(poor.socket).catch(() => undefined);
      if (peer) held.push(peer);
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.ok(poor.isRunning, poor.log);
    closeAll(held);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await assertServes(poor);
    assert.ok(poor.isRunning);
  } finally {
    await poor.stop();
  }
});
