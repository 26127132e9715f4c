import assert from 'node:assert/strict';
import os from 'node:os';
import test from 'node:test';
import { IFF_LOOPBACK, macFromBytes, macToBytes, RtNetlink } from './rtnetlink.ts';

test('MAC addresses survive the way to bytes and back', () => {
  const mac = 0xfedcba987654;
  const bytes = macToBytes(mac);
  assert.deepEqual([...bytes], [0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54]);
  assert.equal(macFromBytes(new DataView(bytes.buffer)), mac);
});

test('the kernel lists the loopback device and finds it by name and index', () => {
  const rtnetlink = new RtNetlink();
  const lo = rtnetlink.dumpLinks().find((link) => link.name === 'lo');
  assert.ok(lo && (lo.flags & IFF_LOOPBACK) !== 0);
  assert.equal(rtnetlink.link('lo').ifindex, lo.ifindex);
  assert.equal(rtnetlink.link(lo.ifindex).name, 'lo');
  assert.throws(() => rtnetlink.link('no-such-dev'), { code: 'ENODEV' });
  for (const name of Object.keys(os.networkInterfaces())) assert.equal(rtnetlink.link(name).name, name);
  rtnetlink.close();
});
