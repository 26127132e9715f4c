/** The methods of the protocol by name. "echo" is answered by the JSON-RPC session itself. */
import type { Json } from '../../../jsonrpc/json.ts';
import type { Session } from '../session.ts';
import { cancel } from './cancel.ts';
import { convert } from './convert.ts';
import { getSchema } from './get-schema.ts';
import { getServerId } from './get-server-id.ts';
import { listDbs } from './list-dbs.ts';
import { lock, steal, unlock } from './lock.ts';
import type { Method } from './method.ts';
import { monitor, monitorCond, monitorCondSince } from './monitor.ts';
import { monitorCancel } from './monitor-cancel.ts';
import { monitorCondChange } from './monitor-cond-change.ts';
import { setDbChangeAware } from './set-db-change-aware.ts';
import { transact } from './transact.ts';

export const METHODS: ReadonlyMap<string, Method> = new Map(
  Object.entries({
    transact,
    convert,
    monitor,
    monitor_cond: monitorCond,
    monitor_cond_since: monitorCondSince,
    monitor_cond_change: monitorCondChange,
    monitor_cancel: monitorCancel,
    get_schema: getSchema,
    list_dbs: listDbs,
    get_server_id: getServerId,
    lock,
    steal,
    unlock,
    set_db_change_aware: setDbChangeAware,
  }),
);

/** Messages that want no reply; those with other names are ignored. */
export const NOTIFICATIONS: ReadonlyMap<string, (session: Session, params: readonly Json[]) => void> =
  new Map([['cancel', cancel]]);
