/** `set_tunnel` and `set_tunnel64`: the tunnel id; set_field from OpenFlow 1.2 on. */
import { strToU64 } from '../../base/parse.ts';
import { OFP12 } from '../version.ts';
import { defineAction, hex, param } from './codec.ts';
import { putSetField } from './put-set-field.ts';
import { WireForm } from './wire.ts';

const SET_TUNNEL = new WireForm('NXAST_SET_TUNNEL', 'NX1.0+(2)', 'u32', (r) => ({
  kind: 'set_tunnel',
  tunId: BigInt(r.u32()),
  wide: false,
}));
const SET_TUNNEL64 = new WireForm('NXAST_SET_TUNNEL64', 'NX1.0+(9)', { size: 24 }, (r) => {
  r.skip(6);
  return { kind: 'set_tunnel', tunId: r.u64(), wide: true };
});

export const setTunnel = defineAction({
  kind: 'set_tunnel',
  name: 'set_tunnel',
  wire: [SET_TUNNEL, SET_TUNNEL64],
  encode(a, { w, version }) {
    if (version >= OFP12) {
      putSetField(w, version, 'tun_id', a.tunId);
    } else if (a.wide || a.tunId > 0xffff_ffffn) {
      SET_TUNNEL64.begin(w, version);
      w.zero(6).u64(a.tunId);
    } else {
      SET_TUNNEL.put(w, version, Number(a.tunId));
    }
  },
  format: (a, f) =>
    `${param(f, `set_tunnel${a.wide || a.tunId > 0xffff_ffffn ? '64' : ''}:`)}${hex(a.tunId)}`,
  parse: {
    set_tunnel: (arg) => ({ kind: 'set_tunnel', tunId: strToU64(arg), wide: false }),
    set_tunnel64: (arg) => ({ kind: 'set_tunnel', tunId: strToU64(arg), wide: true }),
  },
  help: 'set_tunnel:ID | set_tunnel64:ID: sets the tunnel id (VNI, key) of the outputs that follow',
});
