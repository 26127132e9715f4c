/** MPLS actions. C counterparts: compose_mpls_push_action() and its neighbours. */

import { FIELD } from '../../../flow/fields.ts';
import { F } from '../../../flow/layout.ts';
import type { OfpAct } from '../../../openflow/actions/action.ts';
import { OFPR } from '../../../openflow/messages/message.ts';
import { xlateController } from './controller.ts';
import type { XlateCtx } from './ctx.ts';
import { XLATE } from './errors.ts';
import {
  countMpls,
  isEthTypeMpls,
  MPLS_LABEL_MASK,
  MPLS_LABEL_SHIFT,
  MPLS_TC_MASK,
  MPLS_TC_SHIFT,
  MPLS_TTL_MASK,
  N_MPLS,
  orWord,
  popMpls,
  pushMpls,
} from './flow-edit.ts';

const tooMany = (what: string, would: string): string =>
  `dropping packet on which an ${what} action can't be performed as it ${would} more MPLS LSEs than the ${N_MPLS} supported.`;

export function xlatePushMpls(ctx: XlateCtx, ethertype: number): void {
  const n = countMpls(ctx.flow, ctx.wc);
  if (n === 0) ctx.commit();
  else if (n >= N_MPLS) {
    if (ctx.packet) ctx.reportError(tooMany('MPLS push', 'would have'));
    ctx.error = XLATE.TOO_MANY_MPLS_LABELS;
    return;
  }
  pushMpls(ctx.flow, n, ethertype, ctx.wc, true);
}

export function xlatePopMpls(ctx: XlateCtx, ethertype: number): void {
  const n = countMpls(ctx.flow, ctx.wc);
  if (popMpls(ctx.flow, n, ethertype, ctx.wc)) {
    if (!isEthTypeMpls(ethertype) && ctx.bridge.features.recirc) ctx.wasMpls = true;
  } else if (n >= N_MPLS) {
    if (ctx.packet) ctx.reportError(tooMany('MPLS pop', 'has'));
    ctx.error = XLATE.TOO_MANY_MPLS_LABELS;
    ctx.actions.length = 0;
  }
}

function setLse(ctx: XlateCtx, mask: number, bits: number): void {
  if (!isEthTypeMpls(ctx.flow[F.DL_TYPE]!)) return;
  orWord(ctx.wc, F.MPLS_LSE0, mask);
  ctx.flow[F.MPLS_LSE0] = (ctx.flow[F.MPLS_LSE0]! & ~mask) | bits;
}

export const setMplsLabel = (ctx: XlateCtx, label: number): void =>
  setLse(ctx, MPLS_LABEL_MASK, label << MPLS_LABEL_SHIFT);
export const setMplsTc = (ctx: XlateCtx, tc: number): void => setLse(ctx, MPLS_TC_MASK, tc << MPLS_TC_SHIFT);
export const setMplsTtl = (ctx: XlateCtx, ttl: number): void => setLse(ctx, MPLS_TTL_MASK, ttl);

/** @returns false when the list of actions ends here: the TTL ran out, or the packet has no label */
export function decMplsTtl(ctx: XlateCtx): boolean {
  if (isEthTypeMpls(ctx.flow[F.DL_TYPE]!)) {
    const ttl = ctx.flow[F.MPLS_LSE0]! & MPLS_TTL_MASK;
    orWord(ctx.wc, F.MPLS_LSE0, MPLS_TTL_MASK);
    if (ttl > 1) {
      setMplsTtl(ctx, ttl - 1);
      return true;
    }
    xlateController(ctx, { maxLen: 0xffff, reason: OFPR.INVALID_TTL, controllerId: 0 });
  }
  ctx.report('warn', 'MPLS decrement TTL exception');
  return false;
}

/** After the last label was popped, what lies below is unknown: most actions must wait for recirculation. */
export function recircForMpls(ctx: XlateCtx, a: OfpAct): void {
  if (ctx.exit) return;
  switch (a.kind) {
    case 'output':
    case 'output_trunc':
    case 'enqueue':
    case 'output_reg':
    case 'set_vlan_vid':
    case 'set_vlan_pcp':
    case 'set_eth_src':
    case 'set_eth_dst':
    case 'set_tunnel':
    case 'set_queue':
    case 'group':
      return;
    case 'set_field':
      if (FIELD[a.field].id < FIELD.ip_src.id) return;
      break;
    case 'reg_load':
      if (FIELD[a.dst.field].id < FIELD.ip_src.id) return;
      break;
  }
  ctx.triggerFreeze();
}
