import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { Sha1, sha1Hex } from './sha1.ts';

test('SHA-1 of the standard examples', () => {
  const hex = (text: string): string => sha1Hex(new TextEncoder().encode(text));
  assert.equal(hex(''), 'da39a3ee5e6b4b0d3255bfef95601890afd80709');
  assert.equal(hex('abc'), 'a9993e364706816aba3e25717850c26c9cd0d89d');
});

test('SHA-1 of any bytes, in any pieces, is that of node:crypto', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
      const pieces = new Sha1().update(bytes.subarray(0, cut)).update(bytes.subarray(cut)).hex();
      assert.equal(pieces, createHash('sha1').update(bytes).digest('hex'));
    }),
    { numRuns: 300 },
  );
});
