/**
 * All rules of a classifier with the same mask: a hash table over the words of that mask, and for each stage
 * before the last an index that tells early that no rule can match.
 *
 * Rules that are equal but for priority or version hang on one head, ordered by priority, highest first.
 * C counterpart: struct cls_subtable.
 */
import { F, type Flow } from '../flow/layout.ts';
import { CountedHashes, HashSlots } from './hash-slots.ts';
import {
  finish,
  foldMask,
  type MiniMask,
  type MiniMatch,
  mix,
  STAGE_OF_WORD,
  STAGES,
  sameValues,
} from './mini-match.ts';
import { PrefixTrie, prefixLength } from './prefix-trie.ts';
import type { ClsRule } from './rule.ts';

/** The use of one of the classifier's tries in one lookup. */
export interface TrieLookup {
  /** Adds to `wc` what is needed to know that no rule matches, if the trie knows that.
   * @returns whether it does */
  excludes(length: number, flow: Flow, wc: Flow): boolean;
}

export class Subtable<R extends ClsRule> {
  readonly mask: MiniMask;
  readonly #heads = new HashSlots<R>();
  /** Number of rules. */
  size = 0;
  #first: ClsRule | undefined = undefined;
  #last: ClsRule | undefined = undefined;
  /** At least the highest priority of any rule; exact when {@link stale} is false. */
  maxPriority: number = Number.NEGATIVE_INFINITY;
  /** The rule with the highest priority went. */
  stale = false;
  /** How many rules have each priority; undefined while all have the same. */
  #priorities: Map<number, number> | undefined = undefined;

  // The mask in the order of the stages: words, their bits, and their places in a rule's values.
  readonly #words: Uint8Array;
  readonly #bits: Int32Array;
  readonly #places: Uint8Array;
  /** Where each non-empty stage ends; the last one is the end of all. */
  readonly #ends: readonly number[];
  readonly #stages: readonly number[];
  readonly #indexes: readonly CountedHashes[];
  /** Trie over source and destination port, if the mask of both together is a prefix. */
  readonly #portsTrie: PrefixTrie | undefined;
  readonly #portsMask: number;
  readonly #portsLength: number;
  /** For each of the classifier's tries: the length of the prefix that this mask has (0: none), and its stage. */
  prefixLengths: readonly number[] = [];
  #prefixStages: readonly number[] = [];

  constructor(mask: MiniMask) {
    this.mask = mask;
    const n = mask.words.length;
    const places = Array.from({ length: n }, (_, i) => i);
    const stageOf = (place: number): number => STAGE_OF_WORD[mask.words[place]!]!;
    places.sort((a, b) => stageOf(a) - stageOf(b) || a - b);
    this.#places = Uint8Array.from(places);
    this.#words = Uint8Array.from(places, (p) => mask.words[p]!);
    this.#bits = Int32Array.from(places, (p) => mask.bits[p]!);
    const ends: number[] = [];
    const stages: number[] = [];
    for (let stage = 0; stage < STAGES; stage++) {
      const end = places.filter((p) => stageOf(p) <= stage).length;
      if (end === (ends.at(-1) ?? 0)) continue;
      ends.push(end);
      stages.push(stage);
    }
    if (ends.length === 0) {
      ends.push(0);
      stages.push(STAGES - 1);
    }
    this.#ends = ends;
    this.#stages = stages;
    this.#indexes = ends.slice(1).map(() => new CountedHashes());
    this.#portsMask = (mask.bitsOf(F.TP_SRC) << 16) | (mask.bitsOf(F.TP_DST) & 0xffff);
    // Like C: where the last bit of the mask is, whether or not there are gaps before it.
    this.#portsLength = this.#portsMask === 0 ? 0 : 1 + Math.clz32(this.#portsMask & -this.#portsMask);
    this.#portsTrie = this.#portsMask === 0 ? undefined : new PrefixTrie();
  }

  /** Says which fields the classifier has tries for. */
  setPrefixFields(fields: readonly { readonly word: number; readonly words: number }[]): void {
    this.prefixLengths = fields.map(({ word, words }) => {
      const bits = Array.from({ length: words }, (_, i) => this.mask.bitsOf(word + i));
      return prefixLength(bits, 0, words);
    });
    this.#prefixStages = fields.map(({ word }) => STAGE_OF_WORD[word]!);
  }

  // --- rules ------------------------------------------------------------------------------------------------

