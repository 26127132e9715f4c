/** Flow and aggregate statistics. */
import { expandMatch, miniMatchOf } from '../../classifier/mini-match.ts';
import type { Match } from '../../flow/layout.ts';
import { MatchPool } from '../../flow/match/pool.ts';
import type { FlowStats, FlowStatsRequest } from '../../openflow/messages/message.ts';
import type { Ofproto } from '../ofproto.ts';
import type { Rule } from '../rule.ts';
import { duration, type Handler, type Job, type Request } from './handler.ts';

/** Flows of one reply message, and of one slice of work. */
const FLOWS_PER_SLICE = 200;

function collect(ofproto: Ofproto, m: FlowStatsRequest): Rule[] {
  return ofproto.flows.collectLoose({ ...m, match: miniMatchOf(m.match), includeReadOnly: true });
}

/** Whole seconds since `thenMs`, as far as 16 bits hold them. */
const age = (thenMs: number, nowMs: number): number =>
  Math.max(0, Math.min(0xffff, Math.floor((nowMs - thenMs) / 1000)));

/** @param match of every packet: the one to fill in */
function statsOf(rule: Rule, nowMs: number, match: Match): FlowStats {
  return {
    match: expandMatch(rule.match, match),
    cookie: rule.cookie,
    tableId: rule.tableId,
    priority: rule.priority,
    idleTimeout: rule.idleTimeout,
    hardTimeout: rule.hardTimeout,
    ...duration(rule.createdMs, nowMs),
    idleAge: age(rule.usedMs, nowMs),
    hardAge: age(rule.modifiedMs, nowMs),
    packetCount: BigInt(rule.packets),
    byteCount: BigInt(rule.bytes),
    actions: rule.actions,
    flags: rule.flags,
    importance: rule.importance,
  };
}

function* dump(rules: readonly Rule[], r: Request): Generator<void, void> {
  const matches = new MatchPool();
  for (let i = 0; ; i += FLOWS_PER_SLICE) {
    const now = r.ofproto.now();
    matches.reset();
    const flows = rules.slice(i, i + FLOWS_PER_SLICE).map((rule) => statsOf(rule, now, matches.next()));
    const more = i + FLOWS_PER_SLICE < rules.length;
    r.reply({ kind: 'flow_stats_reply', flows }, more);
    if (!more) return;
    yield;
  }
}

export const handleFlowStatsRequest: Handler<'flow_stats_request'> = (m, r): Job =>
  dump(collect(r.ofproto, m), r);

export const handleAggregateStatsRequest: Handler<'aggregate_stats_request'> = (m, r) => {
  const rules = collect(r.ofproto, m);
  let packets = 0;
  let bytes = 0;
  for (const rule of rules) {
    packets += rule.packets;
    bytes += rule.bytes;
  }
  r.reply({
    kind: 'aggregate_stats_reply',
    packetCount: BigInt(packets),
    byteCount: BigInt(bytes),
    flowCount: rules.length,
  });
};
