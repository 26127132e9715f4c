/** `mod_nw_src`, `mod_nw_dst`, `mod_nw_tos`, `mod_nw_ecn`, `mod_nw_ttl`: the IP header; mostly set_field from 1.2 on. */
import type { ByteWriter } from '../../base/bytes.ts';
import { ParseError, scanIpv4, strToU8 } from '../../base/parse.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { OfpError } from '../errors.ts';
import { OFP10, OFP11, OFP12, type OfpVersion } from '../version.ts';
import { defineAction, param } from './codec.ts';
import { needsIp, needsIpv4 } from './prereqs.ts';
import { putRegLoad } from './put-reg-load.ts';
import { putSetField } from './put-set-field.ts';
import { WireForm } from './wire.ts';

const log = vlog('socket_util');
const limit = new RateLimit(60, 5);
const DSCP_BITS = 0xfc;
const ECN_BITS = 0x03;

const SRC = new WireForm('OFPAT_SET_NW_SRC', 'OF1.0(6) OF1.1(5) OF1.2+(5)!', 'u32', (r) => ({
  kind: 'set_ipv4_src',
  ip: r.u32(),
}));
const DST = new WireForm('OFPAT_SET_NW_DST', 'OF1.0(7) OF1.1(6) OF1.2+(6)!', 'u32', (r) => ({
  kind: 'set_ipv4_dst',
  ip: r.u32(),
}));
const TOS = new WireForm('OFPAT_SET_NW_TOS', 'OF1.0(8) OF1.1(7) OF1.2+(7)!', 'u8', (r) => {
  const dscp = r.u8();
  if (dscp & ~DSCP_BITS) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  return { kind: 'set_ip_dscp', dscp };
});
const ECN = new WireForm('OFPAT_SET_NW_ECN', 'OF1.1(8) OF1.2+(8)!', 'u8', (r) => {
  const ecn = r.u8();
  if (ecn & ~ECN_BITS) throw new OfpError('OFPBAC_BAD_ARGUMENT');
  return { kind: 'set_ip_ecn', ecn };
});
const TTL = new WireForm('OFPAT_SET_NW_TTL', 'OF1.1+(23)', 'u8', (r) => ({
  kind: 'set_ip_ttl',
  ttl: r.u8(),
}));

/** Writes the actions of OpenFlow 1.0 and 1.1. */
export const putIpv4Src = (w: ByteWriter, version: OfpVersion, ip: number): void => SRC.put(w, version, ip);
export const putIpv4Dst = (w: ByteWriter, version: OfpVersion, ip: number): void => DST.put(w, version, ip);
export const putTos = (w: ByteWriter, version: OfpVersion, dscp: number): void => TOS.put(w, version, dscp);

/** Writes the ECN bits in the form of the version. */
export function putEcn(w: ByteWriter, version: OfpVersion, ecn: number): void {
  if (version === OFP10) putRegLoad(w, version, { field: 'nw_ecn', offset: 0, bits: 2 }, BigInt(ecn));
  else if (version === OFP11) ECN.put(w, version, ecn);
  else putSetField(w, version, 'nw_ecn', ecn);
}

function parseIpv4(s: string): number {
  const scanned = scanIpv4(s);
  if (!scanned || scanned.end !== s.length) {
    log.errRl(limit, `"${s}" is not a valid IP address`);
    throw new ParseError(`${s}: could not convert to IP address`);
  }
  return scanned.ip;
}

export const formatIpv4 = (ip: number): string =>
  `${ip >>> 24}.${(ip >>> 16) & 255}.${(ip >>> 8) & 255}.${ip & 255}`;

export const setIpv4Src = defineAction({
  kind: 'set_ipv4_src',
  name: 'mod_nw_src',
  wire: [SRC],
  encode(a, { w, version }) {
    if (version < OFP12) putIpv4Src(w, version, a.ip);
    else putSetField(w, version, 'ip_src', a.ip);
  },
  format: (a, f) => `${param(f, 'mod_nw_src:')}${formatIpv4(a.ip)}`,
  parse: { mod_nw_src: (arg) => ({ kind: 'set_ipv4_src', ip: parseIpv4(arg) }) },
  check: needsIpv4,
  help: 'mod_nw_src:IP: sets the IPv4 source address',
});

export const setIpv4Dst = defineAction({
  kind: 'set_ipv4_dst',
  name: 'mod_nw_dst',
  wire: [DST],
  encode(a, { w, version }) {
    if (version < OFP12) putIpv4Dst(w, version, a.ip);
    else putSetField(w, version, 'ip_dst', a.ip);
  },
  format: (a, f) => `${param(f, 'mod_nw_dst:')}${formatIpv4(a.ip)}`,
  parse: { mod_nw_dst: (arg) => ({ kind: 'set_ipv4_dst', ip: parseIpv4(arg) }) },
  check: needsIpv4,
  help: 'mod_nw_dst:IP: sets the IPv4 destination address',
});

export const setIpDscp = defineAction({
  kind: 'set_ip_dscp',
  name: 'mod_nw_tos',
  wire: [TOS],
  encode(a, { w, version }) {
    if (version < OFP12) putTos(w, version, a.dscp);
    else putSetField(w, version, 'ip_dscp', a.dscp >> 2);
  },
  format: (a, f) => `${param(f, 'mod_nw_tos:')}${a.dscp}`,
  parse: {
    mod_nw_tos(arg) {
      const dscp = strToU8(arg, 'TOS');
      if (dscp & ~DSCP_BITS) throw new ParseError(`${arg}: not a valid TOS`);
      return { kind: 'set_ip_dscp', dscp };
    },
  },
  check: needsIp,
  help: 'mod_nw_tos:TOS: sets the DSCP bits of the IP ToS or traffic class; TOS is a multiple of 4',
});

export const setIpEcn = defineAction({
  kind: 'set_ip_ecn',
  name: 'mod_nw_ecn',
  wire: [ECN],
  encode: (a, e) => putEcn(e.w, e.version, a.ecn),
  format: (a, f) => `${param(f, 'mod_nw_ecn:')}${a.ecn}`,
  parse: {
    mod_nw_ecn(arg) {
      const ecn = strToU8(arg, 'ECN');
      if (ecn & ~ECN_BITS) throw new ParseError(`${arg}: not a valid ECN`);
      return { kind: 'set_ip_ecn', ecn };
    },
  },
  check: needsIp,
  help: 'mod_nw_ecn:ECN: sets the ECN bits of the IP ToS or traffic class',
});

export const setIpTtl = defineAction({
  kind: 'set_ip_ttl',
  name: 'mod_nw_ttl',
  wire: [TTL],
  encode(a, { w, version }) {
    if (version >= OFP11) TTL.put(w, version, a.ttl);
    else putRegLoad(w, version, { field: 'nw_ttl', offset: 0, bits: 8 }, BigInt(a.ttl));
  },
  format: (a, f) => `${param(f, 'mod_nw_ttl:')}${a.ttl}`,
  parse: {
    mod_nw_ttl: (arg) => ({ kind: 'set_ip_ttl', ttl: strToU8(arg, 'TTL') }),
    set_nw_ttl: (arg) => ({ kind: 'set_ip_ttl', ttl: strToU8(arg, 'TTL') }),
  },
  check: needsIp,
  help: 'mod_nw_ttl:TTL: sets the IPv4 TTL or IPv6 hop limit',
});
