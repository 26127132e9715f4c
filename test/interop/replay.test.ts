// A recording of ovsdb-server, replayed: the same database comes out. Clients of any kind may take part in it.
import assert from 'node:assert/strict';
import { execFile, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { program } from '../support/daemons.ts';

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-replay-'));
after(() => fs.rmSync(root, { recursive: true }));
const env = { ...process.env, OVS_RUNDIR: root, OVS_LOGDIR: root, OVS_DBDIR: root };
const run = promisify(execFile);

const schema = {
  name: 'db',
  version: '1.0.0',
  tables: { T: { isRoot: true, columns: { who: { type: 'string' }, n: { type: 'integer' } } } },
};

/** Runs ovsdb-server with its sockets in the run directory; resolves with its status when it has ended. */
function server(...args: string[]): Promise<number | null> {
  const child = spawn(
    program('ours', 'ovsdb-server'),
    [...args, '--remote=punix:db.sock', '--unixctl=ctl', '-vconsole:off'],
    { env, stdio: 'ignore' },
  );
  return new Promise((ended) => child.once('exit', ended));
}

async function until(what: string, check: () => boolean): Promise<void> {
  for (let i = 0; i < 500; i++) {
    if (check()) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  assert.fail(`waited in vain for ${what}`);
}

const transact = (...operations: object[]): Promise<{ stdout: string }> =>
  run(program('ours', 'ovsdb-client'), ['transact', 'unix:db.sock', JSON.stringify(['db', ...operations])], {
    env,
    cwd: root,
    timeout: 20_000,
  });

/** All rows, with their UUIDs. */
const rows = (file: string): string =>
  spawnSync(
    program('ours', 'ovsdb-tool'),
    ['query', file, JSON.stringify(['db', { op: 'select', table: 'T', where: [], sort: ['_uuid'] }])],
    { env, encoding: 'utf8' },
  ).stdout.replace(/\["_version",\["uuid","[^"]*"\]\]|"_version":\["uuid","[^"]*"\],/g, '');

test('a recorded ovsdb-server ends up with the same database when it is replayed', {
  timeout: 90_000,
}, async () => {
  const [db, copy, dir] = ['db', 'copy', 'recording'].map((name) => path.join(root, name)) as [
    string,
    string,
    string,
  ];
  fs.mkdirSync(dir);
  fs.writeFileSync(`${root}/schema`, JSON.stringify(schema));
  await run(program('ours', 'ovsdb-tool'), ['create', db, `${root}/schema`], { env });
  fs.copyFileSync(db, copy);

  const recorded = server('--record=recording', db);
  await until('the server', () => fs.existsSync(`${root}/db.sock`));
  const monitor = spawn(program('ours', 'ovsdb-client'), ['monitor', 'unix:db.sock', 'db', 'T'], {
    env,
    cwd: root,
    stdio: 'ignore',
  });
  const insert = (who: string, n: number): object => ({ op: 'insert', table: 'T', row: { who, n } });
  for (let round = 0; round < 3; round++) {
    await Promise.all(
      ['a', 'b', 'c'].map((who) => transact(insert(who, round), { op: 'commit', durable: true })),
    );
    await transact({ op: 'delete', table: 'T', where: [['who', '==', 'a']] });
    await transact({ op: 'mutate', table: 'T', where: [['who', '==', 'b']], mutations: [['n', '+=', 10]] });
  }
  monitor.kill('SIGKILL');
  await run(program('ours', 'ovs-appctl'), ['-t', `${root}/ctl`, 'exit'], { env, timeout: 20_000 });
  assert.equal(await recorded, 0);
  const expected = rows(db);
  assert.equal(expected.match(/"who"/g)?.length, 6);

  assert.equal(await server('--replay=recording', copy), 0);
  assert.equal(rows(copy), expected);
});

test('there must be something to replay', async () => {
  assert.equal(await server('--replay=absent', path.join(root, 'db')), 1);
});
