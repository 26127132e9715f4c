import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Json } from '../jsonrpc/json.ts';
import { OvsdbError } from './ovsdb-error.ts';
import { parseRaftHeader, parseRaftRecord } from './raft-log.ts';

const SID = '11111111-2222-3333-4444-555555555555';
const CID = '99999999-2222-3333-4444-555555555555';

test('the header of a member says what was before the first entry', () => {
  const header = parseRaftHeader({
    server_id: SID,
    cluster_id: CID,
    local_address: 'unix:a',
    name: 'DB',
    prev_servers: { [SID]: 'unix:a' },
    prev_index: 1,
    prev_term: 1,
    prev_eid: CID,
    prev_data: [{}, {}],
    prev_election_timer: 1500,
  });
  const entryId = CID;
  assert.deepEqual(header.snapshot, { index: 1, term: 1, entryId, data: [{}, {}], electionTimerMs: 1500 });
  assert.equal(header.remoteAddresses, undefined);
});

test('one that has not joined need not know its cluster', () => {
  const header = parseRaftHeader({
    server_id: SID,
    local_address: 'unix:a',
    name: 'DB',
    remote_addresses: ['unix:a', 'unix:b'],
  });
  assert.deepEqual([header.clusterId, header.remoteAddresses], [undefined, ['unix:b']]);
});

test('records are told apart by their members', () => {
  const kinds = [
    { note: 'left' },
    { commit_index: 4 },
    { term: 2 },
    { term: 2, vote: SID },
    { term: 2, leader: SID },
    { term: 2, index: 7, data: [null, {}], eid: CID },
  ].map((json) => parseRaftRecord(json).kind);
  assert.deepEqual(kinds, ['note', 'commit-index', 'term', 'vote', 'leader', 'entry']);
});

test('what is missing or superfluous is told', () => {
  assert.throws(() => parseRaftRecord({ index: 3 }), /Required 'term' member is missing/);
  assert.throws(() => parseRaftRecord({ term: 1, vote: '0' }), /'vote' is not a valid UUID/);
  assert.throws(() => parseRaftRecord({ term: 1, foo: 2 }), /'foo' is present but not allowed here/);
  assert.throws(() => parseRaftRecord({ term: -1 }), /negative or too large/);
  assert.throws(() => parseRaftHeader(undefined), /raft header/);
});

test('whatever is in a file is a record or an error of the database', () => {
  const names = [
    'term',
    'index',
    'vote',
    'leader',
    'note',
    'commit_index',
    'data',
    'eid',
    'servers',
    'comment',
  ];
  const headers = [
    'server_id',
    'cluster_id',
    'local_address',
    'name',
    'remote_addresses',
    'prev_servers',
    'prev_index',
  ];
  const value = fc.oneof(fc.jsonValue(), fc.nat(), fc.constant(SID), fc.constant({}));
  const record = fc.dictionary(fc.constantFrom(...names, ...headers), value);
  fc.assert(
    fc.property(fc.oneof(record, fc.jsonValue()), (json) => {
      for (const parse of [parseRaftHeader, parseRaftRecord]) {
        try {
          parse(json as Json);
        } catch (error) {
          assert.ok(error instanceof OvsdbError, String(error));
        }
      }
    }),
    { numRuns: 2000 },
  );
});
