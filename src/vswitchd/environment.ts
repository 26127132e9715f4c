/** What the switch needs from below and beside: devices, datapaths, connection managers. */
import type { Host } from '../base/host.ts';
import type { NetdevRegistry } from '../datapath/netdev-registry.ts';
import type { Backers } from '../ofproto/dpif/backer.ts';
import type { OfprotoDpif } from '../ofproto/dpif/ofproto-dpif.ts';
import type { VersionBitmap } from '../openflow/version.ts';

export type FailMode = 'standalone' | 'secure';

/** A controller to connect to, or to listen for. */
export interface ControllerSettings {
  readonly target: string;
  /** A primary controller takes part in roles and fail modes, a service only answers. */
  readonly type: 'primary' | 'service';
  readonly maxBackoffMs: number;
  /** 0 for no probes. */
  readonly probeIntervalMs: number;
  readonly inBand: boolean;
  /** Whether a service gets asynchronous messages. */
  readonly asyncMessages: boolean;
  /** 0 for all that are supported. */
  readonly allowedVersions: VersionBitmap;
  /** Packet-ins that may wait. */
  readonly queueSize: number;
  /** Packet-ins a second; 0 for no limit. */
  readonly rateLimit: number;
  readonly burstLimit: number;
  readonly dscp: number;
}

/** What the Controller table shows of a connection. */
export interface ControllerStatus {
  readonly isConnected: boolean;
  readonly role: 'other' | 'master' | 'slave' | undefined;
  readonly status: ReadonlyMap<string, string>;
}

/** The OpenFlow connections of one bridge, as the configuration sees them. */
export interface ConnectionManager {
  setControllers(controllers: readonly ControllerSettings[]): void;
  setFailMode(mode: FailMode): void;
  /** Passive targets on which connections can be watched. */
  setSnoops(targets: readonly string[]): void;
  /** By target, of those that the switch connects to. */
  controllers(): ReadonlyMap<string, ControllerStatus>;
  /** Drops all connections to controllers and connects anew. */
  reconnect(): void;
  close(): void;
}

export interface SwitchEnvironment {
  readonly host: Host;
  readonly devices: NetdevRegistry;
  readonly backers: Backers;
  /** Types of datapaths that bridges may have, for the database. */
  readonly datapathTypes: readonly string[];
  /** The datapath type of a bridge that names none. */
  readonly defaultDatapathType: string;
  /** The device type that takes the place of 'internal' on a datapath. */
  internalType(datapathType: string): string;
  /** Bridge:datapath_version. */
  datapathVersion(datapathType: string): string;
  /** Whether what the database names is kept to our own directory. */
  readonly confined: boolean;
  connect(bridge: OfprotoDpif): ConnectionManager;
}
