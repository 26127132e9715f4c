import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { sortedJson } from '../../jsonrpc/json.ts';
import { openVswitchSchema } from './open-vswitch.ts';
import { schemaJson } from './schema-json.ts';

test('the schema file is what a C server prints for its own Open_vSwitch schema 8.8.0', () => {
  const text = sortedJson(schemaJson(openVswitchSchema));
  // Recorded: ovsdb-client get-schema of release 3.7.1, whose file has this cksum.
  assert.equal(openVswitchSchema.cksum, '2823623553 27869');
  assert.equal(
    createHash('sha256').update(`${text}\n`).digest('hex'),
    'ac8de6c2fd14d5823cd75c0509ee63b1307632c8fffed57a21ae305b1f487ea4',
  );
});
