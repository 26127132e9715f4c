/** Controller roles: OFPT_ROLE_REQUEST, OFPT_ROLE_REPLY, OFPT_ROLE_STATUS and their Nicira and ONF forms. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { OfpError } from '../errors.ts';
import type { Codec, DecodeContext, EncodeContext } from './codec.ts';
import type { ControllerRole } from './message.ts';

/** By number since OpenFlow 1.2; the Nicira numbers are one less. */
const ROLES: readonly ControllerRole[] = ['nochange', 'equal', 'primary', 'secondary'];
const NO_GENERATION = 0xffff_ffff_ffff_ffffn;

interface RoleMessage {
  readonly role: ControllerRole;
  readonly generationId: bigint | undefined;
}

function roleOf(n: number): ControllerRole {
  const role = ROLES[n];
  if (role === undefined) throw new OfpError('OFPRRFC_BAD_ROLE');
  return role;
}

function decode(r: ByteReader, c: DecodeContext): RoleMessage {
  if (c.raw.startsWith('NXT_')) {
    const n = r.u32();
    if (n > 2) throw new OfpError('OFPRRFC_BAD_ROLE');
    return { role: roleOf(n + 1), generationId: undefined };
  }
  const role = roleOf(r.u32());
  r.skip(4);
  const generationId = r.u64();
  const none = c.raw === 'OFPT12_ROLE_REQUEST' ? role === 'nochange' : generationId === NO_GENERATION;
  return { role, generationId: none ? undefined : generationId };
}

function encode(w: ByteWriter, m: RoleMessage, c: EncodeContext): void {
  const role = ROLES.indexOf(m.role);
  if (c.raw.startsWith('NXT_')) {
    if (role === 0) throw new OfpError('NXBRC_UNENCODABLE_ERROR', 'the Nicira form has no role "nochange"');
    w.u32(role - 1);
    return;
  }
  const none = c.raw === 'OFPT12_ROLE_REQUEST' ? 0n : NO_GENERATION;
  w.u32(role)
    .u32(0)
    .u64(m.generationId ?? none);
}

const text = (role: ControllerRole, generationId: bigint | undefined): string =>
  ` role=${role}${generationId === undefined || generationId === NO_GENERATION ? '' : ` generation_id=${generationId}`}`;

/** OpenFlow 1.2+ may use either form: `nxm` says which. */
const format = (m: RoleMessage): string => text(m.role, m.generationId);

export const roleRequest: Codec<'role_request'> = {
  decode: (r, c) => ({ kind: 'role_request', ...decode(r, c), ...c.nicira }),
  encode,
  format,
  choose: (m, forms) => forms.find((f) => (f.vendor !== 0) === (m.nxm ?? m.version < 3))?.id,
};

export const roleReply: Codec<'role_reply'> = {
  decode: (r, c) => ({ kind: 'role_reply', ...decode(r, c), ...c.nicira }),
  encode,
  format,
  choose: (m, forms) => forms.find((f) => (f.vendor !== 0) === (m.nxm ?? m.version < 3))?.id,
};

const STATUS_REASONS = ['primary_request', 'configuration_changed', 'experimenter_data_changed'];
/** Text of a reason; a number for others. */
export const roleReasonText = (reason: number): string => STATUS_REASONS[reason] ?? String(reason);

export const roleStatus: Codec<'role_status'> = {
  decode(r) {
    const role = roleOf(r.u32());
    const reason = r.u8();
    r.skip(3);
    return { kind: 'role_status', role, reason, generationId: r.u64() };
  },
  encode: (w, m) => void w.u32(ROLES.indexOf(m.role)).u8(m.reason).zero(3).u64(m.generationId),
  format(m) {
    return `${text(m.role, m.generationId)} reason=${STATUS_REASONS[m.reason] ?? '(unknown)'}`;
  },
};
