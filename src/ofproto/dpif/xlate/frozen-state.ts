/** The state of a translation that is put aside, under a recirculation id. C counterpart: struct frozen_state. */
import { F } from '../../../flow/layout.ts';
import { type FrozenState, freezeMetadata } from '../recirc-id.ts';
import type { XlateCtx } from './ctx.ts';

/**
 * Keeps the present state, to resume in `tableId`; the translation holds its recirculation id. These are never
 * exhausted here: memory would be first.
 * @returns the recirculation id
 */
export function allocateState(
  ctx: XlateCtx,
  tableId: number,
  rest: Pick<FrozenState, 'actions' | 'actionSet' | 'userdata' | 'xport'>,
): number {
  const recircId = ctx.bridge.backer.recircIds.allocate({
    tableId,
    bridge: ctx.bridge,
    metadata: freezeMetadata(ctx.flow),
    inPort: ctx.flow[F.IN_PORT]!,
    stack: [...ctx.stack],
    mirrors: ctx.mirrors,
    conntracked: ctx.conntracked,
    wasMpls: ctx.wasMpls,
    ...rest,
  });
  ctx.recircs.push(recircId);
  return recircId;
}
