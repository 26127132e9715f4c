/** OFPST_DESC: who made the switch. */
import { type Codec, emptyCodec } from './codec.ts';
import { fixedBytes, fixedString } from './text.ts';

const DESC_LENGTH = 256;
const SERIAL_LENGTH = 32;

export const descRequest = emptyCodec('desc_stats_request');

export const descReply: Codec<'desc_stats_reply'> = {
  decode: (r) => ({
    kind: 'desc_stats_reply',
    mfrDesc: fixedString(r.take(DESC_LENGTH)),
    hwDesc: fixedString(r.take(DESC_LENGTH)),
    swDesc: fixedString(r.take(DESC_LENGTH)),
    serialNum: fixedString(r.take(SERIAL_LENGTH)),
    dpDesc: fixedString(r.take(DESC_LENGTH)),
  }),
  encode(w, m) {
    for (const text of [m.mfrDesc, m.hwDesc, m.swDesc]) w.put(fixedBytes(text, DESC_LENGTH));
    w.put(fixedBytes(m.serialNum, SERIAL_LENGTH)).put(fixedBytes(m.dpDesc, DESC_LENGTH));
  },
  format: (m) =>
    `\nManufacturer: ${m.mfrDesc}\nHardware: ${m.hwDesc}\nSoftware: ${m.swDesc}\n` +
    `Serial Num: ${m.serialNum}\nDP Description: ${m.dpDesc}\n`,
};
