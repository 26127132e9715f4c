/** Messages about ports: OFPT_PORT_MOD, port statistics and descriptions. */
import { OFPP } from '../../flow/ports.ts';
import { OfpError } from '../../openflow/errors.ts';
import { type Message, type PortStats, UNKNOWN_COUNT } from '../../openflow/messages/message.ts';
import type { Ofport } from '../ofport.ts';
import type { Ofproto } from '../ofproto.ts';
import { duration, type Handler, type Request } from './handler.ts';

/** The port that a port mod is about. @throws OfpError */
export function checkPortMod(m: Message<'port_mod'>, { ofproto }: Request): Ofport {
  const port = ofproto.ports.get(m.portNo);
  if (!port) throw new OfpError('OFPPMFC_BAD_PORT');
  if (ofproto.describePort(port).hwAddr !== m.hwAddr) throw new OfpError('OFPPMFC_BAD_HW_ADDR');
  return port;
}

export function applyPortMod(m: Message<'port_mod'>, port: Ofport, { ofproto, conn }: Request): void {
  ofproto.configurePort(port, m.config, m.mask, conn);
}

export const handlePortMod: Handler<'port_mod'> = (m, r) => {
  r.rejectSecondary();
  applyPortMod(m, checkPortMod(m, r), r);
};

/** The ports that a request is about; none for a number without a port. */
function select(ofproto: Ofproto, portNo: number): Ofport[] {
  if (portNo === OFPP.NONE) return [...ofproto.ports.all()];
  const port = ofproto.ports.get(portNo);
  return port ? [port] : [];
}

/** Devices count in numbers; one that is negative or too large is not known. */
const count = (n: number): bigint => (n >= 0 && Number.isFinite(n) ? BigInt(Math.floor(n)) : UNKNOWN_COUNT);

function statsOf(ofproto: Ofproto, port: Ofport): PortStats {
  const s = port.netdev.stats();
  const custom = s.custom && [...s.custom].map(([name, value]) => ({ name, value: count(value) }));
  return {
    portNo: port.ofpPort,
    rxPackets: count(s.rxPackets),
    txPackets: count(s.txPackets),
    rxBytes: count(s.rxBytes),
    txBytes: count(s.txBytes),
    rxDropped: count(s.rxDropped),
    txDropped: count(s.txDropped),
    rxErrors: count(s.rxErrors),
    txErrors: count(s.txErrors),
    rxFrameErr: count(s.rxFrameErrors),
    rxOverErr: count(s.rxOverErrors),
    rxCrcErr: count(s.rxCrcErrors),
    collisions: count(s.collisions),
    ...duration(port.createdMs, ofproto.now()),
    ...(custom ? { custom } : {}),
    ...ofproto.provider.portStats?.(port),
  };
}

export const handlePortStatsRequest: Handler<'port_stats_request'> = (m, r) =>
  r.reply({ kind: 'port_stats_reply', ports: select(r.ofproto, m.port).map((p) => statsOf(r.ofproto, p)) });

export const handlePortDescRequest: Handler<'port_desc_stats_request'> = (m, r) =>
  r.reply({
    kind: 'port_desc_stats_reply',
    ports: select(r.ofproto, m.port).map((p) => r.ofproto.describePort(p)),
  });
