import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryStreams, type Pipe, VirtualTime } from '../../../test/support/memory-streams.ts';
import type { Listener } from '../../base/host.ts';
import type { Task } from '../../base/loop.ts';
import { decodeMessage } from '../../openflow/messages/decode.ts';
import { encodeOne } from '../../openflow/messages/encode.ts';
import { helloMessage } from '../../openflow/messages/hello.ts';
import type { OfpMessage } from '../../openflow/messages/message.ts';
import { Rconn } from './rconn.ts';

class World {
  readonly time = new VirtualTime();
  readonly streams = new MemoryStreams(this.time.loop);
  readonly received: string[] = [];
  readonly rconn: Rconn;
  /** What the controller got. */
  readonly got: OfpMessage[] = [];
  controller: Pipe | undefined;
  constructor(probeIntervalS = 5, maxBackoffS = 8) {
    const running: { task?: Task } = {};
    this.rconn = new Rconn({
      streams: this.streams,
      now: () => this.time.loop.now(),
      wake: () => running.task?.wake(),
      maxBackoffS,
      probeIntervalS,
      allowedVersions: 0,
      message: (b) => void this.received.push(decodeMessage(b).kind),
      changed: () => {},
      drained: () => {},
    });
    running.task = this.time.loop.task(this.rconn);
  }
  /** A controller that says hello and collects messages. */
  async serve(): Promise<Listener> {
    return this.streams.listen('ptcp:c', 0, (stream) => {
      this.controller = stream as Pipe;
      stream.events = { data: (b) => void this.got.push(decodeMessage(b.slice())), close: () => {} };
      stream.send(encodeOne(helloMessage(1 << 4, 1)));
    });
  }
  /** Times of the states that it enters. */
  statesUntil(ms: number): string[] {
    const states: string[] = [];
    let last = '';
    for (let at = 0; at <= ms; at += 250) {
      this.time.advance(at === 0 ? 0 : 250);
      if (this.rconn.state !== last) states.push(`${at / 1000}:${(last = this.rconn.state)}`);
    }
    return states;
  }
}

test('attempts get rarer up to the limit', () => {
  const w = new World();
  const attempts: number[] = [];
  const connect = w.streams.connect.bind(w.streams);
  w.streams.connect = (...args) => {
    attempts.push(w.time.loop.now() / 1000);
    return connect(...args);
  };
  w.rconn.connect('tcp:c', 'br0<->tcp:c');
  w.time.advance(40_000);
  assert.deepEqual(attempts, [0, 1, 3, 7, 15, 23, 31, 39]);
  assert.equal(w.rconn.lastError instanceof Error && w.rconn.lastError.code, 'ECONNREFUSED');
  assert.equal(w.rconn.failureDurationS(), 40);
});

test('a silent controller is probed and, without an answer, dropped and connected to again', async () => {
  const w = new World();
  await w.serve();
  w.rconn.connect('tcp:c', 'br0<->tcp:c');
  assert.deepEqual(w.statesUntil(12_000), ['0:ACTIVE', '5:IDLE', '10:BACKOFF', '11:ACTIVE']);
  assert.deepEqual(
    w.got.map((m) => m.kind),
    ['hello', 'echo_request', 'hello'],
  );
});

test('any message answers a probe', async () => {
  const w = new World();
  await w.serve();
  w.rconn.connect('tcp:c', 'br0<->tcp:c');
  w.time.advance(6000);
  assert.equal(w.rconn.state, 'IDLE');
  w.controller!.send(encodeOne({ version: 4, xid: 0, kind: 'echo_reply', data: new Uint8Array(0) }));
  w.time.turn();
  assert.equal(w.rconn.state, 'ACTIVE');
});

test('a controller has admitted the switch when it acts on it, or has stayed half a minute', async () => {
  const w = new World(0);
  await w.serve();
  w.time.advance(10);
  w.rconn.connect('tcp:c', 'br0<->tcp:c');
  w.time.turn();
  w.controller!.send(encodeOne({ version: 4, xid: 0, kind: 'features_request' }));
  w.time.turn();
  assert.ok(!w.rconn.isAdmitted);
  w.controller!.send(encodeOne({ version: 4, xid: 0, kind: 'barrier_request' }));
  w.time.turn();
  assert.ok(w.rconn.isAdmitted);
  assert.equal(w.rconn.failureDurationS(), 0);
});

test('a controller that closes is connected to again after a second; a unix one is never probed', async () => {
  const w = new World();
  const listener = await w.serve();
  w.rconn.connect('tcp:c', 'br0<->tcp:c');
  w.time.advance(2000);
  w.controller!.end();
  w.time.turn();
  assert.equal(w.rconn.state, 'BACKOFF');
  assert.equal(w.rconn.lastError, 'eof');
  w.time.advance(1000);
  assert.equal(w.rconn.state, 'ACTIVE');
  listener.close();
  const unix = new World();
  unix.rconn.connect('unix:/x', 'br0<->unix:/x');
  assert.equal(unix.rconn.isReliable, true);
});

test('one that accepts but never says hello is given up', async () => {
  const w = new World();
  await w.streams.listen('ptcp:c', 0, () => {});
  w.rconn.connect('tcp:c', 'br0<->tcp:c');
  w.time.advance(900);
  assert.equal(w.rconn.state, 'CONNECTING');
  w.time.advance(200);
  assert.equal(w.rconn.state, 'BACKOFF');
  assert.equal(w.rconn.lastError instanceof Error && w.rconn.lastError.code, 'ETIMEDOUT');
});
