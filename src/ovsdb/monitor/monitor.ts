/**
 * One client's view on a database: what it wants to hear of and what it has not been told yet.
 * Texts are shared with all clients that want the same without conditions. C counterpart: ovsdb/monitor.c.
 */
import { type Uuid, ZERO_UUID } from '../../base/uuid.ts';
import type { Database } from '../database.ts';
import type { ChangeSet, ChangeTracker } from './change-set.ts';
import type { TransactionHistory } from './history.ts';
import type { Conditions, MonitorSpec } from './request.ts';
import { changesText, conditionChangeText, initialText, type MonitorVersion } from './update.ts';

/** What a database offers to monitors. */
export interface Monitorable {
  readonly db: Database;
  readonly tracker: ChangeTracker;
  readonly history: TransactionHistory;
}

const cached = (
  texts: Map<string, string | undefined>,
  key: string,
  compose: () => string | undefined,
): string | undefined => {
  if (!texts.has(key)) texts.set(key, compose());
  return texts.get(key);
};

export class Monitor {
  readonly version: MonitorVersion;
  readonly #source: Monitorable;
  readonly spec: MonitorSpec;
  #conditions: Conditions;
  #untold: ChangeSet;

  constructor(source: Monitorable, version: MonitorVersion, spec: MonitorSpec, conditions: Conditions) {
    this.#source = source;
    this.version = version;
    this.spec = spec;
    this.#conditions = conditions;
    this.#untold = source.tracker.track();
  }

  get #key(): string {
    return `${this.version === 1 ? 1 : 2};${this.spec.key}`;
  }
  /** Whether the client sees all rows, and so the same as others. */
  get #isPlain(): boolean {
    for (const condition of this.#conditions.values()) if (!condition.isTrue) return false;
    return true;
  }

  /** Of the last transaction that the client has heard of after `initial` or `takeUpdate`. */
  get lastId(): Uuid {
    return this.#source.history.lastId;
  }

  /** The JSON text for the answer to the request for the monitor. */
  initial(): string {
    const compose = (): string | undefined => initialText(this.spec, this.version, this.#conditions);
    const { initialTexts } = this.#source.tracker;
    return (this.#isPlain ? cached(initialTexts, this.#key, compose) : compose()) ?? '{}';
  }

  /** What changed after transaction `id`; undefined if that is not known any more. */
  since(id: Uuid): string | undefined {
    const set = id === ZERO_UUID ? undefined : this.#source.history.changesAfter(id);
    return set && (changesText(this.spec, this.version, this.#conditions, set) ?? '{}');
  }

  /** The JSON text of all that the client has not been told, which counts as told then; undefined for nothing. */
  takeUpdate(): string | undefined {
    const set = this.#untold;
    if (set.isEmpty) return undefined;
    const compose = (): string | undefined => changesText(this.spec, this.version, this.#conditions, set);
    const text = this.#isPlain ? cached(set.texts, this.#key, compose) : compose();
    const { tracker } = this.#source;
    tracker.release(set);
    this.#untold = tracker.track();
    return text;
  }

  get hasUntold(): boolean {
    return !this.#untold.isEmpty;
  }

  get conditions(): Conditions {
    return this.#conditions;
  }

  /** Replaces the conditions; all changes must have been told before. @returns the difference, undefined for none */
  changeConditions(conditions: Conditions): string | undefined {
    const text = conditionChangeText(this.spec, this.version, this.#conditions, conditions);
    this.#conditions = conditions;
    return text;
  }

  close(): void {
    this.#source.tracker.release(this.#untold);
  }
}
