/**
 * A bridge on a datapath: what the OpenFlow core calls its provider, and what translation asks of a bridge.
 *
 * It owns the bridge's ports, bundles, MAC table and mirrors; flow tables, groups and meters belong to the core
 * ({@link Ofproto}). A change of anything that translation reads ends in `revalidate`.
 * C counterpart: ofproto/ofproto-dpif.c.
 */
import { coverage } from '../../base/coverage.ts';
import { SystemError } from '../../base/host.ts';
import { randomUuid } from '../../base/uuid.ts';
import { vlog } from '../../base/vlog.ts';
import { expandMatch } from '../../classifier/mini-match.ts';
import { extractFlow } from '../../flow/extract.ts';
import type { Field, FieldName } from '../../flow/fields.ts';
import { F, type Flow, type Match, newFlow } from '../../flow/layout.ts';
import { formatFlow, formatMatch } from '../../flow/match/format.ts';
import type { NameMap } from '../../flow/ports.ts';
import { OFPP } from '../../flow/ports.ts';
import type { OfpAct } from '../../openflow/actions/action.ts';
import { formatActions } from '../../openflow/actions/format.ts';
import { actsEqual } from '../../openflow/actions/query.ts';
import { OfpError } from '../../openflow/errors.ts';
import { flowModOf } from '../../openflow/messages/flow-mod.ts';
import {
  FF,
  type FlowMod,
  FRAG,
  type Message,
  type MeterStats,
  OFPR,
  PC,
  PS,
} from '../../openflow/messages/message.ts';
import type { Group } from '../group.ts';
import { MacLearning } from '../l2/mac-learning.ts';
import type { Meter } from '../meter.ts';
import { OFPM13 } from '../meter-table.ts';
import type { PacketInEvent } from '../ofconn.ts';
import type { Ofport } from '../ofport.ts';
import { Ofproto, type OfprotoOptions } from '../ofproto.ts';
import type { OfprotoProvider, PacketToSend } from '../ofproto-provider.ts';
import type { Rule } from '../rule.ts';
import { TBL_INTERNAL } from '../table.ts';
import type { Backer, Backers } from './backer.ts';
import { Bundle, type BundleSettings } from './bundle.ts';
import { flushConnections, flushZone } from './conntrack-flush.ts';
import type { DatapathFeatures } from './features.ts';
import { FLOW_SETTINGS } from './flow-cache-settings.ts';
import { type GroupForwarding, groupForwarding } from './group-forwarding.ts';
import { type MirrorSettings, Mirrors } from './mirrors.ts';
import { OfportDpif } from './ofport.ts';
import { resumePacket } from './resume.ts';
import type { Samplers } from './samplers.ts';
import type { XlateCtx } from './xlate/ctx.ts';
import { XLATE } from './xlate/errors.ts';
import { xlateActions } from './xlate/xlate.ts';
import type { Xvlan } from './xlate/xvlan.ts';

const log = vlog('ofproto_dpif');

const REASONS = {
  reconfigure: coverage('rev_reconfigure'),
  port_toggled: coverage('rev_port_toggled'),
  flow_table: coverage('rev_flow_table'),
  mac_learning: coverage('rev_mac_learning'),
  stp: coverage('rev_stp'),
  rstp: coverage('rev_rstp'),
  bond: coverage('rev_bond'),
  mcast_snooping: coverage('rev_mcast_snooping'),
} as const;
export type RevalidateReason = keyof typeof REASONS;

/** Multicast snooping takes over the forwarding of multicast; see `src/ofproto/l2/`. */
export interface McastForwarding {
  /** @returns whether it dealt with the packet */
  xlate(ctx: XlateCtx, inBundle: Bundle, xvlan: Xvlan): boolean;
}

/** In-band control lets DHCP replies through to the local port. */
export interface InBandForwarding {
  maybeOutputToLocal(ctx: XlateCtx): void;
}

/** Datapath meters are the datapath's numbers; the switch asks for as many. */
const METER_FEATURES = {
  maxMeters: 1 << 18,
  bandTypes: 1 << 1,
  capabilities: 0xf,
  maxBands: 8,
  maxColor: 0,
} as const;

const floodRank = (b: Bundle): number => {
  const first = b.ports[0]?.ofpPort ?? OFPP.MAX;
  return first === OFPP.LOCAL ? -1 : first;
};

