import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonSettings } from './daemon-options.ts';

test('a daemon that cannot become another user does not start', () => {
  assert.throws(() => daemonSettings([{ id: 'user', value: 'nobody' }]), /--user is not supported/);
  assert.equal(daemonSettings([{ id: 'detach', value: undefined }]).detach, true);
});
