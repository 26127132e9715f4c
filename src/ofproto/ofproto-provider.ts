/**
 * What the core asks of the datapath side of a bridge (`dpif/`), and tells it. Calls come in the thread of the
 * event loop, after the core's own state has changed, unless said otherwise.
 * C counterpart: struct ofproto_class of ofproto/ofproto-provider.h.
 */
import type { Flow } from '../flow/layout.ts';
import type { OfpAct } from '../openflow/actions/action.ts';
import type { Message, MeterStats, PortStats } from '../openflow/messages/message.ts';
import type { Group } from './group.ts';
import type { Meter } from './meter.ts';
import type { Ofport } from './ofport.ts';
import type { Rule } from './rule.ts';

/** A packet that a controller sends. */
export interface PacketToSend {
  /** Ours to keep and change. */
  readonly packet: Uint8Array;
  /** The packet's flow: in_port and other metadata as the controller gave them, headers as extracted. */
  readonly flow: Flow;
  readonly actions: readonly OfpAct[];
}

export interface OfprotoProvider {
  /** Adds the port to the datapath; its number is settled and no other port has it.
   * @throws SystemError when the datapath refuses */
  portAdd(port: Ofport): void;
  portDel(port: Ofport): void;
  /** Configuration bits, state bits or the device's own properties changed. */
  portChanged(port: Ofport, oldConfig: number): void;
  /** Statistics for OpenFlow beyond those of the device, e.g. of patch ports. Absent: the device's. */
  portStats?(port: Ofport): Partial<PortStats>;

  /** A new rule is in its table (perhaps in the place of `replaced`). Revalidation is due. */
  ruleInserted(rule: Rule, replaced: Rule | undefined): void;
  ruleDeleted(rule: Rule): void;
  /** Lookups use this version of the tables from now on: cached translations must be checked. */
  tablesChanged(version: number): void;
  /** OFPC_FRAG_*: how fragments are handled. */
  setFragHandling?(frag: number): void;

  /** Buckets, type or properties changed, or the group is new. */
  groupChanged(group: Group): void;
  groupDeleted(group: Group): void;

  /** Sets up or changes a meter in the datapath.
   * @throws OfpError */
  meterSet(meter: Meter): void;
  meterDelete(meter: Meter): void;
  meterStats(meter: Meter): Pick<MeterStats, 'packetInCount' | 'byteInCount' | 'bands'>;
  readonly meterFeatures: {
    readonly maxMeters: number;
    readonly bandTypes: number;
    readonly capabilities: number;
    readonly maxBands: number;
    readonly maxColor: number;
  };

  /** Sends a packet through actions. The actions have been checked. @throws OfpError */
  packetOut(packet: PacketToSend): void;
  /**
   * As {@link packetOut} in two steps, with the flow tables as they are in `version`: translates the packet, and
   * returns what sends it. @throws OfpError
   */
  preparePacketOut?(packet: PacketToSend, version: number): () => void;
  /** Goes on with a packet that a controller paused. @throws OfpError NXR_STALE and others */
  resume?(message: Message<'nxt_resume'>): void;
  /** Forgets tracked connections. */
  ctFlush?(message: Message<'ct_flush'> | Message<'ct_flush_zone'>): void;
}

/** Of a bridge whose datapath side is being made. */
export const NO_PROVIDER: OfprotoProvider = {
  portAdd: () => {},
  portDel: () => {},
  portChanged: () => {},
  ruleInserted: () => {},
  ruleDeleted: () => {},
  tablesChanged: () => {},
  groupChanged: () => {},
  groupDeleted: () => {},
  meterSet: () => {},
  meterDelete: () => {},
  meterStats: () => ({ packetInCount: 0n, byteInCount: 0n, bands: [] }),
  meterFeatures: { maxMeters: 0, bandTypes: 0, capabilities: 0, maxBands: 0, maxColor: 0 },
  packetOut: () => {},
};
