/** encap and decap: Ethernet, NSH, MPLS. C counterparts: xlate_generic_encap_action(), xlate_generic_decap_action(). */
import { ByteWriter } from '../../../base/bytes.ts';
import { F, VLAN_CFI } from '../../../flow/layout.ts';
import type { Act } from '../../../openflow/actions/action.ts';
import type { XlateCtx } from './ctx.ts';
import { XLATE } from './errors.ts';
import { countMpls, ETH_TYPE, N_MPLS, PT, popMpls, pushMpls } from './flow-edit.ts';
import { SLOW } from './slow-path.ts';

const NSH_M_TYPE1 = 1;
const NSH_M_TYPE2 = 2;
/** Next protocol of an NSH header. */
const NSH_P = { IPV4: 1, IPV6: 2, ETHERNET: 3, NSH: 4 } as const;
const MAX_NSH_CONTEXT_BYTES = 248;

const describeType = (type: number): string => `(${type >>> 16},0x${(type & 0xffff).toString(16)})`;

function unsupported(ctx: XlateCtx, text: string): void {
  ctx.reportDebug('action', () => text);
  ctx.error = XLATE.UNSUPPORTED_PACKET_TYPE;
}

function encapEthernet(ctx: XlateCtx): void {
  const { flow, wc } = ctx;
  wc[F.PACKET_TYPE] = 0xffff_ffff;
  const type = flow[F.PACKET_TYPE]!;
  if (type >>> 16 !== 1) {
    unsupported(ctx, 'Dropping packet as encap(ethernet) is not supported for packet type ethernet.');
    return;
  }
  flow[F.PACKET_TYPE] = PT.ETH;
  flow.fill(0, F.DL_DST, F.DL_TYPE);
  flow[F.DL_TYPE] = type & 0xffff;
}

function encapMpls(ctx: XlateCtx, packetType: number): void {
  const { flow, wc, base } = ctx;
  const n = countMpls(flow, wc);
  if (n >= N_MPLS) {
    if (ctx.packet)
      ctx.reportError(
        `dropping packet on which an encap MPLS action can't be performed as it would have more MPLS LSEs than the ${N_MPLS} supported.`,
      );
    ctx.error = XLATE.TOO_MANY_MPLS_LABELS;
    return;
  }
  wc[F.PACKET_TYPE] = 0xffff_ffff;
  if (flow[F.PACKET_TYPE] === PT.ETH && flow[F.DL_TYPE] === ETH_TYPE.MPLS)
    for (const f of [wc, flow, base]) f.fill(0, F.MPLS_LSE0, F.MPLS_LSE0 + N_MPLS);
  flow[F.PACKET_TYPE] = packetType;
  pushMpls(flow, n, packetType & 0xffff, wc, true);
  flow.fill(0, F.DL_DST, F.DL_TYPE);
}

/** Metadata TLVs of MD type 2, padded to 4 bytes each. */
function nshTlvs(a: Act<'encap'>): Uint8Array | undefined {
  const w = new ByteWriter();
  for (const p of a.props) {
    if (p.kind === 'nsh_tlv') w.u16(p.tlvClass).u8(p.type).u8(p.data.length).put(p.data).align(4);
  }
  return w.length > 0 && w.length <= MAX_NSH_CONTEXT_BYTES ? w.finish() : undefined;
}

