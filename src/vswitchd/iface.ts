/**
 * An interface: a device that is open and a port of its bridge; what its row says of it.
 * Interfaces that cannot be opened have no object, only an error in their row.
 */
import { SystemError } from '../base/host.ts';
import type { Netdev, NetdevStats } from '../datapath/netdev-provider.ts';
import { formatMacNumber, parseMac } from '../flow/text.ts';
import type { ValuesOf } from '../ovsdb/idl/row.ts';
import type { OvsRow } from './configuration.ts';
import type { IfaceConfig, Port } from './port.ts';

type InterfaceValues = ValuesOf<OvsRow<'Interface'>>;

/** Highest OpenFlow 1.0 port number of a physical port, plus 1. */
const OFPP_MAX = 0xff00;

export class Iface {
  readonly name: string;
  readonly port: Port;
  readonly netdev: Netdev;
  readonly ofpPort: number;
  config: IfaceConfig;
  /** Interface:type with its defaults: 'internal' for local ports, 'system' for none. */
  type: string;
  /** The device's `changeSeq` when its status was last written. */
  #writtenSeq = -1;

  constructor(port: Port, config: IfaceConfig, type: string, netdev: Netdev, ofpPort: number) {
    this.name = config.name;
    this.port = port;
    this.config = config;
    this.type = type;
    this.netdev = netdev;
    this.ofpPort = ofpPort;
  }

  /** The port's number as the database and OpenFlow 1.0 know it, of 16 bits. */
  get ofport(): number {
    return this.ofpPort & 0xffff;
  }

  /** Whether `status` has something new since {@link statusWritten}. */
  get hasNewStatus(): boolean {
    return this.netdev.changeSeq !== this.#writtenSeq;
  }
  statusWritten(): void {
    this.#writtenSeq = this.netdev.changeSeq;
  }

  status(): InterfaceValues {
    const { netdev } = this;
    const link = netdev.link();
    return {
      status: netdev.status(),
      admin_state: link.up ? 'up' : 'down',
      link_state: link.carrier ? 'up' : 'down',
      link_resets: link.carrierResets,
      duplex: link.speedBps > 0 ? (link.fullDuplex ? 'full' : 'half') : undefined,
      link_speed: link.speedBps > 0 ? link.speedBps : undefined,
      mtu: netdev.mtu(),
      mac_in_use: formatMacNumber(netdev.mac()),
      ifindex: netdev.ifindex(),
    };
  }

  statistics(): InterfaceValues {
    return { statistics: statisticsMap(this.netdev.stats()) };
  }
}

const COUNTERS: readonly (readonly [keyof NetdevStats, string])[] = [
  ['rxPackets', 'rx_packets'],
  ['txPackets', 'tx_packets'],
  ['rxBytes', 'rx_bytes'],
  ['txBytes', 'tx_bytes'],
  ['rxDropped', 'rx_dropped'],
  ['txDropped', 'tx_dropped'],
  ['rxErrors', 'rx_errors'],
  ['txErrors', 'tx_errors'],
  ['rxFrameErrors', 'rx_frame_err'],
  ['rxOverErrors', 'rx_over_err'],
  ['rxCrcErrors', 'rx_crc_err'],
  ['collisions', 'collisions'],
];

/** Without the counters that the device does not keep. */
function statisticsMap(stats: NetdevStats): ReadonlyMap<string, number> {
  const map = new Map<string, number>();
  for (const [member, name] of COUNTERS) {
    const value = stats[member] as number;
    if (value >= 0) map.set(name, value);
  }
  for (const [name, value] of stats.custom ?? []) map.set(name, value);
  return map;
}

/** What the row of an interface says that does not work. */
export const failedInterface = (error: string | undefined): InterfaceValues => ({
  ofport: -1,
  error,
  status: new Map(),
  admin_state: undefined,
  duplex: undefined,
  link_speed: undefined,
  link_state: undefined,
  mac_in_use: undefined,
  mtu: undefined,
  cfm_fault: undefined,
  cfm_fault_status: [],
  cfm_remote_mpids: [],
  lacp_current: undefined,
  statistics: new Map(),
  ifindex: undefined,
});

const validPort = (n: number | undefined): number | undefined =>
  n !== undefined && n >= 1 && n < OFPP_MAX ? n : undefined;

/** The OpenFlow port number that the user asked for. */
export const requestedPort = ({ row }: IfaceConfig): number | undefined => validPort(row?.ofport_request);

/** That, or the one that the interface had before. */
export const preferredPort = (config: IfaceConfig): number | undefined =>
  requestedPort(config) ?? validPort(config.row?.ofport);

/** The address in a column or option; undefined for none or a malformed one. */
export function macOf(text: string | undefined): number | undefined {
  const mac = text === undefined ? undefined : parseMac(text);
  return mac === undefined ? undefined : Number(mac);
}

/** The reason why a device does not work, for users. */
export const reason = (error: unknown): string =>
  error instanceof SystemError || error instanceof Error ? error.message : String(error);
