/** RFC 7047 section 5.2.4. */
import { mutate as mutateDatum, mutationsFromJson } from './mutation.ts';
import { conditionMember, type Operation, tableMember } from './operation.ts';
import { query } from './query.ts';

export const mutate: Operation = (x, members) => {
  const table = tableMember(x, members);
  const where = members.required('where', 'array');
  const mutationsJson = members.required('mutations', 'array');
  members.check();

  const mutations = mutationsFromJson(table!.schema, mutationsJson!, x.symbols);
  const condition = conditionMember(x, table!, where!);
  // A mutation of nothing counts rows, which everyone may.
  if (mutations.length > 0)
    x.access?.checkMutate(
      table!,
      mutations.map(({ column }) => column),
      condition,
    );
  let count = 0;
  query(table!, condition, (row) => {
    count++;
    if (mutations.length === 0) return;
    const { fields } = x.txn.modify(row);
    for (const mutation of mutations) {
      const { index } = mutation.column;
      fields[index] = mutateDatum(fields[index]!, mutation);
    }
  });
  return { count };
};
