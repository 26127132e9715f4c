/**
 * Every OpenFlow message as a value, the same for all versions.
 *
 * An {@link OfpMessage} is a header and one of the bodies below, told apart by `kind`, which is the name of
 * C's enum ofptype in lower case. Values are immutable once built. Ports are 32-bit OpenFlow 1.1+ numbers in
 * every version; bit sets and enumerations that differ between versions have the abstract values given here;
 * 64-bit numbers are bigints; an unknown counter is {@link UNKNOWN_COUNT}.
 * C counterparts: the structs ofputil_* in include/openvswitch/ofp-*.h.
 */
import type { FieldName } from '../../flow/field-names.ts';
import type { Match } from '../../flow/layout.ts';
import type { OfpAct } from '../actions/action.ts';
import type { OfpErrorName } from '../errors.ts';
import type { OfpVersion } from '../version.ts';

/** A 64-bit counter that the switch does not keep. */
export const UNKNOWN_COUNT = 0xffff_ffff_ffff_ffffn;
/** A 32-bit duration that the switch does not know. */
export const UNKNOWN_DURATION = 0xffff_ffff;
/** Buffer id of "the packet is in this message". */
export const NO_BUFFER = 0xffff_ffff;

export interface MessageHeader {
  readonly version: OfpVersion;
  readonly xid: number;
  /** Multipart messages: more parts with this xid follow. */
  readonly more?: boolean;
  /** OpenFlow 1.0: the Nicira form with extensible match (NXT_FLOW_MOD, NXST_FLOW, NXT_FLOW_REMOVED). */
  readonly nxm?: boolean;
}

export type OfpMessage = MessageHeader & OfpBody;
export type OfpKind = OfpBody['kind'];
/** The body of one kind, e.g. `Body<'flow_mod'>`. */
export type Body<K extends OfpKind> = Extract<OfpBody, { kind: K }>;
/** The whole message of one kind. */
export type Message<K extends OfpKind> = MessageHeader & Body<K>;

/** Makes a body that belongs to the caller a message, without copying it unless it is one already. */
export function withHeader<B extends OfpBody>(body: B, version: OfpVersion, xid: number): MessageHeader & B {
  const m = body as { -readonly [K in keyof MessageHeader]: MessageHeader[K] } & B;
  if (m.version !== undefined) return { ...m, version, xid };
  m.version = version;
  m.xid = xid;
  return m;
}

// Flags and numbers shared by several messages.

/** Flags of a flow, as bits of `flags`. */
export const FF = {
  SEND_FLOW_REM: 1 << 0,
  NO_PKT_COUNTS: 1 << 1,
  NO_BYT_COUNTS: 1 << 2,
  CHECK_OVERLAP: 1 << 3,
  RESET_COUNTS: 1 << 4,
  EMERG: 1 << 5,
  /** Never on the wire. */
  HIDDEN_FIELDS: 1 << 6,
  NO_READONLY: 1 << 7,
} as const;

/** Port configuration bits. */
export const PC = {
  PORT_DOWN: 1 << 0,
  NO_STP: 1 << 1,
  NO_RECV: 1 << 2,
  NO_RECV_STP: 1 << 3,
  NO_FLOOD: 1 << 4,
  NO_FWD: 1 << 5,
  NO_PACKET_IN: 1 << 6,
} as const;

/** Port state bits. */
export const PS = {
  LINK_DOWN: 1 << 0,
  BLOCKED: 1 << 1,
  LIVE: 1 << 2,
  STP_LEARN: 1 << 8,
  STP_FORWARD: 2 << 8,
  STP_BLOCK: 3 << 8,
  STP_MASK: 3 << 8,
} as const;

/** Capabilities of a switch. */
export const CAP = {
  FLOW_STATS: 1 << 0,
  TABLE_STATS: 1 << 1,
  PORT_STATS: 1 << 2,
  STP: 1 << 3,
  GROUP_STATS: 1 << 4,
  IP_REASM: 1 << 5,
  QUEUE_STATS: 1 << 6,
  ARP_MATCH_IP: 1 << 7,
  PORT_BLOCKED: 1 << 8,
  BUNDLES: 1 << 9,
  FLOW_MONITORING: 1 << 10,
} as const;

