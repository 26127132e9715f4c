/** OFPT_BARRIER_REQUEST and OFPT_BARRIER_REPLY. */
import { emptyCodec } from './codec.ts';

export const barrierRequest = emptyCodec('barrier_request');
export const barrierReply = emptyCodec('barrier_reply');
