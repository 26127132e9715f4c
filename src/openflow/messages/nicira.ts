/** Small Nicira extensions: connection settings, flow age, connection tracking flush by zone. */
import { RateLimit, vlog } from '../../base/vlog.ts';
import { OfpError } from '../errors.ts';
import { type Codec, emptyCodec } from './codec.ts';
import type { PacketInFormat } from './message.ts';

const log = vlog('ofp_packet');
const protocolLog = vlog('ofp_protocol');
const limit = new RateLimit(1, 5);

/** NXFF_*: match formats by number; 1 (tun_id from cookie) is gone. */
const FLOW_FORMATS = { openflow10: 0, nxm: 2 } as const;
/** By number on the wire. */
export const PACKET_IN_FORMATS: readonly PacketInFormat[] = ['standard', 'nxt_packet_in', 'nxt_packet_in2'];

export const setFlowFormat: Codec<'set_flow_format'> = {
  decode(r) {
    const n = r.u32();
    const format = n === 0 ? 'openflow10' : n === 2 ? 'nxm' : 'unknown';
    if (format === 'unknown')
      protocolLog.warnRl(limit, `NXT_SET_FLOW_FORMAT message specified invalid flow format ${n}`);
    return { kind: 'set_flow_format', format };
  },
  encode(w, m) {
    if (m.format === 'unknown') throw new OfpError('NXBRC_UNENCODABLE_ERROR');
    w.u32(FLOW_FORMATS[m.format]);
  },
  format: (m) => ` format=${m.format === 'unknown' ? '(unknown)' : m.format}`,
};

export const flowModTableId: Codec<'flow_mod_table_id'> = {
  decode: (r) => ({ kind: 'flow_mod_table_id', enable: r.u8() !== 0 }),
  encode: (w, m) => void w.u8(m.enable ? 1 : 0).zero(7),
  format: (m) => (m.enable ? ' enable' : ' disable'),
};

export const setPacketInFormat: Codec<'set_packet_in_format'> = {
  decode(r) {
    const n = r.u32();
    const format = PACKET_IN_FORMATS[n];
    if (format === undefined) {
      log.warnRl(limit, `NXT_SET_PACKET_IN_FORMAT message specified invalid packet-in format ${n}`);
      throw new OfpError('OFPBRC_EPERM');
    }
    return { kind: 'set_packet_in_format', format };
  },
  encode: (w, m) => void w.u32(PACKET_IN_FORMATS.indexOf(m.format)),
  format: (m) => ` format=${m.format}`,
};

export const flowAge = emptyCodec('flow_age');

export const setControllerId: Codec<'set_controller_id'> = {
  decode(r) {
    r.skip(6);
    return { kind: 'set_controller_id', controllerId: r.u16() };
  },
  encode: (w, m) => void w.zero(6).u16(m.controllerId),
  format: (m) => ` id=${m.controllerId}`,
};

export const ctFlushZone: Codec<'ct_flush_zone'> = {
  decode(r) {
    r.skip(6);
    return { kind: 'ct_flush_zone', zone: r.u16() };
  },
  encode: (w, m) => void w.zero(6).u16(m.zone),
  format: (m) => ` zone_id=${m.zone}`,
};
