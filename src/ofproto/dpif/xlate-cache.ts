/**
 * What a megaflow's packets touched when they were translated: everything to credit when the datapath reports
 * more of them, so that statistics need no new translation. Filled during a translation, owned by the ukey.
 * C counterpart: ofproto/ofproto-dpif-xlate-cache.c.
 */
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { Flow } from '../../flow/layout.ts';
import { OfpError } from '../../openflow/errors.ts';
import type { Bucket } from '../../openflow/messages/message.ts';
import type { Group } from '../group.ts';
import type { Rule } from '../rule.ts';
import type { BundleBond } from './bundle.ts';
import type { PacketStats } from './flow-stats.ts';
import type { LearnedFlow } from './learned-flow.ts';
import type { Mirrors } from './mirrors.ts';
import type { OfportDpif } from './ofport.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';
import { endsConnection } from './xlate/fin-timeout.ts';
import { creditPatch } from './xlate/output.ts';

const log = vlog('ofproto_xlate_cache');
const learnLimit = new RateLimit(1, 5);

export type CacheEntry =
  | {
      readonly kind: 'table';
      readonly bridge: OfprotoDpif;
      readonly tableId: number;
      readonly match: boolean;
    }
  | { readonly kind: 'rule'; readonly rule: Rule }
  | { readonly kind: 'bond'; readonly bond: BundleBond; readonly flow: Flow; readonly vlan: number }
  | { readonly kind: 'patch'; readonly tx: OfportDpif; readonly rx: OfportDpif }
  | { readonly kind: 'mirror'; readonly mirrors: Mirrors; readonly mask: number }
  | { readonly kind: 'learn'; readonly flow: LearnedFlow }
  | {
      readonly kind: 'normal';
      readonly bridge: OfprotoDpif;
      readonly inPort: number;
      readonly mac: number;
      readonly vlan: number;
      readonly isGratArp: boolean;
    }
  | {
      readonly kind: 'fin_timeout';
      readonly bridge: OfprotoDpif;
      readonly rule: Rule;
      readonly idle: number;
      readonly hard: number;
    }
  | { readonly kind: 'group'; readonly group: Group; readonly bucket: Bucket | undefined };

export class XlateCache {
  readonly #entries: CacheEntry[] = [];

  add(entry: CacheEntry): void {
    this.#entries.push(entry);
  }

  clear(): void {
    this.#entries.length = 0;
  }

  /** The OpenFlow rules among the entries, for `ofproto/detrace`. */
  rules(): Rule[] {
    return this.#entries.flatMap((e) => (e.kind === 'rule' ? [e.rule] : []));
  }

  /** Credits packets that the datapath handled. */
  push(stats: PacketStats): void {
    for (const e of this.#entries) pushEntry(e, stats);
  }
}

function pushEntry(e: CacheEntry, stats: PacketStats): void {
  switch (e.kind) {
    case 'table':
      e.bridge.creditTable(e.tableId, e.match, stats.packets);
      break;
    case 'rule':
      e.rule.credit(stats.packets, stats.bytes, stats.usedMs);
      break;
    case 'bond':
      e.bond.account(e.flow, e.vlan, stats.bytes);
      break;
    case 'patch':
      creditPatch(e.tx, e.rx, stats.packets, stats.bytes);
      break;
    case 'mirror':
      e.mirrors.credit(e.mask, stats.packets, stats.bytes);
      break;
    case 'learn':
      try {
        e.flow.learn(stats.usedMs);
      } catch (error) {
        if (!(error instanceof OfpError)) throw error;
        log.warnRl(learnLimit, 'xcache LEARN action execution failed.');
      }
      break;
    case 'normal': {
      const bundle = e.bridge.portByOfp(e.inPort)?.bundle;
      if (bundle) e.bridge.learnMac(bundle, e.mac, e.vlan, e.isGratArp);
      break;
    }
    case 'fin_timeout':
      if (endsConnection(stats.tcpFlags)) e.bridge.reduceTimeouts(e.rule, e.idle, e.hard);
      break;
    case 'group':
      e.group.credit(e.bucket, stats.packets, stats.bytes);
      break;
  }
}
