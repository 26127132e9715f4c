/** The notification "cancel" of RFC 7047 section 4.1.4. */
import { type Json, sortedJson } from '../../../jsonrpc/json.ts';
import type { Session } from '../session.ts';

export function cancel(session: Session, params: readonly Json[]): void {
  if (params.length === 1) session.cancelTrigger(sortedJson(params[0]!));
}
