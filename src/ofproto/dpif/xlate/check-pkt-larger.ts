/** check_pkt_larger: the rest of the list, once for large and once for small packets. */
import { writeSubfield } from '../../../flow/subfield.ts';
import type { Act, OfpAct } from '../../../openflow/actions/action.ts';
import { runToEnd } from './clone.ts';
import type { XlateCtx } from './ctx.ts';
import { SLOW } from './slow-path.ts';

/** @returns whether the rest has been dealt with here */
export function xlateCheckPktLarger(
  ctx: XlateCtx,
  a: Act<'check_pkt_larger'>,
  rest: () => readonly OfpAct[],
): boolean {
  const write = (larger: boolean): void =>
    writeSubfield(ctx.flow, a.dst, larger ? 1n : 0n, ctx.bridge.resolveField);
  if (!ctx.bridge.features.checkPktLen) {
    write(ctx.packet !== undefined && ctx.packet.length > a.pktLen);
    // The answer holds for this packet only.
    ctx.slow |= SLOW.ACTION;
    return false;
  }
  const actions = rest();
  const saved = ctx.saveState();
  ctx.commit();
  const base = ctx.base.slice();
  const { wasMpls, conntracked } = ctx;

  write(true);
  const greater = ctx.nested(() => runToEnd(ctx, actions, true));
  ctx.base.set(base);
  ctx.flow.set(saved.flow);
  ctx.wasMpls = wasMpls;
  ctx.conntracked = conntracked;
  const { exit } = ctx;
  ctx.exit = false;

  write(false);
  const lessEqual = ctx.nested(() => runToEnd(ctx, actions, true));
  ctx.put({ kind: 'check_pkt_len', pktLen: a.pktLen, greater, lessEqual });

  ctx.wasMpls = wasMpls;
  ctx.conntracked = conntracked;
  ctx.exit = exit;
  ctx.base.set(base);
  ctx.restoreState(saved);
  return true;
}
