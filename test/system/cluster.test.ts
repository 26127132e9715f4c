/**
 * Clustered databases with a real etcd of three members: clients write while members and servers are killed, then the history
 * is checked. `CLUSTER_ROUNDS` makes the kills more than the few that are usual; `CLUSTER_SEED` chooses them.
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Json } from '../../src/jsonrpc/json.ts';
import { SimHost } from '../../src/sim/sim-host.ts';
import { program, whyNoDebian } from '../support/daemons.ts';
import { type DatabaseClient, DatabaseServer, toolOf } from '../support/database-server.ts';
import { EtcdCluster, whyNoEtcd } from '../support/etcd.ts';
import { Authority, whyNoOpenssl } from '../support/pki.ts';

const ROUNDS = Number(process.env['CLUSTER_ROUNDS'] ?? 8);
const SEED = Number(process.env['CLUSTER_SEED'] ?? 1);
const CLIENTS = 6;

const SCHEMA = {
  name: 'db',
  version: '1.0.0',
  tables: {
    T: { isRoot: true, columns: { token: { type: 'string' } }, indexes: [['token']] },
    Counter: { isRoot: true, maxRows: 1, columns: { n: { type: 'integer' } } },
  },
};

type Row = Record<string, Json>;
const COUNT = [
  { op: 'select', table: 'Counter', where: [], columns: ['n'] },
  { op: 'mutate', table: 'Counter', where: [], mutations: [['n', '+=', 1]] },
];
const insert = (token: string): Json => ({ op: 'insert', table: 'T', row: { token } });

const rowsOf = (result: Json | undefined): readonly Row[] =>
  (result as { readonly rows?: readonly Row[] } | undefined)?.rows ?? [];
const errorIn = (reply: Json): Json | undefined =>
  Array.isArray(reply)
    ? (reply as readonly Row[]).find((result) => result?.['error'] !== undefined)?.['error']
    : (reply as Row)['ERROR'];

/** Asks again until it is so. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let i = 0; i < 600; i++) {
    if (await holds()) return;
    await sleep(50);
  }
  throw new Error(`${what}: not after 30 s`);
}

async function transact(server: DatabaseServer, ...operations: Json[]): Promise<Json> {
  const client = await server.client();
  try {
    return await client.request('transact', 'db', ...operations);
  } finally {
    client.close();
  }
}

const status = async (server: DatabaseServer): Promise<Row> => {
  const client = await server.client();
  const where = [['name', '==', 'db']];
  const reply = await client.request('transact', '_Server', { op: 'select', table: 'Database', where });
  client.close();
  return rowsOf((reply as readonly Json[])[0])[0]!;
};

/** All rows of a server, in a fixed order. */
async function contents(server: DatabaseServer): Promise<{ tokens: string[]; n: number }> {
  const reply = (await transact(
    server,
    { op: 'select', table: 'T', where: [], columns: ['token'] },
    { op: 'select', table: 'Counter', where: [], columns: ['n'] },
  )) as readonly Json[];
  const tokens = rowsOf(reply[0]).map(({ token }) => token as string);
  return { tokens: tokens.sort(), n: rowsOf(reply[1])[0]!['n'] as number };
}

