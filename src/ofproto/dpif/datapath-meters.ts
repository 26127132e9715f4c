/** Meters of all bridges in one datapath: gives each the datapath's number. C counterpart: dpif_backer's meter_ids. */
import { SystemError } from '../../base/host.ts';
import type { Dpif } from '../../datapath/dpif-provider.ts';
import { OfpError } from '../../openflow/errors.ts';
import type { MeterStats } from '../../openflow/messages/message.ts';
import type { Meter } from '../meter.ts';

/** OFPMF_KBPS */
const KBPS = 1;
/** OFPMF_BURST */
const BURST = 4;

type Counters = Pick<MeterStats, 'packetInCount' | 'byteInCount' | 'bands'>;

export class DatapathMeters {
  readonly #dpif: Dpif;
  readonly #used = new Set<number>();

  constructor(dpif: Dpif) {
    this.#dpif = dpif;
  }

  /** Creates the meter, or changes it. @throws OfpError */
  set(meter: Meter): void {
    let id = meter.providerId;
    if (id === undefined) {
      id = 0;
      while (this.#used.has(id)) id++;
    }
    const { flags, bands } = meter.config;
    try {
      this.#dpif.meterSet(id, {
        unit: flags & KBPS ? 'kbps' : 'pktps',
        bands: bands.map((b) => {
          if (b.type !== 'drop') throw new OfpError('OFPMMFC_BAD_BAND');
          return { type: b.type, rate: b.rate, burst: flags & BURST ? b.burstSize : 0 };
        }),
      });
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      throw new OfpError(
        error.code === 'EFBIG'
          ? 'OFPMMFC_OUT_OF_METERS'
          : error.code === 'EINVAL'
            ? 'OFPMMFC_BAD_RATE'
            : 'OFPMMFC_UNKNOWN',
      );
    }
    this.#used.add(id);
    meter.providerId = id;
  }

  delete(meter: Meter): void {
    if (meter.providerId === undefined) return;
    this.#dpif.meterDel(meter.providerId);
    this.#used.delete(meter.providerId);
    meter.providerId = undefined;
  }

  stats(meter: Meter): Counters {
    const s = meter.providerId === undefined ? undefined : this.#dpif.meterGet(meter.providerId);
    return {
      packetInCount: BigInt(s?.packetsIn ?? 0),
      byteInCount: BigInt(s?.bytesIn ?? 0),
      bands: meter.config.bands.map((_, i) => ({
        packetCount: BigInt(s?.bands[i]?.packets ?? 0),
        byteCount: BigInt(s?.bands[i]?.bytes ?? 0),
      })),
    };
  }
}
