/** What the C database programs and ours write, with compactions and conversions, either reads as the same rows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNoReference } from '../support/database-server.ts';
import { seeds } from './seeds.ts';
import { compareStorage } from './storage.ts';

const { list, timeout } = seeds(3);

test('database files and conversions come out as those of the C programs', {
  skip: whyNoReference(),
  timeout,
}, async (t) => {
  let conversions = 0;
  for (const seed of list) conversions += await compareStorage(seed, 6);
  t.diagnostic(`${conversions} conversions`);
  assert.ok(conversions > 0);
});
