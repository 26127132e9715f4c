/** OFPT_PORT_STATUS: a port came, went or changed. C counterpart: lib/ofp-port.c. */
import { OfpError } from '../errors.ts';
import type { Codec } from './codec.ts';
import { phyPortText, putPhyPort, readPhyPort } from './phy-port.ts';

/** Reasons, OFPPR_*. */
export const OFPPR = { ADD: 0, DELETE: 1, MODIFY: 2 } as const;

const TEXT = [' ADD:', ' DEL:', ' MOD:'];

export const portStatus: Codec<'port_status'> = {
  decode(r, c) {
    const reason = r.u8();
    if (reason > OFPPR.MODIFY) throw new OfpError('NXBRC_BAD_REASON');
    r.skip(7);
    return { kind: 'port_status', reason, port: readPhyPort(r, c.version) };
  },
  encode(w, m, c) {
    w.u8(m.reason).zero(7);
    putPhyPort(w, m.port, c.version);
  },
  format: (m) => TEXT[m.reason]! + phyPortText(m.port),
};
