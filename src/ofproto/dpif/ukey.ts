/**
 * A "ukey": what the daemon remembers of a flow that it put into the datapath. Owned by {@link Udpif}.
 * C counterpart: struct udpif_key.
 */
import type { FlowStats, Ufid } from '../../datapath/dpif-provider.ts';
import type { Flow } from '../../flow/layout.ts';
import type { OdpAction } from '../../odp/action.ts';
import type { XlateCache } from './xlate-cache.ts';

export class Ukey {
  readonly ufid: Ufid;
  /** The packet's flow, as the datapath sees it. */
  readonly key: Flow;
  readonly mask: Flow;
  actions: readonly OdpAction[];
  /** Recirculation ids that `actions` and `key` name; a reference is held to each. */
  recircs: readonly number[];
  /** Counters when they were last pushed. */
  readonly stats: FlowStats = { packets: 0, bytes: 0, usedMs: 0, tcpFlags: 0 };
  readonly createdMs: number;
  /** State of the switch that `actions` were found right for. */
  revalSeq: number;
  /** What to credit. Undefined until the first packets after revalidation need it. */
  cache: XlateCache | undefined;
  /** The datapath has taken it. */
  installed = false;
  /** Rounds in a row in which the datapath did not know the flow. */
  missedRounds = 0;
  /** The round that last looked at it. */
  round = 0;

  constructor(
    ufid: Ufid,
    key: Flow,
    mask: Flow,
    actions: readonly OdpAction[],
    recircs: readonly number[],
    createdMs: number,
    revalSeq: number,
    cache: XlateCache | undefined,
  ) {
    this.ufid = ufid;
    this.key = key;
    this.mask = mask;
    this.actions = actions;
    this.recircs = recircs;
    this.createdMs = createdMs;
    this.revalSeq = revalSeq;
    this.cache = cache;
  }
}

/** Whether two lists of datapath actions are the same. */
export function sameActions(a: readonly OdpAction[], b: readonly OdpAction[]): boolean {
  return a.length === b.length && a.every((x, i) => sameValue(x, b[i]));
}

/** Compares plain values: what actions are made of. */
function sameValue(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (ArrayBuffer.isView(a) || Array.isArray(a)) {
    const x = a as ArrayLike<unknown>;
    const y = b as ArrayLike<unknown>;
    if (x.length !== y.length) return false;
    for (let i = 0; i < x.length; i++) if (!sameValue(x[i], y[i])) return false;
    return true;
  }
  const keys = Object.keys(a) as (keyof typeof a)[];
  return keys.length === Object.keys(b).length && keys.every((k) => sameValue(a[k], b[k]));
}
