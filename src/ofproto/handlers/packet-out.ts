/** OFPT_PACKET_OUT, and NXT_RESUME for a packet that a controller action paused. */
import { coverage } from '../../base/coverage.ts';
import { extractFlow } from '../../flow/extract.ts';
import { F } from '../../flow/layout.ts';
import { OFPP } from '../../flow/ports.ts';
import { matchOfPacket } from '../../flow/wildcards.ts';
import { checkActionsConsistency } from '../../openflow/actions/check.ts';
import { OfpError } from '../../openflow/errors.ts';
import { type Message, NO_BUFFER } from '../../openflow/messages/message.ts';
import type { PacketToSend } from '../ofproto-provider.ts';
import { N_TABLES } from '../table.ts';
import type { Handler, Request } from './handler.ts';

const counter = coverage('ofproto_packet_out');

/** Checks a packet-out apart from what depends on groups and meters. @throws OfpError */
export function preparePacketOut(m: Message<'packet_out'>, { ofproto, conn }: Request): PacketToSend {
  counter.inc();
  const inPort = m.metadata.flow[F.IN_PORT]!;
  if (inPort >= ofproto.ports.max && inPort < OFPP.MAX) throw new OfpError('OFPBRC_BAD_PORT');
  if (m.bufferId !== NO_BUFFER) throw new OfpError('OFPBRC_BUFFER_UNKNOWN');
  const flow = m.metadata.flow.slice();
  const packet = m.packet.slice();
  extractFlow(packet, flow);
  const actions = checkActionsConsistency(m.actions, matchOfPacket(flow), conn.protocol, {
    maxPorts: ofproto.ports.max,
    tableId: 0,
    nTables: N_TABLES,
  });
  return { packet, flow, actions };
}

export const handlePacketOut: Handler<'packet_out'> = (m, r) => {
  r.rejectSecondary();
  const packet = preparePacketOut(m, r);
  r.ofproto.checkActions(packet.actions);
  r.ofproto.provider.packetOut(packet);
};

export const handleResume: Handler<'nxt_resume'> = (m, { ofproto }) => {
  if (!ofproto.provider.resume) throw new OfpError('NXR_NOT_SUPPORTED');
  ofproto.provider.resume(m);
};
