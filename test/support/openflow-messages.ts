/** Random OpenFlow messages of every kind, for properties and for comparison with the C tools. */
import fc from 'fast-check';
import { catchAllMatch, F, type Match } from '../../src/flow/layout.ts';
import { parseMatch } from '../../src/flow/match/parse.ts';
import { OFPP } from '../../src/flow/ports.ts';
import type { OfpAct } from '../../src/openflow/actions/action.ts';
import { parseActions, parseInstructions } from '../../src/openflow/actions/parse.ts';
import { OfpError, type OfpErrorName } from '../../src/openflow/errors.ts';
import { emptyCtMatch } from '../../src/openflow/messages/ct-flush.ts';
import { encodeMessage } from '../../src/openflow/messages/encode.ts';
import { OFPG_ANY } from '../../src/openflow/messages/flow-mod.ts';
import { NO_GROUP_PROPS } from '../../src/openflow/messages/group.ts';
import {
  type Body,
  type Bucket,
  NO_BUFFER,
  type OfpBody,
  type OfpKind,
  type OfpMessage,
  type PhyPort,
  type TableConfig,
} from '../../src/openflow/messages/message.ts';
import { rawsFor } from '../../src/openflow/messages/raw.ts';

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true }) as fc.Arbitrary<T>;
const u8 = fc.integer({ min: 0, max: 0xff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const u32 = fc.oneof(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 0xffff_ffff }));
const u64 = fc.oneof(fc.bigInt({ min: 0n, max: 1000n }), fc.bigInt({ min: 0n, max: (1n << 64n) - 2n }));
const mac = fc.bigInt({ min: 0n, max: (1n << 48n) - 1n });
const bits = (...of: readonly number[]): fc.Arbitrary<number> =>
  fc.subarray([...of]).map((some) => some.reduce((a, b) => a | b, 0));
const oneOf = <const T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);
const few = <T>(item: fc.Arbitrary<T>, maxLength = 3): fc.Arbitrary<T[]> => fc.array(item, { maxLength });
const port = fc.oneof(fc.integer({ min: 1, max: 0xfeff }), oneOf(OFPP.LOCAL, OFPP.CONTROLLER, OFPP.NONE));
const physicalPort = fc.oneof(fc.integer({ min: 1, max: 0xfeff }), oneOf(OFPP.LOCAL));
const table = fc.integer({ min: 0, max: 253 });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,14}$/);
const data = fc.uint8Array({ maxLength: 40 });
const seconds = fc.integer({ min: 0, max: 100_000 });
const nanoseconds = fc.integer({ min: 0, max: 999_999_999 });

const MATCHES = [
  '',
  'in_port=3',
  'tcp,nw_src=10.0.0.0/8,tp_dst=80',
  'udp6,ipv6_dst=2001:db8::/32,tp_src=0x1000/0xf000',
  'arp,arp_spa=1.2.3.4,arp_op=1',
  'dl_vlan=5,dl_vlan_pcp=3,dl_src=00:11:22:33:44:55',
  'vlan_tci=0x1000/0x1000,ip,nw_tos=4',
  'icmp,icmp_type=8,icmp_code=0',
  'metadata=0x1234/0xffff,reg1=7,reg2=0x10/0xf0',
  'tun_id=5,tun_src=1.2.3.4,tun_flags=+oam',
  'ct_state=+trk-new,ct_zone=5,ct_mark=0x1/0x1,ip',
  'mpls,mpls_label=100,mpls_tc=3,mpls_bos=1',
  'conj_id=5,ip',
  'pkt_mark=1,xreg0=5',
] as const;

const ACTIONS = [
  '',
  'output:1',
  'mod_nw_tos:4,set_field:1->reg0,output:LOCAL',
  'strip_vlan,mod_dl_dst:00:01:02:03:04:05,NORMAL',
  'controller(max_len=100,reason=action,id=7)',
  'resubmit(1,5),resubmit(,2)',
  'ct(commit,zone=1,nat(src=1.2.3.4-1.2.3.9:5-9),exec(set_field:1->ct_mark))',
  'learn(table=1,idle_timeout=5,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[])',
  'move:NXM_OF_ETH_SRC[0..31]->NXM_NX_REG1[]',
  'multipath(eth_src,50,modulo_n,4,0,NXM_NX_REG0[])',
  'bundle(eth_src,0,hrw,ofport,members:4,8)',
  'push_vlan:0x8100,set_field:4103->vlan_vid,output:2',
  'group:5',
  'dec_ttl,note:01.02.03.04.05.06,clone(output:3)',
  'sample(probability=9,collector_set_id=1,obs_domain_id=2,obs_point_id=3)',
  'set_queue:5,output:7,pop_queue',
] as const;

