import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transaction } from '../transact/transaction.ts';
import { TransactionHistory } from './history.ts';

const id = (i: number): string => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`;
/** A transaction as far as a history looks at it. */
const transaction = (i: number, atoms: number): Transaction =>
  ({ id: id(i), changes: [], atoms }) as unknown as Transaction;

test('the history holds a hundred transactions at most', () => {
  const history = new TransactionHistory();
  for (let i = 0; i < 150; i++) history.add(transaction(i, 1), 1000);
  assert.deepEqual([history.size, history.atoms], [100, 100]);
  assert.equal(history.changesAfter(id(49)), undefined);
  assert.ok(history.changesAfter(id(50)));
});

test('the history holds no more than the database does, but the last transaction in any case', () => {
  const history = new TransactionHistory();
  for (let i = 0; i < 10; i++) history.add(transaction(i, 30), 100);
  assert.deepEqual([history.size, history.atoms], [3, 90]);
  history.add(transaction(10, 5000), 100);
  assert.deepEqual([history.size, history.atoms, history.lastId], [1, 5000, id(10)]);
  history.add(transaction(11, 1), 100);
  assert.deepEqual([history.size, history.atoms], [1, 1]);
});
