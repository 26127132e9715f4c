/** RFC 7047 section 5.2.3. */
import { rowFromJson } from '../database.ts';
import { equalData } from '../datum.ts';
import { syntaxError } from '../ovsdb-error.ts';
import { conditionMember, type Operation, tableMember } from './operation.ts';
import { query } from './query.ts';

export const update: Operation = (x, members) => {
  const table = tableMember(x, members);
  const where = members.required('where', 'array');
  const rowJson = members.required('row', 'object');
  members.check();

  const { columns, data } = rowFromJson(table!.schema, rowJson!, x.symbols);
  const immutable = columns.find((column) => !column.mutable);
  if (immutable)
    throw syntaxError(
      members.json,
      `Cannot update immutable column ${immutable.name} in table ${table!.name}.`,
      'constraint violation',
    );
  const condition = conditionMember(x, table!, where!);
  x.access?.checkUpdate(table!, columns, condition);
  let count = 0;
  query(table!, condition, (row) => {
    count++;
    if (columns.every((column, i) => equalData(row.get(column), data[i]!))) return;
    const { fields } = x.txn.modify(row);
    columns.forEach((column, i) => {
      fields[column.index] = data[i]!;
    });
  });
  return { count };
};
