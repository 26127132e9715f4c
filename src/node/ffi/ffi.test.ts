import assert from 'node:assert/strict';
import test from 'node:test';
import { errno, libc, pin } from './libc.ts';
import { MappedArena } from './mapped-arena.ts';
import { UvPoll } from './uv-poll.ts';

const AF_UNIX = 1;
const SOCK_DGRAM_NONBLOCK = 2 | 0x800 | 0x80000;

test('errno is that of the call before', () => {
  assert.equal(libc.close(-1), -1);
  assert.equal(errno(), 9);
});

test('a descriptor that becomes readable wakes the event loop, until it is closed', async () => {
  const address = pin(110);
  address.view.setUint16(0, AF_UNIX, true);
  address.bytes.set(new TextEncoder().encode(`\0uv-poll-test-${process.pid}`), 2);
  const receiver = libc.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
  assert.equal(libc.bind(receiver, address.pointer, 40), 0);
  const data = pin(8);
  let woken = 0;
  let wake = (): void => {};
  const poll = new UvPoll(receiver, () => {
    woken++;
    while (libc.recv(receiver, data.pointer, 8, 0) > 0);
    wake();
  });
  for (let n = 1; n <= 3; n++) {
    const ready = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const sender = libc.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK, 0);
    assert.equal(libc.connect(sender, address.pointer, 40), 0);
    assert.equal(libc.send(sender, data.pointer, 8, 0), 8);
    await ready;
    assert.equal(woken, n);
    libc.close(sender);
  }
  poll.close();
  libc.close(receiver);
});

test('an arena lies at an address whose upper half is the same everywhere in it', () => {
  const arena = new MappedArena();
  const last = arena.pointer(arena.u8.length - 1);
  assert.equal(Number(last >> 32n) | 0, arena.addressHigh);
  assert.equal(arena.address, Number(arena.pointer(0)));
  const block = arena.allocate(5000);
  arena.u8[block + 4999] = 7;
  arena.free(block, 5000);
  assert.equal(arena.allocate(100), block);
  assert.equal(arena.u8[block + 4999], 0);
});
