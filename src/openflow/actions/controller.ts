/**
 * `controller`: sends the packet to controllers, with a reason, an id, user data, a meter, or pausing the pipeline.
 *
 * What OFPAT_OUTPUT to OFPP_CONTROLLER can say is written as that. Two Nicira forms: fixed, and with properties.
 */
import { ParseError, scanHexBytes, strToU16, strToU32 } from '../../base/parse.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { OFPP } from '../../flow/ports.ts';
import { OfpError } from '../errors.ts';
import type { Act } from './action.ts';
import { defineAction, param, paren, special, valueWord } from './codec.ts';
import { endAction, isZeroUntil, WireForm } from './wire.ts';

const log = vlog('ofp_actions');
const unknownProperty = new RateLimit(5, 5);
const OFPR_ACTION = 1;
const NO_METER = 0;
const NO_DATA = new Uint8Array(0);
const MAX_USERDATA = 0xff00;

const PROP = { MAX_LEN: 0, CONTROLLER_ID: 1, REASON: 2, USERDATA: 3, PAUSE: 4, METER_ID: 5 } as const;

/** Names of packet-in reasons by number; what has none is printed as a number. */
const REASONS: readonly string[] = [
  'no_match',
  'action',
  'invalid_ttl',
  'action_set',
  'group',
  'packet_out',
  '',
  '',
];

const CONTROLLER = new WireForm('NXAST_CONTROLLER', 'NX1.0+(20)', { size: 16 }, (r) => ({
  kind: 'controller',
  maxLen: r.u16(),
  controllerId: r.u16(),
  reason: r.u8(),
  userdata: NO_DATA,
  pause: false,
  meterId: NO_METER,
  v2: false,
}));

const CONTROLLER2 = new WireForm('NXAST_CONTROLLER2', 'NX1.0+(37)', { size: 16, more: true }, (r, end) => {
  if (!isZeroUntil(r, r.pos + 6)) throw new OfpError('NXBRC_MUST_BE_ZERO');
  r.skip(6);
  let maxLen = 0xffff;
  let controllerId = 0;
  let reason = OFPR_ACTION;
  let userdata: Uint8Array = NO_DATA;
  let pause = false;
  let meterId = NO_METER;
  while (r.pos < end) {
    const start = r.pos;
    if (end - start < 4) throw new OfpError('OFPBPC_BAD_LEN');
    const type = r.u16();
    const length = r.u16();
    const next = start + ((length + 7) & -8);
    if (length < 4 || next > end) throw new OfpError('OFPBPC_BAD_LEN');
    if (type === 0xffff) {
      if (length < 12) throw new OfpError('OFPBPC_BAD_LEN');
      throw new OfpError(r.u32() === 0 ? 'OFPBPC_BAD_EXPERIMENTER' : 'OFPBPC_BAD_EXP_TYPE');
    }
    const size = length - 4;
    const need = (bytes: number): void => {
      if (size < bytes) throw new OfpError('OFPBPC_BAD_LEN');
    };
    if (type === PROP.MAX_LEN) {
      need(2);
      maxLen = r.u16();
    } else if (type === PROP.CONTROLLER_ID) {
      need(2);
      controllerId = r.u16();
    } else if (type === PROP.REASON) {
      need(1);
      reason = r.u8();
    } else if (type === PROP.USERDATA) {
      userdata = r.take(size).slice();
    } else if (type === PROP.PAUSE) {
      pause = true;
    } else if (type === PROP.METER_ID) {
      if (size !== 4) throw new OfpError('OFPBPC_BAD_LEN');
      meterId = r.u32();
    } else {
      log.warnRl(unknownProperty, `unknown NXAST_RAW_CONTROLLER2 property type ${type}`);
      throw new OfpError('OFPBPC_BAD_TYPE');
    }
    r.pos = next;
  }
  return { kind: 'controller', maxLen, controllerId, reason, userdata, pause, meterId, v2: true };
});

const isPlain = (a: Act<'controller'>): boolean =>
  a.reason === OFPR_ACTION &&
  a.controllerId === 0 &&
  a.userdata.length === 0 &&
  !a.pause &&
  a.meterId === NO_METER;

