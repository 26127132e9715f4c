/**
 * Matches in little memory: only the words of the flow key that the mask uses.
 *
 * A {@link Match} is two full rows (1.6 kB); tables hold hundreds of thousands. A {@link MiniMask} lists the used
 * words and their bits, and rules with equal masks share one (the classifier's subtable provides it), so that a
 * rule's own part is a short array of values. Values are *signed* 32-bit integers in plain arrays: V8 keeps
 * those unboxed, and a plain array costs a third of a typed one at this size.
 * C counterparts: struct minimask, struct minimatch of include/openvswitch/match.h.
 */
import { catchAllMatch, F, FLOW_WORDS, type Flow, type Match } from '../flow/layout.ts';

/** The words that a mask uses, ascending, and the bits of each (never 0). */
export class MiniMask {
  readonly words: Uint8Array;
  readonly bits: Int32Array;
  readonly hash: number;

  constructor(words: Uint8Array, bits: Int32Array) {
    this.words = words;
    this.bits = bits;
    let h = words.length;
    for (let i = 0; i < words.length; i++) h = mix(mix(h, words[i]!), bits[i]!);
    this.hash = finish(h);
  }

  equals(other: MiniMask): boolean {
    if (this === other) return true;
    const n = this.words.length;
    if (this.hash !== other.hash || n !== other.words.length) return false;
    for (let i = 0; i < n; i++) {
      if (this.words[i] !== other.words[i] || this.bits[i] !== other.bits[i]) return false;
    }
    return true;
  }

  /** The bits of one word; 0 when it is not used. */
  bitsOf(word: number): number {
    const at = this.words.indexOf(word);
    return at < 0 ? 0 : this.bits[at]!;
  }

  /** Whether this mask has all the bits of `other`. */
  covers(other: MiniMask): boolean {
    let at = 0;
    for (let i = 0; i < other.words.length; i++) {
      const word = other.words[i]!;
      while (at < this.words.length && this.words[at]! < word) at++;
      if (this.words[at] !== word || (other.bits[i]! & ~this.bits[at]!) !== 0) return false;
    }
    return true;
  }
}

/** A match of which only the used words are kept. Immutable but for the sharing of equal masks. */
export class MiniMatch {
  /** Replaced by an equal one when a classifier takes the match in. */
  mask: MiniMask;
  /** The value of each of the mask's words, as signed integers, 0 outside of the mask's bits. */
  readonly values: readonly number[];
  /** Which tunnel option lies where, for a match on any. */
  readonly tun: Match['tun'];

  constructor(mask: MiniMask, values: readonly number[], tun?: Match['tun']) {
    this.mask = mask;
    this.values = values;
    this.tun = tun;
  }

  equals(other: MiniMatch): boolean {
    return this.mask.equals(other.mask) && sameValues(this.values, other.values);
  }

  /** Matches every packet. */
  get isCatchAll(): boolean {
    return this.values.length === 0;
  }

  matches(flow: Flow): boolean {
    const { words, bits } = this.mask;
    for (let i = 0; i < words.length; i++) {
      if ((flow[words[i]!]! & bits[i]!) !== this.values[i]) return false;
    }
    return true;
  }

  /** Whether every packet that this matches is matched by `other` too, as far as masks alone can tell. */
  isWithin(other: MiniMatch): boolean {
    const { words, bits } = this.mask;
    const theirs = other.mask;
    let at = 0;
    for (let i = 0; i < theirs.words.length; i++) {
      const word = theirs.words[i]!;
      while (at < words.length && words[at]! < word) at++;
      const b = theirs.bits[i]!;
      if (words[at] !== word || (b & ~bits[at]!) !== 0 || (this.values[at]! & b) !== other.values[i])
        return false;
    }
    return true;
  }

