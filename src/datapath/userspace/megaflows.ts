/**
 * The megaflow classifier: from a packet's key to the flow whose mask and values it matches, at most one.
 *
 * One subtable for each mask, each an open-addressed table of masked keys. Megaflows never overlap, so the first hit
 * is the answer, and subtables are searched in the order of their hits, sorted anew now and then.
 *
 * A mask is known long before the next million packets, so the lookup in a subtable is generated for it: which words
 * to load and which bits to keep are constants in straight-line code. It takes the arrays as arguments, so tables
 * can grow and equal masks share code. Where `new Function` is forbidden a loop does the same.
 * C counterpart: struct dpcls of lib/dpif-netdev.c and lib/dpif-netdev-lookup-generic.c.
 */
import { finish, mix } from './hash.ts';

/** @returns the slot's flow handle, or -1 */
type Lookup = (keys: Int32Array, ko: number, flows: Int32Array, rows: Int32Array, sizeMask: number) => number;

const EMPTY = -1;
const MIN_SLOTS = 16;

function generateLookup(words: readonly number[], masks: Int32Array): Lookup {
  const n = words.length;
  const value = (i: number): string => `k${i}`;
  const loads = words
    .map((word, i) => {
      const load = `keys[ko + ${word}]`;
      return `const k${i} = ${masks[i] === -1 ? load : `${load} & ${masks[i]}`};`;
    })
    .join('\n');
  const mixes = words
    .map(
      (_, i) => `d = Math.imul(${value(i)}, 0xcc9e2d51);
d = (d << 15) | (d >>> 17);
h ^= Math.imul(d, 0x1b873593);
h = (h << 13) | (h >>> 19);
h = (Math.imul(h, 5) + 0xe6546b64) | 0;`,
    )
    .join('\n');
  const equal = words.map((_, i) => `(rows[o + ${i}] ^ ${value(i)})`).join(' | ') || '0';
  return new Function(
    'keys',
    'ko',
    'flows',
    'rows',
    'sizeMask',
    `${loads}
let h = 0, d = 0;
${mixes}
h ^= ${n * 4};
h ^= h >>> 16; h = Math.imul(h, 0x85ebca6b); h ^= h >>> 13; h = Math.imul(h, 0xc2b2ae35); h ^= h >>> 16;
for (let i = h & sizeMask; ; i = (i + 1) & sizeMask) {
  const flow = flows[i];
  if (flow === ${EMPTY}) return ${EMPTY};
  const o = i * ${n};
  if ((${equal}) === 0) return flow;
}`,
  ) as Lookup;
}

function interpretedLookup(words: readonly number[], masks: Int32Array): Lookup {
  const n = words.length;
  const at = Int32Array.from(words);
  return (keys, ko, flows, rows, sizeMask) => {
    let h = 0;
    for (let i = 0; i < n; i++) h = mix(h, keys[ko + at[i]!]! & masks[i]!);
    for (let slot = finish(h, n * 4) & sizeMask; ; slot = (slot + 1) & sizeMask) {
      const flow = flows[slot]!;
      if (flow === EMPTY) return EMPTY;
      let different = 0;
      for (let i = 0; i < n; i++) different |= rows[slot * n + i]! ^ (keys[ko + at[i]!]! & masks[i]!);
      if (different === 0) return flow;
    }
  };
}

let mayGenerate = true;

function makeLookup(words: readonly number[], masks: Int32Array): Lookup {
  if (mayGenerate) {
    try {
      return generateLookup(words, masks);
    } catch (error) {
      if (!(error instanceof EvalError)) throw error;
      mayGenerate = false;
    }
  }
  return interpretedLookup(words, masks);
}

/** The flows of one mask. */
export class Subtable {
  /** The mask as a key row. */
  readonly mask: Int32Array;
  /** Words that the mask uses, and their bits. */
  readonly #words: readonly number[];
  readonly #masks: Int32Array;
  readonly #lookup: Lookup;
  #flows = new Int32Array(MIN_SLOTS).fill(EMPTY);
  #rows: Int32Array;
  count = 0;
  /** Since the subtables were last sorted. */
  hits = 0;

  constructor(mask: Int32Array, interpret = false) {
    this.mask = mask.slice();
    this.#words = [...mask.keys()].filter((word) => mask[word] !== 0);
    this.#masks = Int32Array.from(this.#words, (word) => mask[word]!);
    this.#lookup = (interpret ? interpretedLookup : makeLookup)(this.#words, this.#masks);
    this.#rows = new Int32Array(MIN_SLOTS * this.#words.length);
  }

  /** The flow that the key at `keys[ko...]` matches, or -1. */
  lookup(keys: Int32Array, ko: number): number {
    return this.#lookup(keys, ko, this.#flows, this.#rows, this.#flows.length - 1);
  }

