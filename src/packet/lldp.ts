/** LLDP frames: lists of TLVs (IEEE 802.1AB). C counterpart: lib/lldp. */
import { getU16, putU16 } from './wire.ts';

export const LLDP_TLV = {
  END: 0,
  CHASSIS_ID: 1,
  PORT_ID: 2,
  TTL: 3,
  PORT_DESCRIPTION: 4,
  SYSTEM_NAME: 5,
  SYSTEM_DESCRIPTION: 6,
  CAPABILITIES: 7,
  MANAGEMENT_ADDRESS: 8,
  ORGANIZATION: 127,
} as const;

/** 01:80:c2:00:00:0e, where LLDP goes. */
export const LLDP_MAC = 0x0180c200000e;

export interface LldpTlv {
  readonly type: number;
  readonly value: Uint8Array;
}

/** The TLVs from `at` on, without the one that ends them; undefined if they run past the end. */
export function parseLldp(b: Uint8Array, at: number, end = b.length): LldpTlv[] | undefined {
  const tlvs: LldpTlv[] = [];
  while (end - at >= 2) {
    const head = getU16(b, at);
    const type = head >>> 9;
    const bytes = head & 0x1ff;
    if (type === LLDP_TLV.END) return tlvs;
    if (at + 2 + bytes > end) return undefined;
    tlvs.push({ type, value: b.subarray(at + 2, at + 2 + bytes) });
    at += 2 + bytes;
  }
  return undefined;
}

/** The TLVs as bytes, with the one that ends them. */
export function buildLldp(tlvs: readonly LldpTlv[]): Uint8Array {
  const out = new Uint8Array(tlvs.reduce((n, t) => n + 2 + t.value.length, 2));
  let at = 0;
  for (const t of tlvs) {
    putU16(out, at, (t.type << 9) | t.value.length);
    out.set(t.value, at + 2);
    at += 2 + t.value.length;
  }
  return out;
}
