/** OFPT_PORT_MOD: changes the configuration of a port. C counterpart: lib/ofp-port.c. */
import { vlog } from '../../base/vlog.ts';
import { formatPort, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import type { Codec } from './codec.ts';
import {
  featuresFromOf10,
  featuresText,
  featuresToOf10,
  OFPPC10_ALL,
  OFPPC11_ALL,
  portConfigText,
  putMac,
  readMac,
  readPort11,
} from './phy-port.ts';
import { eachProperty, propertyU32, putPropertyU32, unknownProperty } from './properties.ts';
import { macText } from './text.ts';

const log = vlog('ofp_port');
const OFPPMPT14_ETHERNET = 0;

export const portMod: Codec<'port_mod'> = {
  decode(r, c) {
    if (c.version === 1) {
      const portNo = portFromOf10(r.u16());
      const hwAddr = readMac(r);
      const config = r.u32();
      const mask = r.u32() & OFPPC10_ALL;
      return {
        kind: 'port_mod',
        portNo,
        hwAddr,
        config: config & mask,
        mask,
        advertise: featuresFromOf10(r.u32()),
      };
    }
    const portNo = readPort11(r);
    r.skip(4);
    const hwAddr = readMac(r);
    r.skip(2);
    const config = r.u32();
    const mask = r.u32() & OFPPC11_ALL;
    let advertise = 0;
    if (c.version <= 4) advertise = r.u32() & 0xffff;
    else {
      eachProperty(r, (p) => {
        if (p.type === OFPPMPT14_ETHERNET && !p.experimenter) advertise = propertyU32(p) & 0xffff;
        else unknownProperty(log, c.loose, 'port_mod', p);
      });
    }
    return { kind: 'port_mod', portNo, hwAddr, config: config & mask, mask, advertise };
  },
  encode(w, m) {
    if (m.version === 1) {
      putMac(w.u16(portToOf10(m.portNo)), m.hwAddr);
      w.u32(m.config & OFPPC10_ALL)
        .u32(m.mask & OFPPC10_ALL)
        .u32(featuresToOf10(m.advertise))
        .u32(0);
      return;
    }
    putMac(w.u32(m.portNo).u32(0), m.hwAddr).u16(0);
    w.u32(m.config & OFPPC11_ALL).u32(m.mask & OFPPC11_ALL);
    if (m.version <= 4) w.u32(m.advertise & 0xffff).u32(0);
    else if (m.advertise) putPropertyU32(w, OFPPMPT14_ETHERNET, m.advertise & 0xffff);
  },
  format: (m, f) =>
    ` port: ${formatPort(m.portNo, f.portNames)}: addr:${macText(m.hwAddr)}\n` +
    `     config: ${portConfigText(m.config)}` +
    `     mask:   ${portConfigText(m.mask)}` +
    `     advertise: ${m.advertise ? featuresText(m.advertise) : 'UNCHANGED\n'}`,
};