function parseReason(s: string): number {
  const reason = REASONS.indexOf(s.toLowerCase());
  if (reason < 0) throw new ParseError(`unknown reason "${s}"`);
  return reason;
}

export const controller = defineAction({
  kind: 'controller',
  name: 'controller',
  wire: [CONTROLLER, CONTROLLER2],
  encode(a, { w, version }) {
    if (!a.v2 && a.userdata.length === 0 && !a.pause && a.meterId === NO_METER) {
      CONTROLLER.begin(w, version);
      w.u16(a.maxLen).u16(a.controllerId).u8(a.reason).u8(0);
      return;
    }
    const start = CONTROLLER2.begin(w, version);
    w.zero(6);
    if (a.maxLen !== 0xffff) w.u16(PROP.MAX_LEN).u16(8).u16(a.maxLen).zero(2);
    if (a.controllerId !== 0) w.u16(PROP.CONTROLLER_ID).u16(8).u16(a.controllerId).zero(2);
    if (a.reason !== OFPR_ACTION) w.u16(PROP.REASON).u16(5).u8(a.reason).zero(3);
    if (a.userdata.length > 0)
      w.u16(PROP.USERDATA)
        .u16(4 + a.userdata.length)
        .put(a.userdata)
        .align(8, start);
    if (a.pause) w.u16(PROP.PAUSE).u16(4).zero(4);
    if (a.meterId !== NO_METER) w.u16(PROP.METER_ID).u16(8).u32(a.meterId);
    endAction(w, start);
  },
  format(a, f) {
    if (isPlain(a)) return `${special(f, 'CONTROLLER:')}${a.maxLen}`;
    const parts: string[] = [];
    if (a.reason !== OFPR_ACTION) parts.push(`${param(f, 'reason=')}${REASONS[a.reason] ?? a.reason}`);
    if (a.maxLen !== 0xffff) parts.push(`${param(f, 'max_len=')}${a.maxLen}`);
    if (a.controllerId !== 0) parts.push(`${param(f, 'id=')}${a.controllerId}`);
    if (a.userdata.length > 0) {
      const digits = Array.from(a.userdata, (b) => b.toString(16).padStart(2, '0'));
      parts.push(`${param(f, 'userdata=')}${digits.join('.')}`);
    }
    if (a.pause) parts.push(valueWord(f, 'pause'));
    if (a.meterId !== NO_METER) parts.push(`${param(f, 'meter_id=')}${a.meterId}`);
    return `${paren(f, 'controller(')}${parts.join(',')}${paren(f, ')')}`;
  },
  parse: {
    controller(arg) {
      let maxLen = 0xffff;
      let controllerId = 0;
      let reason = OFPR_ACTION;
      let userdata: string | undefined;
      let pause = false;
      let meterId = NO_METER;
      if (/^[0-9]+$/.test(arg)) {
        maxLen = strToU16(arg, 'max_len');
      } else {
        for (const kv = new KeyValueScanner(arg); kv.next(); ) {
          if (kv.key === 'reason') reason = parseReason(kv.value);
          else if (kv.key === 'max_len') maxLen = strToU16(kv.value, 'max_len');
          else if (kv.key === 'id') controllerId = strToU16(kv.value, 'id');
          else if (kv.key === 'userdata') userdata = kv.value;
          else if (kv.key === 'pause') pause = true;
          else if (kv.key === 'meter_id') meterId = strToU32(kv.value);
          else throw new ParseError(`unknown key "${kv.key}" parsing controller action`);
        }
      }
      if (
        reason === OFPR_ACTION &&
        controllerId === 0 &&
        userdata === undefined &&
        !pause &&
        meterId === NO_METER
      )
        return { kind: 'output', port: OFPP.CONTROLLER, maxLen };
      const data = scanHexBytes(userdata ?? '');
      if (data.end !== (userdata ?? '').length)
        throw new ParseError("bad hex digit in `controller' action `userdata'");
      if (data.bytes.length > MAX_USERDATA) throw new ParseError('input too big');
      return {
        kind: 'controller',
        maxLen,
        controllerId,
        reason,
        userdata: data.bytes,
        pause,
        meterId,
        v2: false,
      };
    },
  },
  help: 'controller(reason=REASON,max_len=BYTES,id=ID,userdata=HEX,pause,meter_id=METER): sends the packet to controllers',
});
