/**
 * Packet-ins: OFPT_PACKET_IN of every version, NXT_PACKET_IN, NXT_PACKET_IN2, and NXT_RESUME, which returns a
 * paused packet to the switch. C counterpart: lib/ofp-packet.c.
 *
 * What resuming needs (the continuation) is private to the switch that made it: its layout here is that of the
 * C implementation so that either can print the other's.
 */

import { ByteReader, type ByteWriter } from '../../base/bytes.ts';
import { hexDump } from '../../base/hex-dump.ts';
import { formatUuid, parseUuid, ZERO_UUID } from '../../base/uuid.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { F } from '../../flow/layout.ts';
import { formatTable, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import type { OfpAct } from '../actions/action.ts';
import { OfpError } from '../errors.ts';
import {
  actionsText,
  checkTogether,
  inPortMatch,
  matchText,
  packetText,
  putActions,
  putMatch11,
  putNxMatch,
  putOxmFields,
  readActions,
  readNxMatchLoose,
  readOxmFields,
  readOxmMatchLoose,
} from './body.ts';
import type { Codec, DecodeContext, FormatContext } from './codec.ts';
import { DEFAULT_PRIORITY } from './flow-mod.ts';
import { type Continuation, NO_BUFFER, OFPR, type PacketIn, UNKNOWN_COUNT } from './message.ts';
import { readPort11 } from './phy-port.ts';
import {
  eachProperty,
  type Property,
  propertyNested,
  propertyPayload,
  propertyU8,
  propertyU32,
  propertyU64,
  putProperty,
  putPropertyNested,
  putPropertyU32,
  putPropertyU64,
  unknownProperty,
} from './properties.ts';

const log = vlog('ofp_packet');
const limit = new RateLimit(1, 5);

/** Properties of NXT_PACKET_IN2. */
const NXPINT = {
  PACKET: 0,
  FULL_LEN: 1,
  BUFFER_ID: 2,
  TABLE_ID: 3,
  COOKIE: 4,
  REASON: 5,
  METADATA: 6,
  USERDATA: 7,
  CONTINUATION: 8,
} as const;

/** Properties of a continuation. */
const NXCPT = {
  BRIDGE: 0x8000,
  STACK: 0x8001,
  MIRRORS: 0x8002,
  CONNTRACKED: 0x8003,
  TABLE_ID: 0x8004,
  COOKIE: 0x8005,
  ACTIONS: 0x8006,
  ACTION_SET: 0x8007,
  ODP_PORT: 0x8008,
} as const;

const MAX_STACK_ITEM = 128;
const EMPTY = new Uint8Array(0);

const REASONS = ['no_match', 'action', 'invalid_ttl', 'action_set', 'group', 'packet_out', '', ''];
export const packetInReasonText = (reason: number): string => REASONS[reason] ?? String(reason);

/** The reason as that version can say it. */
function wireReason(reason: number, version: number): number {
  switch (reason) {
    case OFPR.ACTION_SET:
    case OFPR.GROUP:
    case OFPR.PACKET_OUT:
      return version < 5 ? OFPR.ACTION : reason;
    case OFPR.EXPLICIT_MISS:
      return version < 4 ? OFPR.ACTION : OFPR.NO_MATCH;
    case OFPR.IMPLICIT_MISS:
      return OFPR.NO_MATCH;
    default:
      return reason;
  }
}

// Continuations.

const decodeActionsProperty = (p: Property, c: DecodeContext): readonly OfpAct[] => {
  const r = propertyNested(p);
  return readActions(r, r.left, c);
};

function decodeContinuation(r: ByteReader, c: DecodeContext): Continuation {
  let bridge = ZERO_UUID;
  const stack: Uint8Array[] = [];
  let mirrors = 0;
  let conntracked = false;
  let table = 0;
  let cookie = 0n;
  const actions: OfpAct[] = [];
  const actionSet: OfpAct[] = [];
  let odpPort: number | undefined;
  eachProperty(r, (p) => {
    switch (p.experimenter ? -1 : p.type) {
      case NXCPT.BRIDGE: {
        const payload = propertyPayload(p);
        if (payload.length !== 16) throw new OfpError('OFPBPC_BAD_LEN');
        bridge = formatUuid(swapWords(payload));
        break;
      }
      case NXCPT.STACK: {
        const payload = propertyPayload(p);
        if (payload.length > MAX_STACK_ITEM) {
          log.warnRl(limit, `NXCPT_STACK property has bad length ${payload.length}`);
          throw new OfpError('OFPBPC_BAD_LEN');
        }
        stack.push(payload);
        break;
      }
      case NXCPT.MIRRORS:
        mirrors = propertyU32(p);
        break;
      case NXCPT.CONNTRACKED:
        conntracked = true;
        break;
      case NXCPT.TABLE_ID:
        table = propertyU8(p);
        break;
      case NXCPT.COOKIE:
        cookie = propertyU64(p);
        break;
      case NXCPT.ACTIONS:
        actions.push({ kind: 'unroll_xlate', table, cookie }, ...decodeActionsProperty(p, c));
        // A conjunction goes with no other action, so there can be none.
        checkTogether(actions, c);
        break;
      case NXCPT.ACTION_SET:
        actionSet.push(...decodeActionsProperty(p, c));
        break;
      case NXCPT.ODP_PORT:
        odpPort = propertyU32(p) || undefined;
        break;
      default:
        unknownProperty(log, c.loose, 'continuation', p);
    }
  });
  return { bridge, stack, mirrors, conntracked, actions, actionSet, odpPort };
}

function putActionsProperty(w: ByteWriter, type: number, actions: readonly OfpAct[], version: number): void {
  if (actions.length) putPropertyNested(w, type, () => putActions(w, actions, version));
}

/** Actions in groups that each begin with an unroll_xlate, whose table and cookie become properties. */
function putUnrolledActions(w: ByteWriter, actions: readonly OfpAct[], version: number): void {
  let table = 0;
  let cookie = 0n;
  let group: OfpAct[] = [];
  for (const act of actions) {
    if (act.kind !== 'unroll_xlate') {
      group.push(act);
      continue;
    }
    putActionsProperty(w, NXCPT.ACTIONS, group, version);
    group = [];
    if (act.table !== table) putProperty(w, NXCPT.TABLE_ID, () => w.u8(act.table));
    if (act.cookie !== cookie) putPropertyU64(w, NXCPT.COOKIE, act.cookie);
    table = act.table;
    cookie = act.cookie;
  }
  putActionsProperty(w, NXCPT.ACTIONS, group, version);
}

/** C sends a UUID as it lies in memory: four words, on all common machines with the last byte first. */
const swapWords = (bytes: Uint8Array): Uint8Array => bytes.map((_, i) => bytes[i ^ 3]!);

const uuidBytes = (uuid: string): Uint8Array =>
  swapWords(
    Uint8Array.from((parseUuid(uuid) ?? ZERO_UUID).replaceAll('-', '').match(/../g)!, (h) =>
      Number.parseInt(h, 16),
    ),
  );

function putContinuation(w: ByteWriter, k: Continuation, version: number): void {
  const before = w.length;
  putPropertyNested(w, NXPINT.CONTINUATION, () => {
    if (k.bridge !== ZERO_UUID) putProperty(w, NXCPT.BRIDGE, () => w.put(uuidBytes(k.bridge)));
    for (const item of k.stack) putProperty(w, NXCPT.STACK, () => w.put(item));
    if (k.mirrors) putPropertyU32(w, NXCPT.MIRRORS, k.mirrors);
    if (k.conntracked) putProperty(w, NXCPT.CONNTRACKED, () => {});
    putUnrolledActions(w, k.actions, version);
    putActionsProperty(w, NXCPT.ACTION_SET, k.actionSet, version);
    if (k.odpPort) putPropertyU32(w, NXCPT.ODP_PORT, k.odpPort);
  });
  if (w.length === before + 8) w.truncate(before);
}

// Forms.

function decodeNx2(r: ByteReader, c: DecodeContext): PacketIn {
  let packet = EMPTY;
  let totalLen = 0;
  let bufferId = NO_BUFFER;
  let tableId = 0;
  let cookie = UNKNOWN_COUNT;
  let reason = 0;
  let metadata = inPortMatch(undefined);
  let userdata = EMPTY;
  let continuation: ByteReader | undefined;
  eachProperty(r, (p) => {
    switch (p.experimenter ? -1 : p.type) {
      case NXPINT.PACKET:
        packet = propertyPayload(p) as Uint8Array<ArrayBuffer>;
        break;
      case NXPINT.FULL_LEN:
        totalLen = propertyU32(p);
        break;
      case NXPINT.BUFFER_ID:
        bufferId = propertyU32(p);
        break;
      case NXPINT.TABLE_ID:
        tableId = propertyU8(p);
        break;
      case NXPINT.COOKIE:
        cookie = propertyU64(p);
        break;
      case NXPINT.REASON:
        reason = propertyU8(p);
        break;
      case NXPINT.METADATA:
        metadata = readOxmFields(new ByteReader(propertyPayload(p)), c);
        break;
      case NXPINT.USERDATA:
        userdata = propertyPayload(p) as Uint8Array<ArrayBuffer>;
        break;
      case NXPINT.CONTINUATION:
        // What everybody may see comes first.
        continuation = propertyNested(p);
        break;
      default:
        unknownProperty(log, c.loose, 'NX_PACKET_IN2', p);
    }
  });
  if (packet.length === 0) {
    log.warnRl(limit, 'NXT_PACKET_IN2 lacks packet');
    throw new OfpError('OFPBRC_BAD_LEN');
  }
  if (totalLen === 0) totalLen = packet.length;
  else if (totalLen < packet.length) {
    log.warnRl(limit, 'NXT_PACKET_IN2 claimed full_len < len');
    throw new OfpError('OFPBRC_BAD_LEN');
  }
  const fixed = {
    format: 'nxt_packet_in2' as const,
    packet,
    totalLen,
    bufferId,
    metadata,
    reason,
    tableId,
    cookie,
    userdata,
  };
  return continuation ? { ...fixed, continuation: decodeContinuation(continuation, c) } : fixed;
}

function putNx2(w: ByteWriter, m: PacketIn, version: number): void {
  putProperty(w, NXPINT.PACKET, () => w.put(m.packet));
  if (m.totalLen !== m.packet.length) putPropertyU32(w, NXPINT.FULL_LEN, m.totalLen);
  putProperty(w, NXPINT.TABLE_ID, () => w.u8(m.tableId));
  if (m.cookie !== UNKNOWN_COUNT) putPropertyU64(w, NXPINT.COOKIE, m.cookie);
  putProperty(w, NXPINT.REASON, () => w.u8(wireReason(m.reason, version)));
  putProperty(w, NXPINT.METADATA, () => putOxmFields(w, m.metadata, version));
  if (m.continuation) putContinuation(w, m.continuation, version);
}

/** Takes the packet after the two bytes of padding that align its IP header. */
function paddedPacket(r: ByteReader): Uint8Array {
  if (r.left < 2) throw new OfpError('OFPBRC_BAD_LEN');
  r.skip(2);
  return r.take(r.left);
}

function decodeStandard(r: ByteReader, c: DecodeContext): PacketIn {
  const base = { userdata: EMPTY, cookie: UNKNOWN_COUNT, tableId: 0, format: 'standard' as const };
  const bufferId = r.u32();
  if (c.raw === 'OFPT10_PACKET_IN') {
    const totalLen = r.u16();
    const metadata = inPortMatch(portFromOf10(r.u16()));
    const reason = r.u8();
    r.skip(1);
    return { ...base, bufferId, totalLen, metadata, reason, packet: r.take(r.left) };
  }
  if (c.raw === 'OFPT11_PACKET_IN') {
    const metadata = inPortMatch(readPort11(r));
    r.skip(4);
    const totalLen = r.u16();
    const reason = r.u8();
    return { ...base, bufferId, metadata, totalLen, reason, tableId: r.u8(), packet: r.take(r.left) };
  }
  const totalLen = r.u16();
  const reason = r.u8();
  const tableId = r.u8();
  const cookie = c.raw === 'OFPT13_PACKET_IN' ? r.u64() : UNKNOWN_COUNT;
  const metadata = readOxmMatchLoose(r, c);
  return { ...base, bufferId, totalLen, reason, tableId, cookie, metadata, packet: paddedPacket(r) };
}

function decodeNx(r: ByteReader, c: DecodeContext): PacketIn {
  const bufferId = r.u32();
  const totalLen = r.u16();
  const reason = r.u8();
  const tableId = r.u8();
  const cookie = r.u64();
  const matchLength = r.u16();
  r.skip(6);
  const metadata = readNxMatchLoose(r, matchLength, c);
  const packet = paddedPacket(r);
  return {
    format: 'nxt_packet_in',
    bufferId,
    totalLen,
    reason,
    tableId,
    cookie,
    metadata,
    packet,
    userdata: EMPTY,
  };
}

const delimitedHex = (bytes: Uint8Array): string =>
  Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('.');

/** A value from the stack: hexadecimal without leading zeros, or 0. */
function stackItem(bytes: Uint8Array): string {
  const value = bytes.reduce((n, b) => (n << 8n) | BigInt(b), 0n);
  return value === 0n ? '0' : `0x${value.toString(16)}`;
}

function continuationText(k: Continuation, f: FormatContext): string {
  let s = '';
  if (k.bridge !== ZERO_UUID) s += ` continuation.bridge=${k.bridge}\n`;
  if (k.stack.length) s += ` continuation.stack=(top) ${k.stack.map(stackItem).join(' ')} (bottom)\n`;
  if (k.mirrors) s += ` continuation.mirrors=0x${k.mirrors.toString(16)}\n`;
  if (k.conntracked) s += ' continuation.conntracked=true\n';
  if (k.actions.length) s += ` continuation.actions=${actionsText(k.actions, f)}\n`;
  if (k.actionSet.length) s += ` continuation.action_set=${actionsText(k.actionSet, f)}\n`;
  if (k.odpPort) s += ` continuation.odp_port=${k.odpPort}\n`;
  return s;
}

function packetInText(m: PacketIn, f: FormatContext): string {
  let s = '';
  if (m.tableId || f.tableNames?.nameOf(m.tableId) !== undefined)
    s += ` table_id=${formatTable(m.tableId, f.tableNames)}`;
  if (m.cookie !== UNKNOWN_COUNT) s += ` cookie=0x${m.cookie.toString(16)}`;
  s += ` total_len=${m.totalLen} ${matchText(m.metadata, f, DEFAULT_PRIORITY)}`;
  s += ` (via ${packetInReasonText(m.reason)}) data_len=${m.packet.length}`;
  if (m.bufferId === NO_BUFFER) {
    s += ' (unbuffered)';
    if (m.totalLen !== m.packet.length) s += ' (***total_len != data_len***)';
  } else {
    s += ` buffer=0x${m.bufferId.toString(16).padStart(8, '0')}`;
    if (m.totalLen < m.packet.length) s += ' (***total_len < data_len***)';
  }
  s += '\n';
  if (m.userdata.length) s += ` userdata=${delimitedHex(m.userdata)}\n`;
  if (m.continuation) s += continuationText(m.continuation, f);
  if (f.verbosity > 0) s += packetText(m.packet, m.metadata.flow[F.PACKET_TYPE]!);
  if (f.verbosity > 2) s += hexDump(m.packet, 0, false);
  return s;
}

export const packetIn: Codec<'packet_in'> = {
  decode(r, c) {
    const body =
      c.raw === 'NXT_PACKET_IN'
        ? decodeNx(r, c)
        : c.raw === 'NXT_PACKET_IN2'
          ? decodeNx2(r, c)
          : decodeStandard(r, c);
    return { kind: 'packet_in', ...body };
  },
  encode(w, m, c) {
    const { version } = m;
    const reason = wireReason(m.reason, version);
    const inPort = m.metadata.flow[F.IN_PORT]!;
    switch (c.raw) {
      case 'OFPT10_PACKET_IN':
        w.u32(m.bufferId).u16(m.totalLen).u16(portToOf10(inPort)).u8(reason).u8(0);
        break;
      case 'OFPT11_PACKET_IN':
        w.u32(m.bufferId).u32(inPort).u32(inPort).u16(m.totalLen).u8(reason).u8(m.tableId);
        break;
      case 'NXT_PACKET_IN': {
        w.u32(m.bufferId).u16(m.totalLen).u8(reason).u8(m.tableId).u64(m.cookie);
        const at = w.length;
        w.zero(8);
        w.patchU16(at, putNxMatch(w, m.metadata, 0n, 0n));
        w.u16(0);
        break;
      }
      case 'NXT_PACKET_IN2':
        putNx2(w, m, version);
        if (m.userdata.length) putProperty(w, NXPINT.USERDATA, () => w.put(m.userdata));
        return;
      default:
        w.u32(m.bufferId).u16(m.totalLen).u8(reason).u8(m.tableId);
        if (version >= 4) w.u64(m.cookie);
        putMatch11(w, m.metadata, version);
        w.u16(0);
    }
    w.put(m.packet);
  },
  format: packetInText,
  choose(m, forms) {
    if (m.format === 'nxt_packet_in2') return 'NXT_PACKET_IN2';
    if (m.format === 'nxt_packet_in') return 'NXT_PACKET_IN';
    return forms.find((f) => f.vendor === 0)!.id;
  },
};

export const resume: Codec<'nxt_resume'> = {
  decode: (r, c) => ({ kind: 'nxt_resume', ...decodeNx2(r, c) }),
  encode: (w, m) => putNx2(w, m, m.version),
  format: packetInText,
};
