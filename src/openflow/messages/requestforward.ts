/** OFPT_REQUESTFORWARD: a group or meter modification that another controller made. C counterpart: lib/ofp-monitor.c. */

import { ByteReader } from '../../base/bytes.ts';
import { OfpError } from '../errors.ts';
import { type Codec, DecodeContext } from './codec.ts';
import { groupModText, putGroupMod, readGroupMod } from './group.ts';
import { meterModText, putMeterMod, readMeterMod } from './meter.ts';
import { checkLength, headerLength, identify, putHeaders, rawsFor } from './raw.ts';

export const requestforward: Codec<'requestforward'> = {
  decode(r, c) {
    const all = r.take(r.left);
    if (all.length < 8) throw new OfpError('OFPBFC_MSG_BAD_LEN');
    const length = (all[2]! << 8) | all[3]!;
    if (length < 8 || length > all.length) throw new OfpError('OFPBFC_MSG_BAD_LEN');
    if (all[0] !== c.version) throw new OfpError('OFPBRC_BAD_VERSION');
    const inner = all.subarray(0, length);
    const raw = identify(inner);
    checkLength(raw, c.version, length);
    const body = new ByteReader(inner);
    body.skip(4);
    const requestXid = body.u32();
    body.skip(headerLength(raw, c.version) - 8);
    const kind = 'requestforward';
    if (raw.kind === 'group_mod') {
      const inside = new DecodeContext(c.version, requestXid, raw.id, c.options);
      return { kind, requestXid, request: { kind: 'group_mod', ...readGroupMod(body, inside) } };
    }
    if (raw.kind === 'meter_mod')
      return { kind, requestXid, request: { kind: 'meter_mod', ...readMeterMod(body) } };
    throw new OfpError('OFPBFC_MSG_UNSUP');
  },
  encode(w, m) {
    const raw = rawsFor(m.request.kind, m.version)[0];
    if (!raw) throw new OfpError('NXBRC_UNENCODABLE_ERROR');
    const start = w.length;
    putHeaders(w, raw, m.version, m.requestXid, false);
    if (m.request.kind === 'group_mod') putGroupMod(w, m.request, m.version);
    else putMeterMod(w, m.request);
    w.patchU16(start + 2, w.length - start);
  },
  format: (m, f) =>
    m.request.kind === 'group_mod'
      ? ` reason=group_mod${groupModText(m.request, f)}`
      : ` reason=meter_mod${meterModText(m.request)}`,
};
