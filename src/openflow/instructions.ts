/**
 * Instructions of OpenFlow 1.1+ from and to bytes; a flow's instructions are one list of actions here, and in
 * OpenFlow 1.0 they are actions on the wire too.
 *
 * C counterpart: ofpacts_pull_openflow_instructions in lib/ofp-actions.c.
 */
import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { RateLimit, vlog } from '../base/vlog.ts';
import type { TunTable } from '../flow/tun-metadata.ts';
import type { OfpAct } from './actions/action.ts';
import { isAllowedInActionSet } from './actions/action-set.ts';
import { checkVerified, decodeActionList, decodeActions } from './actions/decode.ts';
import { ActionEncoder } from './actions/encode.ts';
import { beginInstruction, endInstruction, OFPIT } from './actions/instructions.ts';
import { ALL_INSTRUCTIONS, INST, instructionOf } from './actions/verify.ts';
import { OfpError } from './errors.ts';
import { OFP10, OFP13, OFP14, OFP15, type OfpVersion } from './version.ts';

const log = vlog('ofp_actions');
const limit = new RateLimit(1, 5);
const ALIGN = 8;

/** By type on the wire: position in INSTRUCTIONS, length, and whether it may be longer. */
const TYPES: readonly (readonly [inst: number, length: number, more: boolean] | undefined)[] = [
  undefined,
  [INST.GOTO_TABLE, 8, false],
  [INST.WRITE_METADATA, 24, false],
  [INST.WRITE_ACTIONS, 8, true],
  [INST.APPLY_ACTIONS, 8, true],
  [INST.CLEAR_ACTIONS, 8, false],
  [INST.METER, 8, false],
];

/** Start of each instruction in the bytes, by position in INSTRUCTIONS; -1 for those that are not there. */
function findInstructions(
  r: ByteReader,
  length: number,
  version: OfpVersion,
): { at: number[]; length: number[] } {
  const at = [-1, -1, -1, -1, -1, -1];
  const lengths = [0, 0, 0, 0, 0, 0];
  const start = r.pos;
  const end = start + length;
  while (r.pos < end) {
    const here = r.pos;
    const type = r.u16();
    const len = r.u16();
    if (len % ALIGN !== 0 || len < ALIGN || len > end - here) {
      log.warnRl(limit, `bad instruction format at offset ${here - start}`);
      throw new OfpError('OFPBIC_BAD_LEN');
    }
    if (type === OFPIT.EXPERIMENTER) throw new OfpError('OFPBIC_BAD_EXPERIMENTER');
    const known = TYPES[type];
    if (!known) throw new OfpError('OFPBIC_UNKNOWN_INST');
    const [inst, size, more] = known;
    if (more ? len < size : len !== size) throw new OfpError('OFPBIC_BAD_LEN');
    if (inst === INST.METER && version >= OFP15) throw new OfpError('OFPBIC_UNKNOWN_INST');
    if (at[inst] !== -1) throw new OfpError('OFPBIC_DUP_INST');
    at[inst] = here;
    lengths[inst] = len;
    r.pos = here + len;
  }
  return { at, length: lengths };
}

function decodeActionSet(
  r: ByteReader,
  length: number,
  version: OfpVersion,
  tun: TunTable | undefined,
): OfpAct[] {
  const actions = decodeActionList(r, length, version, tun);
  if (actions.every((a) => isAllowedInActionSet(a.kind))) return actions;
  log.warnRl(limit, 'disallowed action in action set');
  throw new OfpError('OFPBAC_BAD_TYPE');
}

