import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { idlWorld, type OvsTxn } from '../../../test/support/idl-world.ts';

const insert = (txn: OvsTxn, type: string, rate: string) =>
  txn.insert('QoS', { type, other_config: new Map([['rate', rate]]) });

async function world() {
  const made = await idlWorld();
  const idl = await made.client();
  const index = idl.createIndex('QoS', ['type']);
  return { made, idl, index };
}

test('rows are found by value, and walked in order', async () => {
  const { made, idl, index } = await world();
  await made.write(idl, (txn) => {
    for (const type of ['pear', 'apple', 'fig', 'fig']) txn.insert('QoS', { type });
  });
  const types = (rows: readonly { readonly type: string }[]) => rows.map((row) => row.type);
  assert.deepEqual(types(index.all()), ['apple', 'fig', 'fig', 'pear']);
  assert.equal(index.find({ type: 'fig' }).length, 2);
  assert.equal(index.first({ type: 'plum' }), undefined);
  assert.deepEqual(types(index.range({ type: 'b' }, { type: 'fig' })), ['fig', 'fig']);
  assert.deepEqual(types(index.range({ type: 'fig' }, undefined)), ['fig', 'fig', 'pear']);
  assert.deepEqual(types(index.range(undefined, { type: 'b' })), ['apple']);
  await made.write(idl, (txn) => txn.set(index.first({ type: 'apple' })!, { type: 'quince' }));
  await made.write(idl, (txn) => txn.delete(index.first({ type: 'fig' })!));
  assert.deepEqual(types(index.all()), ['fig', 'pear', 'quince']);
});

test('what the open transaction did counts', async () => {
  const { made, idl, index } = await world();
  await made.write(idl, (txn) => {
    for (const type of ['a', 'b', 'c']) txn.insert('QoS', { type });
  });
  const txn = idl.txn();
  txn.set(index.first({ type: 'a' })!, { type: 'd' });
  txn.delete(index.first({ type: 'b' })!);
  insert(txn, 'bb', '1');
  assert.deepEqual(
    index.all().map((row) => row.type),
    ['bb', 'c', 'd'],
  );
  assert.equal(index.first({ type: 'a' }), undefined);
  txn.abort();
  assert.deepEqual(
    index.all().map((row) => row.type),
    ['a', 'b', 'c'],
  );
});

test('an index of several columns is asked for all of them or for the first, up and down', async () => {
  const made = await idlWorld();
  const idl = await made.client();
  const index = idl.createIndex('Queue', ['dscp', 'external_ids'], ['dscp']);
  await made.write(idl, (txn) => {
    for (const [dscp, name] of [
      [1, 'x'],
      [2, 'y'],
      [2, 'x'],
    ] as const)
      txn.insert('Queue', { dscp, external_ids: new Map([['name', name]]) });
  });
  assert.deepEqual(
    index.all().map((row) => [row.dscp, row.external_ids.get('name')]),
    [
      [2, 'x'],
      [2, 'y'],
      [1, 'x'],
    ],
  );
  assert.equal(index.find({ dscp: 2 }).length, 2);
  assert.equal(index.find({ dscp: 2, external_ids: new Map([['name', 'y']]) }).length, 1);
  assert.throws(() => index.find({ external_ids: new Map() }), /the index is by dscp, external_ids/);
});

test('however rows change, an index shows what sorting would', async () => {
  const { made, idl, index } = await world();
  const step = fc.record({
    action: fc.constantFrom('insert', 'set', 'delete'),
    at: fc.nat(30),
    value: fc.nat(9),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(step, { maxLength: 8 }), { maxLength: 6 }), async (rounds) => {
      for (const steps of rounds) {
        await made.write(idl, (txn) => {
          for (const { action, at, value } of steps) {
            const rows = [...idl.rows('QoS')];
            const row = rows[at % Math.max(1, rows.length)];
            if (action === 'insert' || !row) txn.insert('QoS', { type: String(value) });
            else if (action === 'set') txn.set(row, { type: String(value) });
            else txn.delete(row);
          }
          check();
        });
        check();
      }
    }),
    { numRuns: 20 },
  );
  function check(): void {
    const expected = [...idl.rows('QoS')].map((row) => `${row.type} ${row._uuid}`).sort();
    assert.deepEqual(
      index.all().map((row) => `${row.type} ${row._uuid}`),
      expected,
    );
    const threes = index.find({ type: '3' }).map((row) => `${row.type} ${row._uuid}`);
    assert.deepEqual(
      threes,
      expected.filter((text) => text.startsWith('3 ')),
    );
  }
});
