/** Questions about lists of actions. */
import { OFPP } from '../../flow/ports.ts';
import type { OfpAct } from './action.ts';
import { formatActions } from './format.ts';
import { INST, instructionOf } from './verify.ts';

/** Every action, also those inside of clone, ct and write_actions. */
export function* flattenActions(acts: readonly OfpAct[]): Generator<OfpAct> {
  for (const act of acts) {
    yield act;
    if (act.kind === 'clone' || act.kind === 'ct' || act.kind === 'write_actions')
      yield* flattenActions(act.actions);
  }
}

function outputsTo(act: OfpAct, port: number): boolean {
  switch (act.kind) {
    case 'output':
    case 'enqueue':
      return act.port === port;
    case 'controller':
      return port === OFPP.CONTROLLER;
    case 'clone':
    case 'ct':
    case 'write_actions':
      return actsOutputToPort(act.actions, port);
    default:
      return false;
  }
}

/** Whether any of them outputs to that very port. */
export const actsOutputToPort = (acts: readonly OfpAct[], port: number): boolean =>
  acts.some((act) => outputsTo(act, port));

/** Groups that they output to. */
export function actsGroups(acts: readonly OfpAct[]): Set<number> {
  const groups = new Set<number>();
  for (const act of flattenActions(acts)) if (act.kind === 'group') groups.add(act.groupId);
  return groups;
}

export const actsOutputToGroup = (acts: readonly OfpAct[], groupId: number): boolean =>
  actsGroups(acts).has(groupId);

/** The meter that the flow goes through, 0 for none. */
export function actsMeter(acts: readonly OfpAct[]): number {
  for (const act of acts) {
    if (act.kind === 'meter') return act.meterId;
    if (instructionOf(act.kind, 0) > INST.METER) break;
  }
  return 0;
}

function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || a instanceof Uint8Array) {
    const [x, y] = [a as ArrayLike<unknown>, b as ArrayLike<unknown>];
    if (x.length !== y.length) return false;
    for (let i = 0; i < x.length; i++) if (!equal(x[i], y[i])) return false;
    return true;
  }
  const [x, y] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const key in x) if (!equal(x[key], y[key])) return false;
  for (const key in y) if (!(key in x)) return false;
  return true;
}

/** Whether two lists are the same in everything, also in the wire form that they came in. */
export const actsEqual = (a: readonly OfpAct[], b: readonly OfpAct[]): boolean => equal(a, b);

/** Whether two lists print the same. */
export const actsEqualStringwise = (a: readonly OfpAct[], b: readonly OfpAct[]): boolean =>
  a === b || formatActions(a) === formatActions(b);
