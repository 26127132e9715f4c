/** What is configured of a controller: a row of the Controller table, or a management listener. */
import type { VersionBitmap } from '../../openflow/version.ts';

/** A primary controller decides over the switch; a service connection (ovs-ofctl's) just uses it. */
export type ControllerType = 'primary' | 'service';

export interface ControllerSettings {
  readonly type: ControllerType;
  /** Seconds; 0 for the default of 8. */
  readonly maxBackoff: number;
  /** Seconds of silence after which the peer is probed; 0: never. */
  readonly probeInterval: number;
  /** Whether asynchronous messages are on from the start. */
  readonly enableAsyncMessages: boolean;
  /** 0 for all. */
  readonly allowedVersions: VersionBitmap;
  /** Packet-ins that may be queued for sending. */
  readonly maxPacketInQueue: number;
  /** Packet-ins a second and at once; 0: no limit. */
  readonly rateLimit: number;
  readonly burstLimit: number;
}

export const DEFAULT_CONTROLLER: ControllerSettings = {
  type: 'primary',
  maxBackoff: 8,
  probeInterval: 5,
  enableAsyncMessages: true,
  allowedVersions: 0,
  maxPacketInQueue: 100,
  rateLimit: 0,
  burstLimit: 0,
};

/** Of the listener that ovs-ofctl connects to, `punix:RUNDIR/BRIDGE.mgmt`. */
export const MANAGEMENT_SERVICE: ControllerSettings = {
  ...DEFAULT_CONTROLLER,
  type: 'service',
  maxBackoff: 0,
  probeInterval: 0,
};
