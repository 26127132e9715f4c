/** `encap`: pushes an Ethernet, NSH or MPLS header, with properties. */
import { hexDigit, ParseError, scanHexBytes, scanInteger, strToU8 } from '../../base/parse.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { F } from '../../flow/layout.ts';
import { OfpError } from '../errors.ts';
import { P } from '../version.ts';
import type { EncapProperty } from './action.ts';
import { defineAction, hex, hex4, paren } from './codec.ts';
import { isIp } from './prereqs.ts';
import { endAction, WireForm } from './wire.ts';

/** Packet types (namespace << 16 | type) by the names of headers. */
const HEADERS: Readonly<Record<string, number>> = {
  ethernet: 0,
  nsh: 0x1894f,
  mpls: 0x18847,
  mpls_mc: 0x18848,
};
const HEADER_NAMES = new Map(Object.entries(HEADERS).map(([name, type]) => [type, name]));
const CLASS_NSH = 4;
const PROP_NSH_MDTYPE = 1;
const PROP_NSH_TLV = 2;
/** Only digits of this many bytes are read of a TLV in text. */
const MAX_TLV_DIGITS = 251;

const ENCAP = new WireForm('NXAST_ENCAP', 'NX1.3+(46)', { size: 16, more: true }, (r, end) => {
  const hdrSize = r.u16();
  const header = r.u32();
  if (!HEADER_NAMES.has(header)) throw new OfpError('NXBAC_BAD_HEADER_TYPE');
  const props: EncapProperty[] = [];
  while (r.pos < end) {
    const start = r.pos;
    const room = end - start;
    if (room < 4) throw new OfpError('OFPBAC_BAD_LEN');
    const propClass = r.u16();
    const type = r.u8();
    const length = r.u8();
    const padded = (length + 7) & -8;
    if (length < 4 || padded > room) throw new OfpError('OFPBAC_BAD_LEN');
    if (propClass !== CLASS_NSH) throw new OfpError('NXBAC_UNKNOWN_ED_PROP');
    if (type === PROP_NSH_MDTYPE) {
      if (length > 8) throw new OfpError('NXBAC_BAD_ED_PROP');
      props.push({ kind: 'nsh_md_type', mdType: r.u8() });
    } else if (type === PROP_NSH_TLV) {
      const tlvClass = r.u16();
      const tlvType = r.u8();
      const size = r.u8();
      if (length !== 8 + ((size + 7) & -8)) throw new OfpError('NXBAC_BAD_ED_PROP');
      props.push({ kind: 'nsh_tlv', tlvClass, type: tlvType, data: r.take(size).slice() });
    } else {
      throw new OfpError('NXBAC_UNKNOWN_ED_PROP');
    }
    r.pos = start + padded;
  }
  return { kind: 'encap', header, hdrSize, props };
});

/** '0xCLASS,TYPE,0xBYTES' */
function parseTlv(value: string): EncapProperty {
  const bad = new ParseError(`Invalid NSH TLV header: ${value}`);
  if (!value.startsWith('0x')) throw bad;
  const tlvClass = scanInteger(value, 16, 2);
  if (!tlvClass || value[tlvClass.end] !== ',') throw bad;
  const type = scanInteger(value, 10, tlvClass.end + 1);
  if (!type || !value.startsWith(',0x', type.end)) throw bad;
  const first = type.end + 3;
  let last = first;
  while (last - first < MAX_TLV_DIGITS && hexDigit(value.charCodeAt(last)) < 16) last++;
  if (last === first) throw bad;
  const { bytes } = scanHexBytes(value.slice(first, last));
  return {
    kind: 'nsh_tlv',
    tlvClass: Number(tlvClass.value) & 0xffff,
    type: Number(type.value) & 0xff,
    data: bytes,
  };
}

function parseProperty(header: string, key: string, value: string): EncapProperty {
  if (header !== 'nsh' || (key !== 'md_type' && key !== 'tlv'))
    throw new ParseError(`Invalid property: ${key}`);
  if (value === '') throw new ParseError('Value missing for encap property');
  if (key === 'tlv') return parseTlv(value);
  const mdType = strToU8(value, 'md_type');
  if (mdType < 1 || mdType > 2) throw new ParseError('invalid md_type');
  return { kind: 'nsh_md_type', mdType };
}

/** The bytes as one number in hexadecimal, without leading zeros. */
function hexOf(data: Uint8Array): string {
  let n = 0n;
  for (const byte of data) n = (n << 8n) | BigInt(byte);
  return hex(n);
}

const formatProperty = (p: EncapProperty): string =>
  p.kind === 'nsh_md_type' ? `md_type=${p.mdType}` : `tlv(${hex4(p.tlvClass)},${p.type},${hexOf(p.data)})`;

export const encap = defineAction({
  kind: 'encap',
  name: 'encap',
  wire: [ENCAP],
  encode(a, { w, version }) {
    const start = ENCAP.begin(w, version);
    w.u16(a.hdrSize).u32(a.header);
    for (const p of a.props) {
      w.u16(CLASS_NSH);
      if (p.kind === 'nsh_md_type') {
        w.u8(PROP_NSH_MDTYPE).u8(5).u8(p.mdType).zero(3);
      } else {
        const padded = (p.data.length + 7) & -8;
        w.u8(PROP_NSH_TLV)
          .u8(8 + padded)
          .u16(p.tlvClass)
          .u8(p.type)
          .u8(p.data.length);
        w.put(p.data).zero(padded - p.data.length);
      }
    }
    endAction(w, start);
  },
  format(a, f) {
    const props =
      a.props.length > 0 ? `${paren(f, '(')}${a.props.map(formatProperty).join(',')}${paren(f, ')')}` : '';
    return `${paren(f, 'encap(')}${HEADER_NAMES.get(a.header) ?? 'UNKNOWN'}${props}${paren(f, ')')}`;
  },
  parse: {
    encap(arg, p) {
      p.protocols &= P.OF13_UP;
      const kv = new KeyValueScanner(arg);
      if (!kv.next()) throw new ParseError(`Missing encap hdr: ${arg}`);
      const header = Object.hasOwn(HEADERS, kv.key) ? HEADERS[kv.key] : undefined;
      if (header === undefined) throw new ParseError(`Encap hdr not supported: ${kv.value}`);
      const props: EncapProperty[] = [];
      for (const inner = new KeyValueScanner(kv.value); inner.next(); )
        props.push(parseProperty(kv.key, inner.key, inner.value));
      return { kind: 'encap', header, hdrSize: 0, props };
    },
  },
  check(a, c) {
    const flow = c.match.flow;
    flow[F.PACKET_TYPE] = a.header;
    if (a.header >>> 16 === 1) flow[F.DL_TYPE] = a.header & 0xffff;
    if (!isIp(flow)) flow[F.NW_PROTO] = 0;
  },
  help: 'encap(ethernet) | encap(nsh(md_type=1|2,tlv(0xCLASS,TYPE,0xBYTES)...)) | encap(mpls): pushes a header',
});
