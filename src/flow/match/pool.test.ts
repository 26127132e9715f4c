import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catchAllMatch, F } from '../layout.ts';
import { parseMatchField } from './parse.ts';
import { MatchPool } from './pool.ts';

test('a pool gives different matches until it is reset, and the same ones again after', () => {
  const pool = new MatchPool();
  const [a, b] = [pool.next(), pool.next()];
  assert.notEqual(a, b);
  pool.reset();
  assert.equal(pool.next(), a);
  assert.equal(pool.next(), b);
});

test('a match that is used again matches every packet', () => {
  const pool = new MatchPool();
  const match = pool.next();
  for (const [key, value] of [
    ['tcp', ''],
    ['tp_dst', '80'],
    ['tun_metadata0', '0x1234'],
  ] as const)
    parseMatchField(match, key, value);
  assert.equal(match.mask[F.TP_DST], 0xffff);
  assert.ok(match.tun);
  pool.reset();
  const again = pool.next();
  assert.equal(again, match);
  assert.deepEqual(again, catchAllMatch());
});

test('a pool that has given out all that it keeps goes on with matches of their own', () => {
  const pool = new MatchPool();
  const seen = new Set(Array.from({ length: 3000 }, () => pool.next()));
  assert.equal(seen.size, 3000);
});
