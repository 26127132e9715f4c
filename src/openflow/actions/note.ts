/** `note`: bytes that do nothing. */
import { ParseError, scanHexBytes } from '../../base/parse.ts';
import { defineAction, param } from './codec.ts';
import { endAction, WireForm } from './wire.ts';

const NOTE = new WireForm('NXAST_NOTE', 'NX1.0+(8)', { size: 16, more: true }, (r, end) => ({
  kind: 'note',
  data: r.take(end - r.pos).slice(),
}));
const MAX_NOTE = 65535 - 16;

export const note = defineAction({
  kind: 'note',
  name: 'note',
  wire: [NOTE],
  encode(a, { w, version }) {
    const start = NOTE.begin(w, version);
    w.put(a.data);
    endAction(w, start);
  },
  format: (a, f) =>
    `${param(f, 'note:')}${Array.from(a.data, (b) => b.toString(16).padStart(2, '0')).join('.')}`,
  parse: {
    note(arg) {
      const { bytes, end } = scanHexBytes(arg);
      if (end < arg.length) throw new ParseError("bad hex digit in `note' argument");
      if (bytes.length > MAX_NOTE) throw new ParseError('input too big');
      return { kind: 'note', data: bytes };
    },
  },
  help: 'note:HEX.HEX...: does nothing',
});
