/** `multipath`: hashes headers to choose one of several links and stores its number in a field. */
import { atoi, ParseError } from '../../base/parse.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { OfpError } from '../errors.ts';
import { defineAction, paren } from './codec.ts';
import {
  bitRange,
  checkDestination,
  fieldOfNxm,
  formatSubfield,
  hasNxmHeader,
  nxmHeader,
  packBitRange,
  parseSubfield,
} from './fields.ts';
import { hashFieldsByName, hashFieldsName, isHashFields, Tokens } from './hash-fields.ts';
import { WireForm } from './wire.ts';

const log = vlog('ofp_actions');
const limit = new RateLimit(1, 5);
const ALGORITHMS = ['modulo_n', 'hash_threshold', 'hrw', 'iter_hash'];

const MULTIPATH = new WireForm('NXAST_MULTIPATH', 'NX1.0+(10)', { size: 32 }, (r, _, d) => {
  const fields = r.u16();
  const basis = r.u16();
  r.skip(2);
  const algorithm = r.u16();
  const maxLink = r.u16();
  const arg = r.u32();
  r.skip(2);
  const range = bitRange(r.u16());
  const dst = { field: fieldOfNxm(r.u32(), d.tun), ...range };
  const minBits = 32 - Math.clz32(maxLink);
  let problem: string | undefined;
  if (!isHashFields(fields)) problem = `unsupported fields ${fields}`;
  else if (algorithm >= ALGORITHMS.length) problem = `unsupported algorithm ${algorithm}`;
  else if (dst.bits < minBits)
    problem = `multipath action requires at least ${minBits} bits for ${maxLink + 1} links`;
  if (problem !== undefined) {
    log.warnRl(limit, problem);
    throw new OfpError('OFPBAC_BAD_ARGUMENT');
  }
  checkDestination(dst);
  return { kind: 'multipath', fields, basis, algorithm, maxLink, arg, dst };
});

export const multipath = defineAction({
  kind: 'multipath',
  name: 'multipath',
  wire: [MULTIPATH],
  encode(a, { w, version }) {
    MULTIPATH.begin(w, version);
    w.u16(a.fields).u16(a.basis).zero(2).u16(a.algorithm).u16(a.maxLink).u32(a.arg).zero(2);
    w.u16(packBitRange(a.dst)).u32(nxmHeader(a.dst.field));
  },
  format: (a, f) =>
    `${paren(f, 'multipath(')}${hashFieldsName(a.fields)},${a.basis},${ALGORITHMS[a.algorithm] ?? '<unknown>'},` +
    `${a.maxLink + 1},${a.arg},${formatSubfield(a.dst)}${paren(f, ')')}`,
  parse: {
    multipath(text) {
      const t = new Tokens(text);
      const words = Array.from({ length: 6 }, () => t.next(', '));
      const [fieldsName, basis, algorithmName, links, arg, dstName] = words as string[];
      if (dstName === undefined) throw new ParseError(`${text}: not enough arguments to multipath action`);
      const fields = hashFieldsByName(fieldsName!);
      if (fields === undefined) throw new ParseError(`${text}: unknown fields \`${fieldsName}'`);
      const algorithm = ALGORITHMS.indexOf(algorithmName!.toLowerCase());
      if (algorithm < 0) throw new ParseError(`${text}: unknown algorithm \`${algorithmName}'`);
      const n = atoi(links!);
      if (n < 1 || n > 65536) throw new ParseError(`${text}: n_links ${n} is not in valid range 1 to 65536`);
      const dst = parseSubfield(dstName);
      if (!hasNxmHeader(dst.field))
        throw new ParseError(`${text}: experimenter OXM field '${dstName}' not supported`);
      if (dst.bits < 16 && n > 1 << dst.bits)
        throw new ParseError(
          `${text}: ${dst.bits}-bit destination field has ${1 << dst.bits} possible values, less than specified ` +
            `n_links ${n}`,
        );
      return {
        kind: 'multipath',
        fields,
        basis: atoi(basis!) & 0xffff,
        algorithm,
        maxLink: n - 1,
        arg: atoi(arg!) >>> 0,
        dst,
      };
    },
  },
  check: (a, c) => checkDestination(a.dst, c.match),
  help: 'multipath(FIELDS,BASIS,ALGORITHM,N_LINKS,ARG,DST[START..END]): stores the number of a link chosen by a hash',
});
