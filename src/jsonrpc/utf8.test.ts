import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeUtf8, encodeUtf8, invalidUtf8 } from './utf8.ts';

test('bytes survive decoding and encoding, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = decodeUtf8(bytes);
      assert.deepEqual([...encodeUtf8(text)], [...bytes]);
      const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
      if (text.isWellFormed()) assert.equal(text, strict.decode(bytes));
      else assert.throws(() => strict.decode(bytes));
    }),
  );
});

test('characters around damage are kept', () => {
  const damaged = Uint8Array.from([...new TextEncoder().encode('a\u{1f600}é\uffff'), 0xff, 0x62]);
  assert.equal(decodeUtf8(damaged), 'a\u{1f600}é\uffff\udcffb');
});

test('what is no UTF-8 is shown up to the byte that is wrong, as the C implementation shows it', () => {
  const why = (...bytes: number[]): string => invalidUtf8(decodeUtf8(Uint8Array.from(bytes)));
  assert.equal(why(0x61, 0xc0), 'invalid UTF-8 sequence 0xc0');
  assert.equal(why(0xed, 0xa0, 0x80), 'invalid UTF-8 sequence 0xed 0xa0');
  assert.equal(why(0xc3, 0xa9, 0xe2, 0x82), 'invalid UTF-8 sequence 0xe2 0x82 0x00');
});
