/**
 * Gives memory back to the system when a daemon has become idle.
 *
 * The engine collects garbage when it wants room for more, so what a load of work leaves behind would stay in memory
 * until the next. Collecting all of it stops the process for some 2 ms a megabyte that is in use, so that is done only
 * where much can be won, when nothing else is to be done, and for a small share of the time at most.
 * Needs the engine's option --expose-gc; without it nothing happens.
 */
import v8 from 'node:v8';
import type { Loop } from '../base/loop.ts';

const CHECK_INTERVAL_MS = 4000;
/** Of a processor, as a share: less is idle. */
const IDLE_LOAD = 0.02;
/** What has to be there beyond the memory that was in use after the last collection. */
const WORTH_BYTES = 16 * 1024 * 1024;
/** Time from the end of a collection to the next, in terms of how long it took. */
const REST = 200;

/** What it has to know and do, in ms and bytes. */
export interface Heap {
  /** Processor time of the process so far. */
  cpuMs(): number;
  /** Memory that the heap takes, and what of it is used. */
  size(): { readonly total: number; readonly used: number };
  collect(): void;
}

const SYSTEM: Heap = {
  cpuMs: () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  },
  size: () => {
    const statistics = v8.getHeapStatistics();
    return { total: statistics.total_heap_size, used: statistics.used_heap_size };
  },
  collect: () => {
    type Collect = (options: { type: 'major'; flavor: 'last-resort' }) => void;
    // Only this flavour gives pages back.
    (globalThis as { gc?: Collect }).gc?.({ type: 'major', flavor: 'last-resort' });
  },
};

/** Looks from time to time, as long as the process lives. */
export function releaseMemoryWhenIdle(loop: Loop, heap: Heap = SYSTEM): void {
  let cpuMs = heap.cpuMs();
  let checkedMs = loop.now();
  let inUse = 0;
  let notBeforeMs = 0;
  const check = (): void => {
    const now = loop.now();
    const load = (heap.cpuMs() - cpuMs) / (now - checkedMs);
    if (load < IDLE_LOAD && now >= notBeforeMs && heap.size().total > inUse * 1.25 + WORTH_BYTES) {
      heap.collect();
      inUse = heap.size().used;
      notBeforeMs = loop.now() + REST * (loop.now() - now);
    }
    cpuMs = heap.cpuMs();
    checkedMs = loop.now();
    loop.after(CHECK_INTERVAL_MS, check);
  };
  loop.after(CHECK_INTERVAL_MS, check);
}
