/** What commands that set connection targets (controllers, managers) share. */
import type { Vlog } from '../../base/vlog.ts';
import { isTarget } from '../stream-options.ts';
import type { CtlContext } from './context.ts';

/** Warns of targets that no connection method fits; they are stored all the same. */
export function checkTargets(log: Vlog, targets: readonly string[]): void {
  for (const target of targets)
    if (!isTarget(target)) log.warn(`target type "${target}" is possibly erroneous`);
}

/** The value of --inactivity-probe, as C's atoll() reads it. */
export function probeOption({ options }: Pick<CtlContext, 'options'>): { inactivity_probe?: number } {
  const text = options.get('--inactivity-probe');
  return text === undefined ? {} : { inactivity_probe: Number.parseInt(text, 10) || 0 };
}
