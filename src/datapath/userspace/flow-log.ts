/** What the userspace datapath logs at level DBG: packets that go up, flows that come down. Texts: lib/dpif-netdev.c. */
import { RateLimit, vlog } from '../../base/vlog.ts';
import type { Flow } from '../../flow/layout.ts';
import { F } from '../../flow/layout.ts';
import { formatMatch } from '../../flow/match/format.ts';
import type { OdpAction } from '../../odp/action.ts';
import { formatOdpActions } from '../../odp/action-format.ts';
import { formatOdpFlow } from '../../odp/key-format.ts';
import { formatUfid } from '../../odp/ufid.ts';
import { packetText } from '../../openflow/messages/body.ts';
import type { DpifOp, DpifUpcall } from '../dpif-provider.ts';

const log = vlog('dpif_netdev');
const limit = new RateLimit(600, 600);

/** Whether anything is to be logged. */
export const logsFlows = (): boolean => log.isDbg();

export function logUpcall(name: string, { reason, key, packet }: DpifUpcall): void {
  log.dbgRl(
    limit,
    () =>
      `${name}: ${reason} upcall:\n${formatOdpFlow(key, undefined, { verbose: true })}\n` +
      packetText(packet, key[F.PACKET_TYPE]!).trimEnd(),
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
  if (!log.isDbg()) return;
  const match: Flow = key.slice();
  for (let i = 0; i < match.length; i++) match[i] = (match[i]! & mask[i]!) >>> 0;
  log.dbg(`flow match: ${formatMatch(match, mask)}`);
}