/** Asynchronous message types, in the order of the columns of an {@link AsyncConfig}. */
export const ASYNC_TYPES = [
  'packet_in',
  'port_status',
  'flow_removed',
  'role_status',
  'table_status',
  'requestforward',
] as const;
export type AsyncType = (typeof ASYNC_TYPES)[number];

/** Which reasons (bit N: reason N) of each message a controller wants, by its role. */
export interface AsyncConfig {
  readonly primary: Readonly<Record<AsyncType, number>>;
  readonly secondary: Readonly<Record<AsyncType, number>>;
}

/** Reasons of a packet-in: OFPR_*. */
export const OFPR = {
  NO_MATCH: 0,
  ACTION: 1,
  INVALID_TTL: 2,
  ACTION_SET: 3,
  GROUP: 4,
  PACKET_OUT: 5,
  EXPLICIT_MISS: 6,
  IMPLICIT_MISS: 7,
} as const;

/** Reasons of a flow-removed: OFPRR_*. */
export const OFPRR = {
  IDLE_TIMEOUT: 0,
  HARD_TIMEOUT: 1,
  DELETE: 2,
  GROUP_DELETE: 3,
  METER_DELETE: 4,
  EVICTION: 5,
} as const;

export type ControllerRole = 'nochange' | 'equal' | 'primary' | 'secondary';
export type PacketInFormat = 'standard' | 'nxt_packet_in' | 'nxt_packet_in2';
export type FlowModCommand = 'add' | 'modify' | 'modify_strict' | 'delete' | 'delete_strict';

/** Fragment handling: OFPC_FRAG_*. */
export const FRAG = { NORMAL: 0, DROP: 1, REASM: 2, NX_MATCH: 3 } as const;

export interface SwitchConfig {
  readonly frag: number;
  /** undefined where the version has no such setting. */
  readonly invalidTtlToController: boolean | undefined;
  readonly missSendLen: number;
}

export interface PhyPort {
  readonly portNo: number;
  /** 48 bits. */
  readonly hwAddr: bigint;
  readonly name: string;
  /** {@link PC} bits. */
  readonly config: number;
  /** {@link PS} bits. */
  readonly state: number;
  /** OFPPF_* bits as OpenFlow 1.1 numbers them (NETDEV_F_*). */
  readonly curr: number;
  readonly advertised: number;
  readonly supported: number;
  readonly peer: number;
  /** kbps; not in OpenFlow 1.0. */
  readonly currSpeed: number;
  readonly maxSpeed: number;
}

/** Actions of a packet-in's continuation and what else resuming it needs. */
export interface Continuation {
  readonly bridge: string;
  /** Serialised stack: the bytes of NXCPT_STACK properties, in order. */
  readonly stack: readonly Uint8Array[];
  readonly mirrors: number;
  readonly conntracked: boolean;
  readonly actions: readonly OfpAct[];
  readonly actionSet: readonly OfpAct[];
  readonly odpPort: number | undefined;
}

export interface PacketIn {
  readonly format: PacketInFormat;
  /** The packet, perhaps only its beginning. Encoding cuts it down to `maxLen` where that is given. */
  readonly packet: Uint8Array;
  /** Length of the whole packet. */
  readonly totalLen: number;
  readonly bufferId: number;
  /** in_port and other metadata fields. */
  readonly metadata: Match;
  readonly reason: number;
  readonly tableId: number;
  /** {@link UNKNOWN_COUNT} when there was no flow. */
  readonly cookie: bigint;
  readonly userdata: Uint8Array;
  /** Present when the packet is paused; only nxt_packet_in2 carries it. */
  readonly continuation?: Continuation;
}

