/**
 * Flow monitors: controllers that want to hear of changes of flows. Updates are collected while a message is
 * carried out and sent at its end, to each connection those that one of its monitors selects.
 *
 * A connection that does not keep up gets no more updates but "paused" and, once all was sent, whatever changed
 * meanwhile and "resumed". C counterpart: the ofmonitors of ofproto/connmgr.c.
 */
import { expandMatch, type MiniMatch, miniMatchOf } from '../classifier/mini-match.ts';
import { OFPP } from '../flow/ports.ts';
import type { OfpAct } from '../openflow/actions/action.ts';
import { actsOutputToGroup, actsOutputToPort } from '../openflow/actions/query.ts';
import { OfpError } from '../openflow/errors.ts';
import { OFPFMF } from '../openflow/messages/flow-monitor.ts';
import type { FlowMonitorRequest, FlowUpdate } from '../openflow/messages/message.ts';
import { type FlowTables, OFPG_ANY } from './flow-tables.ts';
import type { OfConn } from './ofconn.ts';
import type { Rule } from './rule.ts';
import { OFPTT_ALL } from './table.ts';

/** Bytes queued for a connection beyond which its monitors pause. */
const PAUSE_BYTES = 128 * 1024;

interface Monitor {
  readonly request: FlowMonitorRequest;
  readonly match: MiniMatch;
}

/** The message that caused a change. */
export interface Requester {
  readonly conn: OfConn;
  readonly xid: number;
}

/** The monitors of one connection. */
class Watcher {
  readonly monitors = new Map<number, Monitor>();
  updates: FlowUpdate[] = [];
  sentAbbrev = false;
  /** Place in the order of changes at which it paused; 0 while it does not. */
  pausedAt = 0;
}

export type FlowEvent = 'added' | 'removed' | 'modified';
const EVENT_FLAG: Readonly<Record<FlowEvent, number>> = {
  added: OFPFMF.ADD,
  removed: OFPFMF.REMOVED,
  modified: OFPFMF.MODIFY,
};

export class FlowMonitors {
  readonly #flows: FlowTables;
  readonly #watchers = new Map<OfConn, Watcher>();
  #seqno = 1;

  constructor(flows: FlowTables) {
    this.#flows = flows;
  }

  // --- requests ---------------------------------------------------------------------------------------------

  #watcher(conn: OfConn): Watcher {
    let watcher = this.#watchers.get(conn);
    if (!watcher) {
      this.#watchers.set(conn, (watcher = new Watcher()));
      conn.onClose.add(() => this.#watchers.delete(conn));
    }
    return watcher;
  }

