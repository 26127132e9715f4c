/**
 * Looking a packet up in the flow tables, and going on with the actions of the rule found: the first lookup,
 * resubmit, goto_table, output to TABLE, and entry into the bridge at the other end of a patch port.
 * C counterparts: rule_dpif_lookup_from_table(), xlate_table_action().
 */
import { RateLimit, vlog } from '../../../base/vlog.ts';
import { F, FLOW_NW_FRAG_ANY } from '../../../flow/layout.ts';
import { OFPP } from '../../../flow/ports.ts';
import type { Act, OfpAct } from '../../../openflow/actions/action.ts';
import { PC } from '../../../openflow/messages/message.ts';
import type { Rule } from '../../rule.ts';
import { doXlateActions } from './actions.ts';
import type { XlateCtx } from './ctx.ts';
import { ETH_TYPE, isIpAny } from './flow-edit.ts';

const log = vlog('ofproto_dpif');
const unknownPortLimit = new RateLimit(1, 5);

/** Table of rules that no controller sees. */
export const TBL_INTERNAL = 254;

/** How the actions of a rule are run: in place, or on a copy of the packet. */
export type ActionsRunner = (
  ctx: XlateCtx,
  actions: readonly OfpAct[],
  isLast: boolean,
  inBucket: boolean,
) => void;

/**
 * Finds the rule for the packet from table `ctx.tableId` on, following table-miss settings, and leaves in
 * `ctx.tableId` the table that it ended in. There always is one: misses have rules too.
 * @param inPort what the rules see as input port
 */
export function lookupRule(
  ctx: XlateCtx,
  inPort: number,
  mayPacketIn: boolean,
  honorTableMiss: boolean,
): Rule {
  const { bridge, flow, stats, cache } = ctx;
  const tpSrc = flow[F.TP_SRC]!;
  const tpDst = flow[F.TP_DST]!;
  const realInPort = flow[F.IN_PORT]!;

  if (flow[F.NW_FRAG]! & FLOW_NW_FRAG_ANY && bridge.fragHandling !== 'nx-match') {
    if (bridge.fragHandling === 'drop') {
      if (stats) bridge.creditTable(ctx.tableId, true, stats.packets);
      cache?.add({ kind: 'table', bridge, tableId: ctx.tableId, match: true });
      return bridge.dropFragsRule;
    }
    // Fragments, the first ones too, have no transport ports.
    flow[F.TP_SRC] = 0;
    flow[F.TP_DST] = 0;
  }

  flow[F.IN_PORT] = inPort;
  let rule: Rule | undefined;
  let miss = 'continue';
  for (let id = ctx.tableId; id < bridge.tableCount; id = id + 1 === TBL_INTERNAL ? id + 2 : id + 1) {
    ctx.tableId = id;
    rule = bridge.lookup(id, ctx.version, flow, ctx.wc, ctx.trace);
    if (stats) bridge.creditTable(id, rule !== undefined, stats.packets);
    cache?.add({ kind: 'table', bridge, tableId: id, match: rule !== undefined });
    if (rule || !honorTableMiss) break;
    miss = bridge.tableMissConfig(id);
    if (miss !== 'continue') break;
  }
  flow[F.TP_SRC] = tpSrc;
  flow[F.TP_DST] = tpDst;
  flow[F.IN_PORT] = realInPort;
  if (rule) return rule;

  if (mayPacketIn) {
    if (miss === 'continue' || miss === 'controller') {
      const port = bridge.portByOfp(realInPort);
      if (!port) log.warnRl(unknownPortLimit, `packet-in on unknown OpenFlow port ${realInPort & 0xffff}`);
      else if (!(port.config & PC.NO_PACKET_IN)) return bridge.missRule;
    } else if (miss === 'default' && bridge.wantsPacketInOnMiss()) return bridge.missRule;
  }
  return bridge.noPacketInRule;
}

/** Puts the rule into the trace and makes its node the place for what follows. */
export function reportTable(ctx: XlateCtx, rule: Rule, tableId: number): void {
  if (!ctx.trace) return;
  const b = ctx.ingress;
  let text = `${String(tableId).padStart(2)}. `;
  if (rule === b.missRule) text += 'No match, and a "packet-in" is called for.';
  else if (rule === b.noPacketInRule) text += 'No match.';
  else if (rule === b.dropFragsRule)
    text += 'Packets are IP fragments and the fragment handling mode is "drop".';
  else {
    text += ctx.bridge.formatRuleMatch(rule, ctx.names);
    if (!text.endsWith(' ')) text += ', ';
    text += `priority ${rule.priority}`;
    if (rule.cookie !== 0n) text += `, cookie 0x${rule.cookie.toString(16)}`;
  }
  ctx.trace = ctx.report('table', text);
  for (const conj of ctx.bridge.takeConjunctionTrace(ctx.names)) ctx.report('detail', `conj. ${conj}`);
}

