import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { K, KEY_STRIDE } from './key.ts';
import { Subtable } from './megaflows.ts';

const mask = (): Int32Array => {
  const m = new Int32Array(KEY_STRIDE);
  m[K.IN_PORT] = -1;
  m[K.NW_DST] = 0x0000ffff;
  m[K.TP] = 0x000f0000;
  return m;
};

const key = (port: number, dst: number, tp: number): Int32Array => {
  const k = new Int32Array(KEY_STRIDE);
  k[K.IN_PORT] = port;
  k[K.NW_DST] = dst;
  k[K.TP] = tp << 16;
  return k;
};

for (const interpret of [false, true]) {
  test(`a subtable ${interpret ? 'without' : 'with'} generated code behaves as a map of masked keys`, () => {
    const step = fc.tuple(fc.boolean(), fc.nat(3), fc.nat(40), fc.nat(31));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const subtable = new Subtable(mask(), interpret);
        const naive = new Map<string, number>();
        let next = 0;
        for (const [add, port, dst, tp] of steps) {
          const k = key(port, dst | 0x70000, tp);
          const name = `${port},${dst},${tp & 15}`;
          if (add && !naive.has(name)) {
            subtable.insert(k, 0, next);
            naive.set(name, next++);
          } else if (!add && naive.has(name)) {
            subtable.remove(k, 0);
            naive.delete(name);
          }
          assert.equal(subtable.lookup(k, 0), naive.get(name) ?? -1);
        }
        assert.equal(subtable.count, naive.size);
        for (const [name, flow] of naive) {
          const [port, dst, tp] = name.split(',').map(Number);
          assert.equal(subtable.lookup(key(port!, dst!, tp!), 0), flow);
        }
      }),
      { numRuns: 100 },
    );
  });
}
