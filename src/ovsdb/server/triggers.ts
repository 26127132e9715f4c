/**
 * Transactions whose "wait" does not hold yet: they are tried again whenever the database has changed, and a last time
 * when their time is up. C counterpart: ovsdb/trigger.c.
 */
import type { Loop, Timer } from '../../base/loop.ts';
import type { Json } from '../../jsonrpc/json.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { compose, type ExecuteOptions, finishTransaction } from '../transact/execute.ts';
import type { ServedDatabase } from './served.ts';

/** The results of a transaction, and whether the client wants to hear of them only when they are on the disk. */
export type TriggerDone = (results: Json, durable: boolean) => void;

export class Trigger {
  readonly params: Json;
  readonly options: ExecuteOptions;
  readonly done: TriggerDone;
  readonly createdMs: number;
  timer: Timer | undefined;

  constructor(params: Json, options: ExecuteOptions, done: TriggerDone, createdMs: number) {
    this.params = params;
    this.options = options;
    this.done = done;
    this.createdMs = createdMs;
  }
}

export class Triggers {
  readonly #loop: Loop;
  readonly #served: ServedDatabase;
  readonly #waiting = new Set<Trigger>();
  #woken = false;
  #paused = false;

  constructor(loop: Loop, served: ServedDatabase) {
    this.#loop = loop;
    this.#served = served;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Carries out a transaction, at once if it can be done.
   * @returns the trigger if it has to wait
   */
  run(params: Json, options: ExecuteOptions, done: TriggerDone): Trigger | undefined {
    const trigger = new Trigger(params, { ...options, mayWait: true }, done, this.#loop.now());
    if (this.#paused) {
      this.#waiting.add(trigger);
      return trigger;
    }
    return this.#try(trigger, 0) ? undefined : trigger;
  }

  /** Forgets a trigger; it will not be done. */
  cancel(trigger: Trigger): void {
    trigger.timer?.cancel();
    this.#waiting.delete(trigger);
  }

  /** Holds back all transactions, new ones too, until `resume`: the database is about to be replaced. */
  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    this.wake();
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
      for (const trigger of [...this.#waiting]) this.#again(trigger);
    });
  }

  #again(trigger: Trigger): void {
    if (this.#paused || !this.#waiting.delete(trigger)) return;
    trigger.timer?.cancel();
    this.#try(trigger, Math.floor(this.#loop.now() - trigger.createdMs));
  }

  /** @returns whether it is done */
  #try(trigger: Trigger, elapsedMs: number): boolean {
    const composed = compose(this.#served.db, trigger.params, { ...trigger.options, elapsedMs });
    switch (composed.kind) {
      case 'failed':
        trigger.done(composed.results, false);
        return true;
      case 'ready':
        try {
          finishTransaction(composed.txn, composed.durable);
        } catch (error) {
          if (!(error instanceof OvsdbError)) throw error;
          composed.results.push(error.toJson());
          trigger.done(composed.results, false);
          return true;
        }
        trigger.done(composed.results, composed.durable);
        return true;
      case 'waiting': {
        const { timeoutMs } = composed;
        this.#waiting.add(trigger);
        if (Number.isFinite(timeoutMs))
          trigger.timer = this.#loop.at(trigger.createdMs + timeoutMs, () => this.#again(trigger));
        return false;
      }
    }
  }
}
