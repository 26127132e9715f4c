/**
 * OFPP_NORMAL: forwarding as an ordinary VLAN-aware switch with MAC learning.
 *
 * What it reads of a packet always: both MAC addresses and the VLAN. Everything else only where a decision
 * needs it, since every bit read here narrows all megaflows of the bridge.
 * C counterpart: xlate_normal().
 */
import { F, type Flow, VLAN_CFI, VLAN_PCP_MASK, VLAN_VID_MASK } from '../../../flow/layout.ts';
import { OFPP } from '../../../flow/ports.ts';
import { type Bundle, NONE_BUNDLE } from '../bundle.ts';
import type { OfportDpif } from '../ofport.ts';
import { NF_OUT, type XlateCtx } from './ctx.ts';
import { ETH_TYPE, isBroadcast, isEthTypeVlan, macAt, maskMac, orWord, PT } from './flow-edit.ts';
import { composeOutput } from './output.ts';
import {
  bundleIncludesVlan,
  withPcp,
  type Xvlan,
  xvlanExtract,
  xvlanInput,
  xvlanOutput,
  xvlanPut,
} from './xvlan.ts';

const ARP_OP_REQUEST = 1;
const ARP_OP_REPLY = 2;

/** 01-80-C2-00-00-0x: for the neighbour bridge, not to be forwarded. */
const isReservedMac = (flow: Flow): boolean =>
  flow[F.DL_DST] === 0x0180 && (flow[F.DL_DST + 1]! & 0xffff_fff0) >>> 0 === 0xc200_0000;

/** An ARP packet by which a host announces its own address. */
export function isGratuitousArp(flow: Flow, wc: Flow): boolean {
  if (flow[F.DL_TYPE] !== ETH_TYPE.ARP) return false;
  maskMac(wc, F.DL_DST);
  if (!isBroadcast(flow)) return false;
  wc[F.NW_PROTO] = 0xff;
  if (flow[F.NW_PROTO] === ARP_OP_REPLY) return true;
  if (flow[F.NW_PROTO] !== ARP_OP_REQUEST) return false;
  wc[F.NW_SRC] = 0xffff_ffff;
  wc[F.NW_DST] = 0xffff_ffff;
  return flow[F.NW_SRC] === flow[F.NW_DST];
}

/** The bundle that a packet came in on; reports it when there is none. */
export function lookupInputBundle(ctx: XlateCtx, inPort: number): Bundle | undefined {
  const bundle = ctx.bridge.portByOfp(inPort)?.bundle;
  if (bundle) return bundle;
  if (inPort === OFPP.CONTROLLER || inPort === OFPP.NONE) return NONE_BUNDLE;
  ctx.reportError(`received packet on unknown port ${inPort & 0xffff}`);
  return undefined;
}

/** Whether a packet with VLAN `vid` (0: untagged) may come in on `bundle`. */
export function inputVidIsValid(ctx: XlateCtx, vid: number, bundle: Bundle): boolean {
  if (bundle === NONE_BUNDLE) return true;
  switch (bundle.vlanMode) {
    case 'access':
      if (vid === 0) return true;
      ctx.reportError(
        `dropping VLAN ${vid} tagged packet received on port ${bundle.name} configured as VLAN ${bundle.vlan} access port`,
      );
      return false;
    case 'native-tagged':
    case 'native-untagged':
    case 'trunk':
      if (vid === 0 && bundle.vlanMode !== 'trunk') return true;
      if (bundle.trunksVlan(vid)) return true;
      ctx.reportError(
        `dropping VLAN ${vid} packet received on port ${bundle.name} not configured for trunking VLAN ${vid}`,
      );
      return false;
    case 'dot1q-tunnel':
      if (bundle.allowsCvlan(vid)) return true;
      ctx.reportError(
        `dropping VLAN ${vid} packet received on dot1q-tunnel port ${bundle.name} that excludes this VLAN`,
      );
      return false;
  }
}

function isAdmissible(ctx: XlateCtx, port: OfportDpif, vlan: number): boolean {
  const { bridge, flow } = ctx;
  const bundle = port.bundle!;
  if (!bridge.forwardBpdu && isReservedMac(flow)) {
    ctx.report('detail', 'packet has reserved destination MAC, dropping');
    return false;
  }
  switch (bundle.bond?.checkAdmissibility(port, flow)) {
    case 'drop':
      ctx.report('detail', 'bonding refused admissibility, dropping');
      return false;
    case 'drop-if-moved': {
      // A bond without LACP hears its own broadcasts through its other members.
      const mac = bridge.macLearning.lookup(macAt(flow, F.DL_SRC), vlan);
      if (
        mac &&
        mac.port !== bundle &&
        (!isGratuitousArp(flow, ctx.wc) || bridge.macLearning.isGratArpLocked(mac))
      ) {
        ctx.report('detail', 'SLB bond thinks this packet looped back, dropping');
        return false;
      }
    }
  }
  return true;
}

