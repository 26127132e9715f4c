/**
 * From a message to its handler, and from a handler's error to the reply. C counterpart: handle_openflow().
 */
import { coverage } from '../../base/coverage.ts';
import { OfpError } from '../../openflow/errors.ts';
import { asOfpError, tryDecodeMessage } from '../../openflow/messages/decode.ts';
import type { Message, OfpKind, OfpMessage } from '../../openflow/messages/message.ts';
import { checkLength, identify, isMultipartRequest } from '../../openflow/messages/raw.ts';
import type { OfConn } from '../ofconn.ts';
import type { Ofproto } from '../ofproto.ts';
import * as bundle from './bundle.ts';
import * as connection from './connection.ts';
import * as conntrack from './conntrack.ts';
import { decodeOptions } from './decode-options.ts';
import * as flowMod from './flow-mod.ts';
import * as flowMonitor from './flow-monitor.ts';
import * as flowStats from './flow-stats.ts';
import * as group from './group.ts';
import { type Handler, type Job, Request } from './handler.ts';
import * as meter from './meter.ts';
import * as packetOut from './packet-out.ts';
import * as port from './port.ts';
import * as queue from './queue.ts';
import * as switches from './switch.ts';
import * as table from './table.ts';
import * as tableFeatures from './table-features.ts';
import * as tlvTable from './tlv-table.ts';

const received = coverage('ofproto_recv_openflow');

const nothing = (): undefined => {};
const ipfixNotConfigured = (): never => {
  throw new OfpError('NXST_NOT_CONFIGURED');
};

/** Everything that a controller may send. */
const HANDLERS: { readonly [K in OfpKind]?: Handler<K> } = {
  echo_request: connection.handleEchoRequest,
  echo_reply: nothing,
  barrier_request: connection.handleBarrierRequest,
  role_request: connection.handleRoleRequest,
  get_async_request: connection.handleGetAsyncRequest,
  set_async_config: connection.handleSetAsyncConfig,
  set_flow_format: connection.handleSetFlowFormat,
  flow_mod_table_id: connection.handleFlowModTableId,
  set_packet_in_format: connection.handleSetPacketInFormat,
  set_controller_id: connection.handleSetControllerId,
  flow_age: nothing,
  features_request: switches.handleFeaturesRequest,
  get_config_request: switches.handleGetConfigRequest,
  set_config: switches.handleSetConfig,
  desc_stats_request: switches.handleDescStatsRequest,
  packet_out: packetOut.handlePacketOut,
  nxt_resume: packetOut.handleResume,
  port_mod: port.handlePortMod,
  port_stats_request: port.handlePortStatsRequest,
  port_desc_stats_request: port.handlePortDescRequest,
  queue_stats_request: queue.handleQueueStatsRequest,
  queue_get_config_request: queue.handleQueueGetConfigRequest,
  flow_mod: flowMod.handleFlowMod,
  flow_stats_request: flowStats.handleFlowStatsRequest,
  aggregate_stats_request: flowStats.handleAggregateStatsRequest,
  flow_monitor_stats_request: flowMonitor.handleFlowMonitorRequest,
  flow_monitor_cancel: flowMonitor.handleFlowMonitorCancel,
  table_mod: table.handleTableMod,
  table_stats_request: table.handleTableStatsRequest,
  table_desc_request: table.handleTableDescRequest,
  table_features_stats_request: tableFeatures.handleTableFeaturesRequest,
  group_mod: group.handleGroupMod,
  group_stats_request: group.handleGroupStatsRequest,
  group_desc_stats_request: group.handleGroupDescRequest,
  group_features_stats_request: group.handleGroupFeaturesRequest,
  meter_mod: meter.handleMeterMod,
  meter_stats_request: meter.handleMeterStatsRequest,
  meter_config_stats_request: meter.handleMeterConfigRequest,
  meter_features_stats_request: meter.handleMeterFeaturesRequest,
  bundle_control: bundle.handleBundleControl,
  bundle_add_message: bundle.handleBundleAddMessage,
  nxt_tlv_table_mod: tlvTable.handleTlvTableMod,
  nxt_tlv_table_request: tlvTable.handleTlvTableRequest,
  ct_flush: conntrack.handleCtFlush,
  ct_flush_zone: conntrack.handleCtFlush,
  ipfix_bridge_stats_request: ipfixNotConfigured,
  ipfix_flow_stats_request: ipfixNotConfigured,
};

/** Requests of which further parts may follow. */
const MULTIPART: ReadonlySet<OfpKind> = new Set<OfpKind>([
  'table_features_stats_request',
  'flow_monitor_stats_request',
]);

function dispatch<K extends OfpKind>(message: Message<K> & OfpMessage, request: Request): Job | undefined {
  const handler = HANDLERS[message.kind as K] as Handler<K> | undefined;
  if (!handler) throw new OfpError('OFPBRC_BAD_TYPE');
  if (request.more && !MULTIPART.has(message.kind)) throw new OfpError('OFPBRC_BAD_STAT');
  return handler(message, request) ?? undefined;
}

/** Runs `work`; its errors are answered. */
function answered<T>(request: Request, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    request.conn.sendError(asOfpError(error).code, request.bytes);
    return undefined;
  }
}

function* guarded(job: Job, request: Request): Generator<void, void> {
  for (;;) {
    const step = answered(request, () => job.next());
    if (!step || step.done) return;
    yield;
  }
}

/**
 * Carries out a message and answers it, with an error if need be.
 * @param bytes the whole message
 * @returns what is left to do of it, a slice with each `next()`; later messages of the connection must wait
 */
export function handleOpenflow(
  ofproto: Ofproto,
  conn: OfConn,
  message: OfpMessage,
  bytes: Uint8Array,
): Job | undefined {
  received.inc();
  const request = new Request(ofproto, conn, message, bytes);
  const job = answered(request, () => {
    const rest = dispatch(message, request);
    // What fits into one slice is done with it.
    return rest && !rest.next().done ? rest : undefined;
  });
  return job && guarded(job, request);
}

/** Refuses what only a switch sends, whatever is in it. @throws OfpError */
function checkKind(bytes: Uint8Array): void {
  const raw = identify(bytes);
  checkLength(raw, bytes[0]!, bytes.length);
  if (!HANDLERS[raw.kind])
    throw new OfpError(isMultipartRequest(bytes) ? 'OFPBRC_BAD_STAT' : 'OFPBRC_BAD_TYPE');
}

/** Decodes and carries out a message: {@link handleOpenflow} for one that is still bytes. */
export function handleFrame(ofproto: Ofproto, conn: OfConn, bytes: Uint8Array): Job | undefined {
  try {
    checkKind(bytes);
  } catch (error) {
    conn.sendError(asOfpError(error).code, bytes);
    return undefined;
  }
  const { message, error } = tryDecodeMessage(bytes, decodeOptions(ofproto, conn));
  if (!error) return handleOpenflow(ofproto, conn, message!, bytes);
  conn.sendError(error.code, bytes);
  return undefined;
}
