/**
 * Translates what a bridge does with a packet into datapath actions, and into the megaflow: the bits of the
 * packet that the outcome depends on. Entry point of this folder. C counterpart: xlate_actions().
 */
import { coverage } from '../../../base/coverage.ts';
import { RateLimit, vlog } from '../../../base/vlog.ts';
import { F, FLOW_TNL_F_KEY, type Flow, VLAN_CFI } from '../../../flow/layout.ts';
import { OFPP } from '../../../flow/ports.ts';
import type { OdpAction } from '../../../odp/action.ts';
import type { OfpAct } from '../../../openflow/actions/action.ts';
import { thawMetadata } from '../recirc-id.ts';
import { writeActions, xlateActionSet } from './action-set.ts';
import { doXlateActions } from './actions.ts';
import { XlateCtx, type XlateOptions } from './ctx.ts';
import { XLATE, type XlateError } from './errors.ts';
import {
  hasTunnelDst,
  IP_ECN_MASK,
  isEthTypeMpls,
  isEthTypeVlan,
  isIcmpv4,
  isIcmpv6,
  isIpAny,
  N_MPLS,
  orWord,
  PT,
  TUNNEL_WORDS,
} from './flow-edit.ts';
import { finishFreezing } from './freeze.ts';
import { mirrorIngress } from './mirror.ts';
import { mayReceive, processSpecial } from './output.ts';
import { SLOW } from './slow-path.ts';
import { lookupRule, reportTable } from './table.ts';

const log = vlog('tunnel');
const ecnLimit = new RateLimit(60, 60);
const translations = coverage('xlate_actions');
const oversize = coverage('xlate_actions_oversize');
const tooManyOutputs = coverage('xlate_actions_too_many_output');

/** Largest list of actions that fits a netlink attribute. */
const MAX_ATTRIBUTE_BYTES = 0xffff - 4;
/** net.core.netdev_max_backlog: what a kernel queues while it executes one list. */
const MAX_OUTPUTS = 1000;

/** What is always part of a megaflow. */
function initWildcards(ctx: XlateCtx): void {
  const { wc } = ctx;
  wc[F.PACKET_TYPE] = 0xffff_ffff;
  wc[F.IN_PORT] = 0xffff_ffff;
  wc[F.DL_TYPE] = 0xffff;
  if (isIpAny(ctx.flow)) wc[F.NW_FRAG] = 3;
  if (ctx.bridge.features.recirc) wc[F.RECIRC_ID] = 0xffff_ffff;
  if (hasTunnelDst(ctx.flow)) {
    // What the tunnel port is found by, and what decapsulation does to the inner header.
    wc.fill(0xffff_ffff, F.TUN_ID, F.TUN_ID + 2);
    if (ctx.flow[F.TUN_DST] !== 0) wc.fill(0xffff_ffff, F.TUN_SRC, F.TUN_DST + 1);
    else wc.fill(0xffff_ffff, F.TUN_IPV6_SRC, F.TUN_IPV6_DST + 4);
    wc[F.TUN_FLAGS] = FLOW_TNL_F_KEY;
    wc[F.TUN_TOS] = 0xff;
    if (isIpAny(ctx.flow) && isCongested(ctx.flow[F.TUN_TOS]!)) orWord(wc, F.NW_TOS, IP_ECN_MASK);
  }
}

/** ECN says "congestion experienced". */
const isCongested = (tos: number): boolean => (tos & IP_ECN_MASK) === IP_ECN_MASK;

/** Carries a tunnel's congestion mark over to the packet.
 * @returns false when the packet's sender would not understand it: the packet must be dropped */
function processTunnelEcn(flow: Flow): boolean {
  if (!hasTunnelDst(flow) || !isIpAny(flow) || !isCongested(flow[F.TUN_TOS]!)) return true;
  if ((flow[F.NW_TOS]! & IP_ECN_MASK) === 0) {
    log.warnRl(ecnLimit, 'dropping tunnel packet marked ECN CE but is not ECN capable');
    return false;
  }
  orWord(flow, F.NW_TOS, IP_ECN_MASK);
  return true;
}

