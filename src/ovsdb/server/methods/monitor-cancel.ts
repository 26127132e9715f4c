/** RFC 7047 section 4.1.7. */
import { sortedJson } from '../../../jsonrpc/json.ts';
import { MethodError } from '../reply.ts';
import type { Method } from './method.ts';

export const monitorCancel: Method = {
  run(session, { params }) {
    if (params.length !== 1) throw new MethodError('invalid parameters');
    const key = sortedJson(params[0]!);
    if (!session.monitors.has(key)) throw new MethodError('unknown monitor');
    session.removeMonitor(key, false);
    return {};
  },
};
