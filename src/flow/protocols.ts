/**
 * The protocols that OpenFlow tools choose from, as bits: which of them can say what some flow text says.
 *
 * C counterpart: enum ofputil_protocol.
 */
export const OFPUTIL_P = {
  OF10_STD: 1 << 0,
  OF10_STD_TID: 1 << 1,
  OF10_NXM: 1 << 2,
  OF10_NXM_TID: 1 << 3,
  OF11_STD: 1 << 4,
  OF12_OXM: 1 << 5,
  OF13_OXM: 1 << 6,
  OF14_OXM: 1 << 7,
  OF15_OXM: 1 << 8,
  NONE: 0,
  OF10_STD_ANY: 0x003,
  OF10_NXM_ANY: 0x00c,
  OF10_ANY: 0x00f,
  ANY_OXM: 0x1e0,
  NXM_OXM_ANY: 0x1ec,
  NXM_OF11_UP: 0x1fc,
  OF11_UP: 0x1f0,
  OF12_UP: 0x1e0,
  OF13_UP: 0x1c0,
  OF14_UP: 0x180,
  OF15_UP: 0x100,
  ANY: 0x1ff,
  /** Protocols whose FLOW_MOD can name a table. */
  TID: 0x1fa,
} as const;
