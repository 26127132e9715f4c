import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { buildArp, parseArp } from './arp.ts';
import {
  crc32c,
  csum,
  csumAdd,
  csumFinish,
  csumPseudoIpv4,
  csumPseudoIpv6,
  csumUpdate16,
  csumUpdate32,
} from './checksum.ts';
import { buildEthernet, ETH_TYPE } from './ethernet.ts';
import { buildIpv4, buildIpv6, newIpv6Walk, walkIpv6Headers } from './ip.ts';
import { buildLldp, parseLldp } from './lldp.ts';
import { MutablePacket } from './modify.ts';
import { buildLse, parseLse } from './mpls.ts';
import { buildNsh, parseNsh } from './nsh.ts';
import { buildTcp, parseTcp } from './tcp.ts';
import { buildUdp, parseUdp } from './udp.ts';
import { getU16, getU32, putU16, putU32 } from './wire.ts';

test('the checksum of RFC 1071', () => {
  const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  assert.equal(csum(example, 0, 8), 0x220d);
  assert.equal(csum(Uint8Array.of(1), 0, 1), 0xfeff);
});

test('an updated checksum is the checksum of the updated data', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 8, maxLength: 40 }), fc.nat(0xffffffff), (data, value) => {
      const b = Uint8Array.from(data.length % 2 ? data.subarray(1) : data);
      const before = csum(b, 0, b.length);
      const old32 = getU32(b, 4);
      putU32(b, 4, value);
      const same = (x: number, y: number): boolean => x === y || (x ^ y) === 0xffff;
      assert.ok(same(csumUpdate32(before, old32, value), csum(b, 0, b.length)));
      const old16 = getU16(b, 0);
      const middle = csum(b, 0, b.length);
      putU16(b, 0, value & 0xffff);
      assert.ok(same(csumUpdate16(middle, old16, value & 0xffff), csum(b, 0, b.length)));
    }),
  );
});

test('CRC32c of the check string', () => {
  assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283);
});

/** A frame of `proto` over IPv4 or IPv6 with right checksums. */
function makePacket(v6: boolean, proto: number, payload: Uint8Array): MutablePacket {
  const l3 = 14;
  const l4 = l3 + (v6 ? 40 : 20);
  const header = proto === 6 ? 20 : 8;
  const b = new Uint8Array(l4 + header + payload.length);
  buildEthernet(b, 0, { dst: 0x020000000001, src: 0x020000000002, type: v6 ? ETH_TYPE.IPV6 : ETH_TYPE.IP });
  const size = header + payload.length;
  const src = [0xfe800000, 0, 0, 1];
  if (v6)
    buildIpv6(b, l3, { tos: 0, label: 0, hopLimit: 64, next: proto, src, dst: [0xfe800000, 0, 0, 2] }, size);
  else buildIpv4(b, l3, { tos: 0, ttl: 64, proto, src: 0x0a000001, dst: 0x0a000002 }, size);
  if (proto === 6) buildTcp(b, l4, 80, 8080, 2);
  else if (proto === 17) buildUdp(b, l4, 53, 5353, payload.length);
  else b[l4] = proto === 58 ? 135 : 8;
  b.set(payload, l4 + header);
  const packet = new MutablePacket(b, { l25: -1, l3, l4, padding: 0 });
  putU16(b, l4 + sumAt(proto), 0);
  const sum = l4Sum(packet, proto);
  putU16(b, l4 + sumAt(proto), sum === 0 && proto === 17 ? 0xffff : sum);
  return packet;
}

const sumAt = (proto: number): number => (proto === 6 ? 16 : proto === 17 ? 6 : 2);

/** The sum over transport header and pseudo-header: 0 when the checksum in the packet is right. */
function l4Sum(p: MutablePacket, proto: number): number {
  const { l3, l4 } = p.layers;
  const size = p.end - l4;
  const v6 = p.bytes[l3]! >> 4 === 6;
  const pseudo =
    proto === 1
      ? 0
      : v6
        ? csumPseudoIpv6(p.bytes, l3, proto, size)
        : csumPseudoIpv4(p.bytes, l3, proto, size);
  return csumFinish(csumAdd(pseudo, p.bytes, l4, size));
}

