/** RFC 7047 section 5.2.2. */
import { dataKey, type Row } from '../database.ts';
import { compareData, datumToJson } from '../datum.ts';
import { columnSetFromJson, UUID_COLUMN } from '../schema.ts';
import { conditionMember, type Operation, tableMember } from './operation.ts';
import { query } from './query.ts';

export const select: Operation = (x, members) => {
  const table = tableMember(x, members);
  const where = members.required('where', 'array');
  const columnsJson = members.optional('columns', 'array');
  const sortJson = members.optional('sort', 'array');
  members.check();

  const condition = conditionMember(x, table!, where!);
  const columns = columnSetFromJson(columnsJson, table!.schema);
  const sort = sortJson === undefined ? [] : columnSetFromJson(sortJson, table!.schema);
  const rows: Row[] = [];
  if (columns.includes(UUID_COLUMN)) {
    query(table!, condition, (row) => rows.push(row));
  } else {
    // Rows that are equal in what was asked for count once.
    const seen = new Set<unknown>();
    query(table!, condition, (row) => {
      const key = dataKey(columns, (column) => row.get(column));
      if (!seen.has(key)) rows.push(row);
      seen.add(key);
    });
  }
  rows.sort((a, b) => {
    for (const column of sort) {
      const order = compareData(a.get(column), b.get(column));
      if (order !== 0) return order;
    }
    return 0;
  });
  return {
    rows: rows.map((row) =>
      Object.fromEntries(columns.map((c) => [c.name, datumToJson(row.get(c), c.type)])),
    ),
  };
};
