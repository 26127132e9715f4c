import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimClient } from '../../sim/sim-client.ts';
import { createDatabaseFile, inVirtualTime, pass, startSimServer } from '../../sim/sim-database.ts';
import { SimHost } from '../../sim/sim-host.ts';

const SCHEMA = {
  name: 'db',
  version: '1.0.0',
  tables: { T: { isRoot: true, columns: { name: { type: 'string' } } } },
} as const;
const FILE = '/db/db';
const SOCKET = 'unix:/run/db.sock';

test('a client whose many transactions turn out to wait is listened to: one of its own may be what they wait for', async () => {
  const host = new SimHost();
  createDatabaseFile(host, SCHEMA, FILE);
  const { program } = await startSimServer(host, SOCKET, [FILE]);
  const client = await SimClient.connect(host, SOCKET);
  const { triggers } = program.server.databases.get('db')!;
  const where = [['name', '==', 'a']];
  const wait = { op: 'wait', table: 'T', where, columns: ['name'], until: '==', rows: [{ name: 'a' }] };

  // While a conversion is under way nothing is tried, so none is known to wait.
  triggers.pause();
  const waiting = Array.from({ length: 600 }, () => client.send('transact', 'db', wait));
  const inserted = client.send('transact', 'db', { op: 'insert', table: 'T', row: { name: 'a' } });
  await pass(host, 100);
  assert.ok(triggers.size < 600);
  triggers.resume();
  await inVirtualTime(host, Promise.all([inserted, ...waiting]));
  assert.equal(triggers.size, 0);
});
