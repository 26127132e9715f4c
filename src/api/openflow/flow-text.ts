/** A flow_mod as the text that makes it, which is not how `ofp-print` shows it. */
import { NO_COLORS } from '../../base/colors.ts';
import { formatPort, formatTable, OFPP } from '../../flow/ports.ts';
import { actionsText, matchText } from '../../openflow/messages/body.ts';
import type { NameContext } from '../../openflow/messages/codec.ts';
import { flowFlagsText } from '../../openflow/messages/flow-flags.ts';
import { DEFAULT_PRIORITY, NO_COOKIE, OFPG_ANY, OFPTT_ALL } from '../../openflow/messages/flow-mod.ts';
import type { FlowMod } from '../../openflow/messages/message.ts';

const hex = (n: bigint): string => `0x${n.toString(16)}`;

/** Text that the parser of flows, given the flow's command, reads as this flow. */
export function flowModText(fm: FlowMod, names: Partial<NameContext> = {}): string {
  const f: NameContext = {
    portNames: names.portNames,
    tableNames: names.tableNames,
    colors: names.colors ?? NO_COLORS,
  };
  const { param, special, actions, end } = f.colors;
  const item = (name: string, value: string | number): string => `${param}${name}=${end}${value}, `;
  const deletes = fm.command === 'delete' || fm.command === 'delete_strict';
  let t = '';
  if (fm.cookieMask !== 0n) t += item('cookie', `${hex(fm.cookie)}/${hex(fm.cookieMask)}`);
  if (!deletes && fm.newCookie !== 0n && fm.newCookie !== NO_COOKIE) t += item('cookie', hex(fm.newCookie));
  if (fm.tableId !== OFPTT_ALL) t += `${special}table=${end}${formatTable(fm.tableId, f.tableNames)}, `;
  if (!deletes) {
    if (fm.idleTimeout) t += item('idle_timeout', fm.idleTimeout);
    if (fm.hardTimeout) t += item('hard_timeout', fm.hardTimeout);
    t += flowFlagsText(fm.flags);
    if (fm.importance) t += item('importance', fm.importance);
  }
  if (fm.outPort !== OFPP.NONE) t += item('out_port', formatPort(fm.outPort, f.portNames));
  if (fm.outGroup !== OFPG_ANY) t += item('out_group', fm.outGroup);
  const match = matchText(fm.match, f, fm.command === 'delete' ? DEFAULT_PRIORITY : fm.priority);
  if (deletes) return `${t}${match}`.replace(/, $/, '');
  if (match !== '') t += `${match} `;
  return `${t}${actions}actions=${end}${actionsText(fm.actions, f)}`;
}
