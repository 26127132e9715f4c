/**
 * The state of one translation: a packet's flow on its way through the tables, and the datapath actions and
 * wildcards collected on the way.
 *
 * `flow` is the packet as the actions have made it so far, `base` as the datapath has it after the datapath
 * actions emitted so far (see commit.ts), `wc` the bits of the original packet that any decision depended on.
 * One object serves a whole translation, patch ports and clones included: those save what they change and put
 * it back. Actions are appended to `actions`; a nested list (clone, sample) takes its place for a while.
 * C counterpart: struct xlate_ctx, xlate_in and xlate_out.
 */
import { RateLimit, vlog } from '../../../base/vlog.ts';
import { F, type Flow, newFlow } from '../../../flow/layout.ts';
import { OFPP } from '../../../flow/ports.ts';
import type { OdpAction } from '../../../odp/action.ts';
import type { Act, OfpAct } from '../../../openflow/actions/action.ts';
import type { Rule } from '../../rule.ts';
import type { PacketStats } from '../flow-stats.ts';
import type { OfportDpif } from '../ofport.ts';
import type { OfprotoDpif } from '../ofproto-dpif.ts';
import type { FrozenState, StackEntry } from '../recirc-id.ts';
import type { XlateCache } from '../xlate-cache.ts';
import { commitActions } from './commit.ts';
import { XLATE, type XlateError } from './errors.ts';
import { clearConntrack, TUNNEL_WORDS } from './flow-edit.ts';
import { odpActionBytes } from './odp-size.ts';
import { addTraceNode, type TraceKind, type TraceNode } from './trace-node.ts';

const log = vlog('ofproto_dpif_xlate');
const errorLimit = new RateLimit(1, 5);
const infoLimit = new RateLimit(1, 5);
const debugLimit = new RateLimit(30, 300);

/** Resubmits may nest this deep, and be this many, in one translation. */
export const MAX_DEPTH = 64;
export const MAX_RESUBMITS = MAX_DEPTH * MAX_DEPTH;
const MAX_ACTION_BYTES = 0xffff;
const MAX_STACK_BYTES = 65536;

/** Where NetFlow thinks that a packet went: a port, or one of these. */
export const NF_OUT = { DROP: 0, MULTI: -1, FLOOD: -2 } as const;

/** A packet that a traced translation sent into recirculation, for the trace to follow. */
export interface RecircNode {
  readonly kind: 'conntrack';
  readonly recircId: number;
  readonly flow: Flow;
  readonly nat: Act<'nat'> | undefined;
  readonly packet: Uint8Array | undefined;
}

/** What `saveState` remembers. */
export interface SavedState {
  readonly flow: Flow;
  readonly stack: StackEntry[];
  readonly stackBytes: number;
  readonly actionSet: OfpAct[];
}

export interface XlateOptions {
  readonly bridge: OfprotoDpif;
  /** The packet's flow; not changed. `F.IN_PORT` is replaced by `inPort`. */
  readonly flow: Flow;
  readonly inPort: number;
  /** Version of the flow tables to look at; the bridge's present one by default. */
  readonly version?: number;
  /** The packet itself, if there is one. With it come side effects: learning, packet-ins. */
  readonly packet?: Uint8Array | undefined;
  /** Overrides the rule above. */
  readonly allowSideEffects?: boolean;
  readonly tcpFlags?: number;
  /** Execute these instead of looking up a rule. */
  readonly actionList?: readonly OfpAct[] | undefined;
  readonly rule?: Rule | undefined;
  /** Credit these to everything that the packet touches. */
  readonly stats?: PacketStats | undefined;
  /** Remember everything that the packet touches. */
  readonly cache?: XlateCache | undefined;
  readonly trace?: TraceNode[] | undefined;
  readonly recircQueue?: RecircNode[] | undefined;
  /** Show names of ports in the trace. */
  readonly names?: boolean;
  readonly inPacketOut?: boolean;
  readonly depth?: number;
  readonly resubmits?: number;
  /** For a continuation: resume here instead of at `flow`'s recirculation id. */
  readonly frozen?: FrozenState | undefined;
}

