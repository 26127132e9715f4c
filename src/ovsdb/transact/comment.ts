/** RFC 7047 section 5.2.9. */
import type { Operation } from './operation.ts';

export const comment: Operation = (x, members) => {
  const text = members.required('comment', 'string');
  if (text !== undefined) x.txn.addComment(text as string);
  return {};
};
