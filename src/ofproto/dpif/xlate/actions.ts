/**
 * Runs a list of actions over the packet: one handler a kind of action, in the files beside this one.
 * C counterpart: do_xlate_actions().
 */

import { getWords, setWords } from '../../../flow/fields.ts';
import { F, VLAN_CFI, VLAN_PCP_MASK, VLAN_PCP_SHIFT, VLAN_VID_MASK } from '../../../flow/layout.ts';
import type { Act, OfpAct, OfpActKind } from '../../../openflow/actions/action.ts';
import { clearActions, reportActionSet, writeActions } from './action-set.ts';
import { xlateCheckPktLarger } from './check-pkt-larger.ts';
import { cloneXlateActions } from './clone.ts';
import { xlateControllerAction } from './controller.ts';
import { xlateCt, xlateCtClear } from './ct.ts';
import type { XlateCtx } from './ctx.ts';
import { xlateDecap, xlateEncap } from './encap.ts';
import {
  xlateDeleteField,
  xlateRegLoad,
  xlateRegMove,
  xlateSetField,
  xlateStackPop,
  xlateStackPush,
} from './fields.ts';
import { xlateFinTimeout } from './fin-timeout.ts';
import {
  ETH_TYPE,
  IP_DSCP_MASK,
  IP_ECN_MASK,
  isIpAny,
  maskMac,
  orWord,
  popVlan,
  pushVlan,
  setMac,
} from './flow-edit.ts';
import { freezeActions } from './freeze.ts';
import { xlateGroup } from './group.ts';
import { xlateLearn } from './learn.ts';
import { xlateBundle, xlateMultipath } from './link-choice.ts';
import { resetMirrors } from './mirror.ts';
import {
  decMplsTtl,
  recircForMpls,
  setMplsLabel,
  setMplsTc,
  setMplsTtl,
  xlatePopMpls,
  xlatePushMpls,
} from './mpls.ts';
import { xlateEnqueue, xlateOutput, xlateOutputReg, xlateOutputTrunc } from './output.ts';
import { xlateSample } from './sample.ts';
import { SLOW } from './slow-path.ts';
import { xlateGotoTable, xlateResubmit } from './table.ts';
import { decNshTtl, decTtl } from './ttl.ts';

/** How the list goes on after an action. */
export const NEXT = 0;
/** Not at all. */
export const STOP = 1;
/** If translation froze, then with what follows this action: it need not run again after thawing. */
export const FROZE_BEFORE_NEXT = 2;
/** As NEXT, and it is the action itself that dealt with what follows when it froze. */
export const SKIP_FREEZE_CHECK = 3;
export type Outcome = typeof NEXT | typeof STOP | typeof FROZE_BEFORE_NEXT | typeof SKIP_FREEZE_CHECK;

/**
 * Handlers that never end a list return nothing.
 * @param last nothing follows the action, in this list or the action set
 * @param inBucket the list is a group's bucket
 * @param rest the actions that follow, made only when asked for
 */
type Handler<K extends OfpActKind> = (
  ctx: XlateCtx,
  a: Act<K>,
  last: boolean,
  inBucket: boolean,
  rest: () => readonly OfpAct[],
) => unknown;

function setL4Port(ctx: XlateCtx, word: number, port: number): void {
  if (!isIpAny(ctx.flow) || ctx.flow[F.NW_FRAG]! & 2) return;
  ctx.wc[F.NW_PROTO] = 0xff;
  ctx.wc[word] = 0xffff;
  ctx.flow[word] = port;
}

function setIpv4(ctx: XlateCtx, word: number, ip: number): void {
  if (ctx.flow[F.DL_TYPE] !== ETH_TYPE.IP) return;
  ctx.wc[word] = 0xffff_ffff;
  ctx.wc[F.NW_PROTO] = 0xff;
  ctx.flow[word] = ip;
}

function setTos(ctx: XlateCtx, mask: number, value: number): void {
  if (!isIpAny(ctx.flow)) return;
  ctx.wc[F.NW_PROTO] = 0xff;
  orWord(ctx.wc, F.NW_TOS, mask);
  ctx.flow[F.NW_TOS] = (ctx.flow[F.NW_TOS]! & ~mask) | value;
}

