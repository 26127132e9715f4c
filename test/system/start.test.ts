/** `npm start`, from the build to the ping, and that nothing of it stays. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { whyNoNamespaces } from '../support/daemons.ts';

const root = path.resolve(import.meta.dirname, '../..');

function start(...args: string[]): string {
  const tmp = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-start-'));
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', 'tools/start.ts', '--once', '--no-build', ...args],
    { cwd: root, encoding: 'utf8', timeout: 60_000, env: { ...process.env, TMPDIR: tmp } },
  );
  assert.equal(status, 0, stdout + stderr);
  assert.deepEqual(fs.readdirSync(tmp), []);
  fs.rmdirSync(tmp);
  return stdout;
}

test('npm start shows a ping between two namespaces and the tables it left', {
  skip: whyNoNamespaces() ?? false,
}, () => {
  const out = start();
  assert.match(out, /3 packets transmitted, 3 received/);
  assert.match(out, /actions=NORMAL/);
  assert.match(out, /in_port\(\d+\).*eth_type\(0x0800\)/);
  assert.match(out, /The switch is up/);
  // Other tests' devices come and go meanwhile.
  const left = fs.readdirSync('/sys/class/net').filter((name) => name.startsWith('ots'));
  assert.deepEqual(left, []);
});

test('npm start without privileges pings between hosts in the process', () => {
  const out = start('--dummy');
  assert.equal(out.match(/reply from 10\.0\.0\.2: icmp_seq=\d/g)?.length, 3);
  assert.match(out, /actions=NORMAL/);
});
