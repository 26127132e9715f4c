/**
 * `ofproto/trace`: what a bridge would do with a packet, step by step. The commands are in trace-command.ts.
 * C counterpart: ofproto/ofproto-dpif-trace.c.
 */
import { F, type Flow } from '../../flow/layout.ts';
import { formatFlow, formatMatch } from '../../flow/match/format.ts';
import { CT_STATE_NAMES, formatFlags, formatIpv4, formatIpv6Words } from '../../flow/text.ts';
import type { OdpAction } from '../../odp/action.ts';
import { formatOdpActions } from '../../odp/action-format.ts';
import type { Act, OfpAct } from '../../openflow/actions/action.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';
import type { RecircNode } from './xlate/ctx.ts';
import { XLATE, xlateStrerror } from './xlate/errors.ts';
import { explainSlowPath } from './xlate/slow-path.ts';
import { formatTrace, type TraceNode } from './xlate/trace-node.ts';
import { xlateActions } from './xlate/xlate.ts';

const MAX_RECIRCULATIONS = 4096;
const CS_NEW = 0x01;
const CS_TRACKED = 0x20;
const NAT_SRC = 1;
const NAT_DST = 2;
const RULE = '='.repeat(79);

export interface TraceRequest {
  readonly bridge: OfprotoDpif;
  /** With the OpenFlow input port in `F.IN_PORT`. */
  readonly flow: Flow;
  /** Trace a real packet, with its side effects. */
  readonly packet?: Uint8Array | undefined;
  /** Trace these actions instead of what the flow tables say. */
  readonly actions?: readonly OfpAct[] | undefined;
  /** Connection states to assume after each ct action; afterwards "new". */
  readonly ctStates?: readonly number[];
  /** Print ports by name. */
  readonly names?: boolean;
}

/** The whole trace as text. */
export function trace(request: TraceRequest): string {
  const queue: RecircNode[] = [];
  const { recircIds } = request.bridge.backer;
  const ctStates = [...(request.ctStates ?? [])];
  let text = traceOne(request, request.flow, request.packet, queue);
  for (let n = 0; queue.length > 0; n++) {
    const node = queue.shift()!;
    if (n >= MAX_RECIRCULATIONS) {
      text += `\n\n${RULE}\nTrace reached the recirculation limit.  Sopping the trace here.`;
      text += `\nQueued but not processed: ${queue.length + 1} recirculations.`;
      recircIds.unref(node.recircId);
      break;
    }
    text += describeRecirculation(node, ctStates);
    text += traceOne(request, node.flow, node.packet, queue);
    recircIds.unref(node.recircId);
  }
  for (const node of queue) recircIds.unref(node.recircId);
  return text;
}

function traceOne(r: TraceRequest, flow: Flow, packet: Uint8Array | undefined, queue: RecircNode[]): string {
  const { bridge } = r;
  const names = r.names ?? false;
  const format = names ? { ports: bridge.portNames() } : {};
  const nodes: TraceNode[] = [];
  const x = xlateActions({
    bridge,
    flow,
    inPort: flow[F.IN_PORT]!,
    packet,
    actionList: r.actions && r.actions.length > 0 && flow[F.RECIRC_ID] === 0 ? r.actions : undefined,
    trace: nodes,
    recircQueue: queue,
    names,
  });
  const initial = flow.slice();
  initial[F.ACTSET_OUTPUT] = 0xffff_fff7;
  let text = `Flow: ${formatFlow(flow, format)}\n${formatTrace(nodes)}`;
  const unchanged = x.flow.every((word, i) => word === initial[i]);
  text += `\nFinal flow: ${unchanged ? 'unchanged' : formatFlow(x.flow, format)}\n`;
  const masked = flow.map((word, i) => word & x.wc[i]!);
  text += `Megaflow: ${formatMatch({ flow: masked, mask: x.wc }, undefined, format)}\n`;
  text += `Datapath actions: ${formatOdpActions(x.actions, names ? bridge.backer.portNames().nameOf : undefined)}`;
  if (x.error !== XLATE.OK) text += `\nTranslation failed (${xlateStrerror(x.error)}), packet is dropped.\n`;
  else {
    const reasons = explainSlowPath(x.slow);
    if (reasons.length > 0)
      text += `\nThis flow is handled by the userspace slow path because it:${reasons.map((e) => `\n  - ${e}.`).join('')}`;
    if (packet) executeExceptOutputs(bridge, packet, flow, x.actions);
  }
  bridge.backer.recircIds.unrefAll(x.recircs);
  return text;
}

