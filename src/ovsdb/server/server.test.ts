import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import type { Stream } from '../../base/host.ts';
import { UnixctlCommands } from '../../base/unixctl.ts';
import { type Json, stringifyJson } from '../../jsonrpc/json.ts';
import { JsonRpc, type JsonRpcMessage } from '../../jsonrpc/jsonrpc.ts';
import { NodeHost } from '../../node/host.ts';
import { OVSDB_MAGIC, OvsdbLog } from '../log.ts';
import { registerServerCommands } from './commands.ts';
import { ovsdbServerSettings } from './options.ts';
import { ServerProgram } from './program.ts';

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovsdb-server-'));
const SCHEMA = {
  name: 'db',
  version: '1.0.0',
  tables: {
    T: {
      isRoot: true,
      columns: {
        name: { type: 'string' },
        n: { type: 'integer' },
        set: { type: { key: 'integer', min: 0, max: 'unlimited' } },
        passing: { type: 'string', ephemeral: true },
      },
    },
  },
};

let servers = 0;
const running: { program: ServerProgram; host: NodeHost }[] = [];

/** A server on a new database, on the socket and file that it returns. */
async function start(file?: string) {
  const host = new NodeHost();
  const name = file ?? path.join(dir, `db${servers}`);
  const socket = path.join(dir, `s${servers++}`);
  if (file === undefined) {
    const log = OvsdbLog.open(host.storage, name, [OVSDB_MAGIC], 'create-exclusive');
    log.write(SCHEMA);
    log.close();
  }
  const settings = ovsdbServerSettings([{ id: 'remote', value: `punix:${socket}` }], [name], dir);
  const program = new ServerProgram(host, settings);
  const commands = new UnixctlCommands('test');
  registerServerCommands(commands, program);
  assert.ok(await program.start());
  running.push({ program, host });
  return { program, host, socket, file: name, commands };
}

/** Stops a server before the end of all tests. */
function stop(program: ServerProgram): void {
  program.stop();
  const i = running.findIndex((r) => r.program === program);
  running.splice(i, 1);
}

class Client {
  readonly stream: Stream;
  readonly #rpc: JsonRpc;
  readonly #replies = new Map<Json, (message: JsonRpcMessage) => void>();
  /** Notifications and requests of the server, in order. */
  readonly heard: { readonly method: string; readonly params: Json }[] = [];
  readonly closed: Promise<void>;
  #nextId = 0;
  #noticed: () => void = () => {};

  constructor(stream: Stream) {
    this.stream = stream;
    let close = (): void => {};
    this.closed = new Promise((resolve) => {
      close = resolve;
    });
    this.#rpc = new JsonRpc(stream, { message: (m) => this.#message(m), closed: () => close() });
  }

  static connect(socket: string): Promise<Client> {
    const { streams } = new NodeHost();
    return new Promise((resolve, reject) => {
      streams.connect(`unix:${socket}`, 0, { connected: (s) => resolve(new Client(s)), failed: reject });
    });
  }

  #message(m: JsonRpcMessage): void {
    if (m.type === 'reply' || m.type === 'error') this.#replies.get(m.id)?.(m);
    else this.heard.push({ method: m.method, params: m.params });
    this.#noticed();
  }

  /** The result; an error is thrown as its JSON text. */
  call(method: string, ...params: Json[]): Promise<Json> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      this.#replies.set(id, (m) => {
        if (m.type === 'reply') resolve(m.result);
        else if (m.type === 'error') reject(new Error(stringifyJson(m.error)));
      });
      this.#rpc.send({ type: 'request', method, params, id });
    });
  }
  transact(...ops: Json[]): Promise<Json> {
    return this.call('transact', 'db', ...ops);
  }
  insert(row: Json): Promise<Json> {
    return this.transact({ op: 'insert', table: 'T', row });
  }
  notify(method: string, ...params: Json[]): void {
    this.#rpc.send({ type: 'notification', method, params });
  }
  /** Waits until it has heard `n` notifications in all. */
  async hear(n: number): Promise<readonly { readonly method: string; readonly params: Json }[]> {
    while (this.heard.length < n)
      await new Promise<void>((resolve) => {
        this.#noticed = resolve;
      });
    return this.heard;
  }
  close(): void {
    this.#rpc.close();
  }
}

after(() => {
  for (const { program } of running) program.stop();
  fs.rmSync(dir, { recursive: true });
});

/** <table-updates> with UUIDs and versions taken out. */
const plain = (json: Json): string =>
  stringifyJson(json).replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'U');

