/** RFC 7047 section 5.2.7. */
import type { Operation } from './operation.ts';

export const commit: Operation = (x, members) => {
  if (members.required('durable', 'boolean') === true) x.durable = true;
  return {};
};
