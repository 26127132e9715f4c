import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FaultyStorage } from '../../../test/support/faulty-storage.ts';
import type { Json, JsonObject } from '../../jsonrpc/json.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { Database } from '../database.ts';
import { OvsdbLog, RAFT_MAGIC } from '../log.ts';
import { parseRaftHeader, parseRaftRecord, type RaftRecord } from '../raft-log.ts';
import { schemaFromJson } from '../schema.ts';
import { RAFT_COMMANDS, raftStatusText } from './raft-commands.ts';
import { RaftFile } from './raft-file.ts';
import type { Outcome } from './service-model.ts';

const SELF = 'aaaaaaaa-0000-4000-8000-000000000001';
const OTHER = 'bbbbbbbb-0000-4000-8000-000000000002';
const CLUSTER = '99999999-0000-4000-8000-000000000009';
const schema = (version: string, ...more: string[]) => ({
  name: 'db',
  version,
  tables: {
    T: {
      isRoot: true,
      columns: Object.fromEntries(['n', ...more].map((name) => [name, { type: 'integer' }])),
    },
  },
});
const eid = (n: number): string => `eeeeeeee-0000-4000-8000-00000000000${n}`;
const row = (n: number): string => `11111111-0000-4000-8000-00000000000${n}`;
const header = (more: JsonObject = {}): JsonObject => ({
  server_id: SELF,
  cluster_id: CLUSTER,
  local_address: 'unix:run/s1.raft',
  name: 'db',
  prev_servers: { [SELF]: 'unix:run/s1.raft' },
  prev_index: 1,
  prev_term: 1,
  prev_eid: eid(1),
  prev_data: [schema('1.0.0'), {}],
  ...more,
});
/** An entry that inserts a row. */
const entry = (term: number, index: number, n: number): JsonObject => ({
  term,
  index,
  eid: eid(n),
  data: [null, { T: { [row(n)]: { n } }, _date: 0, _is_diff: true }],
});

class World {
  readonly host = new SimHost(1);
  readonly storage = new FaultyStorage(this.host.storage);
  model!: RaftFile;

  constructor(...records: JsonObject[]) {
    (this.host as unknown as { storage: FaultyStorage }).storage = this.storage;
    const log = OvsdbLog.open(this.host.storage, '/db', [RAFT_MAGIC], 'create-exclusive');
    for (const record of records) log.write(record);
    log.close();
  }

  open(useNoDataConversion = true): this {
    const log = OvsdbLog.open(this.host.storage, '/db', [RAFT_MAGIC], 'write');
    try {
      this.model = new RaftFile(this.host, { useDiff: true, useNoDataConversion }, '/db', log);
    } catch (error) {
      log.close();
      throw error;
    }
    this.host.run(1);
    return this;
  }

  reopen(useNoDataConversion?: boolean): this {
    this.model.close();
    return this.open(useNoDataConversion);
  }

  /** Outcomes come into the array that is returned. */
  insert(...numbers: number[]): Outcome[] {
    const outcomes: Outcome[] = [];
    const ops = numbers.map((n) => ({ op: 'insert', table: 'T', row: { n } }));
    this.model.served.triggers.run(['db', ...ops], { ownsLock: () => false }, (outcome) =>
      outcomes.push(outcome),
    );
    return outcomes;
  }

  get numbers(): Json[] {
    const rows = [...this.model.served.db.tables.get('T')!.rows.values()];
    return rows.map(({ fields }) => fields[0]!.keys[0] as number).sort((a, b) => a - b);
  }

  get records(): [JsonObject, ...RaftRecord[]] {
    const log = OvsdbLog.open(this.host.storage, '/db', [RAFT_MAGIC], 'read');
    const first = log.read()!;
    parseRaftHeader(first);
    const records: RaftRecord[] = [];
    for (let json = log.read(); json; json = log.read()) records.push(parseRaftRecord(json));
    log.close();
    return [first, ...records];
  }

  get kinds(): string[] {
    return this.records.slice(1).map((record) => {
      const { kind, term, index } = record as unknown as { kind: string; term?: number; index?: number };
      return [kind, term, index].filter((part) => part !== undefined).join(' ');
    });
  }

  compact(): string | undefined {
    let message: string | undefined = 'not done';
    this.model.compact((error) => {
      message = error?.message;
    });
    this.host.run(100);
    return message;
  }

  convert(version: string, ...more: string[]): void {
    const errors: unknown[] = [];
    const converted = new Database(schemaFromJson(schema(version, ...more)), this.host.random);
    this.model.convert(converted, (error) => errors.push(error));
    this.host.run(1);
    assert.deepEqual(errors, [undefined]);
  }
}