export class XlateCtx {
  // What goes in.
  readonly ingress: OfprotoDpif;
  readonly upcallFlow: Flow;
  packet: Uint8Array | undefined;
  allowSideEffects: boolean;
  readonly tcpFlags: number;
  actionList: readonly OfpAct[] | undefined;
  stats: PacketStats | undefined;
  cache: XlateCache | undefined;
  trace: TraceNode[] | undefined;
  readonly recircQueue: RecircNode[] | undefined;
  readonly names: boolean;
  readonly inPacketOut: boolean;
  readonly frozen: FrozenState | undefined;

  // The packet.
  flow: Flow;
  base: Flow;
  readonly wc: Flow = newFlow();

  // Where translation is.
  bridge: OfprotoDpif;
  version: number;
  rule: Rule | undefined;
  tableId = 0;
  /** All ones: no rule. */
  ruleCookie = 0xffff_ffff_ffff_ffffn;
  depth: number;
  resubmits: number;
  inActionSet = false;
  exit = false;
  error: XlateError = XLATE.OK;
  stack: StackEntry[] = [];
  stackBytes = 0;
  actionSet: OfpAct[] = [];
  actionSetHasGroup = false;
  conntracked = false;
  wasMpls = false;
  ctNat: Act<'nat'> | undefined;
  pendingEncap = false;
  pendingDecap = false;
  encapData: Uint8Array | undefined;
  readonly origSkbPriority: number;
  /** Port on which the datapath received the packet, if it is one of a bridge. */
  xport: OfportDpif | undefined;
  /** Mirrors that have had the packet, as bits. */
  mirrors = 0;
  mirrorSnaplen = 0;
  nfOutputIface: number = NF_OUT.DROP;
  sflowOutputs = 0;
  sflowOdpPort = 0;

  // Freezing.
  freezing = false;
  recircHash: { readonly algorithm: 'l4' | 'sym_l4'; readonly basis: number } | undefined;
  frozenActions: OfpAct[] = [];
  pause: Act<'controller'> | undefined;

  // What comes out.
  actions: OdpAction[] = [];
  /** Size of all actions emitted so far as netlink attributes, nested ones included. */
  actionBytes = 0;
  slow = 0;
  /** Recirculation ids that `actions` name; the caller owns a reference to each. */
  readonly recircs: number[] = [];
  /** The outcome depends on something that revalidation cannot see. */
  avoidCaching = false;

  constructor(o: XlateOptions) {
    this.ingress = o.bridge;
    this.bridge = o.bridge;
    this.version = o.version ?? o.bridge.tablesVersion;
    this.upcallFlow = o.flow;
    this.flow = o.flow.slice();
    this.flow[F.IN_PORT] = o.inPort;
    this.flow[F.ACTSET_OUTPUT] = OFPP.UNSET;
    this.base = this.flow.slice();
    // The datapath keeps no tunnel data of a received packet for output.
    this.base.fill(0, 0, TUNNEL_WORDS);
    this.origSkbPriority = o.flow[F.SKB_PRIORITY]!;
    this.packet = o.packet;
    this.allowSideEffects = o.allowSideEffects ?? o.packet !== undefined;
    this.tcpFlags = o.tcpFlags ?? o.flow[F.TCP_FLAGS]!;
    this.actionList = o.actionList;
    this.rule = o.rule;
    this.stats = o.stats;
    this.cache = o.cache;
    this.trace = o.trace;
    this.recircQueue = o.recircQueue;
    this.names = o.names ?? false;
    this.inPacketOut = o.inPacketOut ?? false;
    this.depth = o.depth ?? 0;
    this.resubmits = o.resubmits ?? 0;
    const recircId = o.flow[F.RECIRC_ID]!;
    this.frozen = o.frozen ?? (recircId !== 0 ? o.bridge.backer.recircIds.find(recircId) : undefined);
  }

  /** Appends a datapath action. */
  put(action: OdpAction): void {
    this.actions.push(action);
    this.actionBytes += odpActionBytes(action);
  }

