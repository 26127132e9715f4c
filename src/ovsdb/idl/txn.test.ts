import assert from 'node:assert/strict';
import { test } from 'node:test';
import { idlWorld } from '../../../test/support/idl-world.ts';

test('writing what a column has already is nothing to do, alone', async () => {
  const world = await idlWorld();
  const idl = await world.client();
  assert.equal(await world.write(idl, (txn) => txn.insert('Open_vSwitch', { next_cfg: 1 })), 'success');
  const row = idl.first('Open_vSwitch')!;
  assert.equal(await world.write(idl, (txn) => txn.set(row, { next_cfg: 1 })), 'unchanged');
});

test('with another change it makes sure that the column is so in the end', async () => {
  const world = await idlWorld();
  const [a, b] = [await world.client(), await world.client()];
  await world.write(a, (txn) => txn.insert('Open_vSwitch', { next_cfg: 1 }));
  const [ta, tb] = [a.txn(), b.txn()];
  ta.set(a.first('Open_vSwitch')!, { next_cfg: 5 });
  tb.set(b.first('Open_vSwitch')!, { next_cfg: 1, cur_cfg: 7 });
  await world.within(Promise.all([ta.commit(), tb.commit()]));
  await world.pass(50);
  const { next_cfg, cur_cfg } = a.first('Open_vSwitch')!;
  assert.deepEqual([next_cfg, cur_cfg], [1, 7]);
});

test('the deletion of a row that is no root is left to the server', async () => {
  const world = await idlWorld();
  const idl = await world.client();
  await world.write(idl, (txn) => {
    txn.insert('Open_vSwitch', { manager_options: [txn.insert('Manager', { target: 'ptcp:1' })] });
  });
  const manager = idl.first('Manager')!;
  assert.equal(await world.write(idl, (txn) => txn.delete(manager)), 'unchanged');
  assert.equal(idl.first('Manager'), manager);
  await world.write(idl, (txn) => txn.set(idl.first('Open_vSwitch')!, { manager_options: [] }));
  assert.equal(idl.first('Manager'), undefined);
});

test('of two programs that make the only row of a table one tries again', async () => {
  const world = await idlWorld();
  const clients = [await world.client(), await world.client()];
  const results = clients.map((idl) => {
    const txn = idl.txn();
    txn.insert('Open_vSwitch');
    return txn.commit();
  });
  assert.deepEqual((await world.within(Promise.all(results))).sort(), ['success', 'try-again']);
});
