import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idlWorld } from '../../../test/support/idl-world.ts';

async function world() {
  const made = await idlWorld();
  const idl = await made.client();
  idl.trackChanges();
  return { made, idl };
}

test('a change tells what the columns were before, over several updates', async () => {
  const { made, idl } = await world();
  await made.write(idl, (txn) => txn.insert('QoS', { type: 'a', other_config: new Map([['k', '1']]) }));
  const [inserted] = idl.takeChanges('QoS');
  assert.deepEqual([inserted!.kind, inserted!.row.type, inserted!.was('type')], ['inserted', 'a', undefined]);
  const row = inserted!.row;
  await made.write(idl, (txn) => txn.set(row, { type: 'b' }));
  await made.write(idl, (txn) => txn.set(row, { type: 'c' }));
  const [modified, ...none] = idl.takeChanges('QoS');
  assert.deepEqual(none, []);
  assert.deepEqual([modified!.kind, modified!.was('type'), row.type], ['modified', 'a', 'c']);
  assert.deepEqual([modified!.has('type'), modified!.has('other_config')], [true, false]);
  assert.deepEqual([...modified!.was('other_config')!], [['k', '1']]);
});

test('a row that was deleted reads as it did last', async () => {
  const { made, idl } = await world();
  await made.write(idl, (txn) => txn.insert('QoS', { type: 'a' }));
  idl.takeChanges();
  const row = idl.first('QoS')!;
  await made.write(idl, (txn) => txn.set(row, { type: 'b' }));
  await made.write(idl, (txn) => txn.delete(row));
  const [deleted] = idl.takeChanges('QoS');
  assert.deepEqual([deleted!.kind, deleted!.row.type, deleted!.was('type')], ['deleted', 'b', 'a']);
});

test('a row that came and went is not told of, and tables are told of one by one', async () => {
  const { made, idl } = await world();
  await made.write(idl, (txn) => txn.insert('QoS', { type: 'a' }));
  await made.write(idl, (txn) => txn.delete(idl.first('QoS')!));
  await made.write(idl, (txn) => txn.insert('Open_vSwitch'));
  assert.deepEqual(idl.takeChanges('QoS'), []);
  assert.deepEqual(
    idl.takeChanges().map(({ kind, row }) => [kind, row._table.name]),
    [['inserted', 'Open_vSwitch']],
  );
});
