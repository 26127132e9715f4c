/** dec_ttl and dec_nsh_ttl. */
import { F } from '../../../flow/layout.ts';
import type { Act } from '../../../openflow/actions/action.ts';
import { OFPR } from '../../../openflow/messages/message.ts';
import { xlateController } from './controller.ts';
import type { XlateCtx } from './ctx.ts';
import { ETH_TYPE, isIpAny, PT } from './flow-edit.ts';

/** @returns false when the TTL ran out, so that the list of actions ends here */
export function decTtl(ctx: XlateCtx, a: Act<'dec_ttl'>): boolean {
  const { flow, wc } = ctx;
  wc[F.NW_TTL] = 0xff;
  wc[F.NW_PROTO] = 0xff;
  if (!isIpAny(flow)) return true;
  if (flow[F.NW_TTL]! > 1) {
    flow[F.NW_TTL] = flow[F.NW_TTL]! - 1;
    return true;
  }
  for (const controllerId of a.controllers)
    xlateController(ctx, { maxLen: 0xffff, reason: OFPR.INVALID_TTL, controllerId });
  ctx.report('warn', `IPv${flow[F.DL_TYPE] === ETH_TYPE.IP ? 4 : 6} decrement TTL exception`);
  return false;
}

/** @returns false when the list of actions ends here */
export function decNshTtl(ctx: XlateCtx): boolean {
  const { flow, wc } = ctx;
  if (flow[F.PACKET_TYPE] === PT.NSH || flow[F.DL_TYPE] === ETH_TYPE.NSH) {
    wc[F.NSH_TTL] = 0xff;
    if (flow[F.NSH_TTL]! > 1) {
      flow[F.NSH_TTL] = flow[F.NSH_TTL]! - 1;
      return true;
    }
    xlateController(ctx, { maxLen: 0xffff, reason: OFPR.INVALID_TTL, controllerId: 0 });
  }
  ctx.report('warn', 'NSH decrement TTL exception');
  return false;
}
