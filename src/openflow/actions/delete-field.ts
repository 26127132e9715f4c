/** `delete_field`: removes a tunnel option. */
import { FIELD } from '../../flow/fields.ts';
import { OfpError } from '../errors.ts';
import { defineAction, param } from './codec.ts';
import { parseField, pullField, putField } from './fields.ts';
import { endAction, WireForm } from './wire.ts';

const DELETE_FIELD = new WireForm('NXAST_DELETE_FIELD', 'NX1.0+(50)', { size: 24 }, (r, end, d) => ({
  kind: 'delete_field',
  field: pullField(r, end, d.tun),
}));

export const deleteField = defineAction({
  kind: 'delete_field',
  name: 'delete_field',
  wire: [DELETE_FIELD],
  encode(a, { w, version }) {
    const start = DELETE_FIELD.begin(w, version);
    putField(w, a.field, 0);
    w.zero(24 - (w.length - start));
    endAction(w, start);
  },
  format: (a, f) => `${param(f, 'delete_field:')}${a.field}`,
  parse: { delete_field: (arg) => ({ kind: 'delete_field', field: parseField(arg).name }) },
  check(a) {
    if (FIELD[a.field].tunIndex < 0) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  },
  help: 'delete_field:FIELD: removes tunnel metadata from the packet',
});
