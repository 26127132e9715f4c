/**
 * All messages. Adding one is a file beside this, rows in raw.ts for its wire forms, and a line here.
 */
import { getAsyncReply, getAsyncRequest, setAsyncConfig } from './async-config.ts';
import { barrierReply, barrierRequest } from './barrier.ts';
import { bundleAddMessage, bundleControl } from './bundle.ts';
import type { Codec } from './codec.ts';
import { ctFlush } from './ct-flush.ts';
import { descReply, descRequest } from './desc.ts';
import { echoReply, echoRequest } from './echo.ts';
import { error } from './error.ts';
import { featuresReply, featuresRequest } from './features.ts';
import { flowMod } from './flow-mod.ts';
import {
  flowMonitorCancel,
  flowMonitorPaused,
  flowMonitorReply,
  flowMonitorRequest,
  flowMonitorResumed,
} from './flow-monitor.ts';
import { flowRemoved } from './flow-removed.ts';
import {
  aggregateStatsReply,
  aggregateStatsRequest,
  flowStatsReply,
  flowStatsRequest,
} from './flow-stats.ts';
import {
  groupDescReply,
  groupDescRequest,
  groupFeaturesReply,
  groupFeaturesRequest,
  groupMod,
  groupStatsReply,
  groupStatsRequest,
} from './group.ts';
import { hello } from './hello.ts';
import { ipfixBridgeReply, ipfixBridgeRequest, ipfixFlowReply, ipfixFlowRequest } from './ipfix.ts';
import type { OfpKind } from './message.ts';
import {
  meterConfigReply,
  meterConfigRequest,
  meterFeaturesReply,
  meterFeaturesRequest,
  meterMod,
  meterStatsReply,
  meterStatsRequest,
} from './meter.ts';
import {
  ctFlushZone,
  flowAge,
  flowModTableId,
  setControllerId,
  setFlowFormat,
  setPacketInFormat,
} from './nicira.ts';
import { packetIn, resume } from './packet-in.ts';
import { packetOut } from './packet-out.ts';
import { portDescReply, portDescRequest } from './port-desc.ts';
import { portMod } from './port-mod.ts';
import { portStatsReply, portStatsRequest } from './port-stats.ts';
import { portStatus } from './port-status.ts';
import { queueGetConfigReply, queueGetConfigRequest, queueStatsReply, queueStatsRequest } from './queue.ts';
import { requestforward } from './requestforward.ts';
import { roleReply, roleRequest, roleStatus } from './role.ts';
import { getConfigReply, getConfigRequest, setConfig } from './switch-config.ts';
import { tableDescReply, tableDescRequest, tableMod, tableStatus } from './table-config.ts';
import { tableFeaturesReply, tableFeaturesRequest } from './table-features.ts';
import { tableStatsReply, tableStatsRequest } from './table-stats.ts';
import { tlvTableMod, tlvTableReply, tlvTableRequest } from './tlv-table.ts';

const CODECS: { readonly [K in OfpKind]: Codec<K> } = {
  hello,
  error,
  echo_request: echoRequest,
  echo_reply: echoReply,
  features_request: featuresRequest,
  features_reply: featuresReply,
  get_config_request: getConfigRequest,
  get_config_reply: getConfigReply,
  set_config: setConfig,
  packet_in: packetIn,
  flow_removed: flowRemoved,
  port_status: portStatus,
  role_status: roleStatus,
  table_status: tableStatus,
  requestforward,
  packet_out: packetOut,
  flow_mod: flowMod,
  group_mod: groupMod,
  port_mod: portMod,
  table_mod: tableMod,
  meter_mod: meterMod,
  barrier_request: barrierRequest,
  barrier_reply: barrierReply,
  role_request: roleRequest,
  role_reply: roleReply,
  get_async_request: getAsyncRequest,
  get_async_reply: getAsyncReply,
  set_async_config: setAsyncConfig,
  queue_get_config_request: queueGetConfigRequest,
  queue_get_config_reply: queueGetConfigReply,
  bundle_control: bundleControl,
  bundle_add_message: bundleAddMessage,
  desc_stats_request: descRequest,
  desc_stats_reply: descReply,
  flow_stats_request: flowStatsRequest,
  flow_stats_reply: flowStatsReply,
  aggregate_stats_request: aggregateStatsRequest,
  aggregate_stats_reply: aggregateStatsReply,
  table_stats_request: tableStatsRequest,
  table_stats_reply: tableStatsReply,
  port_stats_request: portStatsRequest,
  port_stats_reply: portStatsReply,
  queue_stats_request: queueStatsRequest,
  queue_stats_reply: queueStatsReply,
  group_stats_request: groupStatsRequest,
  group_stats_reply: groupStatsReply,
  group_desc_stats_request: groupDescRequest,
  group_desc_stats_reply: groupDescReply,
  group_features_stats_request: groupFeaturesRequest,
  group_features_stats_reply: groupFeaturesReply,
  meter_stats_request: meterStatsRequest,
  meter_stats_reply: meterStatsReply,
  meter_config_stats_request: meterConfigRequest,
  meter_config_stats_reply: meterConfigReply,
  meter_features_stats_request: meterFeaturesRequest,
  meter_features_stats_reply: meterFeaturesReply,
  table_features_stats_request: tableFeaturesRequest,
  table_features_stats_reply: tableFeaturesReply,
  table_desc_request: tableDescRequest,
  table_desc_reply: tableDescReply,
  port_desc_stats_request: portDescRequest,
  port_desc_stats_reply: portDescReply,
  flow_monitor_stats_request: flowMonitorRequest,
  flow_monitor_stats_reply: flowMonitorReply,
  ipfix_bridge_stats_request: ipfixBridgeRequest,
  ipfix_bridge_stats_reply: ipfixBridgeReply,
  ipfix_flow_stats_request: ipfixFlowRequest,
  ipfix_flow_stats_reply: ipfixFlowReply,
  set_flow_format: setFlowFormat,
  flow_mod_table_id: flowModTableId,
  set_packet_in_format: setPacketInFormat,
  flow_age: flowAge,
  set_controller_id: setControllerId,
  nxt_tlv_table_mod: tlvTableMod,
  nxt_tlv_table_request: tlvTableRequest,
  nxt_tlv_table_reply: tlvTableReply,
  nxt_resume: resume,
  ct_flush_zone: ctFlushZone,
  ct_flush: ctFlush,
  flow_monitor_cancel: flowMonitorCancel,
  flow_monitor_paused: flowMonitorPaused,
  flow_monitor_resumed: flowMonitorResumed,
};

/** The codec seen without its kind: what dispatches by `kind` uses. */
export type AnyCodec = Codec<OfpKind>;

export const codecOf = (kind: OfpKind): AnyCodec => CODECS[kind] as unknown as AnyCodec;