test('a new file is taken up by an election, and goes on at the next start', () => {
  const world = new World(header()).open();
  assert.equal(world.insert(1).length, 0);
  world.host.run(1);
  assert.deepEqual(world.kinds, [
    'vote 1',
    'leader 1',
    'entry 1 2',
    'commit-index 2',
    'entry 1 3',
    'commit-index 3',
  ]);
  const { lastId } = world.model.served.history;
  world.reopen().insert(2, 3);
  world.host.run(200);
  assert.deepEqual(world.numbers, [1, 2, 3]);
  assert.deepEqual(world.kinds.slice(6), [
    'vote 2',
    'leader 2',
    'entry 2 4',
    'commit-index 4',
    'entry 2 5',
    'commit-index 5',
  ]);
  // A client that heard of the first transaction before the restart gets the rest.
  assert.equal(world.model.served.history.changesAfter(lastId)?.isEmpty, false);
  assert.deepEqual(world.model.status, {
    model: 'clustered',
    connected: true,
    leader: true,
    cid: CLUSTER,
    sid: SELF,
    index: 5,
  });
});

test('what is not on the disk is neither answered nor seen, and what came meanwhile goes together', () => {
  const world = new World(header()).open();
  let syncs = 0;
  const { storage } = world;
  const outcomes = [world.insert(1), world.insert(2), world.insert(3)];
  assert.deepEqual(world.numbers, []);
  assert.deepEqual(outcomes.flat(), []);
  storage.fault = () => {
    syncs++;
    return undefined;
  };
  world.host.run(1);
  assert.deepEqual(world.numbers, [1, 2, 3]);
  assert.equal(outcomes.flat().length, 3);
  // A commit index, two entries, a sync, a commit index.
  assert.equal(syncs, 5);
});

test('entries that another term replaced never come about, and the last ones do', () => {
  const world = new World(
    header(),
    entry(1, 2, 2),
    { term: 2 },
    entry(2, 2, 3),
    { commit_index: 2 },
    entry(2, 3, 4),
  ).open();
  assert.deepEqual(world.numbers, [3, 4]);
});

test('a record that contradicts others is refused, and a torn one is cut off', () => {
  const skips = new World(header(), entry(1, 4, 2));
  assert.throws(
    () => skips.open(),
    /error reading record 1 from db log: with index 4 skips past expected index 2/,
  );
  const back = new World(header(), entry(1, 2, 2), { commit_index: 2 }, entry(1, 2, 3));
  assert.throws(() => back.open(), /record 3 from db log: attempts to truncate log from 3 to 2 entries/);
  const torn = new World(header(), entry(1, 2, 2));
  const file = torn.host.storage.open('/db', {});
  file.append(new TextEncoder().encode('OVSDB CLUSTER 100 12'));
  file.close();
  torn.open();
  assert.deepEqual(torn.numbers, [2]);
  assert.equal(torn.kinds.at(-1), 'commit-index 3');
});

test('the file of a member of a larger cluster is refused and stays as it is', () => {
  const larger = { [SELF]: 'unix:a', [OTHER]: 'unix:b' };
  for (const records of [
    [header({ prev_servers: larger })],
    [header(), { term: 1, index: 2, servers: larger }],
    [header({ prev_servers: { [OTHER]: 'unix:b' } })],
  ]) {
    const world = new World(...records);
    const before = world.records;
    assert.throws(() => world.open(), /ovsdb error: \/db: files of clusters of several servers/s);
    assert.deepEqual(world.records, before);
  }
  const alone = new World(header({ prev_servers: larger }), {
    term: 1,
    index: 2,
    servers: { [SELF]: 'unix:a' },
  });
  alone.open();
  assert.equal(alone.model.member.commitIndex, 3);
});

for (const useNoDataConversion of [true, false])
  test(`a conversion is an entry ${useNoDataConversion ? 'without' : 'with'} the rows`, () => {
    const world = new World(header(), entry(1, 2, 2)).open(useNoDataConversion);
    world.convert('2.0.0', 'm');
    world.insert(3);
    world.host.run(1);
    const entries = world.records.slice(1).filter((r) => (r as RaftRecord).kind === 'entry') as {
      data?: Json[];
    }[];
    assert.equal(entries[2]!.data![1] === null, useNoDataConversion);
    world.reopen(useNoDataConversion);
    assert.equal(world.model.served.db.schema.version, '2.0.0');
    assert.deepEqual(world.numbers, [2, 3]);
  });

