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
    // The words that checks of actions change while they run, each by name: every flow has a list.
    const packetType = flow[F.PACKET_TYPE]!;
    const dlType = flow[F.DL_TYPE]!;
    const nwProto = flow[F.NW_PROTO]!;
    const tpid0 = flow[F.VLAN_TPID0]!;
    const tci0 = flow[F.VLAN_TCI0]!;
    const tpid1 = flow[F.VLAN_TPID1]!;
    const tci1 = flow[F.VLAN_TCI1]!;
    let result: OfpAct[] | undefined;
    try {
      for (let i = 0; i < acts.length; i++) {
        const act = acts[i]!;
        const replacement = codecOf(act).check?.(act, this);
        if (replacement) (result ??= acts.slice())[i] = replacement;
      }
    } finally {
      flow[F.PACKET_TYPE] = packetType;
      flow[F.DL_TYPE] = dlType;
      flow[F.NW_PROTO] = nwProto;
      flow[F.VLAN_TPID0] = tpid0;
      flow[F.VLAN_TCI0] = tci0;
      flow[F.VLAN_TPID1] = tpid1;
      flow[F.VLAN_TCI1] = tci1;
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
