/** `output:FIELD[START..END]`: sends the packet out of the port that a field names. */
import { OfpError } from '../errors.ts';
import { defineAction, special } from './codec.ts';
import {
  bitRange,
  checkSource,
  fieldOfNxm,
  formatSubfield,
  hasNxmHeader,
  nxmHeader,
  packBitRange,
  pullField,
  putField,
} from './fields.ts';
import { parseOutput } from './output.ts';
import { endAction, isZeroUntil, WireForm } from './wire.ts';

const OUTPUT_REG = new WireForm('NXAST_OUTPUT_REG', 'NX1.0+(15)', { size: 24 }, (r, end, d) => {
  const range = bitRange(r.u16());
  const header = r.u32();
  const maxLen = r.u16();
  if (!isZeroUntil(r, end)) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  const src = { field: fieldOfNxm(header, d.tun), ...range };
  checkSource(src);
  return { kind: 'output_reg', src, maxLen, v2: false };
});

const OUTPUT_REG2 = new WireForm('NXAST_OUTPUT_REG2', 'NX1.0+(32)', { size: 24 }, (r, end, d) => {
  const range = bitRange(r.u16());
  const maxLen = r.u16();
  const src = { field: pullField(r, end, d.tun), ...range };
  if (!isZeroUntil(r, end)) throw new OfpError('NXBRC_MUST_BE_ZERO');
  checkSource(src);
  return { kind: 'output_reg', src, maxLen, v2: true };
});

export const outputReg = defineAction({
  kind: 'output_reg',
  name: 'output_reg',
  wire: [OUTPUT_REG, OUTPUT_REG2],
  encode(a, e) {
    if (a.v2 || !hasNxmHeader(a.src.field)) {
      const start = OUTPUT_REG2.begin(e.w, e.version);
      e.w.u16(packBitRange(a.src)).u16(a.maxLen);
      putField(e.w, a.src.field, 0);
      e.w.zero(24 - (e.w.length - start));
      endAction(e.w, start);
    } else {
      OUTPUT_REG.begin(e.w, e.version);
      e.w.u16(packBitRange(a.src)).u32(nxmHeader(a.src.field)).u16(a.maxLen).zero(6);
    }
  },
  format: (a, f) => `${special(f, 'output:')}${formatSubfield(a.src)}`,
  parse: { output_reg: parseOutput },
  check: (a, c) => checkSource(a.src, c.match),
  help: 'output:FIELD[START..END]: sends the packet out of the port whose number the field holds',
});
