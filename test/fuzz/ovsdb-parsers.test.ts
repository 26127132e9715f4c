/** Schemas, values, conditions, mutations and monitor requests, however damaged, are read or refused, and nothing else happens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Json, JsonError, parseJson, sortedJson, stringifyJson } from '../../src/jsonrpc/json.ts';
import { TextError } from '../../src/ovsdb/atom.ts';
import { Database } from '../../src/ovsdb/database.ts';
import { datumFromJson, datumFromText, datumToJson, datumToText, equalData } from '../../src/ovsdb/datum.ts';
import { parseMonitorRequests } from '../../src/ovsdb/monitor/request.ts';
import { OvsdbError } from '../../src/ovsdb/ovsdb-error.ts';
import { type DatabaseSchema, schemaFromJson, schemaToJson } from '../../src/ovsdb/schema.ts';
import { SymbolTable } from '../../src/ovsdb/symbols.ts';
import { Condition } from '../../src/ovsdb/transact/condition.ts';
import { mutationsFromJson } from '../../src/ovsdb/transact/mutation.ts';
import { SimHost } from '../../src/sim/sim-host.ts';
import { randomDatum, randomSchema } from '../differential/random-schema.ts';
import { TransactionGenerator } from '../differential/random-transaction.ts';
import { fuzz, mutateText, Random } from './mutate.ts';

/** What `read` makes of its input; undefined when it refuses it. */
function refused<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof OvsdbError || error instanceof TextError || error instanceof JsonError))
      throw error;
    assert.ok(error.message.length < 20_000);
    return undefined;
  }
}

/** The JSON, most often with its text damaged. */
function damaged(random: Random, json: Json, others: readonly string[]): Json | undefined {
  const text = stringifyJson(json);
  return refused(() => parseJson(random.below(4) === 0 ? text : mutateText(random, text, [text, ...others])));
}

const corpus = new Random(7);
const SCHEMAS = Array.from({ length: 20 }, () => randomSchema(corpus));
const TEXTS = SCHEMAS.map((schema) => stringifyJson(schema));

test('a schema is read as what it prints as, or refused', () => {
  const untouched = Object.getOwnPropertyNames(Object.prototype).sort();
  fuzz((random) => {
    const json = damaged(random, random.pick(SCHEMAS), TEXTS);
    const schema = json === undefined ? undefined : refused(() => schemaFromJson(json));
    if (!schema) return;
    const again = schemaToJson(schema);
    assert.equal(sortedJson(schemaToJson(schemaFromJson(again))), sortedJson(again));
  });
  assert.deepEqual(Object.getOwnPropertyNames(Object.prototype).sort(), untouched);
});

const parsed: readonly DatabaseSchema[] = SCHEMAS.map(schemaFromJson);

test('a value is read as what it prints as, as JSON and as text, or refused', () => {
  fuzz((random) => {
    const schema = random.pick(parsed);
    const { type } = random.pick(random.pick([...schema.tables.values()]).columns);
    const json = damaged(random, [randomDatum({ random, schema, names: [], badOneIn: 0 }, type)], []);
    const value = Array.isArray(json) ? (json[0] as Json | undefined) : undefined;
    const datum = value === undefined ? undefined : refused(() => datumFromJson(type, value));
    if (!datum) return;
    const [again] = parseJson(`[${stringifyJson(datumToJson(datum, type))}]`) as readonly Json[];
    assert.ok(equalData(datumFromJson(type, again!), datum));
    const text = datumToText(datum, type);
    const read = refused(() => datumFromText(type, mutateText(random, text, [text])));
    if (read) assert.ok(read.size >= type.min && read.size <= type.max);
  });
});

test('conditions, mutations and requests for monitors are read or refused', () => {
  const host = new SimHost(1);
  const databases = parsed.map((schema) => new Database(schema, host.random));
  fuzz((random) => {
    const db = random.pick(databases);
    const generator = new TransactionGenerator(random, db.schema);
    const [name, table] = random.pick([...db.tables]);
    const ops = damaged(random, generator.transaction(), TEXTS);
    for (const op of Array.isArray(ops) ? (ops as readonly Json[]) : []) {
      if (typeof op !== 'object' || op === null || Array.isArray(op)) continue;
      const { where, mutations } = op as { where?: Json; mutations?: Json };
      const symbols = new SymbolTable(host.random);
      if (Array.isArray(where)) {
        const condition = refused(() => Condition.fromJson(table.schema, where, symbols));
        if (condition) Condition.fromJson(table.schema, condition.toJson());
        refused(() => parseMonitorRequests(db, { [name]: { where } }, true));
      }
      if (Array.isArray(mutations)) refused(() => mutationsFromJson(table.schema, mutations, symbols));
    }
  });
});
