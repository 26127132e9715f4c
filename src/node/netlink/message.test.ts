import assert from 'node:assert/strict';
import test from 'node:test';
import { attributes, attributeText, messages, NetlinkRequest } from './message.ts';

const view = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

test('a request carries its header, its family and its attributes, aligned', () => {
  const bytes = new NetlinkRequest(18, 4, 16).header32(4, 7).string(3, 'eth0').u32(4, 1500).finish(99);
  const [message] = [...messages(view(bytes))];
  assert.equal(message!.type, 18);
  assert.equal(message!.sequence, 99);
  assert.equal(view(bytes).getUint16(6, true), 5);
  assert.equal(message!.body.getInt32(4, true), 7);
  const found = attributes(message!.body, 16);
  assert.equal(attributeText(found.get(3)!), 'eth0');
  assert.equal(found.get(4)!.getUint32(0, true), 1500);
  assert.equal(bytes.length, 16 + 16 + 12 + 8);
});

test('malformed lengths end the walk', () => {
  const bytes = new NetlinkRequest(16, 0, 16).u32(4, 1).finish(1);
  const cut = view(bytes.slice());
  cut.setUint32(0, 5000, true);
  assert.equal([...messages(cut)].length, 0);
  cut.setUint32(0, 8, true);
  assert.equal([...messages(cut)].length, 0);
  const attribute = view(bytes.slice());
  attribute.setUint16(32, 2, true);
  assert.equal(attributes(attribute, 32).size, 0);
  attribute.setUint16(32, 200, true);
  assert.equal(attributes(attribute, 32).size, 0);
});
