import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dbCtlWorld } from '../../../test/support/db-ctl-world.ts';
import { hardwareVtepSchema } from '../../ovsdb/schemas/hardware-vtep.ts';
import { vtepCtl } from './vtep-ctl.ts';

const world = () => dbCtlWorld('vtep-ctl', vtepCtl, hardwareVtepSchema);

test('switches have ports, which are bound to logical switches by VLAN', async () => {
  const { output, failure, call } = await world();
  await output('add-ps', 'ps', '--', 'add-port', 'ps', 'p1', '--', 'add-ls', 'red', '--', 'add-ls', 'blue');
  await output('bind-ls', 'ps', 'p1', '300', 'red', '--', 'bind-ls', 'ps', 'p1', '7', 'blue');
  assert.equal(await output('list-bindings', 'ps', 'p1'), '0007 blue\n0300 red\n');
  assert.match(await failure('bind-ls', 'ps', 'p1', '300', 'blue'), /^multiple bindings for vlan 300$/);
  assert.equal(
    (await output('show')).replace(/^[-0-9a-f]{36}/, 'UUID'),
    'UUID\n    Physical_Switch ps\n        Physical_Port p1\n            vlan_bindings:\n                7=blue\n                300=red\n',
  );
  await output('unbind-ls', 'ps', 'p1', '300');
  assert.equal(await failure('unbind-ls', 'ps', 'p1', '300'), 'no binding for vlan 300');
  await output('del-ps', 'ps');
  assert.equal((await call('ps-exists', 'ps')).status, 2);
  assert.equal(await output('--columns=name', 'list', 'Physical_Port'), '');
});

test('a MAC address is bound once a side, and endpoints are shared between addresses', async () => {
  const { output } = await world();
  await output('add-ls', 'ls');
  await output('add-ucast-local', 'ls', '00:00:00:00:00:01', '10.0.0.1');
  await output('add-ucast-local', 'ls', '00:00:00:00:00:01', 'vxlan_over_ipv4', '10.0.0.2');
  await output('add-ucast-remote', 'ls', '00:00:00:00:00:02', '10.0.0.2');
  assert.equal(
    await output('list-local-macs', 'ls'),
    'ucast-mac-local\n  00:00:00:00:00:01 -> vxlan_over_ipv4/10.0.0.2\n\nmcast-mac-local\n\n',
  );
  assert.equal(await output('--bare', '--columns=dst_ip', 'find', 'Physical_Locator'), '10.0.0.2\n');
});

test('a group address has a set of endpoints, and goes with the last of them', async () => {
  const { output } = await world();
  const group = '01:00:5e:00:00:01';
  await output('add-ls', 'ls', '--', 'add-mcast-remote', 'ls', group, '10.0.0.1');
  await output('add-mcast-remote', 'ls', group, '10.0.0.2');
  const list = async (): Promise<number> =>
    (await output('list-remote-macs', 'ls')).split('\n').filter((line) => line.includes(group)).length;
  assert.equal(await list(), 2);
  await output('del-mcast-remote', 'ls', group, '10.0.0.9');
  await output('del-mcast-remote', 'ls', group, '10.0.0.1');
  assert.equal(await list(), 1);
  await output('del-mcast-remote', 'ls', group, '10.0.0.2');
  assert.equal(await output('list', 'Mcast_Macs_Remote'), '');
  assert.equal(await output('list', 'Physical_Locator_Set'), '');
});

test('global options of ovs-vsctl that concern the switch are not known', async () => {
  const { failure } = await world();
  assert.match(await failure('--no-wait', 'list-ps'), /^unrecognized option '--no-wait'$/);
});
