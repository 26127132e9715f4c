/**
 * `set_field`: sets a field, or under a mask some of its bits.
 *
 * The standard has it from OpenFlow 1.2 on, with masks from 1.5 on. Otherwise it is written as the older standard
 * actions where the field has one, or as Nicira's reg_load (one for each run of mask bits) or reg_load2.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { ParseError } from '../../base/parse.ts';
import { vlog } from '../../base/vlog.ts';
import { usableProtocols } from '../../flow/field-text.ts';
import {
  FIELD,
  type Field,
  type FieldName,
  fieldAllOnes,
  fieldByName,
  fieldPrereqsOk,
  isFieldValueValid,
} from '../../flow/fields.ts';
import { F, VLAN_CFI } from '../../flow/layout.ts';
import { OfpError } from '../errors.ts';
import { OFP10, OFP12, OFP15, type OfpVersion } from '../version.ts';
import type { Act, OfpAct } from './action.ts';
import { type ActionChecking, defineAction, special } from './codec.ts';
import { putEthDst, putEthSrc } from './eth-address.ts';
import { formatFieldValue, hasNxmHeader, parseFieldValue, pullEntry, putEntry } from './fields.ts';
import { putEcn, putIpv4Dst, putIpv4Src, putTos } from './ip-header.ts';
import { putL4Dst, putL4Src } from './l4-port.ts';
import { limit } from './limit.ts';
import { putRegLoad } from './put-reg-load.ts';
import { putSetFieldEntry } from './put-set-field.ts';
import { putSetVlanPcp, putSetVlanVid } from './vlan-id.ts';
import { putPopVlan, putPushVlan } from './vlan-tag.ts';
import { type ActionDecoding, endAction, isZeroUntil, WireForm } from './wire.ts';

const log = vlog('ofp_actions');
const VLAN_8021Q = 0x8100;
const VLAN_VID = FIELD.vlan_vid;
const IN_PORT_OXM = FIELD.in_port_oxm;

const makeAct = (
  field: FieldName,
  value: bigint,
  mask: bigint,
  compat: Act<'set_field'>['compat'],
): OfpAct => ({
  kind: 'set_field',
  field,
  value,
  mask,
  flowHasVlan: false,
  compat,
});

function checkWritable(field: Field): void {
  if (field.writable) return;
  log.warnRl(limit, `destination field ${field.name} is not writable`);
  throw new OfpError('OFPBAC_BAD_SET_ARGUMENT');
}

function decodeSetField(r: ByteReader, end: number, mayMask: boolean, d: ActionDecoding): OfpAct {
  let entry: ReturnType<typeof pullEntry>;
  try {
    entry = pullEntry(r, end, mayMask, d.tun);
  } catch (error) {
    if (error instanceof OfpError && error.code === 'OFPBMC_BAD_MASK')
      throw new OfpError('OFPBAC_BAD_SET_MASK');
    throw error;
  }
  const { field, value, mask } = entry;
  if (!isZeroUntil(r, end)) throw new OfpError('OFPBAC_BAD_SET_ARGUMENT');
  if (field === IN_PORT_OXM) throw new OfpError('OFPBAC_BAD_SET_ARGUMENT');
  checkWritable(field);
  const cfi = BigInt(VLAN_CFI);
  if (!isFieldValueValid(field, value) || (field === VLAN_VID && !(value & mask & cfi))) {
    log.warnRl(limit, `Invalid value for set field ${field.name}: ${formatFieldValue(field, value)}`);
    throw new OfpError('OFPBAC_BAD_SET_ARGUMENT');
  }
  return makeAct(field.name, value, mask, 'set_field');
}

const SET_FIELD12 = new WireForm('OFPAT_SET_FIELD', 'OF1.2-1.4(25)', { size: 8, more: true }, (r, end, d) =>
  decodeSetField(r, end, false, d),
);
const SET_FIELD15 = new WireForm('OFPAT_SET_FIELD', 'OF1.5+(25)', { size: 8, more: true }, (r, end, d) =>
  decodeSetField(r, end, true, d),
);
const REG_LOAD2 = new WireForm('NXAST_REG_LOAD2', 'NX1.0-1.4(33)', { size: 16, more: true }, (r, end, d) => {
  const { field, value, mask } = pullEntry(r, end, true, d.tun);
  if (!isZeroUntil(r, end)) throw new OfpError('OFPBAC_BAD_SET_ARGUMENT');
  checkWritable(field);
  return makeAct(field.name, value, mask, 'reg_load2');
});

export function putRegLoad2(
  w: ByteWriter,
  version: OfpVersion,
  field: FieldName,
  value: bigint,
  mask: bigint,
): void {
  const start = REG_LOAD2.begin(w, version);
  putEntry(w, field, 0, value, mask);
  endAction(w, start);
}

/** Writes Nicira's loads: one for each run of ones in the mask, of at most 64 bits. */
function putLoads(a: Act<'set_field'>, w: ByteWriter, version: OfpVersion): void {
  const field = FIELD[a.field];
  if (a.compat === 'reg_load2' || !hasNxmHeader(a.field) || field.tunIndex >= 0) {
    putRegLoad2(w, version, a.field, a.value, a.mask);
    return;
  }
  const bit = (i: number): boolean => ((a.mask >> BigInt(i)) & 1n) === 1n;
  for (let start = 0; start < field.bits; ) {
    if (!bit(start)) {
      start++;
      continue;
    }
    let end = start + 1;
    while (end < field.bits && end - start < 64 && bit(end)) end++;
    const bits = end - start;
    const value = (a.value >> BigInt(start)) & ((1n << BigInt(bits)) - 1n);
    putRegLoad(w, version, { field: a.field, offset: start, bits }, value);
    start = end;
  }
}

