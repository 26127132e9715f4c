/** What the userspace datapath logs at level DBG: packets that go up, flows that come down. Texts: lib/dpif-netdev.c. */
import { RateLimit, vlog } from '../../base/vlog.ts';
import { formatFlow, formatMatch } from '../../flow/match/format.ts';
import type { OdpAction } from '../../odp/action.ts';
import { formatOdpActions } from '../../odp/action-format.ts';
import { formatOdpFlow } from '../../odp/key-format.ts';
import { formatUfid } from '../../odp/ufid.ts';
import type { DpifOp, DpifUpcall } from '../dpif-provider.ts';

const log = vlog('dpif_netdev');
const limit = new RateLimit(600, 600);

export function logUpcall(name: string, { reason, key }: DpifUpcall): void {
  log.dbgRl(
    limit,
    () =>
      `${name}: ${reason} upcall:\n${formatOdpFlow(key, undefined, { verbose: true })}\n${formatFlow(key)}`,
  );
}

/** A flow was added, or, with `old`, got other actions. */
export function logFlowPut(
  { ufid, key, mask, actions }: Extract<DpifOp, { kind: 'flow_put' }>,
  old: readonly OdpAction[] | undefined,
): void {
  log.dbgRl(limit, () => {
    const start = `${old ? 'flow_mod' : 'flow_add'}: ${formatUfid(ufid)} ${formatOdpFlow(key, mask)}`;
    const before = old ? `, old_actions:${formatOdpActions(old)}` : '';
    return `${start}${before}, actions:${formatOdpActions(actions)}`;
  });
  log.dbg(() => {
    const flow = key.map((word, i) => (word & mask[i]!) >>> 0);
    return `flow match: ${formatMatch({ flow, mask })}`;
  });
}
