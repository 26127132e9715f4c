/**
 * An OpenFlow switch: one bridge. Ports, flow tables, groups, meters, and what changes them; packets are the
 * business of its {@link OfprotoProvider}, connections of its {@link Connections}.
 *
 * Who uses it: vswitchd configures it (ports, names, descriptions, table settings), the handlers of OpenFlow
 * messages (`handlers/`) read and change it, the datapath side looks rules up, credits them, learns flows and
 * calls {@link Ofproto.expireFlows} whenever the statistics are fresh.
 * All in the thread of the event loop; a bulk deletion takes effect at once and is cleaned up in slices.
 * C counterpart: struct ofproto and ofproto/ofproto.c.
 */

import { coverage } from '../base/coverage.ts';
import { type Random, SystemError } from '../base/host.ts';
import type { Loop, Runnable, Task } from '../base/loop.ts';
import { RateLimit, vlog } from '../base/vlog.ts';
import { expandMatch, miniMatchOf } from '../classifier/mini-match.ts';
import type { Netdev } from '../datapath/netdev-provider.ts';
import type { Field, FieldName } from '../flow/fields.ts';
import type { Match } from '../flow/layout.ts';
import { OFPP } from '../flow/ports.ts';
import { TunTable } from '../flow/tun-metadata.ts';
import type { OfpAct } from '../openflow/actions/action.ts';
import { actsEqual } from '../openflow/actions/query.ts';
import { OfpError } from '../openflow/errors.ts';
import { flowModOf } from '../openflow/messages/flow-mod.ts';
import {
  FF,
  type FlowMod,
  FRAG,
  type GroupMod,
  OFPRR,
  PC,
  type PhyPort,
  PS,
} from '../openflow/messages/message.ts';
import { FlowChange, type FlowChangeHost, REPLACED } from './flow-change.ts';
import { FlowMonitors, type Requester } from './flow-monitors.ts';
import { FlowTables } from './flow-tables.ts';
import { GroupChange, type GroupChangeHost, GroupTable, OFPG_ALL } from './group-table.ts';
import { type LearnedCookie, LearnedCookies } from './learned-cookies.ts';
import { MeterTable, type MeterTableHost, OFPM13 } from './meter-table.ts';
import { type Connections, NO_CONNECTIONS, type OfConn } from './ofconn.ts';
import { Ofport, sameDescription } from './ofport.ts';
import { NO_PROVIDER, type OfprotoProvider } from './ofproto-provider.ts';
import { Ports } from './ports.ts';
import type { Rule } from './rule.ts';
import type { Table } from './table.ts';

const log = vlog('ofproto');
const meterLimit = new RateLimit(1, 5);
const fragLimit = new RateLimit(5, 20);
const FRAG_TEXT = ['normal', 'drop', 'reassemble', 'nx-match'];
const portLimit = new RateLimit(1, 5);
const expired = coverage('ofproto_dpif_expired');
const flushed = coverage('ofproto_flush');

/** How long bundles live that nobody adds to, unless the configuration says otherwise. */
export const BUNDLE_IDLE_TIMEOUT_MS = 10_000;
/** Rules that are cleaned up in one turn of the loop. */
const SWEEP_RULES = 2000;
/** How often paused flow monitors are looked at. */
const MONITOR_POLL_MS = 100;

const DELETE_ALL_GROUPS: GroupMod = {
  command: 'delete',
  type: 'all',
  groupId: OFPG_ALL,
  commandBucketId: 0xffff_ffff,
  buckets: [],
  props: { selectionMethod: '', selectionMethodParam: 0n, fields: [] },
};

/** OFPPR_*: what happened to a port. */
export const OFPPR = { ADD: 0, DELETE: 1, MODIFY: 2 } as const;

/** What OFPST_DESC answers; undefined for the default. */
export interface SwitchDescription {
  mfrDesc: string | undefined;
  hwDesc: string | undefined;
  swDesc: string | undefined;
  serialNum: string | undefined;
  dpDesc: string | undefined;
}

export interface OfprotoOptions {
  /** Bridge name. */
  readonly name: string;
  /** Datapath type: 'netdev', 'system', ... */
  readonly type: string;
  readonly loop: Loop;
  readonly random: Random;
  /** One more than the highest number of a physical port. */
  readonly maxPorts?: number;
  /** Makes the datapath side, which may add flows already. */
  makeProvider(ofproto: Ofproto): OfprotoProvider;
}

