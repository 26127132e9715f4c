/**
 * OFPT_ERROR, with the nested headers of extensions: OpenFlow 1.0 and 1.1 put vendor, type and code after the
 * type 0xb0c2, later versions the experimenter after the type 0xffff. C counterpart: lib/ofp-errors.c.
 */
import { RateLimit, vlog } from '../../base/vlog.ts';
import { OfpError, type OfpErrorCode, type OfpErrorName, ofpErrorCode, ofpErrorName } from '../errors.ts';
import { OFP10, OFP15 } from '../version.ts';
import type { Codec } from './codec.ts';
import type { OfpMessage } from './message.ts';
import { printable } from './text.ts';

const log = vlog('ofp_errors');
const limit = new RateLimit(1, 5);

const NXET_VENDOR = 0xb0c2;
const NXVC_VENDOR_ERROR = 0;
const OFPET12_EXPERIMENTER = 0xffff;
const MAX_LENGTH = 0xffff;

/** The error that answers `request` (its bytes, whole). */
export function errorReply(error: OfpErrorName, request: Uint8Array): OfpMessage {
  const xid = ((request[4]! << 24) | (request[5]! << 16) | (request[6]! << 8) | request[7]!) >>> 0;
  let version = request[0]!;
  if (version < OFP10 || version > OFP15) {
    log.errRl(
      limit,
      `cannot encode error for unknown OpenFlow version 0x${version.toString(16).padStart(2, '0')}`,
    );
    version = OFP10;
  }
  return { version, xid, kind: 'error', error, payload: request };
}

function codeFor(name: OfpErrorName, version: number): OfpErrorCode {
  const code = ofpErrorCode(name, version);
  if (code) return code;
  log.errRl(limit, `cannot encode ${name} for OpenFlow 1.${version - 1}`);
  return ofpErrorCode('NXBRC_UNENCODABLE_ERROR', version)!;
}

export const error: Codec<'error'> = {
  decode(r, c) {
    let vendor = 0;
    let type = r.u16();
    let code = r.u16();
    if (type === NXET_VENDOR && code === NXVC_VENDOR_ERROR) {
      vendor = r.u32();
      type = r.u16();
      code = r.u16();
    } else if (type === OFPET12_EXPERIMENTER) {
      vendor = r.u32();
      type = code;
      code = 0;
    }
    const name = ofpErrorName(c.version, { vendor, type, code });
    if (!name) throw new OfpError('OFPBRC_BAD_LEN');
    return { kind: 'error', error: name, payload: r.take(r.left) };
  },
  encode(w, m) {
    const { vendor, type, code } = codeFor(m.error, m.version);
    if (vendor === 0) w.u16(type).u16(code);
    else if (m.version <= 2) w.u16(NXET_VENDOR).u16(NXVC_VENDOR_ERROR).u32(vendor).u16(type).u16(code);
    else w.u16(OFPET12_EXPERIMENTER).u16(type).u32(vendor);
    w.put(m.payload.subarray(0, MAX_LENGTH - w.length));
  },
  format(m, f) {
    const text = m.error.startsWith('OFPHFC_') ? printable(m.payload) : f.nested(m.payload);
    return ` ${m.error}\n${text}`;
  },
};
