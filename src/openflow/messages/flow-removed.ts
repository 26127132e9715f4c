/** OFPT_FLOW_REMOVED and NXT_FLOW_REMOVED: a flow expired or was deleted. C counterpart: lib/ofp-monitor.c. */
import type { ByteReader } from '../../base/bytes.ts';
import { formatTable } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import {
  matchText,
  putMatch10,
  putMatch11,
  putNxMatch,
  readMatch10,
  readMatch11,
  readNxMatch,
} from './body.ts';
import type { Codec, DecodeContext } from './codec.ts';
import { putOxs, readOxs } from './flow-flags.ts';
import { type Body, OFPRR, UNKNOWN_COUNT } from './message.ts';
import { durationText } from './text.ts';

const REASONS = ['idle', 'hard', 'delete', 'group_delete', 'meter_delete', 'eviction'];
export const flowRemovedReasonText = (reason: number): string => REASONS[reason] ?? String(reason);

const NO_TABLE = 255;
const unknownToZero = (count: bigint): bigint => (count === UNKNOWN_COUNT ? 0n : count);

type FlowRemovedBody = Body<'flow_removed'>;

function decode15(r: ByteReader, c: DecodeContext): FlowRemovedBody {
  const tableId = r.u8();
  const reason = r.u8();
  const priority = r.u16();
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  const cookie = r.u64();
  const match = readMatch11(r, c);
  const { durationSec, durationNsec, packetCount, byteCount } = readOxs(r);
  const times = { durationSec, durationNsec, idleTimeout, hardTimeout, packetCount, byteCount };
  return { kind: 'flow_removed', match, cookie, priority, reason, tableId, ...times };
}

function decode11(r: ByteReader, c: DecodeContext): FlowRemovedBody {
  const cookie = r.u64();
  const priority = r.u16();
  const reason = r.u8();
  const tableId = r.u8();
  const durationSec = r.u32();
  const durationNsec = r.u32();
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  const packetCount = r.u64();
  const byteCount = r.u64();
  const match = readMatch11(r, c);
  const times = { durationSec, durationNsec, idleTimeout, hardTimeout, packetCount, byteCount };
  return { kind: 'flow_removed', match, cookie, priority, reason, tableId, ...times };
}

function decode10(r: ByteReader): FlowRemovedBody {
  const match = readMatch10(r, false);
  const cookie = r.u64();
  const priority = r.u16();
  const reason = r.u8();
  r.skip(1);
  const durationSec = r.u32();
  const durationNsec = r.u32();
  const idleTimeout = r.u16();
  r.skip(2);
  const packetCount = r.u64();
  const byteCount = r.u64();
  const times = { durationSec, durationNsec, idleTimeout, hardTimeout: 0, packetCount, byteCount };
  return { kind: 'flow_removed', match, cookie, priority, reason, tableId: NO_TABLE, ...times };
}

function decodeNx(r: ByteReader, c: DecodeContext): FlowRemovedBody {
  const cookie = r.u64();
  const priority = r.u16();
  const reason = r.u8();
  const table = r.u8();
  const durationSec = r.u32();
  const durationNsec = r.u32();
  const idleTimeout = r.u16();
  const matchLength = r.u16();
  const packetCount = r.u64();
  const byteCount = r.u64();
  const { match } = readNxMatch(r, matchLength, c);
  if (r.left) throw new OfpError('OFPBRC_BAD_LEN');
  const times = { durationSec, durationNsec, idleTimeout, hardTimeout: 0, packetCount, byteCount };
  return {
    kind: 'flow_removed',
    match,
    cookie,
    priority,
    reason,
    tableId: table ? table - 1 : NO_TABLE,
    ...times,
  };
}

export const flowRemoved: Codec<'flow_removed'> = {
  decode(r, c) {
    if (c.raw === 'OFPT15_FLOW_REMOVED') return decode15(r, c);
    if (c.raw === 'OFPT11_FLOW_REMOVED') return decode11(r, c);
    return c.raw === 'OFPT10_FLOW_REMOVED' ? decode10(r) : decodeNx(r, c);
  },
  encode(w, m, c) {
    const reason = m.reason === OFPRR.METER_DELETE && m.version < 5 ? OFPRR.DELETE : m.reason;
    switch (c.raw) {
      case 'OFPT15_FLOW_REMOVED':
        w.u8(m.tableId).u8(reason).u16(m.priority).u16(m.idleTimeout).u16(m.hardTimeout).u64(m.cookie);
        putMatch11(w, m.match, m.version);
        putOxs(w, {
          durationSec: m.durationSec,
          durationNsec: m.durationNsec,
          packetCount: m.packetCount,
          byteCount: m.byteCount,
        });
        break;
      case 'OFPT11_FLOW_REMOVED':
        w.u64(m.cookie).u16(m.priority).u8(reason).u8(m.tableId).u32(m.durationSec).u32(m.durationNsec);
        w.u16(m.idleTimeout).u16(m.hardTimeout).u64(m.packetCount).u64(m.byteCount);
        putMatch11(w, m.match, m.version);
        break;
      case 'OFPT10_FLOW_REMOVED':
        putMatch10(w, m.match);
        w.u64(m.cookie).u16(m.priority).u8(reason).u8(0).u32(m.durationSec).u32(m.durationNsec);
        w.u16(m.idleTimeout).u16(0).u64(unknownToZero(m.packetCount)).u64(unknownToZero(m.byteCount));
        break;
      default: {
        w.u64(m.cookie)
          .u16(m.priority)
          .u8(reason)
          .u8((m.tableId + 1) & 0xff)
          .u32(m.durationSec)
          .u32(m.durationNsec);
        w.u16(m.idleTimeout);
        const at = w.length;
        w.u16(0).u64(m.packetCount).u64(m.byteCount);
        w.patchU16(at, putNxMatch(w, m.match, 0n, 0n));
      }
    }
  },
  format(m, f) {
    let s = ` ${matchText(m.match, f, m.priority)} reason=${flowRemovedReasonText(m.reason)}`;
    if (m.tableId !== NO_TABLE) s += ` table_id=${formatTable(m.tableId, f.tableNames)}`;
    if (m.cookie !== 0n) s += ` cookie:0x${m.cookie.toString(16)}`;
    s += ` duration${durationText(m.durationSec, m.durationNsec)} idle${m.idleTimeout}`;
    if (m.hardTimeout) s += ` hard${m.hardTimeout}`;
    return `${s} pkts${m.packetCount} bytes${m.byteCount}\n`;
  },
};
