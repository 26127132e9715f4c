/**
 * Frames on their way out of one descriptor: iovecs that point into the arena, each with its virtio_net_hdr
 * written just before the frame.
 *
 * Nothing is allocated and no pointer is made per packet: the headers are laid out once, and queueing a frame is
 * ten 16-bit and two 32-bit stores. Used by packet sockets (sendmmsg of all) and by taps (writev of each).
 */
import type { PacketBatch } from '../../datapath/netdev-provider.ts';
import type { MappedArena } from '../ffi/mapped-arena.ts';

/** sizeof(struct virtio_net_hdr): flags, gso_type, hdr_len, gso_size, csum_start, csum_offset. */
export const VNET_HEADER_BYTES = 10;
export const VIRTIO_NET_HDR_F_NEEDS_CSUM = 1;
/** sizeof(struct iovec), sizeof(struct mmsghdr). */
const IOVEC_BYTES = 16;
export const MMSGHDR_BYTES = 64;
/** Frames in one system call. */
export const TX_SLOTS = 64;

const TCP_HEADER_BYTES = 20;

export class TxQueue {
  readonly arena: MappedArena;
  count = 0;
  /** Address of the mmsghdr array, of which element i sends frame i. */
  readonly headers: bigint;
  /** Address of each iovec. */
  readonly iovecs: readonly bigint[];
  readonly #block: number;
  /** The first iovec, as an index of 32-bit words. */
  readonly #iovecWord: number;
  readonly #i32: Int32Array;
  readonly #u16: Uint16Array;
  readonly #addressLow: number;

  constructor(arena: MappedArena) {
    this.arena = arena;
    this.#i32 = arena.i32;
    this.#u16 = arena.u16;
    this.#addressLow = arena.addressLow;
    this.#block = arena.allocate(TxQueue.#BYTES);
    const iovecs = this.#block + TX_SLOTS * MMSGHDR_BYTES;
    this.#iovecWord = iovecs >> 2;
    this.headers = arena.pointer(this.#block);
    this.iovecs = Array.from({ length: TX_SLOTS }, (_, i) => arena.pointer(iovecs + i * IOVEC_BYTES));
    const view = new DataView(arena.u8.buffer, this.#block, TxQueue.#BYTES);
    for (const [i, iovec] of this.iovecs.entries()) {
      view.setBigUint64(i * MMSGHDR_BYTES + 16, iovec, true);
      view.setBigUint64(i * MMSGHDR_BYTES + 24, 1n, true);
      view.setInt32(TX_SLOTS * MMSGHDR_BYTES + i * IOVEC_BYTES + 4, arena.addressHigh, true);
    }
  }

  static readonly #BYTES = TX_SLOTS * (MMSGHDR_BYTES + IOVEC_BYTES);

  /** Queues packet `i`. The caller flushes a full queue first. */
  add(batch: PacketBatch, i: number): void {
    const at = batch.offset[i]! - VNET_HEADER_BYTES;
    const u16 = this.#u16;
    const header = at >> 1;
    const offload = batch.offload[i]!;
    u16[header] = offload;
    if (offload === 0) {
      u16[header + 1] = 0;
      u16[header + 2] = 0;
      u16[header + 3] = 0;
      u16[header + 4] = 0;
    } else {
      const checksum = batch.checksum[i]!;
      const gsoSize = offload >>> 16;
      u16[header + 1] = gsoSize === 0 ? 0 : (checksum & 0xffff) + TCP_HEADER_BYTES;
      u16[header + 2] = gsoSize;
      u16[header + 3] = checksum;
      u16[header + 4] = checksum >>> 16;
    }
    const word = this.#iovecWord + this.count++ * 4;
    this.#i32[word] = this.#addressLow + at;
    this.#i32[word + 2] = batch.length[i]! + VNET_HEADER_BYTES;
  }

  close(): void {
    this.arena.free(this.#block, TxQueue.#BYTES);
  }
}

/** Reads the virtio_net_hdr before packet `i` into the batch's offload columns. */
export function readVnetHeader(u16: Uint16Array, batch: PacketBatch, i: number, offset: number): void {
  const header = (offset - VNET_HEADER_BYTES) >> 1;
  const kind = u16[header]!;
  if ((kind & VIRTIO_NET_HDR_F_NEEDS_CSUM) === 0 && kind >>> 8 === 0) {
    batch.offload[i] = 0;
    return;
  }
  batch.offload[i] = (kind & 0xff01) | (u16[header + 2]! << 16);
  batch.checksum[i] = u16[header + 3]! | (u16[header + 4]! << 16);
}