export interface FlowMod {
  readonly command: FlowModCommand;
  readonly match: Match;
  readonly priority: number;
  /** Affects only flows whose cookie equals `cookie` where `cookieMask` has ones. */
  readonly cookie: bigint;
  readonly cookieMask: bigint;
  /** The cookie to set; all ones for none. */
  readonly newCookie: bigint;
  /** Whether modify changes the cookie of an existing flow. */
  readonly modifyCookie: boolean;
  /** 255: any table (add: the switch chooses). */
  readonly tableId: number;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly bufferId: number;
  /** Delete only: OFPP_ANY for no restriction. */
  readonly outPort: number;
  /** Delete only: OFPG_ANY for no restriction. */
  readonly outGroup: number;
  /** {@link FF} bits. */
  readonly flags: number;
  readonly importance: number;
  readonly actions: readonly OfpAct[];
}

export interface FlowStatsRequest {
  readonly match: Match;
  readonly cookie: bigint;
  readonly cookieMask: bigint;
  readonly outPort: number;
  readonly outGroup: number;
  readonly tableId: number;
}

export interface FlowStats {
  readonly match: Match;
  readonly cookie: bigint;
  readonly tableId: number;
  readonly priority: number;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly durationSec: number;
  readonly durationNsec: number;
  /** Seconds since the last packet and since the last change; -1 when unknown. */
  readonly idleAge: number;
  readonly hardAge: number;
  readonly packetCount: bigint;
  readonly byteCount: bigint;
  readonly actions: readonly OfpAct[];
  readonly flags: number;
  readonly importance: number;
}

export interface FlowRemoved {
  readonly match: Match;
  readonly cookie: bigint;
  readonly priority: number;
  /** {@link OFPRR} */
  readonly reason: number;
  /** 255 when the message does not say. */
  readonly tableId: number;
  readonly durationSec: number;
  readonly durationNsec: number;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly packetCount: bigint;
  readonly byteCount: bigint;
}

export interface Bucket {
  readonly weight: number;
  readonly watchPort: number;
  readonly watchGroup: number;
  readonly bucketId: number;
  readonly actions: readonly OfpAct[];
}

export type GroupType = 'all' | 'select' | 'indirect' | 'ff';
export const GROUP_TYPES: readonly GroupType[] = ['all', 'select', 'indirect', 'ff'];
export type GroupCommand = 'add' | 'modify' | 'delete' | 'add_or_mod' | 'insert_bucket' | 'remove_bucket';

export interface GroupProps {
  /** '' for the default. */
  readonly selectionMethod: string;
  readonly selectionMethodParam: bigint;
  /** Fields to hash and the bits of them that count. */
  readonly fields: readonly { readonly field: FieldName; readonly mask: bigint }[];
}

export interface GroupMod {
  readonly command: GroupCommand;
  readonly type: GroupType;
  readonly groupId: number;
  readonly commandBucketId: number;
  readonly buckets: readonly Bucket[];
  readonly props: GroupProps;
}

export interface GroupDesc {
  /** In a reply the number of one that has no name, such as an experimenter's. */
  readonly type: GroupType | number;
  readonly groupId: number;
  readonly buckets: readonly Bucket[];
  readonly props: GroupProps;
}

export interface GroupStats {
  readonly groupId: number;
  readonly refCount: number;
  readonly packetCount: bigint;
  readonly byteCount: bigint;
  readonly durationSec: number;
  readonly durationNsec: number;
  readonly buckets: readonly { readonly packetCount: bigint; readonly byteCount: bigint }[];
}

export interface GroupFeatures {
  readonly types: number;
  readonly capabilities: number;
  /** By type. */
  readonly maxGroups: readonly number[];
  /** Names of the supported actions, by type. */
  readonly actions: readonly ReadonlySet<string>[];
}

export type MeterBandType = 'drop' | 'dscp_remark';
export interface MeterBand {
  readonly type: MeterBandType;
  readonly precLevel: number;
  readonly rate: number;
  readonly burstSize: number;
}

