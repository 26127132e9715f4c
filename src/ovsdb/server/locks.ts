/** Locks of RFC 7047 section 4.1.8: each has a line of sessions, the first of which owns it. C counterpart: ovsdb/server.c. */

/** Who may hold a lock. */
export interface LockHolder {
  /** Its place in the line for each lock that it asked for and has not unlocked. */
  readonly waiters: Map<string, LockWaiter>;
  /** Told that it got a lock that it waited for, or lost one. */
  notifyLock(method: 'locked' | 'stolen', name: string): void;
}

export interface LockWaiter {
  readonly holder: LockHolder;
  readonly name: string;
  readonly mode: 'lock' | 'steal';
  /** False when a lock that had been stolen was stolen again: the waiter is in no line any more. */
  queued: boolean;
}

export class Locks {
  readonly #lines = new Map<string, LockWaiter[]>();

  isOwner(waiter: LockWaiter): boolean {
    return this.#lines.get(waiter.name)?.[0] === waiter;
  }

  /** Whether `holder` owns the lock. */
  owns(holder: LockHolder, name: string): boolean {
    const waiter = holder.waiters.get(name);
    return waiter !== undefined && this.isOwner(waiter);
  }

  /** Queues up, or with 'steal' takes the first place. */
  lock(holder: LockHolder, name: string, mode: 'lock' | 'steal'): LockWaiter {
    const waiter: LockWaiter = { holder, name, mode, queued: true };
    holder.waiters.set(name, waiter);
    let line = this.#lines.get(name);
    if (!line) this.#lines.set(name, (line = []));
    if (mode === 'lock') {
      line.push(waiter);
      return waiter;
    }
    const victim = line[0];
    line.unshift(waiter);
    if (victim) {
      // Who stole it himself does not get it back.
      if (victim.mode === 'steal') {
        line.splice(1, 1);
        victim.queued = false;
      }
      victim.holder.notifyLock('stolen', name);
    }
    return waiter;
  }

  unlock(waiter: LockWaiter): void {
    waiter.holder.waiters.delete(waiter.name);
    if (!waiter.queued) return;
    const line = this.#lines.get(waiter.name)!;
    const wasOwner = line[0] === waiter;
    line.splice(line.indexOf(waiter), 1);
    if (line.length === 0) this.#lines.delete(waiter.name);
    else if (wasOwner) line[0]!.holder.notifyLock('locked', waiter.name);
  }

  unlockAll(holder: LockHolder): void {
    for (const waiter of [...holder.waiters.values()]) this.unlock(waiter);
  }
}
