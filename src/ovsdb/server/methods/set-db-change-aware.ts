/** "set_db_change_aware" of ovsdb-server(7). */
import { badRequest, type Method } from './method.ts';

export const setDbChangeAware: Method = {
  run(session, request) {
    const [aware] = request.params;
    if (request.params.length !== 1 || typeof aware !== 'boolean')
      throw badRequest(request, 'true or false parameter expected');
    session.dbChangeAware = aware;
    return {};
  },
};
