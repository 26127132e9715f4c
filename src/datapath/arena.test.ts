import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { ArenaSpace, HeapArena } from './arena.ts';

test('blocks never overlap, and all memory comes back', () => {
  const total = 64 * 4096;
  const step = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 20_000 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const space = new ArenaSpace(total);
      const taken: { offset: number; bytes: number }[] = [];
      for (const [take, bytes] of steps) {
        if (!take) {
          const block = taken.splice(bytes % (taken.length || 1), 1)[0];
          if (block) space.give(block.offset, block.bytes);
          continue;
        }
        try {
          taken.push({ offset: space.take(bytes), bytes });
        } catch (error) {
          assert.ok(error instanceof RangeError);
        }
      }
      const sorted = [...taken].sort((a, b) => a.offset - b.offset);
      for (const [i, block] of sorted.entries()) {
        assert.ok(block.offset + block.bytes <= (sorted[i + 1]?.offset ?? total));
        space.give(block.offset, block.bytes);
      }
      assert.equal(space.take(total), 0);
    }),
  );
});

test('the buffers of an arena put the network header on a multiple of four', () => {
  for (const offset of new HeapArena().receiveBuffers) assert.equal((offset + 14) % 4, 0);
});
