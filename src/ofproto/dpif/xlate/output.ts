/**
 * Sending the packet out: of a port, through a patch port into the next bridge, to all ports, and the
 * output actions. C counterparts: compose_output_action__(), patch_port_output(), xlate_output_action().
 */
import { PatchNetdev } from '../../../datapath/patch-netdev.ts';
import { F, FLOW_DL_TYPE_NONE, type Flow } from '../../../flow/layout.ts';
import { OFPP, portFromOf10, reservedPortName } from '../../../flow/ports.ts';
import { markSubfieldInMask, readSubfield } from '../../../flow/subfield.ts';
import type { Act } from '../../../openflow/actions/action.ts';
import { OFPR, PC } from '../../../openflow/messages/message.ts';
import type { BundleBond } from '../bundle.ts';
import type { OfportDpif } from '../ofport.ts';
import { xlateActionSet } from './action-set.ts';
import { doXlateActions } from './actions.ts';
import { cloneXlateActions } from './clone.ts';
import { xlateController } from './controller.ts';
import { NF_OUT, type XlateCtx } from './ctx.ts';
import { XLATE } from './errors.ts';
import { IP_DSCP_MASK, orWord, PT, TUNNEL_WORDS } from './flow-edit.ts';
import { finishFreezing } from './freeze.ts';
import { mirrorPacket } from './mirror.ts';
import { xlateNormal } from './normal.ts';
import { SLOW } from './slow-path.ts';
import { xlateTable } from './table.ts';

/** Spanning tree's own packets: to 01:80:c2:00:00:00, in an 802.2 frame. */
const isStp = (flow: Flow): boolean =>
  flow[F.DL_TYPE] === FLOW_DL_TYPE_NONE && flow[F.DL_DST] === 0x0180 && flow[F.DL_DST + 1] === 0xc200_0000;

/** Lets the protocols of the port that the packet came in on take it.
 * @returns whether one did */
export function processSpecial(ctx: XlateCtx, port: OfportDpif | undefined): boolean {
  if (!port) return false;
  for (const protocol of port.protocols) {
    if (!protocol.shouldProcess(ctx.flow, ctx.wc)) continue;
    if (ctx.packet) protocol.process(ctx.packet, ctx.flow);
    ctx.slow |= protocol.slow;
    return true;
  }
  return false;
}

/** Whether the port takes packets in at all. */
export function mayReceive(ctx: XlateCtx, port: OfportDpif): boolean {
  if (port.config & (isStp(ctx.flow) ? PC.NO_RECV_STP : PC.NO_RECV)) return false;
  // Where only learning is on, the packet is looked at and dropped later.
  return port.forwards || port.learns;
}

/** How the datapath is to choose a member of a bond. */
export interface BondRecirc {
  readonly recircId: number;
  readonly hashBasis: number;
  readonly bond: BundleBond;
}

function mayOutput(ctx: XlateCtx, port: OfportDpif | undefined, checkStp: boolean): port is OfportDpif {
  const { flow, wc } = ctx;
  if (!port) {
    ctx.report('warn', 'Nonexistent output port');
    return false;
  }
  if (port.config & PC.NO_FWD) {
    ctx.report('detail', 'OFPPC_NO_FWD set, skipping output');
    return false;
  }
  if (ctx.mirrorSnaplen !== 0 && port.odpPort === undefined) {
    ctx.report('warn', 'Mirror truncate to ODPP_NONE, skipping output');
    return false;
  }
  if (port.bundle?.protected && ctx.bridge.portByOfp(flow[F.IN_PORT]!)?.bundle?.protected) {
    ctx.report('warn', 'Flow is between protected ports, skipping output.');
    return false;
  }
  if (checkStp && !port.forwards) {
    if (isStp(ctx.base)) {
      if (!port.managesBpdus) {
        const text = ctx.bridge.usesRstp
          ? 'RSTP not managing BPDU in this state'
          : 'STP not in listening state';
        ctx.report('warn', `${text}, skipping bpdu output`);
        return false;
      }
    } else if (!port.protocols.some((p) => p.passesBlockedPorts && p.shouldProcess(flow, wc))) {
      ctx.report('warn', `${ctx.bridge.usesRstp ? 'RSTP' : 'STP'} not in forwarding state, skipping output`);
      return false;
    }
  }
  if (port.ptMode === 'legacy-l2' && flow[F.PACKET_TYPE] !== PT.ETH) {
    ctx.report('warn', 'Trying to send non-Ethernet packet through legacy L2 port. Dropping packet.');
    return false;
  }
  return true;
}

