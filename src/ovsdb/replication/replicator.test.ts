import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import { SimClient } from '../../sim/sim-client.ts';
import { createDatabaseFile, pass, startSimServer } from '../../sim/sim-database.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { configurationText, parseConfiguration } from '../server/configuration.ts';

const ACTIVE = 'unix:/run/active.sock';
const BACKUP = 'unix:/run/backup.sock';
const table = { isRoot: true, columns: { name: { type: 'string' } } };
const SCHEMA = { name: 'db', version: '1.0.0', tables: { T: table, Own: table } };

const insert = (name: string, where = 'T'): JsonObject => ({ op: 'insert', table: where, row: { name } });

async function names(client: SimClient, where = 'T'): Promise<Json[]> {
  const select = { op: 'select', table: where, where: [], columns: ['name'] };
  const [{ rows }] = (await client.call('transact', 'db', select)) as unknown as [{ rows: { name: Json }[] }];
  return rows.map((row) => row.name).sort();
}

interface Options {
  readonly backupSchema?: JsonObject;
  readonly exclude?: string;
}

/** An active server, a backup of it, and a client of each. */
async function world({ backupSchema = SCHEMA, exclude }: Options = {}) {
  const host = new SimHost();
  createDatabaseFile(host, SCHEMA, '/db/active.db');
  createDatabaseFile(host, backupSchema, '/db/backup.db');
  const active = await startSimServer(host, ACTIVE, ['/db/active.db']);
  const atActive = await SimClient.connect(host, ACTIVE);
  await atActive.call('transact', 'db', insert('a'), insert('theirs', 'Own'));
  const backup = await startSimServer(
    host,
    BACKUP,
    ['/db/backup.db'],
    { id: 'syncFrom', value: ACTIVE },
    ...(exclude === undefined ? [] : [{ id: 'syncExcludeTables' as const, value: exclude }]),
  );
  await pass(host, 100);
  return { host, active, backup, atActive, atBackup: await SimClient.connect(host, BACKUP) };
}

test('a backup follows the active server and takes no writes', async () => {
  const { host, backup, atActive, atBackup } = await world();
  assert.deepEqual(await names(atBackup), ['a']);
  const [inserted] = (await atActive.call('transact', 'db', insert('b'))) as [{ uuid: Json }];
  await pass(host, 10);
  assert.deepEqual(await names(atBackup), ['a', 'b']);
  const where = [['_uuid', '==', inserted.uuid]];
  await atActive.call('transact', 'db', { op: 'update', table: 'T', where, row: { name: 'c' } });
  await atActive.call('transact', 'db', { op: 'delete', table: 'T', where: [['name', '==', 'a']] });
  await pass(host, 10);
  assert.deepEqual(await names(atBackup), ['c']);
  const [refused] = (await atBackup.call('transact', 'db', insert('x'))) as [JsonObject];
  assert.equal(refused['error'], 'not allowed');
  await assert.rejects(atBackup.call('convert', 'db', SCHEMA), /read-only database db/);
  assert.equal(
    await backup.appctl('ovsdb-server/sync-status'),
    `database: db\nstate: backup\nreplicating: ${ACTIVE}\n`,
  );
});

test('what has been copied is in the backup’s own file', async () => {
  const { host, backup } = await world();
  backup.program.stop();
  await startSimServer(host, 'unix:/run/third.sock', ['/db/backup.db']);
  assert.deepEqual(await names(await SimClient.connect(host, 'unix:/run/third.sock')), ['a']);
});

test('excluded tables keep what they have', async () => {
  const { host, backup, atActive, atBackup } = await world({ exclude: 'other:T,db:Own' });
  assert.deepEqual(await names(atBackup, 'Own'), []);
  await backup.appctl('ovsdb-server/disconnect-active-ovsdb-server');
  await atBackup.call('transact', 'db', insert('mine', 'Own'), insert('lost'));
  await backup.appctl('ovsdb-server/connect-active-ovsdb-server');
  await pass(host, 100);
  await atActive.call('transact', 'db', insert('more', 'Own'));
  await pass(host, 10);
  assert.deepEqual([await names(atBackup), await names(atBackup, 'Own')], [['a'], ['mine']]);
  assert.equal(
    await backup.appctl('ovsdb-server/sync-status'),
    `database: db\nstate: backup\nreplicating: ${ACTIVE}\nexclude: db:Own`,
  );
  // With another choice all is copied anew.
  await backup.appctl('ovsdb-server/set-sync-exclude-tables', '');
  await pass(host, 100);
  assert.deepEqual(await names(atBackup, 'Own'), ['more', 'theirs']);
});

