/**
 * What programs say of bad command lines and database files. The words and exit statuses were recorded from the C
 * programs of release 3.7.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { program } from '../support/daemons.ts';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-bad-'));
after(() => fs.rmSync(dir, { recursive: true }));
const env = { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir, OVS_SYSCONFDIR: dir };

/** Runs a program of ours in the directory. @returns status and output, without the times of log lines */
function run(name: string, ...args: string[]): string {
  const { status, signal, stdout, stderr } = spawnSync(program('ours', name), args, {
    env,
    cwd: dir,
    encoding: 'utf8',
    timeout: 20_000,
  });
  return `${status ?? signal} ${(stdout + stderr).replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME').replaceAll(dir, 'DIR')}`;
}

const record = (text: string): string =>
  `OVSDB JSON ${text.length} ${createHash('sha1').update(text).digest('hex')}\n${text}`;
const SCHEMA =
  '{"name":"db","version":"1.0.0","tables":{"T":{"columns":{"s":{"type":"string"}},"isRoot":true}}}\n';
const ROW = '{"T":{"00000000-0000-4000-8000-000000000001":{"s":"kept"}}}\n';
const GOOD = record(SCHEMA) + record(ROW);
const FILES: Readonly<Record<string, string>> = {
  good: GOOD,
  torn: GOOD + record(ROW).slice(0, 80),
  flipped: GOOD + record(ROW).replace('kept', 'lost'),
  tail: `${GOOD}garbage\n`,
  cut: GOOD.slice(0, 90),
  magic: GOOD.replace('OVSDB JSON', 'OVSDB XSON'),
  text: 'hello world\n',
  empty: '',
  array: record('[]\n'),
  noschema: record('{"a": 1}\n'),
};
for (const [name, text] of Object.entries(FILES)) fs.writeFileSync(path.join(dir, name), text);
fs.mkdirSync(path.join(dir, 'folder'));

test('a database file that is none is refused in the words of the C tool', () => {
  const cases: readonly (readonly [file: string, message: string])[] = [
    ['text', 'ovsdb error: text: unexpected file format'],
    ['magic', 'ovsdb error: magic: cannot identify file type'],
    ['missing', 'I/O error: missing: open failed (No such file or directory)'],
    ['no/such', 'I/O error: no/such: open failed (No such file or directory)'],
    ['', 'I/O error: : open failed (No such file or directory)'],
    ['folder', 'I/O error: folder: read error (Is a directory)'],
    ['cut', `I/O error: cut: error reading ${SCHEMA.length} bytes starting at offset 55 (End of file)`],
    ['array', 'syntax error: array: 3 bytes starting at offset 54 are not a JSON object'],
    [
      'noschema',
      'syntax "{"a":1}": syntax error: Parsing database schema failed: Required \'name\' member is missing.',
    ],
  ];
  for (const [file, message] of cases)
    assert.equal(run('ovsdb-tool', 'db-name', file), `1 ovsdb-tool: ${message}\n`, file);
});

test('a server takes what comes before damage in its file, says so, and writes on from there', () => {
  const select = '["db",{"op":"select","table":"T","where":[],"columns":["s"]}]';
  for (const file of ['torn', 'flipped', 'tail']) {
    const copy = path.join(dir, `${file}.db`);
    fs.copyFileSync(path.join(dir, file), copy);
    const insert = select.replace('{"op"', '{"op":"insert","table":"T","row":{"s":"new"}},{"op"');
    const client = `"${program('ours', 'ovsdb-client')}" transact unix:DIR/s '${insert}'`.replace('DIR', dir);
    const out = run('ovsdb-server', '--remote=punix:s', `--run=${client}`, copy);
    assert.match(out, /^0 .*"rows":\[\{"s":"(kept|new)"\},\{"s":"(kept|new)"\}\]/, out);
    assert.match(out, /ovsdb_server\|ERR\|.*(parse error|error reading|should have hash)/, out);
    assert.equal(run('ovsdb-tool', 'query', copy, select).match(/"s":/g)?.length, 2);
  }
});

test('a server does not start without its database, and leaves what it cannot read as it is', () => {
  for (const file of ['text', 'magic', 'cut', 'missing', '', 'folder', 'no/such']) {
    const out = run('ovsdb-server', '--remote=punix:s', '--run=true', file);
    assert.match(out, /^1 .*ovsdb-server: server configuration failed\n$/s, `${file}: ${out}`);
  }
  for (const file of ['text', 'magic', 'cut'])
    assert.equal(fs.readFileSync(path.join(dir, file), 'utf8'), FILES[file]);
});

const PROGRAMS = [
  'ovs-vsctl',
  'ovs-ofctl',
  'ovs-appctl',
  'ovsdb-client',
  'ovsdb-tool',
  'ovsdb-server',
  'ovs-vswitchd',
];

test('options that do not exist, lack an argument or have too much end every program with words', () => {
  for (const name of PROGRAMS) {
    assert.equal(run(name, '--nix=1'), `1 ${name}: unrecognized option '--nix=1'\n`);
    assert.equal(run(name, '-Z'), `1 ${name}: invalid option -- 'Z'\n`);
    assert.equal(run(name, '--help=3'), `1 ${name}: option '--help' doesn't allow an argument\n`);
    assert.match(
      run(name, '--v'),
      new RegExp(`^1 ${name}: option '--v' is ambiguous; possibilities:.* '--version'`),
    );
    // It takes all other logging options.
    if (name === 'ovsdb-tool') continue;
    assert.equal(
      run(name, '--log-file=/no/such/file'),
      '1 TIME|00001|vlog|WARN|failed to open /no/such/file for logging: No such file or directory\n',
    );
  }
});

test('commands that do not exist or lack an argument end every tool with words', () => {
  const cases: readonly (readonly [name: string, args: readonly string[], out: string])[] = [
    ['ovs-ofctl', ['nix'], "1 ovs-ofctl: unknown command 'nix'; use --help for help\n"],
    ['ovs-ofctl', ['dump-flows'], "1 ovs-ofctl: 'dump-flows' command requires at least 1 arguments\n"],
    ['ovs-ofctl', ['show', 'nosuch'], '1 ovs-ofctl: nosuch is not a bridge or a socket\n'],
    ['ovs-ofctl', ['-F', 'nix', 'show', 'b'], '1 ovs-ofctl: nix: unknown flow protocol\n'],
    ['ovsdb-client', ['nix'], "1 ovsdb-client: unknown command 'nix'; use --help for help\n"],
    ['ovs-vsctl', ['--no-wait', 'nix'], "1 ovs-vsctl: unknown command 'nix'; use --help for help\n"],
    ['ovs-vsctl', ['--no-wait', 'add-br'], "1 ovs-vsctl: 'add-br' command requires at least 1 arguments\n"],
    [
      'ovs-appctl',
      ['version'],
      '1 TIME|00001|daemon_unix|WARN|DIR/ovs-vswitchd.pid: open: No such file or directory\n' +
        'ovs-appctl: cannot read pidfile "DIR/ovs-vswitchd.pid" (No such file or directory)\n',
    ],
  ];
  for (const [name, args, out] of cases) assert.equal(run(name, ...args), out);
});
