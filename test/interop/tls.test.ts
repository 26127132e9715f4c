// TLS between our programs and Debian's, each in either part.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Daemons, type Side, whyNoDebian } from '../support/daemons.ts';
import { Authority, type KeyPair, whyNoOpenssl } from '../support/pki.ts';

const SIDES: readonly Side[] = ['ours', 'theirs'];
const skip = whyNoDebian() ?? whyNoOpenssl() ?? false;
const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-tls-'));
after(() => fs.rmSync(dir, { recursive: true }));

const options = ({ key, cert }: KeyPair, ca: string): string[] => [
  `--private-key=${key}`,
  `--certificate=${cert}`,
  `--ca-cert=${ca}`,
];

/** The port that a daemon has been given last. */
async function listeningPort(daemons: Daemons, name: 'ovsdb-server' | 'ovs-vswitchd'): Promise<string> {
  for (let i = 0; i < 250; i++) {
    const port = [...daemons.log(name).matchAll(/listening on port (\d+)/g)].at(-1)?.[1];
    if (port !== undefined) return port;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`${name} listens nowhere`);
}

async function until(what: string, check: () => boolean): Promise<void> {
  for (let i = 0; i < 100; i++) {
    if (check()) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`waited in vain for ${what}`);
}

for (const side of SIDES) {
  describe(`over TLS to daemons, ${side}`, { skip, timeout: 120_000 }, () => {
    let daemons: Daemons;
    let user: string[];
    let stranger: string[];
    let database: string;
    let bridge: string;

    before(async () => {
      const ca = new Authority(dir, `${side}-ca`);
      const server = ca.sign('server');
      user = options(ca.sign('user'), ca.cert);
      stranger = options(new Authority(dir, `${side}-other`).sign('stranger'), ca.cert);
      daemons = await Daemons.start(side, 'db');
      await daemons.kill('ovsdb-server');
      await daemons.run(
        'ovsdb-server',
        ...[`--remote=punix:${daemons.socket}`, '--remote=pssl:0:127.0.0.1', ...options(server, ca.cert)],
        ...['--peer-ca-cert', ca.cert, `${daemons.dir}/conf.db`],
      );
      database = `ssl:127.0.0.1:${await listeningPort(daemons, 'ovsdb-server')}`;
      // The switch itself is a client of its database over TLS.
      await daemons.run('ovs-vswitchd', '--enable-dummy=override', ...user, database);
      daemons.tool('ovs-vsctl', 'set-ssl', server.key, server.cert, ca.cert);
      daemons.tool('ovs-vsctl', 'add-br', 'br0', '--', 'set-controller', 'br0', 'pssl:0:127.0.0.1');
      bridge = `ssl:127.0.0.1:${await listeningPort(daemons, 'ovs-vswitchd')}`;
    });
    after(() => daemons?.stop());

    for (const tools of SIDES) {
      const run = (name: string, ...args: string[]) =>
        daemons.try(name, ['--timeout=10', ...args], { side: tools });

      test(`ovs-vsctl and ovsdb-client (${tools}) work on the database`, () => {
        assert.equal(run('ovs-vsctl', ...user, `--db=${database}`, 'list-br').stdout, 'br0\n');
        const set = ['--no-wait', 'set', 'bridge', 'br0', `external_ids:by=${tools}`];
        assert.equal(run('ovs-vsctl', ...user, `--db=${database}`, ...set).status, 0);
        const dump = ['dump', database, 'Open_vSwitch', 'Bridge', 'external_ids'];
        assert.match(run('ovsdb-client', ...user, ...dump).stdout, new RegExp(`\\{by=${tools}\\}`));
      });

      test(`ovs-ofctl (${tools}) sends 10,000 flows and reads them back`, () => {
        const flows = path.join(dir, 'flows');
        const lines = Array.from({ length: 10_000 }, (_, i) => `reg0=${i},actions=drop`);
        fs.writeFileSync(flows, lines.join('\n'));
        const added = run('ovs-ofctl', ...user, 'add-flows', bridge, flows);
        assert.equal(added.status, 0, added.stderr);
        const { stdout } = run('ovs-ofctl', ...user, 'dump-flows', bridge);
        assert.equal(stdout.match(/reg0=/g)?.length, 10_000);
      });

      test(`a client (${tools}) that the authority did not sign is refused`, () => {
        assert.notEqual(run('ovsdb-client', ...stranger, 'list-dbs', database).status, 0);
        assert.notEqual(run('ovs-ofctl', ...stranger, 'show', bridge).status, 0);
      });

      test(`ovsdb-client (${tools}) learns the authority from its first contact`, () => {
        const learnt = path.join(dir, `${side}-${tools}-learnt.pem`);
        const args = [...user.slice(0, 2), `--bootstrap-ca-cert=${learnt}`, 'list-dbs', database];
        const first = run('ovsdb-client', ...args);
        assert.equal(first.status, 1);
        assert.match(first.stderr, /killing successful connection to retry using CA cert/);
        assert.match(run('ovsdb-client', ...args).stdout, /Open_vSwitch/);
      });
    }

    test('a controller (ovs-testcontroller) is connected to', {
      skip: !fs.existsSync('/usr/bin/ovs-testcontroller'),
    }, async () => {
      const log = path.join(dir, `${side}-controller.log`);
      const child = spawn(
        '/usr/bin/ovs-testcontroller',
        [...user, 'pssl:0:127.0.0.1', `--log-file=${log}`, '-vconsole:off', `--unixctl=${log}.ctl`],
        { stdio: 'ignore', env: daemons.env },
      );
      try {
        let port: string | undefined;
        await until('the controller', () => {
          port = fs.existsSync(log)
            ? /listening on port (\d+)/.exec(fs.readFileSync(log, 'utf8'))?.[1]
            : undefined;
          return port !== undefined;
        });
        daemons.tool('ovs-vsctl', 'set-controller', 'br0', `ssl:127.0.0.1:${port}`, 'pssl:0:127.0.0.1');
        const connected = [
          '--bare',
          '--columns=target',
          'find',
          'controller',
          'is_connected=true',
          'role=other',
        ];
        await until('the connection', () =>
          daemons.tool('ovs-vsctl', ...connected).includes(`ssl:127.0.0.1:${port}`),
        );
      } finally {
        child.kill();
      }
    });
  });
}

