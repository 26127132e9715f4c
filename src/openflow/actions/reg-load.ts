/** `load`: sets part of a field to a number. */
import { ParseError } from '../../base/parse.ts';
import { FIELD } from '../../flow/fields.ts';
import { scanInt } from '../../flow/text.ts';
import { OFP15 } from '../version.ts';
import type { Act, Subfield } from './action.ts';
import { defineAction, hex, special } from './codec.ts';
import { exceeds, formatFieldValue, formatSubfield, hasNxmHeader, parseSubfield } from './fields.ts';
import { putRegLoad, REG_LOAD } from './put-reg-load.ts';
import { putSetFieldEntry } from './put-set-field.ts';
import { checkSetField, putRegLoad2, splitArrow } from './set-field.ts';

const ones = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

/** The load in pieces of at most 64 bits, lowest first. */
function segments(a: Act<'reg_load'>): { dst: Subfield; value: bigint }[] {
  if (a.dst.bits <= 64) return [a];
  const parts: { dst: Subfield; value: bigint }[] = [];
  for (let done = 0; done < a.dst.bits; done += 64) {
    const bits = Math.min(64, a.dst.bits - done);
    const value = (a.value >> BigInt(done)) & ones(bits);
    parts.push({ dst: { field: a.dst.field, offset: a.dst.offset + done, bits }, value });
  }
  return parts;
}

export const regLoad = defineAction({
  kind: 'reg_load',
  name: 'set_field',
  wire: [REG_LOAD],
  encode(a, { w, version }) {
    const shift = BigInt(a.dst.offset);
    const value = a.value << shift;
    const mask = ones(a.dst.bits) << shift;
    if (version >= OFP15) putSetFieldEntry(w, version, a.dst.field, value, mask);
    else if (!hasNxmHeader(a.dst.field) || FIELD[a.dst.field].tunIndex >= 0)
      putRegLoad2(w, version, a.dst.field, value, mask);
    else for (const part of segments(a)) putRegLoad(w, version, part.dst, part.value);
  },
  format: (a, f) =>
    segments(a)
      .map((part) => `${special(f, 'load:')}${hex(part.value)}${special(f, '->')}${formatSubfield(part.dst)}`)
      .join(','),
  parse: {
    load(arg) {
      const { value: text, key } = splitArrow(arg);
      const dst = parseSubfield(key);
      const field = FIELD[dst.field];
      const scanned = scanInt(text, field.bytes);
      if (scanned.error) throw new ParseError(`${arg}: cannot parse integer value`);
      if (exceeds(scanned.value, dst.bits)) {
        const shown = formatFieldValue(field, scanned.value);
        throw new ParseError(`${arg}: value ${shown} does not fit into ${dst.bits} bits`);
      }
      return { kind: 'reg_load', dst, value: scanned.value, flowHasVlan: false };
    },
  },
  check(a, c) {
    const flowHasVlan = checkSetField(FIELD[a.dst.field], a.value << BigInt(a.dst.offset), c);
    return flowHasVlan === a.flowHasVlan ? undefined : { ...a, flowHasVlan };
  },
  help: 'load:VALUE->FIELD[START..END]: sets bits of a field',
});
