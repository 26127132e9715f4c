/**
 * A server's membership: its connection to the store, and its session there.
 *
 * A session is a key with a lease; every write is guarded by it. So a server that the others have given up, whose locks
 * they may have taken, can change nothing any more before it has a new session. Whether the store answers is asked
 * every second with a request that only a majority can answer.
 */
import type { Host } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import { randomUuid, type Uuid } from '../../base/uuid.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { stringifyJson } from '../../jsonrpc/json.ts';
import { type Guard, KvError, type KvResult, type KvStore, type KvTransaction } from './kv.ts';
import type { Layout } from './layout.ts';

const log = vlog('ovsdb_cluster');
const failedLimit = new RateLimit(5, 5);

/** A server that has not been heard of for so long is given up. */
const LEASE_S = 10;
const HEARTBEAT_MS = 1000;
/** The store has not answered for so long: an election takes less. */
const LOST_AFTER_MS = 5000;
const MIN_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 1000;

export interface Session {
  readonly id: Uuid;
  readonly guard: Guard;
  readonly lease: string;
}

export class Member {
  readonly #host: Host;
  readonly kv: KvStore;
  readonly layout: Layout;
  /** Of this run of the server. */
  readonly sid: Uuid;
  #session: Session | undefined;
  #heardMs = Number.NEGATIVE_INFINITY;
  #isReached = false;
  #lostTimer: Timer | undefined;
  #closed = false;
  /** Called when `isReached` has become another, or the session. */
  onChange: () => void = () => {};
  /** Called with each heartbeat's reading of the head's revision. */
  onHead: (modRevision: number) => void = () => {};
  onSessionLost: () => void = () => {};

  constructor(host: Host, kv: KvStore, layout: Layout, sid: Uuid) {
    this.#host = host;
    this.kv = kv;
    this.layout = layout;
    this.sid = sid;
  }

  /** Whether the store answered lately. */
  get isReached(): boolean {
    return this.#isReached;
  }
  get session(): Session | undefined {
    return this.#session;
  }
  get isClosed(): boolean {
    return this.#closed;
  }
  /** Milliseconds since the store last answered. */
  get silentMs(): number {
    return this.#host.loop.now() - this.#heardMs;
  }

  /** A transaction in the store. @throws KvError */
  async transact(transaction: KvTransaction): Promise<KvResult> {
    const result = await this.kv.transact(transaction);
    this.#heard();
    return result;
  }

  #heard(): void {
    this.#heardMs = this.#host.loop.now();
    if (this.#isReached || this.#closed) return;
    this.#isReached = true;
    this.#watchSilence();
    this.onChange();
  }

  #watchSilence(): void {
    this.#lostTimer = this.#host.loop.at(this.#heardMs + LOST_AFTER_MS, () => {
      if (this.silentMs < LOST_AFTER_MS) {
        this.#watchSilence();
        return;
      }
      this.#isReached = false;
      log.warn(`${this.layout.prefix}: etcd does not answer`);
      this.onChange();
    });
  }

  /** Waits. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#host.loop.after(ms, resolve));
  }

  /** Waits a while that grows with the number of failures, and logs the last one. */
  async backOff(failures: number, error: KvError | undefined): Promise<void> {
    if (error && !this.#closed) log.infoRl(failedLimit, `${this.layout.prefix}: ${error.message}`);
    const most = Math.min(MIN_BACKOFF_MS * 2 ** failures, MAX_BACKOFF_MS);
    await this.sleep(most / 2 + (this.#host.random.u32() % (most / 2)));
  }

  /** Opens a session if there is none. @throws KvError */
  async openSession(): Promise<Session> {
    if (this.#session) return this.#session;
    const lease = await this.kv.grantLease(LEASE_S);
    const id = randomUuid(this.#host.random);
    const key = this.layout.server(id);
    const { revision } = await this.transact({
      guards: [],
      success: [{ op: 'put', key, value: stringifyJson({ sid: this.sid }), lease }],
    });
    this.#session = { id, lease, guard: { key, target: 'create', revision } };
    this.onChange();
    return this.#session;
  }

  /** The session is not there any more. */
  sessionLost(session: Session): void {
    if (this.#session !== session) return;
    log.warn(`${this.layout.prefix}: this server was given up; it joins again`);
    this.#session = undefined;
    this.onChange();
    this.onSessionLost();
  }

  /** Keeps the session alive until the member is closed. */
  async keepAlive(): Promise<void> {
    while (!this.#closed) {
      try {
        const session = this.#session;
        if (session && !(await this.kv.keepAlive(session.lease))) this.sessionLost(session);
        const { layout } = this;
        const { results } = await this.transact({ guards: [], success: [{ op: 'get', key: layout.head }] });
        const [head] = results[0]!;
        if (head) this.onHead(head.modRevision);
      } catch (error) {
        if (!(error instanceof KvError)) throw error;
        if (!this.#closed) log.infoRl(failedLimit, `${this.layout.prefix}: ${error.message}`);
      }
      await this.sleep(HEARTBEAT_MS);
    }
  }

  /** Leaves the cluster. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#lostTimer?.cancel();
    const session = this.#session;
    const done = (): void => this.kv.close();
    if (session && this.#isReached) this.kv.revokeLease(session.lease).then(done, done);
    else done();
  }
}
