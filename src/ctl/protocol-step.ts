/** How a connection gets from one flow format of OpenFlow 1.0 to another. */
import type { OfpBody } from '../openflow/messages/message.ts';
import { P, type Protocol, protocolBase, setProtocolBase, setProtocolTid } from '../openflow/version.ts';

/** The message that leads from `current` towards `want`, and where it leads. */
export function protocolStep(current: Protocol, want: Protocol): { step: OfpBody; next: Protocol } {
  const base = protocolBase(want);
  if (protocolBase(current) !== base) {
    const format = base & P.OF10_NXM_ANY ? 'nxm' : 'openflow10';
    return { step: { kind: 'set_flow_format', format }, next: setProtocolBase(current, base) };
  }
  const enable = (want & P.TID) !== 0;
  return { step: { kind: 'flow_mod_table_id', enable }, next: setProtocolTid(current, enable) };
}
