/**
 * etcd in memory, on virtual time and with faults, as `KvStore`: for tests of what relies on it.
 *
 * One store has many clients. Each request takes a random time to arrive and to be answered; it may get lost on
 * either way, arrive long after its sender has given it up, or arrive though the reply is lost. A client can be cut off, and the whole
 * store can be down. What was carried out is never undone. Limits are etcd's: 128 operations and 1.5 MiB a request.
 */
import type { Host } from '../base/host.ts';
import type { Timer } from '../base/loop.ts';
import {
  type Guard,
  type KeyValue,
  KvError,
  type KvEvent,
  type KvOperation,
  type KvResult,
  type KvStore,
  type KvTransaction,
  type WatchEvents,
} from '../ovsdb/cluster/kv.ts';

const MAX_OPERATIONS = 128;
const MAX_REQUEST_BYTES = 1.5 * 1024 * 1024;
const REQUEST_TIMEOUT_MS = 3000;

interface Stored extends KeyValue {
  readonly lease: string | undefined;
}

interface Lease {
  readonly ms: number;
  expires: Timer;
}

/** How unreliable the way to the store is. */
export interface SimEtcdFaults {
  /** Requests of a thousand that get lost, and replies that do. */
  lostPerMille: number;
  /** The longest that a message takes. */
  maxDelayMs: number;
  /** Requests of a thousand that arrive long after they were given up. */
  latePerMille: number;
}

export class SimEtcd {
  readonly host: Host;
  readonly faults: SimEtcdFaults = { lostPerMille: 0, maxDelayMs: 0, latePerMille: 0 };
  /** Nobody gets an answer. */
  isDown = false;
  #revision = 1;
  #forgotten = 0;
  readonly #data = new Map<string, Stored>();
  #events: { readonly revision: number; readonly event: KvEvent }[] = [];
  readonly #leases = new Map<string, Lease>();
  #nextLease = 1;
  readonly clients = new Set<SimEtcdClient>();

  constructor(host: Host) {
    this.host = host;
  }