function setTci(ctx: XlateCtx, mask: number, value: number, pushIfNeeded: boolean): void {
  const { flow, wc } = ctx;
  orWord(wc, F.VLAN_TCI0, mask | VLAN_CFI);
  if (!(flow[F.VLAN_TCI0]! & VLAN_CFI) && !pushIfNeeded) return;
  if (flow[F.VLAN_TPID0] === 0) flow[F.VLAN_TPID0] = ETH_TYPE.VLAN;
  flow[F.VLAN_TCI0] = (flow[F.VLAN_TCI0]! & ~mask) | value | VLAN_CFI;
}

const HANDLERS: { readonly [K in OfpActKind]: Handler<K> } = {
  output: (ctx, a, last, inBucket) => xlateOutput(ctx, a.port, a.maxLen, true, last, false, inBucket),
  output_reg: xlateOutputReg,
  output_trunc: xlateOutputTrunc,
  controller: (ctx, a) => (xlateControllerAction(ctx, a) ? FROZE_BEFORE_NEXT : NEXT),
  enqueue: xlateEnqueue,
  group: (ctx, a, last) => (xlateGroup(ctx, a.groupId, last) ? NEXT : STOP),
  bundle: xlateBundle,

  strip_vlan: (ctx) => popVlan(ctx.flow, ctx.wc),
  push_vlan: (ctx, a) => pushVlan(ctx.flow, ctx.wc, a.ethertype, VLAN_CFI),
  set_vlan_vid: (ctx, a) => setTci(ctx, VLAN_VID_MASK, a.vid, a.pushIfNeeded),
  set_vlan_pcp: (ctx, a) => setTci(ctx, VLAN_PCP_MASK, a.pcp << VLAN_PCP_SHIFT, a.pushIfNeeded),
  set_eth_src: (ctx, a) => {
    maskMac(ctx.wc, F.DL_SRC);
    setMac(ctx.flow, F.DL_SRC, a.mac);
  },
  set_eth_dst: (ctx, a) => {
    maskMac(ctx.wc, F.DL_DST);
    setMac(ctx.flow, F.DL_DST, a.mac);
  },
  set_ipv4_src: (ctx, a) => setIpv4(ctx, F.NW_SRC, a.ip),
  set_ipv4_dst: (ctx, a) => setIpv4(ctx, F.NW_DST, a.ip),
  set_ip_dscp: (ctx, a) => setTos(ctx, IP_DSCP_MASK, a.dscp),
  set_ip_ecn: (ctx, a) => setTos(ctx, IP_ECN_MASK, a.ecn),
  set_ip_ttl: (ctx, a) => {
    if (!isIpAny(ctx.flow)) return;
    ctx.wc[F.NW_PROTO] = 0xff;
    ctx.wc[F.NW_TTL] = 0xff;
    ctx.flow[F.NW_TTL] = a.ttl;
  },
  set_l4_src_port: (ctx, a) => setL4Port(ctx, F.TP_SRC, a.port),
  set_l4_dst_port: (ctx, a) => setL4Port(ctx, F.TP_DST, a.port),
  dec_ttl: (ctx, a) => (decTtl(ctx, a) ? NEXT : STOP),
  set_mpls_label: (ctx, a) => setMplsLabel(ctx, a.label),
  set_mpls_tc: (ctx, a) => setMplsTc(ctx, a.tc),
  set_mpls_ttl: (ctx, a) => setMplsTtl(ctx, a.ttl),
  dec_mpls_ttl: (ctx) => (decMplsTtl(ctx) ? NEXT : STOP),
  push_mpls: (ctx, a) => xlatePushMpls(ctx, a.ethertype),
  pop_mpls: (ctx, a) => xlatePopMpls(ctx, a.ethertype),
  dec_nsh_ttl: (ctx) => (decNshTtl(ctx) ? NEXT : STOP),
  delete_field: xlateDeleteField,
  encap: xlateEncap,
  decap: (ctx, a) => {
    const mustRecirculate = xlateDecap(ctx, a);
    if (ctx.error || !mustRecirculate) return NEXT;
    ctx.triggerFreeze();
    return FROZE_BEFORE_NEXT;
  },

  set_field: xlateSetField,
  reg_load: xlateRegLoad,
  reg_move: xlateRegMove,
  stack_push: xlateStackPush,
  stack_pop: xlateStackPop,
  multipath: xlateMultipath,

  set_tunnel: (ctx, a) => setWords(ctx.flow, F.TUN_ID, 2, a.tunId),
  set_queue: (ctx, a) => {
    ctx.wc[F.SKB_PRIORITY] = 0xffff_ffff;
    const priority = ctx.bridge.queueToPriority(a.queue);
    if (priority !== undefined) ctx.flow[F.SKB_PRIORITY] = priority;
  },
  pop_queue: (ctx) => {
    ctx.wc[F.SKB_PRIORITY] = 0xffff_ffff;
    if (ctx.flow[F.SKB_PRIORITY] === ctx.origSkbPriority) return;
    ctx.flow[F.SKB_PRIORITY] = ctx.origSkbPriority;
    const queue = ctx.origSkbPriority;
    ctx.report('detail', `queue = ${queue === 0 ? '0' : `0x${queue.toString(16)}`}`);
  },
  fin_timeout: xlateFinTimeout,

  resubmit: (ctx, a, last) => {
    xlateResubmit(ctx, a, last);
    return SKIP_FREEZE_CHECK;
  },
  goto_table: (ctx, a, last) => {
    xlateGotoTable(ctx, a, last);
    return SKIP_FREEZE_CHECK;
  },
  learn: xlateLearn,
  // A rule with this action is part of a conjunctive match and not meant to be executed.
  conjunction: (ctx) => ctx.reportError('executing no-op conjunction action'),
  note: () => {},
  exit: (ctx) => {
    ctx.exit = true;
  },
  sample: xlateSample,
  ct: xlateCt,
  nat: (ctx, a) => {
    ctx.ctNat = a;
  },
  ct_clear: xlateCtClear,
  unroll_xlate: (ctx, a) => {
    ctx.tableId = a.table;
    ctx.ruleCookie = a.cookie;
    ctx.report('thaw', () => `restored state: table=${a.table}, cookie=${hex(byteSwap64(a.cookie))}`);
  },
  clone: (ctx, a, last) => cloneXlateActions(ctx, a.actions, last),
  check_pkt_larger: (ctx, a, _last, _inBucket, rest) => (xlateCheckPktLarger(ctx, a, rest) ? STOP : NEXT),
  debug_recirc: (ctx) => {
    ctx.triggerFreeze();
    return FROZE_BEFORE_NEXT;
  },
  debug_slow: (ctx) => {
    ctx.slow |= SLOW.ACTION;
  },

  meter: (ctx, a) => {
    const meterId = ctx.bridge.providerMeterId(a.meterId);
    if (meterId !== undefined) ctx.put({ kind: 'meter', meterId });
  },
  clear_actions: clearActions,
  write_actions: (ctx, a) => {
    writeActions(ctx, a.actions);
    reportActionSet(ctx, 'is');
  },
  write_metadata: (ctx, a) => {
    const old = getWords(ctx.flow, F.METADATA, 2);
    setWords(ctx.flow, F.METADATA, 2, (old & ~a.mask) | (a.metadata & a.mask));
  },
};

