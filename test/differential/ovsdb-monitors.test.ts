/** Monitors of the C ovsdb-server and of ours tell the same changes, and what a client makes of them is what there is. */
import { test } from 'node:test';
import { whyNoReference } from '../support/database-server.ts';
import { compareMonitors } from './monitors.ts';
import { seeds } from './seeds.ts';

const { list, timeout } = seeds(4);

test('monitors tell what those of the C ovsdb-server tell', {
  skip: whyNoReference(),
  timeout,
}, async (t) => {
  for (const seed of list) {
    const theirs = await compareMonitors(seed, 150);
    if (theirs !== undefined) t.diagnostic(`the C server went wrong: ${theirs.slice(0, 300)}`);
  }
});
