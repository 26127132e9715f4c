/**
 * Chooses which flow makes room in a full table: of the largest group of flows (those that agree in the fields
 * given for fairness) the least important one, and among those the one that expires first. Flows that never
 * expire are never evicted.
 *
 * Each group is a heap whose order is only corrected when a flow comes to the top: expiry only moves into the
 * future (except by `fin_timeout`, see {@link Eviction.touch}). Deleted flows stay in the heaps until they come
 * to the top or are the majority. C counterpart: the eviction groups of ofproto/ofproto.c.
 */
import { expandMatch, finish, mix } from '../classifier/mini-match.ts';
import { FIELD, fieldPrereqsOk } from '../flow/fields.ts';
import { readSubfield, type Subfield } from '../flow/subfield.ts';
import type { Rule } from './rule.ts';

interface Entry {
  readonly rule: Rule;
  readonly importance: number;
  readonly expiresMs: number;
}

const before = (a: Entry, b: Entry): boolean =>
  a.importance < b.importance || (a.importance === b.importance && a.expiresMs < b.expiresMs);

const entryOf = (rule: Rule): Entry => ({ rule, importance: rule.importance, expiresMs: rule.expiresAtMs() });

class Group {
  readonly id: number;
  readonly rules = new Set<Rule>();
  #heap: Entry[] = [];

  constructor(id: number) {
    this.id = id;
  }

  push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.length;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  #pop(): Entry {
    const heap = this.#heap;
    const top = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return top;
  }

  /** The rule to evict; it stays. */
  best(): Rule | undefined {
    while (this.#heap.length > 0) {
      const top = this.#pop();
      if (!this.rules.has(top.rule)) continue;
      const now = entryOf(top.rule);
      this.push(now);
      if (now.expiresMs === top.expiresMs && now.importance === top.importance) return top.rule;
    }
    return undefined;
  }

  /** Drops entries of deleted rules when there are many. */
  tidy(): void {
    if (this.#heap.length < 64 || this.#heap.length < 2 * this.rules.size) return;
    this.#heap = [];
    for (const rule of this.rules) this.push(entryOf(rule));
  }
}

export class Eviction {
  readonly fields: readonly Subfield[];
  readonly #groups = new Map<number, Group>();
  readonly #groupOf = new Map<Rule, Group>();
  /** Groups by the number of their rules. */
  readonly #bySize = new Map<number, Set<Group>>();
  #largest = 0;

  /** @param fields for fairness; none: all flows are one group */
  constructor(fields: readonly Subfield[]) {
    this.fields = fields;
  }

  #idOf(rule: Rule): number {
    if (this.fields.length === 0) return 0;
    const { flow } = expandMatch(rule.match);
    let hash = 0;
    for (const sf of this.fields) {
      let value = fieldPrereqsOk(FIELD[sf.field], flow) ? readSubfield(flow, sf) : 0n;
      for (; value > 0n; value >>= 32n) hash = mix(hash, Number(value & 0xffff_ffffn));
      hash = mix(hash, 0);
    }
    return finish(hash);
  }

  #moveSize(group: Group, from: number, to: number): void {
    if (from > 0) {
      const old = this.#bySize.get(from)!;
      old.delete(group);
      if (old.size === 0) this.#bySize.delete(from);
    }
    if (to > 0) {
      const now = this.#bySize.get(to);
      if (now) now.add(group);
      else this.#bySize.set(to, new Set([group]));
    }
    if (to > this.#largest) this.#largest = to;
    while (this.#largest > 0 && !this.#bySize.has(this.#largest)) this.#largest--;
  }

  /** A new rule; no effect for one that never expires. */
  add(rule: Rule): void {
    if (rule.idleTimeout === 0 && rule.hardTimeout === 0) return;
    const id = this.#idOf(rule);
    let group = this.#groups.get(id);
    if (!group) this.#groups.set(id, (group = new Group(id)));
    group.rules.add(rule);
    group.push(entryOf(rule));
    this.#groupOf.set(rule, group);
    this.#moveSize(group, group.rules.size - 1, group.rules.size);
  }

  remove(rule: Rule): void {
    const group = this.#groupOf.get(rule);
    if (!group) return;
    this.#groupOf.delete(rule);
    group.rules.delete(rule);
    this.#moveSize(group, group.rules.size + 1, group.rules.size);
    if (group.rules.size === 0) this.#groups.delete(group.id);
    else group.tidy();
  }

  /** The rule's timeouts have become shorter. */
  touch(rule: Rule): void {
    const group = this.#groupOf.get(rule);
    if (group) group.push(entryOf(rule));
    else this.add(rule);
  }

  /** The rule to evict; undefined when none may be. It stays in until it is removed. */
  choose(): Rule | undefined {
    const largest = this.#bySize.get(this.#largest);
    if (largest) for (const group of largest) return group.best();
    return undefined;
  }
}
