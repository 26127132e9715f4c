/** Messages about groups. */

import { GROUP_TYPES } from '../../openflow/messages/message.ts';
import type { Group } from '../group.ts';
import { GroupChange, OFPG_ALL, OFPG_MAX } from '../group-table.ts';
import type { Ofproto } from '../ofproto.ts';
import type { Handler } from './handler.ts';
import { ALL_ACTION_NAMES } from './table-features.ts';

/** OFPGFC_*: weights and liveness in select groups, chaining. */
const CAPABILITIES = (1 << 0) | (1 << 1) | (1 << 2);

export const handleGroupMod: Handler<'group_mod'> = (m, r) => {
  r.rejectSecondary();
  r.ofproto.changeGroups(new GroupChange(r.ofproto, m));
  r.ofproto.connections.sendRequestForward(r.conn, m);
};

function select(ofproto: Ofproto, groupId: number): Group[] {
  if (groupId === OFPG_ALL) return [...ofproto.groups.all()];
  const group = ofproto.groups.get(groupId);
  return group ? [group] : [];
}

export const handleGroupStatsRequest: Handler<'group_stats_request'> = (m, r) => {
  const { ofproto } = r;
  const now = ofproto.now();
  const groups = select(ofproto, m.groupId).map((g) =>
    g.stats(ofproto.flows.usersOfGroup.count(g.groupId), now),
  );
  r.reply({ kind: 'group_stats_reply', groups });
};

export const handleGroupDescRequest: Handler<'group_desc_stats_request'> = (m, r) =>
  r.reply({ kind: 'group_desc_stats_reply', groups: select(r.ofproto, m.groupId) });

export const handleGroupFeaturesRequest: Handler<'group_features_stats_request'> = (_, r) =>
  r.reply({
    kind: 'group_features_stats_reply',
    types: 0xf,
    capabilities: CAPABILITIES,
    maxGroups: GROUP_TYPES.map(() => OFPG_MAX),
    actions: GROUP_TYPES.map(() => ALL_ACTION_NAMES),
  });
