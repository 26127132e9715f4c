import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeDbServer } from '../../../test/support/fake-db-server.ts';
import { pass } from '../../sim/sim-database.ts';
import { SimHost } from '../../sim/sim-host.ts';
import { openVswitchSchema } from '../schemas/open-vswitch.ts';
import { Idl } from './idl.ts';

const ZERO = '00000000-0000-0000-0000-000000000000';
const LATER = '00000000-0000-0000-0000-000000000002';
const [A, B] = ['aaaaaaaa-0000-4000-8000-00000000000a', 'bbbbbbbb-0000-4000-8000-00000000000b'];

async function world() {
  const host = new SimHost();
  const server = await FakeDbServer.start(host, '/run/0.sock');
  server.database = { ...server.database, name: 'Open_vSwitch' };
  const idl = new Idl(host, openVswitchSchema);
  idl.monitor('QoS', ['type']);
  idl.connect(['unix:/run/0.sock']);
  await pass(host, 50);
  const update = async (rows: Readonly<Record<string, object>>): Promise<void> => {
    server.notify('update3', [['monid', 'Open_vSwitch'], LATER, { QoS: rows as never }]);
    await pass(host, 50);
  };
  const types = (): string[] => [...idl.rows('QoS')].map((row) => row.type).sort();
  return { host, server, idl, update, types };
}

test('an update of a row that should be there and is not makes the client get everything anew', async () => {
  for (const change of [{ modify: { type: 'x' } }, { delete: null }]) {
    const { host, server, update, types } = await world();
    await update({ [A]: { insert: { type: 'a' } } });
    server.answers = {
      monitor_cond_since: () => ({ result: [false, LATER, { QoS: { [B]: { initial: { type: 'b' } } } }] }),
    };
    await update({ [B]: change });
    await pass(host, 5_000);
    assert.deepEqual(
      server.monitors.map((params) => params[1]),
      [ZERO, ZERO],
    );
    assert.deepEqual(types(), ['b']);
  }
});

test('columns that an update does not name stay, and tables and columns that are not known do not matter', async () => {
  const { idl, update, types } = await world();
  await update({ [A]: { insert: { type: 'a', novelty: 7 } } });
  await update({ [A]: { modify: { novelty: 8 } } });
  assert.deepEqual(types(), ['a']);
  assert.equal(idl.isConnected, true);
});

test('a value of a wrong type is left out, and the rest of the update counts', async () => {
  const { idl, update, types } = await world();
  await update({ [A]: { insert: { type: 5 } }, [B]: { insert: { type: 'b' } } });
  assert.ok(types().includes('b'));
  assert.equal(idl.isConnected, true);
});
