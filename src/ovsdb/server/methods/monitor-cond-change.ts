/** "monitor_cond_change" of ovsdb-server(7). */
import { type Json, sortedJson, stringifyJson } from '../../../jsonrpc/json.ts';
import { isJsonObject, Members } from '../../members.ts';
import { type Conditions, monitoredTable } from '../../monitor/request.ts';
import { syntaxError } from '../../ovsdb-error.ts';
import { Condition } from '../../transact/condition.ts';
import type { SessionMonitor } from '../session.ts';
import type { Method } from './method.ts';

/** The conditions after the change. @throws OvsdbError */
function changed({ served, monitor }: SessionMonitor, requests: Json): Conditions {
  if (!isJsonObject(requests)) throw syntaxError(undefined, 'monitor-cond-change-requests must be object');
  const conditions: Conditions = new Map(monitor.conditions);
  for (const name in requests) {
    const table = monitoredTable(served.db, name);
    if (!monitor.spec.tables.some((monitored) => monitored.table === table))
      throw syntaxError(undefined, `no table named ${name} in monitor session`);
    const list = requests[name]!;
    if (!Array.isArray(list)) throw syntaxError(undefined, `table ${name} no monitor-cond-change JSON array`);
    for (const request of list as readonly Json[]) {
      const members = new Members(request, `table ${name}`);
      const columns = members.optional('columns', 'array');
      const where = members.optional('where', 'array');
      members.finish();
      if (columns !== undefined) throw syntaxError(request, 'changing columns is unsupported');
      const condition = Condition.fromJson(table.schema, where ?? []);
      // A "monitor" without conditions has none to change.
      if (monitor.version !== 1) conditions.set(table, condition);
    }
  }
  return conditions;
}

export const monitorCondChange: Method = {
  run(session, { params }) {
    const [oldId, newId, requests] = params;
    if (params.length !== 3) throw syntaxError(params, 'invalid parameters');
    const oldKey = sortedJson(oldId!);
    const newKey = sortedJson(newId!);
    const entry = session.monitors.get(oldKey);
    if (!entry) throw syntaxError(oldId, 'unknown monitor session');
    if (oldKey !== newKey && session.monitors.has(newKey)) throw syntaxError(newId, 'duplicate monitor ID');
    const conditions = changed(entry, requests!);
    // Changes until now are told under the old conditions and name.
    const untold = entry.monitor.takeUpdate();
    if (untold !== undefined) session.sendUpdate(entry, untold);
    const { served, monitor } = entry;
    const renamed = { id: newId!, idText: stringifyJson(newId), served, monitor };
    session.monitors.delete(oldKey);
    session.addMonitor(renamed);
    const text = monitor.changeConditions(conditions);
    if (text !== undefined) session.sendUpdate(renamed, text);
    return {};
  },
};
