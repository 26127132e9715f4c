/**
 * The instructions that are not apply_actions, as members of the action list: `meter`, `clear_actions`,
 * `write_actions`, `write_metadata`, `goto_table`. Their wire forms as instructions are read in
 * `../instructions.ts`; here are the forms as actions that some versions have instead.
 */
import type { ByteWriter } from '../../base/bytes.ts';
import { ParseError, strToU32, strToU64 } from '../../base/parse.ts';
import { OFPP, parseTable } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { OFP10, OFP13, OFP14, OFP15, P } from '../version.ts';
import { defineAction, hex, param, paren, valueWord } from './codec.ts';
import { putResubmit } from './resubmit.ts';
import { isZeroUntil, WireForm } from './wire.ts';

/** Types of instructions. */
export const OFPIT = {
  GOTO_TABLE: 1,
  WRITE_METADATA: 2,
  WRITE_ACTIONS: 3,
  APPLY_ACTIONS: 4,
  CLEAR_ACTIONS: 5,
  METER: 6,
  EXPERIMENTER: 0xffff,
} as const;

/** Highest number of a meter. */
const OFPM_MAX = 0xffff_0000;
const ALL_ONES = 0xffff_ffff_ffff_ffffn;

/** Starts an instruction that holds actions; {@link endInstruction} ends it. */
export function beginInstruction(w: ByteWriter, type: number): number {
  const start = w.length;
  w.u16(type).u16(8).zero(4);
  return start;
}

/** Sets the length of an instruction that holds actions, or takes it back if it holds none. */
export function endInstruction(w: ByteWriter, start: number): void {
  if (w.length === start + 8) w.truncate(start);
  else w.patchU16(start + 2, w.length - start);
}

const METER15 = new WireForm('OFPAT_METER', 'OF1.5+(29)', 'u32', (r) => ({
  kind: 'meter',
  meterId: r.u32(),
}));

const WRITE_METADATA = new WireForm('NXAST_WRITE_METADATA', 'NX1.0+(22)', { size: 32 }, (r) => {
  if (!isZeroUntil(r, r.pos + 6)) throw new OfpError('NXBRC_MUST_BE_ZERO');
  r.skip(6);
  return { kind: 'write_metadata', metadata: r.u64(), mask: r.u64() };
});

export const meter = defineAction({
  kind: 'meter',
  name: 'meter',
  wire: [METER15],
  encode(a, { w, version }) {
    if (version >= OFP15) METER15.put(w, version, a.meterId);
    else if (version === OFP13 || version === OFP14) w.u16(OFPIT.METER).u16(8).u32(a.meterId);
  },
  format: (a, f) => `${param(f, 'meter:')}${a.meterId}`,
  parse: {
    meter(arg, p) {
      p.protocols &= P.OF13_UP;
      return { kind: 'meter', meterId: strToU32(arg) };
    },
  },
  check(a) {
    if (a.meterId === 0 || a.meterId > OFPM_MAX) throw new OfpError('OFPMMFC_INVALID_METER');
  },
  help: 'meter:METER: drops or marks packets beyond the rate of a meter',
});

export const clearActions = defineAction({
  kind: 'clear_actions',
  name: 'clear_actions',
  encode(_, { w, version }) {
    if (version > OFP10) beginInstruction(w, OFPIT.CLEAR_ACTIONS);
  },
  format: (_, f) => valueWord(f, 'clear_actions'),
  parse: { clear_actions: () => ({ kind: 'clear_actions' }) },
  help: 'clear_actions: empties the action set',
});

export const writeActions = defineAction({
  kind: 'write_actions',
  name: 'write_actions',
  encode(a, e) {
    if (e.version === OFP10) return;
    const start = beginInstruction(e.w, OFPIT.WRITE_ACTIONS);
    e.list(a.actions);
    endInstruction(e.w, start);
  },
  format: (a, f) => `${paren(f, 'write_actions(')}${f.list(a.actions)}${paren(f, ')')}`,
  parse: { write_actions: (arg, p) => ({ kind: 'write_actions', actions: p.nested(arg, 'write_actions') }) },
  check(a, c) {
    const actions = c.nestedSet(a.actions);
    return actions === a.actions ? undefined : { ...a, actions };
  },
  help: 'write_actions(ACTION,...): adds actions to the action set',
});

export const writeMetadata = defineAction({
  kind: 'write_metadata',
  name: 'write_metadata',
  wire: [WRITE_METADATA],
  encode(a, { w, version }) {
    if (version === OFP10) {
      WRITE_METADATA.begin(w, version);
      w.zero(6);
    } else {
      w.u16(OFPIT.WRITE_METADATA).u16(24).zero(4);
    }
    w.u64(a.metadata).u64(a.mask);
  },
  format: (a, f) =>
    `${param(f, 'write_metadata:')}${hex(a.metadata)}${a.mask === ALL_ONES ? '' : `/${hex(a.mask)}`}`,
  parse: {
    write_metadata(arg, p) {
      p.protocols &= P.NXM_OF11_UP;
      const slash = arg.indexOf('/');
      const mask = slash < 0 ? ALL_ONES : strToU64(arg.slice(slash + 1));
      return { kind: 'write_metadata', metadata: strToU64(slash < 0 ? arg : arg.slice(0, slash)), mask };
    },
  },
  help: 'write_metadata:VALUE[/MASK]: sets bits of the metadata field',
});

export const gotoTable = defineAction({
  kind: 'goto_table',
  name: 'goto_table',
  encode(a, { w, version }) {
    if (version === OFP10) putResubmit(w, version, OFPP.IN_PORT, a.table);
    else w.u16(OFPIT.GOTO_TABLE).u16(8).u8(a.table).zero(3);
  },
  format: (a, f) => `${param(f, 'goto_table:')}${f.table(a.table)}`,
  parse: {
    goto_table(arg, p) {
      const table = parseTable(arg, p.tableNames);
      if (table === undefined) throw new ParseError(`unknown table "${arg}"`);
      return { kind: 'goto_table', table };
    },
  },
  check(a, c) {
    if ((c.tableId !== 255 && a.table <= c.tableId) || (c.nTables !== 255 && a.table >= c.nTables))
      throw new OfpError('OFPBIC_BAD_TABLE_ID');
  },
  help: 'goto_table:TABLE: continues in a later table',
});
