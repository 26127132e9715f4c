/** RFC 7047 section 4.1.3. */
import { sortedJson } from '../../../jsonrpc/json.ts';
import { ownsLock } from '../locks.ts';
import { badRequest, databaseOf, type Method } from './method.ts';

export const transact: Method = {
  run(session, request) {
    const served = databaseOf(session, request);
    const { id, params } = request;
    const key = session.triggers.size > 0 ? sortedJson(id) : undefined;
    if (key !== undefined && session.triggers.has(key)) throw badRequest(request, 'duplicate request ID');
    session.checkRoom(session.triggers, 'waiting transactions');
    const trigger = served.triggers.run(
      params,
      {
        readOnly: session.readOnly || served.model.readOnly,
        client: session.client,
        ownsLock: (name) => ownsLock(session, name),
      },
      (outcome) => {
        if (session.triggers.size > 0) session.removeTrigger(sortedJson(id));
        if (outcome.kind === 'results') session.reply(id, outcome.results);
        else if (outcome.kind === 'error') session.send({ type: 'error', error: outcome.error, id });
        else session.reconnect(true, 'whether its transaction was committed is not known');
      },
      session.listenAgain,
    );
    if (trigger) session.addTrigger({ id, served, trigger });
    return undefined;
  },
};
