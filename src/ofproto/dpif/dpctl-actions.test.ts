import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalizeActions, parseActionsCommand } from './dpctl-actions.ts';
import { DpctlError, type DpctlWorld } from './dpctl-arguments.ts';

/** Nothing of the world is looked at. */
const NOWHERE = {} as DpctlWorld;
const PLAIN = { verbose: false, statistics: false, names: false };
const KEY =
  'in_port(1),eth(src=50:54:00:00:00:05,dst=50:54:00:00:00:07),eth_type(0x0800),ipv4(src=192.168.0.1,dst=192.168.0.2,proto=1,tos=0,ttl=128,frag=no),icmp(type=8,code=0)';

test('actions are sorted by the tags that the packet has, outputs by their ports', async () => {
  assert.equal(
    await normalizeActions(NOWHERE, [KEY, 'push_vlan(vid=12,pcp=0),3,1,2,pop_vlan,br0', 'br0=100'], PLAIN),
    `input flow: ${KEY}\nno vlan: no mpls: 100vlan(vid=12,pcp=0): no mpls: 1,2,3`,
  );
  assert.equal(
    await normalizeActions(NOWHERE, [KEY, 'drop'], { ...PLAIN, verbose: true }),
    `input flow: ${KEY}\ninput actions: drop\nno vlan: no mpls: drop`,
  );
});

test('what cannot be read is told in the words of the C tool', () => {
  const failure = (...args: string[]): string => {
    try {
      normalizeActions(NOWHERE, args, PLAIN);
    } catch (error) {
      assert.ok(error instanceof DpctlError);
      return error.message;
    }
    return '';
  };
  assert.equal(
    failure('bogus', 'drop'),
    'ovs-vswitchd: odp_flow_key_from_string (syntax error at bogus) (Invalid argument)\n',
  );
  assert.equal(failure(KEY, 'bogus'), 'ovs-vswitchd: odp_actions_from_string (Invalid argument)\n');
  assert.equal(failure(KEY, '1', 'x'), 'ovs-vswitchd: x: expected NAME=NUMBER\n');
});

test('lists of actions are printed as they are read', async () => {
  assert.equal(
    await parseActionsCommand(NOWHERE, ['push_vlan(vid=5,pcp=1),2', 'drop'], PLAIN),
    'push_vlan(vid=5,pcp=1),2\ndrop\n',
  );
});
