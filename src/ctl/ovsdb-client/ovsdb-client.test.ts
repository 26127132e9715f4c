import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UsageError } from '../../base/getopt.ts';
import { openVswitchSchema } from '../../ovsdb/schemas/open-vswitch.ts';
import { schemaJson } from '../../ovsdb/schemas/schema-json.ts';
import { inVirtualTime, pass, SIM_DATABASE, startSimDatabase } from '../../sim/sim-database.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import { ovsdbClient } from './ovsdb-client.ts';

async function world() {
  const host = new SimHost();
  await startSimDatabase(host, schemaJson(openVswitchSchema));
  const start = (argv: readonly string[], stdin = '') => {
    const result = { out: '', err: '', status: -1 };
    const io: ToolIo = {
      host,
      program: 'ovsdb-client',
      env: {},
      out: (text) => {
        result.out += text;
      },
      err: (text) => {
        result.err += text;
      },
      outBytes: () => {},
      readStdin: () => new TextEncoder().encode(stdin),
      isTty: false,
      terminalColumns: undefined,
      die: () => {
        throw new Error('killed');
      },
    };
    const done = ovsdbClient(argv, io).then(
      (status) => {
        result.status = status;
      },
      (error: unknown) => {
        if (!(error instanceof ToolError || error instanceof UsageError)) throw error;
        result.err += error.message;
        result.status = 1;
      },
    );
    return { result, done };
  };
  const call = async (...argv: string[]): Promise<string> => {
    const { result, done } = start(argv);
    await inVirtualTime(host, done);
    return result.status === 0 ? result.out : result.err;
  };
  return { host, start, call };
}

const insert = (name: string): string =>
  JSON.stringify([
    'Open_vSwitch',
    { op: 'insert', table: 'QoS', row: { type: name, other_config: ['map', [['k', 'v']]] } },
  ]);

test('databases, versions and tables are listed', async () => {
  const { call } = await world();
  assert.equal(await call('list-dbs'), 'Open_vSwitch\n_Server\n');
  assert.equal(await call('get-schema-version', SIM_DATABASE), '8.8.0\n');
  assert.equal(await call('get-schema-cksum', SIM_DATABASE, 'Open_vSwitch'), '2823623553 27869\n');
  assert.equal((await call('--no-headings', 'list-tables')).split('\n')[0], 'AutoAttach');
  assert.match(await call('-f', 'csv', 'list-columns', 'QoS'), /^Column,Type\n/);
});

test('a transaction prints its results, and a query leaves no trace', async () => {
  const { call } = await world();
  assert.match(await call('query', insert('a')), /^\[\{"uuid":\["uuid","[0-9a-f-]{36}"\]\}\]\n$/);
  assert.equal(await call('--no-headings', 'dump', 'QoS', 'type'), 'QoS table\n');
  await call('transact', insert('b'));
  assert.equal(
    await call('dump', 'QoS', 'type', 'other_config'),
    'QoS table\nother_config type\n------------ ----\n{k=v}        b\n',
  );
});

test('bad arguments are told as the C tool tells them', async () => {
  const { call } = await world();
  assert.equal(await call('frob'), "unknown command 'frob'; use --help for help");
  assert.equal(await call(), 'missing command name; use --help for help');
  assert.equal(await call('dump', 'Nope'), 'No table "Nope" found.');
  assert.equal(await call('transact', '{}'), 'not a valid OVSDB query');
  assert.equal(
    await call('list-dbs', 'unix:/nowhere'),
    'failed to connect to "unix:/nowhere" (No such file or directory)',
  );
});

test('a monitor prints what is there and then what changes', async () => {
  const { call, start, host } = await world();
  await call('transact', insert('a'));
  const { result } = start(['-f', 'csv', '--no-headings', 'monitor', 'QoS', 'type']);
  await pass(host, 100);
  assert.match(result.out, /^[0-9a-f-]{36},initial,a\n$/);
  result.out = '';
  await call(
    'transact',
    JSON.stringify(['Open_vSwitch', { op: 'update', table: 'QoS', where: [], row: { type: 'z' } }]),
  );
  await pass(host, 100);
  assert.match(result.out, /^\n[0-9a-f-]{36},old,a\n,new,z\n$/);
});

test('a backup can be restored', async () => {
  const { call, start, host } = await world();
  await call('transact', insert('saved'));
  const backup = await call('backup');
  assert.match(backup, /^OVSDB JSON \d+ [0-9a-f]{40}\n/);
  await call('transact', JSON.stringify(['Open_vSwitch', { op: 'delete', table: 'QoS', where: [] }]));
  const { result, done } = start(['restore'], backup);
  await inVirtualTime(host, done);
  assert.equal(result.status, 0, result.err);
  assert.match(await call('--no-headings', 'dump', 'QoS', 'type'), /saved/);
});

test('a lock is granted, and its loss is told', async () => {
  const { start, host } = await world();
  const first = start(['lock', 'L']);
  await pass(host, 50);
  assert.equal(first.result.out, '{"locked":true}\n');
  start(['steal', 'L']);
  await pass(host, 50);
  assert.equal(first.result.out, '{"locked":true}\nstolen\n["L"]\n');
});
