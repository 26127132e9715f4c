/**
 * A host in memory: virtual time, seeded randomness, connections between parties of one process, files in a
 * map. Tests and simulations drive it; the same seed repeats the same run.
 *
 * Time stands still until {@link SimHost.run} moves it from one deadline to the next, so a minute of protocol
 * costs microseconds.
 */
import { Clock } from '../base/clock.ts';
import {
  type Directories,
  type Host,
  type Http,
  type Listener,
  type Random,
  type Storage,
  type StoredFile,
  type Stream,
  type StreamConnector,
  type StreamEvents,
  type Streams,
  SystemError,
} from '../base/host.ts';
import { Loop } from '../base/loop.ts';

/** xorshift128: enough for simulations, and the same everywhere. */
class SeededRandom implements Random {
  readonly #state: Uint32Array;
  constructor(seed: number) {
    this.#state = Uint32Array.of(seed | 1, 0x9e3779b9, 0x243f6a88, 0xb7e15162);
    for (let i = 0; i < 16; i++) this.u32();
  }
  u32(): number {
    const s = this.#state;
    let t = s[3]!;
    t ^= t << 11;
    t ^= t >>> 8;
    s[3] = s[2]!;
    s[2] = s[1]!;
    s[1] = s[0]!;
    s[0] = t ^ s[0]! ^ (s[0]! >>> 19);
    return s[0]!;
  }
  bytes(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.u32() & 0xff);
  }
}

const NO_EVENTS: StreamEvents = { data() {}, close() {} };

/** One end of a connection. Bytes arrive at the other end in a later turn of the loop. */
class SimStream implements Stream {
  readonly name: string;
  readonly #host: SimHost;
  peer: SimStream | undefined;
  events: StreamEvents = NO_EVENTS;
  #paused = false;
  #waiting: Uint8Array[] = [];
  #ended = false;
  backlog = 0;

  constructor(host: SimHost, name: string) {
    this.#host = host;
    this.name = name;
  }

  send(bytes: Uint8Array): void {
    const peer = this.peer;
    if (!peer) return;
    this.backlog += bytes.length;
    this.#host.loop.defer(() => peer.#arrive(bytes, this));
  }

  #arrive(bytes: Uint8Array, from: SimStream): void {
    if (!this.peer) return;
    if (this.#paused) {
      this.#waiting.push(bytes);
      return;
    }
    from.backlog -= bytes.length;
    this.events.data(bytes);
    if (from.backlog === 0 && from.peer) from.events.drain?.();
  }

  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    const from = this.peer;
    if (from) for (const bytes of waiting) this.#host.loop.defer(() => this.#arrive(bytes, from));
  }

  close(): void {
    const peer = this.peer;
    this.peer = undefined;
    if (peer) this.#host.loop.defer(() => peer.#lost());
  }
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    // Behind what was sent before.
    this.#host.loop.defer(() => this.close());
  }
  #lost(): void {
    if (!this.peer) return;
    this.peer = undefined;
    this.events.close(undefined);
  }
}

class SimStreams implements Streams {
  readonly #host: SimHost;
  readonly #listeners = new Map<string, (stream: Stream) => void>();
  #accepted = 0;
  constructor(host: SimHost) {
    this.#host = host;
  }

  /** There is no TLS here. */
  configureTls(): void {}

  connect(target: string, defaultPort: number, connector: StreamConnector): () => void {
    if (!/^(unix|tcp):/.test(target)) throw new SystemError('EAFNOSUPPORT');
    let cancelled = false;
    this.#host.loop.defer(() => {
      if (cancelled) return;
      const accept = this.#listeners.get(addressOf(target, defaultPort));
      if (!accept) {
        connector.failed(new SystemError(target.startsWith('unix:') ? 'ENOENT' : 'ECONNREFUSED'));
        return;
      }
      const near = new SimStream(this.#host, target);
      const far = new SimStream(this.#host, `unix#${this.#accepted++}`);
      near.peer = far;
      far.peer = near;
      accept(far);
      connector.connected(near);
    });
    return () => {
      cancelled = true;
    };
  }

