/**
 * The seam between the switch and its datapaths: what ofproto asks of any of them (userspace, kernel, eBPF).
 *
 * It is shaped like messages, as the kernel's interface is: operations come in batches and may be answered
 * later, so that a datapath can live in this thread, in workers or in the kernel. A datapath in this thread
 * answers before `operate` returns. Flow keys at this seam hold datapath port numbers in `F.IN_PORT`.
 * C counterpart: lib/dpif-provider.h.
 */
import type { Flow } from '../flow/layout.ts';
import type { OdpAction } from '../odp/action.ts';
import type { CtTuple } from '../openflow/messages/message.ts';
import type { Netdev } from './netdev-provider.ts';

/** 128-bit unique flow identifier as 32 lower-case hexadecimal digits. */
export type Ufid = string;

export interface FlowStats {
  packets: number;
  bytes: number;
  /** Monotonic ms of the last packet; 0 when there was none. */
  usedMs: number;
  tcpFlags: number;
}

export interface DpifFlow {
  readonly ufid: Ufid;
  readonly key: Flow;
  readonly mask: Flow;
  readonly actions: readonly OdpAction[];
  readonly stats: FlowStats;
}

export type DpifOp =
  | {
      readonly kind: 'flow_put';
      readonly ufid: Ufid;
      readonly key: Flow;
      readonly mask: Flow;
      readonly actions: readonly OdpAction[];
      readonly create: boolean;
      readonly modify: boolean;
    }
  | { readonly kind: 'flow_del'; readonly ufid: Ufid }
  | {
      readonly kind: 'execute';
      readonly packet: Uint8Array;
      /** Metadata words (in_port, marks, tunnel, ct) are taken from here. */
      readonly key: Flow;
      readonly actions: readonly OdpAction[];
      readonly mtu: number;
      /** From the upcall that brought the packet. */
      readonly offload?: PacketOffload | undefined;
    };

/** Outcome of one operation: a positive errno or 0, and for `flow_del` the flow's last statistics. */
export interface DpifResult {
  readonly errno: number;
  readonly stats?: FlowStats;
}

/** For a packet that its sender left to the switch to cut into segments: opaque to the receiver of the upcall. */
export interface PacketOffload {
  readonly offload: number;
  readonly checksum: number;
}

export interface DpifUpcall {
  /** `miss`: no flow matched. `action`: a userspace action sent it. */
  readonly reason: 'miss' | 'action';
  /** The whole frame, a copy that the receiver owns. */
  readonly packet: Uint8Array;
  /** Metadata and headers as the datapath parsed them. */
  readonly key: Flow;
  /** The userspace action that sent it, for `action`. */
  readonly action: Extract<OdpAction, { kind: 'userspace' }> | undefined;
  /** For `withActions`: all the actions of the flow. */
  readonly actions: readonly OdpAction[] | undefined;
  /** For `miss` in a datapath that waits for the answer: the packet itself is executed by the receiver. */
  readonly ufid: Ufid | undefined;
  /** To hand back with `execute`; undefined for complete frames. */
  readonly offload?: PacketOffload | undefined;
}

export interface DpifPort {
  readonly portNo: number;
  readonly name: string;
  /** Type as the datapath names it: 'system', 'internal', 'tap', 'dummy', 'vxlan' ... */
  readonly type: string;
}

export interface DpifStats {
  readonly hit: number;
  readonly missed: number;
  readonly lost: number;
  readonly flows: number;
  readonly masksHit: number;
  readonly masks: number;
  readonly cacheHits: number;
}

/** A meter as OFPMC_ADD describes it. */
export interface MeterConfig {
  /** Rates are kilobits or packets a second. */
  readonly unit: 'kbps' | 'pktps';
  /** `burst` in the unit's kilobits or packets; 0 for none given. */
  readonly bands: readonly {
    readonly type: 'drop' | 'dscp_remark';
    readonly rate: number;
    readonly burst: number;
  }[];
}

