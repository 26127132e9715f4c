/**
 * The header that a `tnl_push` action puts in front of packets, as text and back.
 *
 * C counterpart: format_odp_tnl_push_header and ovs_parse_tnl_push of lib/odp-util.c.
 */
import { formatIpv4, formatIpv6, formatMac, hex, hexPad } from '../flow/text.ts';
import { csum } from '../packet/checksum.ts';
import { getU16, getU32, putU16, putU32 } from '../packet/wire.ts';
import { formatGeneveOptions } from './key-format.ts';
import { scanGeneveOptions } from './key-parse.ts';
import { OdpSyntax, type Scanner } from './scanner.ts';

/** OVS_VPORT_TYPE_* of tunnels. */
export const TUNNEL_TYPE = {
  GRE: 3,
  VXLAN: 4,
  GENEVE: 5,
  ERSPAN: 107,
  IP6ERSPAN: 108,
  IP6GRE: 109,
  GTPU: 110,
  SRV6: 112,
} as const;

const GRE_CSUM = 0x8000;
const GRE_KEY = 0x2000;
const GRE_SEQ = 0x1000;
const MAX_HEADER_BYTES = 512;
const MAX_SEGMENTS = 6;

function readBig(b: Uint8Array, at: number, bytes: number): bigint {
  let v = 0n;
  for (let i = 0; i < bytes; i++) v = (v << 8n) | BigInt(b[at + i] ?? 0);
  return v;
}
const ipv6At = (b: Uint8Array, at: number): string => formatIpv6(readBig(b, at, 16));
const x = (v: number): string => hexPad(v, 1);

/** `eth(..),ipv4(..),udp(..),vxlan(..)` of a header of one of {@link TUNNEL_TYPE}. */
export function formatTunnelHeader(type: number, b: Uint8Array): string {
  const ethertype = getU16(b, 12);
  const parts = [
    `eth(dst=${formatMac(getU16(b, 0), getU32(b, 2))},src=${formatMac(getU16(b, 6), getU32(b, 8))},` +
      `dl_type=${hexPad(ethertype, 4)})`,
  ];
  let l4: number;
  if (ethertype === 0x0800) {
    parts.push(
      `ipv4(src=${formatIpv4(getU32(b, 26))},dst=${formatIpv4(getU32(b, 30))},proto=${b[23]},tos=${hex(b[15]!)},` +
        `ttl=${b[22]},frag=${x(getU16(b, 20))})`,
    );
    l4 = 34;
  } else {
    const first = getU32(b, 14);
    parts.push(
      `ipv6(src=${ipv6At(b, 22)},dst=${ipv6At(b, 38)},label=${first & 0xfffff},proto=${b[20]},` +
        `tclass=${x((first >>> 20) & 0xff)},hlimit=${b[21]})`,
    );
    l4 = 54;
  }
  const udp = `udp(src=${getU16(b, l4)},dst=${getU16(b, l4 + 2)},csum=${x(getU16(b, l4 + 6))})`;
  switch (type) {
    case TUNNEL_TYPE.VXLAN:
      parts.push(udp, `vxlan(flags=${x(getU32(b, l4 + 8))},vni=${x(getU32(b, l4 + 12) >>> 8)})`);
      break;
    case TUNNEL_TYPE.GENEVE: {
      const optionBytes = (b[l4 + 8]! & 0x3f) * 4;
      const flags = `${b[l4 + 9]! & 0x80 ? 'oam,' : ''}${b[l4 + 9]! & 0x40 ? 'crit,' : ''}`;
      const options = optionBytes
        ? `,options(${formatGeneveOptions(b.subarray(l4 + 16, l4 + 16 + optionBytes), undefined, false)})`
        : '';
      parts.push(udp, `geneve(${flags}vni=${x(getU32(b, l4 + 12) >>> 8)}${options})`);
      break;
    }
    case TUNNEL_TYPE.GTPU:
      parts.push(udp, `gtpu(flags=${x(b[l4 + 8]!)},msgtype=${b[l4 + 9]},teid=${x(getU32(b, l4 + 12))})`);
      break;
    case TUNNEL_TYPE.SRV6: {
      const segments = b[l4 + 4]! + 1;
      const list = Array.from({ length: segments }, (_, i) => ipv6At(b, l4 + 8 + 16 * (segments - 1 - i)));
      parts.push(`srv6(segments_left=${b[l4 + 3]},segs(${list.join(',')}))`);
      break;
    }
    case TUNNEL_TYPE.GRE:
    case TUNNEL_TYPE.IP6GRE:
      parts.push(formatGre(b, l4));
      break;
    case TUNNEL_TYPE.ERSPAN:
    case TUNNEL_TYPE.IP6ERSPAN:
      parts.push(formatErspan(b, l4 + 8));
      break;
  }
  return parts.join(',');
}

