/**
 * Goes over the installed flows: credits what they did, drops the idle ones, and translates again those that a
 * change of the switch may have made wrong.
 *
 * A round visits every ukey, in slices that leave the event loop free after a few milliseconds. It begins when
 * something changed, and otherwise every half second. How many flows the cache may hold follows from how
 * long rounds take. C counterparts: udpif_revalidator(), revalidate(), revalidator_sweep().
 */
import { coverage } from '../../base/coverage.ts';
import { errorStack } from '../../base/error-stack.ts';
import type { Timer } from '../../base/loop.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { DpifFlow, DpifOp, FlowStats } from '../../datapath/dpif-provider.ts';
import { F } from '../../flow/layout.ts';
import { wildcardsForPacket } from '../../flow/wildcards.ts';
import type { OdpAction } from '../../odp/action.ts';
import { formatUfid } from '../../odp/ufid.ts';
import { logDumpedFlow } from './dpif-log.ts';
import { DEBUG, FLOW_SETTINGS } from './flow-cache-settings.ts';
import type { Udpif } from './udpif.ts';
import { sameActions, Ukey } from './ukey.ts';
import { slowPathActions } from './upcall.ts';
import { xlateActions } from './xlate/xlate.ts';
import { XlateCache } from './xlate-cache.ts';

const log = vlog('ofproto_dpif_upcall');
const killLimit = new RateLimit(1, 1);
const failedLimit = new RateLimit(5, 5);
const killed = coverage('upcall_flow_limit_kill');
const limitHit = coverage('upcall_flow_limit_hit');
const limitScaled = coverage('upcall_flow_limit_scaled');
const limitReduced = coverage('upcall_flow_limit_reduced');
const limitGrew = coverage('upcall_flow_limit_grew');
const missingFlow = coverage('revalidate_missing_dp_flow');
const missedFlow = coverage('revalidate_missed_dp_flow');

/** A slice ends after so many flows, or sooner when it has taken so long. */
const SLICE_FLOWS = 1000;
const SLICE_CHECK = 32;
const SLICE_MS = 3;
/** Rounds begin at least this long after each other. */
const MIN_INTERVAL_MS = 5;
/** A flow that the datapath has not known for so many rounds is gone. */
const MAX_MISSED_ROUNDS = 4;

/** With more flows than the limit allows, idle ones go this soon. */
const CROWDED_IDLE_MS = 100;

type Verdict =
  | { readonly kind: 'keep' }
  | { readonly kind: 'delete' }
  | { readonly kind: 'modify'; readonly actions: readonly OdpAction[]; readonly recircs: readonly number[] };

const KEEP: Verdict = { kind: 'keep' };
const DELETE: Verdict = { kind: 'delete' };

export class Revalidator {
  readonly #udpif: Udpif;
  #timer: Timer | undefined;
  #closed = false;
  /** `#begin` is about to be called. */
  #deferred = false;
  paused = false;
  /** Number of the round under way or last completed. */
  #round = 0;
  /** Ukeys still to visit; undefined between rounds. */
  #pending: Iterator<Ukey> | undefined;
  #roundSeq = 0;
  #startMs = 0;
  #flowsAtStart = 0;
  /** How long the last round took. */
  durationMs = 0;
  /** The switch changed after the round under way began. */
  #again = false;
  #waiters: { round: number; done: () => void }[] = [];

  constructor(udpif: Udpif) {
    this.#udpif = udpif;
    this.#schedule(FLOW_SETTINGS.maxRevalidatorMs);
  }

  /** Begins a round soon. */
  wake(): void {
    if (this.#pending) {
      this.#again = true;
      return;
    }
    const { loop } = this.#udpif;
    // While the clock stands still, only `warp` would ever end the wait.
    const wait = loop.clock.stopped ? 0 : this.#startMs + MIN_INTERVAL_MS - loop.now();
    this.#schedule(wait);
  }