export interface MeterStats {
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly bands: readonly { readonly packets: number; readonly bytes: number }[];
}

/** A tracked connection. */
export interface CtEntry {
  readonly zone: number;
  readonly ipProto: number;
  readonly l3Type: 4 | 6;
  /** As its first packet had it, and as its answers have it. */
  readonly orig: CtTuple;
  readonly reply: CtTuple;
  readonly mark: number;
  readonly labels: bigint;
  /** Seconds until it is forgotten if nothing more of it comes. */
  readonly timeoutS: number;
  readonly tcp: CtTcp | undefined;
}

/** Of each side: the one that opened the connection, then the other. */
export interface CtTcp {
  /** Numbers of the states of conntrack's tools. */
  readonly states: readonly [number, number];
  /** Exponents of the windows; undefined without that option. */
  readonly scales: readonly [number | undefined, number | undefined];
  /** Taken up in mid-connection. */
  readonly liberal: readonly [boolean, boolean];
}

/** How many connections a zone may have, and has. */
export interface CtZoneLimit {
  /** undefined: what goes for zones that have no limit of their own. */
  readonly zone: number | undefined;
  readonly limit: number;
  readonly count: number;
}

/** Connection tracking, to look into and to set up. */
export interface DpifConntrack {
  /** Of a zone, or all. */
  entries(zone?: number): Iterable<CtEntry>;
  /** Forgets the connections of a zone, or of all, that `matches` picks. @returns how many */
  flush(zone?: number, matches?: (entry: CtEntry) => boolean): number;
  readonly count: number;
  maxConnections: number;
  checkTcpSequence: boolean;
  /** How often it looks for connections that have expired. */
  sweepIntervalMs: number;
  setZoneLimit(zone: number | undefined, limit: number): void;
  deleteZoneLimit(zone: number | undefined): void;
  /** The default one's and those of the zones asked for, or of all that have one. */
  zoneLimits(zones: readonly number[]): readonly CtZoneLimit[];
}

export interface Dpif {
  /** 'netdev', 'system', 'ebpf', 'dummy'. */
  readonly type: string;
  /** e.g. 'ovs-netdev'. */
  readonly name: string;
  /** Adds a device as a port. The datapath owns the device's queues until `portDel`, not the device.
   * @param portNo wanted number, or undefined for any
   * @throws SystemError EBUSY, EFBIG, ENODEV ... */
  portAdd(netdev: Netdev, portNo?: number): number;
  portDel(portNo: number): void;
  ports(): readonly DpifPort[];
  operate(ops: readonly DpifOp[], done?: (results: readonly DpifResult[]) => void): void;
  /** Visits all flows in batches; concurrent changes may or may not be seen. */
  dumpFlows(batch: (flows: readonly DpifFlow[]) => void, done: () => void): void;
  flowGet(ufid: Ufid): DpifFlow | undefined;
  /** Reads the counters alone; cheap enough to be called for every flow every second. */
  flowStats(ufid: Ufid, into: FlowStats): boolean;
  flushFlows(): void;
  stats(): DpifStats;
  /** Exactly one receiver; upcalls come in batches. A receiver answers a miss by `flow_put` and `execute`. */
  setUpcallReceiver(receiver: ((upcalls: readonly DpifUpcall[]) => void) | undefined): void;
  /** The device type to open for a port of Interface:type `type`, e.g. 'tap' for 'internal'. */
  portOpenType(type: string): string;
  /** Makes or replaces a meter. @throws SystemError EFBIG, EINVAL */
  meterSet(id: number, config: MeterConfig): void;
  /** A meter's counters; undefined if there is no such meter. */
  meterGet(id: number): MeterStats | undefined;
  /** Deletes it and returns its last counters. */
  meterDel(id: number): MeterStats | undefined;
  /** undefined for datapaths that do not track connections, or do not let us see. */
  readonly conntrack?: DpifConntrack;
  /** Options of the Open_vSwitch table's other_config that concern the datapath. */
  configure(options: ReadonlyMap<string, string>): void;
  close(): void;
}
