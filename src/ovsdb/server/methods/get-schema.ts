/** RFC 7047 section 4.1.2. */
import { schemaToJson } from '../../schema.ts';
import { databaseOf, type Method } from './method.ts';

export const getSchema: Method = {
  run: (session, request) => schemaToJson(databaseOf(session, request).db.schema),
};
