/** A packet for the controllers, from the upcall that brought it to the message. C: the CONTROLLER_UPCALL case. */
import type { DpifUpcall } from '../../datapath/dpif-provider.ts';
import { F } from '../../flow/layout.ts';
import { matchOfMetadata } from '../../flow/wildcards.ts';
import type { UserspaceCookie } from '../../odp/action.ts';
import type { Continuation } from '../../openflow/messages/message.ts';
import type { PacketInEvent } from '../ofconn.ts';
import type { Backer } from './backer.ts';
import { type FrozenState, type StackEntry, thawMetadata } from './recirc-id.ts';
import { clearConntrack } from './xlate/flow-edit.ts';

type ControllerCookie = Extract<UserspaceCookie, { kind: 'controller' }>;

/** A stack entry as a continuation carries it. */
function stackBytes({ value, bytes }: StackEntry): Uint8Array {
  const out = new Uint8Array(bytes);
  let v = value;
  for (let i = bytes - 1; i >= 0; i--, v >>= 8n) out[i] = Number(v & 0xffn);
  return out;
}

function continuationOf(state: FrozenState, upcall: DpifUpcall): Continuation {
  return {
    bridge: state.bridge.uuid,
    stack: state.stack.map(stackBytes),
    mirrors: state.mirrors,
    conntracked: state.conntracked,
    actions: state.actions,
    actionSet: state.actionSet,
    odpPort: upcall.key[F.IN_PORT]!,
  };
}

/** Gives the packet of an upcall to the controllers that want it. */
export function sendPacketIn(backer: Backer, upcall: DpifUpcall, cookie: ControllerCookie): void {
  const state = cookie.recircId !== 0 ? backer.recircIds.find(cookie.recircId) : undefined;
  if (!state) return;
  // The metadata are those at the controller action, not those of the packet that the datapath saw.
  const flow = upcall.key.slice();
  if (!state.conntracked) clearConntrack(flow);
  thawMetadata(state, flow);
  const { packet } = upcall;
  const event: PacketInEvent = {
    controllerId: cookie.controllerId,
    maxLen: cookie.maxLen,
    packet,
    reason: cookie.reason,
    tableId: state.tableId,
    cookie: cookie.ruleCookie,
    metadata: matchOfMetadata(flow, state.bridge.up.tunTable),
    userdata: state.userdata,
    continuation: cookie.continuation ? continuationOf(state, upcall) : undefined,
  };
  state.bridge.sendPacketIn(event);
}
