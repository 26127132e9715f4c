/** NXT_CT_FLUSH: removes tracked connections that match. C counterpart: lib/ofp-ct.c. */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { vlog } from '../../base/vlog.ts';
import { formatIpv4, formatIpv6 } from '../../flow/text.ts';
import { OfpError } from '../errors.ts';
import type { Codec } from './codec.ts';
import type { CtMatch, CtTuple } from './message.ts';
import {
  eachProperty,
  type Property,
  propertyNested,
  propertyPayload,
  propertyU8,
  propertyU16,
  propertyU32,
  putProperty,
  putPropertyNested,
  putPropertyU16,
  putPropertyU32,
  unknownProperty,
} from './properties.ts';

const log = vlog('ofp_ct');

const NXT_CT = { ORIG: 0, REPLY: 1, ZONE: 2, MARK: 3, MARK_MASK: 4, LABELS: 5, LABELS_MASK: 6 } as const;
const TUPLE = { SRC: 0, DST: 1, SRC_PORT: 2, DST_PORT: 3, ICMP_ID: 4, ICMP_TYPE: 5, ICMP_CODE: 6 } as const;

const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;
const MARK_ALL = 0xffff_ffff;
const LABELS_ALL = (1n << 128n) - 1n;
const MAPPED_PREFIX = 0xffffn;

const isIcmp = (proto: number): boolean => proto === IPPROTO_ICMP || proto === IPPROTO_ICMPV6;

const noTuple = { src: 0n, dst: 0n, srcPort: 0, dstPort: 0, icmpId: 0, icmpType: 0, icmpCode: 0 };

/** A match of everything. */
export const emptyCtMatch: CtMatch = {
  zone: undefined,
  ipProto: 0,
  l3Type: 0,
  orig: noTuple,
  reply: noTuple,
  mark: 0,
  markMask: 0,
  labels: 0n,
  labelsMask: 0n,
};

function u128(p: Property, exact: boolean): bigint {
  const payload = propertyPayload(p);
  if (exact ? payload.length !== 16 : payload.length < 16) throw new OfpError('OFPBPC_BAD_LEN');
  let n = 0n;
  for (let i = 0; i < 16; i++) n = (n << 8n) | BigInt(payload[i]!);
  return n;
}

/** An IPv4 address mapped into IPv6 lies under ::ffff:0:0/96. */
const l3TypeOf = (address: bigint): 0 | 4 | 6 =>
  address === 0n ? 0 : address >> 32n === MAPPED_PREFIX ? 4 : 6;

type L3 = { type: 0 | 4 | 6 };

function readAddress(p: Property, l3: L3): bigint {
  const address = u128(p, false);
  const type = l3TypeOf(address);
  if (l3.type && type && l3.type !== type) throw new OfpError('OFPBPC_BAD_VALUE');
  l3.type = type;
  return address;
}

function readTuple(r: ByteReader, l3: L3): CtTuple {
  const t = { ...noTuple };
  eachProperty(r, (p) => {
    switch (p.experimenter ? -1 : p.type) {
      case TUPLE.SRC:
        t.src = readAddress(p, l3);
        break;
      case TUPLE.DST:
        t.dst = readAddress(p, l3);
        break;
      case TUPLE.SRC_PORT:
        t.srcPort = propertyU16(p);
        break;
      case TUPLE.DST_PORT:
        t.dstPort = propertyU16(p);
        break;
      case TUPLE.ICMP_ID:
        t.icmpId = propertyU16(p);
        break;
      case TUPLE.ICMP_TYPE:
        t.icmpType = propertyU8(p);
        break;
      case TUPLE.ICMP_CODE:
        t.icmpCode = propertyU8(p);
        break;
      default:
        unknownProperty(log, false, 'NXT_CT_TUPLE', p);
    }
  });
  return t;
}

const putU128 = (w: ByteWriter, n: bigint): ByteWriter => w.u64(n >> 64n).u64(n & 0xffff_ffff_ffff_ffffn);

function putTuple(w: ByteWriter, type: number, t: CtTuple, proto: number): void {
  const before = w.length;
  putPropertyNested(w, type, () => {
    if (t.src) putProperty(w, TUPLE.SRC, () => putU128(w, t.src));
    if (t.dst) putProperty(w, TUPLE.DST, () => putU128(w, t.dst));
    if (isIcmp(proto)) {
      putPropertyU16(w, TUPLE.ICMP_ID, t.icmpId);
      putProperty(w, TUPLE.ICMP_TYPE, () => w.u8(t.icmpType));
      putProperty(w, TUPLE.ICMP_CODE, () => w.u8(t.icmpCode));
    } else {
      if (t.srcPort) putPropertyU16(w, TUPLE.SRC_PORT, t.srcPort);
      if (t.dstPort) putPropertyU16(w, TUPLE.DST_PORT, t.dstPort);
    }
  });
  if (w.length === before + 8) w.truncate(before);
}

