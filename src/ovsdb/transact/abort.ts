/** RFC 7047 section 5.2.8. */
import { OvsdbError } from '../ovsdb-error.ts';
import type { Operation } from './operation.ts';

export const abort: Operation = () => {
  throw new OvsdbError('aborted', 'aborted by request');
};