/**
 * Sends the packet as it is now out of an OpenFlow port.
 * @param isLast nothing follows in this list, so that the packet need not be kept as it was
 * @param truncate a trunc action precedes
 */
export function composeOutput(
  ctx: XlateCtx,
  ofpPort: number,
  recirc: BondRecirc | undefined,
  isLast: boolean,
  truncate: boolean,
  checkStp = true,
): void {
  const port = ctx.bridge.portByOfp(ofpPort);
  if (!mayOutput(ctx, port, checkStp)) return;
  const { flow, wc } = ctx;
  const packetType = flow[F.PACKET_TYPE]!;
  if (packetType === PT.ETH && port.ptMode === 'legacy-l3') {
    flow[F.PACKET_TYPE] = 0x10000 | flow[F.DL_TYPE]!;
    ctx.pendingEncap = false;
  }
  if (port.peer) {
    if (truncate) ctx.reportError('Cannot truncate output to patch port');
    patchPortOutput(ctx, port, port.peer, isLast);
    return;
  }

  const tos = flow[F.NW_TOS]!;
  if (port.dscpOfPriority.size > 0) {
    wc[F.SKB_PRIORITY] = 0xffff_ffff;
    const dscp = port.dscpOfPriority.get(flow[F.SKB_PRIORITY]!);
    if (dscp !== undefined) {
      orWord(wc, F.NW_TOS, IP_DSCP_MASK);
      flow[F.NW_TOS] = (tos & ~IP_DSCP_MASK) | dscp;
    }
  }

  let skipMirrors = false;
  const { odpPort } = port;
  if (odpPort !== undefined) {
    ctx.commit();
    if (recirc?.bond.usesLbOutput) {
      ctx.put({ kind: 'lb_output', bondId: recirc.recircId });
    } else if (recirc) {
      ctx.put({ kind: 'hash', algorithm: 'l4', basis: recirc.hashBasis });
      ctx.put({ kind: 'recirc', recircId: recirc.recircId });
      // The packet has not gone anywhere yet.
      skipMirrors = true;
    } else {
      if (ctx.mirrorSnaplen > 0 && ctx.mirrorSnaplen < 0xffff) {
        ctx.put({ kind: 'trunc', maxLen: ctx.mirrorSnaplen });
        if (!ctx.bridge.features.trunc) ctx.slow |= SLOW.ACTION;
      }
      ctx.put({ kind: 'output', port: odpPort });
    }
    ctx.sflowOdpPort = odpPort;
    ctx.sflowOutputs++;
    ctx.nfOutputIface = ofpPort;
  }
  if (!skipMirrors && port.bundle) mirrorPacket(ctx, port.bundle, ctx.bridge.mirrors.dstMirrors(port.bundle));

  flow[F.NW_TOS] = tos;
  flow[F.PACKET_TYPE] = packetType;
}

