import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { NodeStorage } from '../node/storage.ts';
import { OVSDB_MAGIC, OvsdbLog, RAFT_MAGIC } from './log.ts';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovsdb-log-'));
after(() => fs.rmSync(dir, { recursive: true }));
const storage = new NodeStorage();
let files = 0;
const newFile = (): string => path.join(dir, `log${files++}`);
const open = (file: string, mode: 'read' | 'write' | 'create' | 'create-exclusive'): OvsdbLog =>
  OvsdbLog.open(storage, file, mode.startsWith('create') ? [OVSDB_MAGIC] : [OVSDB_MAGIC, RAFT_MAGIC], mode);

/** A log with the records {x: 0}, {x: 1} ... */
function write(n: number): string {
  const file = newFile();
  const log = open(file, 'create-exclusive');
  for (let x = 0; x < n; x++) log.write({ x });
  log.close();
  return file;
}

function readAll(log: OvsdbLog): number[] {
  const found: number[] = [];
  for (let json = log.read(); json; json = log.read()) found.push(json['x'] as number);
  return found;
}

test('records are in the format of ovsdb(5)', () => {
  const body = '{"x":0}\n';
  const sha1 = createHash('sha1').update(body).digest('hex');
  assert.equal(fs.readFileSync(write(1), 'utf8'), `OVSDB JSON 8 ${sha1}\n${body}`);
});

test('what is written is read back, and appended to after all has been read', () => {
  const file = write(3);
  const log = open(file, 'write');
  assert.deepEqual(readAll(log), [0, 1, 2]);
  log.write({ x: 3 });
  log.close();
  const again = open(file, 'read');
  assert.deepEqual(readAll(again), [0, 1, 2, 3]);
  again.close();
});

test('a write cuts off what has not been read, and what was read and discarded', () => {
  const file = write(4);
  const log = open(file, 'write');
  log.read();
  log.read();
  log.unread();
  log.write({ x: 9 });
  log.close();
  const again = open(file, 'read');
  assert.deepEqual(readAll(again), [0, 9]);
  again.close();
});

for (const cut of [1, 9, 30, 60]) {
  test(`a record torn ${cut} bytes before its end leaves all before it, and is overwritten`, () => {
    const file = write(3);
    fs.truncateSync(file, fs.statSync(file).size - cut);
    const log = open(file, 'write');
    assert.deepEqual([log.read(), log.read()], [{ x: 0 }, { x: 1 }]);
    const left = fs.statSync(file).size;
    if (left > log.offset) assert.throws(() => log.read(), /error reading|parse error/);
    log.write({ x: 7 });
    log.close();
    const again = open(file, 'read');
    assert.deepEqual(readAll(again), [0, 1, 7]);
    again.close();
  });
}

test('a changed byte is found by the checksum', () => {
  const file = write(2);
  const bytes = fs.readFileSync(file);
  bytes[bytes.length - 3] = 0x39;
  fs.writeFileSync(file, bytes);
  const log = open(file, 'read');
  log.read();
  assert.throws(() => log.read(), /8 bytes starting at offset \d+ have SHA-1 hash .* but should have hash/);
  assert.throws(() => log.read(), /should have hash/);
  log.close();
});

test('errors of opening name the file and the reason', () => {
  const file = newFile();
  assert.throws(() => open(file, 'read'), {
    message: `I/O error: ${file}: open failed (No such file or directory)`,
  });
  fs.writeFileSync(file, 'hello\n');
  assert.throws(() => open(file, 'read'), { message: `ovsdb error: ${file}: unexpected file format` });
  fs.writeFileSync(file, '');
  assert.throws(() => open(file, 'read'), { message: `ovsdb error: ${file}: cannot identify file type` });
  const existing = write(1);
  assert.throws(() => open(existing, 'create-exclusive'), {
    message: `I/O error: ${existing}: create failed (File exists)`,
  });
});

test('a log that is open for writing is locked', () => {
  const file = write(1);
  const log = open(file, 'write');
  assert.throws(() => open(file, 'write'), {
    message: `I/O error: ${file}: failed to lock lockfile (Resource temporarily unavailable)`,
  });
  open(file, 'read').close();
  log.close();
  open(file, 'write').close();
});

test('a replacement takes over what is written while it is made', async () => {
  const target = write(5);
  const link = newFile();
  fs.symlinkSync(target, link);
  const log = open(link, 'write');
  readAll(log);
  const replacement = log.startReplacement();
  replacement.addText('{"x":');
  log.write({ x: 5 });
  replacement.addText('100}');
  for (const _ of replacement.endRecord());
  const committed = new Promise((done) => replacement.commit(done));
  log.write({ x: 6 });
  assert.equal(await committed, undefined);
  log.write({ x: 7 });
  log.close();
  assert.ok(fs.lstatSync(link).isSymbolicLink());
  assert.equal(fs.existsSync(`${target}.tmp`), false);
  const again = open(target, 'read');
  assert.deepEqual(readAll(again), [100, 5, 6, 7]);
  again.close();
});