export class Ofproto implements Runnable, FlowChangeHost, GroupChangeHost, MeterTableHost {
  readonly name: string;
  readonly type: string;
  readonly flows = new FlowTables();
  readonly groups = new GroupTable();
  readonly meters: MeterTable;
  readonly ports: Ports;
  readonly monitors: FlowMonitors;
  provider: OfprotoProvider = NO_PROVIDER;
  /** Set by whoever makes the connection manager. */
  connections: Connections = NO_CONNECTIONS;
  /** 64 bits. */
  datapathId: bigint;
  readonly description: SwitchDescription = {
    mfrDesc: undefined,
    hwDesc: undefined,
    swDesc: undefined,
    serialNum: undefined,
    dpDesc: undefined,
  };
  /** FRAG.*: what happens to IP fragments. */
  fragHandling: number = FRAG.NORMAL;
  /** Where tunnel options lie in flow keys (NXT_TLV_TABLE_MOD). */
  tunTable = new TunTable();
  /** A field with the place that it has in this bridge's flow keys. */
  readonly resolveField = (name: FieldName): Field => this.tunTable.resolve(name);
  /** Monotonic ms after which an unused bundle is discarded. */
  bundleIdleTimeoutMs = BUNDLE_IDLE_TIMEOUT_MS;
  readonly #loop: Loop;
  readonly #task: Task;
  readonly #learned = new LearnedCookies();
  /** What was last told about each port. */
  readonly #told = new Map<Ofport, { changeSeq: number; desc: PhyPort }>();
  /** Housekeeping of others, e.g. of bundles: run once a second while there is any. */
  readonly everySecond = new Set<(nowMs: number) => void>();
  #nextSecondMs = 0;
  /** Some connection's flow monitors wait for it to catch up. */
  #monitorsPaused = false;

  constructor(options: OfprotoOptions) {
    this.name = options.name;
    this.type = options.type;
    this.#loop = options.loop;
    this.ports = new Ports(options.maxPorts ?? 0xff00);
    this.monitors = new FlowMonitors(this.flows);
    this.datapathId = randomDatapathId(options.random);
    this.meters = new MeterTable(this);
    this.provider = options.makeProvider(this);
    this.#task = options.loop.task(this);
  }

  /** Deletes everything and stops. The connections must be gone. */
  destroy(): void {
    this.#task.remove();
    this.#deleteAllFlows(true);
    for (const port of [...this.ports.all()]) this.portDel(port.ofpPort);
    this.flows.sweep(Number.POSITIVE_INFINITY, () => {});
  }

  /** Monotonic ms. */
  now(): number {
    return this.#loop.now();
  }

  /** Has {@link run} called soon: a device changed. */
  wake(): void {
    this.#task.wake();
  }

