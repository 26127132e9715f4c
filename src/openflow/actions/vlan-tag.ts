/** `push_vlan` and `pop_vlan` (`strip_vlan` in OpenFlow 1.0). */
import type { ByteWriter } from '../../base/bytes.ts';
import { ParseError, strToU16 } from '../../base/parse.ts';
import { F, type Flow, VLAN_CFI } from '../../flow/layout.ts';
import { OfpError } from '../errors.ts';
import { OFP10, type OfpVersion, P } from '../version.ts';
import { defineAction, hex, param, valueWord } from './codec.ts';
import { inconsistentMatch } from './prereqs.ts';
import { WireForm } from './wire.ts';

const isVlanEthertype = (type: number): boolean => type === 0x8100 || type === 0x88a8;

const PUSH = new WireForm('OFPAT_PUSH_VLAN', 'OF1.1+(17)', 'u16', (r) => {
  const ethertype = r.u16();
  if (!isVlanEthertype(ethertype)) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  return { kind: 'push_vlan', ethertype };
});
const STRIP10 = new WireForm('OFPAT_STRIP_VLAN', 'OF1.0(3)', 'void', () => ({
  kind: 'strip_vlan',
  compat: 'strip_vlan',
}));
const POP11 = new WireForm('OFPAT_POP_VLAN', 'OF1.1+(18)', 'void', () => ({
  kind: 'strip_vlan',
  compat: 'pop_vlan',
}));

export const putPushVlan = (w: ByteWriter, version: OfpVersion, ethertype: number): void =>
  PUSH.put(w, version, ethertype);
export const putPopVlan = (w: ByteWriter, version: OfpVersion): void =>
  (version === OFP10 ? STRIP10 : POP11).put(w, version);

function pushTag(flow: Flow): void {
  flow[F.VLAN_TPID1] = flow[F.VLAN_TPID0]!;
  flow[F.VLAN_TCI1] = flow[F.VLAN_TCI0]!;
  flow[F.VLAN_TPID0] = 0;
  flow[F.VLAN_TCI0] = VLAN_CFI;
}

function popTag(flow: Flow): void {
  flow[F.VLAN_TPID0] = flow[F.VLAN_TPID1]!;
  flow[F.VLAN_TCI0] = flow[F.VLAN_TCI1]!;
  flow[F.VLAN_TPID1] = 0;
  flow[F.VLAN_TCI1] = 0;
}

export const pushVlan = defineAction({
  kind: 'push_vlan',
  name: 'push_vlan',
  wire: [PUSH],
  encode(a, { w, version }) {
    // In OpenFlow 1.0 the set_vlan_vid or set_vlan_pcp that follows pushes the tag.
    if (version > OFP10) putPushVlan(w, version, a.ethertype);
  },
  format: (a, f) => `${param(f, 'push_vlan:')}${hex(a.ethertype)}`,
  parse: {
    push_vlan(arg, p) {
      p.protocols &= P.OF11_UP;
      const ethertype = strToU16(arg, 'ethertype');
      if (!isVlanEthertype(ethertype)) throw new ParseError(`${arg}: not a valid VLAN ethertype`);
      return { kind: 'push_vlan', ethertype };
    },
  },
  check(_, c) {
    const flow = c.match.flow;
    if (flow[F.VLAN_TCI1]! & VLAN_CFI) throw new OfpError('OFPBAC_BAD_TAG');
    pushTag(flow);
  },
  help: 'push_vlan:ETHERTYPE: adds a VLAN tag',
});

export const stripVlan = defineAction({
  kind: 'strip_vlan',
  name: 'strip_vlan',
  wire: [STRIP10, POP11],
  encode: (_, e) => putPopVlan(e.w, e.version),
  format: (a, f) => valueWord(f, a.compat),
  parse: {
    strip_vlan: () => ({ kind: 'strip_vlan', compat: 'strip_vlan' }),
    pop_vlan: () => ({ kind: 'strip_vlan', compat: 'pop_vlan' }),
  },
  check(_, c) {
    if (!(c.match.flow[F.VLAN_TCI0]! & VLAN_CFI)) inconsistentMatch(c);
    popTag(c.match.flow);
  },
  help: 'pop_vlan | strip_vlan: removes the outer VLAN tag',
});
