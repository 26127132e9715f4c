/**
 * Queues: OFPT_QUEUE_GET_CONFIG (OFPST_QUEUE_DESC since OpenFlow 1.4) and OFPST_QUEUE.
 * C counterpart: lib/ofp-queue.c.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { isOf11PortValid } from '../../flow/fields.ts';
import { formatPort, OFPP, OFPP_PHYSICAL_END, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import type { Codec } from './codec.ts';
import { type Body, type QueueConfig, type QueueStats, UNKNOWN_COUNT, UNKNOWN_DURATION } from './message.ts';
import { readPort11 } from './phy-port.ts';
import { eachProperty, propertyU16, putPropertyU16, unknownProperty } from './properties.ts';
import { durationText } from './text.ts';

const log = vlog('ofp_queue');
const limit = new RateLimit(1, 5);

export const OFPQ_ALL = 0xffff_ffff;
/** Of a list of queues before OpenFlow 1.4: the port and padding. */
const HEAD_BYTES = 8;
const MIN_RATE = 1;
const MAX_RATE = 2;
/** A rate that is not given. */
const NO_RATE = 0xffff;

const queueName = (queue: number): string => (queue === OFPQ_ALL ? 'ALL' : String(queue));

// Configuration.

export const queueGetConfigRequest: Codec<'queue_get_config_request'> = {
  decode(r, c) {
    const kind = 'queue_get_config_request';
    if (c.version >= 5) {
      const at = r.sub(4);
      const queue = r.u32();
      return { kind, port: readPort11(at), queue };
    }
    const port = c.version === 1 ? portFromOf10(r.u16()) : readPort11(r);
    if (port >= OFPP_PHYSICAL_END && !(port === OFPP.NONE && c.version > 1))
      throw new OfpError('OFPQOFC_BAD_PORT');
    return { kind, port, queue: OFPQ_ALL };
  },
  encode(w, m) {
    if (m.version === 1) w.u16(portToOf10(m.port)).u16(0);
    else w.u32(m.port).u32(m.version >= 5 ? m.queue : 0);
  },
  format: (m, f) =>
    ` port=${formatPort(m.port, f.portNames)}${m.queue === OFPQ_ALL ? '' : ` queue=${queueName(m.queue)}`}`,
};

/** One queue before OpenFlow 1.4; its properties have headers of 8 bytes. */
function decodeOldConfig(r: ByteReader, version: number, portNo: number): QueueConfig {
  const start = r.pos;
  const queue = r.u32();
  if (version >= 3) r.skip(4);
  const length = r.u16();
  r.skip(version >= 3 ? 6 : 2);
  const left = length - (r.pos - start);
  if (left < 0 || left > r.left || length % 8) throw new OfpError('OFPBRC_BAD_LEN');
  const properties = r.sub(left);
  let minRate = NO_RATE;
  let maxRate = NO_RATE;
  while (properties.left > 0) {
    if (properties.left < 8) throw new OfpError('OFPBRC_BAD_LEN');
    const type = properties.peekU16(0);
    const size = properties.peekU16(2);
    if (size < 8 || size > properties.left || size % 8) throw new OfpError('OFPBRC_BAD_LEN');
    const property = properties.sub(size);
    property.skip(8);
    if (type !== MIN_RATE && type !== MAX_RATE) {
      log.infoRl(limit, `unknown queue property ${type}`);
      continue;
    }
    if (size !== 16) throw new OfpError('OFPBRC_BAD_LEN');
    if (type === MIN_RATE) minRate = property.u16();
    else maxRate = property.u16();
  }
  return { portNo, queue, minRate, maxRate };
}

function decodeDesc(r: ByteReader): QueueConfig {
  const start = r.pos;
  const at = r.sub(4);
  const queue = r.u32();
  const length = r.u16();
  r.skip(6);
  const portNo = readPort11(at);
  const left = length - (r.pos - start);
  if (left < 0 || left > r.left || length % 8) throw new OfpError('OFPBRC_BAD_LEN');
  let minRate = NO_RATE;
  let maxRate = NO_RATE;
  eachProperty(r.sub(left), (p) => {
    if (p.type === MIN_RATE && !p.experimenter) minRate = propertyU16(p);
    else if (p.type === MAX_RATE && !p.experimenter) maxRate = propertyU16(p);
    else unknownProperty(log, true, 'queue desc', p);
  });
  return { portNo, queue, minRate, maxRate };
}

function putOldRate(w: ByteWriter, type: number, rate: number): void {
  if (rate !== NO_RATE) w.u16(type).u16(16).u32(0).u16(rate).zero(6);
}

function encodeConfig(w: ByteWriter, q: QueueConfig, version: number): void {
  const start = w.length;
  let lengthAt = start + 4;
  if (version >= 5) {
    lengthAt = start + 8;
    w.u32(q.portNo).u32(q.queue).zero(8);
    if (q.minRate !== NO_RATE) putPropertyU16(w, MIN_RATE, q.minRate);
    if (q.maxRate !== NO_RATE) putPropertyU16(w, MAX_RATE, q.maxRate);
  } else {
    w.u32(q.queue);
    if (version >= 3) {
      lengthAt = start + 8;
      w.u32(q.portNo).zero(8);
    } else {
      w.u32(0);
    }
    putOldRate(w, MIN_RATE, q.minRate);
    putOldRate(w, MAX_RATE, q.maxRate);
  }
  w.patchU16(lengthAt, w.length - start);
}

