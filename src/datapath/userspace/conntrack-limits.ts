/**
 * How many connections each zone may have: limits of single zones, and one for all the others.
 *
 * A zone is counted from when a limit first concerns it; connections that it had before do not count.
 * C counterpart: zone_limit_* of lib/conntrack.c.
 */
import { vlog } from '../../base/vlog.ts';
import type { CtZoneLimit } from '../dpif-provider.ts';

const log = vlog('conntrack');

/** Connections of one zone. */
export interface ZoneCount {
  count: number;
  /** undefined: the default one goes. */
  limit: number | undefined;
}

export class ZoneLimits {
  readonly #zones = new Map<number, ZoneCount>();
  /** 0: none. */
  #default = 0;

  /** Where a new connection of the zone is to be counted; undefined where nothing limits it. */
  countOf(zone: number): ZoneCount | undefined {
    let counted = this.#zones.get(zone);
    if (!counted && this.#default !== 0) this.#zones.set(zone, (counted = { count: 0, limit: undefined }));
    return counted;
  }

  isFull({ count, limit }: ZoneCount): boolean {
    if (limit !== undefined) return count >= limit;
    return this.#default !== 0 && count >= this.#default;
  }

  set(zone: number | undefined, limit: number): void {
    if (zone === undefined) {
      if (limit === 0) this.#deleteDefault();
      else this.#default = limit;
      log.info(`Set default zone limit to ${limit}`);
      return;
    }
    const counted = this.#zones.get(zone);
    if (counted) counted.limit = limit;
    else this.#zones.set(zone, { count: 0, limit });
    log.info(`${counted ? 'Changed' : 'Created'} zone limit of ${limit} for zone ${zone}`);
  }

  delete(zone: number | undefined): void {
    if (zone === undefined) {
      this.#deleteDefault();
      return;
    }
    const counted = this.#zones.get(zone);
    if (counted && this.#default !== 0) counted.limit = undefined;
    else this.#zones.delete(zone);
    log.info(
      counted
        ? `Deleted zone limit for zone ${zone}`
        : `Attempted delete of non-existent zone limit: zone ${zone}`,
    );
  }

  #deleteDefault(): void {
    this.#default = 0;
    for (const [zone, { limit }] of this.#zones) if (limit === undefined) this.#zones.delete(zone);
  }

  /** The default one, then those of the zones asked for, or of all that have one. */
  list(zones: readonly number[]): CtZoneLimit[] {
    const all: CtZoneLimit[] = [{ zone: undefined, limit: this.#default, count: 0 }];
    if (zones.length > 0) {
      for (const zone of zones) {
        const counted = this.#zones.get(zone);
        all.push({ zone, limit: counted?.limit ?? this.#default, count: counted?.count ?? 0 });
      }
    } else {
      for (const zone of [...this.#zones.keys()].sort((a, b) => a - b)) {
        const { limit, count } = this.#zones.get(zone)!;
        if (limit !== undefined) all.push({ zone, limit, count });
      }
    }
    return all;
  }
}