/** Decodes `length` bytes of instructions (actions in OpenFlow 1.0) and moves the reader behind them. @throws OfpError */
export function decodeInstructions(
  r: ByteReader,
  length: number,
  version: OfpVersion,
  tun?: TunTable,
): OfpAct[] {
  if (version === OFP10) return decodeActions(r, length, version, { tun, allowed: ALL_INSTRUCTIONS });
  if (length % ALIGN !== 0) {
    log.warnRl(limit, `OpenFlow message instructions length ${length} is not a multiple of ${ALIGN}`);
    throw new OfpError('OFPBIC_BAD_LEN');
  }
  if (length > r.left) {
    log.warnRl(
      limit,
      `OpenFlow message instructions length ${length} exceeds remaining message length (${r.left})`,
    );
    throw new OfpError('OFPBIC_BAD_LEN');
  }
  const end = r.pos + length;
  const { at, length: lengths } = findInstructions(r, length, version);
  const acts: OfpAct[] = [];
  /** Moves the reader to the body of an instruction, if it is there. */
  const seek = (inst: number): boolean => {
    if (at[inst] === -1) return false;
    r.pos = at[inst]! + 4;
    return true;
  };
  const bodyOf = (inst: number): number => {
    r.skip(4);
    return lengths[inst]! - 8;
  };
  if (seek(INST.METER)) acts.push({ kind: 'meter', meterId: r.u32() });
  if (seek(INST.APPLY_ACTIONS))
    for (const act of decodeActionList(r, bodyOf(INST.APPLY_ACTIONS), version, tun)) acts.push(act);
  if (seek(INST.CLEAR_ACTIONS)) acts.push({ kind: 'clear_actions' });
  if (seek(INST.WRITE_ACTIONS))
    acts.push({
      kind: 'write_actions',
      actions: decodeActionSet(r, bodyOf(INST.WRITE_ACTIONS), version, tun),
    });
  if (seek(INST.WRITE_METADATA)) {
    r.skip(4);
    acts.push({ kind: 'write_metadata', metadata: r.u64(), mask: r.u64() });
  }
  if (seek(INST.GOTO_TABLE)) acts.push({ kind: 'goto_table', table: r.u8() });
  r.pos = end;
  checkVerified(acts, version, ALL_INSTRUCTIONS, undefined);
  return acts;
}

/** Appends a flow's actions: as instructions, or as actions in OpenFlow 1.0. */
export function encodeInstructions(w: ByteWriter, acts: readonly OfpAct[], version: OfpVersion): void {
  const e = new ActionEncoder(w, version);
  if (version === OFP10) {
    e.list(acts);
    return;
  }
  let apply = -1;
  for (const act of acts) {
    const isAction = instructionOf(act.kind, version) === INST.APPLY_ACTIONS;
    if (isAction && apply < 0) apply = beginInstruction(w, OFPIT.APPLY_ACTIONS);
    if (!isAction && apply >= 0) {
      endInstruction(w, apply);
      apply = -1;
    }
    e.one(act);
  }
  if (apply >= 0) endInstruction(w, apply);
}

/** Bit of each instruction in OpenFlow's bitmaps, by position in INSTRUCTIONS. */
const OFPIT_BITS = [
  OFPIT.METER,
  OFPIT.APPLY_ACTIONS,
  OFPIT.CLEAR_ACTIONS,
  OFPIT.WRITE_ACTIONS,
  OFPIT.WRITE_METADATA,
  OFPIT.GOTO_TABLE,
];

const hasMeter = (version: OfpVersion): boolean => version === OFP13 || version === OFP14;

/** A set of instructions (bits by position in INSTRUCTIONS) as a version writes it. */
export function instructionBitmapToOpenflow(set: number, version: OfpVersion): number {
  let bits = 0;
  OFPIT_BITS.forEach((type, inst) => {
    if (set & (1 << inst) && (type !== OFPIT.METER || hasMeter(version))) bits |= 1 << type;
  });
  return bits;
}

/** The opposite of {@link instructionBitmapToOpenflow}; unknown bits are dropped. */
export function instructionBitmapFromOpenflow(bits: number, version: OfpVersion): number {
  let set = 0;
  OFPIT_BITS.forEach((type, inst) => {
    if (bits & (1 << type) && (type !== OFPIT.METER || hasMeter(version))) set |= 1 << inst;
  });
  return set;
}
