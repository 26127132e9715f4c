/** OFPT_ECHO_REQUEST and OFPT_ECHO_REPLY: arbitrary data, returned as it came. */
import { hexDump } from '../../base/hex-dump.ts';
import type { Codec } from './codec.ts';

const text = (data: Uint8Array, verbosity: number): string =>
  ` ${data.length} bytes of payload\n${verbosity > 1 ? hexDump(data) : ''}`;

export const echoRequest: Codec<'echo_request'> = {
  decode: (r) => ({ kind: 'echo_request', data: r.take(r.left) }),
  encode: (w, m) => void w.put(m.data),
  format: (m, f) => text(m.data, f.verbosity),
};

export const echoReply: Codec<'echo_reply'> = {
  decode: (r) => ({ kind: 'echo_reply', data: r.take(r.left) }),
  encode: (w, m) => void w.put(m.data),
  format: (m, f) => text(m.data, f.verbosity),
};
