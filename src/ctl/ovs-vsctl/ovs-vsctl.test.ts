import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dbCtlWorld } from '../../../test/support/db-ctl-world.ts';
import { openVswitchSchema } from '../../ovsdb/schemas/open-vswitch.ts';
import { inVirtualTime } from '../../sim/sim-database.ts';
import { ovsVsctl } from './ovs-vsctl.ts';

/** A database and functions that call ovs-vsctl on it. */
async function world() {
  const { host, call, output, failure } = await dbCtlWorld('ovs-vsctl', ovsVsctl, openVswitchSchema);
  return {
    host,
    call,
    vsctl: (...argv: string[]) => output('--no-wait', ...argv),
    failure: (...argv: string[]) => failure('--no-wait', ...argv),
  };
}

test('init leaves an empty database with its one row, which can then be set', async () => {
  const { vsctl } = await world();
  await vsctl('init');
  await vsctl('set', 'Open_vSwitch', '.', 'other_config:a=b');
  assert.equal(await vsctl('get', 'Open_vSwitch', '.', 'other_config'), '{a=b}\n');
});

test('bridges and ports are added, listed and deleted', async () => {
  const { vsctl } = await world();
  await vsctl(
    'add-br',
    'b',
    '--',
    'add-br',
    'a',
    '--',
    'add-port',
    'a',
    'a1',
    'tag=9',
    '--',
    'add-port',
    'b',
    'b1',
  );
  assert.equal(await vsctl('list-br'), 'a\nb\n');
  assert.equal(await vsctl('list-ports', 'a'), 'a1\n');
  assert.equal(await vsctl('port-to-br', 'b1'), 'b\n');
  assert.equal(await vsctl('get', 'Port', 'a1', 'tag'), '9\n');
  await vsctl('del-port', 'b', 'b1', '--', 'del-br', 'a');
  assert.equal(await vsctl('list-br'), 'b\n');
  assert.equal(await vsctl('--columns=name', 'list', 'Port'), 'name                : b\n');
});

test('a VLAN bridge is a port of its parent and owns the ports in its VLAN', async () => {
  const { vsctl } = await world();
  await vsctl('add-br', 'real', '--', 'add-br', 'fake', 'real', '5', '--', 'add-port', 'fake', 'p');
  assert.equal(await vsctl('br-to-parent', 'fake'), 'real\n');
  assert.equal(await vsctl('br-to-vlan', 'fake'), '5\n');
  assert.equal(await vsctl('list-ports', 'fake'), 'p\n');
  assert.equal(await vsctl('list-ports', 'real'), '');
  assert.equal(await vsctl('get', 'Port', 'p', 'tag'), '5\n');
  await vsctl('br-set-external-id', 'fake', 'k', 'v');
  assert.equal(await vsctl('br-get-external-id', 'fake'), 'k=v\n');
  assert.equal(await vsctl('get', 'Port', 'fake', 'external_ids'), '{fake-bridge-k=v}\n');
});

test('what goes wrong is told as the C tool tells it', async () => {
  const { vsctl, failure } = await world();
  await vsctl('add-br', 'a', '--', 'add-bond', 'a', 'bond', 'x', 'y');
  assert.equal(
    await failure('add-br', 'a'),
    'cannot create a bridge named a because a bridge named a already exists',
  );
  assert.equal(
    await failure('add-port', 'a', 'x'),
    'cannot create a port named x because an interface named x already exists on bridge a',
  );
  assert.equal(
    await failure('--', '--may-exist', 'add-bond', 'a', 'bond', 'x', 'z'),
    '"--may-exist add-bond a bond x z" but bond actually has interface(s) x, y',
  );
  assert.equal(await failure('del-port', 'q'), 'no port named q');
  assert.equal(await failure('frob'), "unknown command 'frob'; use --help for help");
  assert.equal(await failure('list-br', 'x'), "'list-br' command takes at most 0 arguments");
  assert.equal(await failure('--may-exist', 'list-br'), "'list-br' command has no '--may-exist' option");
  assert.equal(await failure('--frob'), "unrecognized option '--frob'");
  assert.equal(await failure('set', 'Port', 'bond', 'tag=x'), '"x" is not a valid integer or range');
});

