// ovs-pki in a process of its own, and the C tool on the directories that it makes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { program, type RunResult, type Side, whyNoDebian } from '../support/daemons.ts';
import { whyNoOpenssl } from '../support/pki.ts';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-pki-'));
after(() => fs.rmSync(dir, { recursive: true }));

/** Runs it in `dir` on the infrastructure `pki` there. */
function pki(args: readonly string[], { side = 'ours' as Side, input = '', env = {} } = {}): RunResult {
  const common = ['--dir', path.join(dir, 'pki'), '--log', path.join(dir, 'pki.log')];
  const { status, stdout, stderr } = spawnSync(program(side, 'ovs-pki'), [...common, ...args], {
    cwd: dir,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    timeout: 60_000,
    input,
  });
  return { status, stdout, stderr };
}

function ok(args: readonly string[], options = {}): string {
  const { status, stdout, stderr } = pki(args, options);
  assert.equal(status, 0, stderr);
  return stdout;
}

const certificate = (name: string): X509Certificate =>
  new X509Certificate(fs.readFileSync(path.join(dir, `${name}-cert.pem`)));
const authority = (type: string): X509Certificate =>
  new X509Certificate(fs.readFileSync(path.join(dir, `pki/${type}ca/cacert.pem`)));
const mode = (file: string): number => fs.statSync(path.join(dir, file)).mode & 0o777;

test('a command line that is not good is told', () => {
  const complaint = (...args: string[]): string => {
    const { status, stderr } = pki(args);
    assert.equal(status, 1);
    return stderr;
  };
  assert.equal(complaint(), 'ovs-pki: missing command name; use --help for help\n');
  assert.equal(complaint('frob'), 'ovs-pki: frob command unknown; use --help for help\n');
  assert.equal(complaint('req'), 'ovs-pki: req must have exactly one argument; use --help for help\n');
  assert.equal(complaint('sign', 'a', 'b', 'c'), 'ovs-pki: c: only two arguments may be specified\n');
  assert.equal(complaint('-B1024', 'init'), 'ovs-pki: argument to -B or --bits must be at least 2048\n');
  assert.equal(complaint('-kfoo', 'init'), 'ovs-pki: argument to -k or --key must be rsa or dsa\n');
  assert.equal(complaint('verify', 'nobody'), 'ovs-pki: nobody-cert.pem does not exist\n');
  assert.equal(
    complaint('req+sign', 'a'),
    `ovs-pki: ${dir}/pki does not exist (need to run 'init' or use '--dir'?)\n`,
  );
  assert.match(pki(['--dir=/dev/null/x', 'init']).stderr, /^ovs-pki: .*: Not a directory\n$/);
  assert.match(ok(['--help']), /^ovs-pki, for managing.*self-sign NAME.*-u, --unique/s);
  assert.equal(ok(['--version']), 'ovs-pki (Open vSwitch) 3.7.1\n');
});

test('without openssl it says so', () => {
  const { status, stderr } = pki(['req', 'lost'], { env: { PATH: path.dirname(process.execPath) } });
  assert.equal(status, 127, stderr);
  assert.match(stderr, /cannot run the program openssl \(No such file or directory\)/);
});

describe('with openssl', { skip: whyNoOpenssl() ?? false }, () => {
  test('init makes two authorities, once', () => {
    assert.equal(pki(['-B2048', 'init']).stderr, 'Creating controllerca...\nCreating switchca...\n');
    for (const type of ['controller', 'switch']) {
      assert.ok(authority(type).ca);
      assert.match(authority(type).subject, new RegExp(`OU=${type}ca`));
      assert.equal(mode(`pki/${type}ca/private/cakey.pem`), 0o600);
      assert.equal(mode(`pki/${type}ca/private`), 0o700);
    }
    assert.match(pki(['init']).stderr, /already exists and --force not specified/);
  });

  test('req+sign makes a key and a certificate of the type, whose name is unique', () => {
    const printed = ok(['-B2048', 'req+sign', 'sw']);
    assert.match(
      printed,
      /^sw-req\.pem\t\w{3} \w{3} .\d \d\d:\d\d:\d\d .* \d{4}\n\tfingerprint [0-9a-f]{40}\n$/,
    );
    assert.match(certificate('sw').subject, /CN=sw id:[0-9a-f-]{36}$/);
    assert.ok(certificate('sw').verify(authority('switch').publicKey));
    assert.equal(mode('sw-privkey.pem'), 0o600);
    ok(['-B2048', '--unique', 'req+sign', 'ctl', 'controller']);
    assert.match(certificate('ctl').subject, /CN=ctl$/);
    assert.equal(certificate('ctl').subjectAltName, 'DNS:ctl');
    assert.equal(ok(['verify', 'ctl', 'controller']), 'ctl-cert.pem: OK\n');
    assert.notEqual(pki(['verify', 'ctl', 'switch']).status, 0);
    assert.match(pki(['req+sign', 'ctl']).stderr, /ctl-privkey.pem already exists and --force not supplied/);
  });

  test('sign asks whether the fingerprint is right', () => {
    ok(['-B2048', 'req', 'asked']);
    const refused = pki(['sign', 'asked'], { input: 'no\n' });
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /Match failure, aborting/);
    assert.ok(!fs.existsSync(path.join(dir, 'asked-cert.pem')));
    ok(['sign', 'asked'], { input: 'yes\n' });
    assert.ok(certificate('asked').verify(authority('switch').publicKey));
    const fingerprint = certificate('asked').fingerprint.replaceAll(':', '');
    assert.match(ok(['fingerprint', 'asked-cert.pem']), new RegExp(`\tfingerprint ${fingerprint}\n`));
  });

  test('self-sign makes a certificate that its own key vouches for', () => {
    ok(['-B2048', 'req', 'alone']);
    ok(['self-sign', 'alone']);
    assert.ok(certificate('alone').verify(certificate('alone').publicKey));
  });

  test('the C tool signs with our authority', { skip: whyNoDebian() ?? false }, () => {
    ok(['-B', '2048', 'req+sign', 'theirs', 'switch'], { side: 'theirs' });
    assert.equal(ok(['verify', 'theirs']), 'theirs-cert.pem: OK\n');
  });
});
