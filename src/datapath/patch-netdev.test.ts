import assert from 'node:assert/strict';
import test from 'node:test';
import { PatchNetdev } from './patch-netdev.ts';

test('a patch port says what is wrong with its options', () => {
  const patch = new PatchNetdev('p0');
  const fails = (options: Record<string, string>, message: string) =>
    assert.throws(() => patch.configure(new Map(Object.entries(options))), { message });
  fails({}, "p0: patch type requires valid 'peer' argument");
  fails({ peer: 'p0' }, 'p0: patch peer must not be self');
  fails({ peer: 'p1', color: 'red' }, "p0: patch type takes only a 'peer' argument");
  patch.configure(new Map([['peer', 'p1']]));
  assert.equal(patch.peer, 'p1');
});

test('a patch port counts what translation credits', () => {
  const patch = new PatchNetdev('p0');
  patch.credit('tx', 2, 120);
  patch.credit('rx', 1, 60);
  const { rxPackets, rxBytes, txPackets, txBytes, rxDropped } = patch.stats();
  assert.deepEqual([rxPackets, rxBytes, txPackets, txBytes, rxDropped], [1, 60, 2, 120, -1]);
});
