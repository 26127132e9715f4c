import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Pipe, pipePair, VirtualTime } from '../../../test/support/memory-streams.ts';
import { decodeMessage } from '../../openflow/messages/decode.ts';
import { encodeOne } from '../../openflow/messages/encode.ts';
import { helloMessage } from '../../openflow/messages/hello.ts';
import { targetKind, Vconn } from './vconn.ts';

interface Side {
  vconn: Vconn;
  log: string[];
  peer: Pipe;
  time: VirtualTime;
  /** What the peer got, decoded. */
  got: ReturnType<typeof decodeMessage>[];
}

function accepted(allowed: number): Side {
  const time = new VirtualTime();
  const [here, peer] = pipePair(time.loop, 'unix#0', 'tester');
  const log: string[] = [];
  const got: Side['got'] = [];
  peer.events = {
    data: (b) => void got.push(decodeMessage(b.slice())),
    close: () => void log.push('peer closed'),
  };
  const vconn = Vconn.accept(here, allowed, {
    connected: () => void log.push(`connected ${vconn.version}`),
    message: (b) => void log.push(`message ${decodeMessage(b).kind}`),
    closed: (end) => void log.push(`closed ${end?.code ?? 'eof'}`),
  });
  time.turn();
  return { vconn, log, peer, time, got };
}

test('both sides take the highest version that they have in common', () => {
  const s = accepted((1 << 1) | (1 << 4));
  assert.equal(s.got[0]?.kind, 'hello');
  s.peer.send(encodeOne(helloMessage(0x7e, 7)));
  s.peer.send(encodeOne({ version: 4, xid: 1, kind: 'barrier_request' }));
  s.time.turn();
  assert.deepEqual(s.log, ['connected 4', 'message barrier_request']);
});

test('a peer without a common version is told so in its own version', () => {
  const s = accepted(1 << 4);
  s.peer.send(encodeOne(helloMessage(1 << 1, 7)));
  s.time.turn();
  const error = s.got[1]!;
  assert.ok(error.kind === 'error' && error.error === 'OFPHFC_INCOMPATIBLE' && error.version === 1);
  assert.equal(
    new TextDecoder().decode(error.payload),
    'We support version 0x04, you support version 0x01, no common versions.',
  );
  assert.deepEqual(s.log, ['closed EPROTO', 'peer closed']);
});

test('anything but a hello at first is a protocol error', () => {
  const s = accepted(0);
  s.peer.send(encodeOne({ version: 4, xid: 1, kind: 'barrier_request' }));
  s.time.turn();
  assert.deepEqual(s.log, ['closed EPROTO', 'peer closed']);
});

test('a message of another version is refused and the connection stays', () => {
  const s = accepted(0);
  s.peer.send(encodeOne(helloMessage(1 << 4, 7)));
  s.peer.send(encodeOne({ version: 1, xid: 9, kind: 'barrier_request' }));
  s.peer.send(encodeOne({ version: 4, xid: 10, kind: 'barrier_request' }));
  s.time.turn();
  const error = s.got[1]!;
  assert.ok(error.kind === 'error' && error.error === 'OFPBRC_BAD_VERSION' && error.xid === 9);
  assert.deepEqual(s.log, ['connected 4', 'message barrier_request']);
});

test('ends are told apart: orderly, before the hello, in the middle of a message', () => {
  const orderly = accepted(0);
  orderly.peer.send(encodeOne(helloMessage(1 << 4, 7)));
  orderly.peer.end();
  orderly.time.turn();
  assert.deepEqual(orderly.log, ['connected 4', 'closed eof']);
  const early = accepted(0);
  early.peer.end();
  early.time.turn();
  assert.deepEqual(early.log, ['closed ECONNRESET']);
  const middle = accepted(0);
  middle.peer.send(encodeOne(helloMessage(1 << 4, 7)));
  middle.peer.send(Uint8Array.of(4, 0, 0, 99));
  middle.peer.end();
  middle.time.turn();
  assert.deepEqual(middle.log, ['connected 4', 'closed EPROTO']);
});

test('targets are told apart by their method', () => {
  assert.equal(targetKind('tcp:1.2.3.4'), 'active');
  assert.equal(targetKind('punix:/x'), 'passive');
  assert.equal(targetKind('udp:1.2.3.4'), undefined);
});
