/**
 * The action set of OpenFlow 1.1+: which actions it may hold and in which order it runs them.
 *
 * C counterpart: ofpacts_execute_action_set in lib/ofp-actions.c.
 */
import type { OfpAct, OfpActKind } from './action.ts';

/** Only the last of each counts; they run in this order. */
const SLOTS: readonly OfpActKind[] = [
  'strip_vlan',
  'pop_mpls',
  'decap',
  'encap',
  'push_mpls',
  'push_vlan',
  'dec_ttl',
  'dec_mpls_ttl',
  'dec_nsh_ttl',
];

/** The set runs only if it has one of these; the one that comes last here is the last to run, the others do not. */
const FINAL: readonly OfpActKind[] = ['ct', 'ct_clear', 'resubmit', 'output', 'group'];

/** All of them run, in the order in which they came. */
const SETS = new Set<OfpActKind>([
  'set_field',
  'reg_load',
  'reg_move',
  'set_eth_dst',
  'set_eth_src',
  'set_ip_dscp',
  'set_ip_ecn',
  'set_ip_ttl',
  'set_ipv4_dst',
  'set_ipv4_src',
  'set_l4_dst_port',
  'set_l4_src_port',
  'set_mpls_label',
  'set_mpls_tc',
  'set_mpls_ttl',
  'set_queue',
  'set_tunnel',
  'set_vlan_pcp',
  'set_vlan_vid',
]);

export const isAllowedInActionSet = (kind: OfpActKind): boolean =>
  SETS.has(kind) || SLOTS.includes(kind) || FINAL.includes(kind);

/** The actions that running an action set amounts to. `set` is all that write_actions added, in order. */
export function actionSetToList(set: readonly OfpAct[]): OfpAct[] {
  const slots: (OfpAct | undefined)[] = SLOTS.map(() => undefined);
  const sets: OfpAct[] = [];
  let final: OfpAct | undefined;
  let finalRank = -1;
  for (const act of set) {
    const slot = SLOTS.indexOf(act.kind);
    const rank = FINAL.indexOf(act.kind);
    if (slot >= 0) slots[slot] = act;
    else if (rank >= 0) {
      if (rank >= finalRank) [final, finalRank] = [act, rank];
    } else if (SETS.has(act.kind)) sets.push(act);
  }
  if (!final) return [];
  return [...slots.filter((act) => act !== undefined), ...sets, final];
}
