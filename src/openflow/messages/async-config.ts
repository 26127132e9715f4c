/**
 * Which asynchronous messages a controller wants: OFPT_GET_ASYNC_REQUEST and _REPLY, OFPT_SET_ASYNC and the
 * Nicira forms. C counterpart: lib/ofp-connection.c.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { OfpError } from '../errors.ts';
import { type Codec, type DecodeContext, emptyCodec } from './codec.ts';
import { flowRemovedReasonText } from './flow-removed.ts';
import { ASYNC_TYPES, type AsyncConfig, type AsyncType, OFPR, type PartialAsyncConfig } from './message.ts';
import { packetInReasonText } from './packet-in.ts';
import { type Property, propertyU32, pullProperty, putPropertyU32, unknownProperty } from './properties.ts';
import { roleReasonText } from './role.ts';
import { tableReasonText } from './table-config.ts';

const log = vlog('ofp_connection');
const limit = new RateLimit(1, 5);

/** Bits that may be set, before OpenFlow 1.4 and since. */
const ALLOWED: Readonly<Record<AsyncType, readonly [number, number]>> = {
  packet_in: [0x07, 0x3f],
  port_status: [0x07, 0x07],
  flow_removed: [0x3f, 0x3f],
  role_status: [0x07, 0x07],
  table_status: [0x18, 0x18],
  requestforward: [0x03, 0x03],
};
/** The three of OpenFlow 1.3, in the order of the message. */
const LEGACY: readonly AsyncType[] = ['packet_in', 'port_status', 'flow_removed'];

type Masks = Partial<Record<AsyncType, number>>;

const allowed = (type: AsyncType, version: number): number => ALLOWED[type][version >= 5 ? 1 : 0];

const portReasons = ['add', 'delete', 'modify'];
const forwardReasons = ['group_mod_request', 'meter_mod_request'];
const REASON_TEXT: Readonly<Record<AsyncType, (reason: number) => string>> = {
  packet_in: packetInReasonText,
  port_status: (n) => portReasons[n] ?? String(n),
  flow_removed: flowRemovedReasonText,
  role_status: roleReasonText,
  table_status: tableReasonText,
  requestforward: (n) => forwardReasons[n] ?? String(n),
};

/** Asking for misses means those of an explicit table-miss flow and, before OpenFlow 1.3, of none. */
function impliedMisses(type: AsyncType, mask: number, version: number): number {
  if (type !== 'packet_in' || !(mask & (1 << OFPR.NO_MATCH))) return mask;
  return mask | (1 << OFPR.EXPLICIT_MISS) | (version < 4 ? 1 << OFPR.IMPLICIT_MISS : 0);
}

function decodeMask(mask: number, type: AsyncType, version: number, loose: boolean): number {
  const bits = allowed(type, version);
  if (mask & ~bits) {
    const text = `bad value 0x${mask.toString(16)} for ${type.toUpperCase()} (allowed mask 0x${bits.toString(16)})`;
    if (loose) log.dbgRl(limit, text);
    else log.warnRl(limit, text);
    if (!loose) throw new OfpError('OFPACFC_INVALID');
  }
  return impliedMisses(type, mask & bits, version);
}

function decodeLegacy(r: ByteReader, version: number): { primary: Masks; secondary: Masks } {
  const primary: Masks = {};
  const secondary: Masks = {};
  for (const type of LEGACY) {
    primary[type] = decodeMask(r.u32(), type, version, true);
    secondary[type] = decodeMask(r.u32(), type, version, true);
  }
  for (const type of ASYNC_TYPES) {
    primary[type] ??= 0;
    secondary[type] ??= 0;
  }
  return { primary, secondary };
}

function decodeProperty(
  p: Property,
  c: DecodeContext,
  loose: boolean,
  masks: { primary: Masks; secondary: Masks },
): void {
  const type = p.experimenter ? undefined : ASYNC_TYPES[p.type >> 1];
  if (type === undefined) {
    unknownProperty(log, loose, 'async config', p);
    return;
  }
  const role = p.type & 1 ? masks.primary : masks.secondary;
  role[type] = decodeMask(propertyU32(p), type, c.version, loose);
}

