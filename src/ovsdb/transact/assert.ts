/** RFC 7047 section 5.2.10. */
import { OvsdbError } from '../ovsdb-error.ts';
import type { Operation } from './operation.ts';

export const assert: Operation = (x, members) => {
  const lock = members.required('lock', 'id') as string | undefined;
  if (lock === undefined) return {};
  if (!x.ownsLock(lock)) throw new OvsdbError('not owner', `Asserted lock ${lock} not held.`);
  x.asserted.push(lock);
  return {};
};
