/** Random OpenFlow messages of every kind, for properties and for comparison with the C tools. */
import fc from 'fast-check';
import { OFPP } from '../../src/flow/ports.ts';
import { OfpError, type OfpErrorName } from '../../src/openflow/errors.ts';
import { emptyCtMatch } from '../../src/openflow/messages/ct-flush.ts';
import { encodeMessage } from '../../src/openflow/messages/encode.ts';
import { OFPG_ANY } from '../../src/openflow/messages/flow-mod.ts';
import {
  type Body,
  FF,
  NO_BUFFER,
  type OfpBody,
  type OfpKind,
  type OfpMessage,
} from '../../src/openflow/messages/message.ts';
import { RFC2819_COUNTERS } from '../../src/openflow/messages/port-stats.ts';
import { rawsFor } from '../../src/openflow/messages/raw.ts';

import {
  actions,
  allAsyncMasks,
  asyncMasks,
  band,
  bits,
  counters,
  data,
  duration,
  few,
  firstTable,
  flow,
  flowStatsRequest,
  flowUpdate,
  frame,
  group,
  groupId,
  groupMod,
  inPortMatch,
  ipfix,
  mac,
  match,
  meterFlags,
  meterId,
  meterMod,
  name,
  nanoseconds,
  oneOf,
  packetIn,
  phyPort,
  physicalPort,
  port,
  record,
  seconds,
  table,
  tableConfig,
  tableFeatures,
  tlvMap,
  u8,
  u16,
  u32,
  u64,
} from './openflow-values.ts';

type Bodies = { readonly [K in OfpKind]: (version: number) => fc.Arbitrary<Body<K>> };

const only =
  <K extends OfpKind>(kind: K): (() => fc.Arbitrary<Body<K>>) =>
  () =>
    fc.constant({ kind } as Body<K>);

const config = (version: number) => ({
  frag: oneOf(0, 1, 2, 3),
  invalidTtlToController: version <= 3 ? fc.boolean() : fc.constant(undefined),
  missSendLen: u16,
});

