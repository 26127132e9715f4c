/** `set_queue` and `pop_queue`: the queue that later outputs use. */
import type { ByteWriter } from '../../base/bytes.ts';
import { strToU32 } from '../../base/parse.ts';
import type { OfpVersion } from '../version.ts';
import { defineAction, param, valueWord } from './codec.ts';
import { WireForm } from './wire.ts';

const SET_QUEUE = new WireForm('OFPAT_SET_QUEUE', 'NX1.0(4) OF1.1+(21)', 'u32', (r) => ({
  kind: 'set_queue',
  queue: r.u32(),
}));
const POP_QUEUE = new WireForm('NXAST_POP_QUEUE', 'NX1.0+(5)', 'void', () => ({ kind: 'pop_queue' }));

export const putSetQueue = (w: ByteWriter, version: OfpVersion, queue: number): void =>
  SET_QUEUE.put(w, version, queue);
export const putPopQueue = (w: ByteWriter, version: OfpVersion): void => POP_QUEUE.put(w, version);

export const setQueue = defineAction({
  kind: 'set_queue',
  name: 'set_queue',
  wire: [SET_QUEUE],
  encode: (a, e) => putSetQueue(e.w, e.version, a.queue),
  format: (a, f) => `${param(f, 'set_queue:')}${a.queue}`,
  parse: { set_queue: (arg) => ({ kind: 'set_queue', queue: strToU32(arg) }) },
  help: 'set_queue:QUEUE: sets the queue for the outputs that follow',
});

export const popQueue = defineAction({
  kind: 'pop_queue',
  name: 'pop_queue',
  wire: [POP_QUEUE],
  encode: (_, e) => putPopQueue(e.w, e.version),
  format: (_, f) => valueWord(f, 'pop_queue'),
  parse: { pop_queue: () => ({ kind: 'pop_queue' }) },
  help: 'pop_queue: restores the queue that the packet came with',
});
