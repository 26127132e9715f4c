/** Commands of the control socket on switches: `ofproto/list`, `bridge/dump-flows`. */
import { type UnixctlCommands, UnixctlError } from '../base/unixctl.ts';
import { expandMatch } from '../classifier/mini-match.ts';
import { formatMatch } from '../flow/match/format.ts';
import { formatActions } from '../openflow/actions/format.ts';
import type { Ofproto } from './ofproto.ts';
import type { Rule } from './rule.ts';

/** A flow as `bridge/dump-flows` prints it, those that controllers do not see included. */
function describeRule(rule: Rule, nowMs: number, withOffload: boolean): string {
  const cookie = rule.cookie === 0n ? '' : `cookie=0x${rule.cookie.toString(16)}, `;
  const table = rule.tableId === 0 ? '' : `table_id=${rule.tableId}, `;
  const seconds = Math.floor((nowMs - rule.createdMs) / 1000);
  // Whatever hardware handles is counted with the rest.
  const offload = withOffload ? 'n_offload_packets=0, n_offload_bytes=0, ' : '';
  return (
    `${cookie}${table}duration=${seconds}s, n_packets=${rule.packets}, n_bytes=${rule.bytes}, ${offload}` +
    `${formatMatch(expandMatch(rule.match), rule.priority)},actions=${formatActions(rule.actions)}\n`
  );
}

/** @param bridges the present ones by name */
export function registerOfprotoCommands(
  commands: UnixctlCommands,
  bridges: () => Iterable<readonly [name: string, ofproto: Ofproto]>,
): void {
  commands.register('ofproto/list', '', 0, 0, () => [...bridges()].map(([name]) => `${name}\n`).join(''));
  commands.register('bridge/dump-flows', '[--offload-stats] bridge', 1, 2, (args) => {
    const ofproto = new Map(bridges()).get(args.at(-1)!);
    if (!ofproto) throw new UnixctlError('Unknown bridge');
    const now = ofproto.now();
    const withOffload = args.slice(0, -1).includes('--offload-stats');
    let text = '';
    for (const { classifier } of ofproto.flows.tables) {
      for (const rule of classifier.rules(undefined, ofproto.flows.version))
        text += describeRule(rule, now, withOffload);
    }
    return text;
  });
}