  async listen(target: string, defaultPort: number, accept: (stream: Stream) => void): Promise<Listener> {
    if (!/^(punix|ptcp):/.test(target)) throw new SystemError('EAFNOSUPPORT');
    const address = addressOf(target.slice(1), defaultPort);
    if (this.#listeners.has(address)) throw new SystemError('EADDRINUSE');
    this.#listeners.set(address, accept);
    return { name: target, port: undefined, close: () => void this.#listeners.delete(address) };
  }
}

/** 'tcp:HOST:PORT' and 'tcp:PORT:IP' meet at the port. */
function addressOf(target: string, defaultPort: number): string {
  if (target.startsWith('unix:')) return target;
  const port = target
    .slice(4)
    .split(':')
    .find((part) => /^\d+$/.test(part));
  return `tcp:${port ?? defaultPort}`;
}

/** What a file holds, whatever its name. */
interface Contents {
  bytes: Uint8Array;
}

class SimFile implements StoredFile {
  readonly path: string;
  readonly #contents: Contents;
  readonly #host: SimHost;
  constructor(host: SimHost, path: string, contents: Contents) {
    this.#host = host;
    this.path = path;
    this.#contents = contents;
  }
  size(): number {
    return this.#contents.bytes.length;
  }
  readAt(offset: number, length: number): Uint8Array {
    return this.#contents.bytes.slice(offset, offset + length);
  }
  append(bytes: Uint8Array): void {
    const old = this.#contents.bytes;
    const all = new Uint8Array(old.length + bytes.length);
    all.set(old);
    all.set(bytes, old.length);
    this.#contents.bytes = all;
  }
  truncate(size: number): void {
    this.#contents.bytes = this.#contents.bytes.slice(0, size);
  }
  sync(done: (error: SystemError | undefined) => void): void {
    this.#host.loop.defer(() => done(undefined));
  }
  close(): void {}
}

class SimStorage implements Storage {
  readonly #host: SimHost;
  readonly #files = new Map<string, Contents>();
  readonly #locks = new Set<string>();
  constructor(host: SimHost) {
    this.#host = host;
  }
  read(path: string): Uint8Array {
    return this.#contents(path).bytes;
  }
  #contents(path: string): Contents {
    const contents = this.#files.get(path);
    if (!contents) throw new SystemError('ENOENT');
    return contents;
  }
  exists(path: string): boolean {
    return this.#files.has(path);
  }
  resolve(path: string): string {
    return path.startsWith('/') ? path : `/${path}`;
  }
  open(path: string, options: { create?: 'excl' | 'maybe'; readOnly?: boolean }): StoredFile {
    if (this.#files.has(path)) {
      if (options.create === 'excl') throw new SystemError('EEXIST');
    } else {
      if (!options.create) throw new SystemError('ENOENT');
      this.#files.set(path, { bytes: new Uint8Array(0) });
    }
    return new SimFile(this.#host, path, this.#contents(path));
  }
  lock(path: string): () => void {
    if (this.#locks.has(path)) throw new SystemError('EAGAIN');
    this.#locks.add(path);
    return () => void this.#locks.delete(path);
  }
  rename(from: string, to: string): void {
    this.#files.set(to, this.#contents(from));
    this.#files.delete(from);
  }
  remove(path: string): void {
    this.#contents(path);
    this.#files.delete(path);
  }
}

export class SimHost implements Host {
  readonly loop: Loop;
  readonly random: Random;
  readonly streams: Streams;
  /** There is no server. */
  readonly http: Http = {
    post: (_url, _json, events) => {
      this.loop.defer(() => events.failed(new SystemError('ECONNREFUSED'), false));
      return () => {};
    },
  };
  readonly storage: SimStorage;
  readonly dirs: Directories = { run: '/run', log: '/log', db: '/db', sysconf: '/etc', pkgdata: '/share' };
  #nowMs = 1_000_000;
  #ready: (() => void)[] = [];

  constructor(seed = 1) {
    const source = { monotonicMs: () => this.#nowMs, wallMs: () => Date.UTC(2026, 0, 1) + this.#nowMs };
    this.loop = new Loop(new Clock(source), { defer: (fn) => void this.#ready.push(fn), wakeIn: () => {} });
    this.random = new SeededRandom(seed);
    this.streams = new SimStreams(this);
    this.storage = new SimStorage(this);
  }

  /** Runs what is ready at this instant, and what that makes ready, until nothing is. */
  settle(): void {
    for (let turns = 0; this.#ready.length > 0; turns++) {
      if (turns > 100_000) throw new Error('the simulation does not come to rest');
      const ready = this.#ready;
      this.#ready = [];
      for (const fn of ready) fn();
    }
  }

  /** Lets `ms` of virtual time pass. */
  run(ms = 0): void {
    const end = this.#nowMs + ms;
    this.settle();
    for (let next = this.loop.nextDeadline(); next <= end; next = this.loop.nextDeadline()) {
      this.#nowMs = Math.max(this.#nowMs, next);
      this.loop.runTimers();
      this.settle();
    }
    this.#nowMs = end;
  }

  /**
   * Like `run`, for parties that use promises: what they wait for goes on before time does.
   * @param turn waits until no promise has anything to do, as setImmediate does
   */
  async pass(ms: number, turn: () => Promise<unknown>): Promise<void> {
    const end = this.#nowMs + ms;
    for (;;) {
      do {
        this.settle();
        await turn();
      } while (this.#ready.length > 0);
      const next = this.loop.nextDeadline();
      if (next > end) break;
      this.#nowMs = Math.max(this.#nowMs, next);
      this.loop.runTimers();
    }
    this.#nowMs = end;
  }
}
