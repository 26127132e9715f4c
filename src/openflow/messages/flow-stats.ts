/**
 * OFPST_FLOW and OFPST_AGGREGATE, and the Nicira forms of both: flows with their statistics, and their sums.
 * C counterpart: lib/ofp-flow.c.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { type Colors, NO_COLORS } from '../../base/colors.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { formatPort, formatTable, OFPP, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { BadReplyError, OfpError } from '../errors.ts';
import {
  actionsText,
  matchText,
  putInstructions,
  putMatch10,
  putMatch11,
  putNxMatch,
  putOxmMatch,
  readInstructions,
  readMatch10,
  readMatch11,
  readNxMatch,
} from './body.ts';
import type { Codec, DecodeContext, EncodeContext, FormatContext, NameContext } from './codec.ts';
import { decodeFlowFlags, encodeFlowFlags, flowFlagsText, putOxs, readOxs } from './flow-flags.ts';
import { DEFAULT_PRIORITY, OFPG_ANY } from './flow-mod.ts';
import { type FlowStats, type FlowStatsRequest, UNKNOWN_COUNT, UNKNOWN_DURATION } from './message.ts';
import { readPort11 } from './phy-port.ts';
import { durationText } from './text.ts';

const log = vlog('ofp_flow');
const limit = new RateLimit(5, 20);
const MAX_LENGTH = 0xffff;

// Requests.

function decodeRequest(r: ByteReader, c: DecodeContext): FlowStatsRequest {
  if (c.version >= 2) {
    const tableId = r.u8();
    r.skip(3);
    const outPort = readPort11(r);
    const outGroup = r.u32();
    r.skip(4);
    const cookie = r.u64();
    const cookieMask = r.u64();
    return { match: readMatch11(r, c, c.options.matches), cookie, cookieMask, outPort, outGroup, tableId };
  }
  if (c.raw.startsWith('OFPST10_')) {
    const match = readMatch10(r, false, c.options.matches);
    const tableId = r.u8();
    r.skip(1);
    const outPort = portFromOf10(r.u16());
    return { match, cookie: 0n, cookieMask: 0n, outPort, outGroup: OFPG_ANY, tableId };
  }
  const outPort = portFromOf10(r.u16());
  const matchLength = r.u16();
  const tableId = r.u8();
  r.skip(3);
  const { match, cookie, cookieMask } = readNxMatch(r, matchLength, c, c.options.matches);
  if (r.left) throw new OfpError('OFPBRC_BAD_LEN');
  return { match, cookie, cookieMask, outPort, outGroup: OFPG_ANY, tableId };
}

function encodeRequest(
  w: ByteWriter,
  m: FlowStatsRequest & { readonly version: number },
  c: EncodeContext,
): void {
  if (m.version >= 2) {
    w.u8(m.tableId).zero(3).u32(m.outPort).u32(m.outGroup).u32(0).u64(m.cookie).u64(m.cookieMask);
    putMatch11(w, m.match, m.version);
  } else if (c.raw.startsWith('OFPST10_')) {
    putMatch10(w, m.match);
    w.u8(m.tableId).u8(0).u16(portToOf10(m.outPort));
  } else {
    w.u16(portToOf10(m.outPort));
    const at = w.length;
    w.u16(0).u8(m.tableId).zero(3);
    w.patchU16(at, putNxMatch(w, m.match, m.cookie, m.cookieMask));
  }
}

function requestText(m: FlowStatsRequest, f: FormatContext): string {
  const table = m.tableId === 0xff ? '' : ` table=${formatTable(m.tableId, f.tableNames)}`;
  const port = m.outPort === OFPP.NONE ? '' : ` out_port=${formatPort(m.outPort, f.portNames)}`;
  return `${table}${port} ${matchText(m.match, f, DEFAULT_PRIORITY)}`;
}

export const flowStatsRequest: Codec<'flow_stats_request'> = {
  decode: (r, c) => ({ kind: 'flow_stats_request', ...decodeRequest(r, c) }),
  encode: encodeRequest,
  format: requestText,
};

export const aggregateStatsRequest: Codec<'aggregate_stats_request'> = {
  decode: (r, c) => ({ kind: 'aggregate_stats_request', ...decodeRequest(r, c) }),
  encode: encodeRequest,
  format: requestText,
};

// Replies.

/** Checks a length that covers what was already read from `start`, and returns what is left of it. */
function rest(r: ByteReader, start: number, length: number): number {
  const left = length - (r.pos - start);
  if (left < 0 || left > r.left) {
    log.warnRl(limit, `OFPST_FLOW reply claims invalid length ${length}`);
    throw new OfpError('OFPBRC_BAD_LEN');
  }
  return left;
}