function formatGre(b: Uint8Array, l4: number): string {
  const flags = getU16(b, l4);
  let text = `gre((flags=${x(flags)},proto=${x(getU16(b, l4 + 2))})`;
  let at = l4 + 4;
  if (flags & GRE_CSUM) {
    text += `,csum=${x(getU16(b, at))}`;
    at += 4;
  }
  if (flags & GRE_KEY) {
    text += `,key=${x(getU32(b, at))}`;
    at += 4;
  }
  if (flags & GRE_SEQ) text += `,seq=${x(getU32(b, at))}`;
  return `${text})`;
}

function formatErspan(b: Uint8Array, at: number): string {
  const version = b[at]! >> 4;
  const sid = getU16(b, at + 2) & 0x03ff;
  if (version === 1) return `erspan(ver=1,sid=${x(sid)},idx=${x(getU32(b, at + 4))})`;
  const md = getU16(b, at + 10);
  return `erspan(ver=2,sid=${x(sid)},dir=${(md >> 3) & 1},hwid=${x((md >> 4) & 0x3f)})`;
}

function putBig(b: Uint8Array, at: number, value: bigint, bytes: number): void {
  for (let i = bytes - 1; i >= 0; i--) {
    b[at + i] = Number(value & 255n);
    value >>= 8n;
  }
}

/** A number after `name`, in any base that C's scanner takes. */
function field(s: Scanner, name: string, bytes: 1 | 2 | 4 = 4): number {
  s.expect(name);
  return s.number(bytes);
}

/** Reads what {@link formatTunnelHeader} writes, after `size` and `type`. @throws OdpSyntax */
export function scanTunnelHeader(s: Scanner, size: number, type: number): Uint8Array {
  const b = new Uint8Array(MAX_HEADER_BYTES);
  s.expect('eth(dst=');
  putBig(b, 0, s.mac(), 6);
  s.expect(',src=');
  putBig(b, 6, s.mac(), 6);
  const ethertype = field(s, ',dl_type=', 2);
  putU16(b, 12, ethertype);
  s.expect('),');
  const l4 = ethertype === 0x0800 ? scanIpv4(s, b) : scanIpv6(s, b);
  const [found, length] = scanEncapsulation(s, b, l4, ethertype === 0x0800);
  if (found !== type || length !== size) throw new OdpSyntax();
  return b.slice(0, length);
}

function scanIpv4(s: Scanner, b: Uint8Array): number {
  s.expect('ipv4(src=');
  putU32(b, 26, s.ipv4());
  s.expect(',dst=');
  putU32(b, 30, s.ipv4());
  b[23] = field(s, ',proto=', 1);
  b[15] = field(s, ',tos=', 1);
  b[22] = field(s, ',ttl=', 1);
  putU16(b, 20, field(s, ',frag=', 2));
  s.expect('),');
  b[14] = 0x45;
  putU16(b, 24, csum(b, 14, 20));
  return 34;
}

function scanIpv6(s: Scanner, b: Uint8Array): number {
  s.expect('ipv6(src=');
  putBig(b, 22, s.ipv6(), 16);
  s.expect(',dst=');
  putBig(b, 38, s.ipv6(), 16);
  const label = field(s, ',label=');
  if (label > 0xfffff) throw new OdpSyntax();
  b[20] = field(s, ',proto=', 1);
  putU32(b, 14, ((6 << 28) | (field(s, ',tclass=', 1) << 20) | label) >>> 0);
  b[21] = field(s, ',hlimit=', 1);
  s.expect('),');
  return 54;
}

