/** What the methods of the protocol share. */
import type { Json } from '../../../jsonrpc/json.ts';
import { OvsdbError, syntaxError } from '../../ovsdb-error.ts';
import type { JsonRpcRequest, JsonText } from '../reply.ts';
import type { ServedDatabase } from '../served.ts';
import type { Session } from '../session.ts';

export interface Method {
  /**
   * @returns the result; undefined when the reply comes later
   * @throws OvsdbError, MethodError: the error of the reply
   */
  run(session: Session, request: JsonRpcRequest): Json | JsonText | undefined;
  /** Not answered after `ovsdb-server/disable-monitor-cond`. */
  readonly needsMonitorCond?: boolean;
}

/** The database that the first parameter names. @throws OvsdbError */
export function databaseOf(session: Session, { method, params }: JsonRpcRequest): ServedDatabase {
  const [name] = params;
  if (typeof name !== 'string')
    throw syntaxError(params, `${method} request params must begin with <db-name>`);
  const served = session.server.databases.get(name);
  if (!served)
    throw syntaxError(params, `${method} request specifies unknown database ${name}`, 'unknown database');
  if (!served.isAvailable)
    throw new OvsdbError(
      'database not available',
      `${method} request specifies database ${name} which is not yet available because it has not completed joining its cluster`,
    );
  return served;
}

export const badRequest = ({ method, params }: JsonRpcRequest, details: string): OvsdbError =>
  syntaxError(params, `${method}: ${details}`);
