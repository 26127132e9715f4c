/** Values of messages with many members, of which most uses set a few. The others get the defaults of `ovs-ofctl`. */
import { catchAllMatch } from '../../flow/layout.ts';
import { OFPP } from '../../flow/ports.ts';
import { flowModOf, NO_COOKIE, OFPG_ANY, OFPTT_ALL } from '../../openflow/messages/flow-mod.ts';
import type { Body, FlowMod, FlowStatsRequest } from '../../openflow/messages/message.ts';
import { NO_BUFFER } from '../../openflow/messages/message.ts';
import { createMatch } from './match.ts';

/** A change of the flow table: by default it adds a flow of priority 32768 that matches everything and drops it. */
export function createFlowMod(values: Partial<FlowMod> = {}): Body<'flow_mod'> {
  const deletes = values.command?.startsWith('delete');
  return {
    kind: 'flow_mod',
    ...flowModOf({
      match: catchAllMatch(),
      ...(deletes && { newCookie: NO_COOKIE, tableId: OFPTT_ALL }),
      ...values,
    }),
  };
}

/** A request for flows and their statistics: by default for all of them. */
export function createFlowStatsRequest(values: Partial<FlowStatsRequest> = {}): Body<'flow_stats_request'> {
  return {
    kind: 'flow_stats_request',
    match: catchAllMatch(),
    cookie: 0n,
    cookieMask: 0n,
    outPort: OFPP.NONE,
    outGroup: OFPG_ANY,
    tableId: OFPTT_ALL,
    ...values,
  };
}

/** A packet for the switch to send. By default it comes from the controller and is dropped. */
export function createPacketOut(
  values: { readonly packet: Uint8Array } & Partial<Omit<Body<'packet_out'>, 'kind'>>,
): Body<'packet_out'> {
  return {
    kind: 'packet_out',
    bufferId: NO_BUFFER,
    metadata: createMatch({ in_port_oxm: OFPP.CONTROLLER }),
    actions: [],
    ...values,
  };
}
