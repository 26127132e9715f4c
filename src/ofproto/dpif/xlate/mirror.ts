/** Copies for port mirrors. C counterparts: mirror_packet(), reset_mirror_ctx(). */

import { FIELD, type Field, fieldPrereqsOk } from '../../../flow/fields.ts';
import { F, VLAN_CFI, VLAN_VID_MASK } from '../../../flow/layout.ts';
import type { OfpAct } from '../../../openflow/actions/action.ts';
import type { Bundle } from '../bundle.ts';
import type { XlateCtx } from './ctx.ts';
import { ETH_TYPE, isIpAny, macAt, orWord } from './flow-edit.ts';
import { inputVidIsValid, lookupInputBundle, outputNormal } from './normal.ts';
import { bundleIncludesVlan, withVid, xvlanExtract, xvlanInput } from './xvlan.ts';

/** Reserved for the neighbour bridge: never sent into another VLAN. */
const isReserved = (mac: number): boolean => Math.floor(mac / 16) === 0x0180_c200_000;

/** Sends copies of the packet, which `bundle` receives or sends, to those of `mirrors` that want it. */
export function mirrorPacket(ctx: XlateCtx, bundle: Bundle, candidates: number): void {
  if (candidates === 0) return;
  const { flow, wc, bridge } = ctx;
  const inXvlan = xvlanExtract(flow);
  if (!inputVidIsValid(ctx, inXvlan[0].vid, bundle)) return;
  const xvlan = xvlanInput(bundle, inXvlan);

  let mirrors = candidates & ~ctx.mirrors;
  let used = 0;
  while (mirrors !== 0) {
    const index = 31 - Math.clz32(mirrors & -mirrors);
    const bit = 1 << index;
    mirrors &= ~bit;
    const m = bridge.mirrors.at(index);
    if (!m) continue;
    if (m.vlans) {
      orWord(wc, F.VLAN_TCI0, VLAN_CFI | VLAN_VID_MASK);
      if (!m.vlans.has(xvlan[0].vid)) continue;
    }
    if (m.filter) {
      const { flow: want, mask } = m.filter;
      let matches = true;
      for (let i = 0; i < mask.length; i++) {
        if (mask[i] === 0) continue;
        orWord(wc, i, mask[i]!);
        if (((flow[i]! ^ want[i]!) & mask[i]!) !== 0) matches = false;
      }
      if (!matches) continue;
    }
    used |= bit;
    // Now, so that sending the copy does not mirror it to the same place again.
    ctx.mirrors |= m.duplicates;
    ctx.mirrorSnaplen = m.snaplen;
    if (m.outBundle) outputNormal(ctx, m.outBundle, xvlan);
    else if (xvlan[0].vid !== m.outVlan && !isReserved(macAt(flow, F.DL_DST))) {
      const out = withVid(xvlan, m.outVlan);
      for (const b of bridge.bundles())
        if (bundleIncludesVlan(b, out) && !bridge.mirrors.isOutput(b)) outputNormal(ctx, b, out);
    }
    mirrors &= ~ctx.mirrors;
    ctx.mirrorSnaplen = 0;
  }
  if (used === 0) return;
  if (ctx.stats) bridge.mirrors.credit(used, ctx.stats.packets, ctx.stats.bytes);
  ctx.cache?.add({ kind: 'mirror', mirrors: bridge.mirrors, mask: used });
}

/** Copies for the mirrors of the bundle that the packet came in on. */
export function mirrorIngress(ctx: XlateCtx): void {
  if (ctx.bridge.mirrors.size === 0) return;
  const bundle = lookupInputBundle(ctx, ctx.flow[F.IN_PORT]!);
  if (bundle) mirrorPacket(ctx, bundle, ctx.bridge.mirrors.srcMirrors(bundle));
}

/** Neither tunnel fields nor packet headers count as metadata here, as in the C implementation. */
const isAnyMetadata = (f: Field): boolean =>
  f.tunIndex >= 0 || f.name === 'tun_erspan_dir' || (f.word >= F.METADATA && f.word < F.DL_DST);

/** A changed packet is mirrored anew. */
export function resetMirrors(ctx: XlateCtx, a: OfpAct): void {
  const { flow } = ctx;
  switch (a.kind) {
    case 'strip_vlan':
    case 'push_vlan':
    case 'set_eth_src':
    case 'set_eth_dst':
    case 'push_mpls':
    case 'pop_mpls':
    case 'set_mpls_label':
    case 'set_mpls_tc':
    case 'set_mpls_ttl':
    case 'dec_mpls_ttl':
    case 'dec_nsh_ttl':
    case 'dec_ttl':
    case 'set_vlan_vid':
    case 'set_vlan_pcp':
    case 'encap':
    case 'decap':
    case 'nat':
      ctx.mirrors = 0;
      break;
    case 'set_field':
    case 'reg_load': {
      const field = FIELD[a.kind === 'set_field' ? a.field : a.dst.field];
      if (fieldPrereqsOk(field, flow) && !isAnyMetadata(field)) ctx.mirrors = 0;
      break;
    }
    case 'set_ipv4_src':
    case 'set_ipv4_dst':
      if (flow[F.DL_TYPE] === ETH_TYPE.IP) ctx.mirrors = 0;
      break;
    case 'set_ip_dscp':
    case 'set_ip_ecn':
    case 'set_ip_ttl':
      if (isIpAny(flow)) ctx.mirrors = 0;
      break;
    case 'set_l4_src_port':
    case 'set_l4_dst_port':
      if (isIpAny(flow) && !(flow[F.NW_FRAG]! & 2)) ctx.mirrors = 0;
      break;
  }
}