test('a conversion to a schema with ephemeral columns is refused', () => {
  const world = new World(header()).open();
  const json = {
    ...schema('2.0.0'),
    tables: { T: { columns: { n: { type: 'integer', ephemeral: true } } } },
  };
  const errors: (string | undefined)[] = [];
  world.model.convert(new Database(schemaFromJson(json), world.host.random), (e) => errors.push(e?.details));
  assert.deepEqual(errors, [
    'Table T column n is ephemeral but clustered databases do not support ephemeral columns.',
  ]);
});

test('compaction leaves a header with the rows, and what is written meanwhile after it', () => {
  const world = new World(header()).open();
  for (let n = 1; n <= 300; n++) world.insert(n);
  world.host.run(1);
  let done: unknown = 'not yet';
  world.model.compact((error) => {
    done = error;
  });
  world.insert(301);
  world.host.run(100);
  assert.equal(done, undefined);
  const [first, ...records] = world.records;
  assert.equal(first['prev_index'], 302);
  assert.equal(first['prev_election_timer'], 1000);
  assert.deepEqual(
    records.map(({ kind }) => kind),
    ['vote', 'entry', 'commit-index'],
  );
  const { lastId } = world.model.served.history;
  assert.equal(world.compact(), undefined);
  assert.equal(world.compact(), 'ovsdb error: not storing a duplicate snapshot');
  world.reopen();
  assert.equal(world.numbers.length, 301);
  assert.equal(world.model.served.history.lastId, lastId);
});

test('after a sync that failed nothing is written until there is a new file', () => {
  const world = new World(header()).open();
  const { storage } = world;
  const first = storage.calls;
  // Its entry is written; the disk does not confirm it.
  storage.fault = (call) => (call === first + 1 ? 'EIO' : undefined);
  const lost = world.insert(1);
  world.host.run(1);
  assert.deepEqual(lost, [{ kind: 'unknown' }]);
  const [refused] = world.insert(2);
  assert.match(JSON.stringify(refused), /fsync failed/);
  assert.match(world.model.storageError!, /fsync failed/);
  world.host.run(2000);
  assert.equal(world.model.storageError, undefined);
  world.insert(3);
  world.host.run(1);
  assert.deepEqual(world.numbers, [3]);
  world.reopen();
  assert.deepEqual(world.numbers, [3]);
});

test('a write that left nothing costs its own transaction only', () => {
  const world = new World(header()).open();
  const { storage } = world;
  const first = storage.calls;
  storage.fault = (call) => (call === first ? 'ENOSPC' : undefined);
  const outcomes = [world.insert(1)];
  world.host.run(1);
  outcomes.push(world.insert(2));
  world.host.run(1);
  assert.match(JSON.stringify(outcomes[0]), /write failed.*No space left on device/);
  assert.deepEqual(world.numbers, [2]);
  assert.deepEqual(world.reopen().numbers, [2]);
});

test('the commands print and change what they do in C', () => {
  const world = new World(header()).open();
  const { model } = world;
  const text = raftStatusText(model, world.host.loop.now());
  assert.match(
    text,
    /^s1\nName: db\nCluster ID: 9999 \(99999999-.*\)\nServer ID: aaaa \(aaaaaaaa-.*\)\nAddress: unix:run\/s1.raft\n/,
  );
  assert.match(
    text,
    /\nTerm: 1\nLeader: self\nVote: self\n\nLast Election won: \d+ ms ago\nElection timer: 1000\nLog: \[2, 3\]\n/,
  );
  assert.ok(text.endsWith('Servers:\n    s1 (aaaa at unix:run/s1.raft) (self) next_index=2 match_index=2\n'));
  const timer = RAFT_COMMANDS['change-election-timer'];
  assert.throws(() => timer(model, ['2001']), /should not exceed the current value x 2/);
  assert.throws(() => timer(model, ['99']), /between 100 and 600000/);
  assert.equal(timer(model, ['1000']), 'change election timer to current value.');
  assert.equal(timer(model, ['1500']), 'change of election timer initiated.');
  world.host.run(1);
  assert.equal(world.reopen().model.member.electionTimerMs, 1500);
  assert.throws(() => RAFT_COMMANDS.kick(world.model, ['bbbb']), /unknown server/);
  assert.throws(() => RAFT_COMMANDS.kick(world.model, ['s1']), /cannot leave/);
  assert.throws(() => RAFT_COMMANDS['set-backlog-threshold'](world.model, ['49', '1']), /out of range/);
  assert.equal(RAFT_COMMANDS['set-backlog-threshold'](world.model, ['50', '1']), '');
});