/** The bodies of each kind. */
const BODIES: Bodies = {
  hello: () =>
    record({
      kind: fc.constant('hello'),
      versions: bits(2, 4, 8, 16, 32, 64).filter((v) => v !== 0),
      understood: fc.constant(true),
    }),
  error: () =>
    record({
      kind: fc.constant('error'),
      error: oneOf<OfpErrorName>('OFPBRC_BAD_TYPE', 'OFPBAC_BAD_LEN', 'OFPFMFC_OVERLAP', 'NXBRC_NXM_INVALID'),
      payload: fc.constant(Uint8Array.of(1, 0, 0, 8, 0, 0, 0, 7)),
    }),
  echo_request: () => record({ kind: fc.constant('echo_request'), data }),
  echo_reply: () => record({ kind: fc.constant('echo_reply'), data }),
  features_request: only('features_request'),
  features_reply: (version) =>
    record({
      kind: fc.constant('features_reply'),
      datapathId: u64,
      nBuffers: u32,
      nTables: u8,
      auxiliaryId: version >= 4 ? u8 : fc.constant(0),
      capabilities: bits(1, 2, 4),
      actions: fc.constant(new Set<string>()),
      ports: version < 4 ? few(phyPort) : fc.constant(undefined),
    }),
  get_config_request: only('get_config_request'),
  get_config_reply: (version) => record({ kind: fc.constant('get_config_reply'), ...config(version) }),
  set_config: (version) => record({ kind: fc.constant('set_config'), ...config(version) }),
  packet_in: (version) =>
    oneOf('standard', 'nxt_packet_in', 'nxt_packet_in2')
      .chain((format) => packetIn(version, format))
      .map((p) => ({ kind: 'packet_in', ...p }) as const),
  flow_removed: (version) =>
    record({
      kind: fc.constant('flow_removed'),
      match: match(version),
      cookie: u64,
      priority: u16,
      reason: oneOf(0, 1, 2),
      tableId: table,
      ...duration,
      idleTimeout: u16,
      hardTimeout: u16,
      ...counters,
    }),
  port_status: () => record({ kind: fc.constant('port_status'), reason: oneOf(0, 1, 2), port: phyPort }),
  role_status: () =>
    record({
      kind: fc.constant('role_status'),
      role: oneOf('equal', 'primary', 'secondary'),
      reason: oneOf(0, 1, 2),
      generationId: u64,
    }),
  table_status: () => record({ kind: fc.constant('table_status'), reason: oneOf(3, 4), desc: tableConfig }),
  packet_out: (version) =>
    record({
      kind: fc.constant('packet_out'),
      packet: frame,
      bufferId: fc.constant(NO_BUFFER),
      metadata: inPortMatch,
      actions: actions(version),
    }),
  flow_mod: (version) =>
    fc
      .tuple(
        flow(version),
        record({
          kind: fc.constant('flow_mod'),
          command: oneOf('add', 'modify', 'modify_strict', 'delete', 'delete_strict'),
          priority: u16,
          cookie: fc.constant(0n),
          cookieMask: fc.constant(0n),
          newCookie: u64,
          modifyCookie: fc.constant(false),
          tableId: firstTable,
          idleTimeout: u16,
          hardTimeout: u16,
          bufferId: oneOf(NO_BUFFER, 5),
          outPort: oneOf(OFPP.NONE, 5),
          outGroup: fc.constant(OFPG_ANY),
          flags: bits(FF.SEND_FLOW_REM, FF.CHECK_OVERLAP),
          importance: oneOf(0, 7),
        }),
      )
      .map(([flow, rest]) => ({ ...rest, ...flow })),
  group_mod: (version) => groupMod(version).map((g) => ({ kind: 'group_mod', ...g }) as const),
  port_mod: () =>
    record({
      kind: fc.constant('port_mod'),
      portNo: physicalPort,
      hwAddr: mac,
      config: bits(1, 4),
      mask: fc.constant(1 | 4 | 32),
      advertise: bits(1, 8, 32),
    }),
  table_mod: (version) =>
    tableConfig.chain((settings) =>
      record({
        kind: fc.constant('table_mod'),
        tableId: fc.constant(settings.tableId),
        eviction: fc.constant(version >= 5 ? settings.eviction : undefined),
        evictionFlags: fc.constant(undefined),
        vacancy: fc.constant(version >= 5 ? settings.vacancy : undefined),
        vacancyDown: fc.constant(version >= 5 && settings.vacancy ? settings.vacancyDown : 0),
        vacancyUp: fc.constant(version >= 5 && settings.vacancy ? settings.vacancyUp : 0),
        vacancyNow: fc.constant(0),
        miss:
          version === 2 || version === 3 ? oneOf('controller', 'continue', 'drop') : fc.constant('default'),
      }),
    ),
  meter_mod: () => meterMod.map((m) => ({ kind: 'meter_mod', ...m }) as const),
  barrier_request: only('barrier_request'),
  barrier_reply: only('barrier_reply'),
  role_request: () =>
    record({
      kind: fc.constant('role_request'),
      role: oneOf('equal', 'primary', 'secondary'),
      generationId: oneOf(undefined, 5n),
    }),
  role_reply: () =>
    record({
      kind: fc.constant('role_reply'),
      role: oneOf('equal', 'primary', 'secondary'),
      generationId: oneOf(undefined, 5n),
    }),
  get_async_request: only('get_async_request'),
  set_async_config: () =>
    record({
      kind: fc.constant('set_async_config'),
      config: record({ primary: asyncMasks, secondary: asyncMasks }),
    }),
  queue_get_config_request: (version) =>
    record({
      kind: fc.constant('queue_get_config_request'),
      port: fc.integer({ min: 1, max: 0xfeff }),
      queue: version >= 5 ? u32 : fc.constant(0xffff_ffff),
    }),
  bundle_control: () =>
    record({
      kind: fc.constant('bundle_control'),
      bundleId: u32,
      type: fc.integer({ min: 0, max: 7 }),
      flags: bits(1, 2),
    }),
  desc_stats_request: only('desc_stats_request'),
  desc_stats_reply: () =>
    record({
      kind: fc.constant('desc_stats_reply'),
      mfrDesc: name,
      hwDesc: name,
      swDesc: name,
      serialNum: name,
      dpDesc: name,
    }),
  flow_stats_request: (version) =>
    flowStatsRequest(version).map((request) => ({ kind: 'flow_stats_request', ...request }) as const),
  flow_stats_reply: (version) =>
    record({
      kind: fc.constant('flow_stats_reply'),
      flows: few(
        fc
          .tuple(
            flow(version),
            record({
              cookie: u64,
              tableId: table,
              priority: u16,
              idleTimeout: u16,
              hardTimeout: u16,
              ...duration,
              idleAge: version === 6 ? oneOf(-1, 7) : fc.constant(-1),
              hardAge: fc.constant(-1),
              ...counters,
              flags: version >= 4 ? bits(FF.SEND_FLOW_REM, FF.CHECK_OVERLAP) : fc.constant(0),
              importance: version >= 5 ? u16 : fc.constant(0),
            }),
          )
          .map(([flow, rest]) => ({ ...rest, ...flow })),
      ),
    }),
  aggregate_stats_request: (version) =>
    flowStatsRequest(version).map((request) => ({ kind: 'aggregate_stats_request', ...request }) as const),
  aggregate_stats_reply: () =>
    record({ kind: fc.constant('aggregate_stats_reply'), ...counters, flowCount: u32 }),
  table_stats_request: only('table_stats_request'),
  port_stats_request: () => record({ kind: fc.constant('port_stats_request'), port }),
  port_stats_reply: (version) =>
    record({
      kind: fc.constant('port_stats_reply'),
      ports: few(
        record({
          portNo: physicalPort,
          rxPackets: u64,
          txPackets: u64,
          rxBytes: u64,
          txBytes: u64,
          rxDropped: u64,
          txDropped: u64,
          rxErrors: u64,
          txErrors: u64,
          rxFrameErr: u64,
          rxOverErr: u64,
          rxCrcErr: u64,
          collisions: u64,
          durationSec: version >= 4 ? seconds : fc.constant(0xffff_ffff),
          durationNsec: version >= 4 ? nanoseconds : fc.constant(0xffff_ffff),
          ...(version >= 5
            ? {
                rfc2819: fc.array(u64, {
                  minLength: RFC2819_COUNTERS,
                  maxLength: RFC2819_COUNTERS,
                }),
                custom: fc.array(record({ name, value: u64 }), { minLength: 1, maxLength: 3 }),
              }
            : {}),
        }),
      ),
    }),
  queue_stats_request: () =>
    record({ kind: fc.constant('queue_stats_request'), port, queue: oneOf(0xffff_ffff, 3) }),
  queue_stats_reply: (version) =>
    record({
      kind: fc.constant('queue_stats_reply'),
      queues: few(
        record({
          portNo: physicalPort,
          queueId: u16,
          txBytes: u64,
          txPackets: u64,
          txErrors: u64,
          durationSec: version >= 4 ? seconds : fc.constant(0xffff_ffff),
          durationNsec: version >= 4 ? nanoseconds : fc.constant(0xffff_ffff),
        }),
      ),
    }),
  group_stats_request: () => record({ kind: fc.constant('group_stats_request'), groupId }),
  group_stats_reply: (version) =>
    record({
      kind: fc.constant('group_stats_reply'),
      groups: few(
        record({
          groupId,
          refCount: u32,
          ...counters,
          durationSec: version >= 4 ? seconds : fc.constant(0xffff_ffff),
          durationNsec: version >= 4 ? nanoseconds : fc.constant(0xffff_ffff),
          buckets: few(record(counters)),
        }),
      ),
    }),
  group_desc_stats_request: (version) =>
    record({
      kind: fc.constant('group_desc_stats_request'),
      groupId: version === 1 || version === 6 ? groupId : fc.constant(0xffff_fffc),
    }),
  group_desc_stats_reply: (version) =>
    record({ kind: fc.constant('group_desc_stats_reply'), groups: few(group(version)) }),
  group_features_stats_request: only('group_features_stats_request'),
  meter_stats_request: () => record({ kind: fc.constant('meter_stats_request'), meterId }),
  meter_stats_reply: () =>
    record({
      kind: fc.constant('meter_stats_reply'),
      meters: few(
        record({
          meterId,
          flowCount: u32,
          packetInCount: u64,
          byteInCount: u64,
          ...duration,
          bands: few(record(counters)),
        }),
      ),
    }),
  meter_config_stats_request: () => record({ kind: fc.constant('meter_config_stats_request'), meterId }),
  meter_config_stats_reply: () =>
    record({
      kind: fc.constant('meter_config_stats_reply'),
      meters: few(record({ meterId, flags: meterFlags, bands: few(band) })),
    }),
  meter_features_stats_request: only('meter_features_stats_request'),
  meter_features_stats_reply: () =>
    record({
      kind: fc.constant('meter_features_stats_reply'),
      maxMeters: u32,
      bandTypes: bits(2, 4),
      capabilities: bits(1, 2, 4, 8),
      maxBands: u8,
      maxColor: u8,
    }),
  table_desc_request: only('table_desc_request'),
  port_desc_stats_request: (version) =>
    record({
      kind: fc.constant('port_desc_stats_request'),
      port: version === 6 ? port : fc.constant<number>(OFPP.NONE),
    }),
  port_desc_stats_reply: () => record({ kind: fc.constant('port_desc_stats_reply'), ports: few(phyPort) }),
  flow_monitor_stats_request: (version) =>
    record({
      kind: fc.constant('flow_monitor_stats_request'),
      requests: few(
        record({
          id: u32,
          command: version >= 5 ? oneOf('add', 'modify', 'delete') : fc.constant('add' as const),
          flags: bits(1, 4, 8, 16).map((some) => some | 2),
          outPort: oneOf(OFPP.NONE, 5),
          outGroup: fc.constant(OFPG_ANY),
          tableId: u8,
          match: match(version),
        }),
      ),
    }),
  ipfix_bridge_stats_request: only('ipfix_bridge_stats_request'),
  ipfix_bridge_stats_reply: () =>
    ipfix.map((stats) => ({ kind: 'ipfix_bridge_stats_reply', ...stats, collectorSetId: 0 }) as const),
  ipfix_flow_stats_request: only('ipfix_flow_stats_request'),
  ipfix_flow_stats_reply: () => record({ kind: fc.constant('ipfix_flow_stats_reply'), stats: few(ipfix) }),
  set_flow_format: () => record({ kind: fc.constant('set_flow_format'), format: oneOf('openflow10', 'nxm') }),
  flow_mod_table_id: () => record({ kind: fc.constant('flow_mod_table_id'), enable: fc.boolean() }),
  set_packet_in_format: () =>
    record({
      kind: fc.constant('set_packet_in_format'),
      format: oneOf('standard', 'nxt_packet_in', 'nxt_packet_in2'),
    }),
  flow_age: only('flow_age'),
  set_controller_id: () => record({ kind: fc.constant('set_controller_id'), controllerId: u16 }),
  nxt_tlv_table_mod: () =>
    record({
      kind: fc.constant('nxt_tlv_table_mod'),
      command: oneOf('add', 'delete', 'clear'),
      mappings: few(tlvMap),
    }),
  nxt_tlv_table_request: only('nxt_tlv_table_request'),
  nxt_tlv_table_reply: () =>
    record({
      kind: fc.constant('nxt_tlv_table_reply'),
      maxOptionSpace: u32,
      maxFields: fc.constant(64),
      mappings: few(tlvMap),
    }),
  ct_flush_zone: () => record({ kind: fc.constant('ct_flush_zone'), zone: u16 }),
  ct_flush: () =>
    record({
      kind: fc.constant('ct_flush'),
      zone: oneOf(undefined, 5),
      ipProto: oneOf(0, 6, 17),
      l3Type: fc.constant(0 as const),
      orig: fc.constant(emptyCtMatch.orig),
      reply: fc.constant(emptyCtMatch.reply),
      mark: u32,
      markMask: fc.constant(0xffff_ffff),
      labels: u64,
      labelsMask: fc.constant((1n << 128n) - 1n),
    }),
  flow_monitor_paused: only('flow_monitor_paused'),
  flow_monitor_resumed: only('flow_monitor_resumed'),
  flow_monitor_stats_reply: (version) =>
    record({ kind: fc.constant('flow_monitor_stats_reply'), updates: few(flowUpdate(version)) }),
  queue_get_config_reply: () =>
    physicalPort.chain((portNo) =>
      record({
        kind: fc.constant('queue_get_config_reply'),
        port: fc.constant(portNo),
        queues: fc.array(
          record({
            portNo: fc.constant(portNo),
            queue: u16,
            minRate: oneOf(0xffff, 5),
            maxRate: oneOf(0xffff, 900),
          }),
          { minLength: 1, maxLength: 3 },
        ),
      }),
    ),
  get_async_reply: () =>
    record({
      kind: fc.constant('get_async_reply'),
      config: record({ primary: allAsyncMasks, secondary: allAsyncMasks }),
    }),
  requestforward: (version) =>
    record({
      kind: fc.constant('requestforward'),
      requestXid: u32,
      request:
        version >= 4
          ? fc.oneof(
              groupMod(version).map((g) => ({ kind: 'group_mod', ...g }) as const),
              meterMod.map((m) => ({ kind: 'meter_mod', ...m }) as const),
            )
          : groupMod(version).map((g) => ({ kind: 'group_mod', ...g }) as const),
    }),
  bundle_add_message: (version) =>
    fc.tuple(u32, physicalPort, mac).map(([bundleId, portNo, hwAddr]) => ({
      kind: 'bundle_add_message',
      bundleId,
      flags: 1,
      message: encodeMessage({
        kind: 'port_mod',
        version,
        xid: 5,
        portNo,
        hwAddr,
        config: 1,
        mask: 1,
        advertise: 0,
      })[0]!,
    })),
  table_stats_reply: (version) =>
    record({
      kind: fc.constant('table_stats_reply'),
      tables: few(
        table.chain((tableId) =>
          record({
            tableId: fc.constant(tableId),
            activeCount: u32,
            lookupCount: u64,
            matchedCount: u64,
            ...(version >= 4 ? {} : { features: tableFeatures(version, tableId) }),
          }),
        ),
      ),
    }),
  group_features_stats_reply: () =>
    record({
      kind: fc.constant('group_features_stats_reply'),
      types: bits(1, 2, 4, 8),
      capabilities: bits(1, 2, 4, 8),
      maxGroups: fc.tuple(u32, u32, u32, u32),
      actions: fc.constant([
        new Set(['output']),
        new Set<string>(),
        new Set(['output', 'group']),
        new Set<string>(),
      ]),
    }),
  table_features_stats_request: (version) =>
    record({
      kind: fc.constant('table_features_stats_request'),
      tables: few(table.chain((tableId) => tableFeatures(version, tableId))),
    }),
  table_features_stats_reply: (version) =>
    record({
      kind: fc.constant('table_features_stats_reply'),
      tables: fc.array(
        table.chain((tableId) => tableFeatures(version, tableId)),
        { minLength: 1, maxLength: 2 },
      ),
    }),
  table_desc_reply: () =>
    record({
      kind: fc.constant('table_desc_reply'),
      tables: fc.array(tableConfig, { minLength: 1, maxLength: 3 }),
    }),
  nxt_resume: (version) =>
    packetIn(version, 'nxt_packet_in2').map((p) => ({ kind: 'nxt_resume', ...p }) as const),
  flow_monitor_cancel: () => record({ kind: fc.constant('flow_monitor_cancel'), id: u32 }),
};

