import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimHost } from './sim-host.ts';

test('virtual time runs timers in the order of their deadlines', () => {
  const host = new SimHost();
  const seen: string[] = [];
  host.loop.after(20, () => seen.push('b'));
  host.loop.after(10, () => seen.push('a'));
  host.loop.after(30, () => seen.push('late'));
  host.run(25);
  assert.deepEqual(seen, ['a', 'b']);
});

test('a task runs at its deadline and when it is woken, and not after removal', () => {
  const host = new SimHost();
  const runs: number[] = [];
  const start = host.loop.now();
  let next = Number.POSITIVE_INFINITY;
  const task = host.loop.task({
    run: (now) => {
      runs.push(now - start);
      next = now + 100;
    },
    deadline: () => next,
  });
  host.run(250);
  assert.deepEqual(runs, [0, 100, 200]);
  task.wake();
  task.wake();
  host.run(10);
  assert.deepEqual(runs, [0, 100, 200, 250]);
  task.remove();
  host.run(1000);
  assert.equal(runs.length, 4);
});

test('connections carry bytes both ways and report the end', async () => {
  const host = new SimHost();
  const got: string[] = [];
  await host.streams.listen('punix:/s', 0, (stream) => {
    stream.events = {
      data: (b) => {
        got.push(`server ${new TextDecoder().decode(b)}`);
        stream.send(new TextEncoder().encode('pong'));
        stream.end();
      },
      close: () => got.push('server closed'),
    };
  });
  host.streams.connect('unix:/s', 0, {
    connected: (stream) => {
      stream.events = {
        data: (b) => got.push(`client ${new TextDecoder().decode(b)}`),
        close: () => got.push('client closed'),
      };
      stream.send(new TextEncoder().encode('ping'));
    },
    failed: (error) => got.push(error.code),
  });
  host.streams.connect('unix:/other', 0, { connected: () => got.push('?'), failed: (e) => got.push(e.code) });
  host.run(1);
  assert.deepEqual(got, ['ENOENT', 'server ping', 'client pong', 'client closed']);
});
