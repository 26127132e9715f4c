/**
 * `set_vlan_vid` and `set_vlan_pcp` (OpenFlow 1.1+: change the tag), `mod_vlan_vid` and `mod_vlan_pcp` (1.0: also
 * push one when there is none).
 */
import type { ByteWriter } from '../../base/bytes.ts';
import { ParseError, strToU8, strToU16 } from '../../base/parse.ts';
import { F, VLAN_CFI } from '../../flow/layout.ts';
import { OfpError } from '../errors.ts';
import { OFP10, OFP11, type OfpVersion } from '../version.ts';
import type { OfpAct } from './action.ts';
import { type ActionChecking, defineAction, param } from './codec.ts';
import { inconsistentMatch } from './prereqs.ts';
import { putSetField } from './put-set-field.ts';
import { putPushVlan } from './vlan-tag.ts';
import { WireForm } from './wire.ts';

const VLAN_8021Q = 0x8100;

function vidAct(vid: number, pushIfNeeded: boolean): OfpAct {
  return { kind: 'set_vlan_vid', vid, pushIfNeeded, flowHasVlan: false };
}

function pcpAct(pcp: number, pushIfNeeded: boolean): OfpAct {
  return { kind: 'set_vlan_pcp', pcp, pushIfNeeded, flowHasVlan: false };
}

function decodeVid(vid: number, pushIfNeeded: boolean): OfpAct {
  if (vid > 0xfff) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  return vidAct(vid, pushIfNeeded);
}

function decodePcp(pcp: number, pushIfNeeded: boolean): OfpAct {
  if (pcp > 7) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  return pcpAct(pcp, pushIfNeeded);
}

const VID10 = new WireForm('OFPAT_SET_VLAN_VID', 'OF1.0(1)', 'u16', (r) => decodeVid(r.u16(), true));
const VID11 = new WireForm('OFPAT_SET_VLAN_VID', 'OF1.1(1) OF1.2+(1)!', 'u16', (r) =>
  decodeVid(r.u16(), false),
);
const PCP10 = new WireForm('OFPAT_SET_VLAN_PCP', 'OF1.0(2)', 'u8', (r) => decodePcp(r.u8(), true));
const PCP11 = new WireForm('OFPAT_SET_VLAN_PCP', 'OF1.1(2) OF1.2+(2)!', 'u8', (r) =>
  decodePcp(r.u8(), false),
);

/** Writes the actions of OpenFlow 1.0 or 1.1. */
export const putSetVlanVid = (w: ByteWriter, version: OfpVersion, vid: number): void =>
  (version === OFP10 ? VID10 : VID11).put(w, version, vid);
export const putSetVlanPcp = (w: ByteWriter, version: OfpVersion, pcp: number): void =>
  (version === OFP10 ? PCP10 : PCP11).put(w, version, pcp);

/** Notes in the match that there is a tag from here on. @returns whether there was one before */
function noteVlan(c: ActionChecking, pushIfNeeded: boolean): boolean {
  const flow = c.match.flow;
  const had = (flow[F.VLAN_TCI0]! & VLAN_CFI) !== 0;
  if (!had && !pushIfNeeded) inconsistentMatch(c);
  flow[F.VLAN_TCI0] = flow[F.VLAN_TCI0]! | VLAN_CFI;
  return had;
}

function parseVid(arg: string, pushIfNeeded: boolean): OfpAct {
  const vid = strToU16(arg, 'VLAN VID');
  if (vid > 0xfff) throw new ParseError(`${arg}: not a valid VLAN VID`);
  return vidAct(vid, pushIfNeeded);
}

function parsePcp(arg: string, pushIfNeeded: boolean): OfpAct {
  const pcp = strToU8(arg, 'VLAN PCP');
  if (pcp > 7) throw new ParseError(`${arg}: not a valid VLAN PCP`);
  return pcpAct(pcp, pushIfNeeded);
}

export const setVlanVid = defineAction({
  kind: 'set_vlan_vid',
  name: 'set_vlan_vid',
  wire: [VID10, VID11],
  encode(a, { w, version }) {
    if (version > OFP10 && a.pushIfNeeded && !a.flowHasVlan) putPushVlan(w, version, VLAN_8021Q);
    if (version <= OFP11) putSetVlanVid(w, version, a.vid);
    else putSetField(w, version, 'vlan_vid', a.vid | VLAN_CFI);
  },
  format: (a, f) => `${param(f, a.pushIfNeeded ? 'mod_vlan_vid:' : 'set_vlan_vid:')}${a.vid}`,
  parse: { set_vlan_vid: (arg) => parseVid(arg, false), mod_vlan_vid: (arg) => parseVid(arg, true) },
  check(a, c) {
    const flowHasVlan = noteVlan(c, a.pushIfNeeded);
    return flowHasVlan === a.flowHasVlan ? undefined : { ...a, flowHasVlan };
  },
  help: 'set_vlan_vid:VID | mod_vlan_vid:VID: sets the VLAN of the tag (mod_vlan_vid also adds a tag)',
});

export const setVlanPcp = defineAction({
  kind: 'set_vlan_pcp',
  name: 'set_vlan_pcp',
  wire: [PCP10, PCP11],
  encode(a, { w, version }) {
    if (version > OFP10 && a.pushIfNeeded && !a.flowHasVlan) putPushVlan(w, version, VLAN_8021Q);
    if (version <= OFP11) putSetVlanPcp(w, version, a.pcp);
    else putSetField(w, version, 'vlan_pcp', a.pcp);
  },
  format: (a, f) => `${param(f, a.pushIfNeeded ? 'mod_vlan_pcp:' : 'set_vlan_pcp:')}${a.pcp}`,
  parse: { set_vlan_pcp: (arg) => parsePcp(arg, false), mod_vlan_pcp: (arg) => parsePcp(arg, true) },
  check(a, c) {
    const flowHasVlan = noteVlan(c, a.pushIfNeeded);
    return flowHasVlan === a.flowHasVlan ? undefined : { ...a, flowHasVlan };
  },
  help: 'set_vlan_pcp:PCP | mod_vlan_pcp:PCP: sets the priority of the tag (mod_vlan_pcp also adds a tag)',
});
