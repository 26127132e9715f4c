/** The file of a Raft cluster of one server goes from the C server to ours and back, with nothing lost on the way. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { sortedJson } from '../../src/jsonrpc/json.ts';
import type { Side } from '../support/daemons.ts';
import { DatabaseServer, toolOf, whyNoReference } from '../support/database-server.ts';

const skip = whyNoReference() ?? false;

const schema = (version: string) => ({
  name: 'db',
  version,
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
});

/** A row with a row that it refers to, and a difference to the rows before it. */
const operations = (name: string): object[] => [
  { op: 'insert', table: 'Leaf', row: { n: 7 }, 'uuid-name': 'leaf' },
  { op: 'insert', table: 'Top', row: { name, leaves: ['set', [['named-uuid', 'leaf']]] } },
  {
    op: 'mutate',
    table: 'Top',
    where: [['name', '!=', name]],
    mutations: [['options', 'insert', ['map', [[name, 1]]]]],
  },
  { op: 'comment', comment: `add ${name}` },
];

/** Serves the file once. @returns what the database holds at the end */
async function serve(
  t: TestContext,
  side: Side,
  dir: string,
  work: (server: DatabaseServer) => void,
): Promise<string> {
  // C servers before 3.2 do not read conversions without rows.
  const args = side === 'ours' ? ['--disable-file-no-data-conversion'] : [];
  const server = await DatabaseServer.start(side, { dir, args });
  t.after(() => server.stop());
  work(server);
  const contents = server.query('dump', 'db');
  await server.stop();
  for (const tool of ['theirs', 'ours'] as const) toolOf(tool, 'check-cluster', server.file);
  return contents;
}

for (const creator of ['theirs', 'ours'] as const)
  test(`a cluster's file that was created by ${creator} is served by both in turn`, { skip }, async (t) => {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'raft-file-'));
    t.after(() => fs.rmSync(dir, { recursive: true, force: true }));
    const [file, schemaFile] = [path.join(dir, 'db'), path.join(dir, 'db.ovsschema')];
    fs.writeFileSync(schemaFile, sortedJson(schema('1.0.0')));
    toolOf(creator, 'create-cluster', file, schemaFile, `unix:${dir}/s1.raft`);
    const names: string[] = [];
    let before: string | undefined;
    let served: string | undefined;
    const steps: readonly [Side, ((server: DatabaseServer) => void)?][] = [
      [creator],
      [creator === 'ours' ? 'theirs' : 'ours'],
      ['ours', (server) => server.appctl('ovsdb-server/compact', 'db')],
      ['theirs', (server) => server.appctl('ovsdb-server/compact', 'db')],
      [
        'ours',
        (server) => {
          fs.writeFileSync(schemaFile, sortedJson(schema('2.0.0')));
          server.query('convert', schemaFile);
        },
      ],
      ['theirs'],
      ['ours'],
    ];
    for (const [side, extra] of steps) {
      before = await serve(t, side, dir, (server) => {
        if (before !== undefined)
          assert.equal(server.query('dump', 'db'), before, `${side} reads something else`);
        const name = `row${names.length}`;
        server.query('transact', JSON.stringify(['db', ...operations(name)]));
        extra?.(server);
        names.push(name);
        served = server.query('get-schema-version', 'db').trim();
        const status = server.appctl('cluster/status', 'db');
        assert.match(
          status,
          new RegExp(`^s1\nName: db\n.*\nTerm: ${names.length}\nLeader: self\nVote: self\n`, 's'),
        );
      });
      const version = JSON.parse(fs.readFileSync(schemaFile, 'utf8')).version;
      assert.equal(served, version, `${side} has another schema`);
      for (const name of names) assert.match(before, new RegExp(`\\b${name}\\b`));
    }
  });