/** Sets a whole VLAN TCI: with the CFI bit a tag is set (and pushed if need be), without it the tag goes. */
function putVlanTci(a: Act<'set_field'>, w: ByteWriter, version: OfpVersion): void {
  const tci = Number(a.value);
  if (!(tci & VLAN_CFI)) {
    putPopVlan(w, version);
    return;
  }
  if (version > OFP10 && !a.flowHasVlan) putPushVlan(w, version, VLAN_8021Q);
  putSetVlanVid(w, version, tci & 0xfff);
  putSetVlanPcp(w, version, tci >>> 13);
}

/** The actions of OpenFlow 1.0 and 1.1 that set a field. */
const LEGACY: Partial<Record<FieldName, (w: ByteWriter, version: OfpVersion, value: number) => void>> = {
  vlan_vid: (w, version, v) => putSetVlanVid(w, version, v & 0xfff),
  vlan_pcp: putSetVlanPcp,
  eth_src: (w, version, v) => putEthSrc(w, version, BigInt(v)),
  eth_dst: (w, version, v) => putEthDst(w, version, BigInt(v)),
  ip_src: putIpv4Src,
  ip_dst: putIpv4Dst,
  nw_tos: putTos,
  ip_dscp: (w, version, v) => putTos(w, version, v << 2),
  nw_ecn: putEcn,
  tcp_src: putL4Src,
  udp_src: putL4Src,
  tcp_dst: putL4Dst,
  udp_dst: putL4Dst,
};

function putLegacy(a: Act<'set_field'>, w: ByteWriter, version: OfpVersion): void {
  const put = LEGACY[a.field];
  if (a.field === 'vlan_tci') putVlanTci(a, w, version);
  else if (put) put(w, version, Number(a.value));
  else putLoads(a, w, version);
}

/** Splits 'VALUE->FIELD'. @throws ParseError */
export function splitArrow(arg: string): { value: string; key: string } {
  const at = arg.indexOf('->');
  if (at < 0) throw new ParseError(`${arg}: missing \`->'`);
  if (at + 2 >= arg.length) throw new ParseError(`${arg}: missing field name following \`->'`);
  return { value: arg.slice(0, at), key: arg.slice(at + 2) };
}

/** Checks that the flow has the field, and follows what a VLAN tag does. @returns whether the flow has a tag */
export function checkSetField(field: Field, value: bigint, c: ActionChecking): boolean {
  const flow = c.match.flow;
  const flowHasVlan = (flow[F.VLAN_TCI0]! & VLAN_CFI) !== 0;
  if (!fieldPrereqsOk(field, flow) || (field === VLAN_VID && !flowHasVlan)) {
    log.warnRl(limit, `set_field ${field.name} lacks correct prerequisites`);
    throw new OfpError('OFPBAC_MATCH_INCONSISTENT');
  }
  if (field.name === 'vlan_tci') flow[F.VLAN_TCI0] = Number(value);
  return flowHasVlan;
}

export const setField = defineAction({
  kind: 'set_field',
  name: 'set_field',
  wire: [SET_FIELD12, SET_FIELD15, REG_LOAD2],
  encode(a, { w, version }) {
    if (version >= OFP15) putSetFieldEntry(w, version, a.field, a.value, a.mask);
    else if (a.compat === 'reg_load2') putLoads(a, w, version);
    else if (version < OFP12) putLegacy(a, w, version);
    else if (a.mask === fieldAllOnes(FIELD[a.field])) putSetFieldEntry(w, version, a.field, a.value, a.mask);
    else putLoads(a, w, version);
  },
  format: (a, f) =>
    `${special(f, 'set_field:')}${formatFieldValue(FIELD[a.field], a.value, a.mask, f.portNames)}` +
    `${special(f, '->')}${a.field}`,
  parse: {
    set_field(arg, p) {
      const { value: text, key } = splitArrow(arg);
      const field = fieldByName(key);
      if (!field) throw new ParseError(`${key} is not a valid OXM field name`);
      if (!field.writable) throw new ParseError(`${key} is read-only`);
      const { value, mask } = parseFieldValue(field, text, p.portNames);
      if (!isFieldValueValid(field, value))
        throw new ParseError(`${text} is not a valid value for field ${key}`);
      p.protocols &= usableProtocols(field, fieldAllOnes(field));
      return makeAct(field.name, value, mask, 'set_field');
    },
  },
  check(a, c) {
    const flowHasVlan = checkSetField(FIELD[a.field], a.value, c);
    return flowHasVlan === a.flowHasVlan ? undefined : { ...a, flowHasVlan };
  },
  help: 'set_field:VALUE[/MASK]->FIELD: sets a field or some of its bits',
});