/** The same for what is left to the instructions of OpenFlow 1.1 and later, which check that there is so much. */
function restForInstructions(r: ByteReader, start: number, length: number): number {
  const left = length - (r.pos - start);
  if (left < 0) throw new OfpError('OFPBIC_BAD_LEN');
  return left;
}

/** Bytes of a flow before its match. */
const FIXED_BYTES = { of11: 48, of15: 24 };

function checkFixed(r: ByteReader, bytes: number, Failure: typeof OfpError): void {
  if (r.left >= bytes && r.peekU16() >= bytes) return;
  log.warnRl(
    limit,
    r.left < bytes
      ? `OFPST_FLOW reply has ${r.left} leftover bytes at end`
      : `OFPST_FLOW reply claims invalid length ${r.peekU16()}`,
  );
  throw new Failure('OFPBRC_BAD_LEN');
}

/** Runs a part of decoding for whose errors C has no OpenFlow error. */
function orBadReply<T>(what: string, run: () => T): T {
  try {
    return run();
  } catch (error) {
    log.warnRl(limit, what);
    throw new BadReplyError('OFPBRC_BAD_LEN', (error as Error).message);
  }
}

function decodeFlow15(r: ByteReader, c: DecodeContext): FlowStats {
  checkFixed(r, FIXED_BYTES.of15, BadReplyError);
  const start = r.pos;
  const length = r.u16();
  r.skip(2);
  const tableId = r.u8();
  r.skip(1);
  const priority = r.u16();
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  const rawFlags = r.u16();
  const importance = r.u16();
  const cookie = r.u64();
  const match = orBadReply('OFPST_FLOW reply bad match', () => readMatch11(r, c, c.options.matches));
  const flags = decodeFlowFlags(rawFlags, c.version);
  const oxs = orBadReply('OXS OFPST_FLOW reply bad stats', () => readOxs(r));
  return {
    match,
    cookie,
    tableId,
    priority,
    idleTimeout,
    hardTimeout,
    durationSec: oxs.durationSec,
    durationNsec: oxs.durationNsec,
    // As in C ages of 2**31 s and more are unknown too.
    idleAge: Math.max(oxs.idleAge | 0, -1),
    hardAge: -1,
    packetCount: oxs.packetCount,
    byteCount: oxs.byteCount,
    actions: readInstructions(r, restForInstructions(r, start, length), c),
    flags,
    importance,
  };
}

function decodeFlow11(r: ByteReader, c: DecodeContext): FlowStats {
  checkFixed(r, FIXED_BYTES.of11, OfpError);
  const start = r.pos;
  const length = r.u16();
  const tableId = r.u8();
  r.skip(1);
  const durationSec = r.u32();
  const durationNsec = r.u32();
  const priority = r.u16();
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  const rawFlags = r.u16();
  const importance = r.u16();
  r.skip(2);
  const cookie = r.u64();
  const packetCount = r.u64();
  const byteCount = r.u64();
  const match = readMatch11(r, c, c.options.matches);
  const flags = c.version >= 4 ? decodeFlowFlags(rawFlags, c.version) : 0;
  return {
    match,
    cookie,
    tableId,
    priority,
    idleTimeout,
    hardTimeout,
    durationSec,
    durationNsec,
    idleAge: -1,
    hardAge: -1,
    packetCount,
    byteCount,
    actions: readInstructions(r, restForInstructions(r, start, length), c),
    flags,
    importance: c.version >= 5 ? importance : 0,
  };
}

function decodeFlow10(r: ByteReader, c: DecodeContext): FlowStats {
  const start = r.pos;
  const length = r.u16();
  const tableId = r.u8();
  r.skip(1);
  const match = readMatch10(r, false, c.options.matches);
  const durationSec = r.u32();
  const durationNsec = r.u32();
  const priority = r.u16();
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  r.skip(6);
  const cookie = r.u64();
  const packetCount = r.u64();
  const byteCount = r.u64();
  return {
    match,
    cookie,
    tableId,
    priority,
    idleTimeout,
    hardTimeout,
    durationSec,
    durationNsec,
    idleAge: -1,
    hardAge: -1,
    packetCount,
    byteCount,
    actions: readInstructions(r, rest(r, start, length), c),
    flags: 0,
    importance: 0,
  };
}

