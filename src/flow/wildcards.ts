/**
 * The mask of everything that a packet has: what a flow with exactly these headers would match.
 *
 * C counterpart: flow_wildcards_init_for_packet and flow_get_metadata of lib/flow.c.
 */
import {
  FIELD,
  type Field,
  fieldPrereqsOk,
  flowEthertype,
  isMplsEthertype,
  maskField,
  matchField,
} from './fields.ts';
import {
  catchAllMatch,
  F,
  FLOW_NW_FRAG_LATER,
  FLOW_TNL_F_KEY,
  FLOW_TNL_F_UDPIF,
  type Flow,
  type Match,
  N_REGS,
  newFlow,
} from './layout.ts';
import { matchTunOfFlow, type TunTable } from './tun-metadata.ts';

function fill(mask: Flow, first: number, words: number, bits: number): void {
  mask.fill(bits, first, first + words);
}

/** Whether a flow came through a tunnel: it has an outer destination address. */
export const isTunnelled = (flow: Flow): boolean =>
  flow[F.TUN_DST] !== 0 ||
  (flow[F.TUN_IPV6_DST]! |
    flow[F.TUN_IPV6_DST + 1]! |
    flow[F.TUN_IPV6_DST + 2]! |
    flow[F.TUN_IPV6_DST + 3]!) !==
    0;

const TUNNEL_FIELDS: readonly (readonly [first: number, words: number, bits: number])[] = [
  [F.TUN_SRC, 1, 0xffffffff],
  [F.TUN_DST, 1, 0xffffffff],
  [F.TUN_IPV6_SRC, 8, 0xffffffff],
  [F.TUN_FLAGS, 1, 0xffff],
  [F.TUN_TTL, 1, 0xff],
  [F.TUN_TOS, 1, 0xff],
  [F.TUN_GBP_ID, 1, 0xffff],
  [F.TUN_GBP_FLAGS, 1, 0xff],
  [F.TUN_ERSPAN_VER, 1, 0xff],
  [F.TUN_ERSPAN_IDX, 1, 0xffffffff],
  [F.TUN_ERSPAN_DIR, 1, 0xff],
  [F.TUN_ERSPAN_HWID, 1, 0xff],
  [F.TUN_GTPU_FLAGS, 1, 0xff],
  [F.TUN_GTPU_MSGTYPE, 1, 0xff],
  [F.TUN_TP_SRC, 2, 0xffff],
];

function maskTunnel(mask: Flow, flow: Flow): void {
  if (!isTunnelled(flow)) {
    if (flow[F.TUN_ID] || flow[F.TUN_ID + 1]) fill(mask, F.TUN_ID, 2, 0xffffffff);
    return;
  }
  if (flow[F.TUN_FLAGS]! & FLOW_TNL_F_KEY) fill(mask, F.TUN_ID, 2, 0xffffffff);
  for (const [first, words, bits] of TUNNEL_FIELDS) fill(mask, first, words, bits);
  if (flow[F.TUN_FLAGS]! & FLOW_TNL_F_UDPIF) {
    fill(mask, F.TUN_METADATA_PRESENT, 2, 0xffffffff);
    fill(mask, F.TUN_METADATA, Math.ceil(flow[F.TUN_METADATA_PRESENT + 1]! / 4), 0xffffffff);
  } else if (flow[F.TUN_METADATA_PRESENT] || flow[F.TUN_METADATA_PRESENT + 1]) {
    mask[F.TUN_METADATA_PRESENT] = flow[F.TUN_METADATA_PRESENT]!;
    mask[F.TUN_METADATA_PRESENT + 1] = flow[F.TUN_METADATA_PRESENT + 1]!;
    fill(mask, F.TUN_METADATA, 64, 0xffffffff);
  }
}

