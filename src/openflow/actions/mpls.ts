/** MPLS: `set_mpls_label`, `set_mpls_tc`, `set_mpls_ttl`, `dec_mpls_ttl`, `push_mpls`, `pop_mpls`. */
import { ParseError, strToU8, strToU16, strToU32 } from '../../base/parse.ts';
import { flowEthertype } from '../../flow/fields.ts';
import { F } from '../../flow/layout.ts';
import { OfpError } from '../errors.ts';
import { OFP12 } from '../version.ts';
import { defineAction, hex4, param, paren, valueWord } from './codec.ts';
import { inconsistentMatch, isMpls, needsMpls } from './prereqs.ts';
import { putSetField } from './put-set-field.ts';
import { WireForm } from './wire.ts';

const LABEL = new WireForm('OFPAT_SET_MPLS_LABEL', 'NX1.0(30) OF1.1(13) OF1.2+(13)!', 'u32', (r) => ({
  kind: 'set_mpls_label',
  label: r.u32(),
}));
const TC = new WireForm('OFPAT_SET_MPLS_TC', 'NX1.0(31) OF1.1(14) OF1.2+(14)!', 'u8', (r) => ({
  kind: 'set_mpls_tc',
  tc: r.u8(),
}));
const TTL = new WireForm('OFPAT_SET_MPLS_TTL', 'NX1.0(25) OF1.1(15) OF1.2+(15)!', 'u8', (r) => ({
  kind: 'set_mpls_ttl',
  ttl: r.u8(),
}));
const DEC_TTL = new WireForm('OFPAT_DEC_MPLS_TTL', 'NX1.0(26) OF1.1+(16)', 'void', () => ({
  kind: 'dec_mpls_ttl',
}));
const PUSH = new WireForm('OFPAT_PUSH_MPLS', 'NX1.0(23) OF1.1+(19)', 'u16', (r) => {
  const ethertype = r.u16();
  if (!isMpls(ethertype)) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  return { kind: 'push_mpls', ethertype };
});
const POP = new WireForm('OFPAT_POP_MPLS', 'NX1.0(24) OF1.1+(20)', 'u16', (r) => ({
  kind: 'pop_mpls',
  ethertype: r.u16(),
}));

export const setMplsLabel = defineAction({
  kind: 'set_mpls_label',
  name: 'set_mpls_label',
  wire: [LABEL],
  encode(a, { w, version }) {
    if (version < OFP12) LABEL.put(w, version, a.label);
    else putSetField(w, version, 'mpls_label', a.label);
  },
  format: (a, f) => `${paren(f, 'set_mpls_label(')}${a.label}${paren(f, ')')}`,
  parse: {
    set_mpls_label(arg) {
      if (arg === '') throw new ParseError('set_mpls_label: expected label.');
      const label = strToU32(arg);
      if (label > 0xfffff) throw new ParseError(`${arg}: not a valid MPLS label`);
      return { kind: 'set_mpls_label', label };
    },
  },
  check: needsMpls,
  help: 'set_mpls_label:LABEL: sets the label of the outer MPLS entry',
});

export const setMplsTc = defineAction({
  kind: 'set_mpls_tc',
  name: 'set_mpls_tc',
  wire: [TC],
  encode(a, { w, version }) {
    if (version < OFP12) TC.put(w, version, a.tc);
    else putSetField(w, version, 'mpls_tc', a.tc);
  },
  format: (a, f) => `${paren(f, 'set_mpls_tc(')}${a.tc}${paren(f, ')')}`,
  parse: {
    set_mpls_tc(arg) {
      if (arg === '') throw new ParseError('set_mpls_tc: expected tc.');
      const tc = strToU8(arg, 'MPLS TC');
      if (tc > 7) throw new ParseError(`${arg}: not a valid MPLS TC`);
      return { kind: 'set_mpls_tc', tc };
    },
  },
  check: needsMpls,
  help: 'set_mpls_tc:TC: sets the traffic class of the outer MPLS entry',
});

export const setMplsTtl = defineAction({
  kind: 'set_mpls_ttl',
  name: 'set_mpls_ttl',
  wire: [TTL],
  encode: (a, e) => TTL.put(e.w, e.version, a.ttl),
  format: (a, f) => `${paren(f, 'set_mpls_ttl(')}${a.ttl}${paren(f, ')')}`,
  parse: {
    set_mpls_ttl(arg) {
      if (arg === '') throw new ParseError('set_mpls_ttl: expected ttl.');
      return { kind: 'set_mpls_ttl', ttl: strToU8(arg, 'MPLS TTL') };
    },
  },
  check: needsMpls,
  help: 'set_mpls_ttl:TTL: sets the TTL of the outer MPLS entry',
});

export const decMplsTtl = defineAction({
  kind: 'dec_mpls_ttl',
  name: 'dec_mpls_ttl',
  wire: [DEC_TTL],
  encode: (_, e) => DEC_TTL.put(e.w, e.version),
  format: (_, f) => valueWord(f, 'dec_mpls_ttl'),
  parse: { dec_mpls_ttl: () => ({ kind: 'dec_mpls_ttl' }) },
  check: needsMpls,
  help: 'dec_mpls_ttl: decrements the TTL of the outer MPLS entry',
});

export const pushMpls = defineAction({
  kind: 'push_mpls',
  name: 'push_mpls',
  wire: [PUSH],
  encode: (a, e) => PUSH.put(e.w, e.version, a.ethertype),
  format: (a, f) => `${param(f, 'push_mpls:')}${hex4(a.ethertype)}`,
  parse: { push_mpls: (arg) => ({ kind: 'push_mpls', ethertype: strToU16(arg, 'push_mpls') }) },
  check(a, c) {
    const flow = c.match.flow;
    if (flow[F.PACKET_TYPE] !== 0) inconsistentMatch(c);
    flow[F.DL_TYPE] = a.ethertype;
    // What an MPLS packet carries is opaque: nothing is known of its protocol.
    flow[F.NW_PROTO] = 0;
  },
  help: 'push_mpls:ETHERTYPE: adds an MPLS label stack entry',
});

export const popMpls = defineAction({
  kind: 'pop_mpls',
  name: 'pop_mpls',
  wire: [POP],
  encode: (a, e) => POP.put(e.w, e.version, a.ethertype),
  format: (a, f) => `${param(f, 'pop_mpls:')}${hex4(a.ethertype)}`,
  parse: { pop_mpls: (arg) => ({ kind: 'pop_mpls', ethertype: strToU16(arg, 'pop_mpls') }) },
  check(a, c) {
    const flow = c.match.flow;
    if (flow[F.PACKET_TYPE] !== 0 || !isMpls(flowEthertype(flow))) inconsistentMatch(c);
    flow[F.DL_TYPE] = a.ethertype;
  },
  help: 'pop_mpls:ETHERTYPE: removes the outer MPLS label stack entry; ETHERTYPE is of what is inside',
});