/** Goes on in the bridge at the other end of a patch port, and puts everything back afterwards. */
function patchPortOutput(ctx: XlateCtx, inDev: OfportDpif, outDev: OfportDpif, isLast: boolean): void {
  const { flow, wc, trace, version, mirrors, wasMpls, conntracked, bridge } = ctx;
  const saved = ctx.saveState();
  const tunnelMask = wc.slice(0, TUNNEL_WORDS);

  flow[F.IN_PORT] = outDev.ofpPort;
  flow.fill(0, 0, F.SKB_PRIORITY); // tunnel fields, metadata, registers
  wc.fill(0, 0, TUNNEL_WORDS);
  flow[F.ACTSET_OUTPUT] = OFPP.UNSET;
  ctx.clearConntrack();
  const next = outDev.bridge;
  ctx.trace = ctx.report('bridge', `bridge("${next.name}")`);
  const independentMirrors = next !== bridge;
  if (independentMirrors) ctx.mirrors = 0;
  ctx.bridge = next;
  ctx.version = next.tablesVersion;

  if (!processSpecial(ctx, outDev) && mayReceive(ctx, outDev)) {
    const lookup = { inPort: outDev.ofpPort, tableId: 0, mayPacketIn: true, honorTableMiss: true, isLast };
    if (outDev.forwards) {
      xlateTable(ctx, lookup, cloneXlateActions);
      if (!ctx.freezing) xlateActionSet(ctx);
      if (ctx.freezing) finishFreezing(ctx);
    } else {
      // The port only learns: the packet is looked at, and what came of it dropped.
      const base = ctx.base.slice();
      const { mirrors: mirrors2, actionBytes } = ctx;
      ctx.nested(() => xlateTable(ctx, lookup, cloneXlateActions));
      ctx.actionBytes = actionBytes;
      ctx.mirrors = mirrors2;
      ctx.base.set(base);
      ctx.cancelFreeze();
    }
  }

  ctx.trace = trace;
  if (independentMirrors) ctx.mirrors = mirrors;
  ctx.bridge = bridge;
  ctx.version = version;
  wc.set(tunnelMask);
  ctx.restoreState(saved);
  ctx.wasMpls = wasMpls;
  ctx.conntracked = conntracked;
  // However the other bridge ended, this one goes on with its own packet.
  ctx.exit = false;
  ctx.error = XLATE.OK;

  const { stats } = ctx;
  if (stats) creditPatch(inDev, outDev, stats.packets, stats.bytes);
  ctx.cache?.add({ kind: 'patch', tx: inDev, rx: outDev });
}

/** Counts packets that went from one end of a patch to the other. */
export function creditPatch(tx: OfportDpif, rx: OfportDpif, packets: number, bytes: number): void {
  if (tx.netdev instanceof PatchNetdev) tx.netdev.credit('tx', packets, bytes);
  if (rx.netdev instanceof PatchNetdev) rx.netdev.credit('rx', packets, bytes);
}

/** FLOOD and ALL: every port but the input port, without or with those that say no-flood. */
function floodPackets(ctx: XlateCtx, all: boolean, isLast: boolean): void {
  const inPort = ctx.flow[F.IN_PORT]!;
  const ports = [...ctx.bridge.ports()].filter(
    (p) => p.ofpPort !== inPort && (all || !(p.config & PC.NO_FLOOD)),
  );
  ports.forEach((p, i) => {
    composeOutput(ctx, p.ofpPort, undefined, isLast && i === ports.length - 1, false, !all);
  });
  ctx.nfOutputIface = NF_OUT.FLOOD;
}

