/** Actions on fields: set_field, load, move, push, pop, delete_field. C counterparts: lib/nx-match.c, lib/meta-flow.c. */

import { formatFieldText } from '../../../flow/field-text.ts';
import {
  type Field,
  type FieldName,
  fieldPrereqsOk,
  getField,
  maskField,
  setField,
  setFieldMasked,
} from '../../../flow/fields.ts';
import { F, type Flow } from '../../../flow/layout.ts';
import {
  formatSubfield,
  markSubfieldInMask,
  readSubfield,
  type Subfield,
  writeSubfield,
} from '../../../flow/subfield.ts';
import type { Act } from '../../../openflow/actions/action.ts';
import type { XlateCtx } from './ctx.ts';
import { ETH_TYPE, isIpAny } from './flow-edit.ts';

/** Fields of the tunnel need not be matched to be written: the datapath sets all of them at once. */
const isTunnelField = (name: FieldName): boolean => name.startsWith('tun_');

const NEEDS_PROTO = new Set<FieldName>([
  'ip_src',
  'ip_dst',
  'ipv6_src',
  'ipv6_dst',
  'ipv6_label',
  'nw_tos',
  'nw_ecn',
  'nw_ttl',
]);
const ARP_FIELDS = new Set<FieldName>(['arp_op', 'arp_sha', 'arp_tha', 'arp_spa', 'arp_tpa']);

/** The datapath's set actions on L3 headers apply only to packets that have one: match what says so. */
function maskL3Prereqs(name: FieldName, flow: Flow, wc: Flow): void {
  if (isIpAny(flow) && NEEDS_PROTO.has(name)) wc[F.NW_PROTO] = 0xff;
  else if (flow[F.DL_TYPE] === ETH_TYPE.ARP && ARP_FIELDS.has(name)) wc[F.NW_PROTO] = 0xff;
}

/** Adds bits of a field to a mask. */
function maskFieldMasked(wc: Flow, field: Field, mask: bigint): void {
  if (mask === (1n << BigInt(field.bytes * 8)) - 1n) {
    maskField(wc, field);
    return;
  }
  const value = getField(wc, field) | mask;
  if (field.words === 1 && field.tunIndex < 0) {
    const bits = ((Number(value & 0xffff_ffffn) << field.shift) & field.full) | field.implies;
    wc[field.word] = wc[field.word]! | bits;
  } else setField(wc, field, value);
}

export function xlateSetField(ctx: XlateCtx, a: Act<'set_field'>): void {
  const { flow, wc } = ctx;
  const field = ctx.bridge.resolveField(a.field);
  if (!fieldPrereqsOk(field, flow, wc)) {
    ctx.report('warn', `unmet prerequisites for ${field.name}, set_field ignored`);
    return;
  }
  maskL3Prereqs(field.name, flow, wc);
  if (!isTunnelField(field.name)) maskFieldMasked(wc, field, a.mask);
  setFieldMasked(flow, field, a.value, a.mask);
}

/** Writes part of a field, un-wildcarding it. */
export function loadSubfield(ctx: XlateCtx, dst: Subfield, value: bigint): void {
  const resolve = ctx.bridge.resolveField;
  if (!isTunnelField(dst.field)) markSubfieldInMask(ctx.wc, dst, resolve);
  writeSubfield(ctx.flow, dst, value, resolve);
}

/** `load`: a set_field of part of a field. */
export function xlateRegLoad(ctx: XlateCtx, a: Act<'reg_load'>): void {
  const field = ctx.bridge.resolveField(a.dst.field);
  if (!fieldPrereqsOk(field, ctx.flow, ctx.wc)) {
    ctx.report('warn', `unmet prerequisites for ${field.name}, set_field ignored`);
    return;
  }
  maskL3Prereqs(field.name, ctx.flow, ctx.wc);
  loadSubfield(ctx, a.dst, a.value);
}

export function xlateRegMove(ctx: XlateCtx, a: Act<'reg_move'>): void {
  const { flow, wc } = ctx;
  const resolve = ctx.bridge.resolveField;
  if (fieldPrereqsOk(resolve(a.dst.field), flow, wc) && fieldPrereqsOk(resolve(a.src.field), flow, wc)) {
    markSubfieldInMask(wc, a.src, resolve);
    loadSubfield(ctx, a.dst, readSubfield(flow, a.src, resolve));
  }
  reportSubfield(ctx, a.dst);
}

export function xlateStackPush(ctx: XlateCtx, a: Act<'stack_push'>): void {
  const resolve = ctx.bridge.resolveField;
  markSubfieldInMask(ctx.wc, a.subfield, resolve);
  const bytes = Math.ceil(a.subfield.bits / 8);
  ctx.stack.push({ value: readSubfield(ctx.flow, a.subfield, resolve), bytes });
  ctx.stackBytes += bytes + 1;
}

export function xlateStackPop(ctx: XlateCtx, a: Act<'stack_pop'>): void {
  const entry = ctx.stack.pop();
  if (!entry) {
    ctx.reportError('stack underflow');
    return;
  }
  ctx.stackBytes -= entry.bytes + 1;
  loadSubfield(ctx, a.subfield, entry.value);
  reportSubfield(ctx, a.subfield);
}

/** Only tunnel options can be deleted. */
export function xlateDeleteField(ctx: XlateCtx, a: Act<'delete_field'>): void {
  const field = ctx.bridge.resolveField(a.field);
  if (field.tunIndex >= 0) {
    ctx.flow.fill(0, field.word, field.word + field.words);
    const word = F.TUN_METADATA_PRESENT + (field.tunIndex < 32 ? 1 : 0);
    ctx.flow[word] = ctx.flow[word]! & ~(1 << (field.tunIndex & 31));
  }
  ctx.report('detail', `delete ${field.name}`);
}

/** Says in the trace what a subfield has become. */
export function reportSubfield(ctx: XlateCtx, sf: Subfield): void {
  ctx.report('detail', () => {
    const resolve = ctx.bridge.resolveField;
    const field = resolve(sf.field);
    const whole = sf.offset === 0 && sf.bits >= field.bits;
    const text = whole
      ? formatFieldText(field, getField(ctx.flow, field))
      : `0x${readSubfield(ctx.flow, sf, resolve).toString(16)}`;
    return `${formatSubfield(sf, resolve)} is now ${text}`;
  });
}