function encapNsh(ctx: XlateCtx, a: Act<'encap'>): Uint8Array | undefined {
  const { flow, wc } = ctx;
  const type = flow[F.PACKET_TYPE]!;
  const nextProto =
    type === PT.ETH
      ? NSH_P.ETHERNET
      : type === PT.IPV4
        ? NSH_P.IPV4
        : type === PT.IPV6
          ? NSH_P.IPV6
          : type === PT.NSH
            ? NSH_P.NSH
            : 0;
  if (nextProto === 0) {
    unsupported(ctx, `Dropping packet as encap(nsh) is not supported for packet type ${describeType(type)}`);
    return undefined;
  }
  let mdType = NSH_M_TYPE1;
  for (const p of a.props) if (p.kind === 'nsh_md_type') mdType = p.mdType;
  wc[F.PACKET_TYPE] = 0xffff_ffff;
  flow.fill(0, F.DL_DST);
  flow[F.PACKET_TYPE] = PT.NSH;
  flow[F.DL_TYPE] = ETH_TYPE.NSH;
  flow[F.NSH_TTL] = 63;
  flow[F.NSH_NP] = nextProto;
  flow[F.NSH_SPI] = 0;
  flow[F.NSH_SI] = 255;
  flow[F.NSH_MDTYPE] = mdType === NSH_M_TYPE1 || mdType === NSH_M_TYPE2 ? mdType : 0;
  return mdType === NSH_M_TYPE1 ? undefined : nshTlvs(a);
}

/** Rewrites the flow as it will be with the new header, which the next commit pushes. */
export function xlateEncap(ctx: XlateCtx, a: Act<'encap'>): void {
  ctx.commit();
  let data: Uint8Array | undefined;
  switch (a.header) {
    case PT.ETH:
      encapEthernet(ctx);
      break;
    case PT.NSH:
      data = encapNsh(ctx, a);
      break;
    default:
      encapMpls(ctx, a.header);
      if (!ctx.bridge.features.addMpls) ctx.slow |= SLOW.ACTION;
  }
  if (ctx.error) return;
  ctx.pendingEncap = true;
  ctx.encapData = data;
}

/** @returns whether what lies below the header is unknown, so that the packet must recirculate */
export function xlateDecap(ctx: XlateCtx, a: Act<'decap'>): boolean {
  ctx.commit();
  const { flow, wc } = ctx;
  const type = flow[F.PACKET_TYPE]!;
  switch (type) {
    case PT.ETH:
      if (flow[F.VLAN_TCI0]! & VLAN_CFI) {
        unsupported(ctx, 'Dropping packet, cannot decap Ethernet if VLAN is present.');
        return false;
      }
      flow[F.PACKET_TYPE] = 0x10000 | flow[F.DL_TYPE]!;
      flow.fill(0, F.DL_DST, F.DL_TYPE);
      wc[F.DL_TYPE] = 0xffff;
      return false;
    case PT.NSH: {
      const next = {
        [NSH_P.ETHERNET]: PT.ETH,
        [NSH_P.IPV4]: PT.IPV4,
        [NSH_P.IPV6]: PT.IPV6,
        [NSH_P.NSH]: PT.NSH,
      }[flow[F.NSH_NP]! as 1 | 2 | 3 | 4];
      if (next === undefined) {
        unsupported(ctx, `Dropping packet as NSH next protocol ${flow[F.NSH_NP]} is not supported`);
        return false;
      }
      flow[F.PACKET_TYPE] = next;
      wc[F.NSH_NP] = 0xff;
      ctx.pendingDecap = true;
      return true;
    }
    case PT.MPLS:
    case PT.MPLS_MC: {
      flow[F.PACKET_TYPE] = a.newPktType;
      const n = countMpls(flow, wc);
      if (popMpls(flow, n, a.newPktType & 0xffff || ETH_TYPE.TEB, wc)) {
        if (!ctx.bridge.features.addMpls) ctx.slow |= SLOW.ACTION;
        ctx.pendingDecap = true;
        return n === 1;
      }
      if (n >= N_MPLS) {
        if (ctx.packet)
          ctx.reportError(
            `dropping packet on which an MPLS decap can't be performed as it has more MPLS LSEs than the ${N_MPLS} supported.`,
          );
        ctx.error = XLATE.TOO_MANY_MPLS_LABELS;
        ctx.actions.length = 0;
      }
      return false;
    }
    default:
      unsupported(ctx, `Dropping packet as the decap() does not support packet type ${describeType(type)}`);
      return false;
  }
}
