/**
 * Packet memory for datapaths without kernel rings (dummy devices, simulation, browser), and the bookkeeping
 * that it shares with the one that Linux devices use (`src/node/ffi/mapped-arena.ts`).
 *
 * One arena a datapath: the datapath makes it, the devices that it opens take their rings from it. Blocks are
 * few and long-lived (a ring or a set of buffers each), so first fit over a list is all that is needed.
 */
import { BATCH_SIZE, MAX_FRAME_BYTES, type PacketArena } from './netdev-provider.ts';

const PAGE = 4096;
/** Bytes before the Ethernet header of a buffer: for a virtio_net_hdr, tags and tunnel headers; 2 modulo 4. */
export const HEADROOM = 254;
/** Distance of two buffers of a set. */
export const BUFFER_BYTES = Math.ceil((HEADROOM + MAX_FRAME_BYTES + 64) / PAGE) * PAGE;

/** Which parts of an arena are taken. */
export class ArenaSpace {
  /** Free parts, by offset, never touching each other. */
  #free: { offset: number; bytes: number }[];

  constructor(bytes: number) {
    this.#free = [{ offset: 0, bytes }];
  }

  take(bytes: number): number {
    const size = Math.ceil(bytes / PAGE) * PAGE;
    const part = this.#free.find((p) => p.bytes >= size);
    if (!part) throw new RangeError(`no ${size} bytes left in the packet memory`);
    const { offset } = part;
    part.offset += size;
    part.bytes -= size;
    if (part.bytes === 0) this.#free.splice(this.#free.indexOf(part), 1);
    return offset;
  }

  give(offset: number, bytes: number): void {
    const size = Math.ceil(bytes / PAGE) * PAGE;
    const parts = this.#free;
    let i = parts.findIndex((p) => p.offset > offset);
    if (i < 0) i = parts.length;
    parts.splice(i, 0, { offset, bytes: size });
    for (const at of [i, i - 1]) {
      const left = parts[at];
      const right = parts[at + 1];
      if (left && right && left.offset + left.bytes === right.offset) {
        left.bytes += right.bytes;
        parts.splice(at + 1, 1);
      }
    }
  }
}

/** Offsets of {@link BATCH_SIZE} fresh buffers for whole frames. */
export function allocateBuffers(arena: Pick<PacketArena, 'allocate'>): Int32Array {
  const first = arena.allocate(BATCH_SIZE * BUFFER_BYTES);
  return Int32Array.from({ length: BATCH_SIZE }, (_, i) => first + i * BUFFER_BYTES + HEADROOM);
}

/** Packet memory on the heap. Pages that nobody touches cost nothing. */
export class HeapArena implements PacketArena {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly address = 0;
  readonly receiveBuffers: Int32Array;
  readonly #space: ArenaSpace;

  constructor(bytes = 32 * 1024 * 1024) {
    const memory = new ArrayBuffer(bytes);
    this.u8 = new Uint8Array(memory);
    this.u16 = new Uint16Array(memory);
    this.i32 = new Int32Array(memory);
    this.#space = new ArenaSpace(bytes);
    this.receiveBuffers = allocateBuffers(this);
  }

  allocate(bytes: number): number {
    return this.#space.take(bytes);
  }
  free(offset: number, bytes: number): void {
    this.#space.give(offset, bytes);
  }
}
