/**
 * OFPT_FLOW_MOD and NXT_FLOW_MOD: adds, changes and deletes flows. C counterpart: lib/ofp-flow.c.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { F, type Match } from '../../flow/layout.ts';
import { formatPort, formatTable, OFPP, portFromOf10, portToOf10 } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import { P, type Protocol, setProtocolTid, versionProtocol } from '../version.ts';
import {
  actionsText,
  checkActionsFor,
  matchText,
  putInstructions,
  putMatch10,
  putMatch11,
  putNxMatch,
  readInstructions,
  readMatch10,
  readMatch11,
  readNxMatch,
} from './body.ts';
import type { Codec, DecodeContext, EncodeContext, FormatContext } from './codec.ts';
import { decodeFlowFlags, encodeFlowFlags, flowFlagsText } from './flow-flags.ts';
import { type Body, FF, type FlowMod, type FlowModCommand, type Message, NO_BUFFER } from './message.ts';
import { readPort11 } from './phy-port.ts';
import { nxMatchText, of10MatchText } from './raw-match-text.ts';

const log = vlog('ofp_flow');
const limit = new RateLimit(5, 20);

export const OFPTT_ALL = 0xff;
export const OFPG_ANY = 0xffff_ffff;
/** The new cookie of a change that leaves cookies as they are. */
export const NO_COOKIE = 0xffff_ffff_ffff_ffffn;
const ETH_IP = 0x0800;
const ETH_IPV6 = 0x86dd;
/** Wildcard bits of an OpenFlow 1.0 match. */
const OFPFW10_ALL = 0x3fffff;
export const DEFAULT_PRIORITY = 32768;

/** By number on the wire. */
export const FLOW_MOD_COMMANDS: readonly FlowModCommand[] = [
  'add',
  'modify',
  'modify_strict',
  'delete',
  'delete_strict',
];
const COMMAND_TEXT: Readonly<Record<FlowModCommand, string>> = {
  add: 'ADD',
  modify: 'MOD',
  modify_strict: 'MOD_STRICT',
  delete: 'DEL',
  delete_strict: 'DEL_STRICT',
};

type FlowModBody = Body<'flow_mod'>;

/** A change with the defaults of what `values` leaves out: the addition of a flow that drops what it matches. */
export function flowModOf(values: Partial<FlowMod> & Pick<FlowMod, 'match'>): FlowMod {
  return {
    command: 'add',
    priority: DEFAULT_PRIORITY,
    cookie: 0n,
    cookieMask: 0n,
    newCookie: 0n,
    modifyCookie: false,
    tableId: 0,
    idleTimeout: 0,
    hardTimeout: 0,
    bufferId: NO_BUFFER,
    outPort: OFPP.NONE,
    outGroup: OFPG_ANY,
    flags: 0,
    importance: 0,
    actions: [],
    ...values,
  };
}

function commandOf(n: number): FlowModCommand {
  const command = FLOW_MOD_COMMANDS[n];
  if (command === undefined) throw new OfpError('OFPFMFC_BAD_COMMAND');
  return command;
}

/** Connection tracking addresses may only be matched for the IP version that the match is for. */
function checkCtTuple({ mask, flow }: Match): void {
  const dlType = flow[F.DL_TYPE]!;
  if ((mask[F.CT_NW_SRC]! | mask[F.CT_NW_DST]!) !== 0 && dlType !== ETH_IP) {
    throw new OfpError('OFPBAC_MATCH_INCONSISTENT');
  }
  if (dlType === ETH_IPV6) return;
  for (let i = 0; i < 4; i++) {
    if ((mask[F.CT_IPV6_SRC + i]! | mask[F.CT_IPV6_DST + i]!) !== 0)
      throw new OfpError('OFPBAC_MATCH_INCONSISTENT');
  }
}

/** Decodes what all forms have after the fixed part, and checks it. */
function finish(
  r: ByteReader,
  c: DecodeContext,
  m: FlowModBody,
  rawFlags: number,
  protocol: Protocol,
): FlowModBody {
  checkCtTuple(m.match);
  const actions = readInstructions(r, r.left, c);
  const flags = decodeFlowFlags(rawFlags, c.version, m.command);
  if (flags & FF.EMERG) {
    throw new OfpError(m.hardTimeout || m.idleTimeout ? 'OFPFMFC_BAD_EMERG_TIMEOUT' : 'OFPFMFC_TABLE_FULL');
  }
  const checked = checkActionsFor(actions, m.match, m.tableId, protocol, c);
  const result = m as { -readonly [K in keyof FlowModBody]: FlowModBody[K] };
  result.flags = flags;
  result.actions = checked;
  return result;
}

