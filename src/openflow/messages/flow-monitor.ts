/**
 * Flow monitors: OFPST_FLOW_MONITOR and its Nicira and ONF forms, cancellation, pause and resumption.
 * C counterpart: lib/ofp-monitor.c.
 */
import { ByteReader, type ByteWriter } from '../../base/bytes.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { catchAllMatch, type Match } from '../../flow/layout.ts';
import { formatPort, formatTable, OFPP, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import {
  actionsText,
  matchText,
  putActions,
  putInstructions,
  putMatch11,
  putNxMatch,
  readActions,
  readInstructions,
  readMatch11,
  readNxMatch,
} from './body.ts';
import {
  type Codec,
  type DecodeContext,
  type EncodeContext,
  emptyCodec,
  type FormatContext,
} from './codec.ts';
import { DEFAULT_PRIORITY, OFPG_ANY } from './flow-mod.ts';
import { flowRemovedReasonText } from './flow-removed.ts';
import type { FlowMonitorRequest, FlowUpdate } from './message.ts';
import { readPort11 } from './phy-port.ts';
import { bitNames } from './text.ts';

const log = vlog('ofp_monitor');
const limit = new RateLimit(1, 5);

/** Flags of a monitor, as OpenFlow 1.4 numbers them. */
export const OFPFMF = {
  INITIAL: 1,
  ADD: 2,
  REMOVED: 4,
  MODIFY: 8,
  INSTRUCTIONS: 16,
  NO_ABBREV: 32,
  ONLY_OWN: 64,
} as const;
const FLAG_NAMES: Readonly<Record<number, string>> = {
  1: 'initial',
  2: 'add',
  4: 'delete',
  8: 'modify',
  16: 'actions',
  32: 'no-abbrev',
  64: 'own',
};
const CHANGES = OFPFMF.ADD | OFPFMF.REMOVED | OFPFMF.MODIFY;
/** Older forms have "own" at bit 5 and no "no-abbrev". */
const NX_FLAGS = 0x3f;
const NX_OWN = 32;
const fromNxFlags = (flags: number): number => (flags & 0x1f) | (flags & NX_OWN ? OFPFMF.ONLY_OWN : 0);
const toNxFlags = (flags: number): number => (flags & 0x1f) | (flags & OFPFMF.ONLY_OWN ? NX_OWN : 0);

const COMMANDS = ['add', 'modify', 'delete'] as const;

function checkFlags(flags: number, known: number, name: string): void {
  if (flags & CHANGES && !(flags & ~known)) return;
  log.warnRl(limit, `${name} has bad flags ${flags === 0 ? '0' : `0x${flags.toString(16)}`}`);
  throw new OfpError('OFPMOFC_BAD_FLAGS');
}

function skipZeros(r: ByteReader, n: number): void {
  if (r.take(n).some((b) => b !== 0)) throw new OfpError('NXBRC_MUST_BE_ZERO');
}

function decodeRequest(r: ByteReader, c: DecodeContext): FlowMonitorRequest {
  const id = r.u32();
  if (c.raw === 'OFPST14_FLOW_MONITOR_REQUEST') {
    const portAt = r.sub(4);
    const outGroup = r.u32();
    const flags = r.u16();
    const tableId = r.u8();
    // Which commands there are is no matter of text, which does not show them.
    const command = COMMANDS[r.u8()] ?? (c.loose ? 'add' : undefined);
    if (command === 'delete') {
      const match = readMatch11(r, c);
      return { id, command, flags: 0, outPort: OFPP.NONE, outGroup: OFPG_ANY, tableId, match };
    }
    checkFlags(flags, 0x5f, 'OFPST_FLOW_MONITOR');
    if (command === undefined) throw new OfpError('OFPMOFC_BAD_COMMAND');
    return { id, command, flags, outPort: readPort11(portAt), outGroup, tableId, match: readMatch11(r, c) };
  }
  const flags = r.u16();
  const common = { id, command: 'add' as const, flags: fromNxFlags(flags), outGroup: OFPG_ANY };
  if (c.raw === 'NXST_FLOW_MONITOR_REQUEST') {
    const outPort = portFromOf10(r.u16());
    const matchLength = r.u16();
    const tableId = r.u8();
    checkFlags(flags, NX_FLAGS, 'NXST_FLOW_MONITOR');
    skipZeros(r, 5);
    return { ...common, outPort, tableId, match: readNxMatch(r, matchLength, c).match };
  }
  r.skip(2);
  const portAt = r.sub(4);
  const tableId = r.u8();
  checkFlags(flags, NX_FLAGS, 'ONFST_FLOW_MONITOR');
  skipZeros(r, 3);
  return { ...common, outPort: readPort11(portAt), tableId, match: readMatch11(r, c) };
}

function encodeRequest(w: ByteWriter, m: FlowMonitorRequest, c: EncodeContext): void {
  w.u32(m.id);
  if (c.raw === 'OFPST14_FLOW_MONITOR_REQUEST') {
    const gone = m.command === 'delete';
    w.u32(gone ? 0 : m.outPort)
      .u32(gone ? 0 : m.outGroup)
      .u16(gone ? 0 : m.flags)
      .u8(gone ? 0 : m.tableId);
    w.u8(COMMANDS.indexOf(m.command));
    // A cancellation has no match in the C implementation's form; its receivers want one all the same.
    putMatch11(w, gone ? catchAllMatch() : m.match, c.version);
    return;
  }
  w.u16(toNxFlags(m.flags));
  if (c.raw === 'NXST_FLOW_MONITOR_REQUEST') {
    w.u16(portToOf10(m.outPort));
    const at = w.length;
    w.u16(0).u8(m.tableId).zero(5);
    w.patchU16(at, putNxMatch(w, m.match, 0n, 0n));
    return;
  }
  const at = w.length;
  w.u16(0).u32(m.outPort).u8(m.tableId).zero(3);
  w.patchU16(at, putMatch11(w, m.match, c.version));
}

function requestText(m: FlowMonitorRequest, f: FormatContext): string {
  if (m.command === 'delete') return `\n id=${m.id} command=delete`;
  let s = `\n id=${m.id} flags=${bitNames(m.flags, FLAG_NAMES, ',')}`;
  if (m.outPort !== OFPP.NONE) s += ` out_port=${formatPort(m.outPort, f.portNames)}`;
  if (m.outGroup && m.outGroup !== OFPG_ANY) s += ` out_group=${m.outGroup | 0}`;
  if (m.tableId !== 0xff) s += ` table=${formatTable(m.tableId, f.tableNames)}`;
  return `${s} ${matchText(m.match, f, DEFAULT_PRIORITY)}`.replace(/ $/, '');
}

export const flowMonitorRequest: Codec<'flow_monitor_stats_request'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => decodeRequest(one, c),
      (requests) => ({ kind: 'flow_monitor_stats_request', requests }),
    ),
  encode: (w, m, c) => c.items(m.requests, (request) => encodeRequest(w, request, c)),
  format: (m, f) => m.requests.map((request) => requestText(request, f)).join(''),
};

