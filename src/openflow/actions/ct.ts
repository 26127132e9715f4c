/** `ct`: sends the packet through connection tracking; `ct_clear` forgets what tracking said. */
import { ParseError, strToU16 } from '../../base/parse.ts';
import { vlog } from '../../base/vlog.ts';
import { flowEthertype } from '../../flow/fields.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { F } from '../../flow/layout.ts';
import { parseTable } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import type { Act, OfpAct, Subfield } from './action.ts';
import {
  type ActionFormatting,
  type ActionParsing,
  defineAction,
  hex,
  param,
  paren,
  special,
  valueWord,
} from './codec.ts';
import {
  bitRange,
  checkSource,
  fieldOfNxm,
  formatSubfield,
  nxmHeader,
  packBitRange,
  parseSubfield,
} from './fields.ts';
import { limit } from './limit.ts';
import { formatNat, parseNat } from './nat.ts';
import { endAction, WireForm } from './wire.ts';

const log = vlog('ofp_actions');
export const CT_F = { COMMIT: 1, FORCE: 2 } as const;
/** "Do not recirculate". */
const NO_TABLE = 255;
const FTP = 21;
const TFTP = 69;
const CS_INVALID = 0x10;
const ALGS: Readonly<Record<string, number>> = { ftp: FTP, tftp: TFTP };

const isPlainNat = (a: OfpAct): boolean => a.kind === 'nat' && a.flags === 0 && a.family === 0;

const CT = new WireForm('NXAST_CT', 'NX1.0+(35)', { size: 24, more: true }, (r, end, d) => {
  const flags = r.u16();
  const zoneHeader = r.u32();
  const zone = r.u16();
  const recircTable = r.u8();
  r.skip(3);
  const alg = r.u16();
  if (flags & CT_F.FORCE && !(flags & CT_F.COMMIT)) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  let zoneSrc: Subfield | undefined;
  if (zoneHeader !== 0) {
    zoneSrc = { field: fieldOfNxm(zoneHeader, d.tun), ...bitRange(zone) };
    checkSource(zoneSrc);
    if (zoneSrc.bits !== 16) {
      log.warnRl(limit, `zone n_bits ${zoneSrc.bits} not within valid range [16..16]`);
      throw new OfpError('OFPBAC_BAD_SET_LEN');
    }
  }
  const actions = d.nested(r, end, 'ct');
  if (!(flags & CT_F.COMMIT) && !actions.every(isPlainNat)) {
    log.warnRl(
      limit,
      'CT action requires commit flag if actions other than NAT without arguments are specified.',
    );
    throw new OfpError('OFPBAC_BAD_ARGUMENT');
  }
  return { kind: 'ct', flags, zoneImm: zoneSrc ? 0 : zone, zoneSrc, recircTable, alg, actions };
});

const CT_CLEAR = new WireForm('NXAST_CT_CLEAR', 'NX1.0+(43)', 'void', () => ({ kind: 'ct_clear' }));

function parseZone(value: string): { zoneImm: number; zoneSrc: Subfield | undefined } {
  try {
    return { zoneImm: strToU16(value, 'zone'), zoneSrc: undefined };
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return { zoneImm: 0, zoneSrc: parseSubfield(value) };
  }
}

function parseRecircTable(value: string, p: ActionParsing): number {
  const table = parseTable(value, p.tableNames);
  if (table === undefined) throw new ParseError(`unknown table ${value}`);
  if (table === NO_TABLE) throw new ParseError(`invalid table ${hex(table)}`);
  return table;
}

function parseCt(arg: string, p: ActionParsing): OfpAct {
  let flags = 0;
  let recircTable = NO_TABLE;
  let zone: ReturnType<typeof parseZone> = { zoneImm: 0, zoneSrc: undefined };
  let alg = 0;
  const actions: OfpAct[] = [];
  for (const kv = new KeyValueScanner(arg); kv.next(); ) {
    const { key, value } = kv;
    if (key === 'commit') flags |= CT_F.COMMIT;
    else if (key === 'force') flags |= CT_F.FORCE;
    else if (key === 'table') recircTable = parseRecircTable(value, p);
    else if (key === 'zone') zone = parseZone(value);
    else if (key === 'alg') {
      const port = Object.hasOwn(ALGS, value) ? ALGS[value] : undefined;
      if (port === undefined) throw new ParseError(`invalid conntrack helper "${value}"`);
      alg = port;
    } else if (key === 'nat') actions.push(parseNat(value));
    else if (key === 'exec') for (const a of p.nested(value, 'ct')) actions.push(a);
    else throw new ParseError(`invalid argument to "ct" action: \`${key}'`);
  }
  if (flags & CT_F.FORCE && !(flags & CT_F.COMMIT))
    throw new ParseError('"force" flag requires "commit" flag.');
  return { kind: 'ct', flags, ...zone, recircTable, alg, actions };
}

