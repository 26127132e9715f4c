import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callTool } from '../../../test/support/tool-world.ts';
import { type JsonObject, stringifyJson } from '../../jsonrpc/json.ts';
import { composeRecord, RAFT_MAGIC } from '../../ovsdb/log.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { ovsdbTool } from './ovsdb-tool.ts';

const A = 'aaaaaaaa-0000-4000-8000-000000000001';
const B = 'bbbbbbbb-0000-4000-8000-000000000002';
const C = 'cccccccc-0000-4000-8000-000000000003';
const CLUSTER = '99999999-0000-4000-8000-000000000009';
const ROW = '11111111-0000-4000-8000-000000000001';

const column = (type: string) => ({ type });
const SCHEMA = {
  name: 'ordinals',
  version: '1.0.0',
  cksum: '1 2',
  tables: { ordinals: { columns: { name: column('string'), number: column('integer') } } },
};
/** Without the number. */
const NEW_SCHEMA = {
  ...SCHEMA,
  version: '2.0.0',
  tables: { ordinals: { columns: { name: column('string') } } },
};

const header = (serverId: string, more: JsonObject = {}): JsonObject => ({
  server_id: serverId,
  cluster_id: CLUSTER,
  local_address: `unix:${serverId.slice(0, 1)}`,
  name: 'ordinals',
  prev_servers: { [A]: 'unix:a', [B]: 'unix:b' },
  prev_index: 1,
  prev_term: 1,
  prev_eid: C,
  prev_data: [SCHEMA, {}],
  ...more,
});

const INSERT: JsonObject = {
  term: 1,
  index: 2,
  eid: CLUSTER,
  data: [null, { ordinals: { [ROW]: { name: 'one', number: 1 } }, _comment: 'add one', _date: 0 }],
};

function world(files: Readonly<Record<string, readonly JsonObject[]>>) {
  const host = new SimHost();
  for (const [name, records] of Object.entries(files)) {
    const file = host.storage.open(name, { create: 'excl' });
    for (const record of records) file.append(composeRecord(RAFT_MAGIC, stringifyJson(record)).slice());
  }
  return (...argv: string[]) => callTool(host, 'ovsdb-tool', ovsdbTool, argv);
}

test('show-log shows what a member of a cluster learned and decided', async () => {
  const tool = world({
    '/a': [
      header(A),
      { term: 1, vote: A },
      { term: 1, leader: A },
      INSERT,
      { commit_index: 2 },
      { term: 1, index: 3, servers: { [A]: 'unix:a' } },
      { note: 'left' },
      { term: 0, oops: true },
    ],
  });
  const { out, status } = await tool('-m', 'show-log', '/a');
  assert.equal(status, 0);
  assert.equal(
    out,
    `record 0:
 name: "ordinals'
 local address: "unix:a"
 server_id: aaaa
 cluster_id: 9999
 prev_index: 1
 prev_term: 1
 prev_servers: aaaa("unix:a"), bbbb("unix:b")
 prev_eid: cccc
 prev_schema: "ordinals", version="1.0.0", cksum="1 2"

record 1:
 term: 1
 vote: aaaa

record 2:
 term: 1
 leader: aaaa

record 3:
 term: 1
 index: 2
 eid: 9999
 1970-01-01 00:00:00.000 "add one"
  table ordinals insert row "one" (11111111):

record 4:
 commit_index: 2

record 5:
 term: 1
 index: 3
 servers: aaaa("unix:a")

record 6:
 note: "left"

record 7:
syntax "{"oops":true,"term":0}": syntax error: Parsing raft log record failed: Member 'oops' is present but not allowed here.

`,
  );
});

test('a stand-alone database is made of a member, also after a change of the schema', async () => {
  const tool = world({ '/a': [header(A), INSERT, { term: 1, index: 3, eid: C, data: [NEW_SCHEMA, null] }] });
  assert.deepEqual(await tool('cluster-to-standalone', '/db', '/a'), { status: 0, out: '', err: '' });
  assert.equal((await tool('db-version', '/db')).out, '2.0.0\n');
  const select = '["ordinals",{"op":"select","table":"ordinals","where":[],"columns":["name"]}]';
  assert.equal((await tool('query', '/db', select)).out, '[{"rows":[{"name":"one"}]}]\n');
});

