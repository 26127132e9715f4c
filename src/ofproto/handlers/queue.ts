/** Messages about queues. */
import { OFPP } from '../../flow/ports.ts';
import { OfpError } from '../../openflow/errors.ts';
import { type QueueStats, UNKNOWN_COUNT, UNKNOWN_DURATION } from '../../openflow/messages/message.ts';
import type { Ofport } from '../ofport.ts';
import type { Ofproto } from '../ofproto.ts';
import type { Handler } from './handler.ts';

const OFPQ_ALL = 0xffff_ffff;
/** A queue's guaranteed or largest rate that is not set. */
const NO_RATE = 0xffff;

/**
 * The queues that a request selects.
 * @param queue OFPQ_ALL for all
 * @throws OfpError for a port or single queue that does not exist, or when no port has such a queue
 */
function select(ofproto: Ofproto, portNo: number, queue: number): QueueStats[] {
  const of = ({ netdev, ofpPort }: Ofport): QueueStats[] =>
    (netdev.queues?.() ?? [])
      .filter(({ id }) => queue === OFPQ_ALL || id === queue)
      .map(({ id, txBytes, txPackets, txErrors }) => ({
        portNo: ofpPort,
        queueId: id,
        txBytes: txBytes ?? UNKNOWN_COUNT,
        txPackets: txPackets ?? UNKNOWN_COUNT,
        txErrors: txErrors ?? UNKNOWN_COUNT,
        durationSec: UNKNOWN_DURATION,
        durationNsec: UNKNOWN_DURATION,
      }));
  if (portNo === OFPP.NONE) {
    const found = [...ofproto.ports.all()].flatMap(of);
    if (found.length === 0 && (queue !== OFPQ_ALL || ofproto.ports.size === 0))
      throw new OfpError('OFPQOFC_BAD_QUEUE');
    return found;
  }
  const port = ofproto.ports.get(portNo);
  if (!port) throw new OfpError('OFPQOFC_BAD_PORT');
  const found = of(port);
  if (found.length === 0 && queue !== OFPQ_ALL) throw new OfpError('OFPQOFC_BAD_QUEUE');
  return found;
}

export const handleQueueStatsRequest: Handler<'queue_stats_request'> = (m, r) =>
  r.reply({ kind: 'queue_stats_reply', queues: select(r.ofproto, m.port, m.queue) });

export const handleQueueGetConfigRequest: Handler<'queue_get_config_request'> = (m, r) =>
  r.reply({
    kind: 'queue_get_config_reply',
    port: m.port,
    queues: select(r.ofproto, m.port, m.queue).map((q) => ({
      portNo: q.portNo,
      queue: q.queueId,
      minRate: NO_RATE,
      maxRate: NO_RATE,
    })),
  });