const address = (a: bigint): string =>
  a >> 32n === MAPPED_PREFIX ? formatIpv4(Number(a & 0xffff_ffffn)) : formatIpv6(a);

function tupleText(t: CtTuple, m: CtMatch): string {
  const [src, dst] = m.l3Type === 4 ? ['ct_nw_src', 'ct_nw_dst'] : ['ct_ipv6_src', 'ct_ipv6_dst'];
  const ports = isIcmp(m.ipProto)
    ? `icmp_id=${t.icmpId},icmp_type=${t.icmpType},icmp_code=${t.icmpCode}`
    : `ct_tp_src=${t.srcPort},ct_tp_dst=${t.dstPort}`;
  return `${src}=${address(t.src)},${dst}=${address(t.dst)},${ports}`;
}

const labelsHex = (n: bigint): string => (n ? `0x${n.toString(16)}` : '0');

/** A match as ofp-print and dpctl print it. */
export function ctMatchText(m: CtMatch): string {
  let s = '';
  if (m.markMask) {
    s += `mark=${m.mark ? '0x' : ''}${m.mark.toString(16)}`;
    if (m.markMask !== MARK_ALL) s += `/0x${m.markMask.toString(16)}`;
    s += ' ';
  }
  if (m.labelsMask) {
    s += `labels=${labelsHex(m.labels)}`;
    if (m.labelsMask !== LABELS_ALL) s += `/${labelsHex(m.labelsMask)}`;
    s += ' ';
  }
  return `${s}'${tupleText(m.orig, m)},ct_nw_proto=${m.ipProto}' '${tupleText(m.reply, m)}'`;
}

export const ctFlush: Codec<'ct_flush'> = {
  decode(r) {
    const ipProto = r.u8();
    for (let i = 0; i < 7; i++) if (r.u8() !== 0) throw new OfpError('NXBRC_MUST_BE_ZERO');
    let zone: number | undefined;
    let orig: CtTuple = noTuple;
    let reply: CtTuple = noTuple;
    let mark: number | undefined;
    let markMask: number | undefined;
    let labels: bigint | undefined;
    let labelsMask: bigint | undefined;
    const l3: L3 = { type: 0 };
    eachProperty(r, (p) => {
      switch (p.experimenter ? -1 : p.type) {
        case NXT_CT.ORIG:
          orig = readTuple(propertyNested(p), l3);
          break;
        case NXT_CT.REPLY:
          reply = readTuple(propertyNested(p), l3);
          break;
        case NXT_CT.ZONE:
          zone = propertyU16(p);
          break;
        case NXT_CT.MARK:
          mark = propertyU32(p);
          break;
        case NXT_CT.MARK_MASK:
          markMask = propertyU32(p);
          break;
        case NXT_CT.LABELS:
          labels = u128(p, true);
          break;
        case NXT_CT.LABELS_MASK:
          labelsMask = u128(p, true);
          break;
        default:
          unknownProperty(log, false, 'NXT_CT_FLUSH', p);
      }
    });
    return {
      kind: 'ct_flush',
      zone,
      ipProto,
      l3Type: l3.type,
      orig,
      reply,
      mark: mark ?? 0,
      // A value without a mask is meant whole.
      markMask: markMask ?? (mark === undefined ? 0 : MARK_ALL),
      labels: labels ?? 0n,
      labelsMask: labelsMask ?? (labels === undefined ? 0n : LABELS_ALL),
    };
  },
  encode(w, m) {
    w.u8(m.ipProto).zero(7);
    putTuple(w, NXT_CT.ORIG, m.orig, m.ipProto);
    putTuple(w, NXT_CT.REPLY, m.reply, m.ipProto);
    if (m.zone !== undefined) putPropertyU16(w, NXT_CT.ZONE, m.zone);
    if (m.markMask) {
      putPropertyU32(w, NXT_CT.MARK, m.mark);
      if (m.markMask !== MARK_ALL) putPropertyU32(w, NXT_CT.MARK_MASK, m.markMask);
    }
    if (m.labelsMask) {
      putProperty(w, NXT_CT.LABELS, () => putU128(w, m.labels));
      if (m.labelsMask !== LABELS_ALL) putProperty(w, NXT_CT.LABELS_MASK, () => putU128(w, m.labelsMask));
    }
  },
  format: (m) => ` zone=${m.zone ?? 0} ${ctMatchText(m)}`,
};