function decode11(r: ByteReader, c: DecodeContext): FlowModBody {
  const { version } = c;
  const wireCookie = r.u64();
  const wireMask = r.u64();
  const tableId = r.u8();
  const commandNumber = r.u8();
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  const priority = r.u16();
  const bufferId = r.u32();
  const portAt = r.sub(4);
  const wireGroup = r.u32();
  const rawFlags = r.u16();
  const wireImportance = r.u16();
  const match = readMatch11(r, c, c.options.matches);
  const isAdd = commandNumber === 0;
  const isDelete = commandNumber === 3 || commandNumber === 4;
  // In OpenFlow 1.1 a modify that does not match on the cookie adds what it does not find.
  const sets = isAdd || (version === 2 && (commandNumber === 1 || commandNumber === 2) && wireMask === 0n);
  if (tableId === OFPTT_ALL && (version === 2 || !isDelete)) throw new OfpError('OFPFMFC_BAD_TABLE_ID');
  const outPort = readPort11(portAt);
  const body: FlowModBody = {
    kind: 'flow_mod',
    command: commandOf(commandNumber),
    match,
    priority,
    cookie: sets ? 0n : wireCookie,
    cookieMask: sets ? 0n : wireMask,
    newCookie: sets ? wireCookie : NO_COOKIE,
    modifyCookie: false,
    tableId,
    idleTimeout,
    hardTimeout,
    bufferId,
    outPort,
    outGroup: isDelete ? wireGroup : OFPG_ANY,
    flags: 0,
    importance: version >= 5 && isAdd ? wireImportance : 0,
    actions: [],
  };
  return finish(r, c, body, rawFlags, versionProtocol(version));
}

function decode10(r: ByteReader, c: DecodeContext): FlowModBody {
  const tid = c.options.flowModTableId ?? false;
  const nxm = c.raw === 'NXT_FLOW_MOD';
  let match: Match;
  let cookie = 0n;
  let cookieMask = 0n;
  let wildcards = OFPFW10_ALL;
  if (!nxm) {
    wildcards = r.peekU32(0);
    match = readMatch10(r, true, c.options.matches);
  }
  const newCookie = r.u64();
  const command = r.u16();
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  const wirePriority = r.u16();
  const bufferId = r.u32();
  const outPort = portFromOf10(r.u16());
  const rawFlags = r.u16();
  if (nxm) {
    const matchLength = r.u16();
    r.skip(6);
    const nx = readNxMatch(r, matchLength, c, c.options.matches);
    match = nx.match;
    cookie = nx.cookie;
    cookieMask = nx.cookieMask;
    if ((command & 0xff) === 0 && cookieMask !== 0n) throw new OfpError('NXBRC_NXM_INVALID');
  }
  if (!tid && command > 0xff) {
    log.warnRl(limit, 'flow_mod has explicit table_id but flow_mod_table_id extension is not enabled');
  }
  const body: FlowModBody = {
    kind: 'flow_mod',
    command: commandOf(tid ? command & 0xff : command),
    match: match!,
    // A match of every bit has the highest priority in OpenFlow 1.0.
    priority: nxm || wildcards & OFPFW10_ALL ? wirePriority : 0xffff,
    cookie,
    cookieMask,
    newCookie,
    modifyCookie: newCookie !== NO_COOKIE,
    tableId: tid ? command >> 8 : OFPTT_ALL,
    idleTimeout,
    hardTimeout,
    bufferId,
    outPort,
    outGroup: OFPG_ANY,
    flags: 0,
    importance: 0,
    actions: [],
  };
  return finish(r, c, body, rawFlags, setProtocolTid(nxm ? P.OF10_NXM : P.OF10_STD, tid));
}