/** Kinds for which there are random messages. */
export const KINDS = Object.keys(BODIES) as OfpKind[];

/** A message of that kind and version. */
export function arbitraryMessage(kind: OfpKind, version: number): fc.Arbitrary<OfpMessage> | undefined {
  if (rawsFor(kind, version).length === 0) return undefined;
  const body = BODIES[kind](version) as fc.Arbitrary<OfpBody>;
  // OpenFlow 1.0 has a second form of what has a match.
  const hasNxm = version === 1 && rawsFor(kind, version).some((raw) => raw.nxm);
  return fc.tuple(body, u32, hasNxm ? fc.boolean() : fc.constant(false)).map(([b, xid, nxm]) => {
    const message: OfpMessage = { ...b, version, xid, ...(nxm && { nxm }) };
    return message.kind === 'bundle_add_message'
      ? { ...message, message: withXid(message.message, xid) }
      : message;
  });
}

/** A message in a bundle has the number of the message that brings it. */
function withXid(bytes: Uint8Array, xid: number): Uint8Array {
  const copy = bytes.slice();
  new DataView(copy.buffer).setUint32(4, xid);
  return copy;
}

/** The message's bytes; undefined when its version cannot say it. */
export function encodeIfPossible(message: OfpMessage): Uint8Array | undefined {
  try {
    return encodeMessage(message)[0];
  } catch (error) {
    if (error instanceof OfpError) return undefined;
    throw error;
  }
}
