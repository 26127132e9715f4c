/**
 * One FLOW_MOD on its way: checked, then applied to the next version of the tables, then either finished or
 * undone. A lone message goes through all of it at once, a bundle starts all of its messages before it finishes
 * any. C counterpart: struct ofproto_flow_mod.
 */
import { RateLimit, vlog } from '../base/vlog.ts';
import type { Conjunction } from '../classifier/classifier.ts';
import { type MiniMatch, miniMatchOf } from '../classifier/mini-match.ts';
import { F } from '../flow/layout.ts';
import { OFPP } from '../flow/ports.ts';
import type { OfpAct } from '../openflow/actions/action.ts';
import { OfpError } from '../openflow/errors.ts';
import { NO_COOKIE } from '../openflow/messages/flow-mod.ts';
import { FF, type FlowMod, NO_BUFFER, OFPRR } from '../openflow/messages/message.ts';
import { type FlowTables, OFPG_ANY, type RuleCriteria } from './flow-tables.ts';
import { Rule } from './rule.ts';
import { OFPTT_ALL } from './table.ts';

const log = vlog('ofproto');
const hiddenFieldsLimit = new RateLimit(5, 20);

/** Flags that stay with a flow. */
const FF_STATE = FF.SEND_FLOW_REM | FF.NO_PKT_COUNTS | FF.NO_BYT_COUNTS | FF.CHECK_OVERLAP | FF.RESET_COUNTS;

/** What a change needs of its bridge. */
export interface FlowChangeHost {
  readonly name: string;
  readonly flows: FlowTables;
  now(): number;
  /** Whether groups and meters that the actions name exist. @throws OfpError */
  checkActions(actions: readonly OfpAct[]): void;
}

/** One rule that a change put in, with the one that it replaced or evicted. */
export interface NewRule {
  readonly rule: Rule;
  readonly old: Rule | undefined;
  /** `old` was evicted to make room. */
  readonly evicted: boolean;
}

/** The clauses of conjunctive matches that a flow with these actions stands for; undefined for none. */
function conjunctionsOf(acts: readonly OfpAct[]): Conjunction[] | undefined {
  let found: Conjunction[] | undefined;
  for (const act of acts) if (act.kind === 'conjunction') (found ??= []).push(act);
  return found;
}

/** Recirculated packets and hashes are the switch's own business. */
function hasDefaultHiddenFields(match: MiniMatch): boolean {
  const recirc = match.mask.bitsOf(F.RECIRC_ID);
  return (
    match.valueOf(F.RECIRC_ID) === 0 && (recirc === 0 || recirc === -1) && match.mask.bitsOf(F.DP_HASH) === 0
  );
}

export class FlowChange {
  /** The message but for its match, which is the decoder's: {@link #match} is a copy. */
  readonly mod: Omit<FlowMod, 'match'>;
  readonly #host: FlowChangeHost;
  readonly #match: MiniMatch;
  /** After {@link start}: what came, and for deletions what went. */
  readonly added: NewRule[] = [];
  deleted: readonly Rule[] = [];

  /** @throws OfpError when the message can be refused without looking at the tables */
  constructor(host: FlowChangeHost, mod: FlowMod) {
    this.#host = host;
    this.mod = mod;
    this.#match = miniMatchOf(mod.match);
    if (mod.command === 'delete' || mod.command === 'delete_strict') return;
    const { tableId, flags } = mod;
    const table = host.flows.table(tableId === OFPTT_ALL ? 0 : tableId);
    if (table.isReadOnly && !(flags & FF.NO_READONLY)) throw new OfpError('OFPBRC_EPERM');
    if (!(flags & FF.HIDDEN_FIELDS) && !hasDefaultHiddenFields(this.#match)) {
      log.warnRl(
        hiddenFieldsLimit,
        `${host.name}: (add_flow) only internal flows can set non-default values to hidden fields`,
      );
      throw new OfpError('OFPBRC_EPERM');
    }
    if (mod.bufferId !== NO_BUFFER) throw new OfpError('OFPBRC_BUFFER_UNKNOWN');
  }

  /** Applies it to the next version. @throws OfpError, with nothing changed */
  start(): void {
    switch (this.mod.command) {
      case 'add':
        this.#add();
        break;
      case 'modify':
        this.#modify(this.#host.flows.collectLoose(this.#criteria()));
        break;
      case 'modify_strict':
        this.#modify(this.#host.flows.collectStrict(this.#criteria(), this.mod.priority));
        break;
      case 'delete':
        this.#delete(this.#host.flows.collectLoose(this.#criteria()));
        break;
      case 'delete_strict':
        this.#delete(this.#host.flows.collectStrict(this.#criteria(), this.mod.priority));
        break;
    }
  }

  #criteria(): RuleCriteria {
    const { command, tableId, cookie, cookieMask, outPort, outGroup, flags } = this.mod;
    const isDelete = command === 'delete' || command === 'delete_strict';
    return {
      tableId,
      match: this.#match,
      cookie,
      cookieMask,
      outPort: isDelete ? outPort : OFPP.NONE,
      outGroup: isDelete ? outGroup : OFPG_ANY,
      includeReadOnly: (flags & FF.NO_READONLY) !== 0,
    };
  }

