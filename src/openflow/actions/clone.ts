/** `clone`: runs actions on a copy of the packet; changes they make do not come back. */
import { defineAction, paren } from './codec.ts';
import { endAction, WireForm } from './wire.ts';

const CLONE = new WireForm('NXAST_CLONE', 'NX1.0+(42)', { size: 16, more: true }, (r, end, d) => {
  r.skip(6);
  return { kind: 'clone', actions: d.nested(r, end, undefined) };
});

export const clone = defineAction({
  kind: 'clone',
  name: 'clone',
  wire: [CLONE],
  encode(a, e) {
    const start = CLONE.begin(e.w, e.version);
    e.w.zero(6);
    e.list(a.actions);
    endAction(e.w, start);
  },
  format: (a, f) => `${paren(f, 'clone(')}${f.list(a.actions)}${paren(f, ')')}`,
  parse: { clone: (arg, p) => ({ kind: 'clone', actions: p.nested(arg, 'clone') }) },
  check(a, c) {
    const actions = c.nested(a.actions);
    return actions === a.actions ? undefined : { ...a, actions };
  },
  help: 'clone(ACTION,...): runs actions on a copy of the packet',
});
