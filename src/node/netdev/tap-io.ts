/**
 * Packets of a tap device: the host's end of a bridge's local port, read and written through its descriptor.
 *
 * A frame a system call, since tap has no batch. Reading is bounded by the batch, and stops at the first empty
 * read. The virtio_net_hdr is always on, so the host's TCP may leave checksums and segmentation to us.
 * C counterpart: the tap parts of lib/netdev-linux.c.
 */
import type { NetdevIo, PacketBatch } from '../../datapath/netdev-provider.ts';
import { BATCH_SIZE, MAX_FRAME_BYTES } from '../../datapath/netdev-provider.ts';
import { libc } from '../ffi/libc.ts';
import type { MappedArena } from '../ffi/mapped-arena.ts';
import { UvPoll } from '../ffi/uv-poll.ts';
import { readVnetHeader, TX_SLOTS, TxQueue, VNET_HEADER_BYTES } from './tx-queue.ts';

const IOVEC_BYTES = 16;

export class TapIo implements NetdevIo {
  readonly takesOffloads = true;
  onReadable: (() => void) | undefined;
  txErrors = 0;
  readonly #arena: MappedArena;
  readonly #u16: Uint16Array;
  readonly #fd: number;
  readonly #rxBlock: number;
  /** Address of the iovec for packet `i` of a batch. */
  readonly #rxIovecs: readonly bigint[];
  readonly #tx: TxQueue;
  readonly #poll: UvPoll;

  /** @param fd of the tap, which stays the device's */
  constructor(arena: MappedArena, fd: number) {
    this.#arena = arena;
    this.#u16 = arena.u16;
    this.#fd = fd;
    this.#rxBlock = arena.allocate(BATCH_SIZE * IOVEC_BYTES);
    const view = new DataView(arena.u8.buffer, this.#rxBlock, BATCH_SIZE * IOVEC_BYTES);
    this.#rxIovecs = Array.from(arena.receiveBuffers, (offset, i) => {
      view.setBigUint64(i * IOVEC_BYTES, arena.pointer(offset - VNET_HEADER_BYTES), true);
      view.setBigUint64(i * IOVEC_BYTES + 8, BigInt(MAX_FRAME_BYTES), true);
      return arena.pointer(this.#rxBlock + i * IOVEC_BYTES);
    });
    this.#tx = new TxQueue(arena);
    this.#poll = new UvPoll(fd, () => this.onReadable?.());
  }

  receive(batch: PacketBatch): number {
    let count = 0;
    while (count < BATCH_SIZE) {
      const n = libc.readv(this.#fd, this.#rxIovecs[count]!, 1);
      if (n <= VNET_HEADER_BYTES) break;
      const offset = this.#arena.receiveBuffers[count]!;
      readVnetHeader(this.#u16, batch, count, offset);
      batch.offset[count] = offset;
      batch.length[count] = n - VNET_HEADER_BYTES;
      count++;
    }
    batch.count = count;
    return count;
  }

  release(_batch: PacketBatch): void {}

  transmit(batch: PacketBatch, i: number): void {
    if (this.#tx.count === TX_SLOTS) this.flush();
    this.#tx.add(batch, i);
  }

  flush(): void {
    const { count, iovecs } = this.#tx;
    for (let i = 0; i < count; i++) {
      if (libc.writev(this.#fd, iovecs[i]!, 1) < 0) this.txErrors++;
    }
    this.#tx.count = 0;
  }

  close(): void {
    this.#poll.close();
    this.#tx.close();
    this.#arena.free(this.#rxBlock, BATCH_SIZE * IOVEC_BYTES);
  }
}
