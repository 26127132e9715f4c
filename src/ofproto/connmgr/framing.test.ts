import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MessageFramer } from './framing.ts';

const message = (length: number, fill: number): Uint8Array => {
  const bytes = new Uint8Array(length).fill(fill);
  bytes[2] = length >> 8;
  bytes[3] = length & 0xff;
  return bytes;
};

function feed(chunks: readonly Uint8Array[]): { messages: Uint8Array[]; ok: boolean; framer: MessageFramer } {
  const framer = new MessageFramer();
  const messages: Uint8Array[] = [];
  const ok = chunks.every((chunk) => framer.push(chunk, (m) => messages.push(m) > 0));
  return { messages, ok, framer };
}

test('messages come out whole however the stream is cut', () => {
  const lengths = fc.array(fc.integer({ min: 8, max: 300 }), { minLength: 1, maxLength: 12 });
  const cuts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(lengths, cuts, (sizes, steps) => {
      const sent = sizes.map((n, i) => message(n, i + 1));
      const all = Buffer.concat(sent);
      const chunks: Uint8Array[] = [];
      for (let at = 0, i = 0; at < all.length; i++) {
        const n = steps[i % steps.length]!;
        chunks.push(all.subarray(at, at + n));
        at += n;
      }
      const { messages, ok, framer } = feed(chunks);
      assert.ok(ok);
      assert.deepEqual(
        messages.map((m) => Buffer.from(m)),
        sent.map((m) => Buffer.from(m)),
      );
      assert.ok(!framer.isMidMessage);
    }),
  );
});

test('a length shorter than the header ends the stream, whole or in pieces', () => {
  const bad = Uint8Array.of(1, 0, 0, 7, 0, 0, 0, 0);
  assert.ok(!feed([bad]).ok);
  assert.ok(!feed([bad.subarray(0, 3), bad.subarray(3)]).ok);
});

test('many messages in one chunk come out each, and stay when the chunk is written over', () => {
  const sent = Array.from({ length: 400 }, (_, i) => message(i % 50 === 0 ? 9000 : 8 + (i % 200), i));
  const chunk = Buffer.concat(sent);
  const { messages, ok } = feed([chunk]);
  chunk.fill(0xff);
  assert.ok(ok);
  assert.equal(messages.length, sent.length);
  assert.ok(messages.every((m, i) => Buffer.compare(m, sent[i]!) === 0));
});

test('messages before a bad length are delivered', () => {
  const { messages, ok } = feed([Buffer.concat([message(40, 1), message(8, 2), Buffer.alloc(8)])]);
  assert.ok(!ok);
  assert.equal(messages.length, 2);
});

test('the start of a message is remembered as such', () => {
  assert.ok(feed([Uint8Array.of(1, 0, 0)]).framer.isMidMessage);
});

test('emitting stops when the receiver says so', () => {
  const framer = new MessageFramer();
  let n = 0;
  framer.push(Buffer.concat([message(8, 1), message(8, 2)]), () => {
    n++;
    return false;
  });
  assert.equal(n, 1);
});
