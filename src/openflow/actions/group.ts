/** `group`: hands the packet to a group. */
import { strToU32 } from '../../base/parse.ts';
import { defineAction, special } from './codec.ts';
import { WireForm } from './wire.ts';

const GROUP = new WireForm('OFPAT_GROUP', 'NX1.0(40) OF1.1+(22)', 'u32', (r) => ({
  kind: 'group',
  groupId: r.u32(),
}));

export const group = defineAction({
  kind: 'group',
  name: 'group',
  wire: [GROUP],
  encode: (a, e) => GROUP.put(e.w, e.version, a.groupId),
  format: (a, f) => `${special(f, 'group:')}${a.groupId}`,
  parse: { group: (arg) => ({ kind: 'group', groupId: strToU32(arg) }) },
  help: 'group:GROUP: outputs to an OpenFlow group',
});