/** Flags of a meter. */
export const OFPMF13 = { KBPS: 1, PKTPS: 2, BURST: 4, STATS: 8 } as const;

export interface MeterConfig {
  readonly meterId: number;
  readonly flags: number;
  readonly bands: readonly MeterBand[];
}

export type MeterCommand = 'add' | 'modify' | 'delete';
export interface MeterMod extends MeterConfig {
  readonly command: MeterCommand;
}

export interface MeterStats {
  readonly meterId: number;
  readonly flowCount: number;
  readonly packetInCount: bigint;
  readonly byteInCount: bigint;
  readonly durationSec: number;
  readonly durationNsec: number;
  readonly bands: readonly { readonly packetCount: bigint; readonly byteCount: bigint }[];
}

export interface MeterFeatures {
  readonly maxMeters: number;
  readonly bandTypes: number;
  readonly capabilities: number;
  readonly maxBands: number;
  readonly maxColor: number;
}

export interface PortStats {
  readonly portNo: number;
  readonly rxPackets: bigint;
  readonly txPackets: bigint;
  readonly rxBytes: bigint;
  readonly txBytes: bigint;
  readonly rxDropped: bigint;
  readonly txDropped: bigint;
  readonly rxErrors: bigint;
  readonly txErrors: bigint;
  readonly rxFrameErr: bigint;
  readonly rxOverErr: bigint;
  readonly rxCrcErr: bigint;
  readonly collisions: bigint;
  readonly durationSec: number;
  readonly durationNsec: number;
  /** OpenFlow 1.4+: packet size histograms (RFC 2819), in the order of {@link RFC2819_COUNTERS}. */
  readonly rfc2819?: readonly bigint[];
  readonly custom?: readonly { readonly name: string; readonly value: bigint }[];
}

export interface QueueStats {
  readonly portNo: number;
  readonly queueId: number;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly txErrors: bigint;
  readonly durationSec: number;
  readonly durationNsec: number;
}

export interface QueueConfig {
  readonly portNo: number;
  readonly queue: number;
  /** Tenths of a percent; 65535 when not given. */
  readonly minRate: number;
  readonly maxRate: number;
}

export type TableMiss = 'default' | 'controller' | 'continue' | 'drop';

export interface TableConfig {
  readonly tableId: number;
  /** undefined: not said. */
  readonly eviction: boolean | undefined;
  /** OFPTMPEF14_* bits; undefined: not said. */
  readonly evictionFlags: number | undefined;
  readonly vacancy: boolean | undefined;
  readonly vacancyDown: number;
  readonly vacancyUp: number;
  /** Current vacancy in percent (table desc and status only). */
  readonly vacancyNow: number;
}

export interface TableMod extends TableConfig {
  /** OpenFlow 1.1 and 1.2 only. */
  readonly miss: TableMiss;
}

/** Abstract instructions, as bits of a set. */
export const INSTRUCTIONS = [
  'meter',
  'apply_actions',
  'clear_actions',
  'write_actions',
  'write_metadata',
  'goto_table',
] as const;

export interface TableActionFeatures {
  /** Names of the actions that may appear. */
  readonly actions: ReadonlySet<string>;
  readonly setFields: ReadonlySet<FieldName>;
}

export interface TableInstructionFeatures {
  /** Tables that goto_table may name, as bits: table N is bit N % 32 of word N / 32. */
  readonly next: Uint32Array;
  readonly instructions: ReadonlySet<string>;
  readonly write: TableActionFeatures;
  readonly apply: TableActionFeatures;
}

export interface TableFeatures {
  readonly command: 'replace' | 'modify' | 'enable' | 'disable';
  readonly tableId: number;
  readonly name: string;
  readonly metadataMatch: bigint;
  readonly metadataWrite: bigint;
  readonly maxEntries: number;
  readonly anyProperties: boolean;
  readonly missConfig: TableMiss;
  /** OpenFlow 1.4+ only. */
  readonly supportsEviction: boolean | undefined;
  readonly supportsVacancyEvents: boolean | undefined;
  readonly nonmiss: TableInstructionFeatures;
  readonly miss: TableInstructionFeatures;
  readonly match: ReadonlySet<FieldName>;
  readonly mask: ReadonlySet<FieldName>;
  readonly wildcard: ReadonlySet<FieldName>;
}