function encode11(w: ByteWriter, m: Message<'flow_mod'>, c: EncodeContext): void {
  const { version } = m;
  const command = FLOW_MOD_COMMANDS.indexOf(m.command);
  const isDelete = command >= 3;
  const sets = command === 0 || (version === 2 && !isDelete && m.cookieMask === 0n);
  w.u64(sets ? m.newCookie : m.cookie & m.cookieMask).u64(m.cookieMask);
  w.u8(m.tableId !== OFPTT_ALL || (version !== 2 && isDelete) ? m.tableId : 0).u8(command);
  w.u16(m.idleTimeout).u16(m.hardTimeout).u16(m.priority).u32(m.bufferId).u32(m.outPort).u32(m.outGroup);
  w.u16(encodeFlowFlags(m.flags, version)).u16(version >= 5 && command === 0 ? m.importance : 0);
  putMatch11(w, m.match, c.version);
  putInstructions(w, m.actions, version);
}

function encode10(w: ByteWriter, m: Message<'flow_mod'>, c: EncodeContext): void {
  const nxm = c.raw === 'NXT_FLOW_MOD';
  const command = FLOW_MOD_COMMANDS.indexOf(m.command);
  const tid = ((c.options.protocol ?? 0) & P.TID) !== 0;
  if (!nxm) putMatch10(w, m.match);
  w.u64(m.newCookie).u16(tid ? command | (m.tableId << 8) : command);
  w.u16(m.idleTimeout).u16(m.hardTimeout).u16(m.priority).u32(m.bufferId);
  w.u16(portToOf10(m.outPort)).u16(encodeFlowFlags(m.flags, 1));
  if (nxm) {
    const at = w.length;
    w.zero(8);
    w.patchU16(at, putNxMatch(w, m.match, m.cookie, m.cookieMask));
  }
  putInstructions(w, m.actions, 1);
}

const hex = (n: bigint): string => `0x${n.toString(16)}`;

/** From here on a match of OpenFlow 1.0 is printed as it is in the message. */
const RAW_VERBOSITY = 3;

function rawMatchText(f: FormatContext): string | undefined {
  if (f.raw === 'NXT_FLOW_MOD') return nxMatchText(f.bytes);
  return f.raw === 'OFPT10_FLOW_MOD' ? of10MatchText(f.bytes, f.portNames) : undefined;
}

export const flowMod: Codec<'flow_mod'> = {
  decode: (r, c) => (c.raw === 'OFPT11_FLOW_MOD' ? decode11(r, c) : decode10(r, c)),
  encode: (w, m, c) => (c.raw === 'OFPT11_FLOW_MOD' ? encode11(w, m, c) : encode10(w, m, c)),
  format(m, f) {
    let s = ` ${COMMAND_TEXT[m.command]}`;
    if (m.tableId !== 0 || f.tableNames?.nameOf(0) !== undefined)
      s += ` table:${formatTable(m.tableId, f.tableNames)}`;
    const rawMatch = f.verbosity >= RAW_VERBOSITY ? rawMatchText(f) : undefined;
    // A blank before and behind the match, or one alone. (To ask `s` what it ends with would make V8 copy it.)
    const match = rawMatch ?? matchText(m.match, f, m.priority);
    s += match === '' ? ' ' : ` ${match} `;
    if (m.newCookie !== 0n && m.newCookie !== NO_COOKIE) s += `cookie:${hex(m.newCookie)} `;
    if (m.cookieMask !== 0n) s += `cookie:${hex(m.cookie)}/${hex(m.cookieMask)} `;
    if (m.idleTimeout) s += `idle:${m.idleTimeout} `;
    if (m.hardTimeout) s += `hard:${m.hardTimeout} `;
    if (m.importance) s += `importance:${m.importance} `;
    if (rawMatch !== undefined && m.priority !== DEFAULT_PRIORITY) s += `pri:${m.priority} `;
    if (m.bufferId !== NO_BUFFER) s += `buf:0x${m.bufferId.toString(16)} `;
    if (m.outPort !== OFPP.NONE) s += `out_port:${formatPort(m.outPort, f.portNames)} `;
    // OpenFlow 1.0 and 1.1 have no such flag on the wire.
    const flags = f.version <= 2 ? m.flags & ~FF.RESET_COUNTS : m.flags;
    return `${s}${flowFlagsText(flags)}actions=${actionsText(m.actions, f)}`;
  },
};
