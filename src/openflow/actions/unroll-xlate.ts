/** `unroll_xlate`: marks, inside of a frozen translation, which flow the actions after it came from. Never on the wire. */
import { ParseError } from '../../base/parse.ts';
import { OfpError } from '../errors.ts';
import { defineAction, param, paren, special } from './codec.ts';

export const unrollXlate = defineAction({
  kind: 'unroll_xlate',
  name: 'unroll_xlate',
  encode() {
    throw new RangeError('unroll_xlate has no wire form');
  },
  format: (a, f) =>
    `${paren(f, 'unroll_xlate(')}${special(f, 'table=')}${f.table(a.table)}, ${param(f, 'cookie=')}${a.cookie}${paren(f, ')')}`,
  parse: {
    unroll_xlate() {
      throw new ParseError("UNROLL is an internal action that shouldn't be used via OpenFlow");
    },
  },
  check() {
    throw new OfpError('OFPBAC_BAD_TYPE');
  },
  help: 'unroll_xlate: internal',
});
