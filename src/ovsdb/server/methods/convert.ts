/** "convert": changes a database's schema while it is served. See ovsdb-server(7). */
import type { Json } from '../../../jsonrpc/json.ts';
import { convertDatabase } from '../../convert.ts';
import type { Database } from '../../database.ts';
import { OvsdbError, syntaxError } from '../../ovsdb-error.ts';
import { type DatabaseSchema, schemaFromJson } from '../../schema.ts';
import { isRestricted, permissionError } from '../../transact/rbac.ts';
import type { ServedDatabase } from '../served.ts';
import type { Session } from '../session.ts';
import { databaseOf, type Method } from './method.ts';

export const convert: Method = {
  run(session, request) {
    const served = databaseOf(session, request);
    const { id, params } = request;
    if (isRestricted(session.client))
      throw permissionError(
        session.client,
        `"convert" of database ${served.name} (only the root role may convert databases)`,
      );
    if (session.readOnly || served.model.readOnly)
      throw new OvsdbError('not allowed', `conversion is not allowed for read-only database ${served.name}`);
    if (params.length !== 2) throw syntaxError(params, 'array expected');
    const schema = schemaFromJson(params[1]!);
    if (schema.name !== served.name)
      throw new OvsdbError(
        'invalid parameters',
        `new schema name (${schema.name}) does not match database name (${served.name})`,
      );
    // One at a time: what is converted must not change until it has taken its place.
    served.triggers.afterPause(() => {
      begin(session, served, schema, id);
    });
    return undefined;
  },
};

function begin(session: Session, served: ServedDatabase, schema: DatabaseSchema, id: Json): void {
  const fail = (error: OvsdbError): void => session.send({ type: 'error', error: error.toJson(), id });
  let converted: Database;
  try {
    converted = convertDatabase(served.db, schema);
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
    fail(error);
    return;
  }
  served.model.convert(converted, (error) => {
    if (error) {
      fail(error);
      return;
    }
    session.reply(id, {});
    session.server.reconnect(false, `committed ${served.name} database schema conversion`);
  });
}