  /** Resolves after a whole round that begins no earlier than now. */
  wait(): Promise<void> {
    return new Promise((done) => {
      this.#waiters.push({ round: this.#round + 1, done });
      if (this.#pending) this.#again = true;
      else this.#schedule(0);
    });
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    for (const w of this.#waiters) w.done();
    this.#waiters = [];
  }

  #schedule(ms: number): void {
    this.#timer?.cancel();
    if (this.#closed) return;
    const { loop } = this.#udpif;
    this.#timer = undefined;
    if (ms > 0) this.#timer = loop.after(ms, () => this.#begin());
    else if (!this.#deferred) {
      this.#deferred = true;
      loop.defer(() => {
        this.#deferred = false;
        this.#begin();
      });
    }
  }

  #begin(): void {
    if (this.#pending || this.#closed || this.paused) return;
    this.#timer?.cancel();
    const udpif = this.#udpif;
    udpif.backer.recircIds.run();
    this.#round++;
    this.#roundSeq = udpif.revalSeq;
    this.#startMs = udpif.loop.now();
    this.#flowsAtStart = udpif.ukeys.size;
    udpif.maxFlows = Math.max(udpif.maxFlows, this.#flowsAtStart);
    udpif.avgFlows = Math.floor((udpif.avgFlows + this.#flowsAtStart) / 2);
    this.#adoptForeign();
    // A snapshot of the flows is not needed: a Map may change while it is iterated.
    this.#pending = udpif.ukeys.values();
    this.#slice();
  }

  /** Whoever else puts flows into the datapath gets them checked too. */
  #adoptForeign(): void {
    const udpif = this.#udpif;
    if (udpif.dpif.stats().flows <= udpif.ukeys.size) return;
    udpif.dpif.dumpFlows(
      (flows) => {
        for (const flow of flows) this.adopt(flow);
      },
      () => {},
    );
  }

  /** Makes a ukey for a flow that the datapath has, if there is none. */
  adopt(flow: DpifFlow): void {
    const udpif = this.#udpif;
    if (udpif.ukeys.has(flow.ufid)) return;
    const recircs: number[] = [];
    for (const a of flow.actions)
      if (a.kind === 'recirc' && udpif.backer.recircIds.ref(a.recircId)) recircs.push(a.recircId);
    const now = udpif.loop.now();
    const { ufid, key, mask, actions } = flow;
    const ukey = new Ukey(ufid, key, mask, actions, recircs, now, udpif.revalSeq - 1, undefined);
    ukey.installed = true;
    udpif.addUkey(ukey);
  }

  #slice(): void {
    const udpif = this.#udpif;
    const { loop } = udpif;
    const start = loop.now();
    const ops: DpifOp[] = [];
    const targets: Ukey[] = [];
    let more = true;
    for (let n = 0; n < SLICE_FLOWS; n++) {
      if (n % SLICE_CHECK === SLICE_CHECK - 1 && loop.now() - start > SLICE_MS) break;
      const next = this.#pending!.next();
      if (next.done) {
        more = false;
        break;
      }
      if (next.value.round === this.#round) continue;
      next.value.round = this.#round;
      this.#visit(next.value, start, ops, targets);
    }
    if (ops.length > 0) {
      udpif.backer.operate(ops, (results) => {
        results.forEach((r, i) => {
          const ukey = targets[i]!;
          if (ops[i]!.kind === 'flow_del' || r.errno !== 0) udpif.dropUkey(ukey, r.stats);
        });
      });
    }
    if (more && !this.#closed) loop.defer(() => this.#pending && this.#slice());
    else this.#end();
  }

  #end(): void {
    const udpif = this.#udpif;
    this.#pending = undefined;
    this.durationMs = Math.max(Math.floor(udpif.loop.now() - this.#startMs), 1);
    this.#adaptLimit();
    // The rules' statistics are as fresh as they get.
    for (const bridge of udpif.backer.bridges) bridge.up.expireFlows();
    const done = this.#waiters.filter((w) => w.round <= this.#round);
    this.#waiters = this.#waiters.filter((w) => w.round > this.#round);
    for (const w of done) w.done();
    if (this.#again || this.#waiters.length > 0) {
      this.#again = false;
      this.#schedule(this.#waiters.length > 0 || udpif.loop.clock.stopped ? 0 : MIN_INTERVAL_MS);
    } else this.#schedule(Math.min(FLOW_SETTINGS.maxIdleMs, FLOW_SETTINGS.maxRevalidatorMs));
  }

  #adaptLimit(): void {
    const udpif = this.#udpif;
    const ms = this.durationMs;
    let limit = udpif.flowLimit;
    if (ms > 2000) {
      limit = Math.floor(limit / Math.floor(ms / 1000));
      limitScaled.inc();
      log.warn(`Spent an unreasonably long ${ms}ms dumping flows`);
    } else if (ms > 1300) {
      limit = Math.floor((limit * 3) / 4);
      limitReduced.inc();
    } else if (ms < 1000 && limit < (this.#flowsAtStart * 1000) / ms) {
      limit += 1000;
      limitGrew.inc();
    }
    udpif.flowLimit = Math.min(FLOW_SETTINGS.flowLimit, Math.max(limit, 1000));
  }

  #visit(ukey: Ukey, now: number, ops: DpifOp[], targets: Ukey[]): void {
    const udpif = this.#udpif;
    const stats: FlowStats = { packets: 0, bytes: 0, usedMs: 0, tcpFlags: 0 };
    const del = (): void => {
      ops.push({ kind: 'flow_del', ufid: ukey.ufid });
      targets.push(ukey);
    };
    if (!udpif.dpif.flowStats(ukey.ufid, stats)) {
      missedFlow.inc();
      if (++ukey.missedRounds >= MAX_MISSED_ROUNDS) {
        missingFlow.inc();
        del();
      }
      return;
    }
    ukey.missedRounds = 0;
    const { ufid, key, mask, actions } = ukey;
    logDumpedFlow(udpif.backer, { ufid, key, mask, actions, stats });

    const nFlows = udpif.ukeys.size;
    if (nFlows >= udpif.flowLimit) limitHit.inc();
    const emergency = nFlows > 2 * udpif.flowLimit;
    if (emergency) {
      killed.inc();
      log.warnRl(
        killLimit,
        `Number of datapath flows (${nFlows}) twice as high as current dynamic flow limit (${2 * udpif.flowLimit}).  ` +
          'Starting to delete flows unconditionally as an emergency measure.',
      );
    }
    const maxIdle = nFlows > udpif.flowLimit ? CROWDED_IDLE_MS : FLOW_SETTINGS.maxIdleMs;
    const used = stats.usedMs || ukey.createdMs;
    if (emergency || used < now - maxIdle) {
      del();
      return;
    }
    let verdict: Verdict = DELETE;
    try {
      verdict = this.#check(ukey, stats);
      if (verdict.kind !== 'delete') this.pushStats(ukey, stats);
    } catch (error) {
      // A mistake of ours costs this flow, which its next packet makes anew.
      log.errRl(failedLimit, `failed to revalidate ${formatUfid(ukey.ufid)}: ${errorStack(error)}`);
      verdict = DELETE;
    }
    if (verdict.kind === 'delete') {
      del();
      return;
    }
    ukey.revalSeq = this.#roundSeq;
    if (verdict.kind === 'modify') {
      const { actions, recircs } = verdict;
      udpif.backer.recircIds.unrefAll(ukey.recircs);
      ukey.actions = actions;
      ukey.recircs = recircs;
      ops.push({
        kind: 'flow_put',
        ufid: ukey.ufid,
        key: ukey.key,
        mask: ukey.mask,
        actions,
        create: false,
        modify: true,
      });
      targets.push(ukey);
    }
  }

  /** Whether the flow is still right. */
  #check(ukey: Ukey, stats: FlowStats): Verdict {
    const packets = stats.packets - ukey.stats.packets;
    if (ukey.revalSeq === this.#roundSeq) {
      if (packets > 0 && !ukey.cache) this.#fillCache(ukey, stats.tcpFlags);
      return KEEP;
    }
    if (!this.#isWorthRevalidating(ukey, packets)) return DELETE;
    return this.#retranslate(ukey, stats.tcpFlags);
  }

  /** With too much to do, a flow that is rarely used is cheaper to delete than to translate. */
  #isWorthRevalidating(ukey: Ukey, packets: number): boolean {
    const pps = FLOW_SETTINGS.minRevalidatePps;
    const { usedMs } = ukey.stats;
    if (pps === 0 || usedMs === 0 || this.durationMs < FLOW_SETTINGS.maxRevalidatorMs / 2) return true;
    const interval = (Math.max(usedMs, this.#udpif.loop.now()) - usedMs) / Math.max(packets, 1);
    return interval < 1000 / pps;
  }

  #retranslate(ukey: Ukey, tcpFlags: number): Verdict {
    const { backer } = this.#udpif;
    const found = backer.lookup(ukey.key);
    if ('error' in found) return DELETE;
    const cache = new XlateCache();
    const x = xlateActions({ bridge: found.bridge, flow: ukey.key, inPort: found.inPort, tcpFlags, cache });
    const give = (v: Verdict): Verdict => {
      if (v.kind !== 'modify') backer.recircIds.unrefAll(x.recircs);
      return v;
    };
    if (x.avoidCaching) return give(DELETE);
    if (DEBUG.megaflows) {
      // A flow that matches more packets than translation now allows must go.
      const wc = wildcardsForPacket(ukey.key);
      for (let i = 0; i < wc.length; i++)
        if (i !== F.IN_PORT && (wc[i]! & x.wc[i]! & ~ukey.mask[i]!) !== 0) return give(DELETE);
    }
    const actions = x.slow ? slowPathActions(found.bridge, x.slow) : x.actions;
    ukey.cache = cache;
    if (sameActions(actions, ukey.actions)) return give(KEEP);
    const recircs = [...x.recircs];
    const keyRecirc = ukey.key[F.RECIRC_ID]!;
    if (keyRecirc !== 0 && backer.recircIds.ref(keyRecirc)) recircs.push(keyRecirc);
    return { kind: 'modify', actions, recircs };
  }

  /** Finds out what to credit for a flow that has none of it yet. */
  #fillCache(ukey: Ukey, tcpFlags: number): void {
    const { backer } = this.#udpif;
    const found = backer.lookup(ukey.key);
    if ('error' in found) return;
    ukey.cache = new XlateCache();
    const x = xlateActions({
      bridge: found.bridge,
      flow: ukey.key,
      inPort: found.inPort,
      tcpFlags,
      cache: ukey.cache,
    });
    backer.recircIds.unrefAll(x.recircs);
  }

  /** Credits what the flow did since the last time. */
  pushStats(ukey: Ukey, stats: FlowStats): void {
    const packets = stats.packets - ukey.stats.packets;
    const bytes = stats.bytes - ukey.stats.bytes;
    if (packets > 0) {
      if (!ukey.cache) this.#fillCache(ukey, stats.tcpFlags);
      ukey.cache?.push({ packets, bytes, usedMs: stats.usedMs, tcpFlags: stats.tcpFlags });
    }
    ukey.stats.packets = stats.packets;
    ukey.stats.bytes = stats.bytes;
    ukey.stats.usedMs = stats.usedMs;
    ukey.stats.tcpFlags = stats.tcpFlags;
  }
}
