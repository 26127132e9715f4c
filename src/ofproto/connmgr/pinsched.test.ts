import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../test/support/memory-streams.ts';
import { Pinsched } from './pinsched.ts';

const make = (rate: number, burst: number): Pinsched<string> =>
  new Pinsched(rate, burst, 0, new SeededRandom());

function released(p: Pinsched<string>, now: number): string[] {
  const out: string[] = [];
  p.run(now, (m) => out.push(m));
  return out;
}

test('a burst passes at once, the rest waits for tokens', () => {
  const p = make(100, 3);
  assert.deepEqual(
    ['a', 'b', 'c', 'd', 'e'].map((m) => p.offer(1, m, 0)),
    [true, true, true, false, false],
  );
  assert.deepEqual(released(p, 5), []);
  assert.equal(p.deadline(), 10);
  assert.deepEqual(released(p, 10), ['d']);
  assert.deepEqual(released(p, 40), ['e']);
  assert.equal(p.deadline(), Number.POSITIVE_INFINITY);
  assert.deepEqual(p.stats, { queued: 0, normal: 3, limited: 2, dropped: 0 });
});

test('ports take turns, so that a busy one does not silence the others', () => {
  const p = make(1000, 6);
  for (let i = 0; i < 6; i++) p.offer(1, `burst${i}`, 0);
  for (const m of ['a1', 'a2', 'a3', 'a4']) p.offer(1, m, 0);
  p.offer(2, 'b1', 0);
  assert.deepEqual(released(p, 3), ['a1', 'b1', 'a2']);
});

test('a full queue loses the oldest message of the busiest port', () => {
  const p = make(1000, 3);
  for (let i = 0; i < 3; i++) p.offer(1, `burst${i}`, 0);
  for (const m of ['a1', 'a2']) p.offer(1, m, 0);
  p.offer(2, 'b1', 0);
  p.offer(2, 'b2', 0);
  assert.equal(p.stats.dropped, 1);
  assert.deepEqual(released(p, 100), ['a2', 'b1', 'b2']);
});

test('lower limits shorten the queue', () => {
  const p = make(1000, 4);
  for (let i = 0; i < 8; i++) p.offer(1, String(i), 0);
  p.setLimits(1000, 1);
  assert.equal(p.stats.queued, 1);
  assert.equal(p.stats.dropped, 3);
});
