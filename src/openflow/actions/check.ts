/**
 * Whether actions fit a flow's match, the switch's ports and tables; and what they note of the match.
 *
 * C counterpart: ofpacts_check in lib/ofp-actions.c.
 */
import { F, type Match } from '../../flow/layout.ts';
import { OfpError } from '../errors.ts';
import { P, type Protocols } from '../version.ts';
import type { OfpAct } from './action.ts';
import type { ActionChecking } from './codec.ts';
import { codecOf } from './table.ts';

export interface ActionCheckOptions {
  /** One more than the highest port of the switch; OFPP.MAX for any. */
  readonly maxPorts: number;
  /** Table of the flow; 255 when it is not known. */
  readonly tableId: number;
  /** 255 for any. */
  readonly nTables: number;
}

export interface CheckedActions {
  /** The actions, those replaced that note something of the match. The same array if none does. */
  readonly actions: readonly OfpAct[];
  /** Protocols that allow what is inconsistent with the match. */
  readonly protocols: Protocols;
}

/** Words of the match that checks of actions change while they run. */
const CHANGED = [F.PACKET_TYPE, F.DL_TYPE, F.NW_PROTO, F.VLAN_TPID0, F.VLAN_TCI0, F.VLAN_TPID1, F.VLAN_TCI1];
/** What they were, for each list that is being checked: one stack for all, since every flow has a list. */
const saved: number[] = [];

class Checking implements ActionChecking {
  readonly match: Match;
  readonly maxPorts: number;
  readonly tableId: number;
  readonly nTables: number;
  protocols: Protocols = P.ANY;

  constructor(match: Match, options: ActionCheckOptions) {
    this.match = match;
    this.maxPorts = options.maxPorts;
    this.tableId = options.tableId;
    this.nTables = options.nTables;
  }

  list(acts: readonly OfpAct[]): readonly OfpAct[] {
    const { flow } = this.match;
    for (let i = 0; i < CHANGED.length; i++) saved.push(flow[CHANGED[i]!]!);
    let result: OfpAct[] | undefined;
    try {
      for (let i = 0; i < acts.length; i++) {
        const act = acts[i]!;
        const replacement = codecOf(act).check?.(act, this);
        if (replacement) (result ??= acts.slice())[i] = replacement;
      }
    } finally {
      for (let i = CHANGED.length - 1; i >= 0; i--) flow[CHANGED[i]!] = saved.pop()!;
    }
    return result ?? acts;
  }

  nested(acts: readonly OfpAct[]): readonly OfpAct[] {
    return this.list(acts);
  }

  nestedSet(acts: readonly OfpAct[]): readonly OfpAct[] {
    const before = this.protocols;
    const result = this.list(acts);
    this.protocols = before;
    return result;
  }
}

/**
 * Checks actions against the match of their flow, which it changes while it runs but not for the caller.
 * @throws OfpError
 */
export function checkActions(
  acts: readonly OfpAct[],
  match: Match,
  options: ActionCheckOptions,
): CheckedActions {
  const c = new Checking(match, options);
  const actions = c.list(acts);
  return { actions, protocols: c.protocols };
}

/**
 * As {@link checkActions}, but refuses what is inconsistent in one of the `needed` protocols.
 * @returns the actions @throws OfpError OFPBAC_MATCH_INCONSISTENT among others
 */
export function checkActionsConsistency(
  acts: readonly OfpAct[],
  match: Match,
  needed: Protocols,
  options: ActionCheckOptions,
): readonly OfpAct[] {
  const { actions, protocols } = checkActions(acts, match, options);
  if (needed & ~protocols) throw new OfpError('OFPBAC_MATCH_INCONSISTENT');
  return actions;
}
