/** "convert": changes a database's schema while it is served. See ovsdb-server(7). */
import { convertDatabase } from '../../convert.ts';
import { OvsdbError, syntaxError } from '../../ovsdb-error.ts';
import { schemaFromJson } from '../../schema.ts';
import { isRestricted, permissionError } from '../../transact/rbac.ts';
import { databaseOf, type Method } from './method.ts';

export const convert: Method = {
  run(session, request) {
    const served = databaseOf(session, request);
    const { id, params } = request;
    const { server } = session;
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
    served.model.convert(convertDatabase(served.db, schema), (error) => {
      if (error) {
        session.send({ type: 'error', error: error.toJson(), id });
        return;
      }
      session.reply(id, {});
      server.reconnect(false, `committed ${served.name} database schema conversion`);
    });
    return undefined;
  },
};
