/**
 * Meters: token buckets that drop the packets of a flow beyond a rate.
 *
 * Buckets hold thousandths of a packet or of a kilobit, as in the C implementation, so that both drop the same
 * packets: every band fills by `rate` a millisecond up to `burst` seconds' worth, and the exceeded band with the
 * highest rate takes the packet. C counterpart: dp_netdev_run_meter of lib/dpif-netdev.c.
 */
import type { MeterConfig, MeterStats } from '../dpif-provider.ts';
import type { PacketBatch } from '../netdev-provider.ts';

interface Meter {
  readonly config: MeterConfig;
  /** By band: tokens left, and the packets and bytes that exceeded it. */
  readonly tokens: Float64Array;
  readonly bandPackets: Float64Array;
  readonly bandBytes: Float64Array;
  usedMs: number;
  packets: number;
  bytes: number;
}

export const MAX_METERS = 262_144;
export const MAX_BANDS = 8;

export class Meters {
  readonly #meters = new Map<number, Meter>();

  /** Makes or replaces a meter. */
  set(id: number, config: MeterConfig, nowMs: number): void {
    const bands = config.bands.length;
    this.#meters.set(id, {
      config,
      tokens: Float64Array.from(config.bands, (band) => capacity(band.rate, band.burst)),
      bandPackets: new Float64Array(bands),
      bandBytes: new Float64Array(bands),
      usedMs: nowMs,
      packets: 0,
      bytes: 0,
    });
  }

  /** @returns the counters, or undefined if there is no such meter */
  get(id: number): MeterStats | undefined {
    const meter = this.#meters.get(id);
    if (!meter) return undefined;
    const { packets, bytes, bandPackets, bandBytes } = meter;
    return {
      packetsIn: packets,
      bytesIn: bytes,
      bands: Array.from(bandPackets, (bandPacketCount, i) => ({
        packets: bandPacketCount,
        bytes: bandBytes[i]!,
      })),
    };
  }

  delete(id: number): MeterStats | undefined {
    const stats = this.get(id);
    this.#meters.delete(id);
    return stats;
  }

  /** Runs the packets of a list through a meter; keeps the indexes of those that pass in front, returns how many. */
  run(id: number, batch: PacketBatch, list: Int32Array, base: number, n: number, nowMs: number): number {
    const meter = this.#meters.get(id);
    if (!meter) return n;
    const { config, tokens } = meter;
    const now = Math.floor(nowMs);
    const elapsed = Math.max(0, now - meter.usedMs);
    meter.usedMs = Math.max(now, meter.usedMs);
    for (let b = 0; b < tokens.length; b++) {
      const { rate, burst } = config.bands[b]!;
      tokens[b] = Math.min(tokens[b]! + elapsed * rate, capacity(rate, burst));
    }
    let kept = 0;
    for (let k = 0; k < n; k++) {
      const i = list[base + k]!;
      const bytes = batch.length[i]!;
      meter.packets++;
      meter.bytes += bytes;
      const cost = config.unit === 'pktps' ? 1000 : bytes * 8;
      let exceeded = -1;
      for (let b = 0; b < tokens.length; b++) {
        if (tokens[b]! >= cost) tokens[b] = tokens[b]! - cost;
        else if (exceeded < 0 || config.bands[b]!.rate > config.bands[exceeded]!.rate) exceeded = b;
      }
      if (exceeded >= 0) {
        meter.bandPackets[exceeded] = meter.bandPackets[exceeded]! + 1;
        meter.bandBytes[exceeded] = meter.bandBytes[exceeded]! + bytes;
        if (config.bands[exceeded]!.type === 'drop') continue;
      }
      list[base + kept++] = i;
    }
    return kept;
  }
}

/** A full bucket, in thousandths. A meter without a burst may keep a second's worth. */
const capacity = (rate: number, burst: number): number => (burst === 0 ? rate : burst) * 1000;
