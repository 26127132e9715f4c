/** `mod_tp_src` and `mod_tp_dst`: TCP, UDP and SCTP ports; set_field from OpenFlow 1.2 on if the protocol is known. */
import type { ByteWriter } from '../../base/bytes.ts';
import { strToU16 } from '../../base/parse.ts';
import { F, FLOW_NW_FRAG_LATER } from '../../flow/layout.ts';
import { OFP12, type OfpVersion } from '../version.ts';
import { type ActionChecking, defineAction, param } from './codec.ts';
import { inconsistentMatch, isIp } from './prereqs.ts';
import { putSetField } from './put-set-field.ts';
import { WireForm } from './wire.ts';

/** Start of the names of the protocol's port fields. */
const PROTOCOLS: Readonly<Record<number, 'tcp' | 'udp' | 'sctp'>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

const SRC = new WireForm('OFPAT_SET_TP_SRC', 'OF1.0-1.1(9) OF1.2+(9)!', 'u16', (r) => ({
  kind: 'set_l4_src_port',
  port: r.u16(),
  flowIpProto: 0,
}));
const DST = new WireForm('OFPAT_SET_TP_DST', 'OF1.0-1.1(10) OF1.2+(10)!', 'u16', (r) => ({
  kind: 'set_l4_dst_port',
  port: r.u16(),
  flowIpProto: 0,
}));

/** Writes the actions of OpenFlow 1.0 and 1.1. */
export const putL4Src = (w: ByteWriter, version: OfpVersion, port: number): void => SRC.put(w, version, port);
export const putL4Dst = (w: ByteWriter, version: OfpVersion, port: number): void => DST.put(w, version, port);

/** @returns the protocol that the match fixes */
function checkPort(c: ActionChecking): number {
  const flow = c.match.flow;
  const proto = flow[F.NW_PROTO]!;
  if (!isIp(flow) || flow[F.NW_FRAG]! & FLOW_NW_FRAG_LATER || !PROTOCOLS[proto]) inconsistentMatch(c);
  return proto;
}

export const setL4SrcPort = defineAction({
  kind: 'set_l4_src_port',
  name: 'mod_tp_src',
  wire: [SRC],
  encode(a, { w, version }) {
    const protocol = PROTOCOLS[a.flowIpProto];
    if (version >= OFP12 && protocol) putSetField(w, version, `${protocol}_src`, a.port);
    else putL4Src(w, version, a.port);
  },
  format: (a, f) => `${param(f, 'mod_tp_src:')}${a.port}`,
  parse: {
    mod_tp_src: (arg) => ({ kind: 'set_l4_src_port', port: strToU16(arg, 'source port'), flowIpProto: 0 }),
  },
  check(a, c) {
    const flowIpProto = checkPort(c);
    return flowIpProto === a.flowIpProto ? undefined : { ...a, flowIpProto };
  },
  help: 'mod_tp_src:PORT: sets the TCP, UDP or SCTP source port',
});

export const setL4DstPort = defineAction({
  kind: 'set_l4_dst_port',
  name: 'mod_tp_dst',
  wire: [DST],
  encode(a, { w, version }) {
    const protocol = PROTOCOLS[a.flowIpProto];
    if (version >= OFP12 && protocol) putSetField(w, version, `${protocol}_dst`, a.port);
    else putL4Dst(w, version, a.port);
  },
  format: (a, f) => `${param(f, 'mod_tp_dst:')}${a.port}`,
  parse: {
    mod_tp_dst: (arg) => ({
      kind: 'set_l4_dst_port',
      port: strToU16(arg, 'destination port'),
      flowIpProto: 0,
    }),
  },
  check(a, c) {
    const flowIpProto = checkPort(c);
    return flowIpProto === a.flowIpProto ? undefined : { ...a, flowIpProto };
  },
  help: 'mod_tp_dst:PORT: sets the TCP, UDP or SCTP destination port',
});