  /**
   * Carries out requests: all, or none of their additions.
   * @returns the flows that the new monitors begin with
   * @throws OfpError
   */
  request(conn: OfConn, requests: readonly FlowMonitorRequest[]): FlowUpdate[] {
    const { monitors } = this.#watcher(conn);
    const added: Monitor[] = [];
    try {
      for (const request of requests) {
        if (request.tableId !== OFPTT_ALL) this.#flows.table(request.tableId);
        if (request.command === 'add') {
          if (monitors.has(request.id)) throw new OfpError('OFPMOFC_MONITOR_EXISTS');
        } else if (!monitors.delete(request.id)) throw new OfpError('OFPMOFC_UNKNOWN_MONITOR');
        if (request.command === 'delete') continue;
        const monitor = { request, match: miniMatchOf(request.match) };
        monitors.set(request.id, monitor);
        added.push(monitor);
      }
    } catch (error) {
      for (const { request } of added) monitors.delete(request.id);
      throw error;
    }
    return this.#refresh(
      added.filter((m) => m.request.flags & OFPFMF.INITIAL),
      0,
    );
  }

  /** @throws OfpError when there is no such monitor */
  cancel(conn: OfConn, id: number): void {
    if (!this.#watcher(conn).monitors.delete(id)) throw new OfpError('OFPMOFC_UNKNOWN_MONITOR');
  }

  /** The flows that the monitors select: all, or those that changed after `since`. */
  #refresh(monitors: readonly Monitor[], since: number): FlowUpdate[] {
    const found = new Map<Rule, number>();
    for (const { request, match } of monitors) {
      for (const table of this.#flows.tables) {
        if (request.tableId === OFPTT_ALL ? table.isHidden : table.id !== request.tableId) continue;
        for (const rule of table.classifier.rules(match, this.#flows.version)) {
          if (rule.isHidden || !selectsActions(request, rule.actions)) continue;
          let flags: number = OFPFMF.INITIAL;
          if (since > 0) {
            if (rule.addSeqno > since) flags = OFPFMF.ADD | OFPFMF.MODIFY;
            else if (rule.modifySeqno > since) flags = OFPFMF.MODIFY;
            else continue;
            if ((request.flags & flags) === 0) continue;
          }
          found.set(rule, (found.get(rule) ?? 0) | flags | (request.flags & OFPFMF.INSTRUCTIONS));
        }
      }
    }
    return [...found].map(([rule, flags]) => {
      const event = flags & OFPFMF.INITIAL ? 'initial' : flags & OFPFMF.ADD ? 'added' : 'modified';
      return updateOf(rule, event, 0, (flags & OFPFMF.INSTRUCTIONS) !== 0);
    });
  }

  // --- changes ----------------------------------------------------------------------------------------------

  /**
   * Says that a flow changed.
   * @param reason OFPRR_*, for 'removed'
   * @param oldActions for a modification of actions
   */
  report(
    rule: Rule,
    event: FlowEvent,
    reason: number,
    by: Requester | undefined,
    oldActions?: readonly OfpAct[],
  ): void {
    if (rule.isHidden) return;
    if (event !== 'removed') {
      rule.modifySeqno = this.#seqno++;
      if (event === 'added') rule.addSeqno = rule.modifySeqno;
    }
    if (this.#watchers.size === 0) return;
    for (const [conn, watcher] of this.#watchers) {
      // While paused, only the end of flows that it knows of is told.
      if (watcher.pausedAt > 0 && (event !== 'removed' || rule.addSeqno > watcher.pausedAt)) continue;
      let flags = 0;
      for (const { request, match } of watcher.monitors.values()) {
        const selected =
          request.flags & EVENT_FLAG[event] &&
          (request.tableId === OFPTT_ALL || request.tableId === rule.tableId) &&
          selectsActions(request, rule.actions, oldActions) &&
          rule.match.isWithin(match);
        if (selected) flags |= request.flags;
      }
      if (flags === 0) continue;
      if (flags & OFPFMF.ONLY_OWN || conn !== by?.conn || watcher.pausedAt > 0) {
        watcher.updates.push(updateOf(rule, event, reason, (flags & OFPFMF.INSTRUCTIONS) !== 0));
      } else if (!watcher.sentAbbrev) {
        watcher.updates.push({ event: 'abbrev', xid: by.xid });
        watcher.sentAbbrev = true;
      }
    }
  }

  /** Sends what {@link report} collected. @returns whether a connection paused: {@link run} must be called */
  flush(): boolean {
    let paused = false;
    for (const [conn, watcher] of this.#watchers) {
      if (watcher.updates.length > 0) {
        conn.send({ kind: 'flow_monitor_stats_reply', updates: watcher.updates });
        watcher.updates = [];
      }
      watcher.sentAbbrev = false;
      if (watcher.pausedAt === 0 && watcher.monitors.size > 0 && conn.backlog > PAUSE_BYTES) {
        watcher.pausedAt = this.#seqno++;
        conn.send({ kind: 'flow_monitor_paused' });
        paused = true;
      }
    }
    return paused;
  }

  /** Lets connections go on that have caught up. @returns whether some have not */
  run(): boolean {
    let waiting = false;
    for (const [conn, watcher] of this.#watchers) {
      if (watcher.pausedAt === 0) continue;
      if (conn.backlog > 0) {
        waiting = true;
        continue;
      }
      const updates = this.#refresh([...watcher.monitors.values()], watcher.pausedAt);
      watcher.pausedAt = 0;
      if (updates.length > 0) conn.send({ kind: 'flow_monitor_stats_reply', updates });
      conn.send({ kind: 'flow_monitor_resumed' });
    }
    return waiting;
  }
}

function selectsActions(m: FlowMonitorRequest, acts: readonly OfpAct[], old?: readonly OfpAct[]): boolean {
  if (m.outGroup !== OFPG_ANY && !actsOutputToGroup(acts, m.outGroup)) return false;
  if (m.outPort === OFPP.NONE) return true;
  return actsOutputToPort(acts, m.outPort) || (old !== undefined && actsOutputToPort(old, m.outPort));
}

function updateOf(
  rule: Rule,
  event: FlowEvent | 'initial',
  reason: number,
  withActions: boolean,
): FlowUpdate {
  return {
    event,
    reason,
    idleTimeout: rule.idleTimeout,
    hardTimeout: rule.hardTimeout,
    tableId: rule.tableId,
    priority: rule.priority,
    cookie: rule.cookie,
    match: expandMatch(rule.match),
    actions: withActions ? rule.actions : [],
  };
}
