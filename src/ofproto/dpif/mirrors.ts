/**
 * The port mirrors of a bridge: which bundles are watched, and where the copies go.
 * A set of mirrors is a bit mask, so at most {@link MAX_MIRRORS}. C counterpart: ofproto/ofproto-dpif-mirror.c.
 */
import { SystemError } from '../../base/host.ts';
import { vlog } from '../../base/vlog.ts';
import type { Match } from '../../flow/layout.ts';
import type { Bundle } from './bundle.ts';

const log = vlog('ofproto_dpif_mirror');

export const MAX_MIRRORS = 32;

export interface MirrorSettings {
  readonly name: string;
  /** Bundles whose received, and whose sent, packets are mirrored. */
  readonly sources: ReadonlySet<Bundle>;
  readonly destinations: ReadonlySet<Bundle>;
  /** Mirror only packets in these VLANs; undefined for all. */
  readonly vlans: ReadonlySet<number> | undefined;
  /** Where to send copies: a bundle, or a VLAN of the bridge. */
  readonly outBundle: Bundle | undefined;
  readonly outVlan: number;
  /** Copies are cut to this length; 0 for never. */
  readonly snaplen: number;
  /** Mirror only packets that match. */
  readonly filter: Match | undefined;
}

export interface Mirror extends MirrorSettings {
  readonly index: number;
  /** Mirrors with the same destination, this one included. */
  duplicates: number;
  packets: number;
  bytes: number;
}

export class Mirrors {
  readonly #mirrors: (Mirror | undefined)[] = new Array(MAX_MIRRORS).fill(undefined);
  readonly #byKey = new Map<string, Mirror>();

  get size(): number {
    return this.#byKey.size;
  }

  /** Creates or changes the mirror that the configuration knows as `key`.
   * @throws SystemError EFBIG when there are too many */
  set(key: string, settings: MirrorSettings): void {
    const old = this.#byKey.get(key);
    const index = old ? old.index : this.#mirrors.indexOf(undefined);
    if (index < 0) {
      log.warn(`maximum of ${MAX_MIRRORS} port mirrors reached, cannot create ${settings.name}`);
      throw new SystemError('EFBIG');
    }
    const mirror: Mirror = {
      ...settings,
      index,
      duplicates: 0,
      packets: old?.packets ?? 0,
      bytes: old?.bytes ?? 0,
    };
    this.#mirrors[index] = mirror;
    this.#byKey.set(key, mirror);
    this.#findDuplicates();
  }

  delete(key: string): boolean {
    const mirror = this.#byKey.get(key);
    if (!mirror) return false;
    this.#byKey.delete(key);
    this.#mirrors[mirror.index] = undefined;
    this.#findDuplicates();
    return true;
  }

  get(key: string): Mirror | undefined {
    return this.#byKey.get(key);
  }

  /** The mirror of a bit. */
  at(index: number): Mirror | undefined {
    return this.#mirrors[index];
  }

  /** Whether copies go to `bundle`, which then takes part in nothing else. */
  isOutput(bundle: Bundle): boolean {
    if (this.#byKey.size === 0) return false;
    return this.#mirrors.some((m) => m?.outBundle === bundle);
  }

  srcMirrors(bundle: Bundle): number {
    return this.#mask((m) => m.sources.has(bundle));
  }

  dstMirrors(bundle: Bundle): number {
    return this.#mask((m) => m.destinations.has(bundle));
  }

  credit(mask: number, packets: number, bytes: number): void {
    for (const m of this.#byKey.values()) {
      if (!(mask & (1 << m.index))) continue;
      m.packets += packets;
      m.bytes += bytes;
    }
  }

  /** Forgets a bundle that goes away. @returns whether any mirror knew it */
  removeBundle(bundle: Bundle): boolean {
    let changed = false;
    for (const [key, m] of [...this.#byKey]) {
      const without = (set: ReadonlySet<Bundle>): ReadonlySet<Bundle> =>
        new Set([...set].filter((b) => b !== bundle));
      if (m.outBundle === bundle) this.delete(key);
      else if (m.sources.has(bundle) || m.destinations.has(bundle))
        this.set(key, { ...m, sources: without(m.sources), destinations: without(m.destinations) });
      else continue;
      changed = true;
    }
    return changed;
  }

  #mask(selects: (m: Mirror) => boolean): number {
    let mask = 0;
    for (const m of this.#byKey.values()) if (selects(m)) mask |= 1 << m.index;
    return mask;
  }

  #findDuplicates(): void {
    for (const a of this.#byKey.values()) {
      a.duplicates = 0;
      for (const b of this.#byKey.values())
        if (a.outBundle === b.outBundle && a.outVlan === b.outVlan) a.duplicates |= 1 << b.index;
    }
  }
}
