/** Actions without arguments: `exit`, and the debugging ones that only a daemon with --enable-dummy takes. */
import { OfpError } from '../errors.ts';
import type { OfpAct } from './action.ts';
import { defineAction, special, valueWord } from './codec.ts';
import { WireForm } from './wire.ts';

let debugEnabled = false;

/** Accepts debug_recirc and debug_slow from the wire from now on. */
export function enableDebugActions(): void {
  debugEnabled = true;
}

function debugAct(act: OfpAct): OfpAct {
  if (!debugEnabled) throw new OfpError('OFPBAC_BAD_VENDOR_TYPE');
  return act;
}

const EXIT = new WireForm('NXAST_EXIT', 'NX1.0+(17)', 'void', () => ({ kind: 'exit' }));
const DEBUG_SLOW = new WireForm('NXAST_DEBUG_SLOW', 'NX1.0+(254)', 'void', () =>
  debugAct({ kind: 'debug_slow' }),
);
const DEBUG_RECIRC = new WireForm('NXAST_DEBUG_RECIRC', 'NX1.0+(255)', 'void', () =>
  debugAct({ kind: 'debug_recirc' }),
);

export const exit = defineAction({
  kind: 'exit',
  name: 'exit',
  wire: [EXIT],
  encode: (_, e) => EXIT.put(e.w, e.version),
  format: (_, f) => special(f, 'exit'),
  parse: { exit: () => ({ kind: 'exit' }) },
  help: 'exit: skips the rest of the actions, and those of the flows that came before',
});

export const debugSlow = defineAction({
  kind: 'debug_slow',
  name: 'debug_slow',
  wire: [DEBUG_SLOW],
  encode: (_, e) => DEBUG_SLOW.put(e.w, e.version),
  format: (_, f) => valueWord(f, 'debug_slow'),
  parse: { debug_slow: () => ({ kind: 'debug_slow' }) },
  help: 'debug_slow: makes the datapath send every packet up',
});

export const debugRecirc = defineAction({
  kind: 'debug_recirc',
  name: 'debug_recirc',
  wire: [DEBUG_RECIRC],
  encode: (_, e) => DEBUG_RECIRC.put(e.w, e.version),
  format: (_, f) => valueWord(f, 'debug_recirc'),
  parse: { debug_recirc: () => ({ kind: 'debug_recirc' }) },
  help: 'debug_recirc: makes the datapath recirculate the packet',
});
