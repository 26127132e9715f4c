/**
 * Finds the highest-priority rule that a packet matches, and which of the packet's bits decided.
 *
 * Tuple space search: rules with equal masks share a {@link Subtable}, a hash table; a lookup visits subtables
 * in the order of their highest priority and stops as soon as the rest cannot do better. Whatever it examines is
 * added to the wildcards, so that the datapath may handle all packets that agree on those bits alike; stages
 * within a subtable, and prefix tries over addresses and ports, keep those bits few.
 *
 * Versions: a rule is seen by lookups in versions from its `addVersion` until before its `removeVersion`, so that
 * many changes take effect at once. Of equal rules (match and priority) at most one may be visible in any version.
 *
 * Conjunctive matches: a rule with `conjunctions` matches nothing itself; when for some id a rule of every clause
 * matches, the lookup is repeated with that `conj_id`.
 *
 * Owner of the links between rules; everything else of a rule is its owner's. Not for the packet path: a lookup
 * allocates a little, and costs on the order of a microsecond.
 * C counterpart: lib/classifier.h, whose header explains the ideas at length.
 */
import { FIELD, type Field, fieldPrereqsOk } from '../flow/fields.ts';
import { F, type Flow } from '../flow/layout.ts';
import type { MiniMask, MiniMatch } from './mini-match.ts';
import { hasLength, type PrefixLengths, PrefixTrie } from './prefix-trie.ts';
import { type ClsRule, NEVER } from './rule.ts';
import { Subtable, type TrieLookup } from './subtable.ts';

export { ClsRule, type Conjunction, NEVER } from './rule.ts';

/** Most fields that may have tries. */
export const MAX_TRIES = 4;
/** Flow_Table:prefixes when the database says nothing. */
export const DEFAULT_PREFIX_FIELDS: readonly Field[] = [
  FIELD.ip_dst,
  FIELD.ip_src,
  FIELD.ipv6_dst,
  FIELD.ipv6_src,
];

const NO_TRIES: readonly TrieLookup[] = [];

/** A trie over one field, and what the lookup under way has found in it. */
class FieldTrie implements TrieLookup {
  readonly field: Field;
  readonly trie = new PrefixTrie();
  readonly #lengths: PrefixLengths;
  readonly #words: number[];
  #bits = 0;
  #done = false;

  constructor(field: Field) {
    this.field = field;
    this.#lengths = new Uint32Array(field.words);
    this.#words = new Array<number>(field.words).fill(0);
  }

  /** Begins a new lookup. */
  reset(): void {
    this.#done = false;
  }

