/** The action set of OpenFlow 1.1: collected by write_actions, executed at the end of the pipeline. */

import { F } from '../../../flow/layout.ts';
import { OFPP } from '../../../flow/ports.ts';
import type { OfpAct } from '../../../openflow/actions/action.ts';
import { actionSetToList } from '../../../openflow/actions/action-set.ts';
import { doXlateActions } from './actions.ts';
import type { XlateCtx } from './ctx.ts';

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
    return list.length > 0
      ? `action set ${verb}: ${ctx.bridge.formatActions(list, false)}`
      : `action set ${verb} empty`;
  });
}