const INSTRUCTIONS = [
  ...ACTIONS,
  'output:1,goto_table:254',
  'write_actions(output:5,group:3)',
  'clear_actions,write_metadata:0x5/0xff',
  'meter:4,output:2',
] as const;

const match: fc.Arbitrary<Match> = oneOf(...MATCHES).map((text) => parseMatch(text).match);
const actions: fc.Arbitrary<readonly OfpAct[]> = oneOf(...ACTIONS).map((text) => parseActions(text).actions);
const instructions: fc.Arbitrary<readonly OfpAct[]> = oneOf(...INSTRUCTIONS).map(
  (text) => parseInstructions(text).actions,
);

function inPort(number: number): Match {
  const m = catchAllMatch();
  m.flow[F.IN_PORT] = number;
  m.mask[F.IN_PORT] = 0xffff_ffff;
  return m;
}
const inPortMatch = physicalPort.map(inPort);

const phyPort: fc.Arbitrary<PhyPort> = record({
  portNo: physicalPort,
  hwAddr: mac,
  name,
  config: bits(1, 4, 32, 64),
  state: bits(1),
  curr: bits(1, 8, 32),
  advertised: bits(2, 64),
  supported: bits(32, 64),
  peer: bits(),
  currSpeed: fc.constant(0),
  maxSpeed: fc.constant(0),
});

const flowStatsRequest = record({
  match,
  cookie: fc.constant(0n),
  cookieMask: fc.constant(0n),
  outPort: oneOf(OFPP.NONE, 5),
  outGroup: fc.constant(OFPG_ANY),
  tableId: u8,
});

const tableConfig: fc.Arbitrary<TableConfig> = record({
  tableId: table,
  eviction: oneOf(undefined, true, false),
  evictionFlags: fc.constant(undefined),
  vacancy: oneOf(undefined, true),
  vacancyDown: fc.integer({ min: 0, max: 40 }),
  vacancyUp: fc.integer({ min: 40, max: 90 }),
  vacancyNow: fc.constant(0),
});

const bucket = (id: number): fc.Arbitrary<Bucket> =>
  record({
    weight: fc.constant(0),
    watchPort: fc.constant<number>(OFPP.NONE),
    watchGroup: fc.constant(OFPG_ANY),
    bucketId: fc.constant(id),
    actions,
  });
const buckets = fc.tuple(bucket(0), bucket(1), bucket(2)).chain((all) => fc.subarray(all));
const groupProps = fc.constant(NO_GROUP_PROPS);
const groupId = fc.integer({ min: 0, max: 0xffff_feff });

const band = fc.oneof(
  record({ type: fc.constant('drop' as const), precLevel: fc.constant(0), rate: u32, burstSize: u32 }),
  record({
    type: fc.constant('dscp_remark' as const),
    precLevel: fc.integer({ min: 1, max: 10 }),
    rate: u32,
    burstSize: u32,
  }),
);
const meterId = fc.integer({ min: 1, max: 0xffff });
const meterFlags = oneOf(1, 2, 5, 9, 13);
const counters = { packetCount: u64, byteCount: u64 };
const duration = { durationSec: seconds, durationNsec: nanoseconds };

const ipfix = record({
  collectorSetId: u32,
  totalFlows: u64,
  currentFlows: u64,
  pkts: u64,
  ipv4Pkts: u64,
  ipv6Pkts: u64,
  errorPkts: u64,
  ipv4ErrorPkts: u64,
  ipv6ErrorPkts: u64,
  txPkts: u64,
  txErrors: u64,
});

const tlvMap = record({
  optionClass: u16,
  optionType: u8,
  optionLen: fc.integer({ min: 1, max: 31 }).map((n) => n * 4),
  index: fc.integer({ min: 0, max: 63 }),
});

const asyncBits = bits(1, 2, 4);
const asyncMasks = record({ packet_in: asyncBits, port_status: asyncBits, flow_removed: asyncBits });

const frame = fc.tuple(mac, mac, fc.uint8Array({ minLength: 20, maxLength: 60 })).map(([dst, src, rest]) => {
  const b = new Uint8Array(14 + rest.length);
  for (let i = 0; i < 6; i++) {
    b[i] = Number((dst >> BigInt(40 - 8 * i)) & 0xffn);
    b[6 + i] = Number((src >> BigInt(40 - 8 * i)) & 0xffn);
  }
  b[12] = 0x12;
  b[13] = 0x34;
  b.set(rest, 14);
  return b;
});