/** Takes out of the megaflow what the datapath cannot match or the packet does not have. */
function finishWildcards(ctx: XlateCtx): void {
  const { wc, flow, upcallFlow } = ctx;
  wc.fill(0, F.METADATA, F.SKB_PRIORITY); // metadata and registers
  wc[F.ACTSET_OUTPUT] = 0;
  wc[F.CONJ_ID] = 0;
  if (upcallFlow[F.PACKET_TYPE] !== PT.ETH) wc.fill(0, F.DL_DST, F.DL_TYPE);
  if (isIcmpv4(flow) || isIcmpv6(flow)) {
    wc[F.TP_SRC] = wc[F.TP_SRC]! & 0xff;
    wc[F.TP_DST] = wc[F.TP_DST]! & 0xff;
  }
  for (const word of [F.VLAN_TCI0, F.VLAN_TCI1]) if (wc[word] !== 0) wc[word] = wc[word]! | VLAN_CFI;
  // Later fragments have no ports, though rules that match ports may have been looked at.
  if (flow[F.NW_FRAG]! & 2) {
    wc[F.TP_SRC] = 0;
    wc[F.TP_DST] = 0;
  }
  if (!isEthTypeMpls(upcallFlow[F.DL_TYPE]!)) wc.fill(0, F.MPLS_LSE0, F.MPLS_LSE0 + N_MPLS);
  for (const word of [F.VLAN_TPID0, F.VLAN_TPID1]) {
    if (isEthTypeVlan(upcallFlow[word]!)) continue;
    wc[word] = 0;
    wc[word + 1] = 0;
  }
  if (!hasTunnelDst(upcallFlow)) wc.fill(0, 0, TUNNEL_WORDS);
}

/** Goes on where a frozen translation stopped.
 * @returns false when that is not possible any more */
function thaw(ctx: XlateCtx): boolean {
  const state = ctx.frozen!;
  const { trace } = ctx;
  ctx.trace = ctx.report('thaw', 'thaw');
  if ((ctx.actionList && ctx.actionList.length > 0) || ctx.rule) {
    ctx.reportError(`Recirculation conflict (${ctx.actionList ? 'actions' : 'rule'})!`);
    ctx.error = XLATE.RECIRCULATION_CONFLICT;
    return false;
  }
  if (ctx.bridge !== state.bridge) {
    if (state.bridge.destroyed) {
      ctx.reportError('Frozen bridge no longer exists.');
      ctx.error = XLATE.BRIDGE_NOT_FOUND;
      ctx.trace = trace;
      return false;
    }
    ctx.bridge = state.bridge;
    ctx.version = state.bridge.tablesVersion;
  }
  ctx.tableId = state.tableId;
  ctx.report('thaw', `Resuming from table ${state.tableId}`);
  ctx.conntracked = state.conntracked;
  if (!state.conntracked) ctx.clearConntrack();
  thawMetadata(state, ctx.flow);
  ctx.stack = [...state.stack];
  ctx.stackBytes = state.stack.reduce((n, e) => n + e.bytes + 1, 0);
  ctx.mirrors = state.mirrors;
  const list = (title: string, actions: readonly OfpAct[]): void => {
    ctx.report('thaw', () => `${title}: ${ctx.bridge.formatActions(actions, false)}`);
  };
  if (state.actionSet.length > 0) {
    list('Restoring action set', state.actionSet);
    ctx.flow[F.ACTSET_OUTPUT] = OFPP.UNSET;
    writeActions(ctx, state.actionSet);
  }
  if (state.actions.length > 0) {
    list('Restoring actions', state.actions);
    ctx.actionList = state.actions;
  }
  ctx.trace = trace;
  return true;
}

