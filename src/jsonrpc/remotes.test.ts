import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRemotes } from './remotes.ts';

test('remotes are separated by commas that a new one follows', () => {
  assert.deepEqual(parseRemotes('unix:a,b,tcp:1.2.3.4:5, ssl:[::1]:6').remotes, [
    'unix:a,b',
    'tcp:1.2.3.4:5',
    'ssl:[::1]:6',
  ]);
  assert.deepEqual(parseRemotes(' unix:a').remotes, ['unix:a']);
  assert.deepEqual(parseRemotes('').remotes, []);
});

test('a cluster may be named among the remotes', () => {
  const id = '01234567-89ab-4def-8123-456789abcdef';
  assert.deepEqual(parseRemotes(`unix:a,cid:${id},unix:b`), {
    remotes: ['unix:a', 'unix:b'],
    clusterId: id,
  });
  assert.deepEqual(parseRemotes('cid:nonsense').remotes, ['cid:nonsense']);
});
