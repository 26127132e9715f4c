/**
 * Up to 32 packets on their way through the datapath, with everything that is known of them.
 *
 * The packets that a device received are one; recirculation and nested actions that need packets of their own use
 * another one a level deeper. All arrays are made once: nothing is allocated per packet.
 */
import { allocateBuffers } from '../arena.ts';
import { BATCH_SIZE, type PacketArena, PacketBatch } from '../netdev-provider.ts';
import { KEY_PLAIN, KEY_STRIDE, KEY_WIDE, KEY_WORDS } from './key.ts';

/** Deeper nesting of recirculation and clones than this drops the packets, as the C implementation does. */
export const MAX_DEPTH = 6;

export class PacketWork {
  readonly batch = new PacketBatch();
  readonly depth: number;
  /** Key of packet `i` from word `i * KEY_STRIDE`; words beyond `live[i]` are zero. */
  readonly keys = new Int32Array(BATCH_SIZE * KEY_STRIDE);
  readonly live = new Int32Array(BATCH_SIZE).fill(KEY_PLAIN);
  readonly hash = new Int32Array(BATCH_SIZE);

  /** Indexes of packets that the exact-match cache does not know. */
  readonly misses = new Int32Array(BATCH_SIZE);

  /** Packets by flow: group `g` holds `groupCount[g]` indexes from `groupPackets[g * BATCH_SIZE]`. */
  groups = 0;
  readonly groupFlow = new Int32Array(BATCH_SIZE);
  readonly groupCount = new Int32Array(BATCH_SIZE);
  readonly groupBytes = new Int32Array(BATCH_SIZE);
  readonly groupFlags = new Int32Array(BATCH_SIZE);
  readonly groupPackets = new Int32Array(BATCH_SIZE * BATCH_SIZE);

  /** Indexes of all packets, for actions on the whole batch: they may drop and reorder them. */
  readonly all = new Int32Array(BATCH_SIZE);
  /** Indexes of packets that an action chose, and of those that it did not. */
  readonly chosen = new Int32Array(BATCH_SIZE);
  readonly others = new Int32Array(BATCH_SIZE);
  /** Memory for copies of packets, made at first use. */
  #buffers: Int32Array | undefined;

  constructor(depth: number) {
    this.depth = depth;
  }

  /** Forgets the packets. */
  clear(): void {
    this.batch.count = 0;
  }

  /** Adds packet `i` of `from` with its metadata: the same memory, or a copy of it. */
  add(arena: PacketArena, from: PacketWork, i: number, copy: boolean): void {
    const { batch } = this;
    const to = batch.count++;
    const source = from.batch;
    let offset = source.offset[i]!;
    const length = source.length[i]!;
    if (copy) {
      this.#buffers ??= allocateBuffers(arena);
      const buffer = this.#buffers[to]! + (((offset & 3) - 2) & 3);
      copyBytes(arena, buffer, offset, length);
      offset = buffer;
    }
    batch.offset[to] = offset;
    batch.length[to] = length;
    batch.offload[to] = source.offload[i]!;
    batch.checksum[to] = source.checksum[i]!;
    const live = from.live[i]!;
    const row = to * KEY_STRIDE;
    const sourceRow = i * KEY_STRIDE;
    for (let k = 0; k < live; k++) this.keys[row + k] = from.keys[sourceRow + k]!;
    for (let k = live; k < this.live[to]!; k++) this.keys[row + k] = 0;
    this.live[to] = live;
    this.all[to] = to;
  }
}

/** Copies a packet. Short ones by words: `copyWithin` has a price before its first byte. */
function copyBytes(arena: PacketArena, to: number, from: number, length: number): void {
  if (length > 256 || ((to ^ from) & 1) !== 0) {
    arena.u8.copyWithin(to, from, from + length);
    return;
  }
  const { u16 } = arena;
  const source = from >> 1;
  const words = (length + 1) >> 1;
  const target = to >> 1;
  for (let i = 0; i < words; i++) u16[target + i] = u16[source + i]!;
}

/** Changes a metadata word of a packet's key. */
export function setMetadata(work: PacketWork, i: number, word: number, value: number, mask: number): void {
  const at = i * KEY_STRIDE + word;
  work.keys[at] = (work.keys[at]! & ~mask) | (value & mask);
  if (word >= work.live[i]!) work.live[i] = word < KEY_WIDE ? KEY_WIDE : KEY_WORDS;
}
