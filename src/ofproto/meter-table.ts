/** The meters of a bridge. C counterpart: the meters of ofproto/ofproto.c. */
import { OfpError } from '../openflow/errors.ts';
import { type MeterConfig, type MeterMod, type MeterStats, OFPRR } from '../openflow/messages/message.ts';
import type { FlowTables } from './flow-tables.ts';
import { Meter } from './meter.ts';
import type { OfprotoProvider } from './ofproto-provider.ts';
import type { Rule } from './rule.ts';

/** Highest id of an ordinary meter, and the ids with a meaning. */
export const OFPM13 = {
  MAX: 0xffff_0000,
  SLOWPATH: 0xffff_fffd,
  CONTROLLER: 0xffff_fffe,
  ALL: 0xffff_ffff,
} as const;

export interface MeterTableHost {
  readonly flows: FlowTables;
  readonly provider: OfprotoProvider;
  now(): number;
  /** Deletes flows for this reason (OFPRR_*). */
  deleteRules(rules: readonly Rule[], reason: number): void;
}

export class MeterTable {
  readonly #host: MeterTableHost;
  readonly #meters = new Map<number, Meter>();

  constructor(host: MeterTableHost) {
    this.#host = host;
  }

  get(meterId: number): Meter | undefined {
    return this.#meters.get(meterId);
  }

  /** Carries out a METER_MOD. @throws OfpError */
  modify(mod: MeterMod): void {
    const { meterId } = mod;
    if (mod.command === 'delete') {
      if (meterId === OFPM13.ALL) for (const meter of [...this.#meters.values()]) this.#delete(meter);
      else {
        const meter = this.#meters.get(meterId);
        if (meter) this.#delete(meter);
      }
      return;
    }
    this.#check(mod);
    const config: MeterConfig = { meterId, flags: mod.flags, bands: mod.bands };
    const old = this.#meters.get(meterId);
    if (mod.command === 'add') {
      if (old) throw new OfpError('OFPMMFC_METER_EXISTS');
      const meter = new Meter(config, this.#host.now());
      this.#host.provider.meterSet(meter);
      this.#meters.set(meterId, meter);
    } else {
      if (!old) throw new OfpError('OFPMMFC_UNKNOWN_METER');
      const before = old.config;
      old.config = config;
      try {
        this.#host.provider.meterSet(old);
      } catch (error) {
        old.config = before;
        throw error;
      }
    }
  }

  #check({ meterId, bands }: MeterMod): void {
    const { maxMeters, maxBands } = this.#host.provider.meterFeatures;
    const special = meterId === OFPM13.SLOWPATH || meterId === OFPM13.CONTROLLER;
    if (maxMeters === 0 || meterId === 0 || (meterId > OFPM13.MAX && !special)) {
      throw new OfpError('OFPMMFC_INVALID_METER');
    }
    if (bands.length > maxBands) throw new OfpError('OFPMMFC_OUT_OF_BANDS');
  }

  #delete(meter: Meter): void {
    this.#meters.delete(meter.meterId);
    this.#host.deleteRules(this.#host.flows.usersOfMeter.rules(meter.meterId), OFPRR.METER_DELETE);
    this.#host.provider.meterDelete(meter);
  }

  /** The meters that a request is about. @throws OfpError for one that does not exist */
  select(meterId: number): Meter[] {
    if (meterId === OFPM13.ALL) return [...this.#meters.values()];
    const meter = this.#meters.get(meterId);
    if (!meter) throw new OfpError('OFPMMFC_UNKNOWN_METER');
    return [meter];
  }

  stats(meter: Meter): MeterStats {
    const age = this.#host.now() - meter.createdMs;
    return {
      meterId: meter.meterId,
      flowCount: this.#host.flows.usersOfMeter.count(meter.meterId),
      durationSec: Math.floor(age / 1000),
      durationNsec: Math.floor(age % 1000) * 1_000_000,
      ...this.#host.provider.meterStats(meter),
    };
  }
}
