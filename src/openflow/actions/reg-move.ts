/** `move`: copies bits between fields; copy_field of OpenFlow 1.5, and the ONF's for 1.3. */
import type { ByteReader } from '../../base/bytes.ts';
import { ParseError } from '../../base/parse.ts';
import { OfpError } from '../errors.ts';
import { OFP13, OFP15 } from '../version.ts';
import type { Act, OfpAct, Subfield } from './action.ts';
import { defineAction, special } from './codec.ts';
import {
  checkDestination,
  checkSource,
  formatSubfield,
  parseSubfield,
  pullField,
  putField,
  scanSubfield,
} from './fields.ts';
import { type ActionDecoding, endAction, isZeroUntil, WireForm } from './wire.ts';

/** The three numbers and two fields that all forms have; `pad` bytes lie between them. */
function decodeMove(
  r: ByteReader,
  end: number,
  pad: number,
  compat: Act<'reg_move'>['compat'],
  d: ActionDecoding,
): OfpAct {
  const bits = r.u16();
  const srcOffset = r.u16();
  const dstOffset = r.u16();
  r.skip(pad);
  const src: Subfield = { field: pullField(r, end, d.tun), offset: srcOffset, bits };
  const dst: Subfield = { field: pullField(r, end, d.tun), offset: dstOffset, bits };
  if (!isZeroUntil(r, end)) throw new OfpError('NXBRC_MUST_BE_ZERO');
  checkSource(src);
  checkDestination(dst);
  return { kind: 'reg_move', src, dst, compat };
}

const COPY_FIELD15 = new WireForm('OFPAT_COPY_FIELD', 'OF1.5+(28)', { size: 16, more: true }, (r, end, d) =>
  decodeMove(r, end, 2, 'copy_field', d),
);
const COPY_FIELD13 = new WireForm(
  'ONFACT_COPY_FIELD',
  'ONF1.3-1.4(3200)',
  { size: 24, more: true },
  (r, end, d) => {
    r.skip(2);
    return decodeMove(r, end, 2, 'copy_field', d);
  },
);
const REG_MOVE = new WireForm('NXAST_REG_MOVE', 'NX1.0-1.4(6)', { size: 16, more: true }, (r, end, d) =>
  decodeMove(r, end, 0, 'reg_move', d),
);

/** Reads 'SRC->DST'. @throws ParseError */
export function parseMove(arg: string): { src: Subfield; dst: Subfield } {
  const [src, end] = scanSubfield(arg);
  if (!arg.startsWith('->', end)) throw new ParseError(`${arg}: missing \`->' following source`);
  const dst = parseSubfield(arg.slice(end + 2));
  if (src.bits !== dst.bits)
    throw new ParseError(
      `${arg}: source field is ${src.bits} bits wide but destination is ${dst.bits} bits wide`,
    );
  return { src, dst };
}

export const regMove = defineAction({
  kind: 'reg_move',
  name: 'move',
  wire: [COPY_FIELD15, COPY_FIELD13, REG_MOVE],
  encode(a, { w, version }) {
    const isCopy = version >= OFP15 || (version === OFP13 && a.compat === 'copy_field');
    const form = version >= OFP15 ? COPY_FIELD15 : isCopy ? COPY_FIELD13 : REG_MOVE;
    const start = form.begin(w, version);
    if (form === COPY_FIELD13) w.zero(2);
    w.u16(a.dst.bits).u16(a.src.offset).u16(a.dst.offset);
    if (isCopy) w.zero(2);
    putField(w, a.src.field, isCopy ? version : 0);
    putField(w, a.dst.field, isCopy ? version : 0);
    endAction(w, start);
  },
  format: (a, f) =>
    `${special(f, 'move:')}${formatSubfield(a.src)}${special(f, '->')}${formatSubfield(a.dst)}`,
  parse: { move: (arg) => ({ kind: 'reg_move', ...parseMove(arg), compat: 'reg_move' }) },
  check(a, c) {
    checkSource(a.src, c.match);
    checkDestination(a.dst, c.match);
  },
  help: 'move:SRC[START..END]->DST[START..END]: copies bits from a field to another',
});