describe('a database in etcd', { skip: whyNoEtcd() ?? false }, () => {
  let etcd: EtcdCluster;
  let name: string;
  const servers: DatabaseServer[] = [];

  before(async () => {
    etcd = await EtcdCluster.start();
    name = `etcd:${etcd.endpoints}/test/db`;
    const source = await DatabaseServer.start('ours', { schema: SCHEMA });
    await transact(source, { op: 'insert', table: 'Counter', row: { n: 0 } });
    await source.kill('SIGTERM');
    toolOf('ours', 'create-cluster', name, source.file);
    await source.stop();
    for (let i = 0; i < 3; i++) servers.push(await DatabaseServer.start('ours', { serve: name }));
  });
  after(async () => {
    for (const server of servers) await server.stop();
    await etcd?.stop();
  });

  test('all servers take writes, and show the same', async () => {
    for (const [i, server] of servers.entries())
      assert.equal(errorIn(await transact(server, ...COUNT, insert(`first${i}`))), undefined);
    for (const server of servers)
      await until('all rows are there', async () => (await contents(server)).tokens.length === 3);
    assert.match(String(errorIn(await transact(servers[0]!, insert('first1')))), /constraint violation/);
    const rows = await Promise.all(servers.map(status));
    for (const row of rows)
      assert.deepEqual([row['model'], row['connected'], row['leader']], ['clustered', true, true]);
    assert.equal(new Set(rows.map(({ cid }) => JSON.stringify(cid))).size, 1);
    assert.equal(new Set(rows.map(({ sid }) => JSON.stringify(sid))).size, 3);
    assert.match(
      servers[0]!.appctl('cluster/status', 'db'),
      /Status: cluster member\nRole: leader\n(.*\n)*.*\(self\)/,
    );
    assert.equal(toolOf('ours', 'db-name', name), 'db\n');
  });

  test('a client that goes to another server gets the difference only', async () => {
    // A history is kept as long as it is shorter than the database.
    await transact(
      servers[2]!,
      ...Array.from({ length: 20 }, (_, i) => [...COUNT, insert(`more${i}`)]).flat(),
    );
    await until('they are there', async () => (await contents(servers[0]!)).tokens.includes('more19'));
    const [a, b] = [await servers[0]!.client(), await servers[1]!.client()];
    const monitor = { T: [{ columns: ['token'] }] };
    const first = (await a.request(
      'monitor_cond_since',
      'db',
      'm',
      monitor,
      '00000000-0000-0000-0000-000000000000',
    )) as Json[];
    await transact(servers[2]!, ...COUNT, insert('meanwhile'));
    await until('it is there', async () => (await contents(servers[1]!)).tokens.includes('meanwhile'));
    const then = (await b.request('monitor_cond_since', 'db', 'm', monitor, first[1]!)) as [
      boolean,
      string,
      Row,
    ];
    assert.equal(then[0], true);
    assert.deepEqual(
      Object.values(then[2]['T'] as Row).map((row) => Object.keys(row as Row)),
      [['insert']],
    );
    a.close();
    b.close();
  });

  test('a lock has one owner in the whole cluster, and only its transactions pass "assert"', async () => {
    const [a, b] = [await servers[0]!.client(), await servers[1]!.client()];
    const heard: string[] = [];
    b.onNotification = ({ method, params }) => heard.push(`${method} ${String(params[0])}`);
    assert.deepEqual(await a.request('lock', 'L'), { locked: true });
    assert.deepEqual(await b.request('lock', 'L'), { locked: false });
    const attempt = (client: DatabaseClient, token: string): Promise<Json> =>
      client.request('transact', 'db', { op: 'assert', lock: 'L' }, ...COUNT, insert(token));
    assert.equal(errorIn(await attempt(a, 'with lock')), undefined);
    assert.equal(errorIn(await attempt(b, 'without lock')), 'not owner');
    a.close();
    await until('the other has it', () => heard.includes('locked L'));
    assert.equal(errorIn(await attempt(b, 'now with lock')), undefined);
    // Its server's death frees a lock too.
    const c = await servers[2]!.client();
    c.onNotification = ({ method, params }) => heard.push(`c ${method} ${String(params[0])}`);
    assert.deepEqual(await c.request('lock', 'L'), { locked: false });
    await servers[1]!.kill('SIGKILL');
    await until('the lock is free', () => heard.includes('c locked L'));
    c.close();
    await servers[1]!.run();
  });

  test('without a majority of etcd reads go on and writes are refused, until it is back', async () => {
    await etcd.kill(0);
    await etcd.kill(1);
    const [server] = servers;
    await until('the server says so', async () => (await status(server!))['connected'] === false);
    assert.equal((await status(server!))['leader'], false);
    assert.equal(errorIn(await transact(server!, ...COUNT, insert('refused'))), 'cluster error');
    const before = await contents(server!);
    assert.ok(before.tokens.length > 0);
    etcd.run(0);
    etcd.run(1);
    await etcd.healthy();
    await until('the server says so', async () => (await status(server!))['connected'] === true);
    assert.equal(errorIn(await transact(server!, ...COUNT, insert('after'))), undefined);
    assert.ok(!(await contents(server!)).tokens.includes('refused'));
  });

  test('acknowledged transactions are kept once and in order while members and servers are killed', async () => {
    const { random } = new SimHost(SEED);
    const pick = (n: number): number => random.u32() % n;
    const before = (await contents(servers[0]!)).tokens;
    const acknowledged = new Map<string, number>();
    const failed = new Set<string>();
    let stop = false;
    const work = async (id: number): Promise<void> => {
      for (let k = 0; !stop; ) {
        const client = await servers[(id + k) % servers.length]!.client().catch(() => undefined);
        if (!client) {
          k++;
          await sleep(20);
          continue;
        }
        try {
          while (!stop) {
            const token = `c${id}-${k++}`;
            const reply = await client.request('transact', 'db', ...COUNT, insert(token));
            if (errorIn(reply) === undefined)
              acknowledged.set(token, rowsOf((reply as readonly Json[])[0])[0]!['n'] as number);
            else failed.add(token);
          }
        } catch {
          // The connection broke: what became of the transaction is not known.
        }
        client.close();
      }
    };
    const clients = Array.from({ length: CLIENTS }, (_, id) => work(id));
    for (let round = 0; round < ROUNDS; round++) {
      await sleep(100 + pick(400));
      if (round % 2 === 0) {
        const member = pick(3);
        await etcd.kill(member);
        await sleep(pick(1500));
        etcd.run(member);
        await etcd.healthy();
      } else {
        const server = servers[pick(3)]!;
        await server.kill('SIGKILL');
        await sleep(pick(500));
        await server.run();
      }
      if (pick(3) === 0) servers[pick(3)]!.appctl('ovsdb-server/compact', 'db');
    }
    await sleep(300);
    stop = true;
    await Promise.all(clients);
    await until('all servers are connected', async () =>
      (await Promise.all(servers.map(status))).every(({ connected }) => connected === true),
    );
    assert.equal(errorIn(await transact(servers[0]!, ...COUNT, insert('last'))), undefined);
    for (const server of servers)
      await until('all is there', async () => (await contents(server)).tokens.includes('last'));

    const all = await Promise.all(servers.map(contents));
    for (const one of all) assert.deepEqual(one, all[0]);
    const { tokens, n } = all[0]!;
    const present = new Set(tokens);
    assert.equal(n, tokens.length, 'each transaction counted once');
    for (const token of acknowledged.keys()) assert.ok(present.has(token), `${token} is lost`);
    for (const token of failed) assert.ok(!present.has(token), `${token} was called failed`);
    for (const token of before) assert.ok(present.has(token), `${token} is lost`);
    const places = [...acknowledged.values()];
    assert.equal(new Set(places).size, places.length, 'no two found the same state');
    // Each client's transactions have the order in which it asked for them.
    const last = new Map<string, number>();
    for (const [token, place] of acknowledged) {
      const client = token.split('-')[0]!;
      assert.ok(place > (last.get(client) ?? -1));
      last.set(client, place);
    }
    assert.ok(acknowledged.size > 10 * ROUNDS, `only ${acknowledged.size} were acknowledged`);

    const file = path.join(etcd.dir, 'standalone.db');
    toolOf('ours', 'cluster-to-standalone', file, name);
    const [counter] = JSON.parse(
      toolOf('ours', 'query', file, JSON.stringify(['db', { op: 'select', table: 'Counter', where: [] }])),
    ) as { rows: { n: number }[] }[];
    assert.equal(counter!.rows[0]!.n, n);
  });

  test('the Python IDL goes to another server and goes on', { skip: whyNoPython() }, async () => {
    const remotes = servers.map(({ socket }) => `unix:${socket}`).join(',');
    const schema = path.join(etcd.dir, 'db.ovsschema');
    fs.writeFileSync(schema, JSON.stringify(SCHEMA));
    const python = spawn('/usr/bin/python3', ['-c', IDL, remotes, schema], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let out = '';
    python.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
    });
    const gone = new Promise((resolve) => python.once('exit', resolve));
    try {
      await until('the IDL has written', () => out.includes('wrote 5\n'));
      const used = servers.find(({ socket }) => out.startsWith(`unix:${socket}`))!;
      await used.kill('SIGKILL');
      await until('the IDL goes on', () => out.includes('wrote 10\n'));
      await used.run();
    } finally {
      python.stdin.end();
      python.kill();
      await gone;
    }
    const { tokens } = await contents(servers[0]!);
    for (let i = 1; i <= 10; i++) assert.ok(tokens.includes(`python${i}`));
  });

  test("Debian's ovsdb-client takes the first server that is there", {
    skip: whyNoDebian() ?? false,
  }, async () => {
    await servers[0]!.kill('SIGKILL');
    const remotes = servers.map(({ socket }) => `unix:${socket}`).join(',');
    const client = program('theirs', 'ovsdb-client');
    const { stdout, status: code } = spawnSync(
      client,
      ['--timeout=20', 'dump', remotes, 'db', 'Counter', 'n'],
      {
        encoding: 'utf8',
      },
    );
    assert.equal(code, 0);
    assert.match(stdout, /Counter table\nn *\n-+\n\d+/);
    await servers[0]!.run();
  });
});

