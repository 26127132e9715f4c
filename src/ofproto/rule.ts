/**
 * A flow of an OpenFlow table: match and priority (from {@link ClsRule}), what to do, timeouts and statistics.
 *
 * The core owns it: it changes only through flow mods, expiry and {@link Rule.credit}, by which the datapath
 * side reports packets. `actions` of a rule never change: a modifying flow mod puts a new rule in the place of
 * the old one, so that whoever holds a rule holds a consistent one. One object a flow, of a single shape; 100 k
 * of them cost some 40 MB. C counterpart: struct rule of ofproto/ofproto-provider.h.
 */
import { ClsRule } from '../classifier/classifier.ts';
import type { MiniMatch } from '../classifier/mini-match.ts';
import type { OfpAct } from '../openflow/actions/action.ts';

/** Priorities above this are for rules of the switch itself, which controllers cannot see or change. */
export const MAX_OPENFLOW_PRIORITY = 0xffff;

export interface RuleSettings {
  readonly tableId: number;
  readonly match: MiniMatch;
  readonly priority: number;
  readonly cookie: bigint;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  /** FF bits (openflow/messages/message.ts) that stay with the flow. */
  readonly flags: number;
  readonly importance: number;
  readonly actions: readonly OfpAct[];
  /** Monotonic ms. */
  readonly nowMs: number;
}

const NOT_REMOVED = -1;

export class Rule extends ClsRule {
  readonly tableId: number;
  readonly actions: readonly OfpAct[];
  cookie: bigint;
  /** Seconds; 0 for never. */
  idleTimeout: number;
  hardTimeout: number;
  /** FF bits: SEND_FLOW_REM, NO_PKT_COUNTS, NO_BYT_COUNTS, ... */
  flags: number;
  importance: number;
  /** Monotonic ms. */
  createdMs: number;
  /** When last added or modified: hard timeouts count from here. */
  modifiedMs: number;
  /** When the last packet came (or the flow was added): idle timeouts count from here. */
  usedMs: number;
  packets = 0;
  bytes = 0;
  /** Places in the order of all changes that flow monitors may report. */
  addSeqno = 0;
  modifySeqno = 0;
  /** OFPRR_* once the rule is removed. */
  #removedReason: number = NOT_REMOVED;
  /** The rule that took this one's place: it gets the statistics that come late. */
  #successor: Rule | undefined = undefined;
  #successorCounts = false;
  /** Neighbours among the rules with the same cookie; owned by the cookie index. */
  cookiePrev: Rule | undefined = undefined;
  cookieNext: Rule | undefined = undefined;
  constructor(s: RuleSettings) {
    super(s.match, s.priority);
    this.tableId = s.tableId;
    this.actions = s.actions;
    this.cookie = s.cookie;
    this.idleTimeout = s.idleTimeout;
    this.hardTimeout = s.hardTimeout;
    this.flags = s.flags;
    this.importance = s.importance;
    this.createdMs = s.nowMs;
    this.modifiedMs = s.nowMs;
    this.usedMs = s.nowMs;
  }

  /** Counts packets that the flow handled. `usedMs` is monotonic. */
  credit(packets: number, bytes: number, usedMs: number): void {
    let rule: Rule = this;
    let counts = true;
    for (let next = rule.#successor; next; next = rule.#successor) {
      counts &&= rule.#successorCounts;
      rule = next;
    }
    if (counts) {
      rule.packets += packets;
      rule.bytes += bytes;
    }
    if (usedMs > rule.usedMs) rule.usedMs = usedMs;
  }

  /** Takes the place of `old`: its statistics go on here, without its counts unless `keepCounts`. */
  succeed(old: Rule, keepCounts: boolean): void {
    if (keepCounts) {
      this.packets = old.packets;
      this.bytes = old.bytes;
    }
    this.usedMs = old.usedMs;
    old.#successor = this;
    old.#successorCounts = keepCounts;
  }

  /** Shortens the timeouts, as `fin_timeout` does; 0 leaves one alone. */
  reduceTimeouts(idleTimeout: number, hardTimeout: number): void {
    this.idleTimeout = shorter(this.idleTimeout, idleTimeout);
    this.hardTimeout = shorter(this.hardTimeout, hardTimeout);
  }

  /** The rule has left its table (and may still be held by translations under way). */
  get removed(): boolean {
    return this.#removedReason !== NOT_REMOVED;
  }

  /** OFPRR_*; only for a removed rule. */
  get removedReason(): number {
    return this.#removedReason;
  }

  markRemoved(reason: number): void {
    this.#removedReason = reason;
  }

  /** Of the switch itself: no controller sees it. */
  get isHidden(): boolean {
    return this.priority > MAX_OPENFLOW_PRIORITY;
  }

  /** The lowest-priority flow of every packet, to OpenFlow 1.3+ the "table-miss flow". */
  get isTableMiss(): boolean {
    return this.priority === 0 && this.match.isCatchAll;
  }

  /** When the rule expires at the latest as things are; `Infinity` when it never does. */
  expiresAtMs(): number {
    const hard =
      this.hardTimeout === 0 ? Number.POSITIVE_INFINITY : this.modifiedMs + this.hardTimeout * 1000;
    const idle = this.idleTimeout === 0 ? Number.POSITIVE_INFINITY : this.usedMs + this.idleTimeout * 1000;
    return Math.min(hard, idle);
  }
}

const shorter = (a: number, b: number): number => (b === 0 ? a : a === 0 ? b : Math.min(a, b));
