/** learn: a flow made from the packet. C counterparts: lib/learn.c, xlate_learn_action(). */
import { addEthernetPrereq, getField, getFieldMask, matchField } from '../../../flow/fields.ts';
import { catchAllMatch, type Match } from '../../../flow/layout.ts';
import { OFPP, portFromOf10 } from '../../../flow/ports.ts';
import { markSubfieldInMask, readSubfield, type Subfield } from '../../../flow/subfield.ts';
import type { Act, LearnSpec, OfpAct } from '../../../openflow/actions/action.ts';
import { OfpError } from '../../../openflow/errors.ts';
import { FF, type FlowMod } from '../../../openflow/messages/message.ts';
import { LearnedFlow } from '../learned-flow.ts';
import type { XlateCtx } from './ctx.ts';
import { loadSubfield, reportSubfield } from './fields.ts';

const LEARN_SEND_FLOW_REM = 1;
const LEARN_WRITE_RESULT = 4;

/** Adds part of a field to a match. */
function matchSubfield(ctx: XlateCtx, match: Match, sf: Subfield, value: bigint): void {
  const field = ctx.bridge.resolveField(sf.field);
  const ones = ((1n << BigInt(sf.bits)) - 1n) << BigInt(sf.offset);
  const old = getField(match.flow, field);
  const mask = getFieldMask(match.mask, field) | ones;
  // A subfield that is all of the field is an exact match.
  const whole = sf.offset === 0 && sf.bits === field.bits;
  if (whole) matchField(match, field, value);
  else matchField(match, field, (old & ~ones) | ((value << BigInt(sf.offset)) & ones), mask);
  addEthernetPrereq(match, field);
}

const mayOutputTo = (port: number): boolean =>
  port < OFPP.MAX || port === OFPP.IN_PORT || port === OFPP.FLOOD || port === OFPP.LOCAL || port === OFPP.ALL;

/** The flow mod that `learn` makes of the packet. */
function learnedFlowMod(ctx: XlateCtx, learn: LearnSpec): FlowMod {
  const match = catchAllMatch();
  const actions: OfpAct[] = [];
  if (learn.finIdleTimeout || learn.finHardTimeout)
    actions.push({ kind: 'fin_timeout', idle: learn.finIdleTimeout, hard: learn.finHardTimeout });
  for (const spec of learn.specs) {
    const value =
      spec.src.kind === 'field'
        ? readSubfield(ctx.flow, spec.src.subfield, ctx.bridge.resolveField)
        : spec.src.value;
    switch (spec.dst.kind) {
      case 'match':
        matchSubfield(ctx, match, spec.dst.subfield, value);
        break;
      case 'load':
        actions.push({ kind: 'reg_load', dst: spec.dst.subfield, value, flowHasVlan: false });
        break;
      case 'output': {
        if (value > 0xffffn) break;
        const port = portFromOf10(Number(value));
        if (mayOutputTo(port)) actions.push({ kind: 'output', port, maxLen: 0 });
      }
    }
  }
  return {
    command: 'modify_strict',
    match,
    priority: learn.priority,
    cookie: 0n,
    cookieMask: 0n,
    newCookie: learn.cookie,
    modifyCookie: learn.cookie !== 0xffff_ffff_ffff_ffffn,
    tableId: learn.table,
    idleTimeout: learn.idleTimeout,
    hardTimeout: learn.hardTimeout,
    bufferId: 0xffff_ffff,
    outPort: OFPP.NONE,
    outGroup: 0xffff_ffff,
    flags: learn.flags & LEARN_SEND_FLOW_REM ? FF.SEND_FLOW_REM : 0,
    importance: 0,
    actions,
  };
}

export function xlateLearn(ctx: XlateCtx, { learn }: Act<'learn'>): void {
  for (const { src } of learn.specs)
    if (src.kind === 'field') markSubfieldInMask(ctx.wc, src.subfield, ctx.bridge.resolveField);
  if (!ctx.cache && !ctx.allowSideEffects) {
    ctx.report('warn', 'suppressing side effects, so learn action ignored');
    return;
  }
  const mod = learnedFlowMod(ctx, learn);
  ctx.report('detail', () => ctx.bridge.formatLearned(mod));
  const flow = new LearnedFlow(ctx.bridge, mod, learn.limit);
  let success = true;
  try {
    if (ctx.allowSideEffects) success = flow.learn(ctx.stats?.usedMs ?? ctx.bridge.now());
    // A flow that expired, with no packet to bring it back: what depends on it is not worth caching.
    else if (learn.limit !== 0 && !flow.isInstalled) ctx.avoidCaching = true;
  } catch (error) {
    if (!(error instanceof OfpError)) throw error;
    ctx.reportError(`LEARN action execution failed (${error.code}).`);
    return;
  }
  if (learn.flags & LEARN_WRITE_RESULT && learn.resultDst) {
    loadSubfield(ctx, learn.resultDst, success ? 1n : 0n);
    reportSubfield(ctx, learn.resultDst);
  }
  if (success) ctx.cache?.add({ kind: 'learn', flow });
  else ctx.report('detail', 'Limit exceeded, learn failed');
}
