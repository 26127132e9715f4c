/** "monitor" of RFC 7047 section 4.1.5, "monitor_cond" and "monitor_cond_since" of ovsdb-server(7). */
import { parseUuid } from '../../../base/uuid.ts';
import { sortedJson, stringifyJson } from '../../../jsonrpc/json.ts';
import { Monitor } from '../../monitor/monitor.ts';
import { parseMonitorRequests } from '../../monitor/request.ts';
import type { MonitorVersion } from '../../monitor/update.ts';
import { syntaxError } from '../../ovsdb-error.ts';
import { JsonText } from '../reply.ts';
import { databaseOf, type Method } from './method.ts';

/** Number of parameters; the oldest method does not mind more. */
const PARAMS = { 2: 3, 3: 4 } as const;

const monitorMethod = (version: MonitorVersion): Method => ({
  needsMonitorCond: version !== 1,
  run(session, request) {
    const served = databaseOf(session, request);
    const { params } = request;
    if (version !== 1 && params.length !== PARAMS[version]) throw syntaxError(params, 'invalid parameters');
    const [, id = null, requests, lastIdJson] = params;
    if (session.monitors.has(sortedJson(id))) throw syntaxError(id, 'duplicate monitor ID');
    session.checkRoom(session.monitors, 'monitors');
    const { spec, conditions } = parseMonitorRequests(served.db, requests, version !== 1);
    let lastId: string | undefined;
    if (version === 3) {
      if (typeof lastIdJson !== 'string') throw syntaxError(lastIdJson, 'last-txn-id must be string');
      lastId = parseUuid(lastIdJson);
      if (lastId === undefined) throw syntaxError(lastIdJson, 'last-txn-id must be UUID format.');
    }
    const monitor = new Monitor(served, version, spec, conditions);
    const since = lastId === undefined ? undefined : monitor.since(lastId);
    const text = since ?? monitor.initial();
    const result = version === 3 ? `[${since !== undefined},"${monitor.lastId}",${text}]` : text;
    // What the other monitors have to tell precedes the reply, so they must not know of this one yet.
    session.reply(request.id, new JsonText(result));
    session.addMonitor({ id, idText: stringifyJson(id), served, monitor });
    return undefined;
  },
});

export const monitor = monitorMethod(1);
export const monitorCond = monitorMethod(2);
export const monitorCondSince = monitorMethod(3);
