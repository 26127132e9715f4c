/**
 * Streams within the process, over a loop whose clock the test moves: for unit tests of connections.
 *
 * What one end sends, the other receives in the next turn. `Pipe.kernelTakes = false` on an end makes its `backlog`
 * grow, as with a peer that does not read.
 */
import { Clock } from '../../src/base/clock.ts';
import {
  type Listener,
  type Random,
  type Stream,
  type StreamConnector,
  type StreamEvents,
  type Streams,
  SystemError,
} from '../../src/base/host.ts';
import { Loop } from '../../src/base/loop.ts';

const NO_EVENTS: StreamEvents = { data: () => {}, close: () => {} };

export class Pipe implements Stream {
  readonly name: string;
  events: StreamEvents = NO_EVENTS;
  peer!: Pipe;
  /** Whether what is sent leaves at once. */
  kernelTakes = true;
  isPaused = false;
  isClosed = false;
  readonly #loop: Loop;
  readonly #queue: Uint8Array[] = [];
  readonly #held: Uint8Array[] = [];

  constructor(loop: Loop, name: string) {
    this.#loop = loop;
    this.name = name;
  }
  get backlog(): number {
    return this.#queue.reduce((n, b) => n + b.length, 0);
  }
  send(bytes: Uint8Array): void {
    if (this.isClosed) return;
    this.#queue.push(bytes);
    if (this.kernelTakes) this.flush();
  }
  /** Lets everything that is queued leave. */
  flush(): void {
    const had = this.#queue.length > 0;
    for (const bytes of this.#queue.splice(0)) this.#loop.defer(() => this.peer.receive(bytes));
    if (had && !this.kernelTakes) this.events.drain?.();
  }
  receive(bytes: Uint8Array): void {
    if (this.isClosed) return;
    if (this.isPaused) this.#held.push(bytes);
    else this.events.data(bytes);
  }
  pause(): void {
    this.isPaused = true;
  }
  resume(): void {
    this.isPaused = false;
    for (const bytes of this.#held.splice(0)) this.#loop.defer(() => this.receive(bytes));
  }
  close(error?: SystemError): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#loop.defer(() => {
      if (this.peer.isClosed) return;
      this.peer.isClosed = true;
      this.peer.events.close(error);
    });
  }
  end(): void {
    this.flush();
    this.close();
  }
}

/** Two ends of a connection. */
export function pipePair(loop: Loop, nameA: string, nameB: string): [Pipe, Pipe] {
  const [a, b] = [new Pipe(loop, nameA), new Pipe(loop, nameB)];
  a.peer = b;
  b.peer = a;
  return [a, b];
}

export class MemoryStreams implements Streams {
  readonly #loop: Loop;
  readonly #listeners = new Map<string, (stream: Stream) => void>();
  #accepted = 0;
  constructor(loop: Loop) {
    this.#loop = loop;
  }
  /** There is no TLS here. */
  configureTls(): void {}

  connect(target: string, _defaultPort: number, connector: StreamConnector): () => void {
    if (!/^(tcp|unix):/.test(target)) throw new SystemError('EAFNOSUPPORT');
    let isCancelled = false;
    this.#loop.defer(() => {
      if (isCancelled) return;
      const accept = this.#listeners.get(`p${target}`);
      if (!accept) {
        connector.failed(new SystemError('ECONNREFUSED'));
        return;
      }
      const [here, there] = pipePair(this.#loop, target, `unix#${this.#accepted++}`);
      connector.connected(here);
      accept(there);
    });
    return () => {
      isCancelled = true;
    };
  }
  listen(target: string, _defaultPort: number, accept: (stream: Stream) => void): Promise<Listener> {
    this.#listeners.set(target, accept);
    const close = (): void => void this.#listeners.delete(target);
    return Promise.resolve({ name: target, port: undefined, close });
  }
}

/** A loop on virtual time: `turn` runs what is due, `advance` lets time pass. */
export class VirtualTime {
  readonly loop: Loop;
  readonly clock: Clock;
  readonly #deferred: (() => void)[] = [];
  constructor() {
    this.clock = new Clock({ monotonicMs: () => 0, wallMs: () => 0 });
    this.loop = new Loop(this.clock, { defer: (fn) => void this.#deferred.push(fn), wakeIn: () => {} });
  }
  /** Runs until nothing more is due now. */
  turn(): void {
    for (let i = 0; i < 10_000; i++) {
      this.loop.runTimers();
      const batch = this.#deferred.splice(0);
      if (batch.length === 0) return;
      for (const fn of batch) fn();
    }
    throw new Error('the loop does not come to rest');
  }
  advance(ms: number): void {
    for (const end = this.clock.now() + ms; this.clock.now() < end; ) {
      this.turn();
      const next = Math.min(end, this.loop.nextDeadline());
      this.clock.advance(Math.max(next - this.clock.now(), next === end ? 0 : 0.001));
    }
    this.turn();
  }
}

/** Numbers that repeat from run to run. */
export class SeededRandom implements Random {
  #state: number;
  constructor(seed = 1) {
    this.#state = seed;
  }
  u32(): number {
    this.#state = (Math.imul(this.#state, 1664525) + 1013904223) >>> 0;
    return this.#state;
  }
  bytes(n: number): Uint8Array {
    return Uint8Array.from({ length: n }, () => this.u32() >>> 24);
  }
}
