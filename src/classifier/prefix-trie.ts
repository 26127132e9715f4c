/**
 * A trie of bit prefixes, with how many rules have each: tells how many bits of an address must be looked at to
 * know which prefix lengths can match it. That lets a lookup skip subtables with longer prefixes, and so keeps
 * megaflows wide where no host routes are.
 *
 * A node holds the bits from its parent's end to its own; a path of single children is one node of at most 32
 * bits. C counterpart: the tries of lib/classifier.c.
 */

/** The prefix lengths that a lookup met, as bits: length N is bit (N - 1) % 32 of word (N - 1) / 32. */
export type PrefixLengths = Uint32Array;

class Node {
  /** Left-aligned. */
  prefix: number;
  bits: number;
  rules: number;
  readonly edges: [Node | undefined, Node | undefined] = [undefined, undefined];
  constructor(prefix: number, bits: number, rules: number) {
    this.prefix = prefix;
    this.bits = bits;
    this.rules = rules;
  }
  get isLeaf(): boolean {
    return this.edges[0] === undefined && this.edges[1] === undefined;
  }
}

/** Bit `at` of `words` from `base`, counted from the most significant; 0 or 1. */
const bitAt = (words: ArrayLike<number>, base: number, at: number): 0 | 1 =>
  ((words[base + (at >>> 5)]! >>> (31 - (at & 31))) & 1) as 0 | 1;

/** `n` (at most 32) bits from `at`, left-aligned; whatever follows them is 0. */
function bitsAt(words: ArrayLike<number>, base: number, at: number, n: number): number {
  if (n === 0) return 0;
  const shift = at & 31;
  let value = words[base + (at >>> 5)]! << shift;
  if (shift !== 0 && shift + n > 32) value |= words[base + (at >>> 5) + 1]! >>> (32 - shift);
  return n === 32 ? value : value & ~(0xffff_ffff >>> n);
}

/** A path of nodes for bits `at` to `end`; the last one stands for `rules` rules. */
function branch(words: ArrayLike<number>, at: number, end: number, rules: number): Node {
  const n = Math.min(32, end - at);
  const node = new Node(bitsAt(words, 0, at, n), n, at + n === end ? rules : 0);
  if (at + n < end) node.edges[bitAt(words, 0, at + n)] = branch(words, at + n, end, rules);
  return node;
}

/** How many of the node's bits equal those at `at`, of which `left` exist. */
function equalBits(node: Node, words: ArrayLike<number>, base: number, at: number, left: number): number {
  const n = Math.min(node.bits, left);
  return Math.min(n, Math.clz32(node.prefix ^ bitsAt(words, base, at, n)));
}

export class PrefixTrie {
  #root: Node | undefined;

  get isEmpty(): boolean {
    return this.#root === undefined;
  }

  /** Adds one rule with the first `length` (at least 1) bits of `words`. */
  insert(words: ArrayLike<number>, length: number): void {
    let parent: Node | undefined;
    let edge: 0 | 1 = 0;
    let at = 0;
    const attach = (node: Node): void => {
      if (parent) parent.edges[edge] = node;
      else this.#root = node;
    };
    for (let node = this.#root; node; ) {
      const equal = equalBits(node, words, 0, at, length - at);
      at += equal;
      if (equal < node.bits) {
        const fork = new Node(
          equal === 0 ? 0 : node.prefix & ~(0xffff_ffff >>> equal),
          equal,
          at === length ? 1 : 0,
        );
        const old = bitAt([node.prefix], 0, equal);
        attach(fork);
        node.prefix <<= equal;
        node.bits -= equal;
        fork.edges[old] = node;
        if (at < length) fork.edges[old === 0 ? 1 : 0] = branch(words, at, length, 1);
        return;
      }
      if (at === length) {
        node.rules++;
        return;
      }
      parent = node;
      edge = bitAt(words, 0, at);
      node = node.edges[edge];
    }
    attach(branch(words, at, length, 1));
  }

  /** Takes back one {@link insert}. */
  remove(words: ArrayLike<number>, length: number): void {
    const path: Node[] = [];
    let at = 0;
    for (let node = this.#root; node; node = node.edges[bitAt(words, 0, at)]) {
      if (equalBits(node, words, 0, at, length - at) < node.bits) return;
      path.push(node);
      at += node.bits;
      if (at === length) break;
    }
    if (at !== length || path.length === 0) return;
    path.at(-1)!.rules--;
    this.#prune(path);
  }

  /** Removes the last node of the path if it is of no use any more, and its parents likewise. */
  #prune(path: Node[]): void {
    for (let node = path.pop(); node && node.rules === 0; node = path.pop()) {
      if (node.edges[0] && node.edges[1]) return;
      const child = node.edges[0] ?? node.edges[1];
      if (child) {
        if (node.bits + child.bits > 32) return;
        child.prefix = node.prefix | (node.bits === 32 ? 0 : child.prefix >>> node.bits);
        child.bits += node.bits;
      }
      const parent = path.at(-1);
      if (!parent) this.#root = child;
      else if (parent.edges[0] === node) parent.edges[0] = child;
      else parent.edges[1] = child;
      if (child) return;
    }
  }

  /**
   * Looks up the `length` bits of `words` from `base`.
   * @param lengths gets the prefix lengths at which there are rules
   * @returns how many bits decide about all the others
   */
  lookup(words: ArrayLike<number>, base: number, length: number, lengths: PrefixLengths): number {
    let at = 0;
    let last: Node | undefined;
    for (let node = this.#root; node; node = node.edges[bitAt(words, base, at)]) {
      const equal = equalBits(node, words, base, at, length - at);
      at += equal;
      if (equal < node.bits) return at + 1;
      if (node.rules > 0) lengths[(at - 1) >>> 5] = lengths[(at - 1) >>> 5]! | (1 << ((at - 1) & 31));
      if (at >= length) return length;
      last = node;
    }
    return !last || last.isLeaf ? at : at + 1;
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
