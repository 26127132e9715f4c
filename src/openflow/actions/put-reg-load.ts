/** NXAST_REG_LOAD on the wire, which stands in for actions that a version does not have. */
import type { ByteWriter } from '../../base/bytes.ts';
import { OfpError } from '../errors.ts';
import type { OfpVersion } from '../version.ts';
import type { OfpAct, Subfield } from './action.ts';
import { bitRange, checkDestination, exceeds, fieldOfNxm, nxmHeader, packBitRange } from './fields.ts';
import { WireForm } from './wire.ts';

export const REG_LOAD = new WireForm('NXAST_REG_LOAD', 'NX1.0-1.4(7)', { size: 24 }, (r, _, d): OfpAct => {
  const range = bitRange(r.u16());
  const dst = { field: fieldOfNxm(r.u32(), d.tun), ...range };
  checkDestination(dst);
  const value = r.u64();
  if (exceeds(value, dst.bits)) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  return { kind: 'reg_load', dst, value, flowHasVlan: false };
});

/** Writes a load of at most 64 bits. */
export function putRegLoad(w: ByteWriter, version: OfpVersion, dst: Subfield, value: bigint): void {
  REG_LOAD.begin(w, version);
  w.u16(packBitRange(dst)).u32(nxmHeader(dst.field)).u64(value);
}
