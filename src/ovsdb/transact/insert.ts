/** RFC 7047 section 5.2.1. */
import { parseUuid, randomUuid } from '../../base/uuid.ts';
import { Row, rowFromJson } from '../database.ts';
import { checkDatum } from '../datum.ts';
import { syntaxError } from '../ovsdb-error.ts';
import { type Operation, tableMember } from './operation.ts';

export const insert: Operation = (x, members) => {
  const table = tableMember(x, members);
  const uuidJson = members.optional('uuid', 'string') as string | undefined;
  const uuidName = members.optional('uuid-name', 'id') as string | undefined;
  const rowJson = members.required('row', 'object');
  members.check();

  let uuid: string | undefined;
  if (uuidJson !== undefined) {
    uuid = parseUuid(uuidJson);
    if (uuid === undefined) throw syntaxError(uuidJson, 'bad uuid');
    if (!x.txn.mayInsert(table!, uuid))
      throw syntaxError(
        uuidJson,
        'This UUID would duplicate a UUID already present within the table or deleted within the same transaction.',
        'duplicate uuid',
      );
  }
  if (uuidName !== undefined) {
    const symbol = x.symbols.mention(uuidName);
    if (symbol.created)
      throw syntaxError(
        uuidName,
        'This "uuid-name" appeared on an earlier "insert" operation.',
        'duplicate uuid-name',
      );
    if (uuid === undefined) uuid = symbol.uuid;
    else symbol.uuid = uuid;
    symbol.created = true;
  }
  uuid ??= randomUuid(x.db.random);

  const { columns, data } = rowFromJson(table!.schema, rowJson!, x.symbols);
  const fields = table!.defaultFields();
  columns.forEach((column, i) => {
    if (column.index >= 0) fields[column.index] = data[i]!;
  });
  // A default may break the constraints, for which only single values qualify.
  for (const { index, type } of table!.schema.columns) {
    if (fields[index]!.size === 1) checkDatum(fields[index]!, type);
  }
  x.access?.checkInsert(table!, new Row(table!, uuid, fields));
  x.txn.insert(table!, uuid, fields);
  return { uuid: ['uuid', uuid] };
};
