import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Clock } from './clock.ts';
import { Loop } from './loop.ts';

function manual(): { loop: Loop; pass: (ms: number) => void; turn: () => void } {
  let now = 0;
  let ready: (() => void)[] = [];
  const loop = new Loop(new Clock({ monotonicMs: () => now, wallMs: () => 0 }), {
    defer: (fn) => void ready.push(fn),
    wakeIn: () => {},
  });
  const turn = (): void => {
    const fns = ready;
    ready = [];
    for (const fn of fns) fn();
  };
  return {
    loop,
    turn,
    pass: (ms) => {
      now += ms;
      loop.runTimers();
    },
  };
}

test('timers fire in order of deadline, equal ones in order of creation, cancelled ones never', () => {
  fc.assert(
    fc.property(fc.array(fc.record({ at: fc.nat(50), cancel: fc.boolean() }), { maxLength: 60 }), (plan) => {
      const { loop, pass } = manual();
      const fired: number[] = [];
      const timers = plan.map(({ at }, i) => loop.at(at, () => fired.push(i)));
      for (const [i, { cancel }] of plan.entries()) if (cancel) timers[i]!.cancel();
      pass(100);
      const expected = plan
        .map(({ at, cancel }, i) => ({ at, cancel, i }))
        .filter((t) => !t.cancel)
        .sort((a, b) => a.at - b.at || a.i - b.i)
        .map((t) => t.i);
      assert.deepEqual(fired, expected);
    }),
  );
});

test('a stopped clock moves only by warping, in the steps asked for', () => {
  const { loop, pass, turn } = manual();
  loop.stopClock();
  const at: number[] = [];
  const every = (): void => {
    at.push(loop.now());
    loop.after(100, every);
  };
  loop.after(100, every);
  pass(1000);
  assert.deepEqual(at, []);
  let done = false;
  loop.warp(300, 150, () => (done = true));
  for (let i = 0; i < 10 && !done; i++) turn();
  assert.ok(done);
  assert.equal(loop.now(), 300);
  assert.deepEqual(at, [150, 300]);
});

test('an exception in a timer reaches onError and the other timers still run', () => {
  const { loop, pass } = manual();
  const errors: unknown[] = [];
  loop.onError = (e) => errors.push(e);
  let ran = false;
  loop.at(1, () => {
    throw new Error('boom');
  });
  loop.at(2, () => (ran = true));
  pass(5);
  assert.equal((errors[0] as Error).message, 'boom');
  assert.ok(ran);
});