  /** Adds a flow whose masked key is not in the table yet. */
  insert(keys: Int32Array, ko: number, flow: number): void {
    if ((this.count + 1) * 2 > this.#flows.length) this.#resize(this.#flows.length * 2);
    this.#put(keys, ko, flow);
    this.count++;
  }

  /** Takes a flow out, closing the gap so that searches need no marks of deleted entries. */
  remove(keys: Int32Array, ko: number): void {
    const n = this.#words.length;
    const sizeMask = this.#flows.length - 1;
    let gap = this.#home(keys, ko);
    while (!this.#sameKey(gap, keys, ko)) {
      if (this.#flows[gap] === EMPTY) return;
      gap = (gap + 1) & sizeMask;
    }
    for (let i = (gap + 1) & sizeMask; this.#flows[i] !== EMPTY; i = (i + 1) & sizeMask) {
      const home = this.#homeOfSlot(i);
      if (((i - home) & sizeMask) < ((i - gap) & sizeMask)) continue;
      this.#flows[gap] = this.#flows[i]!;
      this.#rows.copyWithin(gap * n, i * n, i * n + n);
      gap = i;
    }
    this.#flows[gap] = EMPTY;
    this.count--;
  }

  #put(keys: Int32Array, ko: number, flow: number): void {
    const n = this.#words.length;
    const sizeMask = this.#flows.length - 1;
    let slot = this.#home(keys, ko);
    while (this.#flows[slot] !== EMPTY) slot = (slot + 1) & sizeMask;
    this.#flows[slot] = flow;
    for (let i = 0; i < n; i++) this.#rows[slot * n + i] = keys[ko + this.#words[i]!]! & this.#masks[i]!;
  }

  #resize(slots: number): void {
    const flows = this.#flows;
    const rows = this.#rows;
    const n = this.#words.length;
    this.#flows = new Int32Array(slots).fill(EMPTY);
    this.#rows = new Int32Array(slots * n);
    for (let old = 0; old < flows.length; old++) {
      if (flows[old] === EMPTY) continue;
      let h = 0;
      for (let i = 0; i < n; i++) h = mix(h, rows[old * n + i]!);
      let slot = finish(h, n * 4) & (slots - 1);
      while (this.#flows[slot] !== EMPTY) slot = (slot + 1) & (slots - 1);
      this.#flows[slot] = flows[old]!;
      for (let i = 0; i < n; i++) this.#rows[slot * n + i] = rows[old * n + i]!;
    }
  }

  #home(keys: Int32Array, ko: number): number {
    let h = 0;
    for (let i = 0; i < this.#words.length; i++) h = mix(h, keys[ko + this.#words[i]!]! & this.#masks[i]!);
    return finish(h, this.#words.length * 4) & (this.#flows.length - 1);
  }

  #homeOfSlot(slot: number): number {
    const n = this.#words.length;
    let h = 0;
    for (let i = 0; i < n; i++) h = mix(h, this.#rows[slot * n + i]!);
    return finish(h, n * 4) & (this.#flows.length - 1);
  }

  #sameKey(slot: number, keys: Int32Array, ko: number): boolean {
    const n = this.#words.length;
    if (this.#flows[slot] === EMPTY) return false;
    for (let i = 0; i < n; i++)
      if (this.#rows[slot * n + i] !== (keys[ko + this.#words[i]!]! & this.#masks[i]!)) return false;
    return true;
  }
}

/** All subtables. */
export class Megaflows {
  #subtables: Subtable[] = [];
  readonly #byMask = new Map<string, Subtable>();
  /** Subtables searched for packets that hit: for the average that `dpif/show` prints. */
  searched = 0;

  get masks(): number {
    return this.#subtables.length;
  }

  lookup(keys: Int32Array, ko: number): number {
    const subtables = this.#subtables;
    for (let i = 0; i < subtables.length; i++) {
      const subtable = subtables[i]!;
      const flow = subtable.lookup(keys, ko);
      if (flow >= 0) {
        subtable.hits++;
        this.searched += i + 1;
        return flow;
      }
    }
    return -1;
  }

  /** The subtable of a mask (a key row of `live` words), made at first use. */
  subtable(mask: Int32Array): Subtable {
    const name = mask.join();
    let subtable = this.#byMask.get(name);
    if (!subtable) {
      subtable = new Subtable(mask);
      this.#byMask.set(name, subtable);
      this.#subtables.push(subtable);
    }
    return subtable;
  }

  /** Drops the subtable if it holds no flow any more. */
  dropIfEmpty(subtable: Subtable): void {
    if (subtable.count > 0) return;
    this.#byMask.delete(subtable.mask.join());
    this.#subtables = this.#subtables.filter((s) => s !== subtable);
  }

  /** Puts the subtables that were hit most first. */
  sort(): void {
    this.#subtables.sort((a, b) => b.hits - a.hits);
    for (const subtable of this.#subtables) subtable.hits = 0;
  }

  clear(): void {
    this.#subtables = [];
    this.#byMask.clear();
  }
}
