/**
 * The switch's half of the flow cache: answers the datapath's upcalls by translating packets and installing
 * megaflows, and keeps what is installed right ("revalidation").
 *
 * This file owns the ukeys and the flow limit; upcall.ts turns packets into flows, revalidator.ts goes over the
 * installed flows in slices. Everything runs in the thread of the event loop, so nothing is locked.
 * C counterpart: ofproto/ofproto-dpif-upcall.c.
 */
import { coverage } from '../../base/coverage.ts';
import type { Loop } from '../../base/loop.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { Dpif, DpifFlow, DpifUpcall, FlowStats, Ufid } from '../../datapath/dpif-provider.ts';
import type { Backer } from './backer.ts';
import { FLOW_SETTINGS } from './flow-cache-settings.ts';
import { Revalidator } from './revalidator.ts';
import type { Ukey } from './ukey.ts';
import { handleUpcalls } from './upcall.ts';

const log = vlog('ofproto_dpif_upcall');
const limitLog = new RateLimit(1, 5);
const limitHit = coverage('upcall_flow_limit_hit');

const INITIAL_FLOW_LIMIT = 10_000;

export class Udpif {
  readonly backer: Backer;
  readonly dpif: Dpif;
  readonly loop: Loop;
  readonly ukeys = new Map<Ufid, Ukey>();
  readonly revalidator: Revalidator;
  flowLimit: number = Math.min(INITIAL_FLOW_LIMIT, FLOW_SETTINGS.flowLimit);
  /** Grows whenever installed flows may have become wrong. */
  revalSeq = 1;
  maxFlows = 0;
  avgFlows = 0;

  constructor(backer: Backer, dpif: Dpif, loop: Loop) {
    this.backer = backer;
    this.dpif = dpif;
    this.loop = loop;
    this.revalidator = new Revalidator(this);
    dpif.setUpcallReceiver((upcalls: readonly DpifUpcall[]) => handleUpcalls(this, upcalls));
  }

  /** Flows in the datapath. */
  get flowCount(): number {
    return Math.max(this.ukeys.size, this.dpif.stats().flows);
  }

  /** Whether one more flow may be installed. */
  mayInstall(): boolean {
    if (this.ukeys.size < this.flowLimit) return true;
    limitHit.inc();
    log.warnRl(limitLog, `upcall: datapath reached the dynamic limit of ${this.flowLimit} flows.`);
    return false;
  }

  /** Something that translations depend on has changed: look at all flows again soon. */
  revalidate(): void {
    this.revalSeq++;
    this.revalidator.wake();
  }

  /** Remembers a flow as installed. A flow of the same key that is already there stays.
   * @returns whether it is new */
  addUkey(ukey: Ukey): boolean {
    const old = this.ukeys.get(ukey.ufid);
    // Packets that came together miss together; but the flow may also have been deleted behind our back.
    if (old && (!old.installed || this.dpif.flowGet(ukey.ufid))) return false;
    if (old) this.dropUkey(old, undefined);
    this.ukeys.set(ukey.ufid, ukey);
    return true;
  }

  /** Forgets a flow, crediting what it did since it was last looked at. */
  dropUkey(ukey: Ukey, last: FlowStats | undefined): void {
    if (this.ukeys.get(ukey.ufid) === ukey) this.ukeys.delete(ukey.ufid);
    if (last) this.revalidator.pushStats(ukey, last);
    this.backer.recircIds.unrefAll(ukey.recircs);
  }

  /** Deletes all flows, crediting their statistics. */
  purge(): void {
    const all = [...this.ukeys.values()];
    this.backer.operate(
      all.map((u) => ({ kind: 'flow_del' as const, ufid: u.ufid })),
      (results) => {
        all.forEach((ukey, i) => {
          this.dropUkey(ukey, results[i]?.stats);
        });
      },
    );
    this.dpif.flushFlows();
  }

  /** Empties the datapath without crediting anything more. */
  flush(): void {
    this.purge();
  }

  /** A flow that somebody else put into the datapath (ovs-appctl dpctl/add-flow). */
  foreignFlow(flow: DpifFlow): void {
    this.revalidator.adopt(flow);
  }

  close(): void {
    this.dpif.setUpcallReceiver(undefined);
    this.revalidator.close();
    this.purge();
  }
}