// Updates.

/** Events by number: since OpenFlow 1.4, and in the older forms. */
const EVENTS = ['initial', 'added', 'removed', 'modified', 'abbrev', 'paused', 'resumed'] as const;
const NX_EVENTS = ['added', 'removed', 'modified', 'abbrev'] as const;

function badLength(c: DecodeContext, left: number): never {
  log.warnRl(
    limit,
    `${c.raw.includes('OFPST') ? 'OFPST' : 'NXST'}_FLOW_MONITOR reply has ${left} leftover bytes at end`,
  );
  throw new OfpError('OFPBRC_BAD_LEN');
}

/** The match of an update `u` of the message `r`. As in C what is wrong with it counts more than that it is too long. */
function readUpdateMatch(u: ByteReader, r: ByteReader, c: DecodeContext): Match {
  const whole = new ByteReader(r.bytes, u.pos, r.end);
  const match = readMatch11(whole, c);
  u.skip(whole.pos - u.pos);
  return match;
}

function decodeUpdate(r: ByteReader, c: DecodeContext): FlowUpdate {
  const old = c.raw !== 'OFPST14_FLOW_MONITOR_REPLY';
  if (r.left < 4) badLength(c, r.left);
  const length = r.peekU16(0);
  const number = r.peekU16(2);
  if (length > r.left || length % 8) badLength(c, r.left);
  const event = (old ? NX_EVENTS : EVENTS)[number];
  if (event === undefined) {
    log.warnRl(limit, `NXST_FLOW_MONITOR reply has bad event ${number}`);
    throw new OfpError('NXBRC_FM_BAD_EVENT');
  }
  const full = event === 'initial' || event === 'added' || event === 'removed' || event === 'modified';
  if (full ? length < 24 : length !== 8) badLength(c, r.left);
  const u = r.sub(length);
  u.skip(4);
  if (event === 'abbrev') return { event, xid: u.u32() };
  if (event === 'paused' || event === 'resumed') return { event };
  if (!old) {
    const tableId = u.u8();
    const reason = u.u8();
    const idleTimeout = u.u16();
    const hardTimeout = u.u16();
    const priority = u.u16();
    u.skip(4);
    const cookie = u.u64();
    const match = readUpdateMatch(u, r, c);
    const actions = readInstructions(u, u.left, c);
    return { event, reason, idleTimeout, hardTimeout, tableId, priority, cookie, match, actions };
  }
  const reason = u.u16();
  const priority = u.u16();
  const idleTimeout = u.u16();
  const hardTimeout = u.u16();
  const matchLength = u.u16();
  const tableId = u.u8();
  u.skip(1);
  const cookie = u.u64();
  const head = { event, reason, idleTimeout, hardTimeout, tableId, priority, cookie };
  if (matchLength > u.left) badLength(c, r.left);
  if (c.raw === 'ONFST13_FLOW_MONITOR_REPLY') {
    const match = readUpdateMatch(u, r, c);
    return { ...head, match, actions: readInstructions(u, u.left, c) };
  }
  const { match } = readNxMatch(u, matchLength, c);
  return { ...head, match, actions: readActions(u, u.left, c) };
}