/** The mask of all the fields that a packet with key `flow` has, metadata and registers aside. */
export function wildcardsForPacket(flow: Flow, mask: Flow = newFlow()): Flow {
  mask.fill(0);
  maskTunnel(mask, flow);
  mask[F.SKB_PRIORITY] = 0xffffffff;
  mask[F.PKT_MARK] = 0xffffffff;
  mask[F.CT_STATE] = 0xff;
  mask[F.CT_ZONE] = 0xffff;
  mask[F.CT_MARK] = 0xffffffff;
  fill(mask, F.CT_LABEL, 4, 0xffffffff);
  mask[F.RECIRC_ID] = 0xffffffff;
  mask[F.DP_HASH] = 0xffffffff;
  mask[F.IN_PORT] = 0xffffffff;
  mask[F.PACKET_TYPE] = 0xffffffff;
  if (flow[F.PACKET_TYPE] === 0) {
    maskField(mask, FIELD.eth_dst);
    maskField(mask, FIELD.eth_src);
    mask[F.DL_TYPE] = 0xffff;
    for (let i = 0; i < 4; i += 2) {
      mask[F.VLAN_TPID0 + i] = 0xffff;
      mask[F.VLAN_TCI0 + i] = 0xffff;
      if (flow[F.VLAN_TCI0 + i] === 0) break;
    }
  }
  maskNetwork(mask, flow, flow[F.PACKET_TYPE] === 0 ? flow[F.DL_TYPE]! : flow[F.PACKET_TYPE]! & 0xffff);
  return mask;
}

function maskNetwork(mask: Flow, flow: Flow, type: number): void {
  if (type === 0x0800) {
    mask[F.NW_SRC] = 0xffffffff;
    mask[F.NW_DST] = 0xffffffff;
    mask[F.CT_NW_SRC] = 0xffffffff;
    mask[F.CT_NW_DST] = 0xffffffff;
  } else if (type === 0x86dd) {
    fill(mask, F.IPV6_SRC, 8, 0xffffffff);
    mask[F.IPV6_LABEL] = 0xffffffff;
    if (fieldPrereqsOk(FIELD.nd_target, flow, mask)) {
      maskField(mask, FIELD.nd_sll);
      maskField(mask, FIELD.nd_tll);
      fill(mask, F.ND_TARGET, 4, 0xffffffff);
    } else {
      fill(mask, F.CT_IPV6_SRC, 8, 0xffffffff);
    }
  } else if (type === 0x0806 || type === 0x8035) {
    mask[F.NW_SRC] = 0xffffffff;
    mask[F.NW_DST] = 0xffffffff;
    mask[F.NW_PROTO] = 0xff;
    maskField(mask, FIELD.arp_sha);
    maskField(mask, FIELD.arp_tha);
    return;
  } else if (isMplsEthertype(type)) {
    for (let i = 0; i < 3; i++) {
      mask[F.MPLS_LSE0 + i] = 0xffffffff;
      if (flow[F.MPLS_LSE0 + i]! & 0x100) break;
    }
    return;
  } else if (flow[F.DL_TYPE] === 0x894f) {
    for (const w of [F.NSH_FLAGS, F.NSH_TTL, F.NSH_MDTYPE, F.NSH_NP, F.NSH_SI]) mask[w] = 0xff;
    mask[F.NSH_SPI] = 0xffffff;
    fill(mask, F.NSH_C1, 4, 0xffffffff);
  } else {
    return;
  }
  mask[F.NW_FRAG] = 3;
  mask[F.NW_TOS] = 0xff;
  mask[F.NW_TTL] = 0xff;
  mask[F.NW_PROTO] = 0xff;
  mask[F.CT_NW_PROTO] = 0xff;
  mask[F.CT_TP_SRC] = 0xffff;
  mask[F.CT_TP_DST] = 0xffff;
  if (flow[F.NW_FRAG]! & FLOW_NW_FRAG_LATER) return;
  switch (flow[F.NW_PROTO]) {
    case 6:
      mask[F.TCP_FLAGS] = 0xffff;
      break;
    case 2:
      mask[F.IGMP_GROUP_IP4] = 0xffffffff;
      break;
    case 1:
    case 17:
    case 58:
    case 132:
      break;
    default:
      return;
  }
  mask[F.TP_SRC] = 0xffff;
  mask[F.TP_DST] = 0xffff;
}

