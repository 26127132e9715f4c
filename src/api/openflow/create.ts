/** Values of messages with many members, of which most uses set a few. The others get the defaults of `ovs-ofctl`. */
import { catchAllMatch } from '../../flow/layout.ts';
import { OFPP } from '../../flow/ports.ts';
import { DEFAULT_PRIORITY, OFPG_ANY, OFPTT_ALL } from '../../openflow/messages/flow-mod.ts';
import type { Body, FlowMod, FlowStatsRequest } from '../../openflow/messages/message.ts';
import { NO_BUFFER } from '../../openflow/messages/message.ts';
import { createMatch } from './match.ts';

/** Cookie of a modification that leaves cookies alone. */
const NO_COOKIE = 0xffff_ffff_ffff_ffffn;

/** A change of the flow table: by default it adds a flow of priority 32768 that matches everything and drops it. */
export function createFlowMod(values: Partial<FlowMod> = {}): Body<'flow_mod'> {
  const command = values.command ?? 'add';
  return {
    kind: 'flow_mod',
    command,
    match: catchAllMatch(),
    priority: DEFAULT_PRIORITY,
    cookie: 0n,
    cookieMask: 0n,
    newCookie: command.startsWith('delete') ? NO_COOKIE : 0n,
    modifyCookie: false,
    tableId: command.startsWith('delete') ? OFPTT_ALL : 0,
    idleTimeout: 0,
    hardTimeout: 0,
    bufferId: NO_BUFFER,
    outPort: OFPP.NONE,
    outGroup: OFPG_ANY,
    flags: 0,
    importance: 0,
    actions: [],
    ...values,
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