  #newRule(like: Rule | undefined): Rule {
    const { mod } = this;
    const { cookie, modifies } = this.#cookieFor(like);
    const nowMs = this.#host.now();
    const keep = modifies ? like : undefined;
    const rule = new Rule({
      tableId: like ? like.tableId : mod.tableId === OFPTT_ALL ? 0 : mod.tableId,
      match: like ? like.match : this.#match,
      priority: like ? like.priority : mod.priority,
      cookie,
      idleTimeout: keep ? keep.idleTimeout : mod.idleTimeout,
      hardTimeout: keep ? keep.hardTimeout : mod.hardTimeout,
      flags: keep ? keep.flags : mod.flags & FF_STATE,
      importance: keep ? keep.importance : mod.importance,
      actions: mod.actions,
      nowMs,
    });
    if (keep) rule.createdMs = keep.createdMs;
    rule.conjunctions = conjunctionsOf(mod.actions);
    return rule;
  }

  /** The new rule's cookie; a modification keeps all of the old rule but its actions, and perhaps the cookie. */
  #cookieFor(old: Rule | undefined): { cookie: bigint; modifies: boolean } {
    const { newCookie, command, modifyCookie } = this.mod;
    const modifies = old !== undefined && command !== 'add';
    const changes = old === undefined || ((command === 'add' || modifyCookie) && newCookie !== NO_COOKIE);
    return { cookie: changes ? newCookie : old.cookie, modifies };
  }

  #add(): void {
    const { flows } = this.#host;
    const { mod } = this;
    this.#host.checkActions(mod.actions);
    const table = flows.table(mod.tableId === OFPTT_ALL ? 0 : mod.tableId);
    const old = flows.find(table.id, this.#match, mod.priority);
    if (old) {
      this.#replace(old, this.#newRule(old));
      return;
    }
    const rule = this.#newRule(undefined);
    if (mod.flags & FF.CHECK_OVERLAP && flows.overlaps(rule)) throw new OfpError('OFPFMFC_OVERLAP');
    let evicted: Rule | undefined;
    if (table.flowCount >= table.maxFlows) {
      evicted = table.eviction?.choose();
      if (!evicted) throw new OfpError('OFPFMFC_TABLE_FULL');
      flows.hide(evicted);
    }
    flows.insert(rule);
    this.added.push({ rule, old: evicted, evicted: evicted !== undefined });
  }

  #replace(old: Rule, rule: Rule): void {
    this.#host.flows.hide(old);
    this.#host.flows.insert(rule);
    this.added.push({ rule, old, evicted: false });
  }

  #modify(olds: readonly Rule[]): void {
    const { newCookie, cookieMask } = this.mod;
    if (olds.length > 0) {
      this.#host.checkActions(this.mod.actions);
      for (const old of olds) this.#replace(old, this.#newRule(old));
    } else if (newCookie !== NO_COOKIE && cookieMask === 0n) this.#add();
  }

  #delete(rules: readonly Rule[]): void {
    for (const rule of rules) this.#host.flows.hide(rule);
    this.deleted = rules;
  }

  /** Undoes {@link start}. */
  revert(): void {
    const { flows } = this.#host;
    for (let i = this.added.length - 1; i >= 0; i--) {
      const { rule, old } = this.added[i]!;
      flows.retract(rule);
      if (old) flows.restore(old);
    }
    for (let i = this.deleted.length - 1; i >= 0; i--) flows.restore(this.deleted[i]!);
    this.added.length = 0;
    this.deleted = [];
  }

  /** After publishing: moves statistics to the new rules and marks the old ones as removed. */
  settle(): void {
    const keepCounts = !(this.mod.flags & FF.RESET_COUNTS);
    for (const { rule, old, evicted } of this.added) {
      if (!old) continue;
      if (!evicted) rule.succeed(old, keepCounts);
      old.markRemoved(evicted ? OFPRR.EVICTION : REPLACED);
    }
    for (const rule of this.deleted) rule.markRemoved(OFPRR.DELETE);
  }
}

/** Reason of a rule that another has replaced: nobody is told. */
export const REPLACED = 0xff;
