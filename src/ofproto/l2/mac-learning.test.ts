import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MacLearning } from './mac-learning.ts';

const A = 0x0000_5000_0001;
const B = 0x0000_5000_0002;

function table() {
  let now = 1_000_000;
  const ml = new MacLearning<string>(() => now);
  return { ml, pass: (seconds: number) => (now += seconds * 1000) };
}

test('an address is found on the port it was last seen on', () => {
  const { ml } = table();
  assert.equal(ml.update(A, 0, false, false, 'p1'), true);
  assert.equal(ml.update(A, 0, false, false, 'p1'), false);
  assert.equal(ml.lookup(A, 0)?.port, 'p1');
  assert.equal(ml.update(A, 0, false, false, 'p2'), true);
  assert.equal(ml.lookup(A, 0)?.port, 'p2');
  assert.equal(ml.lookup(A, 1), undefined);
  assert.deepEqual(ml.stats, { learned: 1, expired: 0, evicted: 0, moved: 1 });
});

test('entries age out and run reports the change once', () => {
  const { ml, pass } = table();
  ml.update(A, 0, false, false, 'p1');
  assert.equal(ml.run(), true);
  assert.equal(ml.run(), false);
  pass(200);
  ml.update(B, 0, false, false, 'p1');
  ml.run();
  pass(100);
  assert.equal(ml.run(), true);
  assert.equal(ml.lookup(A, 0), undefined);
  assert.equal(ml.lookup(B, 0)?.port, 'p1');
  assert.equal(ml.age(ml.lookup(B, 0)!), 100);
});

test('multicast sources and flood VLANs are not learned', () => {
  const { ml } = table();
  assert.equal(ml.update(0x0100_5e00_0001, 0, false, false, 'p1'), false);
  ml.setFloodVlans(new Set([5]));
  assert.equal(ml.update(A, 5, false, false, 'p1'), false);
  assert.equal(ml.size, 0);
});

test('a full table evicts from the port that owns the most entries', () => {
  const { ml } = table();
  ml.setMaxEntries(10);
  for (let i = 0; i < 8; i++) ml.update(0x1000 + i, 0, false, false, 'greedy');
  ml.update(A, 0, false, false, 'quiet');
  ml.update(B, 0, false, false, 'quiet');
  for (let i = 0; i < 20; i++) ml.update(0x2000 + i, 0, false, false, 'greedy');
  assert.equal(ml.size, 10);
  assert.equal(ml.lookup(A, 0)?.port, 'quiet');
  assert.equal(ml.lookup(B, 0)?.port, 'quiet');
  assert.equal(ml.stats.evicted, 20);
});

test('a static entry neither moves nor is flushed', () => {
  const { ml, pass } = table();
  ml.addStatic(A, 0, 'p1');
  assert.equal(ml.update(A, 0, false, false, 'p2'), false);
  pass(10_000);
  ml.run();
  ml.flush();
  assert.equal(ml.lookup(A, 0)?.port, 'p1');
  assert.equal(ml.staticEntries, 1);
  assert.equal(ml.deleteStatic(A, 0), true);
  assert.equal(ml.staticEntries, 0);
  assert.equal(ml.size, 0);
});

test('gratuitous ARP on a plain port locks the address against bonds for five seconds', () => {
  const { ml, pass } = table();
  ml.update(A, 0, true, false, 'plain');
  assert.equal(ml.update(A, 0, true, true, 'bond'), false);
  assert.equal(ml.lookup(A, 0)?.port, 'plain');
  pass(5);
  assert.equal(ml.update(A, 0, true, true, 'bond'), true);
});

test('flushing a port forgets only its addresses', () => {
  const { ml } = table();
  ml.update(A, 0, false, false, 'p1');
  ml.update(B, 7, false, false, 'p2');
  ml.flushPort('p1');
  assert.equal(ml.lookup(A, 0), undefined);
  assert.equal(ml.lookup(B, 7)?.port, 'p2');
});
