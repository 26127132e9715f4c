/**
 * Rate limit of packet-ins: a token bucket, and behind it a queue for each port, served in turn, so that one busy
 * port does not silence the others. Bounded: when full, the longest queue loses its oldest.
 *
 * C counterpart: ofproto/pinsched.c.
 */
import type { Random } from '../../base/host.ts';

const DEFAULT_RATE = 1000;
/** Messages released in one run. */
const MAX_BATCH = 50;

export interface PinschedStats {
  readonly queued: number;
  /** Sent without queueing. */
  readonly normal: number;
  /** Put into a queue. */
  readonly limited: number;
  readonly dropped: number;
}

export class Pinsched<T> {
  #perMs = 0;
  #burst = 0;
  #tokens: number;
  #filledMs: number;
  /** By port, in the order in which they are served. */
  readonly #queues = new Map<number, T[]>();
  #queued = 0;
  #normal = 0;
  #limited = 0;
  #dropped = 0;
  readonly #random: Random;

  /** @param rate messages a second @param burst messages at once; 0 for defaults */
  constructor(rate: number, burst: number, nowMs: number, random: Random) {
    this.#random = random;
    this.#filledMs = nowMs;
    this.setLimits(rate, burst);
    this.#tokens = this.#burst;
  }

  get stats(): PinschedStats {
    return { queued: this.#queued, normal: this.#normal, limited: this.#limited, dropped: this.#dropped };
  }

  setLimits(rate: number, burst: number): void {
    const perSecond = rate > 0 ? rate : DEFAULT_RATE;
    this.#perMs = perSecond / 1000;
    this.#burst = Math.max(1, burst > 0 ? burst : Math.floor(perSecond / 4));
    this.#tokens = Math.min(this.#tokens ?? this.#burst, this.#burst);
    while (this.#queued > this.#burst) this.#drop();
  }

  /** Takes a message that came in on `port`. @returns whether the caller may send it at once */
  offer(port: number, message: T, nowMs: number): boolean {
    if (this.#queued === 0 && this.#takeToken(nowMs)) {
      this.#normal++;
      return true;
    }
    if (this.#queued >= this.#burst) this.#drop();
    const queue = this.#queues.get(port);
    if (queue) queue.push(message);
    else this.#queues.set(port, [message]);
    this.#queued++;
    this.#limited++;
    return false;
  }

  /** Hands what may be sent now to `send`. */
  run(nowMs: number, send: (message: T) => void): void {
    for (let i = 0; i < MAX_BATCH && this.#queued > 0 && this.#takeToken(nowMs); i++) send(this.#next());
  }

  deadline(): number {
    if (this.#queued === 0) return Number.POSITIVE_INFINITY;
    return this.#filledMs + Math.max(0, 1 - this.#tokens) / this.#perMs;
  }

  #takeToken(nowMs: number): boolean {
    if (nowMs > this.#filledMs) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#filledMs) * this.#perMs);
      this.#filledMs = nowMs;
    }
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** The oldest of the queue whose turn it is, which then goes to the end of the line. */
  #next(): T {
    const [port, queue] = this.#queues.entries().next().value!;
    const message = queue.shift()!;
    this.#queues.delete(port);
    if (queue.length > 0) this.#queues.set(port, queue);
    this.#queued--;
    return message;
  }

  #drop(): void {
    let longest: [number, T[]] | undefined;
    let ties = 0;
    for (const entry of this.#queues) {
      if (!longest || entry[1].length > longest[1].length) {
        longest = entry;
        ties = 1;
      } else if (entry[1].length === longest[1].length && this.#random.u32() % ++ties === 0) {
        longest = entry;
      }
    }
    if (!longest) return;
    longest[1].shift();
    if (longest[1].length === 0) this.#queues.delete(longest[0]);
    this.#queued--;
    this.#dropped++;
  }
}
