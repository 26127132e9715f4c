/**
 * The poll loop: runs state machines when they are woken or when their deadline comes.
 *
 * State machines here are sans I/O: `run(now)` does what is due and `deadline()` says when it next wants to
 * run. A {@link Task} couples one of them to the loop. Order within one turn is the order of waking, then of
 * deadlines, so that a simulation repeats exactly.
 *
 * Owner of the timers: this file. Limits: none on the number of timers; each costs O(log n).
 * C counterpart: lib/poll-loop.c with each module's run() and wait().
 */
import type { Clock } from './clock.ts';

/** What a host has to provide to drive a loop. */
export interface LoopDriver {
  /** Calls `fn` soon, after pending input and output had a turn (setImmediate). */
  defer(fn: () => void): void;
  /** Calls `fn` after `ms` milliseconds of real time; the last call replaces the one before. */
  wakeIn(ms: number | undefined, fn: () => void): void;
}

export interface Timer {
  cancel(): void;
}

/** A state machine: what `Loop.task` drives. */
export interface Runnable {
  /** Does all the work that is due at `nowMs` (monotonic). */
  run(nowMs: number): void;
  /** When it next wants to run, in monotonic ms; `Infinity` for "only when woken". */
  deadline(): number;
}

export interface Task {
  /** Runs the machine in the next turn of the loop (once, however often this is called). */
  wake(): void;
  /** Never runs it again. */
  remove(): void;
}

class HeapTimer implements Timer {
  index = -1;
  readonly at: number;
  readonly order: number;
  fn: (() => void) | undefined;
  readonly #loop: Loop;
  constructor(loop: Loop, at: number, order: number, fn: () => void) {
    this.#loop = loop;
    this.at = at;
    this.order = order;
    this.fn = fn;
  }
  cancel(): void {
    this.fn = undefined;
    this.#loop.forget(this);
  }
}

const before = (a: HeapTimer, b: HeapTimer): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export class Loop {
  readonly clock: Clock;
  readonly #driver: LoopDriver;
  readonly #heap: HeapTimer[] = [];
  #order = 0;
  #armedFor = Number.POSITIVE_INFINITY;
  #deferred = 0;
  /** Called with an exception that a task or timer let escape; the host decides whether to go on. */
  onError: (error: unknown) => void = (error) => {
    throw error;
  };

  constructor(clock: Clock, driver: LoopDriver) {
    this.clock = clock;
    this.#driver = driver;
  }

  now(): number {
    return this.clock.now();
  }

  /** Runs `fn` in a coming turn of the loop, after pending input and output. */
  defer(fn: () => void): void {
    this.#deferred++;
    this.#driver.defer(() => {
      this.#deferred--;
      this.#guard(fn);
    });
  }

  /** Runs `fn` in the first turn of the loop before which nothing is deferred. */
  whenIdle(fn: () => void): void {
    this.#driver.defer(() => {
      if (this.#deferred > 0) this.whenIdle(fn);
      else this.#guard(fn);
    });
  }

  /** Runs `fn` once when the clock reaches `deadlineMs` (monotonic). */
  at(deadlineMs: number, fn: () => void): Timer {
    const timer = new HeapTimer(this, deadlineMs, this.#order++, fn);
    this.#push(timer);
    this.#arm();
    return timer;
  }

  /** Runs `fn` once, `ms` from now. */
  after(ms: number, fn: () => void): Timer {
    return this.at(this.clock.now() + ms, fn);
  }

  /** Couples a state machine to the loop. It first runs in the next turn. */
  task(machine: Runnable): Task {
    let pending = false;
    let removed = false;
    let timer: Timer | undefined;
    const run = (): void => {
      pending = false;
      if (removed) return;
      timer?.cancel();
      timer = undefined;
      machine.run(this.clock.now());
      if (removed || pending) return;
      const deadline = machine.deadline();
      if (deadline <= this.clock.now()) wake();
      else if (deadline !== Number.POSITIVE_INFINITY) timer = this.at(deadline, run);
    };
    const wake = (): void => {
      if (pending || removed) return;
      pending = true;
      this.defer(run);
    };
    wake();
    return {
      wake,
      remove: () => {
        removed = true;
        timer?.cancel();
      },
    };
  }

  /** Runs every timer that is due. The driver calls it; so does `warp`. */
  runTimers(): void {
    const now = this.clock.now();
    for (let top = this.#heap[0]; top !== undefined && top.at <= now; top = this.#heap[0]) {
      const fn = top.fn;
      this.forget(top);
      if (fn) this.#guard(fn);
    }
    this.#armedFor = Number.POSITIVE_INFINITY;
    this.#arm();
  }

  /**
   * Moves the clock by `totalMs` in steps of `stepMs`, with one turn of the loop after each step, then calls
   * `done`. A step of 0 or less takes the whole distance at once.
   */
  warp(totalMs: number, stepMs: number, done: () => void): void {
    let left = totalMs;
    const step = (): void => {
      const ms = stepMs > 0 ? Math.min(stepMs, left) : left;
      this.clock.advance(ms);
      left -= ms;
      this.runTimers();
      // Two turns: the first runs what the timers woke, the second what arrived on sockets because of it.
      this.defer(() => this.defer(() => (left > 0 ? step() : done())));
    };
    step();
  }

  /** Freezes the clock (`time/stop`): from now on timers run only as `warp` moves it. */
  stopClock(): void {
    this.clock.stop();
    this.#armedFor = Number.NaN;
    this.#arm();
  }

  /** The time of the earliest timer; `Infinity` when there is none. */
  nextDeadline(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  #guard(fn: () => void): void {
    try {
      fn();
    } catch (error) {
      this.onError(error);
    }
  }

  #arm(): void {
    const next = this.nextDeadline();
    if (next === this.#armedFor) return;
    this.#armedFor = next;
    if (this.clock.stopped || next === Number.POSITIVE_INFINITY) this.#driver.wakeIn(undefined, () => {});
    else this.#driver.wakeIn(Math.max(0, next - this.clock.now()), () => this.runTimers());
  }

  #push(timer: HeapTimer): void {
    timer.index = this.#heap.length;
    this.#heap.push(timer);
    this.#up(timer.index);
  }

  /** Takes a timer out of the heap (no effect when it is not in it). For `HeapTimer` only. */
  forget(timer: HeapTimer): void {
    const i = timer.index;
    if (i < 0) return;
    const last = this.#heap.pop()!;
    if (last !== timer) {
      this.#heap[i] = last;
      last.index = i;
      this.#up(i);
      this.#down(last.index);
    }
    timer.index = -1;
  }

  #up(start: number): void {
    const heap = this.#heap;
    let i = start;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(heap[i]!, heap[parent]!)) return;
      this.#swap(i, parent);
      i = parent;
    }
  }

  #down(start: number): void {
    const heap = this.#heap;
    for (let i = start; ; ) {
      const left = 2 * i + 1;
      if (left >= heap.length) return;
      const right = left + 1;
      const least = right < heap.length && before(heap[right]!, heap[left]!) ? right : left;
      if (!before(heap[least]!, heap[i]!)) return;
      this.#swap(i, least);
      i = least;
    }
  }

  #swap(i: number, j: number): void {
    const heap = this.#heap;
    const a = heap[i]!;
    const b = heap[j]!;
    heap[i] = b;
    b.index = i;
    heap[j] = a;
    a.index = j;
  }
}
