import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { formatTime, RateLimit, setVlogFromSpec, setVlogSink, vlog, vlogLevelsText } from './vlog.ts';

let lines: string[] = [];
let now = 0;

beforeEach(() => {
  lines = [];
  now = 0;
  setVlogSink({
    program: 'prog',
    pid: 42,
    hostname: 'host',
    wallMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 67),
    monotonicMs: () => now,
    localOffsetMinutes: () => 0,
    syslogPrefix: '',
    isOpen: (d) => d !== 'syslog',
    write: (destination, level, line) => lines.push(`${destination} ${level} ${line}`),
  });
  setVlogFromSpec('any:any:info');
});
afterEach(() => setVlogSink(undefined));

test('a message goes to the open destinations whose level allows it, in their patterns', () => {
  const log = vlog('test_a');
  assert.equal(setVlogFromSpec('test_a:console:off'), undefined);
  log.warn('hello\n');
  log.dbg(() => assert.fail('not wanted'));
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, /^file warn 2026-01-02T03:04:05\.067Z\|\d{5}\|test_a\|WARN\|hello$/);
});

test('patterns know fields, widths and justification', () => {
  assert.equal(setVlogFromSpec('PATTERN:console:%-8p[%A %P]%4r %m%n'), undefined);
  now = 7;
  vlog('test_b').err('x');
  assert.ok(lines.includes('console err ERR     [prog 42]   7 x\n'));
  setVlogFromSpec('PATTERN:console:%D{%Y-%m-%dT%H:%M:%SZ}|%05N|%c%T|%p|%m');
});

test('bad specifications are refused with the C texts', () => {
  assert.equal(setVlogFromSpec('nonsense'), 'no destination, level, or module "nonsense"');
  assert.equal(setVlogFromSpec('file:console'), 'cannot specify multiple destinations');
  assert.equal(setVlogFromSpec('info:dbg'), 'cannot specify multiple levels');
  assert.equal(setVlogFromSpec('PATTERN'), 'missing destination');
  assert.equal(setVlogFromSpec('PATTERN:nowhere:x'), 'unknown destination "nowhere"');
  assert.equal(setVlogFromSpec('FACILITY:x'), 'invalid facility');
});

test('a rate limit drops what exceeds its burst and later says how much', () => {
  const log = vlog('test_c');
  setVlogFromSpec('console:off');
  const limit = new RateLimit(60, 2);
  for (let i = 0; i < 5; i++) log.warnRl(limit, `m${i}`);
  assert.equal(lines.length, 2);
  now = 2500;
  log.warnRl(limit, 'again');
  assert.match(
    lines[2]!,
    /Dropped 3 log messages in last 2 seconds \(most recently, 2 seconds ago\) due to excessive rate$/,
  );
  assert.match(lines[3]!, /again$/);
});

test('the list of levels has a row a module', () => {
  vlog('test_d');
  setVlogFromSpec('test_d:file:err');
  assert.match(vlogLevelsText(), /\ntest_d {12}INFO {7}INFO {8}ERR\n/);
});

test('times are printed with fractions where # stands', () => {
  assert.equal(formatTime('%H:%M:%S.###', 1234), '00:00:01.234');
});

test('modules that only the C implementation has can be named', () => {
  assert.equal(setVlogFromSpec('poll-loop:off'), undefined);
  assert.match(vlogLevelsText(), /^poll_loop +OFF +OFF +OFF$/m);
  assert.equal(setVlogFromSpec('no_such:off'), 'no destination, level, or module "no_such"');
});
