import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { sortedJson } from '../../jsonrpc/json.ts';
import { schemaFromJson, schemaToJson } from '../schema.ts';
import { hardwareVtepSchema } from './hardware-vtep.ts';
import { schemaJson } from './schema-json.ts';

test('the hardware_vtep schema is what a C server makes of its own, version 1.7.0', () => {
  const text = sortedJson(schemaToJson(schemaFromJson(schemaJson(hardwareVtepSchema))));
  // Recorded: ovsdb-client get-schema of release 3.7.1, whose file has this cksum.
  assert.equal(hardwareVtepSchema.cksum, '353943336 11434');
  assert.equal(
    createHash('sha256').update(`${text}\n`).digest('hex'),
    '97c7cc062f62cd55a8c52322435d4bd4eb50b533a1f4eacf1d7b65f27d2d855f',
  );
});