function formatCt(a: Act<'ct'>, f: ActionFormatting): string {
  const parts: string[] = [];
  if (a.flags & CT_F.COMMIT) parts.push(valueWord(f, 'commit'));
  if (a.flags & CT_F.FORCE) parts.push(valueWord(f, 'force'));
  if (a.recircTable !== NO_TABLE) parts.push(`${special(f, 'table=')}${f.table(a.recircTable)}`);
  if (a.zoneSrc) parts.push(`${param(f, 'zone=')}${formatSubfield(a.zoneSrc)}`);
  else if (a.zoneImm) parts.push(`${param(f, 'zone=')}${a.zoneImm}`);
  const [first] = a.actions;
  const isNatFirst = first?.kind === 'nat';
  if (isNatFirst) parts.push(formatNat(first, f));
  const rest = isNatFirst ? a.actions.slice(1) : a.actions;
  // The comma behind stays inside of the colour, and is dropped when it is the last thing.
  if (rest.length > 0) parts.push(`${paren(f, 'exec(')}${f.list(rest)}${f.colors.paren})`);
  let s = parts.join(',');
  if (rest.length > 0) s += f.colors.end === '' ? '' : `,${f.colors.end}`;
  if (a.alg !== 0) {
    const name = a.alg === FTP ? 'ftp' : a.alg === TFTP ? 'tftp' : String(a.alg);
    const separator = s === '' || s.endsWith(`,${f.colors.end}`) ? '' : ',';
    s += `${separator}${param(f, 'alg=')}${name}`;
  }
  return `${paren(f, 'ct(')}${s}${paren(f, ')')}`;
}

export const ct = defineAction({
  kind: 'ct',
  name: 'ct',
  wire: [CT],
  encode(a, e) {
    const { w } = e;
    const start = CT.begin(w, e.version);
    w.u16(a.flags);
    if (a.zoneSrc) w.u32(nxmHeader(a.zoneSrc.field)).u16(packBitRange(a.zoneSrc));
    else w.u32(0).u16(a.zoneImm);
    w.u8(a.recircTable).zero(3).u16(a.alg);
    e.list(a.actions);
    endAction(w, start);
  },
  format: formatCt,
  parse: { ct: parseCt },
  check(a, c) {
    const { flow } = c.match;
    const type = flowEthertype(flow);
    const proto = flow[F.NW_PROTO]!;
    if (
      (type !== 0x0800 && type !== 0x86dd) ||
      (flow[F.CT_STATE]! & CS_INVALID && a.flags & CT_F.COMMIT) ||
      (a.alg === FTP && proto !== 6) ||
      (a.alg === TFTP && proto !== 17)
    )
      throw new OfpError('OFPBAC_MATCH_INCONSISTENT');
    if (a.zoneSrc) {
      checkSource(a.zoneSrc, c.match);
      return undefined;
    }
    const actions = c.nested(a.actions);
    return actions === a.actions ? undefined : { ...a, actions };
  },
  help: 'ct(commit,force,table=TABLE,zone=ZONE,nat(...),exec(ACTION,...),alg=ftp|tftp): connection tracking',
});

export const ctClear = defineAction({
  kind: 'ct_clear',
  name: 'ct_clear',
  wire: [CT_CLEAR],
  encode: (_, e) => CT_CLEAR.put(e.w, e.version),
  format: (_, f) => valueWord(f, 'ct_clear'),
  parse: { ct_clear: () => ({ kind: 'ct_clear' }) },
  help: 'ct_clear: clears the connection tracking state of the packet',
});
