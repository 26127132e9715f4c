/**
 * The forwarding database of a bridge: which port each MAC address of each VLAN was last seen on.
 *
 * Entries age out, the least recently used first; when the table is full, an entry of the port that owns the
 * most of them makes room, so that one noisy port cannot push out the others. A port is opaque here: any
 * object, compared by identity. The table belongs to its bridge; `P` is the bridge's bundle.
 * C counterpart: lib/mac-learning.c.
 */
import { coverage } from '../../base/coverage.ts';

/** A MAC address as a number below 2**48. */
export type Mac = number;

export const MAC_DEFAULT_MAX = 8192;
export const MAC_DEFAULT_IDLE_SECONDS = 300;
/** How long an address announced by gratuitous ARP on a plain port is not learned from a bond. */
const GRAT_ARP_LOCK_SECONDS = 5;
const N_VLANS = 4096;

const learnedCounter = coverage('mac_learning_learned');
const expiredCounter = coverage('mac_learning_expired');
const evictedCounter = coverage('mac_learning_evicted');
const movedCounter = coverage('mac_learning_moved');
const staticNoneMoveCounter = coverage('mac_learning_static_none_move');

/** Whether the group bit is set (so that broadcast counts too). */
export const isMulticastMac = (mac: Mac): boolean => Math.floor(mac / 0x100_0000_0000) % 2 === 1;

/** One learned or configured address. Lists are intrusive: `older`/`newer` in the table, `portOlder`/`portNewer`
 * among the entries of one port. */
export class MacEntry<P> {
  readonly mac: Mac;
  readonly vlan: number;
  /** Monotonic second at which it ages out; `Infinity` for a static entry. */
  expires = 0;
  gratArpLockUntil = Number.NEGATIVE_INFINITY;
  owner: PortEntries<P> | undefined;
  older: MacEntry<P> | undefined;
  newer: MacEntry<P> | undefined;
  portOlder: MacEntry<P> | undefined;
  portNewer: MacEntry<P> | undefined;

  constructor(mac: Mac, vlan: number) {
    this.mac = mac;
    this.vlan = vlan;
  }

  get isStatic(): boolean {
    return this.expires === Number.POSITIVE_INFINITY;
  }
  get port(): P | undefined {
    return this.owner?.port;
  }
}

/** The entries of one port, oldest first. */
class PortEntries<P> {
  readonly port: P;
  count = 0;
  oldest: MacEntry<P> | undefined;
  newest: MacEntry<P> | undefined;
  constructor(port: P) {
    this.port = port;
  }
  append(e: MacEntry<P>): void {
    e.portOlder = this.newest;
    e.portNewer = undefined;
    if (this.newest) this.newest.portNewer = e;
    else this.oldest = e;
    this.newest = e;
    this.count++;
  }
  remove(e: MacEntry<P>): void {
    if (e.portOlder) e.portOlder.portNewer = e.portNewer;
    else this.oldest = e.portNewer;
    if (e.portNewer) e.portNewer.portOlder = e.portOlder;
    else this.newest = e.portOlder;
    this.count--;
  }
}

export interface MacLearningStats {
  learned: number;
  expired: number;
  evicted: number;
  moved: number;
}

export class MacLearning<P> {
  readonly #now: () => number;
  /** By VLAN, then by address. A VLAN's map exists while it has entries. */
  readonly #byVlan: (Map<Mac, MacEntry<P>> | undefined)[] = new Array(N_VLANS).fill(undefined);
  readonly #byPort = new Map<P, PortEntries<P>>();
  #oldest: MacEntry<P> | undefined;
  #newest: MacEntry<P> | undefined;
  #size = 0;
  #floodVlans: ReadonlySet<number> = new Set();
  #idleSeconds: number;
  maxEntries = MAC_DEFAULT_MAX;
  staticEntries = 0;
  /** An answer of `lookup` may have changed since `run` was last called. */
  #changed = false;
  stats: MacLearningStats = { learned: 0, expired: 0, evicted: 0, moved: 0 };