  /** The hash of a rule's values, adding to (or taking from) the indexes on the way. */
  #hashRule(values: readonly number[], index: 'add' | 'remove' | undefined): number {
    let h = 0;
    let at = 0;
    for (let s = 0; s < this.#ends.length; s++) {
      for (const end = this.#ends[s]!; at < end; at++) h = mix(h, values[this.#places[at]!]!);
      if (index && s < this.#indexes.length) this.#indexes[s]![index](h);
    }
    return finish(h);
  }

  #headSlot(hash: number, values: readonly number[]): number {
    for (let slot = this.#heads.first(hash); slot >= 0; slot = this.#heads.next(hash, slot)) {
      if (sameValues(this.#heads.at(slot).match.values, values)) return slot;
    }
    return -1;
  }

  /** Adds a rule; its mask must be equal to this subtable's. */
  insert(rule: R): void {
    rule.match.mask = this.mask;
    const { values } = rule.match;
    const plain = this.#hashRule(values, undefined);
    const slot = this.#headSlot(plain, values);
    if (slot < 0) {
      this.#hashRule(values, 'add');
      this.#portsTrie?.insert([this.#ports(values)], this.#portsLength);
      this.#heads.insert(plain, rule);
      rule.nextEqual = undefined;
    } else {
      const head = this.#heads.at(slot);
      if (rule.priority >= head.priority) {
        rule.nextEqual = head;
        this.#heads.replace(slot, rule);
      } else {
        let before: ClsRule = head;
        while (before.nextEqual && before.nextEqual.priority > rule.priority) before = before.nextEqual;
        rule.nextEqual = before.nextEqual;
        before.nextEqual = rule;
      }
    }
    this.#countPriority(rule.priority);
    this.size++;
    rule.prevAdded = this.#last;
    rule.nextAdded = undefined;
    if (this.#last) this.#last.nextAdded = rule;
    else this.#first = rule;
    this.#last = rule;
  }

  /** @returns whether the rule was here */
  remove(rule: R): boolean {
    const { values } = rule.match;
    const hash = this.#hashRule(values, undefined);
    const slot = this.#headSlot(hash, values);
    if (slot < 0) return false;
    const head = this.#heads.at(slot);
    if (head === rule) {
      if (rule.nextEqual) this.#heads.replace(slot, rule.nextEqual as R);
      else {
        this.#heads.remove(slot);
        this.#hashRule(values, 'remove');
        this.#portsTrie?.remove([this.#ports(values)], this.#portsLength);
      }
    } else {
      let before: ClsRule = head;
      while (before.nextEqual && before.nextEqual !== rule) before = before.nextEqual;
      if (!before.nextEqual) return false;
      before.nextEqual = rule.nextEqual;
    }
    rule.nextEqual = undefined;
    this.#unlink(rule);
    this.size--;
    this.#uncountPriority(rule.priority);
    return true;
  }

  /** The highest-priority rule with these values, whatever its version: the others follow by `nextEqual`. */
  head(match: MiniMatch): R | undefined {
    const slot = this.#headSlot(this.#hashRule(match.values, undefined), match.values);
    return slot < 0 ? undefined : this.#heads.at(slot);
  }

  #unlink(rule: R): void {
    const { nextAdded: next, prevAdded: prev } = rule;
    if (next) next.prevAdded = prev;
    else this.#last = prev;
    if (prev) prev.nextAdded = next;
    else this.#first = next;
    rule.nextAdded = undefined;
    rule.prevAdded = undefined;
  }

  /** All rules, in the order of their insertion. */
  *rules(): IterableIterator<R> {
    for (let rule = this.#first; rule; rule = rule.nextAdded) yield rule as R;
  }

  // --- priorities -------------------------------------------------------------------------------------------

  #countPriority(priority: number): void {
    if (this.size === 0) {
      this.maxPriority = priority;
      this.stale = false;
      this.#priorities = undefined;
      return;
    }
    if (this.#priorities === undefined && priority !== this.maxPriority) {
      this.#priorities = new Map([[this.maxPriority, this.size]]);
    }
    this.#priorities?.set(priority, (this.#priorities.get(priority) ?? 0) + 1);
    if (priority > this.maxPriority) this.maxPriority = priority;
  }

  #uncountPriority(priority: number): void {
    const counts = this.#priorities;
    if (!counts) return;
    const left = counts.get(priority)! - 1;
    if (left > 0) counts.set(priority, left);
    else {
      counts.delete(priority);
      if (priority === this.maxPriority) this.stale = true;
    }
  }

  /** Makes {@link maxPriority} exact. */
  refreshMaxPriority(): void {
    this.stale = false;
    if (!this.#priorities) return;
    let max = Number.NEGATIVE_INFINITY;
    for (const priority of this.#priorities.keys()) if (priority > max) max = priority;
    this.maxPriority = max;
  }

  // --- lookup -----------------------------------------------------------------------------------------------

  #ports(values: readonly number[]): number {
    const { words } = this.mask;
    let ports = 0;
    for (let i = 0; i < words.length; i++) {
      if (words[i] === F.TP_SRC) ports |= values[i]! << 16;
      else if (words[i] === F.TP_DST) ports |= values[i]! & 0xffff;
    }
    return ports;
  }

  /** The best visible rule that the packet matches. */
  find(flow: Flow, version: number): R | undefined {
    const words = this.#words;
    const bits = this.#bits;
    let h = 0;
    for (let i = 0; i < words.length; i++) h = mix(h, flow[words[i]!]! & bits[i]!);
    return this.#findHashed(flow, finish(h), version);
  }

  #findHashed(flow: Flow, hash: number, version: number): R | undefined {
    const words = this.#words;
    const bits = this.#bits;
    const places = this.#places;
    const heads = this.#heads;
    next: for (let slot = heads.first(hash); slot >= 0; slot = heads.next(hash, slot)) {
      const head = heads.at(slot);
      const { values } = head.match;
      for (let i = 0; i < words.length; i++) {
        if ((flow[words[i]!]! & bits[i]!) !== values[places[i]!]) continue next;
      }
      for (let rule: ClsRule | undefined = head; rule; rule = rule.nextEqual) {
        if (rule.isVisible(version)) return rule as R;
      }
      return undefined;
    }
    return undefined;
  }

  /** As {@link find}, adding to `wc` the bits that decided. */
  findAndUnwildcard(flow: Flow, version: number, tries: readonly TrieLookup[], wc: Flow): R | undefined {
    let h = 0;
    let at = 0;
    let stage = 0;
    const last = this.#ends.length - 1;
    for (; ; stage++) {
      for (const end = this.#ends[stage]!; at < end; at++)
        h = mix(h, flow[this.#words[at]!]! & this.#bits[at]!);
      if (stage === last || !this.#indexes[stage]!.has(h)) break;
    }
    if (stage === last) {
      const rule = this.#findHashed(flow, finish(h), version);
      if (rule) {
        foldMask(wc, this.mask);
        return rule;
      }
    }
    this.#unwildcardMiss(flow, stage, tries, wc);
    return undefined;
  }

  /** Nothing here matches, as is known after `stage`. Adds to `wc` few bits that tell so. */
  #unwildcardMiss(flow: Flow, stage: number, tries: readonly TrieLookup[], wc: Flow): void {
    for (let s = 0; s <= stage; s++) {
      if (!this.#triesExclude(this.#stages[s]!, flow, tries, wc)) continue;
      this.#fold(wc, s === 0 ? 0 : this.#ends[s - 1]!);
      return;
    }
    if (stage === this.#ends.length - 1 && this.#portsTrie) this.#foldWithPorts(flow, wc);
    else this.#fold(wc, this.#ends[stage]!);
  }

  /** Whether the tries of fields in this stage know that nothing here matches. */
  #triesExclude(stage: number, flow: Flow, tries: readonly TrieLookup[], wc: Flow): boolean {
    for (let i = 0; i < tries.length; i++) {
      const length = this.prefixLengths[i]!;
      if (length > 0 && this.#prefixStages[i] === stage && tries[i]!.excludes(length, flow, wc)) return true;
    }
    return false;
  }

  /** Adds the first `n` words of the mask, in the order of the stages. */
  #fold(wc: Flow, n: number): void {
    for (let i = 0; i < n; i++) wc[this.#words[i]!] = wc[this.#words[i]!]! | this.#bits[i]!;
  }

  /** Nothing matched, and ports are in the mask: of them, adds only the bits that the trie needs. */
  #foldWithPorts(flow: Flow, wc: Flow): void {
    const src = wc[F.TP_SRC]!;
    const dst = wc[F.TP_DST]!;
    foldMask(wc, this.mask);
    const value = ((flow[F.TP_SRC]! << 16) | (flow[F.TP_DST]! & 0xffff)) & this.#portsMask;
    const length = this.#portsTrie!.lookup([value], 0, 32, NO_LENGTHS);
    const bits = this.#portsMask & (length >= 32 ? -1 : ~(0xffff_ffff >>> length));
    wc[F.TP_SRC] = src | (bits >>> 16);
    wc[F.TP_DST] = dst | (bits & 0xffff);
  }
}

const NO_LENGTHS = new Uint32Array(1);