/** @returns the tunnel's type and the whole header's length */
function scanEncapsulation(
  s: Scanner,
  b: Uint8Array,
  l4: number,
  ipv4: boolean,
): [type: number, length: number] {
  if (s.take('udp(src=')) {
    putU16(b, l4, s.number(2));
    putU16(b, l4 + 2, field(s, ',dst=', 2));
    putU16(b, l4 + 6, field(s, ',csum=', 2));
    s.expect('),');
    return scanUdpTunnel(s, b, l4 + 8);
  }
  if (s.take('gre((flags=')) return [ipv4 ? TUNNEL_TYPE.GRE : TUNNEL_TYPE.IP6GRE, scanGre(s, b, l4)];
  if (s.take('srv6(segments_left=')) return [TUNNEL_TYPE.SRV6, scanSrv6(s, b, l4)];
  if (s.take('erspan(ver=')) return [ipv4 ? TUNNEL_TYPE.ERSPAN : TUNNEL_TYPE.IP6ERSPAN, scanErspan(s, b, l4)];
  throw new OdpSyntax();
}

function scanUdpTunnel(s: Scanner, b: Uint8Array, at: number): [type: number, length: number] {
  if (s.take('vxlan(flags=')) {
    putU32(b, at, s.number());
    putU32(b, at + 4, (field(s, ',vni=') << 8) >>> 0);
    s.expect('))');
    return [TUNNEL_TYPE.VXLAN, at + 8];
  }
  if (s.take('gtpu(flags=')) {
    b[at] = s.number(1);
    b[at + 1] = field(s, ',msgtype=', 1);
    putU32(b, at + 4, field(s, ',teid='));
    s.expect('))');
    return [TUNNEL_TYPE.GTPU, at + 8];
  }
  s.expect('geneve(');
  if (s.take('oam,')) b[at + 1] = 0x80;
  if (s.take('crit,')) b[at + 1] = b[at + 1]! | 0x40;
  putU16(b, at + 2, 0x6558);
  putU32(b, at + 4, (field(s, 'vni=') << 8) >>> 0);
  const options: number[] = [];
  if (s.take(',options(')) scanGeneveOptions(s, options, []);
  s.expect('))');
  b.set(options, at + 8);
  b[at] = options.length / 4;
  return [TUNNEL_TYPE.GENEVE, at + 8 + options.length];
}

function scanGre(s: Scanner, b: Uint8Array, l4: number): number {
  const flags = s.number(2);
  putU16(b, l4, flags);
  putU16(b, l4 + 2, field(s, ',proto=', 2));
  s.expect(')');
  let at = l4 + 4;
  if (flags & GRE_CSUM) {
    putU16(b, at, field(s, ',csum=', 2));
    at += 4;
  }
  if (flags & GRE_KEY) {
    putU32(b, at, field(s, ',key='));
    at += 4;
  }
  if (flags & GRE_SEQ) {
    putU32(b, at, field(s, ',seq='));
    at += 4;
  }
  s.expect('))');
  return at;
}

function scanErspan(s: Scanner, b: Uint8Array, l4: number): number {
  const version = s.number(1);
  const at = l4 + 8;
  putU16(b, l4, GRE_SEQ);
  putU16(b, l4 + 2, version === 1 ? 0x88be : 0x22eb);
  b[at] = version << 4;
  putU16(b, at + 2, field(s, ',sid=', 2) & 0x03ff);
  if (version === 1) {
    putU32(b, at + 4, field(s, ',idx='));
    s.expect('))');
    return at + 8;
  }
  if (version !== 2) throw new OdpSyntax();
  const dir = field(s, ',dir=', 1);
  const hwid = field(s, ',hwid=', 1);
  putU16(b, at + 10, ((hwid & 0x3f) << 4) | ((dir & 1) << 3));
  s.expect('))');
  return at + 12;
}

function scanSrv6(s: Scanner, b: Uint8Array, l4: number): number {
  const left = s.number(1);
  if (left + 1 > MAX_SEGMENTS) throw new OdpSyntax();
  b[20] = 43;
  b[l4 + 1] = 2 * (left + 1);
  b[l4 + 2] = 4;
  b[l4 + 3] = left;
  b[l4 + 4] = left;
  s.expect(',segs(');
  let n = 0;
  while (!s.looksAt(')')) {
    if (n > left) throw new OdpSyntax();
    putBig(b, l4 + 8 + 16 * (left - n), s.ipv6(), 16);
    n++;
    s.take(',');
  }
  s.expect(')))');
  if (n !== left + 1) throw new OdpSyntax();
  return l4 + 8 + 16 * n;
}