/** A match of all that {@link wildcardsForPacket} finds in `flow`, of the registers and the metadata field. */
export function matchOfPacket(flow: Flow): Match {
  const match = catchAllMatch();
  wildcardsForPacket(flow, match.mask);
  fill(match.mask, F.METADATA, 2 + N_REGS, 0xffffffff);
  for (let i = 0; i < flow.length; i++) match.flow[i] = flow[i]! & match.mask[i]!;
  return match;
}

// biome-ignore format: one group a line
const METADATA_FIELDS: readonly Field[] = [
  FIELD.tun_id, FIELD.tun_flags, FIELD.tun_src, FIELD.tun_dst, FIELD.tun_ipv6_src, FIELD.tun_ipv6_dst,
  FIELD.tun_gbp_id, FIELD.tun_gbp_flags, FIELD.tun_erspan_ver, FIELD.tun_erspan_idx, FIELD.tun_erspan_dir,
  FIELD.tun_erspan_hwid, FIELD.tun_gtpu_flags, FIELD.tun_gtpu_msgtype, FIELD.metadata, FIELD.pkt_mark,
  FIELD.ct_state, FIELD.ct_zone, FIELD.ct_mark, FIELD.ct_label,
];

function getAny(flow: Flow, field: Field): bigint {
  let value = 0n;
  for (let i = 0; i < field.words; i++) value = (value << 32n) | BigInt(flow[field.word + i]!);
  return field.words === 1 ? (value & BigInt(field.full)) >> BigInt(field.shift) : value;
}

/** A match of the metadata of a packet that is not zero, and of its input port: what a packet-in carries. */
export function matchOfMetadata(flow: Flow, table?: TunTable): Match {
  const match = catchAllMatch();
  const set = (field: Field): void => {
    const value = getAny(flow, field);
    if (value !== 0n) matchField(match, field, value);
  };
  for (const field of METADATA_FIELDS) set(field);
  if (table) matchTunOfFlow(match, flow, table);
  for (let i = 0; i < N_REGS; i++) {
    if (flow[F.REG0 + i] !== 0) {
      match.flow[F.REG0 + i] = flow[F.REG0 + i]!;
      match.mask[F.REG0 + i] = 0xffffffff;
    }
  }
  match.flow[F.IN_PORT] = flow[F.IN_PORT]!;
  match.mask[F.IN_PORT] = 0xffffffff;
  if (flow[F.PACKET_TYPE] !== 0) {
    match.flow[F.PACKET_TYPE] = flow[F.PACKET_TYPE]!;
    match.mask[F.PACKET_TYPE] = 0xffffffff;
  }
  if (flow[F.CT_STATE] !== 0) {
    match.flow[F.DL_TYPE] = flow[F.DL_TYPE]!;
    match.mask[F.DL_TYPE] = 0xffff;
    const type = flowEthertype(flow);
    if (
      fieldPrereqsOk(FIELD.ct_nw_proto, flow) &&
      flow[F.CT_NW_PROTO] !== 0 &&
      (type === 0x0800 || type === 0x86dd)
    ) {
      const tuple: Field[] =
        type === 0x0800 ? [FIELD.ct_nw_src, FIELD.ct_nw_dst] : [FIELD.ct_ipv6_src, FIELD.ct_ipv6_dst];
      for (const f of [...tuple, FIELD.ct_nw_proto, FIELD.ct_tp_src, FIELD.ct_tp_dst]) {
        matchField(match, f, getAny(flow, f));
      }
    }
  }
  return match;
}
