/**
 * The layout of a flow key: one row of 32-bit words, in which every field owns whole words.
 *
 * A field of up to 32 bits is one word holding its numeric value (host integer, not network bytes, unsigned).
 * Wider fields are consecutive words, most significant first; a MAC address is two words, of which the first
 * holds its upper 16 bits. One word a field costs some memory in the full key and buys that every consumer -
 * classifier, translation, megaflow masks - reads and masks a field with one array access and no shift. Hot
 * paths never touch a whole row: they keep the list of words that a mask uses.
 *
 * A {@link Flow} is used both for values and for masks (1 = bit matters), as struct flow and flow_wildcards.
 * C counterpart: include/openvswitch/flow.h.
 */

import type { TunTable } from './tun-metadata.ts';

/** First word of each field. */
export const F = {
  TUN_ID: 0, // 2 words
  TUN_SRC: 2,
  TUN_DST: 3,
  TUN_IPV6_SRC: 4, // 4
  TUN_IPV6_DST: 8, // 4
  TUN_FLAGS: 12,
  TUN_TTL: 13,
  TUN_TOS: 14,
  TUN_GBP_ID: 15,
  TUN_GBP_FLAGS: 16,
  TUN_ERSPAN_VER: 17,
  TUN_ERSPAN_IDX: 18,
  TUN_ERSPAN_DIR: 19,
  TUN_ERSPAN_HWID: 20,
  TUN_GTPU_FLAGS: 21,
  TUN_GTPU_MSGTYPE: 22,
  TUN_TP_SRC: 23,
  TUN_TP_DST: 24,
  /** Bitmap of the tun_metadata fields that are present: 2 words, field 0 is the least significant bit. */
  TUN_METADATA_PRESENT: 25,
  /** 256 bytes of tunnel option data as 64 words. */
  TUN_METADATA: 27,
  METADATA: 91, // 2
  REG0: 93, // 32: reg0 .. reg31; xreg N = 2 words from REG0 + 2N; xxreg N = 4 words from REG0 + 4N
  SKB_PRIORITY: 125,
  PKT_MARK: 126,
  DP_HASH: 127,
  /** OpenFlow port number (32 bits, as OF1.1+) in ofproto; datapath port number at the dpif seam. */
  IN_PORT: 128,
  RECIRC_ID: 129,
  CT_STATE: 130,
  CT_ZONE: 131,
  CT_MARK: 132,
  CT_LABEL: 133, // 4
  CT_NW_SRC: 137,
  CT_NW_DST: 138,
  CT_IPV6_SRC: 139, // 4
  CT_IPV6_DST: 143, // 4
  CT_NW_PROTO: 147,
  CT_TP_SRC: 148,
  CT_TP_DST: 149,
  CONJ_ID: 150,
  ACTSET_OUTPUT: 151,
  /** (namespace << 16) | ns_type; 0 is Ethernet. */
  PACKET_TYPE: 152,
  DL_DST: 153, // 2
  DL_SRC: 155, // 2
  /** Ethertype after the VLAN tags; 0x05ff for an 802.2 frame without SNAP. */
  DL_TYPE: 157,
  /** Outer then inner VLAN tag: TPID and TCI; in the TCI bit 0x1000 (CFI) means that the tag is present. */
  VLAN_TPID0: 158,
  VLAN_TCI0: 159,
  VLAN_TPID1: 160,
  VLAN_TCI1: 161,
  MPLS_LSE0: 162, // 3: one word a label stack entry
  NW_SRC: 165, // also arp_spa
  NW_DST: 166, // also arp_tpa
  IPV6_SRC: 167, // 4
  IPV6_DST: 171, // 4
  IPV6_LABEL: 175,
  /** FLOW_NW_FRAG_ANY 1, FLOW_NW_FRAG_LATER 2. */
  NW_FRAG: 176,
  /** DSCP and ECN: the whole ToS byte. */
  NW_TOS: 177,
  NW_TTL: 178,
  /** IP protocol; for ARP the low 8 bits of the opcode. */
  NW_PROTO: 179,
  ND_TARGET: 180, // 4
  ARP_SHA: 184, // 2; also the ND source link-layer address
  ARP_THA: 186, // 2; also the ND target link-layer address
  TCP_FLAGS: 188,
  /** Also the ICMP type. */
  TP_SRC: 189,
  /** Also the ICMP code. */
  TP_DST: 190,
  IGMP_GROUP_IP4: 191,
  ND_RESERVED: 192,
  ND_OPTIONS_TYPE: 193,
  NSH_FLAGS: 194,
  NSH_TTL: 195,
  NSH_MDTYPE: 196,
  NSH_NP: 197,
  NSH_SPI: 198,
  NSH_SI: 199,
  NSH_C1: 200, // 4: c1 .. c4
} as const;

/** Words in a flow key. */
export const FLOW_WORDS = 204;

/** A flow's values, or a mask over them. Always {@link FLOW_WORDS} long. */
export type Flow = Uint32Array;

export const newFlow = (): Flow => new Uint32Array(FLOW_WORDS);

/** Registers reg0 .. reg31. */
export const N_REGS = 32;

/** The VLAN_CFI bit of a TCI, which in a flow key says that the tag is there. */
export const VLAN_CFI = 0x1000;
export const VLAN_VID_MASK = 0x0fff;
export const VLAN_PCP_MASK = 0xe000;
export const VLAN_PCP_SHIFT = 13;

export const FLOW_NW_FRAG_ANY = 1;
export const FLOW_NW_FRAG_LATER = 2;

/** DL_TYPE of a frame with an 802.2 header and no SNAP. */
export const FLOW_DL_TYPE_NONE = 0x05ff;

/** Bits of TUN_FLAGS. Only OAM is for controllers to match; UDPIF marks options as a datapath has them, unparsed. */
export const FLOW_TNL_F_OAM = 1;
export const FLOW_TNL_F_DONT_FRAGMENT = 2;
export const FLOW_TNL_F_CSUM = 4;
export const FLOW_TNL_F_KEY = 8;
export const FLOW_TNL_F_MASK = 0x0f;
export const FLOW_TNL_F_UDPIF = 0x10;

/** Whether a mask has any bit in the words from `first` until before `end`. */
export function usesWords(mask: Flow, first: number, end: number): boolean {
  let bits = 0;
  for (let i = first; i < end; i++) bits |= mask[i]!;
  return bits !== 0;
}

/** A match: `flow` where `mask` has ones; wherever `mask` is 0, `flow` must be 0 too. */
export interface Match {
  readonly flow: Flow;
  readonly mask: Flow;
  /** Which tunnel option lies where, for a match that has any: the bridge's table, or one of the match's own. */
  tun?: TunTable | undefined;
}

/** A match of every packet. Both rows lie in one buffer: V8 pays more for a buffer than for a view. */
export function catchAllMatch(): Match {
  const buffer = new ArrayBuffer(8 * FLOW_WORDS);
  return {
    flow: new Uint32Array(buffer, 0, FLOW_WORDS),
    mask: new Uint32Array(buffer, 4 * FLOW_WORDS, FLOW_WORDS),
    // Named so that all matches have one shape: code that V8 optimised for two is slower.
    tun: undefined,
  };
}
