import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes } from '../../openflow/messages/format.ts';
import { P, type Protocols } from '../../openflow/version.ts';
import { Xids } from './connection.ts';
import { FlowModMessages } from './flow-mod-messages.ts';

const lowest = (usable: Protocols): Protocols => usable & -usable;
const texts = (flowMods: FlowModMessages, protocol: number): string[] =>
  [...flowMods.encoded(protocol, new Xids())].map((bytes) => formatBytes(bytes).trimEnd());

test('flows of a file become messages of the protocol that was expected', () => {
  const flowMods = FlowModMessages.parseFile(
    'f',
    'in_port=1 actions=2\n\nip actions=drop\n',
    'add',
    {},
    lowest,
  );
  assert.deepEqual(texts(flowMods, P.OF10_STD), [
    'OFPT_FLOW_MOD (xid=0x1): ADD in_port=1 actions=output:2',
    'OFPT_FLOW_MOD (xid=0x2): ADD ip actions=drop',
  ]);
});

test('flows of a file become messages of another protocol than was expected', () => {
  const flowMods = FlowModMessages.parseFile(
    'f',
    'in_port=1 actions=2\nip actions=drop\n',
    'add',
    {},
    lowest,
  );
  assert.deepEqual(texts(flowMods, P.OF13_OXM), [
    'OFPT_FLOW_MOD (OF1.3) (xid=0x1): ADD in_port=1 actions=output:2',
    'OFPT_FLOW_MOD (OF1.3) (xid=0x2): ADD ip actions=drop',
  ]);
});

test('a later flow of a file changes the protocol of all', () => {
  const file = 'in_port=1 actions=2\ntable=1,reg0=7,actions=drop\n';
  const flowMods = FlowModMessages.parseFile('f', file, 'add', {}, lowest);
  assert.equal(lowest(flowMods.protocols), P.OF10_NXM_TID);
  assert.deepEqual(texts(flowMods, P.OF10_NXM_TID), [
    'NXT_FLOW_MOD (xid=0x1): ADD table:255 in_port=1 actions=output:2',
    'NXT_FLOW_MOD (xid=0x2): ADD table:1 reg0=0x7 actions=drop',
  ]);
});

test('flows before and after the one that changes the protocol keep order and numbers', () => {
  const lines = Array.from({ length: 6 }, (_, i) => `priority=${i}${i === 3 ? ',reg0=7' : ''},actions=drop`);
  const flowMods = FlowModMessages.parseFile('f', lines.join('\n'), 'add', {}, lowest);
  assert.deepEqual(
    texts(flowMods, lowest(flowMods.protocols)),
    lines.map(
      (_, i) => `NXT_FLOW_MOD (xid=0x${i + 1}): ADD priority=${i}${i === 3 ? ',reg0=0x7' : ''} actions=drop`,
    ),
  );
});

test('a flow that the expected protocol cannot say is an error only in that protocol', () => {
  const file = 'actions=drop\nimportance=3,actions=drop\nactions=check_pkt_larger(64)->reg0[0]\n';
  const flowMods = FlowModMessages.parseFile('f', file, 'add', {}, lowest);
  assert.equal([...flowMods.encoded(P.OF13_OXM, new Xids())].length, 3);
});

test('more messages than fit into one piece of memory keep their order', () => {
  const n = 40_000;
  const file = Array.from({ length: n }, (_, i) => `priority=${i},actions=drop`).join('\n');
  let i = 0;
  const flowMods = FlowModMessages.parseFile('f', file, 'add', {}, lowest);
  for (const bytes of flowMods.encoded(P.OF10_STD, new Xids())) {
    assert.equal((bytes[6]! << 8) | bytes[7]!, (i + 1) & 0xffff);
    // A match of nothing: its priority follows cookie, command and timeouts.
    assert.equal((bytes[62]! << 8) | bytes[63]!, i++);
  }
  assert.equal(i, n);
});
