/**
 * `learn`: adds or changes a flow whose match and actions are made of the packet's fields and of constants.
 *
 * This file is the wire form; `learn-text.ts` is its text. What executing it means is ofproto's business.
 * C counterparts: NXAST_LEARN and NXAST_LEARN2 in lib/ofp-actions.c, lib/learn.c.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { FIELD } from '../../flow/fields.ts';
import { catchAllMatch } from '../../flow/layout.ts';
import { markSubfieldInMask, writeSubfield } from '../../flow/subfield.ts';
import { OfpError } from '../errors.ts';
import type { Act, LearnFlowSpec, LearnSpec, OfpAct, Subfield } from './action.ts';
import { type ActionChecking, defineAction } from './codec.ts';
import {
  checkDestination,
  checkSource,
  fieldOfNxm,
  nxmHeader,
  pullField,
  putField,
  readNumber,
  writeNumber,
} from './fields.ts';
import { formatLearn, parseLearn } from './learn-text.ts';
import { type ActionDecoding, endAction, isZeroUntil, WireForm } from './wire.ts';

export const LEARN_F = { SEND_FLOW_REM: 1, DELETE_LEARNED: 2, WRITE_RESULT: 4 } as const;

const BITS = 0x3ff;
const SRC_IMMEDIATE = 1 << 13;
const DST_MASK = 3 << 11;
const DST_LOAD = 1 << 11;
const DST_OUTPUT = 2 << 11;

/** Bytes of a constant: a multiple of 2. */
const immediateBytes = (bits: number): number => 2 * Math.ceil(bits / 16);

function readSubfield(r: ByteReader, bits: number, d: ActionDecoding): Subfield {
  const field = fieldOfNxm(r.u32(), d.tun);
  return { field, offset: r.u16(), bits };
}

function decodeSpec(r: ByteReader, end: number, header: number, d: ActionDecoding): LearnFlowSpec {
  const bits = header & BITS;
  const isImmediate = (header & SRC_IMMEDIATE) !== 0;
  const dstType = header & DST_MASK;
  if (dstType === DST_MASK || (dstType === DST_OUTPUT && isImmediate))
    throw new OfpError('OFPBAC_BAD_ARGUMENT');
  const need = (isImmediate ? immediateBytes(bits) : 6) + (dstType === DST_OUTPUT ? 0 : 6);
  if (end - r.pos < need) throw new OfpError('OFPBAC_BAD_LEN');
  let src: LearnFlowSpec['src'];
  if (isImmediate) {
    const used = Math.ceil(bits / 8);
    r.skip(immediateBytes(bits) - used);
    src = { kind: 'value', value: readNumber(r, used) };
  } else {
    src = { kind: 'field', subfield: readSubfield(r, bits, d) };
  }
  if (dstType === DST_OUTPUT) return { src, dst: { kind: 'output' }, bits };
  return {
    src,
    dst: { kind: dstType === DST_LOAD ? 'load' : 'match', subfield: readSubfield(r, bits, d) },
    bits,
  };
}

