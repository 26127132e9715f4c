/**
 * A trie of bit prefixes, with how many rules have each: tells how many bits of an address must be looked at to
 * know which prefix lengths can match it. That lets a lookup skip subtables with longer prefixes, and so keeps
 * megaflows wide where no host routes are.
 *
 * A node holds the bits from its parent's end to its own; a path of single children is one node of at most 32
 * bits. Nodes are rows of one typed array: tables of host routes have as many nodes as rules, and walking objects
 * would be a cache miss or two for each. C counterpart: the tries of lib/classifier.c.
 */

/** The prefix lengths that a lookup met, as bits: length N is bit (N - 1) % 32 of word (N - 1) / 32. */
export type PrefixLengths = Uint32Array;

// Columns of a node. A free node has the next free one in EDGE.
/** Left-aligned. */
const PREFIX = 0;
const BITS = 1;
const RULES = 2;
/** Child for a 0 bit, then for a 1 bit; 0: none. */
const EDGE = 3;
const COLUMNS = 5;
const MIN_NODES = 8;

/** Bit `at` of `words` from `base`, counted from the most significant; 0 or 1. */
const bitAt = (words: ArrayLike<number>, base: number, at: number): number =>
  (words[base + (at >>> 5)]! >>> (31 - (at & 31))) & 1;

/** `n` (at most 32) bits from `at`, left-aligned; whatever follows them is 0. */
function bitsAt(words: ArrayLike<number>, base: number, at: number, n: number): number {
  if (n === 0) return 0;
  const shift = at & 31;
  let value = words[base + (at >>> 5)]! << shift;
  if (shift !== 0 && shift + n > 32) value |= words[base + (at >>> 5) + 1]! >>> (32 - shift);
  return n === 32 ? value : value & ~(0xffff_ffff >>> n);
}

export class PrefixTrie {
  /** Node 0 is not used, so that 0 can mean none. */
  #nodes: Int32Array = new Int32Array(MIN_NODES * COLUMNS);
  #end = 1;
  #free = 0;
  #root = 0;

  get isEmpty(): boolean {
    return this.#root === 0;
  }

  #make(prefix: number, bits: number, rules: number): number {
    let node = this.#free;
    if (node !== 0) this.#free = this.#nodes[node * COLUMNS + EDGE]!;
    else {
      node = this.#end++;
      if (this.#end * COLUMNS > this.#nodes.length) {
        const grown = new Int32Array(this.#nodes.length * 2);
        grown.set(this.#nodes);
        this.#nodes = grown;
      }
    }
    const row = node * COLUMNS;
    this.#nodes[row + PREFIX] = prefix;
    this.#nodes[row + BITS] = bits;
    this.#nodes[row + RULES] = rules;
    this.#nodes[row + EDGE] = 0;
    this.#nodes[row + EDGE + 1] = 0;
    return node;
  }

  #release(node: number): void {
    this.#nodes[node * COLUMNS + EDGE] = this.#free;
    this.#free = node;
  }

