/**
 * The seam between the switch and network devices: Linux devices, taps, dummies, patches, tunnels.
 *
 * A {@link Netdev} is configuration and status, cheap and synchronous to ask; its packets flow through a
 * {@link NetdevIo}, which the userspace datapath opens. Devices report changes (link, MTU, address, removal) by
 * calling `changed`. C counterpart: lib/netdev-provider.h.
 */

/** 48-bit MAC address as a number below 2**48. */
export type Mac = number;

export interface NetdevStats {
  rxPackets: number;
  txPackets: number;
  rxBytes: number;
  txBytes: number;
  rxErrors: number;
  txErrors: number;
  rxDropped: number;
  txDropped: number;
  rxCrcErrors: number;
  rxFrameErrors: number;
  rxOverErrors: number;
  collisions: number;
  /** Counters that only this type of device has (Interface:statistics shows them too). */
  custom?: ReadonlyMap<string, number>;
}

export interface NetdevLink {
  /** Administratively up. */
  readonly up: boolean;
  readonly carrier: boolean;
  /** How often the carrier came or went since the device was opened. */
  readonly carrierResets: number;
  readonly speedBps: number;
  readonly fullDuplex: boolean;
  /** OFPPF_* bits. */
  readonly current: number;
  readonly advertised: number;
  readonly supported: number;
  readonly peer: number;
}

export interface Netdev {
  readonly name: string;
  /** Interface:type: 'system', 'internal', 'tap', 'dummy', 'patch', 'vxlan' ... */
  readonly type: string;
  /** Kernel interface index; 0 when there is none. */
  ifindex(): number;
  mac(): Mac;
  /** @throws SystemError */
  setMac(mac: Mac): void;
  /** @returns undefined for devices without an MTU (patch, tunnels) */
  mtu(): number | undefined;
  /** @throws SystemError */
  setMtu(mtu: number): void;
  link(): NetdevLink;
  /** @throws SystemError */
  setUp(up: boolean): void;
  stats(): NetdevStats;
  /** Interface:status. */
  status(): ReadonlyMap<string, string>;
  /** Applies Interface:options.
   * @throws Error with the text that goes to Interface:error */
  configure(options: ReadonlyMap<string, string>): void;
  config(): ReadonlyMap<string, string>;
  /** Grows whenever something above may have changed. */
  readonly changeSeq: number;
  /** The device under it is gone for good (deleted); it must be closed and opened anew. */
  readonly vanished: boolean;
  /** Called after `changeSeq` grew. One listener: the registry. */
  changed: () => void;
  /** Opens the packet queues; undefined for devices that have none (patch, tunnels).
   * @throws SystemError */
  openIo(): NetdevIo | undefined;
  close(): void;
}

export interface NetdevProvider {
  readonly type: string;
  /** Creates or opens the device.
   * @throws SystemError e.g. ENODEV when a system device does not exist */
  open(name: string): Netdev;
}

/**
 * Memory that packets lie in, seen three ways, and the address that the kernel knows it by (of its first byte;
 * 0 for memory that only this process uses).
 */
export interface PacketMemory {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly address: number;
}

export const BATCH_SIZE = 32;

/**
 * Up to 32 packets in one memory. `offset` is the byte at which the Ethernet header starts, 2 modulo 4, so that
 * the IP header is 4-aligned; at least 64 writable bytes lie before it. The offload columns are those of
 * struct virtio_net_hdr, for frames whose checksum or segmentation the sender left to us.
 */
export class PacketBatch {
  memory!: PacketMemory;
  count = 0;
  readonly offset: Int32Array = new Int32Array(BATCH_SIZE);
  readonly length: Int32Array = new Int32Array(BATCH_SIZE);
  /** virtio_net_hdr: flags | gso_type << 8 | gso_size << 16; 0 for a complete frame. */
  readonly offload: Int32Array = new Int32Array(BATCH_SIZE);
  /** virtio_net_hdr: csum_start | csum_offset << 16, csum_start from the Ethernet header. */
  readonly checksum: Int32Array = new Int32Array(BATCH_SIZE);
}

export interface NetdevIo {
  /** Can take frames with unfinished checksums and larger than the MTU (virtio_net_hdr); otherwise the
   * datapath finishes and segments them before `transmit`. */
  readonly takesOffloads: boolean;
  /** Fills `batch` with what has arrived; returns its count. The memory stays the batch's until `release`. */
  receive(batch: PacketBatch): number;
  release(batch: PacketBatch): void;
  /** Queues packet `i` of `batch` for transmission, without copying where the device can do so; what is queued
   * is only sent (and its memory only free) after `flush`. */
  transmit(batch: PacketBatch, i: number): void;
  flush(): void;
  /** Called (in the event loop) when packets have arrived and `receive` is worth a try. */
  onReadable: (() => void) | undefined;
  close(): void;
}