test('the methods that say what there is', async () => {
  const { socket } = await start();
  const client = await Client.connect(socket);
  assert.deepEqual(await client.call('echo', 1, 'a'), [1, 'a']);
  assert.deepEqual(await client.call('list_dbs'), ['_Server', 'db']);
  // Where all tables are roots it is not said.
  const { columns } = SCHEMA.tables.T;
  assert.deepEqual(await client.call('get_schema', 'db'), { ...SCHEMA, tables: { T: { columns } } });
  assert.match(String(await client.call('get_server_id')), /^[0-9a-f-]{36}$/);
  await assert.rejects(client.call('frobnicate'), { message: '"unknown method"' });
  await assert.rejects(client.call('get_schema', 'nix'), /unknown database/);
  await assert.rejects(client.call('transact'), /transact request params must begin with <db-name>/);
  client.close();
});

test('a monitor gets the rows at first and then what changes, before the reply to the change', async () => {
  const { socket } = await start();
  const client = await Client.connect(socket);
  await client.insert({ name: 'a', n: 1 });
  const request = { T: { columns: ['name', 'n'] } };
  assert.equal(
    plain(await client.call('monitor', 'db', 'm', request)),
    '{"T":{"U":{"new":{"name":"a","n":1}}}}',
  );
  await client.transact({ op: 'update', table: 'T', where: [], row: { n: 2 } });
  assert.equal(
    plain(client.heard as unknown as Json),
    '[{"method":"update","params":["m",{"T":{"U":{"old":{"n":1},"new":{"name":"a","n":2}}}}]}]',
  );
  await client.transact({ op: 'delete', table: 'T', where: [] });
  assert.equal(plain(client.heard[1]!.params), '["m",{"T":{"U":{"old":{"name":"a","n":2}}}}]');
  await client.call('monitor_cancel', 'm');
  await client.insert({ name: 'b' });
  assert.equal(client.heard.length, 2);
  await assert.rejects(client.call('monitor_cancel', 'm'), { message: '"unknown monitor"' });
  client.close();
});

