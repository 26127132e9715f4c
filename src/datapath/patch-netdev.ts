/**
 * Patch ports: one end of a cable between two bridges. Packets never pass through the device, translation does the
 * step; here are only its options and the counters that translation credits. C counterpart: lib/netdev-vport.c.
 */
import {
  type Mac,
  type Netdev,
  type NetdevLink,
  type NetdevProvider,
  type NetdevStats,
  UNKNOWN_COUNTER,
} from './netdev-provider.ts';

let patchesMade = 0;

export class PatchNetdev implements Netdev {
  readonly name: string;
  readonly type = 'patch';
  changeSeq = 1;
  readonly vanished = false;
  changed: () => void = () => {};
  #mac: Mac = 0x020000000000 + patchesMade++;
  #peer = '';
  readonly #stats = { rxPackets: 0, txPackets: 0, rxBytes: 0, txBytes: 0 };

  constructor(name: string) {
    this.name = name;
  }

  /** Name of the port at the other end; '' before it is configured. */
  get peer(): string {
    return this.#peer;
  }
  /** Counts packets that passed: in from the peer (rx) or out to it (tx). */
  credit(direction: 'rx' | 'tx', packets: number, bytes: number): void {
    if (direction === 'rx') {
      this.#stats.rxPackets += packets;
      this.#stats.rxBytes += bytes;
    } else {
      this.#stats.txPackets += packets;
      this.#stats.txBytes += bytes;
    }
  }

  ifindex(): number {
    return 0;
  }
  mac(): Mac {
    return this.#mac;
  }
  setMac(mac: Mac): void {
    this.#mac = mac;
    this.#notify();
  }
  mtu(): undefined {
    return undefined;
  }
  setMtu(_mtu: number): void {}
  link(): NetdevLink {
    return {
      up: true,
      carrier: true,
      carrierResets: 0,
      speedBps: 0,
      fullDuplex: false,
      current: 0,
      advertised: 0,
      supported: 0,
      peer: 0,
    };
  }
  setUp(_up: boolean): void {}
  stats(): NetdevStats {
    return {
      ...this.#stats,
      rxErrors: UNKNOWN_COUNTER,
      txErrors: UNKNOWN_COUNTER,
      rxDropped: UNKNOWN_COUNTER,
      txDropped: UNKNOWN_COUNTER,
      rxCrcErrors: UNKNOWN_COUNTER,
      rxFrameErrors: UNKNOWN_COUNTER,
      rxOverErrors: UNKNOWN_COUNTER,
      collisions: UNKNOWN_COUNTER,
    };
  }
  status(): ReadonlyMap<string, string> {
    return new Map();
  }

  configure(options: ReadonlyMap<string, string>): void {
    const peer = options.get('peer');
    if (peer === undefined) throw new Error(`${this.name}: patch type requires valid 'peer' argument`);
    if ([...options.keys()].some((key) => key !== 'peer'))
      throw new Error(`${this.name}: patch type takes only a 'peer' argument`);
    if (peer === this.name) throw new Error(`${this.name}: patch peer must not be self`);
    if (peer === this.#peer) return;
    this.#peer = peer;
    this.#notify();
  }
  config(): ReadonlyMap<string, string> {
    return new Map(this.#peer === '' ? [] : [['peer', this.#peer]]);
  }
  openIo(): undefined {
    return undefined;
  }
  close(): void {}

  #notify(): void {
    this.changeSeq++;
    this.changed();
  }
}

export const patchProvider: NetdevProvider = { type: 'patch', open: (name) => new PatchNetdev(name) };
