/** RFC 7047 section 5.2.6. A condition that does not hold yet is the error "not supported", see execute.ts. */
import { ZERO_UUID } from '../../base/uuid.ts';
import type { Json } from '../../jsonrpc/json.ts';
import { dataKey, rowFromJson } from '../database.ts';
import { scalar } from '../datum.ts';
import { OvsdbError, syntaxError } from '../ovsdb-error.ts';
import { columnSetFromJson } from '../schema.ts';
import { conditionMember, type Operation, tableMember } from './operation.ts';
import { query } from './query.ts';

/** `_uuid` and `_version` of a row that does not name them. */
const ZERO = scalar(ZERO_UUID);

export const wait: Operation = (x, members) => {
  const timeout = members.optional('timeout', 'integer') as number | bigint | undefined;
  const where = members.required('where', 'array');
  const columnsJson = members.optional('columns', 'array');
  const until = members.required('until', 'string');
  const rows = members.required('rows', 'array') as readonly Json[];
  const table = tableMember(x, members);
  members.check();

  const { schema } = table!;
  const condition = conditionMember(x, table!, where!);
  const columns = columnSetFromJson(columnsJson, schema);
  if (timeout !== undefined) {
    if (timeout < 0) throw syntaxError(timeout, 'timeout must be nonnegative');
    x.timeoutMs = Math.min(x.timeoutMs, Number(timeout));
  }
  if (until !== '==' && until !== '!=') throw syntaxError(until, '"until" must be "==" or "!="');

  const expected = new Set<unknown>();
  for (const json of rows) {
    const given = rowFromJson(schema, json, x.symbols);
    const defaults = table!.defaultFields();
    const isGiven = new Map(given.columns.map((column, i) => [column, given.data[i]!]));
    expected.add(dataKey(columns, (column) => isGiven.get(column) ?? defaults[column.index] ?? ZERO));
  }
  const actual = new Set<unknown>();
  let equal = true;
  query(table!, condition, (row) => {
    const key = dataKey(columns, (column) => row.get(column));
    actual.add(key);
    equal = expected.has(key);
    return equal;
  });
  equal &&= actual.size === expected.size;
  if (equal === (until === '==')) return {};
  if (timeout !== undefined && x.elapsedMs >= timeout)
    throw new OvsdbError(
      'timed out',
      x.elapsedMs > 0 ? `"wait" timed out after ${Math.floor(x.elapsedMs)} ms` : '"where" clause test failed',
    );
  throw new OvsdbError('not supported', 'triggers not supported');
};
