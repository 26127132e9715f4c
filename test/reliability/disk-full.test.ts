/**
 * A full disk, a read-only one and a directory that is gone: clients are told what the C server tells them, reads are
 * served, a compaction or conversion that fails leaves the old file, and writing goes on when there is room again.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type Json, type JsonObject, sortedJson } from '../../src/jsonrpc/json.ts';
import type { Side } from '../support/daemons.ts';
import { DatabaseServer, databaseProgram, whyNoReference } from '../support/database-server.ts';

const schema = (version: string): JsonObject => ({
  name: 'db',
  version,
  tables: { T: { isRoot: true, columns: { n: { type: 'integer' }, s: { type: 'string' } } } },
});

/** Runs `body` with a small file system of its own. */
async function withDisk(body: (disk: string) => Promise<void>): Promise<void> {
  const disk = fs.mkdtempSync(path.join(os.tmpdir(), 'ovsdb-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  try {
    await body(disk);
  } finally {
    execFileSync('umount', ['-l', disk]);
    fs.rmdirSync(disk);
  }
}

function whyNoMount(): string | undefined {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovsdb-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir]).status === 0;
  if (mounted) execFileSync('umount', [dir]);
  fs.rmdirSync(dir);
  return mounted ? undefined : 'needs to be allowed to mount a tmpfs';
}

const SIDES: readonly Side[] = whyNoReference() ? ['ours'] : ['theirs', 'ours'];

const insert = (n: number, length: number, durable = false): JsonObject[] => [
  { op: 'insert', table: 'T', row: { n, s: 'x'.repeat(length) } },
  { op: 'commit', durable },
];
const NUMBERS = { op: 'select', table: 'T', where: [], columns: ['n'] };

/** The error in results, without the directory; undefined for none. */
function errorOf(results: Json, disk: string): string | undefined {
  const error = (results as readonly (JsonObject | null)[]).find((result) => result && 'error' in result);
  return error ? sortedJson(error).replaceAll(disk, 'DISK') : undefined;
}

/** What a server answers while its disk is full and after. */
async function fillDisk(side: Side, disk: string): Promise<Record<string, unknown>> {
  const server = await DatabaseServer.start(side, { schema: schema('1.0.0'), file: path.join(disk, 'db') });
  const said: Record<string, unknown> = {};
  try {
    const [client, control] = await Promise.all([server.client(), server.client('ctl')]);
    const transact = async (...ops: JsonObject[]): Promise<string | undefined> =>
      errorOf(await client.request('transact', 'db', ...ops), disk);
    said['first'] = await transact(...insert(1, 600_000));
    said['too much'] = await transact(...insert(2, 600_000));
    said['too much, durable'] = await transact(...insert(3, 600_000, true));
    said['what fits'] = await transact(...insert(4, 10));
    said['compact'] = JSON.stringify(await control.request('ovsdb-server/compact')).replaceAll(disk, 'DISK');
    const conversion = (await client.request('convert', 'db', schema('2.0.0'))) as JsonObject;
    said['convert'] = errorOf([conversion['ERROR']!], disk);
    said['files'] = fs.readdirSync(disk).sort();
    said['schema'] = ((await client.request('get_schema', 'db')) as JsonObject)['version'];
    const filler = path.join(disk, 'filler');
    assert.throws(() => fs.writeFileSync(filler, Buffer.alloc(1 << 20)), { code: 'ENOSPC' });
    said['full'] = await transact(...insert(5, 10_000));
    said['read'] = await client.request('transact', 'db', NUMBERS);
    fs.rmSync(filler);
    said['room again'] = await transact(...insert(6, 10, true));
    client.close();
    control.close();
    await server.kill('SIGKILL');
    await server.run();
    const again = await server.client();
    const [rows] = (await again.request('transact', 'db', NUMBERS)) as readonly JsonObject[];
    said['kept'] = (rows!['rows'] as readonly JsonObject[]).map((row) => row['n']).sort();
    again.close();
    delete said['read'];
  } finally {
    await server.stop();
  }
  return said;
}

test('a full disk refuses what does not fit and nothing else', {
  skip: whyNoMount(),
  timeout: 60_000,
}, async () => {
  for (const side of SIDES)
    await withDisk(async (disk) => {
      const noRoom = (file: string): string =>
        `{"details":"DISK/${file}: write failed","error":"I/O error","io-error":"No space left on device"}`;
      const command = { ERROR: 'I/O error: DISK/db.tmp: write failed (No space left on device)\n' };
      assert.deepEqual(
        await fillDisk(side, disk),
        {
          first: undefined,
          'too much': noRoom('db'),
          'too much, durable': noRoom('db'),
          'what fits': undefined,
          compact: JSON.stringify(command),
          convert: noRoom('db.tmp'),
          files: ['.db.~lock~', 'db'],
          schema: '1.0.0',
          full: noRoom('db'),
          'room again': undefined,
          kept: [1, 4, 6],
        },
        side,
      );
    });
});

test('a database on a read-only file system is not served, in the words of the C server', {
  skip: whyNoMount(),
  timeout: 60_000,
}, async () => {
  await withDisk(async (disk) => {
    const server = await DatabaseServer.start('ours', {
      schema: schema('1.0.0'),
      file: path.join(disk, 'db'),
    });
    await server.stop();
    execFileSync('mount', ['-o', 'remount,ro', disk]);
    const { status, stderr } = spawnSync(
      databaseProgram('ours', 'ovsdb-server'),
      ['--unixctl=none', `${disk}/db`],
      { encoding: 'utf8', timeout: 10_000 },
    );
    assert.equal(status, 1);
    const why = 'Read-only file system';
    assert.deepEqual(stderr.replaceAll(disk, 'DISK').replace(/^.*\|/gm, '').split('\n'), [
      `DISK/.db.~lock~: failed to open lock file: ${why}`,
      `DISK/.db.~lock~: failed to lock file: ${why}`,
      `failed to open database 'DISK/db': I/O error: DISK/db: failed to lock lockfile (${why})`,
      'failed to configure databases',
      'ovsdb-server: server configuration failed',
      '',
    ]);
  });
});

test('a server whose directory is gone serves and writes on, and says so when it cannot compact', async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovsdb-gone-'));
  for (const side of SIDES) {
    const disk = path.join(dir, side);
    fs.mkdirSync(disk);
    const server = await DatabaseServer.start(side, { schema: schema('1.0.0'), file: path.join(disk, 'db') });
    try {
      const [client, control] = await Promise.all([server.client(), server.client('ctl')]);
      fs.rmSync(disk, { recursive: true });
      for (const n of [1, 2]) {
        const results = await client.request('transact', 'db', ...insert(n, 10, true));
        assert.equal(errorOf(results, disk), undefined);
        const reply = (await control.request('ovsdb-server/compact')) as JsonObject;
        assert.match(
          String(reply['ERROR']),
          /I\/O error: .*db\.tmp: create.* failed \(No such file or directory\)/,
        );
      }
      const [rows] = (await client.request('transact', 'db', NUMBERS)) as readonly JsonObject[];
      assert.equal((rows!['rows'] as readonly Json[]).length, 2);
      client.close();
      control.close();
    } finally {
      await server.stop();
    }
  }
  fs.rmSync(dir, { recursive: true });
});
