/** No packet, JSON stream or database file makes its reader do anything but read it or refuse it. */
import assert from 'node:assert/strict';
import fs, { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { extractFlow, newLayers } from '../../src/flow/extract.ts';
import { newFlow } from '../../src/flow/layout.ts';
import { JsonError, parseJson, stringifyJson } from '../../src/jsonrpc/json.ts';
import { JsonStreamParser } from '../../src/jsonrpc/json-stream.ts';
import { NodeHost } from '../../src/node/host.ts';
import { readDatabase } from '../../src/ovsdb/file.ts';
import { composeRecord, OVSDB_MAGIC, OvsdbLog } from '../../src/ovsdb/log.ts';
import { OvsdbError } from '../../src/ovsdb/ovsdb-error.ts';
import { SimHost } from '../../src/sim/sim-host.ts';
import { fuzz, mutateBytes, mutateText } from './mutate.ts';

const PACKETS = (
  JSON.parse(readFileSync(new URL('../../src/flow/golden/packets.json', import.meta.url), 'utf8')) as [
    string,
    string,
  ][]
).map(([bytes]) => Uint8Array.from(Buffer.from(bytes, 'hex')));

test('the flow of any packet can be told, and its layers lie within it', () => {
  const flow = newFlow();
  const layers = newLayers();
  fuzz((random) => {
    const packet = mutateBytes(random, random.pick(PACKETS));
    // Behind the packet lies memory that is none of its business.
    const memory = new Uint8Array(packet.length + 64).fill(random.u32());
    memory.set(packet, 32);
    extractFlow(memory, flow, layers, 32, 32 + packet.length);
    for (const at of [layers.l25, layers.l3, layers.l4])
      assert.ok(at === -1 || (at >= 32 && at <= 32 + packet.length), `offset ${at} of ${packet.length}`);
    const first = flow.slice();
    memory.fill(0, 0, 32);
    memory.fill(0, 32 + packet.length);
    flow.fill(0);
    extractFlow(memory, flow, layers, 32, 32 + packet.length);
    assert.deepEqual(flow, first, `what lies around ${Buffer.from(packet).toString('hex')} matters`);
  });
});

const TEXTS = [
  '{"id":0,"method":"transact","params":["db",{"op":"insert","table":"T","row":{"n":9007199254740993}}]}',
  '[1,-2.5e3,"a\\u00e9\\ud83d\\ude00\\n",true,false,null,{"":[]},[[[[]]]]]',
  '{"error":null,"id":"echo","result":[{"uuid":["uuid","00000000-0000-4000-8000-000000000000"]}]}',
  '{"__proto__":1,"constructor":{"a":0.1},"n":[0,-0,1e400,1E-400,18446744073709551615]}',
];

/** What comes out of a stream that is cut into pieces of that size: values, then the error if there is one. */
function streamed(bytes: Uint8Array, piece: number): string[] {
  const parser = new JsonStreamParser();
  const out: string[] = [];
  try {
    for (let at = 0; at < bytes.length; at += piece)
      parser.feed(bytes.subarray(at, at + piece), (json) => void out.push(stringifyJson(json)));
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    out.push('error');
  }
  parser.close();
  return out;
}

test('a stream of JSON gives the same values and errors however it is cut', () => {
  fuzz((random) => {
    const text = mutateText(random, TEXTS.map((t) => (random.below(2) ? t : '')).join('\n'), TEXTS);
    const bytes = random.below(2) ? Buffer.from(text) : mutateBytes(random, Buffer.from(text));
    const whole = streamed(bytes, bytes.length || 1);
    assert.deepEqual(streamed(bytes, 1 + random.below(9)), whole, text);
    for (const value of whole.slice(0, -1)) assert.equal(stringifyJson(parseJson(value)), value);
  });
});

const SCHEMA = {
  name: 'db',
  tables: {
    T: { columns: { s: { type: 'string' }, n: { type: { key: 'integer', min: 0, max: 3 } } }, isRoot: true },
  },
};
const UUID = '00000000-0000-4000-8000-00000000000';
const RECORDS: readonly string[] = [
  `{"T":{"${UUID}1":{"s":"a","n":["set",[1,2]]},"${UUID}2":{}},"_date":1,"_comment":"first"}`,
  `{"T":{"${UUID}1":{"n":["set",[2,3]]}},"_date":2,"_is_diff":true}`,
  `{"T":{"${UUID}2":null}}`,
];

const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-fuzz-'));
after(() => fs.rmSync(dir, { recursive: true }));

test('a damaged database file is read up to the damage, or refused', () => {
  const host = new NodeHost();
  const file = path.join(dir, 'db');
  const sim = new SimHost(1);
  let read = 0;
  fuzz((random) => {
    const records = [stringifyJson(SCHEMA), ...RECORDS].map((text, i) =>
      // A record whose sum is right and whose contents are not, at times.
      composeRecord(
        OVSDB_MAGIC,
        random.below(4) === 0 && i > 0 ? mutateText(random, text, RECORDS) : text,
      ).slice(),
    );
    const good = Buffer.concat(records);
    fs.writeFileSync(file, random.below(2) === 0 ? good : mutateBytes(random, good));
    let log: OvsdbLog | undefined;
    try {
      log = OvsdbLog.open(host.storage, file, [OVSDB_MAGIC], 'read');
      const { db, transactions, error } = readDatabase(log, sim.random);
      read++;
      assert.ok(transactions <= RECORDS.length && db.name.length > 0);
      assert.ok(error === undefined || error instanceof OvsdbError);
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      assert.ok(error.message.length < 2000);
    } finally {
      log?.close();
    }
  });
  assert.ok(read > 0);
});
