/** Random transactions on random schemas get the same answers from the C ovsdb-server and from ours, and leave the same rows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNoReference } from '../support/database-server.ts';
import { seeds } from './seeds.ts';
import { compareTransactions } from './transactions.ts';

const { list, timeout } = seeds(4);

test('random transactions get the answers of the C ovsdb-server', {
  skip: whyNoReference(),
  timeout,
}, async (t) => {
  let transactions = 0;
  for (const seed of list) {
    const result = await compareTransactions(seed, 400);
    transactions += result.transactions;
    if (result.crash) t.diagnostic(`seed ${seed}: the C server ended after ${result.crash}`);
    const [first] = result.differences;
    assert.equal(first?.ours, first?.theirs, `seed ${seed}, step ${first?.step}: ${first?.ops}`);
  }
  t.diagnostic(`${transactions} transactions`);
  assert.ok(transactions > 0);
});
