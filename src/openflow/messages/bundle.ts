/** OFPT_BUNDLE_CONTROL and OFPT_BUNDLE_ADD_MESSAGE. C counterpart: lib/ofp-bundle.c. */
import { RateLimit, vlog } from '../../base/vlog.ts';
import { OfpError } from '../errors.ts';
import type { Codec } from './codec.ts';
import type { OfpKind } from './message.ts';
import { checkLength, identify, type Raw } from './raw.ts';
import { bitNames } from './text.ts';

const log = vlog('ofp_bundle');
const limit = new RateLimit(1, 5);

/** Types of control messages, OFPBCT_*. */
export const OFPBCT = {
  OPEN_REQUEST: 0,
  OPEN_REPLY: 1,
  CLOSE_REQUEST: 2,
  CLOSE_REPLY: 3,
  COMMIT_REQUEST: 4,
  COMMIT_REPLY: 5,
  DISCARD_REQUEST: 6,
  DISCARD_REPLY: 7,
} as const;

/** Flags, OFPBF_*. */
export const OFPBF = { ATOMIC: 1, ORDERED: 2 } as const;
const FLAG_NAMES: Readonly<Record<number, string>> = { [OFPBF.ATOMIC]: 'atomic', [OFPBF.ORDERED]: 'ordered' };
const TYPE_NAMES = Object.keys(OFPBCT);

/** Messages that may be in a bundle. */
const BUNDLEABLE: ReadonlySet<OfpKind> = new Set<OfpKind>([
  'flow_mod',
  'group_mod',
  'packet_out',
  'port_mod',
]);

const idText = (id: number): string => (id === 0 ? '0' : `0x${id.toString(16)}`);

/** Form of a message in a bundle. One that is not understood is refused as one that does not belong there. */
function identifyInner(message: Uint8Array): Raw {
  try {
    const raw = identify(message);
    checkLength(raw, message[0]!, message.length);
    return raw;
  } catch (error) {
    if (!(error instanceof OfpError)) throw error;
    log.warnRl(limit, `OFPT14_BUNDLE_ADD_MESSAGE contained message is unparsable (${error.code})`);
    throw new OfpError('OFPBFC_MSG_UNSUP');
  }
}

export const bundleControl: Codec<'bundle_control'> = {
  decode: (r) => ({ kind: 'bundle_control', bundleId: r.u32(), type: r.u16(), flags: r.u16() }),
  encode: (w, m) => void w.u32(m.bundleId).u16(m.type).u16(m.flags),
  format: (m) =>
    `\n bundle_id=${idText(m.bundleId)} type=${TYPE_NAMES[m.type] ?? ''} flags=${bitNames(m.flags, FLAG_NAMES, ' ')}`,
};

export const bundleAddMessage: Codec<'bundle_add_message'> = {
  decode(r, c) {
    const bundleId = r.u32();
    r.skip(2);
    const flags = r.u16();
    const inner = r.take(r.left);
    if (inner.length < 8) throw new OfpError('OFPBFC_MSG_BAD_LEN');
    if (inner[0] !== c.version) throw new OfpError('OFPBFC_BAD_VERSION');
    const length = (inner[2]! << 8) | inner[3]!;
    if (length < 8 || length > inner.length) throw new OfpError('OFPBFC_MSG_BAD_LEN');
    const message = inner.subarray(0, length);
    const xid = ((inner[4]! << 24) | (inner[5]! << 16) | (inner[6]! << 8) | inner[7]!) >>> 0;
    if (xid !== c.xid) throw new OfpError('OFPBFC_MSG_BAD_XID');
    const { kind, name } = identifyInner(message);
    if (!BUNDLEABLE.has(kind)) {
      log.warnRl(limit, `${name} message not allowed inside OFPT14_BUNDLE_ADD_MESSAGE`);
      throw new OfpError('OFPBFC_MSG_UNSUP');
    }
    return { kind: 'bundle_add_message', bundleId, flags, message };
  },
  encode: (w, m) => void w.u32(m.bundleId).u16(0).u16(m.flags).put(m.message),
  format(m, f) {
    return `\n bundle_id=${idText(m.bundleId)} flags=${bitNames(m.flags, FLAG_NAMES, ' ')}\n${f.nested(m.message).replace(/ $/, '')}`;
  },
};