function decodeFlowNx(r: ByteReader, c: DecodeContext): FlowStats {
  const start = r.pos;
  const length = r.u16();
  const tableId = r.u8();
  r.skip(1);
  const durationSec = r.u32();
  const durationNsec = r.u32();
  const priority = r.u16();
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  const matchLength = r.u16();
  const idleAge = r.u16();
  const hardAge = r.u16();
  const cookie = r.u64();
  const packetCount = r.u64();
  const byteCount = r.u64();
  // That there is so much is for the match to check.
  if (length - (r.pos - start) < ((matchLength + 7) & ~7)) {
    log.warnRl(limit, `NXST_FLOW reply with match_len=${matchLength} claims invalid length ${length}`);
    throw new OfpError('OFPBRC_BAD_LEN');
  }
  const { match } = readNxMatch(r, matchLength, c, c.options.matches);
  return {
    match,
    cookie,
    tableId,
    priority,
    idleTimeout,
    hardTimeout,
    durationSec,
    durationNsec,
    idleAge: idleAge - 1,
    hardAge: hardAge - 1,
    packetCount,
    byteCount,
    actions: readInstructions(r, rest(r, start, length), c),
    flags: 0,
    importance: 0,
  };
}

function decodeFlow(r: ByteReader, c: DecodeContext): FlowStats {
  switch (c.raw) {
    case 'OFPST15_FLOW_REPLY':
      return decodeFlow15(r, c);
    case 'OFPST10_FLOW_REPLY':
      return decodeFlow10(r, c);
    case 'NXST_FLOW_REPLY':
      return decodeFlowNx(r, c);
    default:
      return decodeFlow11(r, c);
  }
}

const known = (count: bigint): bigint => (count === UNKNOWN_COUNT ? 0n : count);
/** Ages are one more on the wire, 0 for unknown. */
const wireAge = (age: number): number => (age < 0 ? 0 : Math.min(age + 1, 0xffff));

function encodeFlow(w: ByteWriter, s: FlowStats, c: EncodeContext): void {
  const { version } = c;
  const start = w.length;
  w.u16(0);
  switch (c.raw) {
    case 'OFPST15_FLOW_REPLY':
      w.u16(0).u8(s.tableId).u8(0).u16(s.priority).u16(s.idleTimeout).u16(s.hardTimeout);
      w.u16(encodeFlowFlags(s.flags, version)).u16(s.importance).u64(s.cookie);
      putOxmMatch(w, s.match, version);
      putOxs(w, { ...s, idleAge: s.idleAge < 0 ? UNKNOWN_DURATION : s.idleAge });
      break;
    case 'OFPST10_FLOW_REPLY':
      w.u8(s.tableId).u8(0);
      putMatch10(w, s.match);
      w.u32(s.durationSec).u32(s.durationNsec).u16(s.priority).u16(s.idleTimeout).u16(s.hardTimeout).zero(6);
      w.u64(s.cookie).u64(known(s.packetCount)).u64(known(s.byteCount));
      break;
    case 'NXST_FLOW_REPLY': {
      w.u8(s.tableId)
        .u8(0)
        .u32(s.durationSec)
        .u32(s.durationNsec)
        .u16(s.priority)
        .u16(s.idleTimeout)
        .u16(s.hardTimeout);
      const at = w.length;
      w.u16(0)
        .u16(wireAge(s.idleAge))
        .u16(wireAge(s.hardAge))
        .u64(s.cookie)
        .u64(s.packetCount)
        .u64(s.byteCount);
      w.patchU16(at, putNxMatch(w, s.match, 0n, 0n));
      break;
    }
    default:
      w.u8(s.tableId)
        .u8(0)
        .u32(s.durationSec)
        .u32(s.durationNsec)
        .u16(s.priority)
        .u16(s.idleTimeout)
        .u16(s.hardTimeout);
      w.u16(version >= 4 ? encodeFlowFlags(s.flags, version) : 0)
        .u16(version >= 5 ? s.importance : 0)
        .u16(0);
      w.u64(s.cookie).u64(known(s.packetCount)).u64(known(s.byteCount));
      putOxmMatch(w, s.match, version);
  }
  putInstructions(w, s.actions, version);
  if (w.length - start > MAX_LENGTH - 24) {
    log.warnRl(
      limit,
      'Flow exceeded the maximum flow statistics reply size and was excluded from the response set',
    );
    w.truncate(start);
  } else {
    w.patchU16(start, w.length - start);
  }
}