export interface TableStats {
  readonly tableId: number;
  readonly activeCount: number;
  readonly lookupCount: bigint;
  readonly matchedCount: bigint;
  /** Versions before 1.3 report features with the statistics. */
  readonly features?: TableFeatures;
}

export interface FlowMonitorRequest {
  readonly id: number;
  readonly command: 'add' | 'modify' | 'delete';
  /** OFPFMF14_* bits: initial 1, add 2, removed 4, modify 8, instructions 16, no_abbrev 32, only_own 64. */
  readonly flags: number;
  readonly outPort: number;
  readonly outGroup: number;
  readonly tableId: number;
  readonly match: Match;
}

export type FlowUpdate =
  | {
      readonly event: 'initial' | 'added' | 'removed' | 'modified';
      readonly reason: number;
      readonly idleTimeout: number;
      readonly hardTimeout: number;
      readonly tableId: number;
      readonly priority: number;
      readonly cookie: bigint;
      readonly match: Match;
      readonly actions: readonly OfpAct[];
    }
  | { readonly event: 'abbrev'; readonly xid: number }
  | { readonly event: 'paused' }
  | { readonly event: 'resumed' };

export interface TlvMap {
  readonly optionClass: number;
  readonly optionType: number;
  readonly optionLen: number;
  readonly index: number;
}

export interface IpfixStats {
  readonly collectorSetId: number;
  readonly totalFlows: bigint;
  readonly currentFlows: bigint;
  readonly pkts: bigint;
  readonly ipv4Pkts: bigint;
  readonly ipv6Pkts: bigint;
  readonly errorPkts: bigint;
  readonly ipv4ErrorPkts: bigint;
  readonly ipv6ErrorPkts: bigint;
  readonly txPkts: bigint;
  readonly txErrors: bigint;
}

/** One direction of a connection; addresses are 128 bits, IPv4 mapped into IPv6, 0 for any. */
export interface CtTuple {
  readonly src: bigint;
  readonly dst: bigint;
  /** Ports; for ICMP the id, and type and code. */
  readonly srcPort: number;
  readonly dstPort: number;
  readonly icmpId: number;
  readonly icmpType: number;
  readonly icmpCode: number;
}

export interface CtMatch {
  readonly zone: number | undefined;
  readonly ipProto: number;
  /** 0, 4 or 6. */
  readonly l3Type: 0 | 4 | 6;
  readonly orig: CtTuple;
  readonly reply: CtTuple;
  readonly mark: number;
  readonly markMask: number;
  readonly labels: bigint;
  readonly labelsMask: bigint;
}

