/**
 * What a sender left to us: unfinished checksums and segmentation, done in software for outputs that cannot.
 *
 * C counterpart: lib/dp-packet-gso.c and dp_packet_ol_send_prepare of lib/dp-packet.c.
 */

import { allocateBuffers } from '../arena.ts';
import { BATCH_SIZE, type PacketArena, PacketBatch } from '../netdev-provider.ts';
import { swap16 } from './key.ts';
import { foldInvert, get32, networkOffset, put32, sum16 } from './modify.ts';

/** Bits of the offload column: struct virtio_net_hdr. */
const NEEDS_CSUM = 1;
const GSO_TYPE_MASK = 0x7f00;
const GSO_UDP_L4 = 5 << 8;
const RAW_IPV4 = 0x0008;

/** Completes the checksum of packet `i`, unless it must be cut into segments first. */
export function finishChecksum(arena: PacketArena, batch: PacketBatch, i: number): void {
  const offload = batch.offload[i]!;
  if ((offload & GSO_TYPE_MASK) !== 0) return;
  batch.offload[i] = 0;
  if ((offload & NEEDS_CSUM) === 0) return;
  const { u16, u8 } = arena;
  const start = batch.offset[i]! + (batch.checksum[i]! & 0xffff);
  const field = start + (batch.checksum[i]! >>> 16);
  const end = batch.offset[i]! + batch.length[i]!;
  if (field + 2 > end || (start & 1) !== 0) return;
  // The field holds the pseudo-header's sum, so it is summed like the rest.
  const sum = foldInvert(sum16(u16, u8, start, end, 0));
  u16[field >> 1] = sum === 0 ? 0xffff : sum;
}

/** Cuts large frames into segments that fit the wire. One for a datapath; its buffers are made at first use. */
export class Segmenter {
  readonly #arena: PacketArena;
  readonly #out = new PacketBatch();
  #buffers: Int32Array | undefined;

  constructor(arena: PacketArena) {
    this.#arena = arena;
  }

  /**
   * Calls `emit` with batches of segments of packet `i`; each batch must be sent before `emit` returns. Frames that
   * are no TCP or UDP are dropped: nobody offers them for segmentation.
   */
  segment(batch: PacketBatch, i: number, emit: (segments: PacketBatch) => void): void {
    const { u8, u16 } = this.#arena;
    const p = batch.offset[i]!;
    const end = p + batch.length[i]!;
    const offload = batch.offload[i]!;
    const segmentBytes = offload >>> 16;
    const isUdp = (offload & GSO_TYPE_MASK) === GSO_UDP_L4;
    const l4 = p + (batch.checksum[i]! & 0xffff);
    const headerEnd = isUdp ? l4 + 8 : l4 + (u8[l4 + 12]! >> 4) * 4;
    if (segmentBytes === 0 || headerEnd > end || l4 + (isUdp ? 8 : 20) > end) return;
    this.#buffers ??= allocateBuffers(this.#arena);
    const ip = networkOffset(u16, p);
    const out = this.#out;
    const headerBytes = headerEnd - p;
    let sequence = isUdp ? 0 : get32(u8, l4 + 4);
    out.count = 0;
    for (let at = headerEnd, n = 0; at < end; at += segmentBytes, n++) {
      const size = Math.min(segmentBytes, end - at);
      const to = this.#buffers[out.count]!;
      u8.copyWithin(to, p, headerEnd);
      u8.copyWithin(to + headerBytes, at, at + size);
      this.#fixHeaders(to, ip - p, l4 - p, headerBytes + size, n, isUdp, at + size === end);
      if (!isUdp) {
        put32(u8, to + l4 - p + 4, sequence);
        sequence = (sequence + size) | 0;
      }
      out.offset[out.count] = to;
      out.length[out.count] = headerBytes + size;
      out.offload[out.count] = NEEDS_CSUM;
      out.checksum[out.count] = batch.checksum[i]!;
      this.#pseudoSum(to + ip - p, to + l4 - p, size + headerEnd - l4, isUdp);
      finishChecksum(this.#arena, out, out.count);
      if (++out.count === BATCH_SIZE) {
        emit(out);
        out.count = 0;
      }
    }
    if (out.count > 0) emit(out);
  }

  /** Lengths, identification and flags of one segment at `to`. */
  #fixHeaders(
    to: number,
    ip: number,
    l4: number,
    length: number,
    n: number,
    isUdp: boolean,
    isLast: boolean,
  ): void {
    const { u8, u16 } = this.#arena;
    const at = to + ip;
    if (u16[(at - 2) >> 1] === RAW_IPV4) {
      u16[(at + 2) >> 1] = swap16(length - ip);
      u16[(at + 4) >> 1] = swap16((swap16(u16[(at + 4) >> 1]!) + n) & 0xffff);
      u16[(at + 10) >> 1] = 0;
      u16[(at + 10) >> 1] = foldInvert(sum16(u16, u8, at, at + (u8[at]! & 15) * 4, 0));
    } else {
      u16[(at + 4) >> 1] = swap16(length - ip - 40);
    }
    if (isUdp) {
      u16[(to + l4 + 4) >> 1] = swap16(length - l4);
    } else {
      // FIN and PSH belong to the last segment, CWR to the first.
      if (!isLast) u8[to + l4 + 13]! &= ~0x09;
      if (n > 0) u8[to + l4 + 13]! &= ~0x80;
    }
  }

  /** Puts the pseudo-header's sum into the checksum field, as if the sender had left the segment to us. */
  #pseudoSum(ip: number, l4: number, l4Bytes: number, isUdp: boolean): void {
    const { u8, u16 } = this.#arena;
    const isIpv4 = u16[(ip - 2) >> 1] === RAW_IPV4;
    const sum = swap16(isUdp ? 17 : 6) + swap16(l4Bytes & 0xffff);
    const total = isIpv4 ? sum16(u16, u8, ip + 12, ip + 20, sum) : sum16(u16, u8, ip + 8, ip + 40, sum);
    u16[(l4 + (isUdp ? 6 : 16)) >> 1] = ~foldInvert(total);
  }
}