  get revision(): number {
    return this.#revision;
  }
  get keys(): readonly string[] {
    return [...this.#data.keys()].sort();
  }
  get(key: string): KeyValue | undefined {
    return this.#data.get(key);
  }
  /** Events that are kept for watches. */
  get historySize(): number {
    return this.#events.length;
  }

  connect(): SimEtcdClient {
    const client = new SimEtcdClient(this);
    this.clients.add(client);
    return client;
  }

  chance(perMille: number): boolean {
    return this.host.random.u32() % 1000 < perMille;
  }

  /** @throws KvError */
  transact({ guards, success, failure = [] }: KvTransaction): KvResult {
    const operations = [...success, ...failure];
    let bytes = 0;
    for (const op of operations) bytes += op.op === 'put' ? op.value.length : 0;
    if (bytes > MAX_REQUEST_BYTES) throw new KvError('etcdserver: request is too large', 'refused');
    if (Math.max(guards.length, success.length, failure.length) > MAX_OPERATIONS)
      throw new KvError('etcdserver: too many operations in txn request', 'refused');
    for (const op of success) {
      if (op.op === 'put' && op.lease !== undefined && !this.#leases.has(op.lease))
        throw new KvError('etcdserver: requested lease not found', 'refused');
    }
    const succeeded = guards.every((guard) => this.#holds(guard));
    const chosen = succeeded ? success : failure;
    const writes = chosen.some((op) => op.op !== 'get');
    const revision = this.#revision + 1;
    const events: KvEvent[] = [];
    const results = chosen.map((op) => this.#carryOut(op, revision, events));
    if (writes && events.length > 0) this.#happened(revision, events);
    return { succeeded, revision: this.#revision, results };
  }

  #happened(revision: number, events: readonly KvEvent[]): void {
    this.#revision = revision;
    for (const event of events) this.#events.push({ revision, event });
    for (const client of this.clients) client.wakeWatches();
  }

  #holds({ key, target, revision }: Guard): boolean {
    const stored = this.#data.get(key);
    const actual = target === 'create' ? stored?.createRevision : stored?.modRevision;
    return (actual ?? 0) === revision;
  }

  #inRange(key: string, end: string | undefined): Stored[] {
    if (end === undefined) {
      const stored = this.#data.get(key);
      return stored ? [stored] : [];
    }
    return [...this.#data.values()]
      .filter((stored) => stored.key >= key && stored.key < end)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  #carryOut(op: KvOperation, revision: number, events: KvEvent[]): readonly KeyValue[] {
    switch (op.op) {
      case 'get': {
        const found = this.#inRange(op.key, op.end).slice(0, op.limit ?? undefined);
        return op.keysOnly ? found.map((stored) => ({ ...stored, value: '' })) : found;
      }
      case 'put': {
        const { key, value, lease } = op;
        const createRevision = this.#data.get(key)?.createRevision ?? revision;
        const stored = { key, value, createRevision, modRevision: revision, lease };
        this.#data.set(key, stored);
        events.push({ type: 'put', ...stored });
        return [];
      }
      case 'delete':
        for (const { key } of this.#inRange(op.key, op.end)) {
          this.#data.delete(key);
          events.push({ type: 'delete', key, modRevision: revision });
        }
        return [];
    }
  }

  grantLease(seconds: number): string {
    const lease = String(this.#nextLease++);
    const ms = seconds * 1000;
    this.#leases.set(lease, { ms, expires: this.#expiry(lease, ms) });
    return lease;
  }

  #expiry(lease: string, ms: number): Timer {
    return this.host.loop.after(ms, () => this.revokeLease(lease));
  }

  keepAlive(lease: string): boolean {
    const known = this.#leases.get(lease);
    if (!known) return false;
    known.expires.cancel();
    known.expires = this.#expiry(lease, known.ms);
    return true;
  }

  revokeLease(lease: string): void {
    this.#leases.get(lease)?.expires.cancel();
    if (!this.#leases.delete(lease)) return;
    const events: KvEvent[] = [];
    const revision = this.#revision + 1;
    for (const stored of [...this.#data.values()]) {
      if (stored.lease === lease) this.#carryOut({ op: 'delete', key: stored.key }, revision, events);
    }
    if (events.length > 0) this.#happened(revision, events);
  }

  forgetBefore(revision: number): void {
    this.#forgotten = Math.max(this.#forgotten, revision);
    this.#events = this.#events.filter((entry) => entry.revision >= this.#forgotten);
  }

  /** What happened from a revision on; undefined if that is forgotten. */
  eventsFrom(revision: number): { readonly revision: number; readonly event: KvEvent }[] | undefined {
    if (revision < this.#forgotten) return undefined;
    return this.#events.filter((entry) => entry.revision >= revision);
  }
}

interface Watch {
  readonly prefix: string;
  next: number;
  readonly events: WatchEvents;
  scheduled: boolean;
}

export class SimEtcdClient implements KvStore {
  readonly #etcd: SimEtcd;
  readonly #watches = new Set<Watch>();
  /** Neither requests nor replies pass, nor what watches tell. */
  isCut = false;
  #closed = false;

  constructor(etcd: SimEtcd) {
    this.#etcd = etcd;
  }

  get #isDeaf(): boolean {
    return this.isCut || this.#etcd.isDown || this.#closed;
  }

  #delay(): number {
    const { faults, host } = this.#etcd;
    return faults.maxDelayMs > 0 ? host.random.u32() % faults.maxDelayMs : 0;
  }

  #request<T>(carryOut: () => T): Promise<T> {
    const { loop } = this.#etcd.host;
    const { faults } = this.#etcd;
    return new Promise((resolve, reject) => {
      const timer = loop.after(REQUEST_TIMEOUT_MS, () => reject(new KvError('no reply in time', 'unknown')));
      const late = this.#etcd.chance(faults.latePerMille) ? REQUEST_TIMEOUT_MS + this.#delay() : 0;
      if (this.#etcd.chance(faults.lostPerMille)) return;
      loop.after(late + this.#delay(), () => {
        if (this.#isDeaf) return;
        let reply: () => void;
        try {
          const result = carryOut();
          reply = () => resolve(result);
        } catch (error) {
          reply = () => reject(error);
        }
        if (this.#etcd.chance(faults.lostPerMille)) return;
        loop.after(this.#delay(), () => {
          if (this.#isDeaf) return;
          timer.cancel();
          reply();
        });
      });
    });
  }

  transact(transaction: KvTransaction): Promise<KvResult> {
    return this.#request(() => this.#etcd.transact(transaction));
  }
  grantLease(seconds: number): Promise<string> {
    return this.#request(() => this.#etcd.grantLease(seconds));
  }
  keepAlive(lease: string): Promise<boolean> {
    return this.#request(() => this.#etcd.keepAlive(lease));
  }
  revokeLease(lease: string): Promise<void> {
    return this.#request(() => this.#etcd.revokeLease(lease));
  }
  forgetBefore(revision: number): Promise<void> {
    return this.#request(() => this.#etcd.forgetBefore(revision));
  }

  watch(prefix: string, fromRevision: number, events: WatchEvents): () => void {
    const watch: Watch = { prefix, next: fromRevision, events, scheduled: false };
    this.#watches.add(watch);
    this.#schedule(watch);
    return () => void this.#watches.delete(watch);
  }

  wakeWatches(): void {
    for (const watch of this.#watches) this.#schedule(watch);
  }

  #schedule(watch: Watch): void {
    if (watch.scheduled) return;
    watch.scheduled = true;
    this.#etcd.host.loop.after(this.#delay(), () => {
      watch.scheduled = false;
      if (!this.#watches.has(watch) || this.#isDeaf) return;
      const found = this.#etcd.eventsFrom(watch.next);
      if (!found || this.#etcd.chance(this.#etcd.faults.lostPerMille)) {
        this.#watches.delete(watch);
        watch.events.ended(found ? 'connection lost' : 'compacted');
        return;
      }
      watch.next = this.#etcd.revision + 1;
      const events = found.map(({ event }) => event).filter(({ key }) => key.startsWith(watch.prefix));
      if (events.length > 0) watch.events.changed(events);
    });
  }

  close(): void {
    this.#closed = true;
    this.#watches.clear();
    this.#etcd.clients.delete(this);
  }
}