/** What remains of the actions are upcalls: packets to controllers and samples. */
function pruneOutputs(actions: readonly OdpAction[]): OdpAction[] {
  return actions
    .filter((a) => a.kind !== 'output' && a.kind !== 'recirc')
    .map((a) => (a.kind === 'clone' ? { ...a, actions: pruneOutputs(a.actions) } : a));
}

function executeExceptOutputs(
  bridge: OfprotoDpif,
  packet: Uint8Array,
  flow: Flow,
  all: readonly OdpAction[],
): void {
  const actions = pruneOutputs(all);
  if (actions.length === 0) return;
  const key = flow.slice();
  key[F.IN_PORT] = bridge.portByOfp(flow[F.IN_PORT]!)?.odpPort ?? 0xffff_ffff;
  bridge.backer.operate([{ kind: 'execute', packet: packet.slice(), key, actions, mtu: 0 }]);
}

function describeRecirculation(node: RecircNode, ctStates: number[]): string {
  const { flow, nat } = node;
  let text = `\n\n${RULE}\nrecirc(0x${node.recircId.toString(16)})`;
  const state = ctStates.shift();
  if (state === undefined) {
    flow[F.CT_STATE] = CS_TRACKED | CS_NEW;
    text += ' - resume conntrack with default ct_state=trk|new (use --ct-next to customize)';
  } else {
    flow[F.CT_STATE] = state;
    text += ` - resume conntrack with ct_state=${formatFlags(CT_STATE_NAMES, state, '|')}`;
  }
  text += '\n';
  if (nat) {
    text += 'Replacing src/dst IP/ports to simulate NAT:\n';
    text += ` Initial flow: ${addressText(flow, nat.family)}\n`;
    simulateNat(flow, nat);
    text += ` Modified flow: ${addressText(flow, nat.family)}\n`;
  }
  return `${text}${RULE}\n\n`;
}

/** As if the first address and port of the range were chosen. */
function simulateNat(flow: Flow, nat: Act<'nat'>): void {
  const change = (v4: number, v6: number, port: number): void => {
    if (nat.family === 4) flow[v4] = Number(nat.minAddr);
    else if (nat.family === 6)
      for (let i = 0; i < 4; i++) flow[v6 + i] = Number((nat.minAddr >> BigInt(32 * (3 - i))) & 0xffff_ffffn);
    if (nat.family !== 0 && nat.minPort !== 0) flow[port] = nat.minPort;
  };
  if (nat.flags & NAT_SRC) change(F.NW_SRC, F.IPV6_SRC, F.TP_SRC);
  if (nat.flags & NAT_DST) change(F.NW_DST, F.IPV6_DST, F.TP_DST);
}

function addressText(flow: Flow, family: 0 | 4 | 6): string {
  const src = flow[F.TP_SRC];
  const dst = flow[F.TP_DST];
  if (family === 4)
    return `nw_src=${formatIpv4(flow[F.NW_SRC]!)},tp_src=${src},nw_dst=${formatIpv4(flow[F.NW_DST]!)},tp_dst=${dst}`;
  if (family === 6)
    return `ipv6_src=[${formatIpv6Words(flow, F.IPV6_SRC)}],tp_src=${src},ipv6_dst=[${formatIpv6Words(flow, F.IPV6_DST)}],tp_dst=${dst}`;
  return '';
}

/** A trace of a packet that went wrong, for the log. Its side effects have happened already. */
export function traceToText(bridge: OfprotoDpif, key: Flow, inPort: number): string {
  const flow = key.slice();
  flow[F.IN_PORT] = inPort;
  return trace({ bridge, flow });
}
