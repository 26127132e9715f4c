/** What the switch needs from the machine that it runs on: devices and datapaths. */
import type { Host } from '../base/host.ts';
import type { NetdevRegistry } from '../datapath/netdev-registry.ts';
import type { Backers } from '../ofproto/dpif/backer.ts';

export interface SwitchEnvironment {
  readonly host: Host;
  /** Of this process, for messages. */
  readonly pid: number;
  readonly devices: NetdevRegistry;
  readonly backers: Backers;
  /** Types of datapaths that bridges may have, for the database. */
  readonly datapathTypes: readonly string[];
  /** The datapath type of a bridge that names none. */
  readonly defaultDatapathType: string;
  /** Bridge:datapath_version. */
  datapathVersion(datapathType: string): string;
  /** Whether sockets that the database names must be in our own directory. */
  readonly confined: boolean;
}
