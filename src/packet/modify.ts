/**
 * Changes to packets, for what the switch executes itself instead of a datapath.
 *
 * A {@link MutablePacket} is a frame, the type of what it starts with, and where its headers lie; each change keeps
 * all three right, and the checksums of what it touches: incrementally, so that a packet that came in wrong stays
 * wrong. Changes that make no sense for the packet do nothing. Not for the packet rate of a datapath: adding or
 * taking off a header copies the frame.
 * C counterpart: the packet_* and push/pop functions of lib/packets.c.
 */
import { csumAdd, csumFinish, csumPseudoIpv6, csumUpdate16, csumUpdate32 } from './checksum.ts';
import { ETH_HEADER_BYTES, ETH_TYPE, isVlanEthertype } from './ethernet.ts';
import { ICMP_CSUM_AT, ND_OPT, ND_OPTIONS_AT, ND_TARGET_AT } from './icmp.ts';
import { IP_OFFSET_MASK, IP_PROTO, newIpv6Walk, walkIpv6Headers } from './ip.ts';
import { MPLS_BOS } from './mpls.ts';
import { NSH_NEXT, nshBytes } from './nsh.ts';
import { setSctpPorts } from './sctp.ts';
import { getMac, getU16, getU32, putMac, putU16, putU32 } from './wire.ts';

/** Offsets of headers, -1 for none. Structurally the Layers of flow extraction. */
export interface PacketLayers {
  l25: number;
  l3: number;
  l4: number;
  padding: number;
}

const PT_ETH = 0;
/** packet_type of what has no Ethernet header. */
const packetTypeOf = (ethertype: number): number => 0x10000 + ethertype;

const walk = newIpv6Walk();

export class MutablePacket {
  bytes: Uint8Array;
  packetType: number;
  readonly layers: PacketLayers;

  /** Takes over `bytes` and `layers`; both will change. */
  constructor(bytes: Uint8Array, layers: PacketLayers, packetType = PT_ETH) {
    this.bytes = bytes;
    this.layers = layers;
    this.packetType = packetType;
  }

  /** One past the last byte that belongs to the IP packet. */
  get end(): number {
    return this.bytes.length - this.layers.padding;
  }

  // --- size changes -----------------------------------------------------------------------------------------

