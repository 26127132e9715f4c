/**
 * The ports of a bridge by number and name, and the choice of numbers for new ones.
 *
 * Numbers of deleted ports are not used again before all the others were, so that old flows do not catch the
 * packets of a new port. C counterpart: alloc_ofp_port() of ofproto/ofproto.c.
 */
import { OFPP } from '../flow/ports.ts';
import type { Ofport } from './ofport.ts';

/** Automatic numbers stay below; the upper half is for those who ask for a number. */
const AUTOMATIC_END = 0x8000;
const REUSE_MS = 60 * 60 * 1000;
/** "In use now", as a time of last use. */
const IN_USE = Number.POSITIVE_INFINITY;

export class Ports {
  readonly #byNumber = new Map<number, Ofport>();
  readonly #byName = new Map<string, Ofport>();
  /** When each number that has ever been used was last used. */
  readonly #lastUsed = new Map<number, number>();
  #lastAllocated = 0;
  /** One more than the highest number of a physical port. */
  readonly max: number;

  constructor(max: number) {
    this.max = max;
  }

  get(ofpPort: number): Ofport | undefined {
    return this.#byNumber.get(ofpPort);
  }

  byName(name: string): Ofport | undefined {
    return this.#byName.get(name);
  }

  /** In the order of their addition. */
  all(): IterableIterator<Ofport> {
    return this.#byNumber.values();
  }

  get size(): number {
    return this.#byNumber.size;
  }

  /**
   * Takes a number for a port.
   * @param wanted used if it is a free number of a physical port
   * @returns undefined when there is none left
   */
  allocate(wanted: number | undefined, nowMs: number): number | undefined {
    const port = wanted !== undefined && this.#isFree(wanted) ? wanted : this.#next(nowMs);
    if (port !== undefined) this.#lastUsed.set(port, IN_USE);
    return port;
  }

  #isFree(port: number): boolean {
    return port > 0 && port < this.max && this.#lastUsed.get(port) !== IN_USE;
  }

  #next(nowMs: number): number | undefined {
    const end = Math.min(this.max, AUTOMATIC_END);
    let oldest: number | undefined;
    let oldestUse = IN_USE;
    for (let tries = 1; tries < end; tries++) {
      if (++this.#lastAllocated >= end) this.#lastAllocated = 1;
      const used = this.#lastUsed.get(this.#lastAllocated);
      if (used === undefined || used < nowMs - REUSE_MS) return this.#lastAllocated;
      if (used < oldestUse) {
        oldest = this.#lastAllocated;
        oldestUse = used;
      }
    }
    return oldest;
  }

  add(port: Ofport): void {
    this.#byNumber.set(port.ofpPort, port);
    this.#byName.set(port.name, port);
  }

  remove(port: Ofport, nowMs: number): void {
    this.#byNumber.delete(port.ofpPort);
    this.#byName.delete(port.name);
    this.release(port.ofpPort, nowMs);
  }

  /** Gives back an allocated number. */
  release(ofpPort: number, nowMs: number): void {
    if (ofpPort !== OFPP.LOCAL) this.#lastUsed.set(ofpPort, nowMs);
  }
}