/** As printf's %#x. */
const hex = (x: bigint): string => (x === 0n ? '0' : `0x${x.toString(16)}`);

/** The cookie as the C implementation prints it here: in network byte order. */
function byteSwap64(x: bigint): bigint {
  let swapped = 0n;
  for (let i = 0n; i < 64n; i += 8n) swapped |= ((x >> i) & 0xffn) << (56n - i);
  return swapped;
}

/**
 * Runs `actions`.
 * @param isLast nothing follows the list
 * @param inBucket the list is a group's bucket
 */
export function doXlateActions(
  ctx: XlateCtx,
  actions: readonly OfpAct[],
  isLast: boolean,
  inBucket: boolean,
): void {
  if (actions.length === 0) {
    ctx.report('action', 'drop');
    return;
  }
  for (let i = 0; i < actions.length; i++) {
    if (ctx.error) return;
    const a = actions[i]!;
    if (ctx.wasMpls) recircForMpls(ctx, a);
    if (ctx.exit) {
      if (ctx.freezing) freezeActions(ctx, actions, i);
      return;
    }
    if (ctx.mirrors !== 0) resetMirrors(ctx, a);
    if (ctx.trace) ctx.report('action', ctx.bridge.formatActions([a], ctx.names));

    const last = isLast && i === actions.length - 1 && ctx.actionSet.length === 0;
    const handler = HANDLERS[a.kind] as Handler<OfpActKind>;
    const outcome = handler(ctx, a, last, inBucket, () => actions.slice(i + 1));
    if (outcome === STOP) return;
    if (outcome === SKIP_FREEZE_CHECK) continue;
    // An action that froze runs again after thawing, unless it says that it is done.
    if (!ctx.error && ctx.exit && ctx.frozenActions.length === 0) {
      if (ctx.freezing) freezeActions(ctx, actions, outcome === FROZE_BEFORE_NEXT ? i + 1 : i);
      return;
    }
  }
}
