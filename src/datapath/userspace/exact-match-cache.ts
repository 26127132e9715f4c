/**
 * The exact-match cache: from a packet's whole key to its flow, in one probe or two.
 *
 * 8,192 entries, each key in one of two places that its hash names. Only some of the packets that the megaflow
 * classifier had to look up are inserted (1 of 100 by default), so that many short connections do not wash out the
 * long ones. An entry for a deleted flow is noticed when its handle is looked up; the flow table purges the cache
 * before it gives such a handle out again. Keys beyond {@link KEY_WIDE} words are never cached.
 * C counterpart: struct emc_cache of lib/dpif-netdev.c.
 */
import { KEY_PLAIN, KEY_WIDE } from './key.ts';

const ENTRIES = 8192;
const MASK = ENTRIES - 1;
const SECOND_SHIFT = 13;
const ROW = KEY_WIDE;

export class ExactMatchCache {
  readonly #hash = new Int32Array(ENTRIES);
  /** Flow handle << 1, with bit 0 for a wide key; -1 when empty. */
  readonly #flow = new Int32Array(ENTRIES).fill(-1);
  readonly #keys = new Int32Array(ENTRIES * ROW);
  #random = 12345;
  /** Insert 1 in so many; 0 for never. */
  inverseProbability = 100;

  /** The flow of the key at `keys[ko...]` of {@link KEY_PLAIN} live words, or -1. */
  lookupPlain(keys: Int32Array, ko: number, hash: number): number {
    const cached = this.#keys;
    let i = hash & MASK;
    for (let way = 0; way < 2; way++) {
      if (this.#hash[i] === hash) {
        const flow = this.#flow[i]!;
        const o = i * ROW;
        if (
          (flow & 1) === 0 &&
          ((keys[ko]! ^ cached[o]!) |
            (keys[ko + 1]! ^ cached[o + 1]!) |
            (keys[ko + 2]! ^ cached[o + 2]!) |
            (keys[ko + 3]! ^ cached[o + 3]!) |
            (keys[ko + 4]! ^ cached[o + 4]!) |
            (keys[ko + 5]! ^ cached[o + 5]!) |
            (keys[ko + 6]! ^ cached[o + 6]!) |
            (keys[ko + 7]! ^ cached[o + 7]!) |
            (keys[ko + 8]! ^ cached[o + 8]!) |
            (keys[ko + 9]! ^ cached[o + 9]!) |
            (keys[ko + 10]! ^ cached[o + 10]!) |
            (keys[ko + 11]! ^ cached[o + 11]!)) ===
            0
        )
          return flow >> 1;
      }
      i = (hash >>> SECOND_SHIFT) & MASK;
    }
    return -1;
  }

  /** As `lookupPlain`, for a key of {@link KEY_WIDE} live words. */
  lookupWide(keys: Int32Array, ko: number, hash: number): number {
    const cached = this.#keys;
    let i = hash & MASK;
    for (let way = 0; way < 2; way++) {
      const flow = this.#flow[i]!;
      if (this.#hash[i] === hash && flow >= 0 && (flow & 1) === 1) {
        const o = i * ROW;
        let different = 0;
        for (let k = 0; k < ROW; k++) different |= keys[ko + k]! ^ cached[o + k]!;
        if (different === 0) return flow >> 1;
      }
      i = (hash >>> SECOND_SHIFT) & MASK;
    }
    return -1;
  }

  /** Inserts a key that missed, or not, as the dice say. */
  maybeInsert(keys: Int32Array, ko: number, live: number, hash: number, flow: number): void {
    if (this.inverseProbability === 0) return;
    this.#random = (Math.imul(this.#random, 1103515245) + 12345) | 0;
    if (this.inverseProbability > 1 && (this.#random >>> 8) % this.inverseProbability !== 0) return;
    let i = hash & MASK;
    const second = (hash >>> SECOND_SHIFT) & MASK;
    if (
      this.#flow[i]! >= 0 &&
      this.#hash[i] !== hash &&
      (this.#flow[second]! < 0 || (this.#random & 0x80) !== 0)
    )
      i = second;
    this.#hash[i] = hash;
    this.#flow[i] = (flow << 1) | (live > KEY_PLAIN ? 1 : 0);
    const o = i * ROW;
    for (let k = 0; k < ROW; k++) this.#keys[o + k] = keys[ko + k]!;
  }

  /** Forgets the flows that `isDead` names. */
  purge(isDead: (flow: number) => boolean): void {
    for (let i = 0; i < ENTRIES; i++) {
      const flow = this.#flow[i]!;
      if (flow >= 0 && isDead(flow >> 1)) this.#flow[i] = -1;
    }
  }

  clear(): void {
    this.#flow.fill(-1);
  }

  /** Entries in use. */
  count(): number {
    let n = 0;
    for (let i = 0; i < ENTRIES; i++) if (this.#flow[i]! >= 0) n++;
    return n;
  }
}
