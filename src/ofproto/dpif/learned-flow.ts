/**
 * A flow that a learn action makes, as a thing that can be installed again and again: translation installs it
 * when a packet comes, statistics of the megaflow refresh it, and if it has expired meanwhile put it back.
 * C counterpart: ofproto_flow_mod_learn().
 */
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { FlowMod } from '../../openflow/messages/message.ts';
import type { Rule } from '../rule.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';

const log = vlog('ofproto');
const limitLog = new RateLimit(1, 5);

export class LearnedFlow {
  readonly bridge: OfprotoDpif;
  readonly mod: FlowMod;
  /** At most so many flows with this cookie; 0 for no limit. */
  readonly limit: number;
  #rule: Rule | undefined;

  constructor(bridge: OfprotoDpif, mod: FlowMod, limit: number) {
    this.bridge = bridge;
    this.mod = mod;
    this.limit = limit;
    this.#rule = bridge.findLearned(mod);
  }

  /** Whether the flow is in its table now. */
  get isInstalled(): boolean {
    return this.#rule !== undefined && !this.#rule.removed;
  }

  /**
   * Installs the flow, or refreshes its age if it is there.
   * @param usedMs when the packet came that teaches it
   * @returns whether it is installed now: false when the limit is reached
   * @throws OfpError as for any flow mod
   */
  learn(usedMs: number): boolean {
    const rule = this.#rule;
    if (rule && !rule.removed) {
      if (usedMs > rule.modifiedMs) rule.modifiedMs = usedMs;
      return true;
    }
    const newer = this.bridge.findRule(this.mod);
    if (rule && newer && newer.modifiedMs > usedMs) return true;
    if (this.limit !== 0 && this.bridge.countRules(this.mod.tableId, this.mod.newCookie) >= this.limit) {
      log.infoRl(limitLog, `Learn limit for flow ${this.mod.newCookie} reached.`);
      return false;
    }
    this.bridge.flowMod(this.mod);
    this.#rule = this.bridge.findRule(this.mod);
    if (this.#rule) this.#rule.modifiedMs = usedMs;
    return true;
  }
}
