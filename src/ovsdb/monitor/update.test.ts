import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimHost } from '../../sim/sim-host.ts';
import { Database } from '../database.ts';
import { schemaFromJson } from '../schema.ts';
import { execute } from '../transact/execute.ts';
import { parseMonitorRequests } from './request.ts';
import { initialText } from './update.ts';

test('tables and columns may have the names of the properties of every object', () => {
  const name = 'constructor';
  const columns = { toString: { type: 'string' }, [name]: { type: 'integer' } };
  const db = new Database(
    schemaFromJson({ name: 'db', tables: { [name]: { columns } } }),
    new SimHost(1).random,
  );
  const uuid = '00000000-0000-4000-8000-000000000001';
  execute(db, ['db', { op: 'insert', table: name, uuid, row: { toString: 'x', [name]: 7 } }]);
  const { spec, conditions } = parseMonitorRequests(db, { [name]: {} }, true);
  assert.equal(
    initialText(spec, 2, conditions)!.replace(/"_version":\["uuid","[-0-9a-f]+"\],/, ''),
    `{"${name}":{"${uuid}":{"initial":{"toString":"x","${name}":7}}}}`,
  );
  assert.ok(!Object.hasOwn(Object, uuid));
});