  /** Runs `fill` with an empty action list in place of the present one, and returns what it emitted. */
  nested(fill: () => void): OdpAction[] {
    const outer = this.actions;
    const inner: OdpAction[] = [];
    this.actions = inner;
    fill();
    this.actions = outer;
    return inner;
  }

  /** Emits what makes the datapath's packet equal to `flow`. */
  commit(): void {
    this.slow |= commitActions(this);
  }

  // State that patch ports, clones and groups put back.

  /** Remembers flow, stack and action set, and leaves an empty stack and action set. */
  saveState(): SavedState {
    const saved: SavedState = {
      flow: this.flow.slice(),
      stack: this.stack,
      stackBytes: this.stackBytes,
      actionSet: this.actionSet,
    };
    this.stack = [];
    this.stackBytes = 0;
    this.actionSet = [];
    return saved;
  }

  restoreState(saved: SavedState): void {
    this.flow.set(saved.flow);
    this.stack = saved.stack;
    this.stackBytes = saved.stackBytes;
    this.actionSet = saved.actionSet;
  }

  clearConntrack(): void {
    this.conntracked = false;
    clearConntrack(this.flow);
  }

  // Freezing.

  /** Stops translation here: the datapath recirculates and a later translation goes on. */
  triggerFreeze(): void {
    this.exit = true;
    this.freezing = true;
  }

  /** As `triggerFreeze`, with a hash that the datapath computes first. */
  triggerRecirculateWithHash(algorithm: 'l4' | 'sym_l4', basis: number): void {
    this.triggerFreeze();
    this.recircHash = { algorithm, basis };
  }

  cancelFreeze(): void {
    if (!this.freezing) return;
    this.freezing = false;
    this.recircHash = undefined;
    this.frozenActions = [];
    this.pause = undefined;
  }

  // Limits.

  /** Whether one more table lookup is allowed; if not, says why and stops translation. */
  mayResubmit(): boolean {
    if (this.depth >= MAX_DEPTH) {
      this.reportError(`over max translation depth ${MAX_DEPTH}`);
      this.error = XLATE.RECURSION_TOO_DEEP;
    } else if (this.resubmits >= MAX_RESUBMITS) {
      this.reportError(`over ${MAX_RESUBMITS} resubmit actions`);
      this.error = XLATE.TOO_MANY_RESUBMITS;
    } else if (this.actionBytes > MAX_ACTION_BYTES) {
      this.reportError('resubmits yielded over 64 kB of actions');
      // Not an error: the flow goes the slow way. But translation ends.
      this.exit = true;
    } else if (this.stackBytes >= MAX_STACK_BYTES) {
      this.reportError('resubmits yielded over 64 kB of stack');
      this.error = XLATE.STACK_TOO_DEEP;
    } else return true;
    return false;
  }

  // Reports.

  /** Adds to the trace, if there is one. `text` is only made then.
   * @returns the list for what belongs under the new node */
  report(kind: TraceKind, text: string | (() => string)): TraceNode[] | undefined {
    if (!this.trace) return undefined;
    return addTraceNode(this.trace, kind, typeof text === 'string' ? text : text()).subs;
  }

  /** Reports something that is worth a warning in the log when a real packet runs into it. */
  reportError(text: string | (() => string)): void {
    if (this.trace) this.report('error', text);
    else if (this.packet)
      log.warnRl(errorLimit, `${typeof text === 'string' ? text : text()}${this.#where()}`);
  }

  reportInfo(text: string): void {
    if (this.trace) this.report('warn', text);
    else if (this.packet) log.infoRl(infoLimit, `${text}${this.#where()}`);
  }

  reportDebug(kind: TraceKind, text: () => string): void {
    if (this.trace) this.report(kind, text);
    else if (this.packet && log.isDbg()) log.dbgRl(debugLimit, `bridge ${this.bridge.name}: ${text()}`);
  }

  #where(): string {
    return ` on bridge ${this.bridge.name} while processing ${this.bridge.formatFlow(this.base)}`;
  }
}
