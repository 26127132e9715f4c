import assert from 'node:assert/strict';
import { test } from 'node:test';
import { catchAllMatch, F, type Match, VLAN_CFI } from '../../flow/layout.ts';
import { OFPP } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { P } from '../version.ts';
import type { OfpAct } from './action.ts';
import { actionSetToList } from './action-set.ts';
import { checkActions, checkActionsConsistency } from './check.ts';
import { formatActions } from './format.ts';
import { parseInstructions } from './parse.ts';
import { actsEqual, actsGroups, actsMeter, actsOutputToPort } from './query.ts';
import { allCodecs } from './table.ts';

const acts = (text: string): OfpAct[] => parseInstructions(text).actions;
const options = { maxPorts: 100, tableId: 3, nTables: 200 };

function ipMatch(proto: number): Match {
  const match = catchAllMatch();
  match.flow[F.DL_TYPE] = 0x0800;
  match.mask[F.DL_TYPE] = 0xffff;
  match.flow[F.NW_PROTO] = proto;
  match.mask[F.NW_PROTO] = 0xff;
  return match;
}

const throwsCode = (code: string, fn: () => unknown): void =>
  assert.throws(fn, (e: unknown) => e instanceof OfpError && e.code === code);

test('checks refuse ports, tables and fields that the flow or switch does not have', () => {
  const any = catchAllMatch();
  throwsCode('OFPBAC_BAD_OUT_PORT', () => checkActions(acts('output:100'), any, options));
  throwsCode('OFPBIC_BAD_TABLE_ID', () => checkActions(acts('goto_table:3'), any, options));
  throwsCode('OFPBIC_BAD_TABLE_ID', () => checkActions(acts('goto_table:200'), any, options));
  throwsCode('OFPBAC_MATCH_INCONSISTENT', () => checkActions(acts('set_field:1->tcp_src'), any, options));
  throwsCode('OFPMMFC_INVALID_METER', () => checkActions(acts('meter:0'), any, options));
  assert.equal(
    checkActions(acts('set_field:1->tcp_src,output:99,goto_table:4'), ipMatch(6), options).protocols,
    P.ANY,
  );
});

test('a port rewrite notes the protocol of the flow, so that newer versions can say it as set_field', () => {
  const plain = acts('mod_tp_src:80');
  const checked = checkActions(plain, ipMatch(17), options);
  assert.deepEqual(checked.actions, [{ kind: 'set_l4_src_port', port: 80, flowIpProto: 17 }]);
  assert.equal(checkActions(plain, catchAllMatch(), options).protocols, P.OF10_ANY);
  throwsCode('OFPBAC_MATCH_INCONSISTENT', () =>
    checkActionsConsistency(plain, catchAllMatch(), P.OF13_OXM, options),
  );
});

test('checks follow pushed tags, and leave the match as it was', () => {
  const match = catchAllMatch();
  const before = match.flow.slice();
  const { actions, protocols } = checkActions(
    acts('push_vlan:0x8100,set_vlan_vid:5,pop_vlan'),
    match,
    options,
  );
  assert.equal(protocols, P.ANY);
  assert.deepEqual(actions[1], { kind: 'set_vlan_vid', vid: 5, pushIfNeeded: false, flowHasVlan: true });
  assert.deepEqual(match.flow, before);
  match.flow[F.VLAN_TCI1] = VLAN_CFI;
  throwsCode('OFPBAC_BAD_TAG', () => checkActions(acts('push_vlan:0x8100'), match, options));
});

test('lists without anything to note are returned as they are', () => {
  const list = acts('output:1,clone(output:2),resubmit(,5)');
  assert.equal(checkActions(list, catchAllMatch(), options).actions, list);
});

test('an action set runs its last actions in the specified order, and only with an output', () => {
  const set = acts('output:1,set_field:1->reg0,push_vlan:0x8100,dec_ttl,output:2,strip_vlan');
  assert.equal(
    formatActions(actionSetToList(set)),
    'strip_vlan,push_vlan:0x8100,dec_ttl,set_field:0x1->reg0,output:2',
  );
  assert.deepEqual(actionSetToList(acts('dec_ttl')), []);
  assert.equal(formatActions(actionSetToList(acts('group:7,output:1'))), 'group:7');
});

test('questions look into nested actions', () => {
  const list = acts('meter:9,clone(output:7,group:3),write_actions(group:4),goto_table:9');
  assert.ok(actsOutputToPort(list, 7));
  assert.ok(!actsOutputToPort(list, 8));
  assert.ok(actsOutputToPort(acts('controller(reason=no_match)'), OFPP.CONTROLLER));
  assert.deepEqual([...actsGroups(list)], [3, 4]);
  assert.equal(actsMeter(list), 9);
  assert.ok(actsEqual(list, acts('meter:9,clone(output:7,group:3),write_actions(group:4),goto_table:9')));
  assert.ok(!actsEqual(list, acts('meter:9,clone(output:7,group:5),write_actions(group:4),goto_table:9')));
});

test('every action has a usage line, and those that can be written can be read', () => {
  for (const codec of allCodecs()) {
    assert.ok(codec.help.length > 10, codec.kind);
    const name = Object.keys(codec.parse ?? {})[0];
    assert.ok(name !== undefined && name === name.toLowerCase(), codec.kind);
  }
});
