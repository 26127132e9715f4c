/** What a link protocol (CFM, BFD, LACP, STP, RSTP, LLDP) is to translation: it takes packets of its own. */
import type { Flow } from '../../flow/layout.ts';

export interface PortProtocol {
  /** The SLOW bit of its packets. */
  readonly slow: number;
  /** Whether a packet received on the port is the protocol's; un-wildcards in `wc` what it looked at. */
  shouldProcess(flow: Flow, wc: Flow): boolean;
  process(packet: Uint8Array, flow: Flow): void;
  /** Whether the protocol's own packets may leave although spanning tree blocks the port (CFM, BFD). */
  readonly passesBlockedPorts: boolean;
}
