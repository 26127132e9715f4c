/** RFC 7047 section 5.2.5. */
import { conditionMember, type Operation, tableMember } from './operation.ts';
import { query } from './query.ts';

export const deleteRows: Operation = (x, members) => {
  const where = members.required('where', 'array');
  const table = tableMember(x, members);
  members.check();

  const condition = conditionMember(x, table!, where!);
  x.access?.checkDelete(table!, condition);
  let count = 0;
  query(table!, condition, (row) => {
    count++;
    x.txn.delete(row);
  });
  return { count };
};