test('a database in an etcd that wants certificates', {
  skip: whyNoEtcd() ?? whyNoOpenssl() ?? false,
}, async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-etcd-tls-'));
  const authority = new Authority(dir, 'ca');
  const etcd = await EtcdCluster.start(1, {
    ...authority.sign('member', 'IP:127.0.0.1'),
    ca: authority.cert,
  });
  try {
    const name = `etcd:${etcd.endpoints}/db`;
    const schema = path.join(dir, 'db.ovsschema');
    fs.writeFileSync(schema, JSON.stringify(SCHEMA));
    const { key, cert } = authority.sign('server');
    const args = [`--private-key=${key}`, `--certificate=${cert}`, `--ca-cert=${authority.cert}`];
    assert.throws(() => toolOf('ours', 'create-cluster', name, schema), /certificate/);
    toolOf('ours', ...args, 'create-cluster', name, schema);
    const server = await DatabaseServer.start('ours', { serve: name, args });
    assert.equal(errorIn(await transact(server, insert('by TLS'))), undefined);
    await server.stop();
  } finally {
    await etcd.stop();
    fs.rmSync(dir, { recursive: true, force: true });
  }
});

function whyNoPython(): string | false {
  const found = spawnSync('/usr/bin/python3', ['-c', 'import ovs.db.idl']).status === 0;
  return found ? false : 'needs the Debian package python3-openvswitch';
}