function decodeLearn(r: ByteReader, end: number, v2: boolean, d: ActionDecoding): OfpAct {
  const idleTimeout = r.u16();
  const hardTimeout = r.u16();
  const priority = r.u16();
  const cookie = r.u64();
  const flags = r.u16();
  const table = r.u8();
  const pad = r.u8();
  const finIdleTimeout = r.u16();
  const finHardTimeout = r.u16();
  let limit = 0;
  let resultOffset = 0;
  if (v2) {
    limit = r.u32();
    resultOffset = r.u16();
    if (r.u16() !== 0) throw new OfpError('NXBAC_MUST_BE_ZERO');
  }
  const known = LEARN_F.SEND_FLOW_REM | LEARN_F.DELETE_LEARNED | (v2 ? LEARN_F.WRITE_RESULT : 0);
  if (pad !== 0 || table === 255 || flags & ~known) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  let resultDst: Subfield | undefined;
  if (flags & LEARN_F.WRITE_RESULT) {
    const field = pullField(r, end, d.tun);
    if (!FIELD[field].writable) throw new OfpError('OFPBAC_BAD_SET_ARGUMENT');
    resultDst = { field, offset: resultOffset, bits: 1 };
  } else if (resultOffset !== 0) {
    throw new OfpError('OFPBAC_BAD_ARGUMENT');
  }
  const specs: LearnFlowSpec[] = [];
  while (end - r.pos >= 2) {
    const header = r.u16();
    if (header === 0) break;
    specs.push(decodeSpec(r, end, header, d));
  }
  if (!isZeroUntil(r, end)) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  const learn: LearnSpec = {
    idleTimeout,
    hardTimeout,
    finIdleTimeout,
    finHardTimeout,
    priority,
    cookie,
    table,
    flags,
    limit,
    resultDst,
    v2,
    specs,
  };
  return { kind: 'learn', learn };
}

const LEARN = new WireForm('NXAST_LEARN', 'NX1.0+(16)', { size: 32, more: true }, (r, end, d) =>
  decodeLearn(r, end, false, d),
);
const LEARN2 = new WireForm('NXAST_LEARN2', 'NX1.0+(45)', { size: 40, more: true }, (r, end, d) =>
  decodeLearn(r, end, true, d),
);

function encodeSpec(w: ByteWriter, spec: LearnFlowSpec): void {
  const { src, dst } = spec;
  const dstBits = dst.kind === 'load' ? DST_LOAD : dst.kind === 'output' ? DST_OUTPUT : 0;
  w.u16(spec.bits | dstBits | (src.kind === 'value' ? SRC_IMMEDIATE : 0));
  if (src.kind === 'field') w.u32(nxmHeader(src.subfield.field)).u16(src.subfield.offset);
  else writeNumber(w, src.value, immediateBytes(spec.bits));
  if (dst.kind !== 'output') w.u32(nxmHeader(dst.subfield.field)).u16(dst.subfield.offset);
}

/** Checks sources against the flow's match, destinations against the match that the learned flow gets. */
function checkLearn(a: Act<'learn'>, c: ActionChecking): void {
  const learned = catchAllMatch();
  for (const { src, dst } of a.learn.specs) {
    if (src.kind === 'field') checkSource(src.subfield, c.match);
    if (dst.kind === 'match') {
      checkSource(dst.subfield, learned);
      if (src.kind === 'value') {
        writeSubfield(learned.flow, dst.subfield, src.value);
        markSubfieldInMask(learned.mask, dst.subfield);
      }
    } else if (dst.kind === 'load') {
      checkDestination(dst.subfield, learned);
    }
  }
}

export const learn = defineAction({
  kind: 'learn',
  name: 'learn',
  wire: [LEARN, LEARN2],
  encode({ learn: l }, { w, version }) {
    const isV2 = l.v2 || l.limit !== 0 || (l.flags & LEARN_F.WRITE_RESULT) !== 0;
    const start = (isV2 ? LEARN2 : LEARN).begin(w, version);
    w.u16(l.idleTimeout).u16(l.hardTimeout).u16(l.priority).u64(l.cookie).u16(l.flags).u8(l.table).u8(0);
    w.u16(l.finIdleTimeout).u16(l.finHardTimeout);
    if (isV2)
      w.u32(l.limit)
        .u16(l.resultDst?.offset ?? 0)
        .u16(0);
    if (l.resultDst) putField(w, l.resultDst.field, 0);
    for (const spec of l.specs) encodeSpec(w, spec);
    endAction(w, start);
  },
  format: (a, f) => formatLearn(a.learn, f),
  parse: { learn: (arg, p) => ({ kind: 'learn', learn: parseLearn(arg, p) }) },
  check: checkLearn,
  help: 'learn(table=TABLE,priority=...,FIELD=VALUE|FIELD,load:VALUE->FIELD,output:FIELD,...): adds or changes a flow',
});
