/** `bundle` and `bundle_load`: choose a live member of a list, output to it or store its number. */
import type { ByteReader } from '../../base/bytes.ts';
import { atoi, ParseError } from '../../base/parse.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { OFPP, parsePort, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { OfpError, type OfpErrorName } from '../errors.ts';
import type { Act, OfpAct, Subfield } from './action.ts';
import { type ActionChecking, type ActionParsing, defineAction, param, paren } from './codec.ts';
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
import { checkOutputPort } from './output.ts';
import { type ActionDecoding, endAction, WireForm } from './wire.ts';

const log = vlog('ofp_actions');
const limit = new RateLimit(1, 5);
const MAX_MEMBERS = 2048;
/** NXM_OF_IN_PORT: members are 16-bit port numbers. */
const MEMBER_TYPE = 0x00000002;
const ALGORITHMS = ['active_backup', 'hrw'] as const;

function checkBundle(a: Act<'bundle'>, c: Pick<ActionChecking, 'maxPorts'> & Partial<ActionChecking>): void {
  if (a.dst) checkDestination(a.dst, c.match);
  for (const port of a.members) {
    if (port === OFPP.NONE) continue;
    try {
      checkOutputPort(port, c.maxPorts);
    } catch (error) {
      log.warnRl(limit, `invalid member ${portToOf10(port)}`);
      throw error;
    }
    // There is no place for the max_len that a controller would need.
    if (port === OFPP.CONTROLLER) {
      log.warnRl(limit, 'unsupported controller member');
      throw new OfpError('OFPBAC_BAD_OUT_PORT');
    }
  }
}

function decodeBundle(r: ByteReader, end: number, load: boolean, d: ActionDecoding): OfpAct {
  const algorithm = r.u16();
  const fields = r.u16();
  const basis = r.u16();
  const memberType = r.u32();
  const count = r.u16();
  const ofsNbits = r.u16();
  const header = r.u32();
  const zero = r.u32();
  let error: OfpErrorName | undefined;
  const fail = (text: string, name: OfpErrorName = 'OFPBAC_BAD_ARGUMENT'): void => {
    log.warnRl(limit, text);
    error = name;
  };
  if (!isHashFields(fields)) fail(`unsupported fields ${fields}`);
  else if (count > MAX_MEMBERS) fail('too many members');
  else if (algorithm >= ALGORITHMS.length) fail(`unsupported algorithm ${algorithm}`);
  else if (memberType !== MEMBER_TYPE && !load) fail(`unsupported member type ${memberType}`);
  // As in C only the form without a destination minds.
  if (zero !== 0 && !load) fail('reserved field is nonzero');
  let dst: Subfield | undefined;
  if (load) {
    dst = { field: fieldOfNxm(header, d.tun), ...bitRange(ofsNbits) };
    if (dst.bits < 16) fail('bundle_load action requires at least 16 bit destination.');
  } else if (ofsNbits || header) {
    fail('bundle action has nonzero reserved fields');
  }
  const room = end - r.pos;
  if (room < 2 * count)
    fail(
      `Nicira action ${load ? 'bundle_load' : 'bundle'} only has ${room} bytes allocated for members. ${2 * count} ` +
        `bytes are required for ${count} members.`,
      'OFPBAC_BAD_LEN',
    );
  if (error !== undefined) throw new OfpError(error);
  const members = Array.from({ length: count }, () => portFromOf10(r.u16()));
  const act: Act<'bundle'> = {
    kind: 'bundle',
    fields,
    basis,
    algorithm: ALGORITHMS[algorithm]!,
    members,
    dst,
  };
  checkBundle(act, { maxPorts: OFPP.MAX });
  return act;
}

const BUNDLE = new WireForm('NXAST_BUNDLE', 'NX1.0+(12)', { size: 32, more: true }, (r, end, d) =>
  decodeBundle(r, end, false, d),
);
const BUNDLE_LOAD = new WireForm('NXAST_BUNDLE_LOAD', 'NX1.0+(13)', { size: 32, more: true }, (r, end, d) =>
  decodeBundle(r, end, true, d),
);

function parseBundle(text: string, p: ActionParsing, load: boolean): OfpAct {
  const t = new Tokens(text);
  const fieldsName = t.next(', ');
  const basis = t.next(', ');
  const algorithmName = t.next(', ');
  const memberType = t.next(', ');
  const dstName = load ? t.next(', ') : undefined;
  const delimiter = t.next(': ');
  if (delimiter === undefined) throw new ParseError(`${text}: not enough arguments to bundle action`);
  if (!/^(members|slaves)$/i.test(delimiter))
    throw new ParseError(`${text}: missing member delimiter, expected \`members', got \`${delimiter}'`);
  const members: number[] = [];
  for (let word = t.next(', []'); word !== undefined && members.length < MAX_MEMBERS; word = t.next(', []')) {
    const port = parsePort(word, p.portNames);
    if (port === undefined) throw new ParseError(`${word}: bad port number`);
    members.push(port);
  }
  const fields = hashFieldsByName(fieldsName!);
  if (fields === undefined) throw new ParseError(`${text}: unknown fields \`${fieldsName}'`);
  const algorithm = ALGORITHMS.find((name) => name === algorithmName!.toLowerCase());
  if (!algorithm) throw new ParseError(`${text}: unknown algorithm \`${algorithmName}'`);
  if (memberType!.toLowerCase() !== 'ofport')
    throw new ParseError(`${text}: unknown member_type \`${memberType}'`);
  const dst = dstName === undefined ? undefined : parseSubfield(dstName);
  if (dst && !hasNxmHeader(dst.field))
    throw new ParseError(`${text}: experimenter OXM field '${dstName}' not supported`);
  return { kind: 'bundle', fields, basis: atoi(basis!) & 0xffff, algorithm, members, dst };
}

export const bundle = defineAction({
  kind: 'bundle',
  name: 'bundle',
  wire: [BUNDLE, BUNDLE_LOAD],
  encode(a, { w, version }) {
    const start = (a.dst ? BUNDLE_LOAD : BUNDLE).begin(w, version);
    w.u16(ALGORITHMS.indexOf(a.algorithm)).u16(a.fields).u16(a.basis).u32(MEMBER_TYPE).u16(a.members.length);
    if (a.dst) w.u16(packBitRange(a.dst)).u32(nxmHeader(a.dst.field));
    else w.zero(6);
    w.zero(4);
    for (const port of a.members) w.u16(portToOf10(port));
    endAction(w, start);
  },
  format(a, f) {
    const dst = a.dst ? `${formatSubfield(a.dst)},` : '';
    return (
      `${paren(f, a.dst ? 'bundle_load(' : 'bundle(')}${hashFieldsName(a.fields)},${a.basis},${a.algorithm},ofport,` +
      `${dst}${param(f, 'members:')}${a.members.map((port) => f.port(port)).join(',')}${paren(f, ')')}`
    );
  },
  parse: {
    bundle: (arg, p) => parseBundle(arg, p, false),
    bundle_load: (arg, p) => parseBundle(arg, p, true),
  },
  check: (a, c) => checkBundle(a, c),
  help: 'bundle(FIELDS,BASIS,ALGORITHM,ofport,members:PORT,...) | bundle_load(...,DST,members:...): uses a live member',
});
