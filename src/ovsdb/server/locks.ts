/**
 * Locks of RFC 7047 section 4.1.8: each has a line of sessions, the first of which owns it. Here those of one server; a
 * cluster's are in cluster/cluster-locks.ts. C counterpart: ovsdb/server.c.
 */

export type LockMode = 'lock' | 'steal';

/** Told once whether the lock was got at once; `LockHolder.notifyLock` tells the rest. */
export type LockAnswer = (locked: boolean) => void;

/** Who may hold a lock. */
export interface LockHolder {
  /** Its place in the line for each lock that it asked for and has not unlocked. */
  readonly waiters: Map<string, LockWaiter>;
  /** Told that it got a lock that it waited for, or lost one. */
  notifyLock(method: 'locked' | 'stolen', name: string): void;
}

export interface LockWaiter {
  readonly keeper: LockKeeper;
  readonly holder: LockHolder;
  readonly name: string;
  readonly mode: LockMode;
}

export interface LockKeeper {
  /**
   * Queues up, or with 'steal' takes the first place.
   * @param answer called during the call or later, unless the lock is given up before
   */
  lock(holder: LockHolder, name: string, mode: LockMode, answer: LockAnswer): LockWaiter;
  unlock(waiter: LockWaiter): void;
  isOwner(waiter: LockWaiter): boolean;
}

export function ownsLock({ waiters }: LockHolder, name: string): boolean {
  const waiter = waiters.get(name);
  return waiter?.keeper.isOwner(waiter) === true;
}

export function unlockAll({ waiters }: LockHolder): void {
  for (const waiter of [...waiters.values()]) waiter.keeper.unlock(waiter);
}

export class Locks implements LockKeeper {
  readonly #lines = new Map<string, LockWaiter[]>();

  isOwner(waiter: LockWaiter): boolean {
    return this.#lines.get(waiter.name)?.[0] === waiter;
  }

  lock(holder: LockHolder, name: string, mode: LockMode, answer: LockAnswer): LockWaiter {
    const waiter: LockWaiter = { keeper: this, holder, name, mode };
    holder.waiters.set(name, waiter);
    let line = this.#lines.get(name);
    if (!line) this.#lines.set(name, (line = []));
    const victim = line[0];
    if (mode === 'lock') {
      line.push(waiter);
    } else {
      line.unshift(waiter);
      // Who stole it himself does not get it back.
      if (victim?.mode === 'steal') line.splice(1, 1);
      victim?.holder.notifyLock('stolen', name);
    }
    answer(this.isOwner(waiter));
    return waiter;
  }

  unlock(waiter: LockWaiter): void {
    waiter.holder.waiters.delete(waiter.name);
    const line = this.#lines.get(waiter.name) ?? [];
    const place = line.indexOf(waiter);
    // It may have been stolen for good.
    if (place < 0) return;
    line.splice(place, 1);
    if (line.length === 0) this.#lines.delete(waiter.name);
    else if (place === 0) line[0]!.holder.notifyLock('locked', waiter.name);
  }
}
