/** MPLS label stack entries. C counterpart: struct mpls_hdr of lib/packets.h. */

export const MPLS_BYTES = 4;
export const MPLS_BOS = 0x100;

export interface LabelStackEntry {
  readonly label: number;
  readonly tc: number;
  /** Last of the stack. */
  readonly bos: boolean;
  readonly ttl: number;
}

export const parseLse = (lse: number): LabelStackEntry => ({
  label: lse >>> 12,
  tc: (lse >>> 9) & 7,
  bos: (lse & MPLS_BOS) !== 0,
  ttl: lse & 0xff,
});

export const buildLse = (e: LabelStackEntry): number =>
  ((e.label << 12) | ((e.tc & 7) << 9) | (e.bos ? MPLS_BOS : 0) | (e.ttl & 0xff)) >>> 0;
