/** OFPT_FLOW_MOD. */
import type { Handler } from './handler.ts';

export const handleFlowMod: Handler<'flow_mod'> = (m, r) => {
  r.rejectSecondary();
  r.ofproto.flowMod(m, r);
};
