/** OFPT_PACKET_OUT: a packet for the switch to send. C counterpart: lib/ofp-packet.c. */
import { hexDump } from '../../base/hex-dump.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { F, type Match } from '../../flow/layout.ts';
import { OFPP, OFPP_PHYSICAL_END, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import {
  actionsText,
  inPortMatch,
  matchText,
  packetText,
  putActions,
  putMatch11,
  readActions,
  readOxmMatchLoose,
} from './body.ts';
import type { Codec } from './codec.ts';
import { DEFAULT_PRIORITY } from './flow-mod.ts';
import { NO_BUFFER } from './message.ts';
import { readPort11 } from './phy-port.ts';

const log = vlog('ofp_packet');
const limit = new RateLimit(1, 5);
const EMPTY = new Uint8Array(0);

function checkInPort(port: number): void {
  if (port < OFPP_PHYSICAL_END || port === OFPP.LOCAL || port === OFPP.NONE || port === OFPP.CONTROLLER)
    return;
  log.warnRl(limit, `packet-out has bad input port 0x${(port & 0xffff).toString(16)}`);
  throw new OfpError('OFPBRC_BAD_PORT');
}

/** A match of an Ethernet packet from that port. */
function ethernetFrom(port: number): Match {
  const match = inPortMatch(port);
  match.mask[F.PACKET_TYPE] = 0xffff_ffff;
  return match;
}

export const packetOut: Codec<'packet_out'> = {
  decode(r, c) {
    const bufferId = r.u32();
    let actionsLength: number;
    let metadata: Match;
    if (c.version >= 6) {
      actionsLength = r.u16();
      r.skip(2);
      metadata = readOxmMatchLoose(r, c, true);
      if (metadata.mask[F.IN_PORT] === 0) throw new OfpError('OFPBRC_BAD_PORT');
    } else if (c.version >= 2) {
      metadata = ethernetFrom(readPort11(r));
      actionsLength = r.u16();
      r.skip(6);
    } else {
      metadata = ethernetFrom(portFromOf10(r.u16()));
      actionsLength = r.u16();
    }
    const actions = readActions(r, actionsLength, c);
    checkInPort(metadata.flow[F.IN_PORT]!);
    const packet = bufferId === NO_BUFFER ? r.take(r.left) : EMPTY;
    return { kind: 'packet_out', packet, bufferId, metadata, actions };
  },
  encode(w, m) {
    const { version } = m;
    const inPort = m.metadata.flow[F.IN_PORT]!;
    w.u32(m.bufferId);
    let at: number;
    if (version >= 6) {
      at = w.length;
      w.u32(0);
      putMatch11(w, m.metadata, version);
    } else if (version >= 2) {
      at = w.u32(inPort).length;
      w.zero(8);
    } else {
      at = w.u16(portToOf10(inPort)).length;
      w.u16(0);
    }
    const start = w.length;
    putActions(w, m.actions, version);
    w.patchU16(at, w.length - start);
    if (m.bufferId === NO_BUFFER) w.put(m.packet);
  },
  format(m, f) {
    let s = ` ${matchText(m.metadata, f, DEFAULT_PRIORITY)} actions=${actionsText(m.actions, f)}`;
    if (m.bufferId !== NO_BUFFER) return `${s} buffer=0x${m.bufferId.toString(16).padStart(8, '0')}`;
    s += ` data_len=${m.packet.length}`;
    if (f.verbosity > 0 && m.packet.length) s += `\n${packetText(m.packet, m.metadata.flow[F.PACKET_TYPE]!)}`;
    return f.verbosity > 2 ? s + hexDump(m.packet, 0, false) : s;
  },
};