const PYTHON = `
import sys, ovs.stream, ovs.jsonrpc, ovs.poller
key, cert, ca, target = sys.argv[1:]
ovs.stream.Stream.ssl_set_private_key_file(key)
ovs.stream.Stream.ssl_set_certificate_file(cert)
ovs.stream.Stream.ssl_set_ca_cert_file(ca)
error, stream = ovs.stream.Stream.open_block(ovs.stream.Stream.open(target), 5000)
assert not error, error
rpc = ovs.jsonrpc.Connection(stream)
error, reply = rpc.transact_block(ovs.jsonrpc.Message.create_request("list_dbs", []))
print(error, " ".join(sorted(reply.result)))
`;
const noPython = spawnSync('/usr/bin/python3', ['-c', 'import ovs.stream']).status !== 0;

test("Python's library works on our server over TLS", {
  skip: noPython ? 'needs the Debian package python3-openvswitch' : skip,
  timeout: 60_000,
}, async () => {
  const ca = new Authority(dir, 'python-ca');
  const daemons = await Daemons.start('ours', 'db');
  try {
    await daemons.kill('ovsdb-server');
    await daemons.run(
      'ovsdb-server',
      ...[`--remote=punix:${daemons.socket}`, '--remote=pssl:0:127.0.0.1'],
      ...[...options(ca.sign('server'), ca.cert), `${daemons.dir}/conf.db`],
    );
    const { key, cert } = ca.sign('client');
    const target = `ssl:127.0.0.1:${await listeningPort(daemons, 'ovsdb-server')}`;
    const { stdout, stderr } = spawnSync('/usr/bin/python3', ['-c', PYTHON, key, cert, ca.cert, target], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    assert.equal(stdout, '0 Open_vSwitch _Server\n', stderr);
  } finally {
    await daemons.stop();
  }
});
