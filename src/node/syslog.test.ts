import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import dgram from 'node:dgram';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import test, { type TestContext } from 'node:test';
import { setVlogFromSpec, setVlogSink, vlog, vlogPatternsText } from '../base/vlog.ts';
import { check, libc, pin, pinString } from './ffi/libc.ts';
import { LogSink } from './log-sink.ts';
import { Syslog } from './syslog.ts';

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 0x802;

/** A datagram socket of the file system, which Node has none of. */
function receiver(t: TestContext): { file: string; lines(): string[]; close(): void } {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'syslog-'));
  const file = path.join(dir, 'log');
  const fd = check(libc.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0));
  const address = pin(110);
  address.bytes[0] = AF_UNIX;
  address.bytes.set(pinString(file).bytes, 2);
  check(libc.bind(fd, address.pointer, 110));
  const buffer = pin(65_536);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) libc.close(fd);
    isOpen = false;
    fs.rmSync(dir, { recursive: true, force: true });
  };
  t.after(close);
  return {
    file,
    close,
    lines() {
      const lines: string[] = [];
      for (let n = 0; (n = libc.recv(fd, buffer.pointer, buffer.bytes.length, 0)) >= 0; )
        lines.push(new TextDecoder().decode(buffer.bytes.slice(0, n)));
      return lines;
    },
  };
}

const clock = { now: () => 5000, wallNow: () => Date.UTC(2024, 0, 5, 1, 2, 3) };

test('lines go to a Unix socket with facility and severity, each line of a message by itself', (t) => {
  const { file, lines } = receiver(t);
  const sink = new LogSink('prog', clock as ConstructorParameters<typeof LogSink>[1]);
  sink.closeConsole();
  sink.setSyslogMethod(`unix:${file}`);
  // The first choice stays.
  sink.setSyslogMethod('null');
  setVlogSink(sink);
  t.after(() => setVlogSink(undefined));
  assert.equal(setVlogFromSpec('pattern:syslog:%c|%p|%m'), undefined);
  t.after(() => setVlogFromSpec('pattern:syslog:ovs|%05N|%c%T|%p|%m'));
  const log = vlog('syslog_test');
  log.info('one\n\ntwo');
  log.warn('three');
  assert.equal(setVlogFromSpec('facility:local1'), undefined);
  t.after(() => setVlogFromSpec('facility:daemon'));
  log.err('four');
  log.dbg('not logged');
  assert.deepEqual(lines(), [
    '<29>syslog_test|INFO|one',
    '<29>two',
    '<28>syslog_test|WARN|three',
    '<139>syslog_test|ERR|four',
  ]);
  assert.match(vlogPatternsText(), /^SYSLOG {3}<%B> {30}%c\|%p\|%m$/m);
});

test('a receiver that goes away and comes back is found again', (t) => {
  const first = receiver(t);
  const syslog = new Syslog('prog', `unix:${first.file}`);
  syslog.log(30, 'heard', 0, 0);
  assert.deepEqual(first.lines(), ['<30>heard']);
  first.close();
  syslog.log(30, 'lost', 0, 1);
  const second = receiver(t);
  fs.mkdirSync(path.dirname(first.file));
  fs.renameSync(second.file, first.file);
  syslog.log(30, 'too early to try again', 0, 500);
  syslog.log(30, 'heard again', 0, 1500);
  assert.deepEqual(second.lines(), ['<30>heard again']);
});

test('a line that is too long for the socket is cut', (t) => {
  const { file, lines } = receiver(t);
  const syslog = new Syslog('prog', `unix:${file}`);
  syslog.log(30, 'x'.repeat(1_000_000), 0, 0);
  const [line] = lines();
  assert.ok(line!.length > 1000 && line!.length < 100_000);
});

test('UDP targets are told in the form of RFC 5424 where a target is given, and plainly by the method', async (t) => {
  const socket = dgram.createSocket('udp4');
  await new Promise<void>((done) => socket.bind(0, '127.0.0.1', done));
  t.after(() => socket.close());
  const { port } = socket.address();
  const next = () => new Promise<string>((done) => socket.once('message', (bytes) => done(bytes.toString())));
  const plain = next();
  new Syslog('prog', `udp:127.0.0.1:${port}`).log(30, 'plainly', 0, 0);
  assert.equal(await plain, '<30>plainly');

  const sink = new LogSink('prog', clock as ConstructorParameters<typeof LogSink>[1]);
  sink.closeConsole();
  sink.setSyslogMethod('udp:127.0.0.1:9');
  setVlogSink(sink);
  t.after(() => setVlogSink(undefined));
  const deprecation = next();
  sink.setSyslogTarget(`127.0.0.1:${port}`);
  assert.match(
    await deprecation,
    /^<\d+>1 2024-01-05T01:02:03\.000Z \S+ prog \d+ vlog - \ufeff--syslog-target flag/,
  );
});

test('a method that does not exist is refused', () => {
  assert.throws(() => new Syslog('prog', 'smoke'), /^Error: unsupported syslog method 'smoke'$/);
});

test('nothing is sent by the null method, and none of it needs /dev/log', () => {
  const syslog = new Syslog('prog', 'null');
  assert.ok(syslog.isOff);
  syslog.log(30, 'x', 0, 0);
  new Syslog('prog', 'libc').log(30, 'test of syslog', 0, 0);
});

test('a tool that logs and ends has said so by then', async (t) => {
  const { file, lines } = receiver(t);
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', path.join(import.meta.dirname, 'main/ovs-vsctl.ts')].concat([
      `--syslog-method=unix:${file}`,
      '--db=unix:/nonexistent',
      '--no-wait',
      '--timeout=5',
      'add-br',
      'x',
    ]),
    { stdio: 'ignore' },
  );
  await new Promise((done) => child.on('exit', done));
  assert.match(lines()[0] ?? '', /^<29>ovs\|00001\|vsctl\|INFO\|Called as /);
});
