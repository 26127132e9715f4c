import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';

const NODE_OPTIONS = ['--disable-warning=ExperimentalWarning'];
const main = (program: string): string => path.join(import.meta.dirname, 'main', `${program}.ts`);

interface Running {
  readonly dir: string;
  readonly child: ChildProcess;
  appctl(...words: string[]): { status: number | null; stdout: string; stderr: string };
  log(): string;
}

/** A database server without databases, in a directory of its own, once it answers. */
async function startServer(t: TestContext, ...options: string[]): Promise<Running> {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'daemon-'));
  t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
  const env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_SYSLOG_METHOD: 'null' };
  const child = spawn(
    process.execPath,
    [
      ...NODE_OPTIONS,
      main('ovsdb-server'),
      '--no-dbs',
      '--pidfile',
      '--log-file=log',
      '-vconsole:off',
    ].concat(options),
    { env, cwd: dir, stdio: 'ignore' },
  );
  t.after(() => child.exitCode === null && child.signalCode === null && child.kill('SIGKILL'));
  const appctl = (...words: string[]) =>
    spawnSync(
      process.execPath,
      [...NODE_OPTIONS, main('ovs-appctl'), '-t', 'ovsdb-server', '-T', '5', ...words],
      {
        env,
        encoding: 'utf8',
      },
    );
  const log = (): string => fs.readFileSync(path.join(dir, 'log'), 'utf8');
  for (
    let tries = 0;
    !fs.existsSync(path.join(dir, 'ovsdb-server.pid')) || appctl('version').status !== 0;
    tries++
  ) {
    assert.ok(tries < 300, 'the daemon does not start');
    await new Promise((done) => setTimeout(done, 100));
  }
  return { dir, child, appctl, log };
}

test('a signal ends a daemon after it has cleaned up, and shows as what ended it', async (t) => {
  for (const [signal, line] of [
    ['SIGHUP', 'terminating with signal 1 (Hangup)'],
    ['SIGTERM', 'terminating with signal 15 (Terminated)'],
  ] as const) {
    const { dir, child, log } = await startServer(t);
    child.kill(signal);
    assert.deepEqual(await once(child, 'exit'), [null, signal]);
    assert.match(log(), new RegExp(`\\|fatal_signal\\|WARN\\|${line.replace(/[()]/g, '\\$&')}\\n`));
    assert.deepEqual(
      fs.readdirSync(dir).filter((name) => /\.(pid|ctl)$/.test(name)),
      [],
    );
  }
});

test('the log file is closed and opened anew by command', async (t) => {
  const { dir, appctl, log, child } = await startServer(t, '--mlockall');
  fs.renameSync(path.join(dir, 'log'), path.join(dir, 'old'));
  assert.equal(appctl('vlog/reopen').status, 0);
  assert.match(log(), /\|vlog\|INFO\|opened log file .*\/log\n$/);
  assert.equal(appctl('vlog/close').status, 0);
  appctl('vlog/message', 'not', 'heard');
  assert.doesNotMatch(log(), /user-message/);
  assert.equal(appctl('vlog/reopen').status, 0);
  appctl('vlog/message', 'heard');
  assert.match(log(), /\|vlog\|INFO\|user-message: heard\n$/);
  const { stdout } = appctl('--format', 'json', 'version');
  assert.match(stdout, /^\{"reply":"ovsdb-server \(Open vSwitch\) [\d.]+","reply-format":"plain"\}\n$/);
  appctl('exit');
  if (child.exitCode === null) await once(child, 'exit');
  assert.equal(child.exitCode, 0);
});