let nextSerial = 1;

export class OfprotoDpif implements OfprotoProvider {
  readonly serial: number = nextSerial++;
  readonly uuid: string;
  readonly up: Ofproto;
  readonly backers: Backers;
  readonly backer: Backer;
  readonly macLearning: MacLearning<Bundle>;
  readonly mirrors = new Mirrors();
  mcastSnooping: McastForwarding | undefined;
  inBand: InBandForwarding | undefined;
  samplers: Samplers = {};
  forwardBpdu = false;
  usesRstp = false;
  /** The bridge is gone; translations that still name it must stop. */
  destroyed = false;
  /** Rules of the switch itself, for packets that no other rule matches. */
  missRule!: Rule;
  noPacketInRule!: Rule;
  dropFragsRule!: Rule;
  readonly #ports = new Map<number, OfportDpif>();
  readonly #bundles = new Map<string, Bundle>();
  /** Bundles sorted; undefined after a change. */
  #floodOrder: readonly Bundle[] | undefined;
  readonly #groupForwarding = new WeakMap<Group, GroupForwarding>();
  /** For the log. */
  readonly #selectGroups = new Set<number>();
  #conjunctions = new Set<Rule>();

  /** Makes a bridge.
   * @throws SystemError when its datapath cannot be opened */
  static create(options: Omit<OfprotoOptions, 'makeProvider'>, backers: Backers): OfprotoDpif {
    let dpif: OfprotoDpif | undefined;
    new Ofproto({ ...options, makeProvider: (up) => (dpif = new OfprotoDpif(up, backers)) });
    dpif!.#addInternalRules();
    return dpif!;
  }

  private constructor(up: Ofproto, backers: Backers) {
    this.up = up;
    this.backers = backers;
    this.uuid = randomUuid(backers.random);
    this.backer = backers.acquire(up.type);
    this.backer.bridges.add(this);
    this.macLearning = new MacLearning<Bundle>(() => this.now());
  }

