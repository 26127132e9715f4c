import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimHost } from '../sim/sim-host.ts';
import { JsonRpc, type JsonRpcMessage, messageFromJson } from './jsonrpc.ts';
import { JsonRpcSession } from './session.ts';

test('messages that break the rules are named as the C implementation does', () => {
  assert.equal(messageFromJson([]), 'message is not a JSON object');
  assert.equal(messageFromJson({ method: 1 }), 'method is not a JSON string');
  assert.equal(
    messageFromJson({ method: 'a', params: [], id: 1, x: 1 }),
    'message has unexpected member "x"',
  );
  assert.equal(messageFromJson({ method: 'a', params: {}, id: 1 }), '"params" must be JSON array');
  assert.equal(messageFromJson({ params: [], id: 1 }), 'request must have "method"');
  assert.equal(
    messageFromJson({ method: 'a', params: [], result: 1, id: 1 }),
    'reply must not have "method"',
  );
  assert.deepEqual(messageFromJson({ method: 'a', params: [], id: null }), {
    type: 'notification',
    method: 'a',
    params: [],
  });
});

test('a session connects, answers echoes, sees the drop and connects again', async () => {
  const host = new SimHost();
  const seen: string[] = [];
  let server: JsonRpc | undefined;
  const replies: JsonRpcMessage[] = [];
  await host.streams.listen('punix:/db', 0, (stream) => {
    server = new JsonRpc(stream, { message: (m) => replies.push(m), closed: () => seen.push('server lost') });
  });
  const session = new JsonRpcSession(host, ['unix:/db'], {
    connected: () => seen.push('connected'),
    message: (m) => seen.push(m.type),
    disconnected: () => seen.push('disconnected'),
  });
  host.run(1);
  server!.send({ type: 'request', method: 'echo', params: ['hi'], id: 7 });
  server!.send({ type: 'notification', method: 'update', params: [] });
  host.run(1);
  assert.deepEqual(replies, [{ type: 'reply', result: ['hi'], id: 7 }]);
  server!.close();
  host.run(2000);
  assert.deepEqual(seen, ['connected', 'notification', 'disconnected', 'connected']);
  session.close();
  host.run(1);
  assert.equal(seen.at(-1), 'server lost');
  assert.equal(session.isAlive, false);
});

test('a session that may not retry gives up', () => {
  const host = new SimHost();
  let lost = 0;
  const session = new JsonRpcSession(
    host,
    ['unix:/none'],
    { connected() {}, message() {}, disconnected: () => lost++ },
    { retry: false },
  );
  host.run(60_000);
  assert.equal(lost, 1);
  assert.equal(session.isAlive, false);
});

test('garbage ends the connection it came on', async () => {
  const host = new SimHost();
  let why: string | undefined;
  await host.streams.listen('punix:/db', 0, (stream) => {
    new JsonRpc(stream, { message() {}, closed: (error) => (why = error?.code) });
  });
  host.streams.connect('unix:/db', 0, {
    connected: (stream) => stream.send(new TextEncoder().encode('GET / HTTP/1.1\r\n')),
    failed: () => assert.fail(),
  });
  host.run(1);
  assert.equal(why, 'EPROTO');
});
