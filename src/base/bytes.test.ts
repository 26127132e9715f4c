import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteReader, ByteWriter, TruncatedError } from './bytes.ts';

test('a writer keeps everything when it has to grow in the middle of any kind of write', () => {
  const writes: ((w: ByteWriter) => void)[] = [
    (w) => w.u8(0xa1),
    (w) => w.u16(0xa1a2),
    (w) => w.u32(0xa1a2a3a4),
    (w) => w.u64(0xa1a2a3a4a5a6a7a8n),
    (w) => w.put(new Uint8Array(300).fill(7)),
    (w) => w.zero(40),
  ];
  for (const write of writes) {
    const small = new ByteWriter(1);
    const large = new ByteWriter(10_000);
    for (let i = 0; i < 5; i++) {
      write(small.u8(i));
      write(large.u8(i));
    }
    assert.deepEqual(small.finish(), large.finish());
  }
});

test('bytes left from before a truncation do not show through zero()', () => {
  const w = new ByteWriter(8).u32(0xffffffff);
  w.truncate(1);
  assert.deepEqual(w.zero(3).finish(), Uint8Array.of(0xff, 0, 0, 0));
});

test('a reader refuses to read past its window', () => {
  const r = new ByteReader(Uint8Array.of(1, 2, 3, 4), 1, 3);
  assert.equal(r.u16(), 0x0203);
  assert.throws(() => r.u8(), TruncatedError);
  assert.throws(() => r.peekU16(), TruncatedError);
});