  /** A path of nodes for bits `at` to `end`; the last one stands for one rule. */
  #branch(words: ArrayLike<number>, at: number, end: number): number {
    const n = Math.min(32, end - at);
    const last = at + n === end;
    const node = this.#make(bitsAt(words, 0, at, n), n, last ? 1 : 0);
    if (!last) {
      const child = this.#branch(words, at + n, end);
      this.#nodes[node * COLUMNS + EDGE + bitAt(words, 0, at + n)] = child;
    }
    return node;
  }

  /** How many of the node's bits equal those at `at`, of which `left` exist. */
  #equalBits(row: number, words: ArrayLike<number>, base: number, at: number, left: number): number {
    const n = Math.min(this.#nodes[row + BITS]!, left);
    return Math.min(n, Math.clz32(this.#nodes[row + PREFIX]! ^ bitsAt(words, base, at, n)));
  }

  /** Adds one rule with the first `length` (at least 1) bits of `words`. */
  insert(words: ArrayLike<number>, length: number): void {
    let parent = 0;
    let edge = 0;
    let at = 0;
    for (let node = this.#root; node !== 0; ) {
      const row = node * COLUMNS;
      const equal = this.#equalBits(row, words, 0, at, length - at);
      at += equal;
      if (equal < this.#nodes[row + BITS]!) {
        this.#attach(parent, edge, this.#fork(node, equal, words, at, length));
        return;
      }
      if (at === length) {
        this.#nodes[row + RULES]!++;
        return;
      }
      parent = node;
      edge = bitAt(words, 0, at);
      node = this.#nodes[row + EDGE + edge]!;
    }
    this.#attach(parent, edge, this.#branch(words, at, length));
  }

  #attach(parent: number, edge: number, node: number): void {
    if (parent === 0) this.#root = node;
    else this.#nodes[parent * COLUMNS + EDGE + edge] = node;
  }

  /** Splits a node after its first `equal` bits, for a rule whose prefix leaves it there (at bit `at`). */
  #fork(node: number, equal: number, words: ArrayLike<number>, at: number, length: number): number {
    const prefix = this.#nodes[node * COLUMNS + PREFIX]!;
    const fork = this.#make(
      equal === 0 ? 0 : prefix & ~(0xffff_ffff >>> equal),
      equal,
      at === length ? 1 : 0,
    );
    const other = at < length ? this.#branch(words, at, length) : 0;
    const nodes = this.#nodes;
    const side = (prefix >>> (31 - equal)) & 1;
    nodes[node * COLUMNS + PREFIX] = prefix << equal;
    nodes[node * COLUMNS + BITS]! -= equal;
    nodes[fork * COLUMNS + EDGE + side] = node;
    nodes[fork * COLUMNS + EDGE + (side ^ 1)] = other;
    return fork;
  }

  /** Takes back one {@link insert}. */
  remove(words: ArrayLike<number>, length: number): void {
    const nodes = this.#nodes;
    const path: number[] = [];
    let at = 0;
    for (let node = this.#root; node !== 0; node = nodes[node * COLUMNS + EDGE + bitAt(words, 0, at)]!) {
      const bits = nodes[node * COLUMNS + BITS]!;
      if (this.#equalBits(node * COLUMNS, words, 0, at, length - at) < bits) return;
      path.push(node);
      at += bits;
      if (at === length) break;
    }
    if (at !== length || path.length === 0) return;
    nodes[path.at(-1)! * COLUMNS + RULES]!--;
    this.#prune(path);
  }

  /** Removes the last node of the path if it is of no use any more, and its parents likewise. */
  #prune(path: number[]): void {
    const nodes = this.#nodes;
    for (
      let node = path.pop();
      node !== undefined && nodes[node * COLUMNS + RULES] === 0;
      node = path.pop()
    ) {
      const row = node * COLUMNS;
      const left = nodes[row + EDGE]!;
      const child = left || nodes[row + EDGE + 1]!;
      if (child !== 0) {
        if (left !== 0 && nodes[row + EDGE + 1] !== 0) return;
        const bits = nodes[row + BITS]!;
        const below = child * COLUMNS;
        if (bits + nodes[below + BITS]! > 32) return;
        nodes[below + PREFIX] = nodes[row + PREFIX]! | (bits === 32 ? 0 : nodes[below + PREFIX]! >>> bits);
        nodes[below + BITS]! += bits;
      }
      const parent = path.at(-1) ?? 0;
      this.#attach(parent, parent !== 0 && nodes[parent * COLUMNS + EDGE + 1] === node ? 1 : 0, child);
      this.#release(node);
      if (child !== 0) return;
    }
  }

  /**
   * Looks up the `length` bits of `words` from `base`.
   * @param lengths gets the prefix lengths at which there are rules
   * @returns how many bits decide about all the others
   */
  lookup(words: ArrayLike<number>, base: number, length: number, lengths: PrefixLengths): number {
    const nodes = this.#nodes;
    let at = 0;
    let last = 0;
    for (let node = this.#root; node !== 0; node = nodes[last + EDGE + bitAt(words, base, at)]!) {
      const row = node * COLUMNS;
      const equal = this.#equalBits(row, words, base, at, length - at);
      at += equal;
      if (equal < nodes[row + BITS]!) return at + 1;
      if (nodes[row + RULES]! > 0)
        lengths[(at - 1) >>> 5] = lengths[(at - 1) >>> 5]! | (1 << ((at - 1) & 31));
      if (at >= length) return length;
      last = row;
    }
    const isLeaf = last === 0 || (nodes[last + EDGE] === 0 && nodes[last + EDGE + 1] === 0);
    return isLeaf ? at : at + 1;
  }
}

/** Whether a lookup met rules with prefixes of that length. */
export const hasLength = (lengths: PrefixLengths, length: number): boolean =>
  (lengths[(length - 1) >>> 5]! & (1 << ((length - 1) & 31))) !== 0;

/** The length of a mask of `n` words if it is a prefix, else 0. */
export function prefixLength(words: ArrayLike<number>, base: number, n: number): number {
  let length = 0;
  let ended = false;
  for (let i = 0; i < n; i++) {
    const word = words[base + i]! | 0;
    if (ended) {
      if (word !== 0) return 0;
      continue;
    }
    const ones = Math.clz32(~word);
    if (ones < 32 && word << ones !== 0) return 0;
    length += ones;
    ended = ones < 32;
  }
  return length;
}
