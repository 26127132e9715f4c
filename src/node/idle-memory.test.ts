import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimHost } from '../sim/sim-host.ts';
import { type Heap, releaseMemoryWhenIdle } from './idle-memory.ts';

const MB = 1024 * 1024;

/** A heap of which `used` MB are in use and the rest is garbage, and which counts collections. */
class FakeHeap implements Heap {
  total = 100;
  used = 50;
  cpu = 0;
  collections = 0;
  /** What a collection takes. */
  onCollect: () => void = () => {};

  cpuMs(): number {
    return this.cpu;
  }
  size(): { total: number; used: number } {
    return { total: this.total * MB, used: this.used * MB };
  }
  collect(): void {
    this.collections++;
    this.total = this.used;
    this.onCollect();
  }
}

test('an idle process collects its garbage once', () => {
  const host = new SimHost();
  const heap = new FakeHeap();
  releaseMemoryWhenIdle(host.loop, heap);
  host.run(60_000);
  assert.equal(heap.collections, 1);
  // A little more is not worth it.
  heap.total += 20;
  host.run(60_000);
  assert.equal(heap.collections, 1);
  heap.total += 20;
  host.run(60_000);
  assert.equal(heap.collections, 2);
});

test('a process that works collects nothing of its own accord', () => {
  const host = new SimHost();
  const heap = new FakeHeap();
  releaseMemoryWhenIdle(host.loop, heap);
  for (let i = 0; i < 60; i++) {
    heap.cpu += 50;
    host.run(1000);
  }
  assert.equal(heap.collections, 0);
});

test('a collection that takes long is not soon followed by another', () => {
  const host = new SimHost();
  const heap = new FakeHeap();
  // Two seconds, so for 400 s there is no other.
  heap.onCollect = () => host.loop.clock.advance(2000);
  releaseMemoryWhenIdle(host.loop, heap);
  host.run(10_000);
  assert.equal(heap.collections, 1);
  heap.total = 1000;
  host.run(300_000);
  assert.equal(heap.collections, 1);
  host.run(200_000);
  assert.equal(heap.collections, 2);
});
