/** `decap`: removes the outermost header; `dec_nsh_ttl`. */
import { ParseError, strToU16 } from '../../base/parse.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { F } from '../../flow/layout.ts';
import { OfpError } from '../errors.ts';
import { defineAction, hex, paren, special } from './codec.ts';
import { inconsistentMatch } from './prereqs.ts';
import { WireForm } from './wire.ts';

/** Packet type "what the header that is removed says". */
const USE_NEXT_PROTO = 0xfffe;
const NAMESPACES = 5;
const NSH_PACKET_TYPE = 0x1894f;
const NSH_ETHERTYPE = 0x894f;

const DECAP = new WireForm('NXAST_DECAP', 'NX1.3+(47)', { size: 16, more: true }, (r, end) => {
  r.skip(2);
  const newPktType = r.u32();
  if (r.pos < end) throw new OfpError('NXBAC_UNKNOWN_ED_PROP');
  return { kind: 'decap', newPktType };
});

const DEC_NSH_TTL = new WireForm('NXAST_DEC_NSH_TTL', 'NX1.3+(48)', 'void', () => ({ kind: 'dec_nsh_ttl' }));

function parsePacketType(value: string): number {
  const kv = new KeyValueScanner(value);
  const attribute = (name: string): number => {
    if (!kv.next() || kv.key !== name) throw new ParseError(`Missing packet_type attribute ${name}`);
    return strToU16(kv.value, name);
  };
  const ns = attribute('ns');
  if (ns >= NAMESPACES) throw new ParseError(`Unsupported ns value: ${ns}`);
  return ns * 0x10000 + attribute('type');
}

export const decap = defineAction({
  kind: 'decap',
  name: 'decap',
  wire: [DECAP],
  encode(a, { w, version }) {
    DECAP.begin(w, version);
    w.zero(2).u32(a.newPktType);
  },
  format(a, f) {
    const type =
      a.newPktType === USE_NEXT_PROTO
        ? ''
        : `packet_type(ns=${a.newPktType >>> 16},type=${hex(a.newPktType & 0xffff)})`;
    return `${paren(f, 'decap(')}${type}${paren(f, ')')}`;
  },
  parse: {
    decap(arg) {
      const kv = new KeyValueScanner(arg);
      if (!kv.next()) return { kind: 'decap', newPktType: USE_NEXT_PROTO };
      if (kv.key !== 'packet_type') throw new ParseError(`Invalid decap argument: ${kv.key}`);
      return { kind: 'decap', newPktType: parsePacketType(kv.value) };
    },
  },
  check(_, c) {
    const flow = c.match.flow;
    if (flow[F.PACKET_TYPE] === 0) {
      flow[F.PACKET_TYPE] = 0x10000 + flow[F.DL_TYPE]!;
    } else {
      // Only the packet itself will tell what is inside.
      flow[F.PACKET_TYPE] = 0xffff_ffff;
      flow[F.DL_TYPE] = 0xffff;
    }
  },
  help: 'decap() | decap(packet_type(ns=NS,type=TYPE)): removes the outermost header',
});

export const decNshTtl = defineAction({
  kind: 'dec_nsh_ttl',
  name: 'dec_nsh_ttl',
  wire: [DEC_NSH_TTL],
  encode: (_, e) => DEC_NSH_TTL.put(e.w, e.version),
  format: (_, f) => special(f, 'dec_nsh_ttl'),
  parse: { dec_nsh_ttl: () => ({ kind: 'dec_nsh_ttl' }) },
  check(_, c) {
    const flow = c.match.flow;
    if (flow[F.PACKET_TYPE] !== NSH_PACKET_TYPE && flow[F.DL_TYPE] !== NSH_ETHERTYPE) inconsistentMatch(c);
  },
  help: 'dec_nsh_ttl: decrements the TTL of an NSH header',
});
