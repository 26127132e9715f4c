/** "lock", "steal" and "unlock" of RFC 7047 sections 4.1.8 to 4.1.10. */
import { isId } from '../../members.ts';
import { syntaxError } from '../../ovsdb-error.ts';
import { type JsonRpcRequest, MethodError } from '../reply.ts';
import type { Session } from '../session.ts';
import { badRequest, type Method } from './method.ts';

/** @throws OvsdbError, MethodError */
function lockName(session: Session, { method, params }: JsonRpcRequest): string {
  if (session.readOnly) throw new MethodError('lock and unlock methods not allowed, DB server is read only.');
  const [name] = params;
  if (params.length !== 1 || typeof name !== 'string' || !isId(name))
    throw syntaxError(params, `${method} request params must be <id>`);
  return name;
}

const lockMethod = (mode: 'lock' | 'steal'): Method => ({
  run(session, request) {
    const name = lockName(session, request);
    if (session.waiters.has(name))
      throw syntaxError(request.params, `must issue "unlock" before new "${request.method}"`);
    session.checkRoom(session.waiters, 'locks');
    session.server.locks.lock(session, name, mode, (locked) => session.reply(request.id, { locked }));
    return undefined;
  },
});

export const lock = lockMethod('lock');
export const steal = lockMethod('steal');

export const unlock: Method = {
  run(session, request) {
    const waiter = session.waiters.get(lockName(session, request));
    if (!waiter) throw badRequest(request, '"unlock" without "lock" or "steal"');
    waiter.keeper.unlock(waiter);
    return {};
  },
};
