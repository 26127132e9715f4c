/** fin_timeout: a rule expires sooner once its connection ends. */

import { F } from '../../../flow/layout.ts';
import type { Act } from '../../../openflow/actions/action.ts';
import type { XlateCtx } from './ctx.ts';

const TCP_FIN = 1;
const TCP_RST = 4;

export const endsConnection = (tcpFlags: number): boolean => (tcpFlags & (TCP_FIN | TCP_RST)) !== 0;

export function xlateFinTimeout(ctx: XlateCtx, a: Act<'fin_timeout'>): void {
  ctx.wc[F.NW_PROTO] = 0xff;
  const { rule } = ctx;
  if (!rule) return;
  if (ctx.allowSideEffects && endsConnection(ctx.tcpFlags)) ctx.bridge.reduceTimeouts(rule, a.idle, a.hard);
  ctx.cache?.add({ kind: 'fin_timeout', bridge: ctx.bridge, rule, idle: a.idle, hard: a.hard });
}
