/** OFPST_PORT_DESC: descriptions of ports. C counterpart: lib/ofp-port.c. */
import { formatPort, OFPP } from '../../flow/ports.ts';
import type { Codec } from './codec.ts';
import { phyPortsText, putPhyPort, readPhyPort, readPort11 } from './phy-port.ts';

export const portDescRequest: Codec<'port_desc_stats_request'> = {
  decode: (r, c) => ({ kind: 'port_desc_stats_request', port: c.version < 6 ? OFPP.NONE : readPort11(r) }),
  encode(w, m) {
    if (m.version >= 6) w.u32(m.port).u32(0);
  },
  format: (m, f) => ` port=${formatPort(m.port, f.portNames)}`,
};

export const portDescReply: Codec<'port_desc_stats_reply'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => readPhyPort(one, c.version),
      (ports) => ({ kind: 'port_desc_stats_reply', ports }),
    ),
  encode(w, m, c) {
    c.items(m.ports, (port) => putPhyPort(w, port, c.version));
  },
  format: (m) => `\n${phyPortsText(m.ports)}`,
};