  excludes(length: number, flow: Flow, wc: Flow): boolean {
    if (!this.#done) this.#lookUp(flow);
    if (hasLength(this.#lengths, length)) return false;
    const { word } = this.field;
    // The trie is that of all rules: it may call for more bits than this subtable alone would.
    if (this.#bits <= length) {
      for (let i = 0, left = this.#bits; left > 0; i++, left -= 32) wc[word + i] = wc[word + i]! | ones(left);
      return true;
    }
    for (let i = 0, left = this.#bits; left > 0; i++, left -= 32) {
      if ((~wc[word + i]! & ones(left)) !== 0) return false;
    }
    return true;
  }

  #lookUp(flow: Flow): void {
    this.#done = true;
    const { field } = this;
    if (fieldPrereqsOk(field, flow)) {
      this.#lengths.fill(0);
      this.#bits = this.trie.lookup(flow, field.word, field.words * 32, this.#lengths);
    } else {
      this.#lengths.fill(0xffff_ffff);
      this.#bits = 0;
    }
  }

  /** The field's words of a rule, valid until the next call. */
  wordsOf(match: MiniMatch): readonly number[] {
    for (let i = 0; i < this.#words.length; i++) this.#words[i] = match.valueOf(this.field.word + i);
    return this.#words;
  }
}

/** A mask of `n` leading ones. */
const ones = (n: number): number => (n >= 32 ? -1 : ~(0xffff_ffff >>> n));

export class Classifier<R extends ClsRule> {
  #subtables: Subtable<R>[] = [];
  readonly #byMask = new Map<number, Subtable<R>[]>();
  #tries: FieldTrie[] = [];
  /** {@link #subtables} must be sorted again, and perhaps some have stale priorities. */
  #disordered = false;
  #size = 0;

  constructor(prefixFields: readonly Field[] = DEFAULT_PREFIX_FIELDS) {
    this.#tries = prefixFields.map((f) => new FieldTrie(f));
  }

  /** Number of rules, visible or not. */
  get size(): number {
    return this.#size;
  }

  get subtableCount(): number {
    return this.#subtables.length;
  }

  /** Chooses the fields (at most {@link MAX_TRIES}) that get tries. @returns whether that is a change */
  setPrefixFields(fields: readonly Field[]): boolean {
    const wanted = fields.slice(0, MAX_TRIES);
    if (wanted.length === this.#tries.length && wanted.every((f, i) => f === this.#tries[i]!.field))
      return false;
    this.#tries = wanted.map((f) => new FieldTrie(f));
    for (const subtable of this.#subtables) {
      subtable.setPrefixFields(wanted);
      for (const rule of subtable.rules()) this.#changeTries(subtable, rule.match, 'insert');
    }
    return true;
  }

  #changeTries(subtable: Subtable<R>, match: MiniMatch, change: 'insert' | 'remove'): void {
    for (let i = 0; i < this.#tries.length; i++) {
      const length = subtable.prefixLengths[i]!;
      if (length > 0) this.#tries[i]!.trie[change](this.#tries[i]!.wordsOf(match), length);
    }
  }

  #subtableOf(mask: MiniMask): Subtable<R> | undefined {
    const same = this.#byMask.get(mask.hash);
    if (same) for (const s of same) if (s.mask.equals(mask)) return s;
    return undefined;
  }

  /** Adds a rule that lookups see from `version` on. */
  insert(rule: R, version = 0): void {
    rule.addVersion = version;
    rule.removeVersion = NEVER;
    const { mask } = rule.match;
    let subtable = this.#subtableOf(mask);
    if (!subtable) {
      subtable = new Subtable<R>(mask);
      subtable.setPrefixFields(this.#tries.map((t) => t.field));
      this.#subtables.push(subtable);
      const same = this.#byMask.get(mask.hash);
      if (same) same.push(subtable);
      else this.#byMask.set(mask.hash, [subtable]);
    }
    if (rule.priority > subtable.maxPriority || subtable.size === 0) this.#disordered = true;
    subtable.insert(rule);
    this.#changeTries(subtable, rule.match, 'insert');
    this.#size++;
  }

  /** Takes a rule out at once, for all versions. @returns whether it was in */
  remove(rule: R): boolean {
    const subtable = this.#subtableOf(rule.match.mask);
    if (!subtable?.remove(rule)) return false;
    this.#size--;
    this.#changeTries(subtable, rule.match, 'remove');
    if (subtable.stale) this.#disordered = true;
    if (subtable.size === 0) {
      this.#subtables.splice(this.#subtables.indexOf(subtable), 1);
      const same = this.#byMask.get(subtable.mask.hash)!;
      if (same.length === 1) this.#byMask.delete(subtable.mask.hash);
      else same.splice(same.indexOf(subtable), 1);
    }
    return true;
  }

  /** The rule with exactly this match and priority that lookups in `version` see. */
  find(match: MiniMatch, priority: number, version = 0): R | undefined {
    let rule = this.#subtableOf(match.mask)?.head(match);
    for (; rule && rule.priority >= priority; rule = rule.nextEqual as R | undefined) {
      if (rule.priority === priority && rule.isVisible(version)) return rule;
    }
    return undefined;
  }

  /** Whether a rule of that priority, visible in `version`, can match a packet that `match` matches too. */
  overlaps(match: MiniMatch, priority: number, version = 0): boolean {
    for (const subtable of this.#subtables) {
      if (subtable.maxPriority < priority) continue;
      for (const rule of subtable.rules()) {
        if (rule.priority === priority && rule.isVisible(version) && rule.match.overlaps(match)) return true;
      }
    }
    return false;
  }

  /**
   * Visits the rules, by masks in the order in which lookups try them, those of one mask in the order of their
   * insertion. The classifier must not change meanwhile.
   * @param within only rules whose match is equal to this one or narrower
   * @param version only rules that lookups in this version see
   */
  *rules(within?: MiniMatch, version?: number): IterableIterator<R> {
    if (this.#disordered) this.#order();
    for (const subtable of this.#subtables) {
      if (within && !subtable.mask.covers(within.mask)) continue;
      for (const rule of subtable.rules()) {
        if (version !== undefined && !rule.isVisible(version)) continue;
        if (!within || rule.match.isWithin(within)) yield rule;
      }
    }
  }

  #order(): void {
    this.#disordered = false;
    for (const s of this.#subtables) if (s.stale) s.refreshMaxPriority();
    this.#subtables.sort((a, b) => b.maxPriority - a.maxPriority);
  }

  /**
   * The highest-priority rule for a packet.
   * @param wc gets the bits of `flow` on which the answer depended
   * @param conjunctive gets the rules of the conjunctive match that led to the answer, if one did
   */
  lookup(flow: Flow, version = 0, wc?: Flow, conjunctive?: Set<R>): R | undefined {
    if (this.#disordered) this.#order();
    return this.#lookUp(flow, version, wc, true, conjunctive);
  }

  #lookUp(
    flow: Flow,
    version: number,
    wc: Flow | undefined,
    soft: boolean,
    conjunctive?: Set<R>,
  ): R | undefined {
    const tries = wc ? this.#tries : NO_TRIES;
    if (wc) for (const trie of this.#tries) trie.reset();
    let best: R | undefined;
    let bestPriority = Number.NEGATIVE_INFINITY;
    let parts: R[] | undefined;
    const subtables = this.#subtables;
    for (let i = 0; i < subtables.length; i++) {
      const subtable = subtables[i]!;
      if (subtable.maxPriority <= bestPriority) break;
      const rule = wc ? subtable.findAndUnwildcard(flow, version, tries, wc) : subtable.find(flow, version);
      if (rule === undefined || rule.priority <= bestPriority) continue;
      if (rule.conjunctions === undefined) {
        best = rule;
        bestPriority = rule.priority;
      } else if (soft) (parts ??= []).push(rule);
    }
    return parts ? this.#resolveConjunctions(flow, version, wc, parts, best, conjunctive) : best;
  }

  /**
   * Chooses between the best ordinary rule and what the rules in `parts` make up together, priority by priority
   * from the highest. Equal rules of lower priority take the place of those that came to nothing.
   */
  #resolveConjunctions(
    flow: Flow,
    version: number,
    wc: Flow | undefined,
    candidates: readonly R[],
    hard: R | undefined,
    conjunctive: Set<R> | undefined,
  ): R | undefined {
    let best = hard;
    let parts = candidates;
    for (;;) {
      const floor = best ? best.priority : Number.NEGATIVE_INFINITY;
      parts = parts.filter((r) => r.priority > floor);
      if (parts.length === 0) return best;
      const priority = Math.max(...parts.map((r) => r.priority));
      const top = parts.filter((r) => r.priority === priority);
      for (const id of satisfied(top)) {
        const rule = this.#lookUpConjunction(flow, version, wc, id);
        if (!rule) continue;
        if (conjunctive)
          for (const r of top) if (r.conjunctions!.some((c) => c.id === id)) conjunctive.add(r);
        return rule;
      }
      const lower: R[] = parts.filter((r) => r.priority !== priority);
      for (const part of top) {
        let next = part.nextEqual as R | undefined;
        while (next && !next.isVisible(version)) next = next.nextEqual as R | undefined;
        if (!next) continue;
        if (next.conjunctions) lower.push(next);
        else if (!best || next.priority > best.priority) best = next;
      }
      parts = lower;
    }
  }

  #lookUpConjunction(flow: Flow, version: number, wc: Flow | undefined, id: number): R | undefined {
    const saved = flow[F.CONJ_ID]!;
    flow[F.CONJ_ID] = id;
    const rule = this.#lookUp(flow, version, wc, false);
    flow[F.CONJ_ID] = saved;
    return rule;
  }
}

/** The ids of which the rules together have every clause, as they become complete. */
function* satisfied(rules: readonly ClsRule[]): Generator<number> {
  const missing = new Map<number, Set<number>>();
  const done = new Set<number>();
  for (const rule of rules) {
    for (const { id, clause, nClauses } of rule.conjunctions!) {
      if (nClauses > rules.length || done.has(id)) continue;
      let left = missing.get(id);
      if (!left) missing.set(id, (left = new Set(Array.from({ length: nClauses }, (_, i) => i))));
      left.delete(clause);
      if (left.size > 0) continue;
      done.add(id);
      yield id;
    }
  }
}
