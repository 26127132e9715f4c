/** OFPT_GET_CONFIG_REQUEST, OFPT_GET_CONFIG_REPLY and OFPT_SET_CONFIG. C counterpart: lib/ofp-switch.c. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { OfpError } from '../errors.ts';
import { type Codec, emptyCodec } from './codec.ts';
import type { SwitchConfig } from './message.ts';

const FRAG_MASK = 3;
const INVALID_TTL_TO_CONTROLLER = 1 << 2;

export const FRAG_NAMES = ['normal', 'drop', 'reassemble', 'nx-match'] as const;

function decode(r: ByteReader, version: number): SwitchConfig & { readonly unknown: boolean } {
  const flags = r.u16();
  const hasTtl = version < 4;
  return {
    frag: flags & FRAG_MASK,
    invalidTtlToController: hasTtl ? (flags & INVALID_TTL_TO_CONTROLLER) !== 0 : undefined,
    missSendLen: r.u16(),
    unknown: (flags & ~(FRAG_MASK | (hasTtl ? INVALID_TTL_TO_CONTROLLER : 0))) !== 0,
  };
}

function encode(w: ByteWriter, m: SwitchConfig & { readonly version: number }): void {
  w.u16(m.frag | (m.invalidTtlToController && m.version < 4 ? INVALID_TTL_TO_CONTROLLER : 0)).u16(
    m.missSendLen,
  );
}

const format = (m: SwitchConfig): string =>
  ` frags=${FRAG_NAMES[m.frag]}${m.invalidTtlToController ? ' invalid_ttl_to_controller' : ''} miss_send_len=${m.missSendLen}\n`;

export const getConfigRequest = emptyCodec('get_config_request');

export const getConfigReply: Codec<'get_config_reply'> = {
  decode(r, c) {
    const { unknown: _, ...config } = decode(r, c.version);
    return { kind: 'get_config_reply', ...config };
  },
  encode,
  format,
};

export const setConfig: Codec<'set_config'> = {
  decode(r, c) {
    const { unknown, ...config } = decode(r, c.version);
    if (unknown) throw new OfpError('OFPSCFC_BAD_FLAGS');
    return { kind: 'set_config', ...config };
  },
  encode,
  format,
};
