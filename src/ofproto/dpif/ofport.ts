/**
 * A port of a bridge as forwarding sees it. Its OpenFlow side (name, configuration, statistics) is `Ofport` of
 * the core; this adds the datapath port, the bundle, the peer of a patch port.
 * Owned by its bridge. C counterpart: struct ofport_dpif and struct xport.
 */
import type { Netdev } from '../../datapath/netdev-provider.ts';
import type { Bundle } from './bundle.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';
import type { PortProtocol } from './port-protocol.ts';

/** What kind of packets a port carries: Ethernet, bare IP that the bridge sees as Ethernet, or anything. */
export type PacketTypeMode = 'legacy-l2' | 'legacy-l3' | 'ptap';

let nextSerial = 1;

export class OfportDpif {
  readonly serial: number = nextSerial++;
  readonly bridge: OfprotoDpif;
  readonly ofpPort: number;
  readonly name: string;
  netdev: Netdev;
  /** Datapath port number; undefined for patch ports. */
  odpPort: number | undefined;
  bundle: Bundle | undefined;
  /** The other end of a patch port. */
  peer: OfportDpif | undefined;
  /** PC bits. */
  config = 0;
  /** Fit to send: carrier up, and no fault that CFM or BFD knows of. */
  mayEnable = true;
  isTunnel = false;
  ptMode: PacketTypeMode = 'legacy-l2';
  /** DSCP value (in its place in the ToS byte) to mark packets of a queue with. */
  dscpOfPriority: ReadonlyMap<number, number> = new Map();
  /** Spanning tree: whether the port forwards, and whether it learns. */
  forwards = true;
  learns = true;
  /** Spanning tree's own packets may leave although the port does not forward. */
  managesBpdus = true;
  /** CFM, BFD, LACP, STP, LLDP where they run on the port: they take their own packets out of the traffic. */
  protocols: readonly PortProtocol[] = [];
  /** The port is gone; whoever still holds it must not use it. */
  removed = false;

  constructor(bridge: OfprotoDpif, ofpPort: number, name: string, netdev: Netdev) {
    this.bridge = bridge;
    this.ofpPort = ofpPort;
    this.name = name;
    this.netdev = netdev;
  }
}