/** Output to `port`, which may be reserved. */
export function xlateOutput(
  ctx: XlateCtx,
  port: number,
  maxLen: number,
  mayPacketIn: boolean,
  isLast: boolean,
  truncate: boolean,
  inBucket: boolean,
): void {
  const before = ctx.nfOutputIface;
  ctx.nfOutputIface = NF_OUT.DROP;
  const inPort = ctx.flow[F.IN_PORT]!;
  switch (port) {
    case OFPP.IN_PORT:
      composeOutput(ctx, inPort, undefined, isLast, truncate);
      break;
    case OFPP.TABLE:
      xlateTable(
        ctx,
        { inPort, tableId: 0, mayPacketIn, honorTableMiss: true, isLast: false },
        doXlateActions,
      );
      break;
    case OFPP.NORMAL:
      xlateNormal(ctx);
      break;
    case OFPP.FLOOD:
      floodPackets(ctx, false, isLast);
      break;
    case OFPP.ALL:
      floodPackets(ctx, true, isLast);
      break;
    case OFPP.CONTROLLER: {
      const reason = ctx.inPacketOut
        ? OFPR.PACKET_OUT
        : inBucket
          ? OFPR.GROUP
          : ctx.inActionSet
            ? OFPR.ACTION_SET
            : OFPR.ACTION;
      xlateController(ctx, { maxLen, reason, controllerId: 0 });
      break;
    }
    case OFPP.NONE:
      break;
    default:
      if (port !== inPort) composeOutput(ctx, port, undefined, isLast, truncate);
      else ctx.reportInfo('skipping output to input port');
  }
  if (before === NF_OUT.FLOOD) ctx.nfOutputIface = NF_OUT.FLOOD;
  else if (ctx.nfOutputIface === NF_OUT.DROP) ctx.nfOutputIface = before;
  else if (before !== NF_OUT.DROP && ctx.nfOutputIface !== NF_OUT.FLOOD) ctx.nfOutputIface = NF_OUT.MULTI;
}

export function xlateOutputReg(
  ctx: XlateCtx,
  a: Act<'output_reg'>,
  isLast: boolean,
  inBucket: boolean,
): void {
  const port = readSubfield(ctx.flow, a.src);
  if (port > 0xffffn) {
    ctx.report('warn', `output port ${port} is out of range`);
    return;
  }
  ctx.report('detail', () => `output port is ${port}`);
  markSubfieldInMask(ctx.wc, a.src);
  xlateOutput(ctx, portFromOf10(Number(port)), a.maxLen, false, isLast, false, inBucket);
}

export function xlateOutputTrunc(
  ctx: XlateCtx,
  a: Act<'output_trunc'>,
  isLast: boolean,
  inBucket: boolean,
): void {
  switch (a.port) {
    case OFPP.TABLE:
    case OFPP.NORMAL:
    case OFPP.FLOOD:
    case OFPP.ALL:
    case OFPP.CONTROLLER:
    case OFPP.NONE:
      ctx.report('warn', `output_trunc does not support port: ${reservedPortName(a.port)}`);
      return;
  }
  if (a.port === ctx.flow[F.IN_PORT]) {
    ctx.reportInfo('skipping output to input port');
    return;
  }
  if (ctx.bridge.portByOfp(a.port)?.odpPort === undefined) {
    ctx.reportError(`output_trunc does not support patch port ${reservedPortName(a.port) ?? a.port}`);
    return;
  }
  ctx.put({ kind: 'trunc', maxLen: a.maxLen });
  xlateOutput(ctx, a.port, 0, false, isLast, true, inBucket);
  if (!ctx.bridge.features.trunc) ctx.slow |= SLOW.ACTION;
}

export function xlateEnqueue(ctx: XlateCtx, a: Act<'enqueue'>, isLast: boolean, inBucket: boolean): void {
  const { flow } = ctx;
  ctx.wc[F.SKB_PRIORITY] = 0xffff_ffff;
  const priority = ctx.bridge.queueToPriority(a.queue);
  if (priority === undefined) {
    xlateOutput(ctx, a.port, 0, false, isLast, false, inBucket);
    return;
  }
  let { port } = a;
  if (port === OFPP.IN_PORT) port = flow[F.IN_PORT]!;
  else if (port === flow[F.IN_PORT]) return;
  const before = flow[F.SKB_PRIORITY]!;
  flow[F.SKB_PRIORITY] = priority;
  composeOutput(ctx, port, undefined, isLast, false);
  flow[F.SKB_PRIORITY] = before;
  if (ctx.nfOutputIface === NF_OUT.DROP) ctx.nfOutputIface = port;
  else if (ctx.nfOutputIface !== NF_OUT.FLOOD) ctx.nfOutputIface = NF_OUT.MULTI;
}