  #addInternalRules(): void {
    const toController: OfpAct = {
      kind: 'controller',
      maxLen: 0xffff,
      controllerId: 0,
      reason: OFPR.IMPLICIT_MISS,
      userdata: new Uint8Array(0),
      pause: false,
      meterId: 0,
      v2: false,
    };
    this.missRule = this.#addMissRule(1, [toController]);
    this.noPacketInRule = this.#addMissRule(2, []);
    this.dropFragsRule = this.#addMissRule(3, []);
    // Packets that get to the internal table without having been recirculated are dropped.
    const mask = newFlow();
    mask[F.RECIRC_ID] = 0xffff_ffff;
    this.#addInternalRule({ flow: newFlow(), mask }, 2, []);
  }

  /** Rules of the switch itself live in the last table; reg0 tells these apart, since no packet must match them. */
  #addMissRule(id: number, actions: readonly OfpAct[]): Rule {
    const match = { flow: newFlow(), mask: newFlow() };
    match.flow[F.REG0] = id;
    match.mask[F.REG0] = 0xffff_ffff;
    return this.#addInternalRule(match, 0, actions);
  }

  #addInternalRule(match: Match, priority: number, actions: readonly OfpAct[]): Rule {
    const flags = FF.HIDDEN_FIELDS | FF.NO_READONLY;
    this.up.flowMod(flowModOf({ match, priority, actions, tableId: TBL_INTERNAL, flags }));
    return this.up.findRule(TBL_INTERNAL, match, priority)!;
  }

  get name(): string {
    return this.up.name;
  }
  get features(): DatapathFeatures {
    return this.backer.features;
  }
  now(): number {
    return this.backer.loop.now();
  }

  /** Installed flows may have become wrong. */
  revalidate(reason: RevalidateReason): void {
    if (reason === 'reconfigure') this.#floodOrder = undefined;
    REASONS[reason].inc();
    this.backer.udpif.revalidate();
  }

  /** Does what is due: ageing of the MAC table. */
  run(): void {
    if (this.macLearning.run()) this.revalidate('mac_learning');
  }
  deadline(): number {
    return this.macLearning.deadline();
  }

  destroy(): void {
    this.destroyed = true;
    for (const port of [...this.#ports.values()]) this.#removePort(port);
    this.backer.bridges.delete(this);
    this.backer.udpif.revalidate();
    this.backers.release(this.backer);
  }

  // --- flow tables, as translation sees them ----------------------------------------------------------------

  get tablesVersion(): number {
    return this.up.flows.version;
  }
  get tableCount(): number {
    return this.up.flows.tables.length;
  }

  /** @param trace when tracing, the rules of a conjunctive match are remembered for `takeConjunctionTrace` */
  lookup(tableId: number, version: number, flow: Flow, wc: Flow, trace: unknown): Rule | undefined {
    const { classifier } = this.up.flows.tables[tableId]!;
    if (!trace) return classifier.lookup(flow, version, wc);
    this.#conjunctions = new Set();
    return classifier.lookup(flow, version, wc, this.#conjunctions);
  }

  /** The rules of the conjunctive match that the last traced lookup found, as text. */
  takeConjunctionTrace(names: boolean): string[] {
    const options = names ? { ports: this.portNames() } : {};
    const texts = [...this.#conjunctions].map((r) => formatMatch(expandMatch(r.match), r.priority, options));
    this.#conjunctions = new Set();
    return texts;
  }

  creditTable(tableId: number, matched: boolean, packets: number): void {
    this.up.flows.tables[tableId]!.credit(matched, packets);
  }

  tableMissConfig(tableId: number): 'default' | 'controller' | 'continue' | 'drop' {
    return this.up.flows.tables[tableId]!.missConfig;
  }

  wantsPacketInOnMiss(): boolean {
    return this.up.connections.wantsPacketInOnMiss();
  }
  hasController(): boolean {
    return this.up.connections.isAnyConnected();
  }

  /** The rule that a flow mod is about. */
  findRule(mod: FlowMod): Rule | undefined {
    return this.up.findRule(mod.tableId, mod.match, mod.priority);
  }

  /** The rule that `mod` would make, if it is there already as it would make it. */
  findLearned(mod: FlowMod): Rule | undefined {
    const rule = this.findRule(mod);
    if (!rule || rule.idleTimeout !== mod.idleTimeout || rule.hardTimeout !== mod.hardTimeout)
      return undefined;
    if (mod.modifyCookie && rule.cookie !== mod.newCookie) return undefined;
    if (
      rule.importance !== mod.importance ||
      (rule.flags & FF.SEND_FLOW_REM) !== (mod.flags & FF.SEND_FLOW_REM)
    )
      return undefined;
    return actsEqual(rule.actions, mod.actions) ? rule : undefined;
  }

  countRules(tableId: number, cookie: bigint): number {
    return this.up.flows.countByCookie(tableId, cookie);
  }

  /** @throws OfpError */
  flowMod(mod: FlowMod): void {
    this.up.flowMod(mod);
  }

  reduceTimeouts(rule: Rule, idle: number, hard: number): void {
    this.up.reduceTimeouts(rule, idle, hard);
  }

  group(groupId: number, _version: number): Group | undefined {
    return this.up.groups.get(groupId);
  }
  groupForwarding(group: Group): GroupForwarding {
    let f = this.#groupForwarding.get(group);
    if (!f) this.#groupForwarding.set(group, (f = groupForwarding(group.type, group.buckets, group.props)));
    return f;
  }

  /** The datapath's number for a meter; undefined for none. */
  providerMeterId(meterId: number): number | undefined {
    return meterId === 0 ? undefined : this.up.meters.get(meterId)?.providerId;
  }

  /** Meters that a controller set for packets to it, and for the slow path. */
  get controllerMeterId(): number | undefined {
    return this.up.meters.get(OFPM13.CONTROLLER)?.providerId;
  }
  get slowpathMeterId(): number | undefined {
    return this.up.meters.get(OFPM13.SLOWPATH)?.providerId;
  }

  get fragHandling(): 'normal' | 'drop' | 'nx-match' {
    const { fragHandling: frag } = this.up;
    return frag === FRAG.DROP ? 'drop' : frag === FRAG.NX_MATCH ? 'nx-match' : 'normal';
  }

  /** Fields with a place in the tunnel options of this bridge. */
  readonly resolveField = (name: FieldName): Field => this.up.tunTable.resolve(name);

  /** Datapath priority for a queue; the userspace datapath has no queues of its own. */
  queueToPriority(queue: number): number | undefined {
    return this.backer.type === 'system' ? (0x10000 | (queue + 1)) >>> 0 : queue;
  }

  /** Name of the timeout policy of a conntrack zone. */
  ctTimeoutPolicy(_zone: number, _flow: Flow, _wc: Flow): string | undefined {
    return undefined;
  }

  // --- text for traces and logs -----------------------------------------------------------------------------

  portNames(): NameMap {
    return {
      nameOf: (n) => this.#ports.get(n)?.name,
      numberOf: (name) => [...this.#ports.values()].find((p) => p.name === name)?.ofpPort,
    };
  }
  formatFlow(flow: Flow): string {
    return formatFlow(flow);
  }
  formatActions(actions: readonly OfpAct[], names: boolean): string {
    return formatActions(actions, names ? { portNames: this.portNames() } : {});
  }
  formatRuleMatch(rule: Rule, names: boolean): string {
    return formatMatch(expandMatch(rule.match), undefined, names ? { ports: this.portNames() } : {});
  }
  formatLearned(mod: FlowMod): string {
    let text = `table=${mod.tableId} ${formatMatch(mod.match)}`.trimEnd();
    text += ` priority=${mod.priority}`;
    if (mod.newCookie !== 0n) text += ` cookie=0x${mod.newCookie.toString(16)}`;
    if (mod.idleTimeout !== 0) text += ` idle=${mod.idleTimeout}`;
    if (mod.hardTimeout !== 0) text += ` hard=${mod.hardTimeout}`;
    if (mod.flags & FF.SEND_FLOW_REM) text += ' send_flow_rem';
    return `${text} actions=${formatActions(mod.actions)}`;
  }

  // --- ports ------------------------------------------------------------------------------------------------

  ports(): IterableIterator<OfportDpif> {
    return this.#ports.values();
  }
  portByOfp(ofpPort: number): OfportDpif | undefined {
    return this.#ports.get(ofpPort);
  }

  portAdd(port: Ofport): void {
    const { netdev } = port;
    const dp = new OfportDpif(this, port.ofpPort, port.name, netdev);
    dp.config = port.config;
    dp.mayEnable = (port.state & PS.LIVE) !== 0;
    if (netdev.type !== 'patch') {
      dp.odpPort = this.backer.addPort(netdev);
      this.backer.claimPort(dp.odpPort, dp);
    }
    this.#ports.set(port.ofpPort, dp);
    this.#linkPatch(dp);
    for (const bundle of this.#bundles.values()) this.#fillBundle(bundle);
    this.revalidate('reconfigure');
  }

  portDel(port: Ofport): void {
    const dp = this.#ports.get(port.ofpPort);
    if (!dp) return;
    this.#removePort(dp);
    this.revalidate('reconfigure');
  }

  #removePort(dp: OfportDpif): void {
    this.#ports.delete(dp.ofpPort);
    dp.removed = true;
    if (dp.peer) dp.peer.peer = undefined;
    dp.peer = undefined;
    if (dp.odpPort !== undefined) {
      this.backer.releasePort(dp.odpPort);
      try {
        this.backer.dpif.portDel(dp.odpPort);
      } catch (error) {
        // A device that vanished has left the datapath already.
        if (!(error instanceof SystemError)) throw error;
      }
    }
    const { bundle } = dp;
    if (!bundle) return;
    bundle.ports.splice(bundle.ports.indexOf(dp), 1);
    if (bundle.ports.length === 0) this.macLearning.flushPort(bundle);
    this.#updateFloodable(bundle);
  }

  portChanged(port: Ofport, oldConfig: number): void {
    const dp = this.#ports.get(port.ofpPort);
    if (!dp) return;
    dp.netdev = port.netdev;
    const mayEnable = (port.state & PS.LIVE) !== 0;
    const relevant = PC.NO_RECV | PC.NO_RECV_STP | PC.NO_FLOOD | PC.NO_FWD | PC.NO_PACKET_IN;
    const changed =
      ((port.config ^ oldConfig) & relevant) !== 0 || ((port.config ^ dp.config) & relevant) !== 0;
    dp.config = port.config;
    if (changed) {
      if (dp.bundle) this.#updateFloodable(dp.bundle);
      this.revalidate('reconfigure');
    }
    if (mayEnable !== dp.mayEnable) {
      dp.mayEnable = mayEnable;
      this.revalidate('port_toggled');
    }
    this.#linkPatch(dp);
  }

  /** Finds the other end of a patch port: each names the other in options:peer. */
  #linkPatch(dp: OfportDpif): void {
    if (dp.netdev.type !== 'patch') return;
    const peerName = dp.netdev.config().get('peer');
    const other = peerName === undefined ? undefined : this.backers.portByName(peerName);
    const peer =
      other && other.netdev.type === 'patch' && other.netdev.config().get('peer') === dp.name
        ? other
        : undefined;
    if (peer === dp.peer) return;
    if (dp.peer) dp.peer.peer = undefined;
    dp.peer = peer;
    if (peer) peer.peer = dp;
    this.revalidate('reconfigure');
  }

  // --- bundles ----------------------------------------------------------------------------------------------

  /** In the order in which floods go: the local port, then by port number. */
  bundles(): readonly Bundle[] {
    this.#floodOrder ??= [...this.#bundles.values()].sort((a, b) => floodRank(a) - floodRank(b));
    return this.#floodOrder;
  }
  bundleByName(name: string): Bundle | undefined {
    return this.#bundles.get(name);
  }

  /** Creates or changes a bundle. Members that do not exist yet join when they are added. */
  bundleSet(settings: BundleSettings): Bundle {
    let bundle = this.#bundles.get(settings.name);
    let changed = false;
    if (!bundle) {
      this.#bundles.set(settings.name, (bundle = new Bundle(settings.name)));
      changed = true;
    }
    if (bundle.configure(settings)) {
      changed = true;
      this.macLearning.flushPort(bundle);
    }
    bundle.members = settings.members;
    if (this.#fillBundle(bundle) || changed) this.revalidate('reconfigure');
    return bundle;
  }

  bundleRemove(name: string): void {
    const bundle = this.#bundles.get(name);
    if (!bundle) return;
    this.#bundles.delete(name);
    for (const port of bundle.ports) port.bundle = undefined;
    bundle.ports.length = 0;
    this.macLearning.flushPort(bundle);
    this.mirrors.removeBundle(bundle);
    this.revalidate('reconfigure');
  }

  /** Puts those members into a bundle that exist. @returns whether that changed anything */
  #fillBundle(bundle: Bundle): boolean {
    const ports = bundle.members.map((n) => this.#ports.get(n)).filter((p) => p !== undefined);
    if (ports.length === bundle.ports.length && ports.every((p, i) => p === bundle.ports[i])) return false;
    for (const p of bundle.ports) if (!ports.includes(p)) p.bundle = undefined;
    for (const p of ports) {
      const { bundle: old } = p;
      if (old && old !== bundle) old.ports.splice(old.ports.indexOf(p), 1);
      p.bundle = bundle;
    }
    bundle.ports.splice(0, bundle.ports.length, ...ports);
    this.#updateFloodable(bundle);
    return true;
  }

  #updateFloodable(bundle: Bundle): void {
    bundle.floodable = !bundle.ports.some((p) => p.config & PC.NO_FLOOD || !p.forwards);
  }

  // --- layer 2 settings -------------------------------------------------------------------------------------

  /** @returns whether the address is new or moved */
  learnMac(bundle: Bundle, mac: number, vlan: number, isGratArp: boolean): boolean {
    const changed = this.macLearning.update(mac, vlan, isGratArp, bundle.bond !== undefined, bundle);
    if (changed) this.revalidate('mac_learning');
    return changed;
  }

  setMacTable(idleSeconds: number, maxEntries: number): void {
    this.macLearning.setIdleSeconds(idleSeconds);
    this.macLearning.setMaxEntries(maxEntries);
  }

  setFloodVlans(vlans: ReadonlySet<number>): void {
    if (!this.macLearning.setFloodVlans(vlans)) return;
    this.macLearning.flush();
    this.revalidate('reconfigure');
  }

  setForwardBpdu(forward: boolean): void {
    if (this.forwardBpdu === forward) return;
    this.forwardBpdu = forward;
    this.revalidate('reconfigure');
  }

  /** @throws SystemError */
  mirrorSet(key: string, settings: MirrorSettings): void {
    this.mirrors.set(key, settings);
    this.revalidate('reconfigure');
  }
  mirrorDelete(key: string): void {
    if (this.mirrors.delete(key)) this.revalidate('reconfigure');
  }

  // --- what the core tells and asks --------------------------------------------------------------------------

  ruleInserted(): void {}
  ruleDeleted(): void {}

  tablesChanged(): void {
    this.revalidate('flow_table');
  }

  setFragHandling(): void {
    this.revalidate('reconfigure');
  }

  groupChanged(group: Group): void {
    if (group.type === 'select') {
      const what = this.#selectGroups.has(group.groupId) ? 'Modifying' : 'Constructing';
      this.#selectGroups.add(group.groupId);
      log.dbg(`${what} select group ${group.groupId}`);
      this.groupForwarding(group);
    }
    this.revalidate('flow_table');
  }
  groupDeleted(group: Group): void {
    this.#selectGroups.delete(group.groupId);
    this.revalidate('flow_table');
  }

  get meterFeatures(): typeof METER_FEATURES {
    return METER_FEATURES;
  }
  meterSet(meter: Meter): void {
    this.backer.meters.set(meter);
    this.revalidate('flow_table');
  }
  meterDelete(meter: Meter): void {
    this.backer.meters.delete(meter);
    this.revalidate('flow_table');
  }
  meterStats(meter: Meter): Pick<MeterStats, 'packetInCount' | 'byteInCount' | 'bands'> {
    return this.backer.meters.stats(meter);
  }

  packetOut(packet: PacketToSend): void {
    this.preparePacketOut(packet, this.tablesVersion)();
  }

  preparePacketOut({ packet, flow, actions }: PacketToSend, version: number): () => void {
    return this.#translate(packet, flow, actions, version, true);
  }

  ctFlush(message: Message<'ct_flush'> | Message<'ct_flush_zone'>): void {
    const { dpif, fullName } = this.backer;
    if (!dpif.conntrack) return;
    if (message.kind === 'ct_flush_zone') flushZone(dpif.conntrack, message.zone, fullName);
    else flushConnections(dpif.conntrack, message, fullName);
  }

  /** Sends a packet through a list of actions, e.g. from a controller or a protocol of the switch itself. */
  execute(packet: Uint8Array, flow: Flow, actions: readonly OfpAct[]): void {
    this.#translate(packet, flow, actions, this.tablesVersion, false)();
  }

  /** @returns what sends the packet. @throws OfpError when the actions cannot be carried out */
  #translate(
    packet: Uint8Array,
    flow: Flow,
    actions: readonly OfpAct[],
    version: number,
    inPacketOut: boolean,
  ): () => void {
    const x = xlateActions({
      bridge: this,
      flow,
      inPort: flow[F.IN_PORT]!,
      version,
      packet,
      actionList: actions,
      stats: { packets: 1, bytes: packet.length, usedMs: this.now(), tcpFlags: flow[F.TCP_FLAGS]! },
      inPacketOut,
    });
    if (inPacketOut && x.error !== XLATE.OK) {
      this.backer.recircIds.unrefAll(x.recircs);
      throw new OfpError('OFPFMFC_UNKNOWN');
    }
    const key = flow.slice();
    // The datapath's number of the input port, or none.
    key[F.IN_PORT] = this.#ports.get(flow[F.IN_PORT]!)?.odpPort ?? 0xffff_ffff;
    return () => {
      if (x.actions.length > 0)
        this.backer.operate([{ kind: 'execute', packet, key, actions: x.actions, mtu: 0 }]);
      this.backer.recircIds.unrefAll(x.recircs);
    };
  }

  /** Sends a frame of the switch's own out of a port. */
  sendPacket(ofpPort: number, packet: Uint8Array): void {
    const flow = newFlow();
    extractFlow(packet, flow);
    flow[F.IN_PORT] = OFPP.NONE;
    this.execute(packet, flow, [{ kind: 'output', port: ofpPort, maxLen: 0 }]);
  }

  /** @throws OfpError NXR_STALE */
  resume(message: Message<'nxt_resume'>): void {
    resumePacket(this, message);
  }

  sendPacketIn(event: PacketInEvent): void {
    this.up.connections.sendPacketIn(event);
  }

  /** Limits of the flow cache, from the database. */
  static configureFlowCache(settings: Partial<typeof FLOW_SETTINGS>): void {
    Object.assign(FLOW_SETTINGS, settings);
  }
}
