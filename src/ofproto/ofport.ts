/**
 * A port of a bridge as OpenFlow sees it: number, name, configuration and state bits. Its datapath side
 * (`OfportDpif`) belongs to the provider. Owned by `Ofproto`; C counterpart: struct ofport.
 */
import type { Netdev } from '../datapath/netdev-provider.ts';
import { PC, type PhyPort, PS } from '../openflow/messages/message.ts';

export class Ofport {
  readonly netdev: Netdev;
  /** 32-bit OpenFlow number. */
  readonly ofpPort: number;
  readonly name: string;
  readonly createdMs: number;
  /** PC bits. */
  config = 0;
  /** PS bits. */
  state = 0;
  /** The port can send: it has carrier, and nothing that watches it (CFM, BFD, LACP) says otherwise. New ports cannot. */
  mayEnable = false;
  /** What those who watch it say. */
  isHealthy = true;

  constructor(netdev: Netdev, ofpPort: number, createdMs: number) {
    this.netdev = netdev;
    this.ofpPort = ofpPort;
    this.name = netdev.name;
    this.createdMs = createdMs;
    this.refresh();
  }

  /** Brings the bits that follow from the device up to date. */
  refresh(): void {
    const link = this.netdev.link();
    this.config = link.up ? this.config & ~PC.PORT_DOWN : this.config | PC.PORT_DOWN;
    this.state = link.carrier ? this.state & ~PS.LINK_DOWN : this.state | PS.LINK_DOWN;
    this.refreshLive();
  }

  /** @returns whether `mayEnable` changed */
  refreshEnabled(): boolean {
    const enable = this.isHealthy && this.netdev.link().carrier;
    if (enable === this.mayEnable) return false;
    this.mayEnable = enable;
    this.refreshLive();
    return true;
  }

  /** Brings PS.LIVE up to date with the other bits and `mayEnable`. */
  refreshLive(): void {
    const live = this.mayEnable && !(this.config & PC.PORT_DOWN) && !(this.state & PS.LINK_DOWN);
    this.state = live ? this.state | PS.LIVE : this.state & ~PS.LIVE;
  }

  /** As controllers see it. */
  describe(): PhyPort {
    const link = this.netdev.link();
    return {
      portNo: this.ofpPort,
      hwAddr: BigInt(this.netdev.mac()),
      name: this.name,
      config: this.config,
      state: this.state,
      curr: link.current,
      advertised: link.advertised,
      supported: link.supported,
      peer: link.peer,
      currSpeed: speedKbps(link.current),
      maxSpeed: speedKbps(link.supported),
    };
  }
}

/** Whether two descriptions differ in what a port-status message reports. */
export function sameDescription(a: PhyPort, b: PhyPort): boolean {
  return (
    a.hwAddr === b.hwAddr &&
    a.config === b.config &&
    a.state === b.state &&
    a.curr === b.curr &&
    a.advertised === b.advertised &&
    a.supported === b.supported &&
    a.peer === b.peer
  );
}

/** Bits of OFPPF_* that stand for a speed, with it in kbps, fastest first. */
const SPEEDS: readonly (readonly [number, number])[] = [
  [1 << 9, 1_000_000_000],
  [1 << 8, 100_000_000],
  [1 << 7, 40_000_000],
  [1 << 6, 10_000_000],
  [(1 << 5) | (1 << 4), 1_000_000],
  [(1 << 3) | (1 << 2), 100_000],
  [(1 << 1) | (1 << 0), 10_000],
];

/** The highest speed among the features; 0 when they name none. */
export function speedKbps(features: number): number {
  for (const [bits, kbps] of SPEEDS) if (features & bits) return kbps;
  return 0;
}
