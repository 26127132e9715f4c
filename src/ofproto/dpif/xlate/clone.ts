/** clone: actions on a copy of the packet. C counterpart: clone_xlate_actions(). */
import type { OfpAct } from '../../../openflow/actions/action.ts';
import { xlateActionSet } from './action-set.ts';
import { doXlateActions } from './actions.ts';
import type { XlateCtx } from './ctx.ts';
import { finishFreezing } from './freeze.ts';

/** Whether all that the actions do to the packet can be undone by committing the old flow again. */
export function areReversible(actions: readonly OfpAct[]): boolean {
  return actions.every((a) => {
    switch (a.kind) {
      case 'ct':
      case 'meter':
      case 'nat':
      case 'output_trunc':
      case 'encap':
      case 'decap':
      case 'dec_nsh_ttl':
        return false;
      default:
        return true;
    }
  });
}

/** Runs a list and what it left in the action set, and ends a freeze within. */
export function runToEnd(ctx: XlateCtx, actions: readonly OfpAct[], isLast: boolean): void {
  doXlateActions(ctx, actions, isLast, false);
  if (!ctx.freezing) xlateActionSet(ctx);
  if (ctx.freezing) finishFreezing(ctx);
}

/** Runs `actions` such that what follows sees the packet as it is now. */
export function cloneXlateActions(ctx: XlateCtx, actions: readonly OfpAct[], isLast: boolean): void {
  const saved = ctx.saveState();
  if (isLast || areReversible(actions)) {
    runToEnd(ctx, actions, isLast);
    ctx.restoreState(saved);
    return;
  }
  // Before the clone, so that it need not be done both in it and after it.
  ctx.commit();
  const base = ctx.base.slice();
  const { wasMpls, conntracked } = ctx;
  if (ctx.bridge.features.clone) {
    const inner = ctx.nested(() => runToEnd(ctx, actions, true));
    if (inner.length > 0) ctx.put({ kind: 'clone', actions: inner });
  } else if (ctx.bridge.features.sampleNesting > 3) {
    const inner = ctx.nested(() => runToEnd(ctx, actions, true));
    if (inner.length > 0) ctx.put({ kind: 'sample', probability: 0xffff_ffff, actions: inner });
  } else ctx.reportError('Failed to compose clone action');
  ctx.conntracked = conntracked;
  ctx.wasMpls = wasMpls;
  ctx.base.set(base);
  ctx.restoreState(saved);
}