type Bodies = { readonly [K in OfpKind]?: (version: number) => fc.Arbitrary<Body<K>> };

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
    frame.chain((packet) =>
      record({
        kind: fc.constant('packet_in'),
        format: oneOf('standard', 'nxt_packet_in', 'nxt_packet_in2'),
        packet: fc.constant(packet),
        totalLen: fc.constant(packet.length),
        bufferId: fc.constant(NO_BUFFER),
        metadata: inPortMatch,
        reason: oneOf(0, 1),
        tableId: table,
        cookie: version >= 4 ? u64 : fc.constant(5n),
        userdata: fc.constant(new Uint8Array(0)),
      }),
    ),
  flow_removed: () =>
    record({
      kind: fc.constant('flow_removed'),
      match,
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
  packet_out: () =>
    record({
      kind: fc.constant('packet_out'),
      packet: frame,
      bufferId: fc.constant(NO_BUFFER),
      metadata: inPortMatch,
      actions,
    }),
  flow_mod: () =>
    record({
      kind: fc.constant('flow_mod'),
      command: oneOf('add', 'modify', 'modify_strict', 'delete', 'delete_strict'),
      match,
      priority: u16,
      cookie: fc.constant(0n),
      cookieMask: fc.constant(0n),
      newCookie: u64,
      modifyCookie: fc.constant(false),
      tableId: table,
      idleTimeout: u16,
      hardTimeout: u16,
      bufferId: oneOf(NO_BUFFER, 5),
      outPort: oneOf(OFPP.NONE, 5),
      outGroup: fc.constant(OFPG_ANY),
      flags: bits(1, 2),
      importance: oneOf(0, 7),
      actions: instructions,
    }),
  group_mod: () =>
    record({
      kind: fc.constant('group_mod'),
      command: oneOf('add', 'modify'),
      type: oneOf('all'),
      groupId,
      commandBucketId: fc.constant(0xffff_ffff),
      buckets,
      props: groupProps,
    }),
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
  meter_mod: () =>
    fc.oneof(
      record({
        kind: fc.constant('meter_mod' as const),
        command: oneOf('add', 'modify'),
        meterId,
        flags: meterFlags,
        bands: few(band),
      }),
      record({
        kind: fc.constant('meter_mod' as const),
        command: oneOf('delete'),
        meterId,
        flags: fc.constant(0),
        bands: fc.constant([]),
      }),
    ),
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
  flow_stats_request: () =>
    flowStatsRequest.map((request) => ({ kind: 'flow_stats_request', ...request }) as const),
  flow_stats_reply: (version) =>
    record({
      kind: fc.constant('flow_stats_reply'),
      flows: few(
        record({
          match,
          cookie: u64,
          tableId: table,
          priority: u16,
          idleTimeout: u16,
          hardTimeout: u16,
          ...duration,
          idleAge: fc.constant(-1),
          hardAge: fc.constant(-1),
          ...counters,
          actions: instructions,
          flags: version >= 4 ? bits(1, 2) : fc.constant(0),
          importance: version >= 5 ? u16 : fc.constant(0),
        }),
      ),
    }),
  aggregate_stats_request: () =>
    flowStatsRequest.map((request) => ({ kind: 'aggregate_stats_request', ...request }) as const),
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
  group_desc_stats_reply: () =>
    record({
      kind: fc.constant('group_desc_stats_reply'),
      groups: few(record({ type: oneOf('all', 'indirect', 'ff'), groupId, buckets, props: groupProps })),
    }),
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
  flow_monitor_stats_request: () =>
    record({
      kind: fc.constant('flow_monitor_stats_request'),
      requests: few(
        record({
          id: u32,
          command: oneOf('add'),
          flags: bits(1, 4, 8, 16).map((some) => some | 2),
          outPort: oneOf(OFPP.NONE, 5),
          outGroup: fc.constant(OFPG_ANY),
          tableId: u8,
          match,
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
  flow_monitor_cancel: () => record({ kind: fc.constant('flow_monitor_cancel'), id: u32 }),
};

/** Kinds for which there are random messages. */
export const KINDS = Object.keys(BODIES) as OfpKind[];

/** A message of that kind and version. */
export function arbitraryMessage(kind: OfpKind, version: number): fc.Arbitrary<OfpMessage> | undefined {
  if (rawsFor(kind, version).length === 0) return undefined;
  const body = BODIES[kind]!(version) as fc.Arbitrary<OfpBody>;
  return fc.tuple(body, u32).map(([b, xid]) => ({ ...b, version, xid }));
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
