/**
 * Whichever call of the file system fails, while transactions, compactions and conversions are under way: what was
 * acknowledged is in the file, what was refused is not, reads are served, and writing goes on once the fault is over.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json, JsonObject } from '../../src/jsonrpc/json.ts';
import { convertDatabase } from '../../src/ovsdb/convert.ts';
import type { Database } from '../../src/ovsdb/database.ts';
import { readDatabase } from '../../src/ovsdb/file.ts';
import { OVSDB_MAGIC, OvsdbLog } from '../../src/ovsdb/log.ts';
import { type DatabaseSchema, schemaFromJson, schemaToJson } from '../../src/ovsdb/schema.ts';
import { Standalone } from '../../src/ovsdb/server/standalone.ts';
import { SimHost } from '../../src/sim/sim-host.ts';
import { FaultyStorage } from '../support/faulty-storage.ts';

const numbers = { type: { key: 'integer', min: 0, max: 'unlimited' } };
const schema = (version: number): DatabaseSchema =>
  schemaFromJson({
    name: 'db',
    version: `${version}.0.0`,
    tables: {
      T: { isRoot: true, columns: { n: { type: 'integer' }, all: numbers } },
      Bulk: { isRoot: true, columns: { n: { type: 'integer' } } },
    },
  });

/** All numbers that are in the database. */
function contents(db: Database): number[] {
  const column = db.tables.get('T')!.schema.byName.get('all')!;
  return [...db.tables.get('T')!.rows.values()]
    .flatMap((row) => row.get(column).keys as number[])
    .sort((a, b) => a - b);
}

class Scenario {
  readonly host = new SimHost(1);
  readonly storage = new FaultyStorage(this.host.storage);
  readonly acknowledged: number[] = [];
  readonly refused: number[] = [];
  #model: Standalone;
  #conversions = 0;

  constructor() {
    (this.host as unknown as { storage: FaultyStorage }).storage = this.storage;
    const log = OvsdbLog.open(this.storage, '/db', [OVSDB_MAGIC], 'create-exclusive');
    log.write(schemaToJson(schema(0)));
    log.close();
    this.#model = this.#open();
    const bulk = Array.from({ length: 250 }, (_, n) => ({ op: 'insert', table: 'Bulk', row: { n } }));
    this.#model.served.triggers.run(['db', ...bulk], {}, () => {});
    this.write(0, { op: 'insert', table: 'T', row: { all: 0 } });
  }

  #open(): Standalone {
    const log = OvsdbLog.open(this.host.storage, '/db', [OVSDB_MAGIC], 'write');
    return new Standalone(this.host, { useDiff: true }, '/db', log);
  }

  write(n: number, op?: JsonObject): void {
    const mutation = { op: 'mutate', table: 'T', where: [], mutations: [['all', 'insert', n]] };
    const ops: Json[] = [op ?? mutation, { op: 'commit', durable: n % 2 === 0 }];
    this.#model.served.triggers.run(['db', ...ops], {}, (outcome) => {
      assert.equal(outcome.kind, 'results');
      const results = (outcome as { results: readonly (JsonObject | null)[] }).results;
      const error = results.find((result) => result && 'error' in result);
      if (!error) this.acknowledged.push(n);
      else {
        assert.equal(error['error'], 'I/O error');
        assert.match(String(error['io-error']), /^(Input\/output error|No space left on device)$/);
        // Whether the disk has it after all is not known.
        if (!/fsync failed/.test(String(error['details']))) this.refused.push(n);
      }
    });
  }

  get version(): string {
    return this.#model.served.db.schema.version;
  }

  compact(): void {
    this.#model.compact(() => {});
  }

  convert(): void {
    const { served } = this.#model;
    served.triggers.afterPause(() => {
      const converted = convertDatabase(served.db, schema(++this.#conversions));
      this.#model.convert(converted, () => {});
    });
  }

  run(): void {
    this.storage.calls = 0;
    for (let n = 1; n <= 24; n++) {
      this.write(n);
      if (n % 6 === 2) this.compact();
      if (n % 6 === 4) this.convert();
      // Both at once.
      if (n === 15) this.compact();
      if (n === 15) this.convert();
      if (n % 3 !== 1) this.host.run(1);
    }
    this.host.run(100);
  }

  check(what: string): void {
    this.storage.fault = () => undefined;
    this.write(98);
    this.write(99);
    this.host.run(100);
    assert.deepEqual(this.acknowledged.slice(-2).sort(), [98, 99], `${what}: writing does not go on`);
    const served = contents(this.#model.served.db);
    this.#model.close();
    const log = OvsdbLog.open(this.host.storage, '/db', [OVSDB_MAGIC], 'write');
    const { db, error } = readDatabase(log, this.host.random);
    log.close();
    assert.equal(error, undefined, what);
    const kept = contents(db);
    assert.deepEqual(served, kept, `${what}: what is served is not what is in the file`);
    for (const n of this.acknowledged)
      assert.ok(kept.includes(n), `${what}: ${n} was acknowledged and is lost`);
    for (const n of this.refused) assert.ok(!kept.includes(n), `${what}: ${n} was refused and is there`);
    assert.equal(db.tables.get('Bulk')!.rows.size, 250, what);
  }
}

test('a failing file system refuses transactions and loses none', () => {
  const good = new Scenario();
  good.run();
  const { calls } = good.storage;
  good.check('without faults');
  assert.equal(good.acknowledged.length, 27);
  assert.ok(calls > 60);
  const kinds = [
    ['EIO', 1],
    ['ENOSPC', 2],
    ['EIO', 7],
  ] as const;
  for (const [code, length] of kinds)
    for (let first = 0; first < calls; first++) {
      const scenario = new Scenario();
      scenario.storage.fault = (call) => (call >= first && call < first + length ? code : undefined);
      scenario.run();
      scenario.check(`${code} of calls ${first} to ${first + length - 1}`);
      assert.ok(scenario.storage.faults > 0);
    }
});

test('conversions at the same time are one after the other', () => {
  const scenario = new Scenario();
  for (const n of [1, 2, 3]) {
    scenario.convert();
    scenario.compact();
    scenario.write(n);
  }
  scenario.host.run(100);
  assert.equal(scenario.version, '3.0.0');
  scenario.check('three conversions');
});