  /** Whether some packet can match both. */
  overlaps(other: MiniMatch): boolean {
    const { words, bits } = this.mask;
    const theirs = other.mask;
    let at = 0;
    for (let i = 0; i < theirs.words.length; i++) {
      const word = theirs.words[i]!;
      while (at < words.length && words[at]! < word) at++;
      if (words[at] !== word) continue;
      if (((this.values[at]! ^ other.values[i]!) & bits[at]! & theirs.bits[i]!) !== 0) return false;
    }
    return true;
  }

  /** The value of one word; 0 when it is not used. Unsigned. */
  valueOf(word: number): number {
    const at = this.mask.words.indexOf(word);
    return at < 0 ? 0 : this.values[at]! >>> 0;
  }
}

export function sameValues(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const scratchWords = new Uint8Array(FLOW_WORDS);
const scratchBits = new Int32Array(FLOW_WORDS);
const scratchValues: number[] = new Array<number>(FLOW_WORDS).fill(0);

/** The last mask made: flows come in files and bursts of the same kind, and so can share one. */
let lastMask: MiniMask | undefined;

function isScratch(mask: MiniMask, n: number): boolean {
  if (mask.words.length !== n) return false;
  for (let i = 0; i < n; i++)
    if (mask.words[i] !== scratchWords[i] || mask.bits[i] !== scratchBits[i]) return false;
  return true;
}

/** @returns the used words of a mask */
export function miniMaskOf(mask: Flow): MiniMask {
  let n = 0;
  for (let w = 0; w < FLOW_WORDS; w++) {
    const bits = mask[w]!;
    if (bits === 0) continue;
    scratchWords[n] = w;
    scratchBits[n++] = bits;
  }
  if (lastMask && isScratch(lastMask, n)) return lastMask;
  return (lastMask = new MiniMask(scratchWords.slice(0, n), scratchBits.slice(0, n)));
}

/** @returns the match with only the words that its mask uses */
export function miniMatchOf(match: Match): MiniMatch {
  const mask = miniMaskOf(match.mask);
  const n = mask.words.length;
  // A copy of the right length: an array that grew by push() keeps room for more.
  for (let i = 0; i < n; i++) scratchValues[i] = match.flow[mask.words[i]!]! & mask.bits[i]!;
  const values = scratchValues.slice(0, n);
  return new MiniMatch(mask, values, match.tun);
}

/** The match of every packet. */
export const CATCH_ALL: MiniMatch = new MiniMatch(new MiniMask(new Uint8Array(0), new Int32Array(0)), []);

/** @param match of every packet: the one to fill in
 * @returns the match as full rows */
export function expandMatch(mini: MiniMatch, match: Match = catchAllMatch()): Match {
  if (mini.tun) match.tun = mini.tun;
  const { words, bits } = mini.mask;
  for (let i = 0; i < words.length; i++) {
    match.mask[words[i]!] = bits[i]!;
    match.flow[words[i]!] = mini.values[i]!;
  }
  return match;
}

/** Adds the bits of a mask to wildcards. */
export function foldMask(wildcards: Flow, mask: MiniMask): void {
  const { words, bits } = mask;
  for (let i = 0; i < words.length; i++) wildcards[words[i]!] = wildcards[words[i]!]! | bits[i]!;
}

/** One step of the hash that subtables use (murmur3's). */
export function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** Its end. */
export function finish(hash: number): number {
  let h = hash ^ (hash >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

/**
 * Stage of each word: metadata, Ethernet, network, transport. Lookup examines a subtable's words stage by stage,
 * so that a packet that differs in its metadata does not get its ports un-wildcarded.
 */
export const STAGES = 4;
export const STAGE_OF_WORD: Uint8Array = new Uint8Array(FLOW_WORDS)
  .fill(1, F.DL_DST, F.NW_SRC)
  .fill(2, F.NW_SRC, F.ND_TARGET)
  .fill(3, F.ND_TARGET)
  // Connection tracking's original tuple is part of the headers that it describes.
  .fill(2, F.CT_NW_SRC, F.CT_NW_PROTO)
  .fill(3, F.CT_TP_SRC, F.CONJ_ID);
