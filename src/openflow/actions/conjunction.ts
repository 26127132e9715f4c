/** `conjunction`: makes the flow one alternative of one clause of a conjunctive match. */
import { atoi, ParseError } from '../../base/parse.ts';
import { OfpError } from '../errors.ts';
import { defineAction, paren } from './codec.ts';
import { WireForm } from './wire.ts';

const CONJUNCTION = new WireForm('NXAST_CONJUNCTION', 'NX1.0+(34)', { size: 16 }, (r) => {
  const clause = r.u8();
  const nClauses = r.u8();
  if (nClauses < 2 || nClauses > 64 || clause >= nClauses) throw new OfpError('NXBAC_BAD_CONJUNCTION');
  return { kind: 'conjunction', id: r.u32(), clause, nClauses };
});

/** 'ID,CLAUSE/COUNT' with blanks anywhere between. */
const SYNTAX = /^\s*([+-]?(?:0[xX][0-9a-fA-F]+|0[0-7]*|[1-9]\d*))\s*,\s*([+-]?\d+)\s*\/\s*([+-]?\d+)\s*$/;

export const conjunction = defineAction({
  kind: 'conjunction',
  name: 'conjunction',
  wire: [CONJUNCTION],
  encode(a, { w, version }) {
    CONJUNCTION.begin(w, version);
    w.u8(a.clause).u8(a.nClauses).u32(a.id);
  },
  format: (a, f) => `${paren(f, 'conjunction(')}${a.id},${a.clause + 1}/${a.nClauses}${paren(f, ')')}`,
  parse: {
    conjunction(arg) {
      const m = SYNTAX.exec(arg);
      if (!m) throw new ParseError('"conjunction" syntax is "conjunction(id,i/n)"');
      const clause = atoi(m[2]!) & 0xff;
      const nClauses = atoi(m[3]!) & 0xff;
      if (nClauses < 2) throw new ParseError('conjunction must have at least 2 clauses');
      if (nClauses > 64) throw new ParseError('conjunction must have at most 64 clauses');
      if (clause < 1) throw new ParseError('clause index must be positive');
      if (clause > nClauses)
        throw new ParseError('clause index must be less than or equal to number of clauses');
      return { kind: 'conjunction', id: atoi(m[1]!, 0) >>> 0, clause: clause - 1, nClauses };
    },
  },
  help: 'conjunction(ID,K/N): the flow matches for clause K of N of the conjunctive match ID',
});
