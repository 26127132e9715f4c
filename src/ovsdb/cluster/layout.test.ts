import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefixEnd } from './kv.ts';
import { isClusterName, Layout, parseClusterName } from './layout.ts';
import { cut, MAX_VALUE_CHARS } from './records.ts';

test('names of clustered databases', () => {
  const ok = (name: string, endpoints: string[], prefix: string): void =>
    assert.deepEqual(parseClusterName(name), { endpoints, prefix });
  ok('etcd:127.0.0.1:2379/db', ['http://127.0.0.1:2379'], 'db');
  ok('etcd:a,b:1/x/y/', ['http://a:2379', 'http://b:1'], 'x/y');
  ok('etcd:https://a,http://b:1/x', ['https://a:2379', 'http://b:1'], 'x');
  ok('etcd:[::1]:2379/x', ['http://[::1]:2379'], 'x');
  for (const name of ['etcd:', 'etcd:a', 'etcd:/x', 'etcd:a/', 'etcd:a,/x', 'etcd:a//'])
    assert.equal(parseClusterName(name), undefined, name);
  assert.ok(isClusterName('etcd:a') && !isClusterName('/etc/etcd'));
});

test('keys of records sort as their indexes do, and lie in their range', () => {
  const layout = new Layout('p');
  const keys = [0, 9, 10, 123_456_789].map((index) => layout.log(index));
  assert.deepEqual(keys.toSorted(), keys);
  for (const [i, key] of keys.entries()) {
    assert.equal(layout.logIndex(key), [0, 9, 10, 123_456_789][i]);
    assert.ok(key >= layout.logs && key < layout.logsEnd && key < prefixEnd(layout.prefix));
  }
});

test('long texts are cut into parts that make the text again, never within a character', () => {
  for (const n of [0, 1, MAX_VALUE_CHARS, MAX_VALUE_CHARS + 1, 3 * MAX_VALUE_CHARS]) {
    const text = `${'x'.repeat(n > 0 ? 1 : 0)}${'\u{1f600}'.repeat(n / 2)}`;
    const parts = [...cut(text)];
    assert.equal(parts.join(''), text);
    for (const part of parts) {
      assert.ok(part.length > 0 && part.length <= MAX_VALUE_CHARS);
      assert.ok(part.isWellFormed());
    }
  }
});