function encodeUpdate(w: ByteWriter, u: FlowUpdate, c: EncodeContext): void {
  const { version } = c;
  const old = c.raw !== 'OFPST14_FLOW_MONITOR_REPLY';
  const start = w.length;
  const oldEvent = u.event === 'initial' ? 'added' : u.event;
  const number = old ? (NX_EVENTS as readonly string[]).indexOf(oldEvent) : EVENTS.indexOf(u.event);
  if (number < 0) throw new OfpError('NXBRC_UNENCODABLE_ERROR', `flow update ${u.event}`);
  w.u16(0).u16(number);
  if (u.event === 'abbrev') w.u32(u.xid);
  else if (u.event === 'paused' || u.event === 'resumed') w.u32(0);
  else if (!old) {
    w.u8(u.tableId).u8(u.reason).u16(u.idleTimeout).u16(u.hardTimeout).u16(u.priority).u32(0).u64(u.cookie);
    putMatch11(w, u.match, version);
    putInstructions(w, u.actions, version);
  } else {
    w.u16(u.reason).u16(u.priority).u16(u.idleTimeout).u16(u.hardTimeout);
    const at = w.length;
    w.u16(0).u8(u.tableId).u8(0).u64(u.cookie);
    if (version === 4) {
      w.patchU16(at, putMatch11(w, u.match, version));
      putInstructions(w, u.actions, version);
    } else {
      w.patchU16(at, putNxMatch(w, u.match, 0n, 0n));
      putActions(w, u.actions, version);
    }
  }
  w.patchU16(start, w.length - start);
}

function updateText(u: FlowUpdate, f: FormatContext): string {
  if (u.event === 'abbrev') return `\n event=ABBREV xid=0x${u.xid.toString(16)}`;
  if (u.event === 'paused' || u.event === 'resumed') return `\n event=${u.event.toUpperCase()}`;
  let s =
    u.event === 'removed'
      ? `\n event=DELETED reason=${flowRemovedReasonText(u.reason)}`
      : `\n event=${u.event.toUpperCase()}`;
  s += ` table=${formatTable(u.tableId, f.tableNames)}`;
  if (u.idleTimeout) s += ` idle_timeout=${u.idleTimeout}`;
  if (u.hardTimeout) s += ` hard_timeout=${u.hardTimeout}`;
  s += ` cookie=${u.cookie === 0n ? '0' : `0x${u.cookie.toString(16)}`} ${matchText(u.match, f, DEFAULT_PRIORITY)}`;
  if (u.actions.length === 0) return s;
  return `${s}${s.endsWith(' ') ? '' : ' '}actions=${actionsText(u.actions, f)}`;
}

export const flowMonitorReply: Codec<'flow_monitor_stats_reply'> = {
  decode: (r, c) =>
    c.items(
      r,
      (one) => decodeUpdate(one, c),
      (updates) => ({ kind: 'flow_monitor_stats_reply', updates }),
    ),
  encode: (w, m, c) => c.items(m.updates, (update) => encodeUpdate(w, update, c)),
  format: (m, f) => m.updates.map((update) => updateText(update, f)).join(''),
};

export const flowMonitorCancel: Codec<'flow_monitor_cancel'> = {
  decode: (r) => ({ kind: 'flow_monitor_cancel', id: r.u32() }),
  encode: (w, m) => void w.u32(m.id),
  format: (m) => ` id=${m.id}`,
};

export const flowMonitorPaused = emptyCodec('flow_monitor_paused');
export const flowMonitorResumed = emptyCodec('flow_monitor_resumed');
