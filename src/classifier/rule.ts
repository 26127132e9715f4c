/** A rule of a classifier: what every kind of rule has. C counterpart: struct cls_rule. */
import type { MiniMatch } from './mini-match.ts';

/** One dimension of a conjunctive match that a rule stands for. */
export interface Conjunction {
  readonly id: number;
  /** From 0. */
  readonly clause: number;
  readonly nClauses: number;
}

/** "Never removed", as a {@link ClsRule.removeVersion}. */
export const NEVER = 0x7fff_ffff;

export class ClsRule {
  readonly match: MiniMatch;
  readonly priority: number;
  /** Makes it a "soft" rule: no match of its own, but part of conjunctive matches. Set before insertion. */
  conjunctions: readonly Conjunction[] | undefined = undefined;
  /** Versions in which lookups see it: from `addVersion` until before `removeVersion`. */
  addVersion = 0;
  removeVersion: number = NEVER;
  /** The next rule with an equal match in the same subtable: of lower priority, or for other versions. */
  nextEqual: ClsRule | undefined = undefined;
  /** Neighbours in the order in which the rules of a subtable were added. */
  nextAdded: ClsRule | undefined = undefined;
  prevAdded: ClsRule | undefined = undefined;

  constructor(match: MiniMatch, priority: number) {
    this.match = match;
    this.priority = priority;
  }

  isVisible(version: number): boolean {
    return this.addVersion <= version && version < this.removeVersion;
  }

  /** Hides the rule from lookups from `version` on. */
  hideFrom(version: number): void {
    this.removeVersion = version;
  }

  unhide(): void {
    this.removeVersion = NEVER;
  }
}