/** Sends the packet out of a bundle, with the tags that the bundle wants. */
export function outputNormal(ctx: XlateCtx, out: Bundle, xvlan: Xvlan): void {
  const { flow, wc } = ctx;
  if (out.vlanMode === 'dot1q-tunnel' && out.cvlans) wc[F.VLAN_TCI1] = 0xffff;
  let outXvlan = xvlanOutput(out, xvlan);
  if (out.priorityTags !== 'never') outXvlan = withPcp(outXvlan, flow[F.VLAN_TCI0]! & VLAN_PCP_MASK);
  const { vid } = outXvlan[0];

  let port = out.ports[0];
  if (!port) return;
  let recirc: { recircId: number; hashBasis: number } | undefined;
  const { bond } = out;
  if (bond) {
    recirc = ctx.bridge.features.recirc ? bond.recirculation() : undefined;
    // With recirculation the datapath hashes, so the megaflow need not match the hashed fields.
    port = bond.chooseOutputMember(flow, recirc ? undefined : wc, vid);
    if (!port) return;
    if (!recirc) {
      if (ctx.stats) bond.account(flow, vid, ctx.stats.bytes);
      ctx.cache?.add({ kind: 'bond', bond, flow: flow.slice(), vlan: vid });
    }
  }

  const t0 = flow[F.VLAN_TPID0]!;
  const c0 = flow[F.VLAN_TCI0]!;
  const t1 = flow[F.VLAN_TPID1]!;
  const c1 = flow[F.VLAN_TCI1]!;
  xvlanPut(flow, outXvlan, out.priorityTags);
  composeOutput(ctx, port.ofpPort, recirc && { ...recirc, bond: bond! }, false, false);
  flow[F.VLAN_TPID0] = t0;
  flow[F.VLAN_TCI0] = c0;
  flow[F.VLAN_TPID1] = t1;
  flow[F.VLAN_TCI1] = c1;
}

function flood(ctx: XlateCtx, inBundle: Bundle, xvlan: Xvlan): void {
  for (const bundle of ctx.bridge.bundles()) {
    if (
      bundle !== inBundle &&
      bundleIncludesVlan(bundle, xvlan) &&
      bundle.floodable &&
      !ctx.bridge.mirrors.isOutput(bundle)
    )
      outputNormal(ctx, bundle, xvlan);
  }
  ctx.nfOutputIface = NF_OUT.FLOOD;
}

export function xlateNormal(ctx: XlateCtx): void {
  const { bridge, flow, wc } = ctx;
  maskMac(wc, F.DL_SRC);
  maskMac(wc, F.DL_DST);
  orWord(wc, F.VLAN_TCI0, VLAN_VID_MASK | VLAN_CFI);

  const inPort = flow[F.IN_PORT]!;
  const port = bridge.portByOfp(inPort);
  const inBundle = lookupInputBundle(ctx, inPort);
  if (!inBundle) {
    ctx.report('warn', 'no input bundle, dropping');
    return;
  }
  if (isEthTypeVlan(flow[F.DL_TYPE]!) && !(flow[F.VLAN_TCI0]! & VLAN_CFI)) {
    if (ctx.packet)
      ctx.reportError(`dropping packet with partial VLAN tag received on port ${inBundle.name}`);
    ctx.report('warn', 'partial VLAN tag, dropping');
    return;
  }
  if (bridge.mirrors.isOutput(inBundle)) {
    if (ctx.packet)
      ctx.reportError(
        `dropping packet received on port ${inBundle.name}, which is reserved exclusively for mirroring`,
      );
    ctx.report('warn', 'input port is mirror output port, dropping');
    return;
  }

  const inXvlan = xvlanExtract(flow);
  if (!inputVidIsValid(ctx, inXvlan[0].vid, inBundle)) {
    ctx.report('warn', 'disallowed VLAN VID for this input port, dropping');
    return;
  }
  const xvlan = xvlanInput(inBundle, inXvlan);
  const vlan = xvlan[0].vid;
  if (port && !isAdmissible(ctx, port, vlan)) return;

  const gratArp = isGratuitousArp(flow, wc);
  const src = macAt(flow, F.DL_SRC);
  if (
    ctx.allowSideEffects &&
    flow[F.PACKET_TYPE] === PT.ETH &&
    port &&
    port.ptMode !== 'legacy-l3' &&
    bridge.learnMac(inBundle, src, vlan, gratArp)
  )
    ctx.reportDebug(
      'detail',
      () => `learned that ${formatMac(flow, F.DL_SRC)} is on port ${inBundle.name} in VLAN ${vlan}`,
    );
  if (inBundle !== NONE_BUNDLE)
    ctx.cache?.add({ kind: 'normal', bridge, inPort, mac: src, vlan, isGratArp: gratArp });

  if (bridge.mcastSnooping?.xlate(ctx, inBundle, xvlan)) return;

  const entry = bridge.macLearning.lookup(macAt(flow, F.DL_DST), vlan);
  const out = entry?.port;
  if (!out) {
    ctx.report('detail', 'no learned MAC for destination, flooding');
    flood(ctx, inBundle, xvlan);
  } else if (bridge.mirrors.isOutput(out)) {
    ctx.report('warn', 'learned port is a mirror port, dropping');
  } else if (out === inBundle) {
    ctx.report('detail', 'learned port is input port, dropping');
  } else {
    ctx.report('detail', 'forwarding to learned port');
    outputNormal(ctx, out, xvlan);
  }
}

/** A MAC address of a flow as text. */
export const formatMac = (flow: Flow, word: number): string =>
  (flow[word]!.toString(16).padStart(4, '0') + flow[word + 1]!.toString(16).padStart(8, '0')).replace(
    /..(?=.)/g,
    '$&:',
  );
