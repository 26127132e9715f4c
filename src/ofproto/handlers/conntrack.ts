/** NXT_CT_FLUSH_ZONE and NXT_CT_FLUSH. */
import { OfpError } from '../../openflow/errors.ts';
import type { Message } from '../../openflow/messages/message.ts';
import type { Request } from './handler.ts';

export function handleCtFlush(m: Message<'ct_flush'> | Message<'ct_flush_zone'>, r: Request): undefined {
  if (m.kind === 'ct_flush_zone') r.requireZero(16, 22);
  if (!r.ofproto.provider.ctFlush) throw new OfpError('OFPBRC_BAD_TYPE');
  r.ofproto.provider.ctFlush(m);
}