  /** @param now monotonic milliseconds */
  constructor(now: () => number, idleSeconds = MAC_DEFAULT_IDLE_SECONDS) {
    this.#now = () => Math.floor(now() / 1000);
    this.#idleSeconds = normalizeIdleTime(idleSeconds);
  }

  get size(): number {
    return this.#size;
  }

  /** Changes the ageing time, of present entries too. Limited to 15 .. 3600 s. */
  setIdleSeconds(seconds: number): void {
    const idle = normalizeIdleTime(seconds);
    const delta = idle - this.#idleSeconds;
    if (delta !== 0) for (let e = this.#oldest; e; e = e.newer) e.expires += delta;
    this.#idleSeconds = idle;
  }

  /** Limited to 10 .. 1,000,000. */
  setMaxEntries(n: number): void {
    this.maxEntries = Math.min(Math.max(n, 10), 1_000_000);
  }

  /** VLANs in which nothing is learned.
   * @returns whether the set changed */
  setFloodVlans(vlans: ReadonlySet<number>): boolean {
    if (vlans.size === this.#floodVlans.size && [...vlans].every((v) => this.#floodVlans.has(v)))
      return false;
    this.#floodVlans = new Set(vlans);
    return true;
  }

  /** Seconds since the entry was last refreshed. Not for static entries. */
  age(e: MacEntry<P>): number {
    return this.#idleSeconds - (e.expires - this.#now());
  }

  isGratArpLocked(e: MacEntry<P>): boolean {
    return this.#now() < e.gratArpLockUntil;
  }

  /** Where `mac` is in `vlan`; undefined when unknown, multicast, or in a flood VLAN. */
  lookup(mac: Mac, vlan: number): MacEntry<P> | undefined {
    if (isMulticastMac(mac) || this.#floodVlans.has(vlan)) return undefined;
    return this.#byVlan[vlan]?.get(mac);
  }

  /**
   * Learns or refreshes: a frame from `mac` in `vlan` came in on `port`.
   * @returns whether the address is new or moved
   */
  update(mac: Mac, vlan: number, isGratArp: boolean, isBond: boolean, port: P): boolean {
    if (isMulticastMac(mac) || this.#floodVlans.has(vlan)) return false;
    const known = this.#byVlan[vlan]?.get(mac);
    if (known?.isStatic) {
      if (known.port !== port) staticNoneMoveCounter.inc();
      return false;
    }
    // Most packets change nothing: an entry is refreshed once a second at most.
    if (known && this.age(known) <= 0 && known.port === port && !(isGratArp && !isBond)) return false;
    const entry = this.#insert(mac, vlan, false);
    if (isGratArp) {
      // A gratuitous ARP that a plain port sent may come back over the members of a bond: for a while such
      // reflections must not move the address.
      if (!isBond) entry.gratArpLockUntil = this.#now() + GRAT_ARP_LOCK_SECONDS;
      else if (this.isGratArpLocked(entry)) return false;
    }
    if (entry.port === port) return false;
    if (entry.port !== undefined) {
      movedCounter.inc();
      this.stats.moved++;
    }
    this.#setPort(entry, port);
    return true;
  }

  addStatic(mac: Mac, vlan: number, port: P): void {
    this.#setPort(this.#insert(mac, vlan, true), port);
  }

  /** @returns whether there was such a static entry */
  deleteStatic(mac: Mac, vlan: number): boolean {
    const entry = this.lookup(mac, vlan);
    if (!entry?.isStatic) return false;
    this.#expire(entry);
    return true;
  }

  /** Forgets everything learned; static entries stay. */
  flush(): void {
    for (let e = this.#oldest, next: MacEntry<P> | undefined; e; e = next) {
      next = e.newer;
      if (!e.isStatic) this.#expire(e);
    }
  }

  /** Forgets everything known about `port`, static entries too. */
  flushPort(port: P): void {
    const entries = this.#byPort.get(port);
    for (let e = entries?.oldest, next: MacEntry<P> | undefined; e; e = next) {
      next = e.portNewer;
      this.#expire(e);
    }
  }

  /** Gives all the entries of `from` to `to`. */
  movePort(from: P, to: P): void {
    const entries = this.#byPort.get(from);
    for (let e = entries?.oldest, next: MacEntry<P> | undefined; e; e = next) {
      next = e.portNewer;
      this.#setPort(e, to);
    }
  }

  /** Least recently used first. */
  *entries(): IterableIterator<MacEntry<P>> {
    for (let e = this.#oldest; e; e = e.newer) yield e;
  }

  clearStats(): void {
    this.stats = { learned: 0, expired: 0, evicted: 0, moved: 0 };
  }

  /** Expires what is due.
   * @returns whether forwarding decisions may have changed since the last call */
  run(): boolean {
    const now = this.#now();
    for (
      let e = this.#firstDynamic();
      e && (this.#size > this.maxEntries || now >= e.expires);
      e = this.#firstDynamic()
    ) {
      expiredCounter.inc();
      this.stats.expired++;
      this.#expire(e);
    }
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /** When `run` next has something to do, in monotonic ms. */
  deadline(): number {
    if (this.#changed || this.#size > this.maxEntries) return 0;
    const e = this.#firstDynamic();
    return e ? e.expires * 1000 : Number.POSITIVE_INFINITY;
  }

  #firstDynamic(): MacEntry<P> | undefined {
    let e = this.#oldest;
    while (e?.isStatic) e = e.newer;
    return e;
  }

  #insert(mac: Mac, vlan: number, isStatic: boolean): MacEntry<P> {
    const map = (this.#byVlan[vlan] ??= new Map());
    let e = map.get(mac);
    if (e) {
      this.#unlink(e);
      e.owner?.remove(e);
    } else {
      if (this.#size >= this.maxEntries) this.#evictFairly();
      e = new MacEntry<P>(mac, vlan);
      // Eviction may have emptied and dropped this VLAN's map.
      (this.#byVlan[vlan] ??= map).set(mac, e);
      this.#size++;
      if (!isStatic) {
        learnedCounter.inc();
        this.stats.learned++;
      }
    }
    e.older = this.#newest;
    e.newer = undefined;
    if (this.#newest) this.#newest.newer = e;
    else this.#oldest = e;
    this.#newest = e;
    e.owner?.append(e);

    if (isStatic && !e.isStatic) this.staticEntries++;
    e.expires = isStatic ? Number.POSITIVE_INFINITY : this.#now() + this.#idleSeconds;
    return e;
  }

  #setPort(e: MacEntry<P>, port: P | undefined): void {
    if (e.port === port) return;
    this.#changed = true;
    const old = e.owner;
    if (old) {
      old.remove(e);
      if (old.count === 0) this.#byPort.delete(old.port);
      e.owner = undefined;
    }
    if (port !== undefined) {
      let entries = this.#byPort.get(port);
      if (!entries) this.#byPort.set(port, (entries = new PortEntries(port)));
      entries.append(e);
      e.owner = entries;
    }
  }

  #expire(e: MacEntry<P>): void {
    this.#changed = true;
    if (e.isStatic) this.staticEntries--;
    this.#setPort(e, undefined);
    const map = this.#byVlan[e.vlan]!;
    map.delete(e.mac);
    if (map.size === 0) this.#byVlan[e.vlan] = undefined;
    this.#unlink(e);
    this.#size--;
  }

  #unlink(e: MacEntry<P>): void {
    if (e.older) e.older.newer = e.newer;
    else this.#oldest = e.newer;
    if (e.newer) e.newer.older = e.older;
    else this.#newest = e.older;
  }

  /** Drops the oldest entry of the port that owns the most. */
  #evictFairly(): void {
    let largest: PortEntries<P> | undefined;
    for (const entries of this.#byPort.values())
      if (!largest || entries.count > largest.count) largest = entries;
    const victim = largest?.oldest;
    if (!victim) return;
    evictedCounter.inc();
    this.stats.evicted++;
    this.#expire(victim);
  }
}

const normalizeIdleTime = (seconds: number): number => Math.min(Math.max(seconds, 15), 3600);
