/** Backups and relays between our database server and Debian's, either way. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import type { Side } from '../support/daemons.ts';
import { DatabaseServer, type DatabaseServerOptions, whyNoReference } from '../support/database-server.ts';
import { until } from '../support/namespaces.ts';

const skip = whyNoReference() ?? false;
const PAIRS: readonly [Side, Side][] = [
  ['theirs', 'ours'],
  ['ours', 'theirs'],
];

const SCHEMA = {
  name: 'db',
  version: '1.0.0',
  tables: {
    Top: {
      isRoot: true,
      columns: {
        name: { type: 'string' },
        options: { type: { key: 'string', value: 'integer', min: 0, max: 'unlimited' } },
        leaves: { type: { key: { type: 'uuid', refTable: 'Leaf' }, min: 0, max: 'unlimited' } },
      },
      indexes: [['name']],
    },
    Leaf: { columns: { n: { type: 'integer' } } },
  },
};

const MAP = ['map', [['k', 1]]];

/** A row with a row that it refers to. */
const insert = (name: string): object[] => [
  { op: 'insert', table: 'Leaf', row: { n: 7 }, 'uuid-name': 'leaf' },
  {
    op: 'insert',
    table: 'Top',
    row: { name, options: MAP, leaves: ['set', [['named-uuid', 'leaf']]] },
  },
];
const mutate = (name: string): object => ({
  op: 'mutate',
  table: 'Top',
  where: [['name', '==', name]],
  mutations: [['options', 'insert', ['map', [['more', 2]]]]],
});
const remove = (name: string): object => ({ op: 'delete', table: 'Top', where: [['name', '==', name]] });

const contents = (server: DatabaseServer): string => server.query('dump', 'db');
const remoteOf = (server: DatabaseServer): string => `unix:${server.socket}`;

/** Carries out operations. @returns the results */
const transact = (server: DatabaseServer, ...operations: object[]): unknown[] =>
  JSON.parse(server.query('transact', JSON.stringify(['db', ...operations])));

async function start(t: TestContext, side: Side, options: DatabaseServerOptions): Promise<DatabaseServer> {
  const server = await DatabaseServer.start(side, options);
  t.after(() => server.stop());
  return server;
}

/** Waits until `condition` holds. It may throw: a server cuts clients off when it gets another schema. */
const becomes = (what: string, condition: () => boolean): Promise<void> =>
  until(what, () => {
    try {
      return condition();
    } catch {
      return false;
    }
  });

async function same(a: DatabaseServer, b: DatabaseServer): Promise<void> {
  const expected = contents(a);
  await becomes('both have the same contents', () => contents(b) === expected);
}

for (const [first, second] of PAIRS) {
  test(`a backup (${second}) follows an active server (${first}) and takes its place`, {
    skip,
  }, async (t) => {
    const active = await start(t, first, { schema: SCHEMA });
    transact(active, ...insert('a'));
    const backup = await start(t, second, { schema: SCHEMA, args: [`--sync-from=${remoteOf(active)}`] });
    await becomes('it replicates', () => backup.appctl('ovsdb-server/sync-status').includes('replicating'));
    await same(active, backup);
    transact(active, ...insert('b'), mutate('a'));
    transact(active, remove('b'));
    await same(active, backup);
    assert.match(JSON.stringify(transact(backup, ...insert('x'))), /not allowed/);

    // It gets to know what happened while the active server was away.
    await active.kill('SIGKILL');
    await active.run();
    transact(active, ...insert('c'));
    await same(active, backup);

    await active.kill('SIGTERM');
    backup.appctl('ovsdb-server/disconnect-active-ovsdb-server');
    transact(backup, ...insert('d'));
    await active.run();
    active.appctl('ovsdb-server/set-active-ovsdb-server', remoteOf(backup));
    active.appctl('ovsdb-server/connect-active-ovsdb-server');
    await same(backup, active);
    assert.match(contents(active), /\bd\b/);
  });

  test(`a relay (${second}) stands for its source (${first})`, { skip }, async (t) => {
    const source = await start(t, first, { schema: SCHEMA });
    transact(source, ...insert('a'));
    const relay = await start(t, second, { serve: `relay:db:unix:/nonexistent,${remoteOf(source)}` });
    await becomes('it is connected', () => {
      const select = {
        op: 'select',
        table: 'Database',
        where: [['name', '==', 'db']],
        columns: ['connected'],
      };
      return relay.query('transact', JSON.stringify(['_Server', select])).includes('"connected":true');
    });
    await same(source, relay);
    const results = transact(relay, ...insert('b'), mutate('a'));
    assert.equal(results.length, 3);
    assert.match(JSON.stringify(transact(relay, ...insert('b'))), /constraint violation/);
    await same(source, relay);
    transact(relay, remove('a'));
    await same(relay, source);

    await source.kill('SIGKILL');
    assert.match(contents(relay), /\bb\b/);
    await source.run();
    transact(source, ...insert('c'));
    await same(source, relay);
    transact(relay, ...insert('d'));
    await same(relay, source);

    const { Top, Leaf } = SCHEMA.tables;
    const columns = { ...Leaf.columns, more: { type: 'string' } };
    const converted = { ...SCHEMA, version: '2.0.0', tables: { Top, Leaf: { ...Leaf, columns } } };
    fs.writeFileSync(source.schema, JSON.stringify(converted));
    source.query('convert', source.schema);
    await becomes('it has the new schema', () => relay.query('get-schema-version', 'db') === '2.0.0\n');
    await same(source, relay);
  });
}