test('changed packets have right checksums', () => {
  const word = fc.nat(0xffffffff);
  const v6 = fc.tuple(word, word, word, word);
  fc.assert(
    fc.property(
      fc.boolean(),
      fc.constantFrom(6, 17, 58),
      fc.uint8Array({ minLength: 16, maxLength: 40 }),
      v6,
      v6,
      fc.nat(0xffff),
      fc.nat(0xffff),
      (isV6, wanted, payload, src, dst, a, b) => {
        const proto = wanted === 58 && !isV6 ? 1 : wanted;
        const p = makePacket(isV6, proto, payload);
        if (isV6) p.setIpv6(src, dst, a & 0xff, b, a & 0xff);
        else p.setIpv4(src[0], dst[0], a & 0xff, b & 0xff);
        if (proto === 6) p.setTcpPorts(a, b);
        else if (proto === 17) p.setUdpPorts(a, b);
        else if (proto === 58) p.setNd(dst, 0x020000000003, 0x020000000004);
        else p.setIcmp(a & 0xff, b & 0xff);
        p.pushVlan(0x8100, 0x1005);
        p.pushMpls(0x8847, 0x00005140);
        p.popMpls(isV6 ? ETH_TYPE.IPV6 : ETH_TYPE.IP);
        assert.equal(getU16(p.bytes, 16), isV6 ? 0x86dd : 0x0800);
        p.popVlan();
        assert.equal(p.layers.l3, 14);
        assert.equal(l4Sum(p, proto), 0);
        if (!isV6) assert.equal(csum(p.bytes, 14, 20), 0);
      },
    ),
  );
});

test('a UDP packet without checksum stays without', () => {
  const p = makePacket(false, 17, new Uint8Array(8));
  putU16(p.bytes, p.layers.l4 + 6, 0);
  p.setIpv4(1, 2, 3, 4);
  p.setUdpPorts(1, 2);
  assert.equal(getU16(p.bytes, p.layers.l4 + 6), 0);
});

test('headers come off and go on', () => {
  const p = makePacket(false, 6, new Uint8Array(4));
  const original = p.bytes.slice();
  p.popEth();
  assert.equal(p.packetType, 0x10800);
  assert.equal(p.layers.l3, 0);
  p.pushEth(0x020000000001, 0x020000000002);
  assert.deepEqual(p.bytes, original);
  const header = new Uint8Array(24);
  buildNsh(header, 0, { flags: 0, ttl: 63, mdType: 1, next: 0, spi: 5, si: 6, context: [1, 2, 3, 4] });
  p.pushNsh(header);
  assert.equal(p.packetType, 0x1894f);
  assert.equal(p.bytes[3], 3);
  assert.ok(p.popNsh());
  assert.equal(p.packetType, 0);
  assert.deepEqual(p.bytes, original);
});

test('what is built is parsed, and what is cut off is not', () => {
  const b = new Uint8Array(64);
  const arp = { op: 1, sha: 0x020000000001, spa: 0x0a000001, tha: 0, tpa: 0x0a000002 };
  buildArp(b, 2, arp);
  assert.deepEqual(parseArp(b, 2), arp);
  assert.equal(parseArp(b, 2, 29), undefined);
  buildTcp(b, 0, 1, 2, 0x12);
  assert.equal(parseTcp(b, 0)?.flags, 0x12);
  assert.equal(parseTcp(b, 0, 19), undefined);
  buildUdp(b, 0, 1, 2, 5);
  assert.deepEqual(parseUdp(b, 0), { src: 1, dst: 2, length: 13 });
  const lse = { label: 0xabcde, tc: 5, bos: true, ttl: 9 };
  assert.deepEqual(parseLse(buildLse(lse)), lse);
  const nsh = { flags: 1, ttl: 63, mdType: 1, next: 3, spi: 0x123456, si: 255, context: [1, 2, 3, 4] };
  buildNsh(b, 0, nsh);
  assert.deepEqual(parseNsh(b, 0), nsh);
  const tlvs = [
    { type: 1, value: Uint8Array.of(4, 1, 2) },
    { type: 3, value: Uint8Array.of(0, 120) },
  ];
  const lldp = buildLldp(tlvs);
  assert.deepEqual(parseLldp(lldp, 0), tlvs);
  assert.equal(parseLldp(lldp, 0, lldp.length - 3), undefined);
});

test('the walk over IPv6 headers ends, within the packet', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 40, maxLength: 160 }),
      fc.constantFrom(0, 43, 44, 51, 60),
      (data, next) => {
        const b = Uint8Array.from(data);
        b[6] = next;
        const walk = newIpv6Walk();
        if (walkIpv6Headers(b, 0, b.length, walk)) assert.ok(walk.at <= b.length);
      },
    ),
  );
});
