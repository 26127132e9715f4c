import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idlWorld, type OvsIdl } from '../../../test/support/idl-world.ts';

const qos = (idl: OvsIdl): string[] => [...idl.rows('QoS')].map((row) => row.type).sort();

async function world() {
  const made = await idlWorld();
  const writer = await made.client();
  const add = (...types: readonly string[]) =>
    made.write(writer, (txn) => {
      for (const type of types) txn.insert('QoS', { type });
    });
  return { made, writer, add };
}

test('a program has only the rows that it wants', async () => {
  const { made, add } = await world();
  await add('a', 'b', 'c');
  const reader = await made.client((idl) => {
    idl.monitor('QoS', ['type']);
    idl.setCondition('QoS', [idl.where('QoS', 'type', '==', 'b')]);
  });
  assert.deepEqual(qos(reader), ['b']);
  assert.equal(reader.conditionsInEffect, true);
});

test('rows come and go when the condition changes, as if inserted and deleted', async () => {
  const { made, add } = await world();
  await add('a', 'b', 'c');
  const reader = await made.client((idl) => idl.monitor('QoS', ['type']));
  reader.trackChanges();
  reader.setCondition('QoS', [
    reader.where('QoS', 'type', '==', 'b'),
    reader.where('QoS', 'type', '==', 'd'),
  ]);
  assert.equal(reader.conditionsInEffect, false);
  await made.pass(50);
  assert.equal(reader.conditionsInEffect, true);
  assert.deepEqual(
    reader
      .takeChanges('QoS')
      .map(({ kind, row }) => [kind, row.type])
      .sort(),
    [
      ['deleted', 'a'],
      ['deleted', 'c'],
    ],
  );
  await add('d', 'e');
  assert.deepEqual(qos(reader), ['b', 'd']);
  reader.setCondition('QoS', false);
  await made.pass(50);
  assert.deepEqual(qos(reader), []);
  reader.setCondition('QoS', true);
  await made.pass(50);
  assert.deepEqual(qos(reader), ['a', 'b', 'c', 'd', 'e']);
});

test('a condition that changes while the last change is under way is not lost', async () => {
  const { made, add } = await world();
  await add('a', 'b', 'c');
  const reader = await made.client((idl) => idl.monitor('QoS', ['type']));
  for (const type of ['a', 'b', 'c']) reader.setCondition('QoS', [reader.where('QoS', 'type', '==', type)]);
  await made.pass(50);
  assert.deepEqual([qos(reader), reader.conditionsInEffect], [['c'], true]);
});

test('rows are selected by UUID, and by elements of sets', async () => {
  const { made, writer } = await world();
  await made.write(writer, (txn) => {
    const bridge = txn.insert('Bridge', { name: 'x', protocols: ['OpenFlow10', 'OpenFlow13'] });
    txn.insert('Open_vSwitch', { bridges: [bridge, txn.insert('Bridge', { name: 'y' })] });
  });
  const [x, y] = ['x', 'y'].map((name) => [...writer.rows('Bridge')].find((row) => row.name === name)!);
  const reader = await made.client((idl) => idl.monitor('Bridge', ['name']));
  reader.setCondition('Bridge', [reader.whereUuid(y!._uuid)]);
  await made.pass(50);
  assert.deepEqual(
    [...reader.rows('Bridge')].map((row) => row.name),
    ['y'],
  );
  reader.setCondition('Bridge', [reader.where('Bridge', 'protocols', 'includes', ['OpenFlow13'])]);
  await made.pass(50);
  assert.deepEqual(
    [...reader.rows('Bridge')].map((row) => row._uuid),
    [x!._uuid],
  );
});

test('a condition that changed without a connection is met after it, with all rows', async () => {
  const { made, add } = await world();
  await add('a', 'b');
  const reader = await made.client((idl) => {
    idl.monitor('QoS', ['type']);
    idl.setCondition('QoS', [idl.where('QoS', 'type', '==', 'a')]);
  });
  reader.client!.session.forceReconnect();
  reader.setCondition('QoS', [reader.where('QoS', 'type', '==', 'b')]);
  await made.pass(5_000);
  assert.deepEqual([qos(reader), reader.conditionsInEffect], [['b'], true]);
});
