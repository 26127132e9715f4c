/** Sending a packet to the controllers. C counterpart: xlate_controller_action(). */
import type { Act } from '../../../openflow/actions/action.ts';
import { OFPR } from '../../../openflow/messages/message.ts';
import type { XlateCtx } from './ctx.ts';
import { allocateState } from './frozen-state.ts';

/** "No meter" of a controller action (NX_CTLR_NO_METER). */
export const NO_METER = 0;

const NO_BYTES = new Uint8Array(0);

interface ControllerUpcall {
  readonly dontSend: boolean;
  readonly continuation: boolean;
  readonly recircId: number;
  readonly maxLen: number;
  readonly reason: number;
  readonly meterId: number;
  readonly controllerId: number;
}

/** Emits the userspace action that carries a packet to `handlePacketIn`, behind the controller meter if one is set. */
export function putControllerAction(ctx: XlateCtx, o: ControllerUpcall): void {
  const emit = (): void =>
    ctx.put({
      kind: 'userspace',
      pid: 0,
      cookie: {
        kind: 'controller',
        reason: o.reason,
        dontSend: o.dontSend,
        continuation: o.continuation,
        recircId: o.recircId,
        ruleCookie: ctx.ruleCookie,
        controllerId: o.controllerId,
        maxLen: o.maxLen,
      },
      withActions: false,
      egressTunPort: undefined,
    });
  const meter = ctx.bridge.providerMeterId(o.meterId) ?? ctx.bridge.controllerMeterId;
  if (meter === undefined) {
    emit();
    return;
  }
  const actions = ctx.nested(() => {
    ctx.put({ kind: 'meter', meterId: meter });
    emit();
  });
  ctx.put({ kind: 'sample', probability: 0xffff_ffff, actions });
}

/** Sends the packet as it is now to the controllers with id `controllerId`. */
export function xlateController(
  ctx: XlateCtx,
  o: { maxLen: number; reason: number; controllerId: number; meterId?: number; userdata?: Uint8Array },
): void {
  ctx.commit();
  let { reason } = o;
  // What a table-miss flow sends counts as a miss.
  if (reason === OFPR.ACTION && ctx.rule?.isTableMiss) reason = OFPR.EXPLICIT_MISS;
  const recircId = allocateState(ctx, ctx.tableId, {
    actions: [],
    actionSet: [],
    userdata: o.userdata ?? NO_BYTES,
    xport: undefined,
  });
  putControllerAction(ctx, {
    dontSend: !ctx.allowSideEffects && !ctx.cache,
    continuation: false,
    recircId,
    maxLen: o.maxLen,
    reason,
    meterId: o.meterId ?? NO_METER,
    controllerId: o.controllerId,
  });
}

/** The controller action; with `pause`, translation stops until the controller resumes it.
 * @returns whether it stopped */
export function xlateControllerAction(ctx: XlateCtx, a: Act<'controller'>): boolean {
  if (a.pause) {
    ctx.pause = a;
    ctx.triggerFreeze();
    return true;
  }
  xlateController(ctx, a);
  return false;
}