test('a conditional monitor gets differences, and rows as they come into sight', async () => {
  const { socket } = await start();
  const client = await Client.connect(socket);
  await client.insert({ name: 'a', n: 1, set: ['set', [1, 2]] });
  await client.insert({ name: 'b', n: 5 });
  const where = (...clauses: Json[]): Json => ({ T: [{ columns: ['name', 'set'], where: clauses }] });
  assert.equal(
    plain(await client.call('monitor_cond', 'db', 'm', where(['n', '<', 3]))),
    '{"T":{"U":{"initial":{"name":"a","set":["set",[1,2]]}}}}',
  );
  const update = (n: number, row: Json): Json => ({ op: 'update', table: 'T', where: [['n', '==', n]], row });
  await client.transact(update(1, { set: ['set', [2, 3]] }));
  await client.transact(update(5, { n: 2 }));
  await client.transact(update(1, { n: 9 }));
  assert.deepEqual(
    client.heard.map(({ method, params }) => [method, plain(params)]),
    [
      ['update2', '["m",{"T":{"U":{"modify":{"set":["set",[1,3]]}}}}]'],
      ['update2', '["m",{"T":{"U":{"insert":{"name":"b"}}}}]'],
      ['update2', '["m",{"T":{"U":{"delete":null}}}]'],
    ],
  );
  await client.call('monitor_cond_change', 'm', 'm2', { T: [{ where: [['n', '>', 3]] }] });
  assert.match(
    plain(client.heard[3]!.params),
    /^\["m2",\{"T":\{"U":(\{"insert":\{.*\}\}|\{"delete":null\}),"U":/,
  );
  await assert.rejects(client.call('monitor_cond_change', 'm', 'm', {}), /unknown monitor session/);
  client.close();
});

test('clients with the same monitor get the same changes, and one that waits for them is done in time', async () => {
  const { socket } = await start();
  const clients = await Promise.all([1, 2, 3].map(() => Client.connect(socket)));
  for (const client of clients) await client.call('monitor_cond', 'db', 'm', { T: {} });
  const waiting = clients[1]!.transact({
    op: 'wait',
    table: 'T',
    where: [],
    columns: ['name'],
    until: '==',
    rows: [{ name: 'x' }],
  });
  const late = clients[2]!.transact({
    op: 'wait',
    table: 'T',
    where: [],
    columns: ['n'],
    until: '==',
    rows: [{ n: 9 }],
    timeout: 30,
  });
  await clients[0]!.insert({ name: 'x' });
  assert.deepEqual(await waiting, [{}]);
  assert.match(stringifyJson(await late), /"error":"timed out"/);
  for (const client of clients) {
    const [update] = await client.hear(1);
    assert.match(
      plain(update!.params),
      /^\["m",\{"T":\{"U":\{"insert":\{"_version":\["uuid","U"\],"name":"x"\}\}\}\}\]$/,
    );
    client.close();
  }
});

test('a waiting transaction can be cancelled, and is forgotten with its client', async () => {
  const { socket, program } = await start();
  const client = await Client.connect(socket);
  const wait = { op: 'wait', table: 'T', where: [], columns: ['n'], until: '==', rows: [{ n: 1 }] };
  await client.call('set_db_change_aware', true);
  const cancelled = client.transact(wait);
  client.notify('cancel', 1);
  await assert.rejects(cancelled, { message: '"canceled"' });
  void client.transact(wait);
  await client.call('list_dbs');
  const { triggers } = program.server.databases.get('db')!;
  assert.equal(triggers.size, 1);
  client.close();
  const other = await Client.connect(socket);
  while (triggers.size > 0) await other.call('list_dbs');
  other.close();
});

test('locks go to whoever waits longest, and to thieves at once', async () => {
  const { socket } = await start();
  const [a, b, c] = (await Promise.all([1, 2, 3].map(() => Client.connect(socket)))) as [
    Client,
    Client,
    Client,
  ];
  assert.deepEqual(await a.call('lock', 'l'), { locked: true });
  assert.deepEqual(await b.call('lock', 'l'), { locked: false });
  await assert.rejects(a.call('lock', 'l'), /must issue \\"unlock\\" before new \\"lock\\"/);
  assert.deepEqual(await a.transact({ op: 'assert', lock: 'l' }), [{}]);
  assert.match(stringifyJson(await b.transact({ op: 'assert', lock: 'l' })), /not owner/);
  assert.deepEqual(await c.call('steal', 'l'), { locked: true });
  assert.deepEqual((await a.hear(1))[0], { method: 'stolen', params: ['l'] });
  c.close();
  assert.deepEqual((await a.hear(2))[1], { method: 'locked', params: ['l'] });
  await a.call('unlock', 'l');
  assert.deepEqual((await b.hear(1))[0], { method: 'locked', params: ['l'] });
  await assert.rejects(a.call('unlock', 'l'), /\\"unlock\\" without \\"lock\\" or \\"steal\\"/);
  a.close();
  b.close();
});

test('what was committed is there after a restart, but for ephemeral columns and a torn end', async () => {
  const first = await start();
  const client = await Client.connect(first.socket);
  await client.insert({ name: 'a', passing: 'gone' });
  await client.transact(
    { op: 'update', table: 'T', where: [], row: { n: 9007199254740993n } },
    { op: 'commit', durable: true },
  );
  await client.insert({ name: 'torn' });
  client.close();
  stop(first.program);
  fs.truncateSync(first.file, fs.statSync(first.file).size - 5);
  const second = await start(first.file);
  const again = await Client.connect(second.socket);
  const select = { op: 'select', table: 'T', where: [], columns: ['name', 'n', 'passing'] };
  assert.deepEqual(await again.transact(select), [
    { rows: [{ name: 'a', n: 9007199254740993n, passing: '' }] },
  ]);
  await again.insert({ name: 'b' });
  again.close();
});

test('compaction shrinks the file while transactions go on', async () => {
  const { socket, file, commands, program } = await start();
  const client = await Client.connect(socket);
  for (let i = 0; i < 50; i++)
    await client.transact(
      { op: 'insert', table: 'T', row: { name: 'x'.repeat(500) } },
      { op: 'update', table: 'T', where: [], row: { n: i } },
    );
  const before = fs.statSync(file).size;
  const compacted = commands.execute('ovsdb-server/compact', [], { format: 'text' });
  const during = Promise.all([
    client.insert({ name: 'during' }),
    client.transact({ op: 'delete', table: 'T', where: [['n', '==', 49]] }),
  ]);
  assert.equal(await compacted, '');
  await during;
  await client.insert({ name: 'later' });
  client.close();
  assert.ok(fs.statSync(file).size < before);
  stop(program);
  const again = await start(file);
  const reader = await Client.connect(again.socket);
  const [result] = (await reader.transact({
    op: 'select',
    table: 'T',
    where: [],
    columns: ['name'],
    sort: ['name'],
  })) as { rows: Json }[];
  assert.deepEqual(result!.rows, [{ name: 'during' }, { name: 'later' }]);
  reader.close();
});

test('a conversion carries the rows over to the new schema', async () => {
  const { socket, program, file } = await start();
  const client = await Client.connect(socket);
  await client.call('set_db_change_aware', true);
  await client.insert({ name: 'a', n: 3 });
  await client.call('monitor', 'db', 'm', { T: {} });
  const { n, name } = SCHEMA.tables.T.columns;
  const schema = {
    ...SCHEMA,
    version: '2.0.0',
    tables: { T: { isRoot: true, columns: { n, name, added: { type: 'boolean' } } } },
  };
  const held = client.call('convert', 'db', schema);
  const during = client.insert({ name: 'b', added: true });
  assert.deepEqual(await held, {});
  assert.match(stringifyJson(await during), /uuid/);
  assert.deepEqual((await client.hear(1))[0], { method: 'monitor_canceled', params: ['m'] });
  const select = { op: 'select', table: 'T', where: [], columns: ['name', 'n', 'added'], sort: ['name'] };
  const expected = [
    {
      rows: [
        { name: 'a', n: 3, added: false },
        { name: 'b', n: 0, added: true },
      ],
    },
  ];
  assert.deepEqual(await client.transact(select), expected);
  await assert.rejects(
    client.call('convert', 'db', { ...schema, name: 'other' }),
    /does not match database name/,
  );
  client.close();
  stop(program);
  const again = await Client.connect((await start(file)).socket);
  assert.deepEqual(await again.transact(select), expected);
  again.close();
});

test('a client that sends garbage is cut off, and the others go on', async () => {
  const { socket } = await start();
  const good = await Client.connect(socket);
  for (const garbage of [
    'hello',
    '{"a":1}',
    '[1]',
    '{"id":1,"method":5,"params":[]}',
    '{"id":null,"result":1,"error":null}x',
  ]) {
    const bad = await Client.connect(socket);
    bad.stream.send(new TextEncoder().encode(garbage));
    await bad.closed;
  }
  assert.deepEqual(await good.call('list_dbs'), ['_Server', 'db']);
  good.close();
});

test('a client that never reads makes the server neither wait nor grow', async () => {
  const { socket, program } = await start();
  const writer = await Client.connect(socket);
  await writer.insert({ name: 'x'.repeat(100_000) });
  const deaf = await Client.connect(socket);
  await deaf.call('monitor_cond', 'db', 'm', { T: {} });
  deaf.stream.pause();
  const select = { op: 'select', table: 'T', where: [] };
  // 2000 answers of 100 kB each, and as many changes.
  const requests = Array.from({ length: 2000 }, (_, id) =>
    stringifyJson({ method: 'transact', params: ['db', select], id }),
  ).join('');
  deaf.stream.send(new TextEncoder().encode(requests));
  for (let i = 0; i < 300; i++)
    await writer.transact({ op: 'update', table: 'T', where: [], row: { name: `${i}`.repeat(30_000) } });
  const backlog = Math.max(...[...program.server.sessions].map((session) => session.rpc.backlog));
  assert.ok(backlog < 8_000_000, `${backlog} bytes wait for a client`);
  deaf.stream.resume();
  const last = stringifyJson({ name: '299'.repeat(30_000) });
  while (!stringifyJson(deaf.heard.at(-1)?.params ?? null).includes(last.slice(2, -2)))
    await deaf.hear(deaf.heard.length + 1);
  assert.ok(deaf.heard.length < 250, `${deaf.heard.length} updates though they should have merged`);
  deaf.close();
  writer.close();
});

test('the _Server database shows the databases as they come and go', async () => {
  const { socket, commands } = await start();
  const client = await Client.connect(socket);
  await client.call('set_db_change_aware', true);
  await client.call('monitor', '_Server', 's', { Database: { columns: ['name', 'connected'] } });
  const host = new NodeHost();
  const second = path.join(dir, 'second');
  const log = OvsdbLog.open(host.storage, second, [OVSDB_MAGIC], 'create-exclusive');
  log.write({ ...SCHEMA, name: 'second' });
  log.close();
  await commands.execute('ovsdb-server/add-db', [second], { format: 'text' });
  await client.hear(1);
  assert.match(plain(client.heard[0]!.params), /"new":\{"name":"second","connected":true\}/);
  assert.equal(
    await commands.execute('ovsdb-server/list-dbs', [], { format: 'text' }),
    '_Server\ndb\nsecond\n',
  );
  await commands.execute('ovsdb-server/remove-db', ['second'], { format: 'text' });
  await client.hear(2);
  assert.match(plain(client.heard[1]!.params), /"old":\{"name":"second","connected":true\}/);
  await assert.rejects(
    commands.execute('ovsdb-server/add-db', [path.join(dir, 'none')], { format: 'text' }),
    {
      message: `I/O error: ${path.join(dir, 'none')}: open failed (No such file or directory)`,
    },
  );
  assert.match(
    stringifyJson(await client.call('transact', '_Server', { op: 'delete', table: 'Database', where: [] })),
    /not allowed/,
  );
  client.close();
});