function decode(r: ByteReader, c: DecodeContext, loose: boolean): PartialAsyncConfig {
  if (
    c.raw === 'OFPT13_SET_ASYNC' ||
    c.raw === 'NXT_SET_ASYNC_CONFIG' ||
    c.raw === 'OFPT13_GET_ASYNC_REPLY'
  ) {
    return decodeLegacy(r, c.version);
  }
  const masks = { primary: {} as Masks, secondary: {} as Masks };
  try {
    while (r.left > 0) decodeProperty(pullProperty(r, 0xfffe), c, loose, masks);
  } catch (error) {
    // This message has an error of its own for what others call OFPBPC_BAD_TYPE.
    if (error instanceof OfpError && error.code === 'OFPBPC_BAD_TYPE')
      throw new OfpError('OFPACFC_UNSUPPORTED');
    throw error;
  }
  return masks;
}

function encode(w: ByteWriter, config: PartialAsyncConfig, version: number, tlv: boolean): void {
  const mask = (role: Masks, type: AsyncType): number => (role[type] ?? 0) & allowed(type, version);
  if (!tlv) {
    for (const type of LEGACY) w.u32(mask(config.primary, type)).u32(mask(config.secondary, type));
    return;
  }
  ASYNC_TYPES.forEach((type, i) => {
    if (config.secondary[type] !== undefined) putPropertyU32(w, 2 * i, mask(config.secondary, type));
    if (config.primary[type] !== undefined) putPropertyU32(w, 2 * i + 1, mask(config.primary, type));
  });
}

function format(config: PartialAsyncConfig): string {
  const role = (name: string, masks: Masks): string => {
    const lines = ASYNC_TYPES.map((type) => {
      const mask = masks[type] ?? 0;
      const reasons: string[] = [];
      for (let i = 0; i < 32; i++) if (mask & (1 << i)) reasons.push(REASON_TEXT[type](i));
      const text = reasons
        .filter((s) => s !== '')
        .map((s) => ` ${s}`)
        .join('');
      return `${type.toUpperCase().padStart(16)}:${text}${mask ? '' : ' (off)'}\n`;
    });
    return `\n ${name}:\n${lines.join('')}`;
  };
  return role('primary', config.primary) + role('secondary', config.secondary);
}

/** What a new connection of that version gets. */
export function defaultAsyncConfig(version: number): AsyncConfig {
  const misses = (1 << OFPR.EXPLICIT_MISS) | (version <= 3 ? 1 << OFPR.IMPLICIT_MISS : 0);
  const packetIn = (0x3f & ~(1 << OFPR.INVALID_TTL)) | misses;
  const none = { packet_in: 0, flow_removed: 0, role_status: 0, table_status: 0, requestforward: 0 };
  const flowRemoved = version >= 5 ? 0x3f : version === 4 ? 0x0f : 0x07;
  return {
    primary: { ...none, packet_in: packetIn, port_status: 7, flow_removed: flowRemoved },
    secondary: { ...none, port_status: 7 },
  };
}

export const getAsyncRequest = emptyCodec('get_async_request');

export const getAsyncReply: Codec<'get_async_reply'> = {
  decode(r, c) {
    const { primary, secondary } = decode(r, c, true);
    const full = (masks: Masks): Record<AsyncType, number> =>
      Object.fromEntries(ASYNC_TYPES.map((t) => [t, masks[t] ?? 0])) as Record<AsyncType, number>;
    return { kind: 'get_async_reply', config: { primary: full(primary), secondary: full(secondary) } };
  },
  encode: (w, m) => encode(w, m.config, m.version, m.version >= 5),
  format: (m) => format(m.config),
};

export const setAsyncConfig: Codec<'set_async_config'> = {
  decode: (r, c) => ({ kind: 'set_async_config', config: decode(r, c, false) }),
  encode: (w, m, c) =>
    encode(w, m.config, m.version, c.raw === 'OFPT14_SET_ASYNC' || c.raw === 'NXT_SET_ASYNC_CONFIG2'),
  format: (m) => format(m.config),
  choose: (m) =>
    m.version >= 5 ? 'OFPT14_SET_ASYNC' : m.version === 4 ? 'OFPT13_SET_ASYNC' : 'NXT_SET_ASYNC_CONFIG',
};
