/** The action set of OpenFlow 1.1: collected by write_actions, executed at the end of the pipeline. */
import { OFPP } from '../../../flow/ports.ts';
import type { OfpAct, OfpActKind } from '../../../openflow/actions/action.ts';
import { F } from '../../../flow/layout.ts';
import { doXlateActions } from './actions.ts';
import type { XlateCtx } from './ctx.ts';

/** Of each of these only the last counts, and they run in this order. */
const ORDER: readonly OfpActKind[] = [
  'strip_vlan', 'pop_mpls', 'decap', 'encap', 'push_mpls', 'push_vlan', 'dec_ttl', 'dec_mpls_ttl', 'dec_nsh_ttl',
];
/** Only one of these runs, after everything else: the last in this list. A set without any does nothing. */
const FINAL: readonly OfpActKind[] = ['ct', 'ct_clear', 'resubmit', 'output', 'group'];

/** The list of actions that a set amounts to. */
export function actionSetToList(set: readonly OfpAct[]): OfpAct[] {
  const slots: (OfpAct | undefined)[] = ORDER.map(() => undefined);
  const sets: OfpAct[] = [];
  let final: OfpAct | undefined;
  let finalRank = 0;
  for (const a of set) {
    const slot = ORDER.indexOf(a.kind);
    const rank = FINAL.indexOf(a.kind);
    if (slot >= 0) slots[slot] = a;
    else if (rank < 0) sets.push(a);
    else if (rank >= finalRank) {
      final = a;
      finalRank = rank;
    }
  }
  return final ? [...slots.filter((a) => a !== undefined), ...sets, final] : [];
}

/** Executes and empties the action set. */
export function xlateActionSet(ctx: XlateCtx): void {
  if (ctx.actionSet.length === 0) return;
  const list = actionSetToList(ctx.actionSet);
  ctx.actionSet = [];
  if (list.length === 0) return;
  ctx.inActionSet = true;
  const { trace } = ctx;
  ctx.trace = ctx.report('table', '--. Executing action set:');
  doXlateActions(ctx, list, true, false);
  ctx.trace = trace;
  ctx.inActionSet = false;
}

/** Adds to the action set and keeps actset_output up to date: the output port, unless there is a group. */
export function writeActions(ctx: XlateCtx, actions: readonly OfpAct[]): void {
  if (!ctx.actionSetHasGroup) {
    for (const a of actions) {
      if (a.kind === 'output') ctx.flow[F.ACTSET_OUTPUT] = a.port;
      else if (a.kind === 'group') {
        ctx.flow[F.ACTSET_OUTPUT] = OFPP.UNSET;
        ctx.actionSetHasGroup = true;
        break;
      }
    }
  }
  ctx.actionSet.push(...actions);
}

export function clearActions(ctx: XlateCtx): void {
  reportActionSet(ctx, 'was');
  ctx.actionSet = [];
  ctx.flow[F.ACTSET_OUTPUT] = OFPP.UNSET;
  ctx.actionSetHasGroup = false;
}

export function reportActionSet(ctx: XlateCtx, verb: 'was' | 'is'): void {
  ctx.report('detail', () => {
    const list = actionSetToList(ctx.actionSet);
    return list.length > 0 ? `action set ${verb}: ${ctx.bridge.formatActions(list, false)}` : `action set ${verb} empty`;
  });
}