const count = (n: bigint): string => (n === 0n ? '0' : n === UNKNOWN_COUNT ? '?' : String(n));
const cookieText = (cookie: bigint): string => (cookie === 0n ? '0x0' : `0x${cookie.toString(16)}`);

/** The names of a flow's numbers in their colour. */
function labelsIn({ param, special, actions, end }: Colors) {
  return {
    cookie: `${param}cookie=${end}`,
    duration: `${param}duration=${end}`,
    table: `${special}table=${end}`,
    packets: `${param}n_packets=${end}`,
    bytes: `${param}n_bytes=${end}`,
    idleTimeout: `${param}idle_timeout=${end}`,
    hardTimeout: `${param}hard_timeout=${end}`,
    importance: `${param}importance=${end}`,
    idleAge: `${param}idle_age=${end}`,
    hardAge: `${param}hard_age=${end}`,
    actions: `${actions}actions=${end}`,
  };
}

/** Those of the last flow: to put them together for each is a tenth of a dump's time. */
let labels = { colors: NO_COLORS, ...labelsIn(NO_COLORS) };

/** One flow as `dump-flows` prints it. */
export function flowStatsText(s: FlowStats, f: NameContext, showStats: boolean): string {
  if (labels.colors !== f.colors) labels = { colors: f.colors, ...labelsIn(f.colors) };
  const l = labels;
  let t = '';
  if (showStats || s.cookie !== 0n) t += `${l.cookie}${cookieText(s.cookie)}, `;
  if (showStats) t += `${l.duration}${durationText(s.durationSec, s.durationNsec)}, `;
  if (showStats || s.tableId !== 0 || f.tableNames?.nameOf(s.tableId) !== undefined) {
    t += `${l.table}${formatTable(s.tableId, f.tableNames)}, `;
  }
  if (showStats) t += `${l.packets}${count(s.packetCount)}, ${l.bytes}${count(s.byteCount)}, `;
  if (s.idleTimeout) t += `${l.idleTimeout}${s.idleTimeout}, `;
  if (s.hardTimeout) t += `${l.hardTimeout}${s.hardTimeout}, `;
  if (s.flags) t += flowFlagsText(s.flags);
  if (s.importance) t += `${l.importance}${s.importance}, `;
  if (showStats && s.idleAge >= 0) t += `${l.idleAge}${s.idleAge}, `;
  if (showStats && s.hardAge >= 0 && s.hardAge !== s.durationSec) t += `${l.hardAge}${s.hardAge}, `;
  const match = matchText(s.match, f, s.priority);
  if (match !== '') t += `${match} `;
  return `${t}${l.actions}${actionsText(s.actions, f)}`;
}

export const flowStatsReply: Codec<'flow_stats_reply'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => decodeFlow(one, c),
      (flows) => ({ kind: 'flow_stats_reply', flows }),
    ),
  encode(w, m, c) {
    c.items(m.flows, (flow) => encodeFlow(w, flow, c));
  },
  format: (m, f) => m.flows.map((flow) => `\n ${flowStatsText(flow, f, true)}`).join(''),
  print(r, c, f, add) {
    while (r.left > 0) {
      c.options.matches?.reset();
      add(`\n ${flowStatsText(decodeFlow(r, c), f, true)}`);
    }
  },
};

export const aggregateStatsReply: Codec<'aggregate_stats_reply'> = {
  decode(r, c) {
    if (c.version >= 6) {
      const { packetCount, byteCount, flowCount } = readOxs(r);
      return { kind: 'aggregate_stats_reply', packetCount, byteCount, flowCount };
    }
    const packetCount = r.u64();
    const byteCount = r.u64();
    return { kind: 'aggregate_stats_reply', packetCount, byteCount, flowCount: r.u32() };
  },
  encode(w, m, c) {
    if (m.version >= 6) {
      putOxs(w, { packetCount: m.packetCount, byteCount: m.byteCount, flowCount: m.flowCount });
      return;
    }
    const standard10 = m.version === 1 && c.raw === 'OFPST_AGGREGATE_REPLY';
    const counts = standard10 ? [known(m.packetCount), known(m.byteCount)] : [m.packetCount, m.byteCount];
    w.u64(counts[0]!).u64(counts[1]!).u32(m.flowCount).u32(0);
  },
  format: (m) => ` packet_count=${m.packetCount} byte_count=${m.byteCount} flow_count=${m.flowCount}`,
};
