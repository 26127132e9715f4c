/** `check_pkt_larger`: stores in a bit whether the packet is longer than a number of bytes. */
import { ParseError, strToU16 } from '../../base/parse.ts';
import { OfpError } from '../errors.ts';
import { defineAction, param } from './codec.ts';
import { checkDestination, formatSubfield, parseSubfield, pullField, putField } from './fields.ts';
import { splitArrow } from './set-field.ts';
import { endAction, isZeroUntil, WireForm } from './wire.ts';

const CHECK_PKT_LARGER = new WireForm(
  'NXAST_CHECK_PKT_LARGER',
  'NX1.0+(49)',
  { size: 24, more: true },
  (r, end, d) => {
    const pktLen = r.u16();
    const offset = r.u16();
    const dst = { field: pullField(r, end, d.tun), offset, bits: 1 };
    if (!isZeroUntil(r, end)) throw new OfpError('NXBRC_MUST_BE_ZERO');
    checkDestination(dst);
    return { kind: 'check_pkt_larger', pktLen, dst };
  },
);

export const checkPktLarger = defineAction({
  kind: 'check_pkt_larger',
  name: 'check_pkt_larger',
  wire: [CHECK_PKT_LARGER],
  encode(a, { w, version }) {
    const start = CHECK_PKT_LARGER.begin(w, version);
    w.u16(a.pktLen).u16(a.dst.offset);
    putField(w, a.dst.field, 0);
    w.zero(24 - (w.length - start));
    endAction(w, start);
  },
  format: (a, f) => `${param(f, 'check_pkt_larger(')}${a.pktLen})->${formatSubfield(a.dst)}`,
  parse: {
    check_pkt_larger(arg) {
      const { value, key } = splitArrow(arg);
      const dst = parseSubfield(key);
      if (dst.bits !== 1) throw new ParseError('Only 1-bit destination field is allowed');
      const length = value.endsWith(')') ? value.slice(0, -1) : value;
      return { kind: 'check_pkt_larger', pktLen: strToU16(length, '(null)'), dst };
    },
  },
  help: 'check_pkt_larger(BYTES)->FIELD[BIT]: stores whether the packet is longer than BYTES',
});