test('the roles can be exchanged', async () => {
  const { host, active, backup, atActive, atBackup } = await world();
  await backup.appctl('ovsdb-server/disconnect-active-ovsdb-server');
  assert.equal(await backup.appctl('ovsdb-server/sync-status'), 'database: db\nstate: active\n');
  await atBackup.call('transact', 'db', insert('b'));
  assert.equal(
    await active.appctl('ovsdb-server/connect-active-ovsdb-server'),
    'Unable to connect: active server is not specified.\n',
  );
  await active.appctl('ovsdb-server/set-active-ovsdb-server', BACKUP);
  assert.equal(await active.appctl('ovsdb-server/get-active-ovsdb-server'), BACKUP);
  await active.appctl('ovsdb-server/connect-active-ovsdb-server');
  await pass(host, 100);
  assert.deepEqual(await names(atActive), ['a', 'b']);
  const [refused] = (await atActive.call('transact', 'db', insert('x'))) as [JsonObject];
  assert.equal(refused['error'], 'not allowed');
});

test('a backup gets everything anew when the active server comes back', async () => {
  const { host, active, backup, atBackup } = await world();
  active.program.stop();
  await pass(host, 20_000);
  assert.match(await backup.appctl('ovsdb-server/sync-status'), /^database: db\nstate: backup\n/);
  const again = await startSimServer(host, ACTIVE, ['/db/active.db']);
  const client = await SimClient.connect(host, ACTIVE);
  await client.call('transact', 'db', { op: 'delete', table: 'T', where: [] }, insert('z'));
  await pass(host, 20_000);
  assert.deepEqual(await names(atBackup), ['z']);
  again.program.stop();
});

test('a server does not copy from itself and stays active', async () => {
  const host = new SimHost();
  createDatabaseFile(host, SCHEMA, '/db/active.db');
  const server = await startSimServer(
    host,
    ACTIVE,
    ['/db/active.db'],
    { id: 'syncFrom', value: ACTIVE },
    { id: 'active', value: undefined },
  );
  const client = await SimClient.connect(host, ACTIVE);
  await client.call('transact', 'db', insert('a'));
  await server.appctl('ovsdb-server/connect-active-ovsdb-server');
  assert.equal(
    await server.appctl('ovsdb-server/sync-status'),
    `database: db\nstate: backup\nconnecting: ${ACTIVE}`,
  );
  await pass(host, 100);
  assert.equal(await server.appctl('ovsdb-server/sync-status'), 'database: db\nstate: active\n');
  await client.call('transact', 'db', insert('b'));
  assert.deepEqual(await names(client), ['a', 'b']);
});

test('a backup may have a newer schema', async () => {
  const { T } = SCHEMA.tables;
  const tables = {
    ...SCHEMA.tables,
    T: { ...T, columns: { ...T.columns, more: { type: 'integer' } } },
    New: table,
  };
  const { host, atActive, atBackup } = await world({ backupSchema: { ...SCHEMA, version: '1.1.0', tables } });
  await atActive.call('transact', 'db', insert('b'));
  await pass(host, 10);
  assert.deepEqual(await names(atBackup), ['a', 'b']);
});

test('a backup whose schema lacks something becomes active with what it has', async () => {
  const { backup, atBackup } = await world({ backupSchema: { ...SCHEMA, tables: { T: table } } });
  assert.equal(await backup.appctl('ovsdb-server/sync-status'), 'database: db\nstate: active\n');
  await atBackup.call('transact', 'db', insert('mine'));
  assert.deepEqual(await names(atBackup), ['mine']);
});

test('a replacement of a crashed server knows what commands have changed', async () => {
  const { backup } = await world();
  await backup.appctl('ovsdb-server/set-sync-exclude-tables', 'db:Own,db:T');
  await backup.appctl('ovsdb-server/set-active-ovsdb-server', 'unix:/run/other.sock');
  await backup.appctl('ovsdb-server/set-active-ovsdb-server-probe-interval', '9000');
  const kept = parseConfiguration(configurationText(backup.program.configuration))!;
  assert.deepEqual(kept, backup.program.configuration);
  const { source, excludeTables } = kept.databases.get('/db/backup.db')!;
  assert.equal(source!.remote, 'unix:/run/other.sock');
  assert.equal(source!.options.probeIntervalMs, 9000);
  assert.equal(excludeTables, 'db:Own,db:T');
});