/** Inserts a row in each of its transactions, and says where it is connected and how far it is. */
const IDL = `
import sys
import ovs.db.idl, ovs.poller
remotes, schema = sys.argv[1:]
helper = ovs.db.idl.SchemaHelper(schema)
helper.register_all()
idl = ovs.db.idl.Idl(remotes, helper, leader_only=True)
told = False
n = 0
txn = None
while n < 10:
    idl.run()
    if txn is None and idl.has_ever_connected() and idl._session.is_connected():
        txn = ovs.db.idl.Transaction(idl)
        row = txn.insert(idl.tables["T"])
        row.token = "python%d" % (n + 1)
        counter = next(iter(idl.tables["Counter"].rows.values()))
        counter.verify("n")
        counter.n = counter.n + 1
    if txn is not None:
        status = txn.commit()
        if status != ovs.db.idl.Transaction.INCOMPLETE:
            txn = None
            if status in (ovs.db.idl.Transaction.SUCCESS, ovs.db.idl.Transaction.UNCHANGED):
                n += 1
                if not told:
                    print(idl._session.get_name(), flush=True)
                    told = True
                print("wrote %d" % n, flush=True)
                if n == 5:
                    import time; time.sleep(0.5)
    poller = ovs.poller.Poller()
    idl.wait(poller)
    if txn is not None:
        txn.wait(poller)
    poller.timer_wait(100)
    poller.block()
`;