/** Exchanges the packet's addresses and ports with those of its connection's original direction. */
function swapTuple(ctx: XlateCtx): void {
  const v4 = ctx.flow[F.DL_TYPE] === ETH_TYPE.IP;
  for (const f of [ctx.flow, ctx.wc]) {
    const swap = (a: number, b: number): void => {
      const t = f[a]!;
      f[a] = f[b]!;
      f[b] = t;
    };
    swap(F.NW_PROTO, F.CT_NW_PROTO);
    swap(F.TP_SRC, F.CT_TP_SRC);
    swap(F.TP_DST, F.CT_TP_DST);
    if (v4) {
      swap(F.NW_SRC, F.CT_NW_SRC);
      swap(F.NW_DST, F.CT_NW_DST);
    } else {
      for (let i = 0; i < 4; i++) {
        swap(F.IPV6_SRC + i, F.CT_IPV6_SRC + i);
        swap(F.IPV6_DST + i, F.CT_IPV6_DST + i);
      }
    }
  }
}

export interface TableActionOptions {
  readonly inPort: number;
  readonly tableId: number;
  readonly mayPacketIn: boolean;
  readonly honorTableMiss: boolean;
  readonly withCt?: boolean;
  readonly isLast: boolean;
}

/** Looks the packet up and runs the actions of the rule found. */
export function xlateTable(ctx: XlateCtx, o: TableActionOptions, run: ActionsRunner): void {
  if (ctx.wasMpls) {
    // A lookup needs the fields below the popped label.
    ctx.triggerFreeze();
    return;
  }
  if (!ctx.mayResubmit()) return;
  const oldTable = ctx.tableId;
  ctx.tableId = o.tableId;
  const { withCt } = o;
  if (withCt) {
    if (ctx.flow[F.CT_NW_PROTO] === 0 || !isIpAny(ctx.flow)) {
      ctx.reportError('resubmit(ct) with non-tracked or non-IP packet!');
      ctx.tableId = oldTable;
      return;
    }
    swapTuple(ctx);
  }
  const rule = lookupRule(ctx, o.inPort, o.mayPacketIn, o.honorTableMiss);
  if (withCt) swapTuple(ctx);
  ctx.cache?.add({ kind: 'rule', rule });
  const trace = ctx.trace;
  reportTable(ctx, rule, o.tableId);
  runRule(ctx, rule, o.tableId <= oldTable, o.isLast, run);
  ctx.trace = trace;
  ctx.tableId = oldTable;
}

function runRule(ctx: XlateCtx, rule: Rule, deepens: boolean, isLast: boolean, run: ActionsRunner): void {
  const { rule: oldRule, ruleCookie: oldCookie, stats } = ctx;
  if (stats) rule.credit(stats.packets, stats.bytes, stats.usedMs);
  ctx.resubmits++;
  if (deepens) ctx.depth++;
  ctx.rule = rule;
  ctx.ruleCookie = rule.cookie;
  run(ctx, rule.actions, isLast, false);
  ctx.ruleCookie = oldCookie;
  ctx.rule = oldRule;
  if (deepens) ctx.depth--;
}

export function xlateResubmit(ctx: XlateCtx, a: Act<'resubmit'>, last: boolean): void {
  // From an internal rule a miss may still go to the controller.
  const internal = ctx.rule !== undefined && ctx.rule.tableId === TBL_INTERNAL;
  xlateTable(
    ctx,
    {
      inPort: a.inPort === OFPP.IN_PORT ? ctx.flow[F.IN_PORT]! : a.inPort,
      tableId: a.table === 255 ? ctx.tableId : a.table,
      mayPacketIn: internal,
      honorTableMiss: internal,
      withCt: a.withCt,
      isLast: last,
    },
    doXlateActions,
  );
}

export function xlateGotoTable(ctx: XlateCtx, a: Act<'goto_table'>, last: boolean): void {
  xlateTable(
    ctx,
    { inPort: ctx.flow[F.IN_PORT]!, tableId: a.table, mayPacketIn: true, honorTableMiss: true, isLast: last },
    doXlateActions,
  );
}