  run(nowMs: number): void {
    this.flows.sweep(SWEEP_RULES, this.#ruleGone);
    this.#monitorsPaused = this.monitors.run();
    for (const port of this.ports.all()) {
      if (port.netdev.changeSeq !== this.#told.get(port)?.changeSeq) this.refreshPort(port);
      if (port.refreshEnabled()) this.#portChanged(port, port.config, undefined);
    }
    if (this.everySecond.size > 0 && nowMs >= this.#nextSecondMs) {
      this.#nextSecondMs = nowMs + 1000;
      for (const fn of this.everySecond) fn(nowMs);
    }
  }

  deadline(): number {
    if (this.flows.hasGarbage) return 0;
    const poll = this.#monitorsPaused ? this.now() + MONITOR_POLL_MS : Number.POSITIVE_INFINITY;
    return this.everySecond.size > 0 ? Math.min(poll, this.#nextSecondMs) : poll;
  }

  /** FRAG.*: how to treat IP fragments. */
  setFragHandling(frag: number): void {
    if (frag === this.fragHandling) return;
    if (frag === FRAG.REASM || !this.provider.setFragHandling) {
      log.warnRl(fragLimit, `${this.name}: unsupported fragment handling mode ${FRAG_TEXT[frag] ?? frag}`);
      return;
    }
    this.provider.setFragHandling(frag);
    this.fragHandling = frag;
  }

  // --- ports ------------------------------------------------------------------------------------------------

  /**
   * Adds a device as a port; the device named as the bridge becomes its local port.
   * @param wanted OpenFlow port number, given if it is free
   * @throws SystemError when the datapath refuses
   */
  portAdd(netdev: Netdev, wanted?: number): Ofport {
    const now = this.now();
    const number = netdev.name === this.name ? OFPP.LOCAL : this.ports.allocate(wanted, now);
    if (number === undefined) {
      log.warnRl(portLimit, `${this.name}: failed to allocated ofp port number for ${netdev.name}.`);
      throw new SystemError('ENOSPC');
    }
    const port = new Ofport(netdev, number, now);
    try {
      this.provider.portAdd(port);
    } catch (error) {
      this.ports.release(number, now);
      throw error;
    }
    this.ports.add(port);
    const desc = port.describe();
    this.#told.set(port, { changeSeq: netdev.changeSeq, desc });
    this.connections.sendPortStatus(undefined, OFPPR.ADD, desc);
    this.wake();
    return port;
  }

  /** Removes a port; its device stays open. */
  portDel(ofpPort: number): void {
    const port = this.ports.get(ofpPort);
    if (!port) return;
    this.connections.sendPortStatus(undefined, OFPPR.DELETE, this.#told.get(port)!.desc);
    this.#told.delete(port);
    this.ports.remove(port, this.now());
    this.provider.portDel(port);
  }

  /** Takes over what changed in a port's device, and tells. */
  refreshPort(port: Ofport): void {
    const oldConfig = port.config;
    const told = this.#told.get(port);
    if (told) told.changeSeq = port.netdev.changeSeq;
    port.refresh();
    this.#portChanged(port, oldConfig, undefined);
  }

  #portChanged(port: Ofport, oldConfig: number, source: OfConn | undefined): void {
    const told = this.#told.get(port);
    if (!told) return;
    const desc = port.describe();
    this.provider.portChanged(port, oldConfig);
    if (sameDescription(told.desc, desc)) return;
    const old = told.desc;
    told.desc = desc;
    this.connections.sendPortStatus(source, OFPPR.MODIFY, desc, old);
  }

  /** The port as controllers know it. */
  describePort(port: Ofport): PhyPort {
    return this.#told.get(port)?.desc ?? port.describe();
  }

  /** Changes configuration bits of a port, bringing the device up or down if need be. */
  configurePort(port: Ofport, config: number, mask: number, source: OfConn | undefined): void {
    let toggle = (config ^ port.config) & mask;
    if (toggle & PC.PORT_DOWN) {
      this.wake();
      try {
        port.netdev.setUp((config & PC.PORT_DOWN) === 0);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        toggle &= ~PC.PORT_DOWN;
      }
    }
    if (toggle === 0) return;
    const old = port.config;
    port.config ^= toggle;
    port.refreshLive();
    this.#portChanged(port, old, source);
  }

  /** Takes over what watches a port (CFM, BFD, LACP: is it healthy?) and its spanning tree state (PS.STP_*). */
  setPortState(port: Ofport, changes: { readonly isHealthy?: boolean; readonly stpState?: number }): void {
    if (changes.isHealthy !== undefined) port.isHealthy = changes.isHealthy;
    if (changes.stpState !== undefined) port.state = (port.state & ~PS.STP_MASK) | changes.stpState;
    port.refreshEnabled();
    this.#portChanged(port, port.config, undefined);
  }

  // --- flows ------------------------------------------------------------------------------------------------

  /** Whether the groups and meters that actions name exist. @throws OfpError */
  checkActions(actions: readonly OfpAct[]): void {
    for (const a of actions) {
      if (a.kind === 'clone' || a.kind === 'ct' || a.kind === 'write_actions') this.checkActions(a.actions);
      if (a.kind === 'meter' && !this.meters.get(a.meterId)) throw new OfpError('OFPMMFC_INVALID_METER');
      if (a.kind === 'group' && !this.groups.get(a.groupId)) throw new OfpError('OFPBAC_BAD_OUT_GROUP');
      if (a.kind === 'controller' && a.meterId !== 0 && !this.meters.get(a.meterId)) {
        log.infoRl(meterLimit, `${this.name}: controller action specified an unknown meter id: ${a.meterId}`);
      }
    }
  }

  /** Carries out a flow mod. @throws OfpError */
  flowMod(mod: FlowMod, by?: Requester): void {
    const change = new FlowChange(this, mod);
    change.start();
    this.publish();
    this.finishFlowChange(change, by);
    this.flushMonitors();
  }

  /** Sends the flow monitors what came of changes. */
  flushMonitors(): void {
    if (this.monitors.flush()) this.wake();
  }

  /** Lets lookups see what was started. */
  publish(): void {
    this.flows.publish();
    this.provider.tablesChanged(this.flows.version);
  }

  /** After {@link publish}: moves statistics, tells the provider and the monitors. */
  finishFlowChange(change: FlowChange, by: Requester | undefined): void {
    change.settle();
    for (const { rule, old, evicted } of change.added) {
      this.provider.ruleInserted(rule, evicted ? undefined : old);
      if (old && evicted) this.monitors.report(old, 'removed', OFPRR.EVICTION, by);
      if (!old || evicted) {
        this.monitors.report(rule, 'added', 0, by);
        this.#tellVacancy(rule.tableId);
      } else if (change.mod.command === 'add') {
        this.monitors.report(rule, 'added', 0, by, old.actions);
      } else {
        const sameActions = actsEqual(rule.actions, old.actions);
        if (!sameActions || rule.cookie !== old.cookie) {
          this.monitors.report(rule, 'modified', 0, by, sameActions ? undefined : old.actions);
        }
      }
    }
    this.#reportDeleted(change.deleted, OFPRR.DELETE, by);
    const came = change.added.map((a) => a.rule);
    const gone = change.deleted.slice();
    for (const { old } of change.added) if (old) gone.push(old);
    this.#discard(gone);
    this.#countLearned(came, gone);
    by?.conn.reportFlowMod(change.mod.command);
  }

  finishGroupChange(change: GroupChange): void {
    change.settle();
    this.#reportDeleted(change.deletedRules, OFPRR.GROUP_DELETE, undefined);
    this.#discard(change.deletedRules);
    this.#countLearned([], change.deletedRules);
  }

  #reportDeleted(rules: readonly Rule[], reason: number, by: Requester | undefined): void {
    for (const rule of rules) {
      this.provider.ruleDeleted(rule);
      this.monitors.report(rule, 'removed', reason, by);
      this.#tellVacancy(rule.tableId);
    }
  }

  #tellVacancy(tableId: number): void {
    const table = this.flows.tables[tableId]!;
    const event = table.takeVacancyEvent();
    if (event !== undefined) this.connections.sendTableStatus(event, table.describe());
  }

  /** Cleans up: at once when it is little, else in the coming turns of the loop. */
  #discard(rules: readonly Rule[]): void {
    if (rules.length === 0) return;
    this.flows.discard(rules);
    if (rules.length <= SWEEP_RULES) this.flows.sweep(SWEEP_RULES, this.#ruleGone);
    if (this.flows.hasGarbage) this.wake();
  }

  readonly #ruleGone = (rule: Rule): void => {
    if (rule.flags & FF.SEND_FLOW_REM && !rule.isHidden && rule.removedReason !== REPLACED)
      this.#sendFlowRemoved(rule);
  };

