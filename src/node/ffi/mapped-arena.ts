/**
 * Packet memory that the kernel writes to and reads from: one range of addresses, into which the receive rings
 * of all packet sockets are mapped.
 *
 * One range rather than one mapping a ring, because then a packet is an offset, whichever ring or buffer it lies
 * in: the hot path keeps one set of typed arrays, and a packet can go out of any device without a copy. The range
 * is reserved, not used: a page costs memory when it is first touched.
 *
 * It is aligned to its size, so the upper half of every address in it is the same.
 */

import { SystemError } from '../../base/host.ts';
import { ArenaSpace, allocateBuffers } from '../../datapath/arena.ts';
import type { PacketArena } from '../../datapath/netdev-provider.ts';
import { errno, libc, memoryAt } from './libc.ts';

const PROT_READ_WRITE = 3;
const MAP_SHARED = 0x01;
const MAP_PRIVATE = 0x02;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_NORESERVE = 0x4000;
const MAP_POPULATE = 0x8000;
const MAP_FAILED = 0xffff_ffff_ffff_ffffn;

/** At most 2 GB, so that offsets stay small integers. */
const ARENA_BYTES = 1 << 30;

function map(at: bigint, bytes: number, flags: number, fd: number): bigint {
  const pointer = libc.mmap(at, BigInt(bytes), PROT_READ_WRITE, flags, fd, 0n);
  if (pointer === MAP_FAILED) throw new SystemError(errno());
  return pointer;
}

/** An arena of 1 GB of addresses. */
export class MappedArena implements PacketArena {
  readonly u8: Uint8Array;
  readonly u16: Uint16Array;
  readonly i32: Int32Array;
  readonly address: number;
  readonly receiveBuffers: Int32Array;
  /** Upper and lower half of the address of byte 0. */
  readonly addressHigh: number;
  readonly addressLow: number;
  readonly #base: bigint;
  readonly #space = new ArenaSpace(ARENA_BYTES);

  /** @throws SystemError ENOMEM */
  constructor() {
    const size = BigInt(ARENA_BYTES);
    const anonymous = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    const reserved = map(0n, 2 * ARENA_BYTES, anonymous, -1);
    const base = ((reserved + size - 1n) / size) * size;
    if (base > reserved) libc.munmap(reserved, base - reserved);
    if (base < reserved + size) libc.munmap(base + size, reserved + size - base);
    this.#base = base;
    this.address = Number(base);
    this.addressHigh = Number(base >> 32n) | 0;
    this.addressLow = Number(base & 0xffff_ffffn) | 0;
    const memory = memoryAt(base, ARENA_BYTES);
    this.u8 = new Uint8Array(memory);
    this.u16 = new Uint16Array(memory);
    this.i32 = new Int32Array(memory);
    this.receiveBuffers = allocateBuffers(this);
  }

  allocate(bytes: number): number {
    return this.#space.take(bytes);
  }

  /** Gives the block and its memory back; also ends a mapping made by `mapRing`. */
  free(offset: number, bytes: number): void {
    map(this.pointer(offset), bytes, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1);
    this.#space.give(offset, bytes);
  }

  /** Maps a socket's ring of `bytes` bytes into the arena. @throws SystemError */
  mapRing(fd: number, bytes: number): number {
    const offset = this.allocate(bytes);
    try {
      map(this.pointer(offset), bytes, MAP_SHARED | MAP_POPULATE | MAP_FIXED, fd);
    } catch (error) {
      this.free(offset, bytes);
      throw error;
    }
    return offset;
  }

  /** The address of `offset`, to pass to a system call. */
  pointer(offset: number): bigint {
    return this.#base + BigInt(offset);
  }
}
