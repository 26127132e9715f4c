/**
 * The seam between the switch and network devices: Linux devices, taps, dummies, patches, tunnels.
 *
 * A {@link Netdev} is configuration and status, cheap and synchronous to ask; its packets flow through a
 * {@link NetdevIo}, which the userspace datapath opens. Devices report changes (link, MTU, address, removal) by
 * calling `changed`. C counterpart: lib/netdev-provider.h.
 */

/** 48-bit MAC address as a number below 2**48. */
export type Mac = number;

/** In {@link NetdevStats}: the device does not keep this counter. Shown as '?' and as all ones in OpenFlow. */
export const UNKNOWN_COUNTER = -1;

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

/** A queue that packets for transmission may be put into (QoS). */
export interface NetdevQueue {
  readonly id: number;
  /** undefined: not counted. */
  readonly txBytes: bigint | undefined;
  readonly txPackets: bigint | undefined;
  readonly txErrors: bigint | undefined;
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
  /** Its transmit queues, in the order of their numbers; absent for devices that never have any. */
  queues?(): readonly NetdevQueue[];
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
  openIo(arena: PacketArena): NetdevIo | undefined;
  close(): void;
}

export interface NetdevProvider {
  readonly type: string;
  /** Creates or opens the device.
   * @throws SystemError e.g. ENODEV when a system device does not exist */
  open(name: string): Netdev;
}

export const BATCH_SIZE = 32;

/** Largest frame: a 64 KB segment that the sender left to us to cut, with its headers. */
export const MAX_FRAME_BYTES = 65_536 + 64;

/**
 * All the memory that the packets of one datapath lie in. A packet is a byte offset into it: whether the kernel
 * wrote it into a mapped ring or a dummy device copied it, the hot path sees one set of typed arrays.
 */
export interface PacketArena {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  /** Where the kernel sees byte 0; 0 for memory that only this process uses. */
  readonly address: number;
  /** Takes `bytes` of memory, 4096-aligned, and returns its offset. @throws RangeError when there is none */
  allocate(bytes: number): number;
  free(offset: number, bytes: number): void;
  /**
   * Buffers for devices that copy what they receive: where the Ethernet header of packet `i` of the batch goes,
   * with room for {@link MAX_FRAME_BYTES}. Shared by all devices of the datapath, and free after `release`.
   */
  readonly receiveBuffers: Int32Array;
}

/**
 * Up to 32 packets in one arena. `offset` is the byte at which the Ethernet header starts, 2 modulo 4, so that
 * the IP header is 4-aligned; at least 64 writable bytes lie before it. The offload columns are those of
 * struct virtio_net_hdr, for frames whose checksum or segmentation the sender left to us.
 */
export class PacketBatch {
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
   * is only sent (and its memory only free) after `flush`. Bytes before the packet may be overwritten. */
  transmit(batch: PacketBatch, i: number): void;
  flush(): void;
  /** Called (in the event loop) when packets have arrived and `receive` is worth a try. */
  onReadable: (() => void) | undefined;
  close(): void;
}
