/**
 * Transactions that are not over at once: those whose "wait" does not hold yet are tried again whenever the database has
 * changed, and a last time when their time is up; others wait for what their service model makes of them.
 * C counterpart: ovsdb/trigger.c.
 */
import type { Loop, Timer } from '../../base/loop.ts';
import type { Json } from '../../jsonrpc/json.ts';
import { compose, type ExecuteOptions } from '../transact/execute.ts';
import type { ServedDatabase } from './served.ts';
import type { Batching, CommitOutcome, Outcome } from './service-model.ts';

export class Trigger {
  readonly params: Json;
  readonly options: ExecuteOptions;
  readonly done: (outcome: Outcome) => void;
  /** Called when it is found that its "wait" does not hold. */
  readonly onWaiting: (() => void) | undefined;
  readonly createdMs: number;
  /** Among all of the database: they are tried in this order. */
  readonly order: number;
  timer: Timer | undefined;
  /** Whether it has looked at the database. */
  isBegun = false;
  /** Whether its "wait" does not hold. */
  isWaiting = false;
  /** While it is being committed: gives that up. */
  cancelCommit: (() => void) | undefined;

  constructor(
    params: Json,
    options: ExecuteOptions,
    done: (outcome: Outcome) => void,
    onWaiting: (() => void) | undefined,
    createdMs: number,
    order: number,
  ) {
    this.params = params;
    this.options = options;
    this.done = done;
    this.onWaiting = onWaiting;
    this.createdMs = createdMs;
    this.order = order;
  }
}

export class Triggers {
  readonly #loop: Loop;
  readonly #served: ServedDatabase;
  /** Those that are to be composed again. */
  readonly #waiting = new Set<Trigger>();
  #woken = false;
  #nextOrder = 0;
  #paused = false;
  readonly #afterPause: (() => void)[] = [];

  constructor(loop: Loop, served: ServedDatabase) {
    this.#loop = loop;
    this.#served = served;
  }

  get #batching(): Batching | undefined {
    return this.#served.model.batching;
  }

  /** Lets all that is committed meanwhile go together. */
  #batch(run: () => void): void {
    const batching = this.#batching;
    batching?.begin();
    run();
    batching?.end();
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Carries out a transaction, at once if it can be done.
   * @param onWaiting called each time that it is found to wait for a condition
   * @returns the trigger if it can still be cancelled
   */
  run(
    params: Json,
    options: ExecuteOptions,
    done: (outcome: Outcome) => void,
    onWaiting?: () => void,
  ): Trigger | undefined {
    const trigger = new Trigger(
      params,
      { ...options, mayWait: true },
      done,
      onWaiting,
      this.#loop.now(),
      this.#nextOrder++,
    );
    if (this.#paused || this.#batching?.isBusy) {
      this.#waiting.add(trigger);
      return trigger;
    }
    let isDone = false;
    this.#batch(() => {
      isDone = this.#try(trigger, 0);
    });
    return isDone ? undefined : trigger;
  }

  /** Forgets a trigger; it will not be done. */
  cancel(trigger: Trigger): void {
    trigger.timer?.cancel();
    this.#waiting.delete(trigger);
    trigger.cancelCommit?.();
  }

  /** Holds back all transactions, new ones too, until `resume`: the database is about to be replaced. */
  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    for (
      let next = this.#afterPause.shift();
      next;
      next = this.#paused ? undefined : this.#afterPause.shift()
    )
      next();
    this.wake();
  }
  /** Calls `fn` when no replacement of the database is under way, which may begin one. */
  afterPause(fn: () => void): void {
    if (this.#paused) this.#afterPause.push(fn);
    else fn();
  }
  get isPaused(): boolean {
    return this.#paused;
  }

  /** Tries all of them soon. */
  wake(): void {
    if (this.#woken || this.#waiting.size === 0) return;
    this.#woken = true;
    this.#loop.defer(() => {
      this.#woken = false;
      const waiting = [...this.#waiting].sort((a, b) => a.order - b.order);
      this.#batch(() => {
        for (const trigger of waiting) this.#again(trigger);
      });
    });
  }

  #again(trigger: Trigger): void {
    if (this.#paused || this.#batching?.isBusy || !this.#waiting.delete(trigger)) return;
    trigger.timer?.cancel();
    this.#try(trigger, Math.floor(this.#loop.now() - trigger.createdMs));
  }

  /** @returns whether there is nothing to cancel any more */
  #try(trigger: Trigger, elapsedMs: number): boolean {
    const { db, model } = this.#served;
    trigger.isBegun = true;
    trigger.isWaiting = false;
    const composed = compose(db, trigger.params, trigger.options, elapsedMs);
    switch (composed.kind) {
      case 'failed':
        return this.#finish(trigger, { kind: 'results', results: composed.results });
      case 'waiting': {
        const { timeoutMs } = composed;
        trigger.isWaiting = true;
        this.#waiting.add(trigger);
        trigger.onWaiting?.();
        if (Number.isFinite(timeoutMs))
          trigger.timer = this.#loop.at(trigger.createdMs + timeoutMs, () =>
            this.#batch(() => this.#again(trigger)),
          );
        return false;
      }
      case 'ready':
        if (!composed.writes) {
          composed.txn.abort();
          return this.#finish(trigger, { kind: 'results', results: composed.results });
        }
        trigger.cancelCommit = model.commit(trigger.params, composed, (outcome) =>
          this.#committed(trigger, outcome),
        );
        return !trigger.cancelCommit && !this.#waiting.has(trigger);
    }
  }

  /** @returns as `#try` */
  #finish(trigger: Trigger, outcome: Outcome): boolean {
    const batching = this.#batching;
    if (!batching?.isOpen) {
      trigger.done(outcome);
      return true;
    }
    trigger.cancelCommit = batching.hold(outcome, (final) => this.#committed(trigger, final));
    return false;
  }

  #committed(trigger: Trigger, outcome: CommitOutcome): void {
    trigger.cancelCommit = undefined;
    if (outcome.kind !== 'retry') {
      trigger.done(outcome);
      return;
    }
    trigger.isBegun = false;
    this.#waiting.add(trigger);
  }
}
