import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DATABASE_ROW, FakeDbServer } from '../../../test/support/fake-db-server.ts';
import { pass } from '../../sim/sim-database.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { DbClient, type DbClientOptions } from './db-client.ts';

const ZERO = '00000000-0000-0000-0000-000000000000';
const T2 = '00000000-0000-0000-0000-000000000002';

async function world(options: DbClientOptions = {}, servers = 1) {
  const host = new SimHost();
  const names = Array.from({ length: servers }, (_, i) => `/run/${i}.sock`);
  const made = await Promise.all(names.map((name) => FakeDbServer.start(host, name)));
  const events: string[] = [];
  const start = (): DbClient =>
    new DbClient(
      host,
      'DB',
      names.map((name) => `unix:${name}`),
      {
        columns: () => new Map([['t', ['c']]]),
        contents: (_updates, form, incremental) =>
          events.push(`${incremental ? 'difference' : 'contents'} ${form}`),
        update: (_updates, form) => events.push(`update ${form}`),
        stateChanged() {},
      },
      { shuffle: false, ...options },
    );
  return { host, servers: made, events, start };
}

test('after a reconnection only what has changed since the last update is asked for', async () => {
  const { host, servers, events, start } = await world();
  const [server] = servers as [FakeDbServer];
  const client = start();
  await pass(host, 50);
  server.notify('update3', [['monid', 'DB'], T2, {}]);
  await pass(host, 50);
  server.answers = { monitor_cond_since: () => ({ result: [true, T2, {}] }) };
  server.disconnect();
  await pass(host, 5_000);
  assert.equal(client.isMonitoring, true);
  assert.deepEqual(
    server.monitors.map((params) => params[1]),
    [ZERO, T2],
  );
  assert.deepEqual(events, ['contents changes', 'update changes', 'difference changes']);
});

test('older servers are asked in the ways that they know', async () => {
  for (const [method, form] of [
    ['monitor_cond', 'changes'],
    ['monitor', 'old-new'],
  ] as const) {
    const { host, servers, events, start } = await world();
    const [server] = servers as [FakeDbServer];
    server.answers = { [method]: () => ({ result: {} }) };
    const client = start();
    client.setCondition('t', [['c', '==', 1]]);
    await pass(host, 50);
    assert.deepEqual(events, [`contents ${form}`]);
    const where = method === 'monitor' ? {} : { where: [['c', '==', 1]] };
    assert.deepEqual(server.monitors.at(-1), [{ t: [{ columns: ['c'], ...where }] }]);
  }
});

test('other conditions than before need all rows, also after a reconnection', async () => {
  const { host, servers, start } = await world();
  const [server] = servers as [FakeDbServer];
  const client = start();
  await pass(host, 50);
  server.disconnect();
  client.setCondition('t', [false]);
  await pass(host, 5_000);
  assert.deepEqual(server.monitors.at(-1), [{ t: [{ columns: ['c'], where: [false] }] }, ZERO]);
  assert.equal(client.conditionsInEffect, true);
});

test('conditions that the server refuses are not asked for again and again', async () => {
  const { host, servers, start } = await world();
  const [server] = servers as [FakeDbServer];
  const client = start();
  await pass(host, 50);
  client.setCondition('t', [['nonsense']]);
  await pass(host, 1_000);
  const changes = server.requests.filter(([method]) => method === 'monitor_cond_change');
  assert.deepEqual(
    changes.map(([, params]) => params[2]),
    [{ t: [{ where: [['nonsense']] }] }],
  );
});

test('of a cluster the leader is sought, or any member that is connected', async () => {
  for (const [leaderOnly, used] of [
    [true, 2],
    [false, 1],
  ] as const) {
    const { host, servers, start } = await world({ leaderOnly }, 3);
    const clustered = { name: 'DB', model: 'clustered' };
    servers[0]!.database = { ...clustered, connected: false, leader: false };
    servers[1]!.database = { ...clustered, connected: true, leader: false };
    servers[2]!.database = { ...clustered, connected: true, leader: true };
    const client = start();
    await pass(host, 10_000);
    assert.equal(client.isMonitoring, true);
    assert.equal(client.session.name, `unix:/run/${used}.sock`);
  }
});

test('a leader that leads no more is left', async () => {
  const { host, servers, start } = await world({}, 2);
  const clustered = { name: 'DB', model: 'clustered', connected: true };
  for (const server of servers) server.database = { ...clustered, leader: true };
  const client = start();
  await pass(host, 50);
  assert.equal(client.session.name, 'unix:/run/0.sock');
  servers[0]!.database = { ...clustered, leader: false };
  servers[0]!.notify('update2', [
    ['monid', '_Server'],
    { Database: { [DATABASE_ROW]: { modify: { leader: false } } } },
  ]);
  await pass(host, 10_000);
  assert.equal(client.session.name, 'unix:/run/1.sock');
  assert.equal(client.isMonitoring, true);
});

test('a database that is replaced is monitored anew on the same connection', async () => {
  const { host, servers, events, start } = await world();
  const [server] = servers as [FakeDbServer];
  const client = start();
  await pass(host, 50);
  server.notify('monitor_canceled', [['monid', 'DB']]);
  await pass(host, 50);
  assert.equal(client.isMonitoring, true);
  assert.deepEqual(events, ['contents changes', 'contents changes']);
});

test('a lock is asked for again after a reconnection, and known to be lost meanwhile', async () => {
  const { host, servers, start } = await world();
  const [server] = servers as [FakeDbServer];
  server.answers = { ...server.answers, lock: () => ({ result: { locked: true } }) };
  const client = start();
  client.setLock('L');
  await pass(host, 50);
  assert.equal(client.hasLock, true);
  server.notify('stolen', ['L']);
  await pass(host, 50);
  assert.deepEqual([client.hasLock, client.isLockContended], [false, true]);
  server.disconnect();
  await pass(host, 5_000);
  assert.equal(client.hasLock, true);
});
