import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemError } from '../base/host.ts';
import { Reconnect } from './reconnect.ts';

function enabled(): Reconnect {
  const fsm = new Reconnect(0);
  fsm.enable(0);
  return fsm;
}

test('failed attempts back off from one to eight seconds', () => {
  const fsm = enabled();
  const waits: number[] = [];
  let now = 0;
  for (let i = 0; i < 6; i++) {
    waits.push(fsm.deadline() - now);
    now = fsm.deadline();
    assert.equal(fsm.run(now), 'connect');
    fsm.connecting(now);
    fsm.connectFailed(now, new SystemError('ECONNREFUSED'));
  }
  assert.deepEqual(waits, [0, 1000, 2000, 4000, 8000, 8000]);
});

test('an attempt that takes too long is given up', () => {
  const fsm = enabled();
  fsm.connecting(0);
  assert.equal(fsm.run(999), undefined);
  assert.equal(fsm.run(1000), 'disconnect');
});

test('a silent peer is probed, and dropped when it stays silent', () => {
  const fsm = enabled();
  fsm.connecting(0);
  fsm.connected(0);
  assert.equal(fsm.run(4999), undefined);
  assert.equal(fsm.run(5000), 'probe');
  fsm.activity(5100);
  assert.equal(fsm.state, 'ACTIVE');
  assert.equal(fsm.run(10_100), 'probe');
  assert.equal(fsm.run(15_100), 'disconnect');
});

test('the number of tries is limited', () => {
  const fsm = new Reconnect(0);
  fsm.maxTries = 2;
  fsm.enable(0);
  fsm.connectFailed(0, undefined);
  assert.equal(fsm.state, 'BACKOFF');
  fsm.connectFailed(1000, undefined);
  assert.equal(fsm.state, 'VOID');
  assert.equal(fsm.run(99_000), undefined);
});

test('statistics count attempts and connected time', () => {
  const fsm = enabled();
  fsm.connecting(0);
  fsm.connected(10);
  fsm.disconnected(60, 'eof');
  const s = fsm.stats(100);
  assert.deepEqual(
    [s.attempted, s.successful, s.connectedMs, s.seqno, s.sinceDisconnectMs],
    [1, 1, 50, 2, 40],
  );
});
