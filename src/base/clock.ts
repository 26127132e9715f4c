/**
 * Time for everything outside the host: a monotonic clock in milliseconds that can be stopped and moved by
 * hand (`time/stop`, `time/warp`), so that every timeout in the system can be tested, and the wall clock.
 *
 * Nobody but the host reads the machine's clock; core code gets its time from a {@link Clock}.
 * C counterpart: lib/timeval.c.
 */

/** Where time comes from. Both values are in milliseconds and may have a fraction. */
export interface TimeSource {
  /** Never goes backwards; its zero is arbitrary. */
  monotonicMs(): number;
  /** Since 1970-01-01T00:00:00Z. */
  wallMs(): number;
}

export class Clock {
  readonly #source: TimeSource;
  /** The monotonic source's value when the clock was stopped; undefined while it runs. */
  #stoppedAt: number | undefined;
  /** How far `advance` has moved this clock ahead of the source. */
  #offset = 0;

  constructor(source: TimeSource) {
    this.#source = source;
  }

  /** Monotonic milliseconds. */
  now(): number {
    return (this.#stoppedAt ?? this.#source.monotonicMs()) + this.#offset;
  }

  /** Wall-clock milliseconds since the epoch. Stopping and warping do not touch it. */
  wallNow(): number {
    return this.#source.wallMs();
  }

  get stopped(): boolean {
    return this.#stoppedAt !== undefined;
  }

  /** Freezes the clock for good, at a whole millisecond: from now on only `warp` moves it. */
  stop(): void {
    this.#stoppedAt ??= Math.ceil(this.#source.monotonicMs());
  }

  /** Moves the clock forward by `ms` at once. */
  advance(ms: number): void {
    if (!(ms >= 0)) throw new RangeError(`cannot warp by ${ms} ms`);
    this.#offset += ms;
  }
}