function rateText(name: string, rate: number): string {
  if (rate <= 1000) return ` ${name}:${Math.floor(rate / 10)}.${rate % 10}%`;
  return rate < NO_RATE ? ` ${name}:(disabled)` : '';
}

/** The port whose queues follow. As in C nobody minds what port has none. */
const readQueuesPort = (r: ByteReader): number =>
  r.left > HEAD_BYTES || isOf11PortValid(r.peekU32()) ? readPort11(r) : r.u32();

export const queueGetConfigReply: Codec<'queue_get_config_reply'> = {
  decode(r, c) {
    const kind = 'queue_get_config_reply';
    if (c.version >= 5)
      return c.items(r, decodeDesc, (queues) => ({ kind, port: queues[0]?.portNo ?? OFPP.NONE, queues }));
    const port = c.version === 1 ? portFromOf10(r.u16()) : readQueuesPort(r);
    r.skip(c.version === 1 ? 6 : 4);
    return c.items(
      r,
      (one) => decodeOldConfig(one, c.version, port),
      (queues) => ({ kind, port, queues }),
    );
  },
  encode(w, m, c) {
    if (m.version === 1) w.u16(portToOf10(m.port)).zero(6);
    else if (m.version <= 4) w.u32(m.port).u32(0);
    c.items(m.queues, (q) => encodeConfig(w, q, m.version));
  },
  format(m, f) {
    const order = (a: QueueConfig, b: QueueConfig): number =>
      portToOf10(a.portNo) - portToOf10(b.portNo) || a.queue - b.queue;
    let s = ' ';
    let port = 0;
    for (const q of [...m.queues].sort(order)) {
      if (q.portNo !== port) {
        port = q.portNo;
        s += `port=${formatPort(port, f.portNames)}\n`;
      }
      s += `queue ${q.queue}:${rateText('min_rate', q.minRate)}${rateText('max_rate', q.maxRate)}\n`;
    }
    return s.replace(/ $/, '');
  },
};

// Statistics.

export const queueStatsRequest: Codec<'queue_stats_request'> = {
  decode(r, c) {
    let port: number;
    if (c.version === 1) {
      port = portFromOf10(r.u16());
      r.skip(2);
      if (port === OFPP.ALL) port = OFPP.NONE;
    } else {
      port = readPort11(r);
    }
    return { kind: 'queue_stats_request', port, queue: r.u32() };
  },
  encode(w, m) {
    if (m.version === 1) w.u16(portToOf10(m.port === OFPP.NONE ? OFPP.ALL : m.port)).u16(0);
    else w.u32(m.port);
    w.u32(m.queue);
  },
  format: (m, f) => ` port=${formatPort(m.port, f.portNames)} queue=${queueName(m.queue)}`,
};

function decodeStats(r: ByteReader, version: number): QueueStats {
  const start = r.pos;
  let length = 0;
  if (version >= 5) {
    length = r.u16();
    r.skip(6);
    if (length < 48 || length - 8 > r.left) throw new OfpError('OFPBRC_BAD_LEN');
  }
  let portNo: number;
  if (version === 1) {
    portNo = portFromOf10(r.u16());
    r.skip(2);
  } else {
    portNo = readPort11(r);
  }
  const queueId = r.u32();
  const txBytes = r.u64();
  const txPackets = r.u64();
  const txErrors = r.u64();
  const durationSec = version >= 4 ? r.u32() : UNKNOWN_DURATION;
  const durationNsec = version >= 4 ? r.u32() : UNKNOWN_DURATION;
  if (version >= 5) r.skip(length - (r.pos - start));
  return { portNo, queueId, txBytes, txPackets, txErrors, durationSec, durationNsec };
}

function encodeStats(w: ByteWriter, q: QueueStats, version: number): void {
  if (version >= 5) w.u16(48).zero(6);
  if (version === 1) w.u16(portToOf10(q.portNo)).u16(0);
  else w.u32(q.portNo);
  w.u32(q.queueId).u64(q.txBytes).u64(q.txPackets).u64(q.txErrors);
  if (version >= 4) {
    w.u32(q.durationSec).u32(q.durationSec === UNKNOWN_DURATION ? UNKNOWN_DURATION : q.durationNsec);
  }
}

const count = (n: bigint): string => (n === UNKNOWN_COUNT ? '?' : String(n));

const queuesText = (m: Body<'queue_stats_reply'>): string => ` ${m.queues.length} queues\n`;

export const queueStatsReply: Codec<'queue_stats_reply'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => decodeStats(one, c.version),
      (queues) => ({ kind: 'queue_stats_reply', queues }),
    ),
  encode(w, m, c) {
    c.items(m.queues, (q) => encodeStats(w, q, m.version));
  },
  countText: queuesText,
  format(m, f) {
    const lines = m.queues.map(
      (q) =>
        `  port ${formatPort(q.portNo, f.portNames)} queue ${queueName(q.queueId)}: ` +
        `bytes=${count(q.txBytes)}, pkts=${count(q.txPackets)}, errors=${count(q.txErrors)}, ` +
        `duration=${q.durationSec === UNKNOWN_DURATION ? '?' : durationText(q.durationSec, q.durationNsec)}\n`,
    );
    return queuesText(m) + lines.join('');
  },
};