test('rows are found by name, by the beginning of their UUID, and by the row that refers to them', async () => {
  const { vsctl, failure } = await world();
  await vsctl('add-br', 'a', '--', 'set-controller', 'a', 'tcp:1.2.3.4');
  const uuid = (await vsctl('get', 'Bridge', 'a', '_uuid')).trim();
  assert.equal(await vsctl('get', 'br', uuid.slice(0, 8), 'name'), 'a\n');
  assert.equal(await vsctl('get', 'controller', 'a', 'target'), '"tcp:1.2.3.4"\n');
  assert.equal(await failure('get', 'x', 'a', 'name'), 'unknown table "x"');
  assert.equal(await failure('get', 'bridge', 'nope', 'name'), 'no row "nope" in table Bridge');
  assert.equal(
    await failure('get', 'Interface', 'a', 'ingress'),
    'Interface contains more than one column whose name matches "ingress": ' +
      'ingress_policing_burst, ingress_policing_kpkts_burst, ingress_policing_kpkts_rate, ingress_policing_rate',
  );
});

test('rows can be created by name and referred to within one call', async () => {
  const { vsctl } = await world();
  const out = await vsctl(
    '--id=@q',
    'create',
    'Queue',
    'dscp=3',
    '--',
    '--id=@s',
    'create',
    'QoS',
    'type=linux-htb',
    'queues:1=@q',
    '--',
    'add-br',
    'a',
    '--',
    'set',
    'Port',
    'a',
    'qos=@s',
  );
  assert.match(out, /^[0-9a-f-]{36}\n[0-9a-f-]{36}\n$/);
  assert.equal(await vsctl('get', 'QoS', 'a', 'queues'), `{1=${out.slice(0, 36)}}\n`);
});

test('sets and maps take and lose elements', async () => {
  const { vsctl, failure } = await world();
  await vsctl('add-br', 'a', '--', 'add', 'Bridge', 'a', 'flood_vlans', '3', '1-2');
  assert.equal(await vsctl('get', 'Bridge', 'a', 'flood_vlans'), '[1, 2, 3]\n');
  await vsctl('remove', 'Bridge', 'a', 'flood_vlans', '2');
  await vsctl('set', 'Bridge', 'a', 'other_config:x=1', 'other_config:y=2');
  await vsctl('remove', 'Bridge', 'a', 'other_config', 'x');
  assert.equal(await vsctl('get', 'Bridge', 'a', 'flood_vlans', 'other_config'), '[1, 3]\n{y="2"}\n');
  await vsctl('clear', 'Bridge', 'a', 'flood_vlans');
  assert.equal(await vsctl('get', 'Bridge', 'a', 'flood_vlans'), '[]\n');
  assert.equal(
    await failure('set', 'Bridge', 'a', 'name=b'),
    'cannot modify read-only column name in table Bridge',
  );
  assert.match(await failure('add', 'Port', 'a', 'tag', '1', '2'), /maximum number is 1$/);
});

test('wait-until waits for another call', async () => {
  const { call, host } = await world();
  const waiting = call('--no-wait', 'wait-until', 'Bridge', 'late', 'fail_mode=secure');
  await call('--no-wait', 'add-br', 'late', '--', 'set-fail-mode', 'late', 'secure');
  assert.equal((await inVirtualTime(host, waiting)).status, 0);
});

test('output can be one line a command, a table, or JSON', async () => {
  const { vsctl } = await world();
  await vsctl('add-br', 'a', '--', 'add-br', 'b');
  assert.equal(await vsctl('--oneline', 'list-br', '--', 'get', 'Bridge', 'a', 'name'), 'a\\nb\na\n');
  assert.equal(await vsctl('-f', 'csv', '--columns=name,ports', 'find', 'Bridge', 'name=zz'), 'name,ports\n');
  assert.equal(await vsctl('-f', 'table', '--columns=name', 'list', 'Bridge', 'b'), 'name\n----\nb\n');
  assert.equal(
    await vsctl('-f', 'json', '--columns=name', 'list', 'Bridge', 'b'),
    '{"data":[["b"]],"headings":["name"]}\n',
  );
});

test('br-exists answers with its status, and emer-reset forgets what controllers set', async () => {
  const { call, vsctl } = await world();
  assert.equal((await call('--no-wait', 'br-exists', 'a')).status, 2);
  await vsctl('add-br', 'a', '--', 'set-controller', 'a', 'tcp:1.1.1.1', '--', 'set-manager', 'ptcp:6640');
  assert.equal((await call('--no-wait', 'br-exists', 'a')).status, 0);
  await vsctl('emer-reset');
  assert.equal((await vsctl('get-controller', 'a')) + (await vsctl('get-manager')), '');
});