function run(ctx: XlateCtx): void {
  const { flow, ingress } = ctx;
  ctx.trace = ctx.report('bridge', `bridge("${ingress.name}")`);
  if (ctx.frozen) {
    if (!thaw(ctx)) return;
  } else if (flow[F.RECIRC_ID] !== 0) {
    ctx.reportError(`Recirculation context not found for ID ${flow[F.RECIRC_ID]!.toString(16)}`);
    ctx.error = XLATE.NO_RECIRCULATION_CONTEXT;
    return;
  } else if (flow[F.CT_STATE]! & 0x20) ctx.conntracked = true;

  // Where the packet came in last; after thawing, `flow` says where it came in first.
  const inPort = ingress.portByOfp(ctx.base[F.IN_PORT]!);
  if (inPort && !inPort.peer) ctx.xport = inPort;

  if (flow[F.PACKET_TYPE] !== PT.ETH && inPort?.ptMode === 'legacy-l3' && ctx.tableId === 0) {
    // Rules see packets of an IP-only port with an Ethernet header of zeros.
    flow[F.PACKET_TYPE] = PT.ETH;
    flow.fill(0, F.DL_DST, F.DL_TYPE);
    ctx.pendingEncap = true;
  }

  if (!ctx.actionList && !ctx.rule) {
    const rule = lookupRule(ctx, flow[F.IN_PORT]!, true, true);
    ctx.rule = rule;
    if (ctx.stats) rule.credit(ctx.stats.packets, ctx.stats.bytes, ctx.stats.usedMs);
    ctx.cache?.add({ kind: 'rule', rule });
    reportTable(ctx, rule, ctx.tableId);
  }

  if (!ctx.frozen && processSpecial(ctx, inPort)) {
    mirrorIngress(ctx);
  } else if (inPort?.bundle && ingress.mirrors.isOutput(inPort.bundle)) {
    ctx.reportError(
      `dropping packet received on port ${inPort.bundle.name}, which is reserved exclusively for mirroring`,
    );
  } else {
    if (!processTunnelEcn(flow)) {
      ctx.error = XLATE.CONGESTION_DROP;
    } else if (!inPort || mayReceive(ctx, inPort)) {
      if (!ctx.actionList) ctx.ruleCookie = ctx.rule!.cookie;
      mirrorIngress(ctx);
      const before = ctx.actions.length;
      doXlateActions(ctx, ctx.actionList ?? ctx.rule!.actions, true, false);
      if (ctx.error) return;
      if (inPort && !inPort.forwards) {
        // The packet was only to be learned from.
        ctx.actions.length = before;
        ctx.cancelFreeze();
        ctx.actionSet = [];
        ctx.error = XLATE.FORWARDING_DISABLED;
      }
      if (!ctx.freezing) xlateActionSet(ctx);
      if (ctx.freezing) finishFreezing(ctx);
    }
    if (!ctx.freezing) ingress.inBand?.maybeOutputToLocal(ctx);
  }

  if (ctx.actionBytes > MAX_ATTRIBUTE_BYTES) {
    oversize.inc();
    ctx.slow |= SLOW.ACTION;
  } else if (ctx.actions.length > MAX_OUTPUTS && countOutputs(ctx.actions) > MAX_OUTPUTS) {
    tooManyOutputs.inc();
    ctx.slow |= SLOW.ACTION;
  }
  finishWildcards(ctx);
}

const countOutputs = (actions: readonly OdpAction[]): number =>
  actions.reduce((n, a) => (a.kind === 'output' || a.kind === 'lb_output' ? n + 1 : n), 0);

/** Unwraps a trailing clone, after which nothing needs the original; makes a drop explicit. */
function tweakActions(ctx: XlateCtx): void {
  const last = ctx.actions.at(-1);
  if (!last) putDrop(ctx, XLATE.OK);
  else if (last.kind === 'clone') ctx.actions.splice(-1, 1, ...last.actions);
}

function putDrop(ctx: XlateCtx, reason: XlateError): void {
  if (ctx.bridge.features.explicitDropAction) ctx.put({ kind: 'drop', reason });
}

/**
 * Translates a packet. On an error the result has no actions, so that a caller who goes on drops the packet.
 * The caller owns a reference to each of the result's `recircs`.
 */
export function xlateActions(options: XlateOptions): XlateCtx {
  const ctx = new XlateCtx(options);
  translations.inc();
  initWildcards(ctx);
  run(ctx);
  if (ctx.error) {
    ctx.slow = 0;
    ctx.actions = [];
    putDrop(ctx, ctx.error);
  } else tweakActions(ctx);
  // These two drop packets on purpose.
  if (ctx.error === XLATE.CONGESTION_DROP || ctx.error === XLATE.FORWARDING_DISABLED) ctx.error = XLATE.OK;
  return ctx;
}