  #sendFlowRemoved(rule: Rule): void {
    const age = this.now() - rule.createdMs;
    this.connections.sendFlowRemoved({
      match: expandMatch(rule.match),
      cookie: rule.cookie,
      priority: rule.priority,
      reason: rule.removedReason,
      tableId: rule.tableId,
      durationSec: Math.floor(age / 1000),
      durationNsec: Math.floor(age % 1000) * 1_000_000,
      idleTimeout: rule.idleTimeout,
      hardTimeout: rule.hardTimeout,
      packetCount: BigInt(rule.packets),
      byteCount: BigInt(rule.bytes),
    });
  }

  /** Deletes rules, telling why (OFPRR_*). */
  deleteRules(rules: readonly Rule[], reason: number): void {
    if (rules.length === 0) return;
    for (const rule of rules) this.flows.hide(rule);
    this.publish();
    for (const rule of rules) rule.markRemoved(reason);
    this.#reportDeleted(rules, reason, undefined);
    this.#discard(rules);
    this.#countLearned([], rules);
    this.flushMonitors();
  }

  /** Rules came and went: deletes what their `learn` actions made, if they asked for that. */
  #countLearned(came: readonly Rule[], gone: readonly Rule[]): void {
    const dead: LearnedCookie[] = [];
    for (const rule of came) this.#learned.add(rule.actions);
    for (const rule of gone) this.#learned.remove(rule.actions, dead);
    for (const { tableId, cookie } of dead) {
      const rules = this.flows.byCookie(cookie).filter((r) => r.tableId === tableId && !r.isHidden);
      this.deleteRules(rules, OFPRR.DELETE);
    }
  }

  /** Shortens a rule's timeouts, as `fin_timeout` does. */
  reduceTimeouts(rule: Rule, idleTimeout: number, hardTimeout: number): void {
    rule.reduceTimeouts(idleTimeout, hardTimeout);
    this.flows.timeoutsReduced(rule);
  }

  /** Deletes flows whose timeouts have passed. To be called when the rules' statistics have just been updated. */
  expireFlows(): void {
    const now = this.now();
    const hard: Rule[] = [];
    const idle: Rule[] = [];
    for (const rule of this.flows.expirable) {
      if (rule.hardTimeout !== 0 && now > rule.modifiedMs + rule.hardTimeout * 1000) hard.push(rule);
      else if (rule.idleTimeout !== 0 && now > rule.usedMs + rule.idleTimeout * 1000) idle.push(rule);
    }
    expired.add(hard.length + idle.length);
    this.deleteRules(hard, OFPRR.HARD_TIMEOUT);
    this.deleteRules(idle, OFPRR.IDLE_TIMEOUT);
  }

  /** Deletes all flows, groups and meters; fail-open and in-band control then put their flows back. */
  flushFlows(): void {
    flushed.inc();
    this.#deleteAllFlows(false);
    this.changeGroups(new GroupChange(this, DELETE_ALL_GROUPS));
    this.meters.modify({ command: 'delete', meterId: OFPM13.ALL, flags: 0, bands: [] });
    this.connections.flushed();
  }

  #deleteAllFlows(internalToo: boolean): void {
    const rules: Rule[] = [];
    for (const table of this.flows.tables) {
      if (table.isHidden && !internalToo) continue;
      for (const rule of table.classifier.rules(undefined, this.flows.version)) rules.push(rule);
    }
    this.deleteRules(rules, OFPRR.DELETE);
  }

  /** The rule with exactly that match and priority. */
  findRule(tableId: number, match: Match, priority: number): Rule | undefined {
    return this.flows.find(tableId, miniMatchOf(match), priority);
  }

  /**
   * Adds a flow of the switch's own (fail-open, in-band control) to table 0, unless it is there.
   * @param priority above 65535 to hide it from controllers
   */
  addFlow(match: Match, priority: number, actions: readonly OfpAct[]): void {
    const old = this.findRule(0, match, priority);
    if (!old || !actsEqual(old.actions, actions))
      this.flowMod(flowModOf({ command: 'modify_strict', match, priority, actions }));
  }

  /** Takes back {@link addFlow}. */
  deleteFlow(match: Match, priority: number): void {
    const rule = this.findRule(0, match, priority);
    if (rule) this.deleteRules([rule], OFPRR.DELETE);
  }

  /** Carries out a group mod. @throws OfpError */
  changeGroups(change: GroupChange): void {
    change.start();
    this.publish();
    this.finishGroupChange(change);
    this.flushMonitors();
  }

  /** Flows of the switch itself in table 0. */
  countHiddenRules(): number {
    return this.flows.tables[0]!.hiddenCount;
  }

  /** Lookups may un-wildcard other bits than before: cached translations must be checked. */
  lookupsChanged(): void {
    this.publish();
  }

  /** Applies a new limit on the number of flows, evicting what is over it. */
  setMaxFlows(table: Table, maxFlows: number): void {
    table.maxFlows = maxFlows;
    const evicted: Rule[] = [];
    while (table.flowCount - evicted.length > maxFlows) {
      const rule = table.eviction?.choose();
      if (!rule) break;
      table.eviction!.remove(rule);
      evicted.push(rule);
    }
    this.deleteRules(evicted, OFPRR.EVICTION);
  }
}

/** A locally administered address of the kind that OVS makes up: 00:23:20 and three random bytes. */
function randomDatapathId(random: Random): bigint {
  return 0x00_23_20_80_00_00n | (BigInt(random.u32()) & 0x7f_ff_ffn);
}
