/** `push` and `pop`: a stack of values that lives as long as the packet's translation. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { ParseError } from '../../base/parse.ts';
import { OfpError } from '../errors.ts';
import type { OfpVersion } from '../version.ts';
import type { Subfield } from './action.ts';
import { defineAction, param } from './codec.ts';
import {
  checkDestination,
  checkSource,
  formatSubfield,
  pullField,
  putField,
  scanSubfield,
} from './fields.ts';
import { type ActionDecoding, endAction, isZeroUntil, WireForm } from './wire.ts';

function decodeSubfield(r: ByteReader, end: number, d: ActionDecoding): Subfield {
  const offset = r.u16();
  const field = pullField(r, end, d.tun);
  const bits = r.u16();
  if (!isZeroUntil(r, end)) throw new OfpError('NXBRC_MUST_BE_ZERO');
  return { field, offset, bits };
}

const PUSH = new WireForm('NXAST_STACK_PUSH', 'NX1.0+(27)', { size: 24 }, (r, end, d) => {
  const subfield = decodeSubfield(r, end, d);
  checkSource(subfield);
  return { kind: 'stack_push', subfield };
});
const POP = new WireForm('NXAST_STACK_POP', 'NX1.0+(28)', { size: 24 }, (r, end, d) => {
  const subfield = decodeSubfield(r, end, d);
  checkDestination(subfield);
  return { kind: 'stack_pop', subfield };
});

function put(form: WireForm, w: ByteWriter, version: OfpVersion, sf: Subfield): void {
  const start = form.begin(w, version);
  w.u16(sf.offset);
  putField(w, sf.field, 0);
  w.u16(sf.bits).zero(24 - (w.length - start));
  endAction(w, start);
}

function parse(arg: string): Subfield {
  const [subfield, end] = scanSubfield(arg);
  if (end < arg.length) throw new ParseError(`${arg.slice(end)}: trailing garbage following push or pop`);
  return subfield;
}

export const stackPush = defineAction({
  kind: 'stack_push',
  name: 'push',
  wire: [PUSH],
  encode: (a, e) => put(PUSH, e.w, e.version, a.subfield),
  format: (a, f) => `${param(f, 'push:')}${formatSubfield(a.subfield)}`,
  parse: { push: (arg) => ({ kind: 'stack_push', subfield: parse(arg) }) },
  check: (a, c) => checkSource(a.subfield, c.match),
  help: 'push:FIELD[START..END]: pushes bits onto the stack',
});

export const stackPop = defineAction({
  kind: 'stack_pop',
  name: 'pop',
  wire: [POP],
  encode: (a, e) => put(POP, e.w, e.version, a.subfield),
  format: (a, f) => `${param(f, 'pop:')}${formatSubfield(a.subfield)}`,
  parse: { pop: (arg) => ({ kind: 'stack_pop', subfield: parse(arg) }) },
  check: (a, c) => checkDestination(a.subfield, c.match),
  help: 'pop:FIELD[START..END]: pops bits from the stack into a field',
});