export type OfpBody =
  // Every version
  | {
      readonly kind: 'hello' /** Versions that the sender speaks. */;
      readonly versions: number /** Whether all of the message was understood. */;
      readonly understood: boolean;
    }
  | {
      readonly kind: 'error';
      readonly error: OfpErrorName /** As much of the request as the sender returned, or text for hello errors. */;
      readonly payload: Uint8Array;
    }
  | { readonly kind: 'echo_request'; readonly data: Uint8Array }
  | { readonly kind: 'echo_reply'; readonly data: Uint8Array }
  // Switch configuration
  | { readonly kind: 'features_request' }
  | {
      readonly kind: 'features_reply';
      readonly datapathId: bigint;
      readonly nBuffers: number;
      readonly nTables: number;
      readonly auxiliaryId: number;
      /** {@link CAP} bits. */
      readonly capabilities: number;
      /** Names of the supported actions (OpenFlow 1.0 only). */
      readonly actions: ReadonlySet<string>;
      /** Versions before 1.3; undefined when they do not fit or are not sent. */
      readonly ports: readonly PhyPort[] | undefined;
    }
  | { readonly kind: 'get_config_request' }
  | ({ readonly kind: 'get_config_reply' } & SwitchConfig)
  | ({ readonly kind: 'set_config' } & SwitchConfig)
  // Asynchronous
  | ({ readonly kind: 'packet_in' } & PacketIn)
  | ({ readonly kind: 'flow_removed' } & FlowRemoved)
  | {
      readonly kind: 'port_status' /** 0 add, 1 delete, 2 modify. */;
      readonly reason: number;
      readonly port: PhyPort;
    }
  | {
      readonly kind: 'role_status';
      readonly role: ControllerRole;
      readonly reason: number;
      readonly generationId: bigint;
    }
  | { readonly kind: 'table_status'; readonly reason: number; readonly desc: TableConfig }
  | {
      readonly kind: 'requestforward' /** xid of the request. */;
      readonly requestXid: number;
      readonly request:
        | ({ readonly kind: 'group_mod' } & GroupMod)
        | ({ readonly kind: 'meter_mod' } & MeterMod);
    }
  // Controller commands
  | {
      readonly kind: 'packet_out';
      readonly packet: Uint8Array;
      readonly bufferId: number;
      /** in_port and, in OpenFlow 1.5, other metadata. */
      readonly metadata: Match;
      readonly actions: readonly OfpAct[];
    }
  | ({ readonly kind: 'flow_mod' } & FlowMod)
  | ({ readonly kind: 'group_mod' } & GroupMod)
  | {
      readonly kind: 'port_mod';
      readonly portNo: number;
      readonly hwAddr: bigint;
      readonly config: number;
      readonly mask: number;
      readonly advertise: number;
    }
  | ({ readonly kind: 'table_mod' } & TableMod)
  | ({ readonly kind: 'meter_mod' } & MeterMod)
  | { readonly kind: 'barrier_request' }
  | { readonly kind: 'barrier_reply' }
  | {
      readonly kind: 'role_request';
      readonly role: ControllerRole;
      readonly generationId: bigint | undefined;
    }
  | { readonly kind: 'role_reply'; readonly role: ControllerRole; readonly generationId: bigint | undefined }
  | { readonly kind: 'get_async_request' }
  | { readonly kind: 'get_async_reply'; readonly config: AsyncConfig }
  | {
      readonly kind: 'set_async_config' /** Only what the message sets. */;
      readonly config: PartialAsyncConfig;
    }
  | {
      readonly kind: 'queue_get_config_request';
      readonly port: number /** OFPQ_ALL where the version has none. */;
      readonly queue: number;
    }
  | {
      readonly kind: 'queue_get_config_reply';
      readonly port: number;
      readonly queues: readonly QueueConfig[];
    }
  | {
      readonly kind: 'bundle_control';
      readonly bundleId: number /** OFPBCT_*. */;
      readonly type: number;
      readonly flags: number;
    }
  | {
      readonly kind: 'bundle_add_message';
      readonly bundleId: number;
      readonly flags: number /** The whole inner message. */;
      readonly message: Uint8Array;
    }
  // Multipart
  | { readonly kind: 'desc_stats_request' }
  | {
      readonly kind: 'desc_stats_reply';
      readonly mfrDesc: string;
      readonly hwDesc: string;
      readonly swDesc: string;
      readonly serialNum: string;
      readonly dpDesc: string;
    }
  | ({ readonly kind: 'flow_stats_request' } & FlowStatsRequest)
  | { readonly kind: 'flow_stats_reply'; readonly flows: readonly FlowStats[] }
  | ({ readonly kind: 'aggregate_stats_request' } & FlowStatsRequest)
  | {
      readonly kind: 'aggregate_stats_reply';
      readonly packetCount: bigint;
      readonly byteCount: bigint;
      readonly flowCount: number;
    }
  | { readonly kind: 'table_stats_request' }
  | { readonly kind: 'table_stats_reply'; readonly tables: readonly TableStats[] }
  | { readonly kind: 'port_stats_request' /** OFPP_ANY for all. */; readonly port: number }
  | { readonly kind: 'port_stats_reply'; readonly ports: readonly PortStats[] }
  | { readonly kind: 'queue_stats_request'; readonly port: number; readonly queue: number }
  | { readonly kind: 'queue_stats_reply'; readonly queues: readonly QueueStats[] }
  | { readonly kind: 'group_stats_request'; readonly groupId: number }
  | { readonly kind: 'group_stats_reply'; readonly groups: readonly GroupStats[] }
  | { readonly kind: 'group_desc_stats_request'; readonly groupId: number }
  | { readonly kind: 'group_desc_stats_reply'; readonly groups: readonly GroupDesc[] }
  | { readonly kind: 'group_features_stats_request' }
  | ({ readonly kind: 'group_features_stats_reply' } & GroupFeatures)
  | { readonly kind: 'meter_stats_request'; readonly meterId: number }
  | { readonly kind: 'meter_stats_reply'; readonly meters: readonly MeterStats[] }
  | { readonly kind: 'meter_config_stats_request'; readonly meterId: number }
  | { readonly kind: 'meter_config_stats_reply'; readonly meters: readonly MeterConfig[] }
  | { readonly kind: 'meter_features_stats_request' }
  | ({ readonly kind: 'meter_features_stats_reply' } & MeterFeatures)
  | { readonly kind: 'table_features_stats_request'; readonly tables: readonly TableFeatures[] }
  | { readonly kind: 'table_features_stats_reply'; readonly tables: readonly TableFeatures[] }
  | { readonly kind: 'table_desc_request' }
  | { readonly kind: 'table_desc_reply'; readonly tables: readonly TableConfig[] }
  | {
      readonly kind: 'port_desc_stats_request' /** OpenFlow 1.5 can ask for one port. */;
      readonly port: number;
    }
  | { readonly kind: 'port_desc_stats_reply'; readonly ports: readonly PhyPort[] }
  | { readonly kind: 'flow_monitor_stats_request'; readonly requests: readonly FlowMonitorRequest[] }
  | { readonly kind: 'flow_monitor_stats_reply'; readonly updates: readonly FlowUpdate[] }
  | { readonly kind: 'ipfix_bridge_stats_request' }
  | ({ readonly kind: 'ipfix_bridge_stats_reply' } & IpfixStats)
  | { readonly kind: 'ipfix_flow_stats_request' }
  | { readonly kind: 'ipfix_flow_stats_reply'; readonly stats: readonly IpfixStats[] }
  // Nicira
  | { readonly kind: 'set_flow_format'; readonly format: 'openflow10' | 'nxm' | 'unknown' }
  | { readonly kind: 'flow_mod_table_id'; readonly enable: boolean }
  | { readonly kind: 'set_packet_in_format'; readonly format: PacketInFormat }
  | { readonly kind: 'flow_age' }
  | { readonly kind: 'set_controller_id'; readonly controllerId: number }
  | {
      readonly kind: 'nxt_tlv_table_mod';
      readonly command: 'add' | 'delete' | 'clear';
      readonly mappings: readonly TlvMap[];
    }
  | { readonly kind: 'nxt_tlv_table_request' }
  | {
      readonly kind: 'nxt_tlv_table_reply';
      readonly maxOptionSpace: number;
      readonly maxFields: number;
      readonly mappings: readonly TlvMap[];
    }
  | ({ readonly kind: 'nxt_resume' } & PacketIn)
  | { readonly kind: 'ct_flush_zone'; readonly zone: number }
  | ({ readonly kind: 'ct_flush' } & CtMatch)
  | { readonly kind: 'flow_monitor_cancel'; readonly id: number }
  | { readonly kind: 'flow_monitor_paused' }
  | { readonly kind: 'flow_monitor_resumed' };

export interface PartialAsyncConfig {
  readonly primary: Readonly<Partial<Record<AsyncType, number>>>;
  readonly secondary: Readonly<Partial<Record<AsyncType, number>>>;
}