  /** Puts `count` zero bytes at `at` (or takes -count away), and moves the headers behind it. */
  #resize(at: number, count: number): void {
    const old = this.bytes;
    const next = new Uint8Array(old.length + count);
    next.set(old.subarray(0, at));
    if (count > 0) next.set(old.subarray(at), at + count);
    else next.set(old.subarray(at - count), at);
    this.bytes = next;
    const { layers } = this;
    for (const key of ['l25', 'l3', 'l4'] as const) if (layers[key] >= at) layers[key] += count;
  }

  #isEthernet(): boolean {
    return this.packetType === PT_ETH && this.bytes.length >= ETH_HEADER_BYTES;
  }

  #isMpls(): boolean {
    return this.layers.l25 >= 0;
  }

  /** The Ethertype after the VLAN tags. */
  #setEthertype(type: number): void {
    if (!this.#isEthernet()) return;
    const { l25, l3 } = this.layers;
    putU16(this.bytes, isVlanEthertype(getU16(this.bytes, 12)) ? (l25 >= 0 ? l25 : l3) - 2 : 12, type);
  }

  pushVlan(tpid: number, tci: number): void {
    this.#resize(12, 4);
    putU32(this.bytes, 12, ((tpid << 16) | (tci & ~0x1000)) >>> 0);
  }

  popVlan(): void {
    if (this.bytes.length >= 18 && isVlanEthertype(getU16(this.bytes, 12))) this.#resize(12, -4);
  }

  pushMpls(ethertype: number, lse: number): void {
    if (ethertype !== ETH_TYPE.MPLS && ethertype !== ETH_TYPE.MPLS_MCAST) return;
    const at = this.#isMpls() ? this.layers.l25 : this.layers.l3;
    this.layers.l25 = at;
    this.#setEthertype(ethertype);
    this.#resize(at, 4);
    this.layers.l25 = at;
    putU32(this.bytes, at, lse);
  }

  /** A label in front of everything, Ethernet header included. */
  pushMplsInFront(ethertype: number, lse: number): void {
    this.#resize(0, 4);
    putU32(this.bytes, 0, lse);
    this.layers.l25 = 0;
    this.packetType = packetTypeOf(ethertype);
  }

  popMpls(ethertype: number): void {
    if (!this.#isMpls()) return;
    const at = this.layers.l25;
    const bottom = (getU32(this.bytes, at) & MPLS_BOS) !== 0;
    this.#setEthertype(ethertype);
    this.#resize(at, -4);
    this.layers.l25 = bottom ? -1 : at;
    if (at === 0) this.packetType = ethertype === ETH_TYPE.TEB ? PT_ETH : packetTypeOf(ethertype);
  }

  setMplsLse(lse: number): void {
    if (this.#isMpls()) putU32(this.bytes, this.layers.l25, lse);
  }

  pushEth(dst: number, src: number): void {
    if (this.packetType === PT_ETH) return;
    const type = this.packetType & 0xffff;
    this.#resize(0, ETH_HEADER_BYTES);
    putMac(this.bytes, 0, dst);
    putMac(this.bytes, 6, src);
    putU16(this.bytes, 12, type);
    this.packetType = PT_ETH;
  }

  /** Takes off the Ethernet header and its VLAN tags. */
  popEth(): void {
    if (!this.#isEthernet() || this.layers.l3 < 0) return;
    const at = this.#isMpls() ? this.layers.l25 : this.layers.l3;
    const type = getU16(this.bytes, at - 2);
    this.#resize(0, -at);
    this.packetType = packetTypeOf(type);
  }

  /** Puts an NSH header in front, whose next protocol is what the packet was. */
  pushNsh(header: Uint8Array): void {
    const next: Readonly<Record<number, number>> = {
      [PT_ETH]: NSH_NEXT.ETHERNET,
      [packetTypeOf(ETH_TYPE.IP)]: NSH_NEXT.IPV4,
      [packetTypeOf(ETH_TYPE.IPV6)]: NSH_NEXT.IPV6,
      [packetTypeOf(ETH_TYPE.NSH)]: NSH_NEXT.NSH,
    };
    const proto = next[this.packetType];
    if (proto === undefined) return;
    this.#resize(0, header.length);
    this.bytes.set(header);
    this.bytes[3] = proto;
    this.packetType = packetTypeOf(ETH_TYPE.NSH);
    Object.assign(this.layers, { l25: -1, l3: 0, l4: -1, padding: 0 });
  }

  /** Takes off the NSH header. The packet must be parsed anew. @returns false if what follows is unknown */
  popNsh(): boolean {
    if (this.packetType !== packetTypeOf(ETH_TYPE.NSH) || this.layers.l3 < 0) return true;
    const { l3 } = this.layers;
    const types: Readonly<Record<number, number>> = {
      [NSH_NEXT.ETHERNET]: PT_ETH,
      [NSH_NEXT.IPV4]: packetTypeOf(ETH_TYPE.IP),
      [NSH_NEXT.IPV6]: packetTypeOf(ETH_TYPE.IPV6),
      [NSH_NEXT.NSH]: packetTypeOf(ETH_TYPE.NSH),
    };
    const type = types[this.bytes[l3 + 3]!];
    if (type === undefined) return false;
    this.#resize(0, -nshBytes(this.bytes, l3));
    this.packetType = type;
    return true;
  }

  // --- fields -----------------------------------------------------------------------------------------------

  setEth(dst: number, src: number): void {
    if (!this.#isEthernet()) return;
    putMac(this.bytes, 0, dst);
    putMac(this.bytes, 6, src);
  }

  /** Adapts the transport checksum, which covers the addresses, to one 32-bit word of them that changed. */
  #addressChanged(proto: number, before: number, after: number): void {
    const { l4 } = this.layers;
    if (l4 < 0) return;
    const size = this.end - l4;
    const field =
      proto === IP_PROTO.TCP ? 16 : proto === IP_PROTO.UDP ? 6 : proto === IP_PROTO.ICMPV6 ? 2 : -1;
    if (field < 0 || size < (proto === IP_PROTO.TCP ? 20 : proto === IP_PROTO.UDP ? 8 : 4)) return;
    const old = getU16(this.bytes, l4 + field);
    if (proto === IP_PROTO.UDP && old === 0) return;
    const sum = csumUpdate32(old, before, after);
    putU16(this.bytes, l4 + field, sum === 0 && proto === IP_PROTO.UDP ? 0xffff : sum);
  }

  setIpv4(src: number, dst: number, tos: number, ttl: number): void {
    const { bytes: b, layers } = this;
    const ip = layers.l3;
    const proto = b[ip + 9]!;
    const later = (getU16(b, ip + 6) & IP_OFFSET_MASK) !== 0;
    for (const [at, value] of [
      [ip + 12, src],
      [ip + 16, dst],
    ] as const) {
      const before = getU32(b, at);
      if (before === value) continue;
      if (!later && proto !== IP_PROTO.ICMPV6) this.#addressChanged(proto, before, value);
      putU16(b, ip + 10, csumUpdate32(getU16(b, ip + 10), before, value));
      putU32(b, at, value);
    }
    for (const [at, value] of [
      [ip + 1, tos],
      [ip + 8, ttl],
    ] as const) {
      const aligned = at - ((at - ip) & 1);
      const before = getU16(b, aligned);
      if (b[at] === value) continue;
      b[at] = value;
      putU16(b, ip + 10, csumUpdate16(getU16(b, ip + 10), before, getU16(b, aligned)));
    }
  }

  setIpv6(
    src: ArrayLike<number>,
    dst: ArrayLike<number>,
    tos: number,
    label: number,
    hopLimit: number,
  ): void {
    const { bytes: b, layers } = this;
    const ip = layers.l3;
    const parsed = walkIpv6Headers(b, ip, this.end, walk);
    const first = parsed && walk.frag !== 3;
    // With segments left to route, the checksum covers the final destination, not this one.
    const routed = parsed && walk.routingAt >= 0 && b[walk.routingAt + 3]! > 0;
    for (const [at, value, covered] of [
      [ip + 8, src, first],
      [ip + 24, dst, first && !routed],
    ] as const) {
      for (let i = 0; i < 4; i++) {
        const before = getU32(b, at + 4 * i);
        const after = value[i]! >>> 0;
        if (before === after) continue;
        if (covered) this.#addressChanged(walk.proto, before, after);
        putU32(b, at + 4 * i, after);
      }
    }
    putU32(b, ip, ((6 << 28) | ((tos & 0xff) << 20) | (label & 0xfffff)) >>> 0);
    b[ip + 7] = hopLimit;
  }

  /** Ports of TCP (`field` 16) or UDP (6). */
  #setPorts(field: number, src: number, dst: number): void {
    const { bytes: b } = this;
    const { l4 } = this.layers;
    const udp = field === 6;
    const old = getU16(b, l4 + field);
    let sum = csumUpdate16(old, getU16(b, l4), src);
    sum = csumUpdate16(sum, getU16(b, l4 + 2), dst);
    putU16(b, l4, src);
    putU16(b, l4 + 2, dst);
    if (udp && old === 0) return;
    putU16(b, l4 + field, udp && sum === 0 ? 0xffff : sum);
  }

  setTcpPorts(src: number, dst: number): void {
    if (this.layers.l4 >= 0 && this.end - this.layers.l4 >= 20) this.#setPorts(16, src, dst);
  }

  setUdpPorts(src: number, dst: number): void {
    if (this.layers.l4 >= 0 && this.end - this.layers.l4 >= 8) this.#setPorts(6, src, dst);
  }

  setSctpPorts(src: number, dst: number): void {
    const { l4 } = this.layers;
    if (l4 >= 0 && this.end - l4 >= 12) setSctpPorts(this.bytes, l4, this.end, src, dst);
  }

  setIcmp(type: number, code: number): void {
    const { bytes: b } = this;
    const { l4 } = this.layers;
    if (l4 < 0 || this.end - l4 < 4) return;
    const after = (type << 8) | code;
    putU16(b, l4 + ICMP_CSUM_AT, csumUpdate16(getU16(b, l4 + ICMP_CSUM_AT), getU16(b, l4), after));
    putU16(b, l4, after);
  }

  setArp(op: number, sha: number, spa: number, tha: number, tpa: number): void {
    const { bytes: b } = this;
    const at = this.layers.l3;
    putU16(b, at + 6, op);
    putMac(b, at + 8, sha);
    putU32(b, at + 14, spa);
    putMac(b, at + 18, tha);
    putU32(b, at + 24, tpa);
  }

  /** Target and link-layer addresses of a neighbor solicitation or advertisement. */
  setNd(target: ArrayLike<number>, sll: number, tll: number): void {
    const { bytes: b } = this;
    const { l4 } = this.layers;
    if (l4 < 0 || this.end - l4 < ND_OPTIONS_AT) return;
    for (let i = 0; i < 4; i++) {
      const at = l4 + ND_TARGET_AT + 4 * i;
      const before = getU32(b, at);
      this.#addressChanged(IP_PROTO.ICMPV6, before, target[i]! >>> 0);
      putU32(b, at, target[i]! >>> 0);
    }
    for (let at = l4 + ND_OPTIONS_AT; this.end - at >= 8; ) {
      const bytes = b[at + 1]! * 8;
      if (bytes === 0 || bytes > this.end - at) return;
      const isSource = b[at] === ND_OPT.SOURCE_LINK_ADDRESS;
      if (bytes === 8 && (isSource || b[at] === ND_OPT.TARGET_LINK_ADDRESS)) {
        this.#setNdAddress(at + 2, isSource ? sll : tll);
        return;
      }
      at += bytes;
    }
  }

  #setNdAddress(at: number, mac: number): void {
    const { bytes: b } = this;
    if (getMac(b, at) === mac) return;
    const sumAt = this.layers.l4 + ICMP_CSUM_AT;
    const before = [getU16(b, at), getU16(b, at + 2), getU16(b, at + 4)];
    putMac(b, at, mac);
    for (let i = 0; i < 3; i++) {
      putU16(b, sumAt, csumUpdate16(getU16(b, sumAt), before[i]!, getU16(b, at + 2 * i)));
    }
  }

  /** Reserved bits and the type of the first option of a neighbor solicitation or advertisement. */
  setNdExt(reserved: number, optionType: number): void {
    const { bytes: b } = this;
    const { l3, l4 } = this.layers;
    if (l4 < 0 || this.end - l4 < ND_OPTIONS_AT) return;
    putU32(b, l4 + 4, reserved);
    if (this.end - l4 > ND_OPTIONS_AT) b[l4 + ND_OPTIONS_AT] = optionType;
    putU16(b, l4 + ICMP_CSUM_AT, 0);
    const size = this.end - l4;
    const sum = csumAdd(csumPseudoIpv6(b, l3, IP_PROTO.ICMPV6, size), b, l4, size);
    putU16(b, l4 + ICMP_CSUM_AT, csumFinish(sum));
  }

  setNsh(flags: number, ttl: number, spi: number, si: number, context: ArrayLike<number>): void {
    const { bytes: b } = this;
    const at = this.layers.l3;
    putU16(b, at, (getU16(b, at) & ~0x3fc0) | ((flags & 3) << 12) | ((ttl & 0x3f) << 6));
    putU32(b, at + 4, ((spi << 8) | (si & 0xff)) >>> 0);
    if ((b[at + 2]! & 0x0f) === 1) for (let i = 0; i < 4; i++) putU32(b, at + 8 + 4 * i, context[i]!);
  }
}