test('files that belong together pass the check', async () => {
  const joining = {
    server_id: C,
    name: 'ordinals',
    local_address: 'unix:c',
    remote_addresses: ['unix:a'],
  };
  const tool = world({
    '/a': [header(A), { term: 1, leader: A }, INSERT, { commit_index: 2 }],
    '/b': [header(B), INSERT],
    '/c': [joining],
  });
  assert.deepEqual(await tool('check-cluster', '/a', '/b', '/c'), {
    status: 0,
    out: '/c has not joined the cluster, omitting\n',
    err: '',
  });
});

const OTHER_INSERT = { ...INSERT, data: [null, { ordinals: { [ROW]: { name: 'uno' } } }] };
const wrong: readonly (readonly [string, Readonly<Record<string, readonly JsonObject[]>>, RegExp])[] = [
  ['nothing in the logs', { '/a': [header(A)] }, /all logs are empty/],
  ['one member twice', { '/a': [header(A)], '/b': [header(A)] }, /Duplicate server ID aaaa in \/b and \/a\./],
  [
    'two clusters',
    { '/a': [header(A)], '/b': [header(B, { cluster_id: C })] },
    /\/a has cluster ID 9999 but \/b has cluster ID cccc/,
  ],
  [
    'two databases',
    { '/a': [header(A)], '/b': [header(B, { name: 'other' })] },
    /\/a is named "ordinals" but \/b is named "other"/,
  ],
  [
    'a gap',
    { '/a': [header(A), { term: 1, index: 9 }] },
    /record 1 with index 9 skips past expected index 2/,
  ],
  [
    'an entry of the past',
    { '/a': [header(A, { prev_term: 5 }), INSERT] },
    /record 1 with index 2 term 1 precedes previous entry's term 5/,
  ],
  [
    'a leader that takes back entries',
    { '/a': [header(A), { term: 1, leader: A }, INSERT, INSERT] },
    /record 3 truncates log from 3 to 2 entries while server is leader/,
  ],
  [
    'committed entries taken back',
    { '/a': [header(A), INSERT, { term: 1, index: 3 }, { commit_index: 3 }, INSERT] },
    /record 4 attempts to truncate log from 4 to 2 entries, but commit index is already 3/,
  ],
  [
    'a commit of what is not there',
    { '/a': [header(A), { commit_index: 7 }] },
    /record 1 advances commit index to 7 but last log index is 1/,
  ],
  [
    'a commit taken back',
    { '/a': [header(A), INSERT, { commit_index: 2 }, { commit_index: 1 }] },
    /record 3 regresses commit index from 2 to 1/,
  ],
  [
    'two votes in a term',
    { '/a': [header(A), { term: 2, vote: A }, { term: 2, vote: B }] },
    /record 2 votes for \/a in term 2 but a previous record for the same term voted for bbbb/,
  ],
  [
    'two leaders in the eyes of one',
    { '/a': [header(A), { term: 2, leader: A }, { term: 2, leader: B }] },
    /record 2 reports leader bbbb for term 2 but record 1 previously reported the leader as \/a in that term/,
  ],
  [
    'two leaders in the eyes of two',
    { '/a': [header(A), { term: 2, leader: A }], '/b': [header(B), { term: 2, leader: B }] },
    /term 2 has two different leaders: \/a says that the leader is \/a and \/b says that the leader is \/b/,
  ],
  [
    'a leader that lacks what was committed',
    {
      '/a': [header(A), INSERT, { commit_index: 2 }],
      '/b': [header(B), { term: 2, leader: B }],
    },
    /leader \/b for term 2 has log entries only up to index 1, but index 2 was committed in a previous term/,
  ],
  [
    'entries that differ',
    { '/a': [header(A), INSERT], '/b': [header(B), OTHER_INSERT] },
    /log entries with index 2 differ:\n\/a has .*"one".*\n\/b has .*"uno"/s,
  ],
  ['a member that nobody knows', { '/a': [header(C), { term: 1 }] }, /server cccc not found in server list/],
];

for (const [what, files, message] of wrong) {
  test(`the check finds ${what}`, async () => {
    const { status, err } = await world(files)('check-cluster', ...Object.keys(files));
    assert.equal(status, 1);
    assert.match(err, message);
  });
}
