/**
 * Order and nesting of actions, which OVS asks for in every version because OpenFlow 1.1+ instructions need it.
 *
 * C counterpart: ofpacts_verify in lib/ofp-actions.c.
 */
import type { FieldName } from '../../flow/field-names.ts';
import type { OfpErrorName } from '../errors.ts';
import { OFP15, type OfpVersion } from '../version.ts';
import type { OfpAct, OfpActKind } from './action.ts';
import { actionName } from './table.ts';

/** Instructions in the order in which they run. */
export const INSTRUCTIONS = [
  'meter',
  'apply_actions',
  'clear_actions',
  'write_actions',
  'write_metadata',
  'goto_table',
] as const;
export type InstructionName = (typeof INSTRUCTIONS)[number];

/** Positions in {@link INSTRUCTIONS}. */
export const INST = {
  METER: 0,
  APPLY_ACTIONS: 1,
  CLEAR_ACTIONS: 2,
  WRITE_ACTIONS: 3,
  WRITE_METADATA: 4,
  GOTO_TABLE: 5,
} as const;

/** Sets of instructions as bits by position. */
export const ALL_INSTRUCTIONS = 0x3f;
export const ACTIONS_ONLY = (1 << INST.APPLY_ACTIONS) | (1 << INST.METER);

/** Which instruction an action belongs to; `meter` is an action from OpenFlow 1.5 on. */
export function instructionOf(kind: OfpActKind, version: OfpVersion): number {
  switch (kind) {
    case 'meter':
      return version >= OFP15 ? INST.APPLY_ACTIONS : INST.METER;
    case 'clear_actions':
      return INST.CLEAR_ACTIONS;
    case 'write_actions':
      return INST.WRITE_ACTIONS;
    case 'write_metadata':
      return INST.WRITE_METADATA;
    case 'goto_table':
      return INST.GOTO_TABLE;
    default:
      return INST.APPLY_ACTIONS;
  }
}

export interface ActionProblem {
  readonly error: OfpErrorName;
  readonly text: string;
}

/** The field that an action sets, if it is one that sets a field. */
export function fieldSetBy(act: OfpAct): FieldName | undefined {
  if (act.kind === 'set_field') return act.field;
  return act.kind === 'reg_load' || act.kind === 'reg_move' ? act.dst.field : undefined;
}

const needsCt = (field: FieldName): boolean => field === 'ct_mark' || field === 'ct_label';

function verifyNested(act: OfpAct, outer: OfpActKind | undefined): ActionProblem | undefined {
  const field = fieldSetBy(act);
  if (field && needsCt(field) && outer !== 'ct')
    return { error: 'OFPBAC_BAD_SET_ARGUMENT', text: 'cannot set CT fields outside of ct action' };
  if (act.kind === 'nat')
    return outer === 'ct'
      ? undefined
      : { error: 'OFPBAC_BAD_SET_ARGUMENT', text: 'Cannot have NAT action outside of "ct" action' };
  if (!outer) return undefined;
  const outerName = actionName(outer);
  if ((outer === 'ct' && !field) || act.kind === 'meter')
    return {
      error: 'OFPBAC_BAD_ARGUMENT',
      text: `${outerName} action doesn't support nested action ${actionName(act.kind)}`,
    };
  if (outer === 'ct' && field && !needsCt(field))
    return {
      error: 'OFPBAC_BAD_ARGUMENT',
      text: `${outerName} action doesn't support nested modification of ${field}`,
    };
  return undefined;
}

function verifyConjunction(acts: readonly OfpAct[]): ActionProblem | undefined {
  const other = acts.find((a) => a.kind !== 'conjunction' && a.kind !== 'note');
  if (!other) return undefined;
  const text =
    '"conjunction" actions may be used along with "note" but not any other kind of action (such as the ' +
    `"${actionName(other.kind)}" action used here)`;
  return { error: 'NXBAC_BAD_CONJUNCTION', text };
}

function orderProblem(inst: number, next: number): ActionProblem {
  const name = INSTRUCTIONS[inst];
  const text =
    next === inst
      ? `duplicate ${name} instruction not allowed, for OpenFlow 1.1+ compatibility`
      : `invalid instruction ordering: ${INSTRUCTIONS[next]} must appear before ${name}, for OpenFlow 1.1+ compatibility`;
  return { error: 'OFPBAC_UNSUPPORTED_ORDER', text };
}

/**
 * Checks order and nesting.
 * @param allowed instructions that may be there, as bits
 * @param outer the action that these are nested in
 * @returns what is wrong, or undefined
 */
export function verifyActions(
  acts: readonly OfpAct[],
  version: OfpVersion,
  allowed: number,
  outer: OfpActKind | undefined,
): ActionProblem | undefined {
  let inst: number = INST.METER;
  for (let i = 0; i < acts.length; i++) {
    const act = acts[i]!;
    if (act.kind === 'conjunction') return verifyConjunction(acts);
    const problem = verifyNested(act, outer);
    if (problem) return problem;
    const next = instructionOf(act.kind, version);
    if (i > 0 && (inst === INST.APPLY_ACTIONS ? next < inst : next <= inst)) return orderProblem(inst, next);
    if (!((1 << next) & allowed))
      return { error: 'OFPBIC_UNSUP_INST', text: `${INSTRUCTIONS[next]} instruction not allowed here` };
    inst = next;
  }
  return undefined;
}
