/**
 * Freezing: putting the rest of a translation aside, to go on when the packet comes back from recirculation or
 * from a controller. C counterparts: finish_freezing(), freeze_unroll_actions().
 */
import { F } from '../../../flow/layout.ts';
import { OFPP } from '../../../flow/ports.ts';
import type { Act, OfpAct } from '../../../openflow/actions/action.ts';
import { putControllerAction } from './controller.ts';
import type { XlateCtx } from './ctx.ts';
import { allocateState } from './frozen-state.ts';

const NO_USERDATA = new Uint8Array(0);

/** Ends a freeze: emits the recirculation (or the packet to the controller that resumes it later).
 * @returns the recirculation id */
export function finishFreezingAt(ctx: XlateCtx, tableId: number): number {
  const { pause } = ctx;
  const recircId = allocateState(ctx, tableId, {
    actions: ctx.frozenActions,
    actionSet: [...ctx.actionSet],
    userdata: pause ? pause.userdata : NO_USERDATA,
    xport: ctx.xport,
  });
  if (pause) {
    if (!ctx.allowSideEffects && !ctx.cache) return 0;
    putControllerAction(ctx, {
      dontSend: false,
      continuation: true,
      recircId,
      maxLen: pause.maxLen,
      reason: pause.reason,
      meterId: pause.meterId,
      controllerId: pause.controllerId,
    });
  } else {
    const hash = ctx.recircHash;
    if (hash) ctx.put({ kind: 'hash', algorithm: hash.algorithm, basis: hash.basis });
    ctx.put({ kind: 'recirc', recircId });
  }
  ctx.cancelFreeze();
  return recircId;
}

/** Ends a freeze after committing what the packet has become. Only while freezing. */
export function finishFreezing(ctx: XlateCtx): void {
  ctx.commit();
  finishFreezingAt(ctx, 0);
}

/** The packet goes on here, and a copy recirculates, to resume in `tableId` once its connection is known. */
export function recirculateAndFork(ctx: XlateCtx, tableId: number, zone: number): void {
  ctx.freezing = true;
  const nat = ctx.ctNat;
  const recircId = finishFreezingAt(ctx, tableId);
  if (ctx.recircQueue && recircId !== 0) {
    ctx.bridge.backer.recircIds.ref(recircId);
    const flow = ctx.flow.slice();
    flow[F.RECIRC_ID] = recircId;
    flow[F.CT_ZONE] = zone;
    ctx.recircQueue.push({ kind: 'conntrack', recircId, flow, nat, packet: ctx.packet });
    ctx.report(
      'detail',
      `A clone of the packet is forked to recirculate. The forked pipeline will be resumed at table ${tableId}.`,
    );
  }
}

/** Remembers which table and cookie later packet-ins and relative resubmits must name. */
function freezeUnroll(ctx: XlateCtx): void {
  const last = ctx.frozenActions.findLast((a): a is Act<'unroll_xlate'> => a.kind === 'unroll_xlate');
  if (last && last.table === ctx.tableId && last.cookie === ctx.ruleCookie) return;
  ctx.frozenActions.push({ kind: 'unroll_xlate', table: ctx.tableId, cookie: ctx.ruleCookie });
}

/** Puts `actions` from `start` on aside. Instructions become the actions that do the same. */
export function freezeActions(ctx: XlateCtx, actions: readonly OfpAct[], start: number): void {
  for (let i = start; i < actions.length; i++) {
    const a = actions[i]!;
    switch (a.kind) {
      case 'output':
      case 'output_reg':
      case 'output_trunc':
      case 'group':
      case 'controller':
      case 'dec_mpls_ttl':
      case 'dec_nsh_ttl':
      case 'dec_ttl':
        freezeUnroll(ctx);
        break;
      case 'resubmit':
        if (a.table === 255) freezeUnroll(ctx);
        break;
      case 'goto_table':
        ctx.frozenActions.push({
          kind: 'resubmit',
          inPort: OFPP.IN_PORT,
          table: a.table,
          withCt: false,
          compact: false,
        });
        continue;
      case 'write_metadata':
        ctx.frozenActions.push({
          kind: 'set_field',
          field: 'metadata',
          value: a.metadata,
          mask: a.mask,
          flowHasVlan: false,
          compat: 'set_field',
        });
        continue;
      case 'note':
      case 'conjunction':
        continue;
    }
    ctx.frozenActions.push(a);
  }
}
