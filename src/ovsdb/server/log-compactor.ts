/**
 * Compaction of the file of a database: now and then, and when it is asked for, one that holds just what there is takes
 * the place of the one that tells how it came about. The new one is written in slices between other work; records that
 * are written meanwhile go to both. C counterpart: the snapshots of ovsdb/storage.c.
 */
import type { Host } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import { vlog } from '../../base/vlog.ts';
import type { LogReplacement, OvsdbLog } from '../log.ts';
import type { OvsdbError } from '../ovsdb-error.ts';

const log = vlog('ovsdb');

const MINUTE_MS = 60_000;
/** No compaction sooner than this after the last, plus a random part of the same length. */
const COMPACT_AFTER_MS = 10 * MINUTE_MS;
/** However little happened, once a day. */
const COMPACT_AT_LATEST_MS = 24 * 60 * MINUTE_MS;
/** Records below which compaction does not pay. */
const COMPACT_MIN_RECORDS = 100;
/** How long one slice of a compaction may take. */
const SLICE_MS = 5;

type Done = (error: OvsdbError | undefined) => void;

/** Writes records, and pauses wherever other work may come between. */
export type SnapshotWriter = (to: LogReplacement) => Iterator<void>;

export interface CompactorOptions {
  /** Of the database. */
  readonly name: string;
  /** In the log as it is. */
  readonly records: number;
  /** In one that has just been compacted. */
  readonly recordsOfSnapshot: number;
  /** What a compaction writes. @throws OvsdbError when it cannot be done now */
  readonly snapshot: () => SnapshotWriter;
  /** Calls `start` when the time is right for it; at once if absent. */
  readonly whenReady?: (start: () => void) => void;
  /** Called when the new file has taken the old one's place. */
  readonly replaced?: () => void;
}

export class LogCompactor {
  readonly #host: Host;
  readonly #log: OvsdbLog;
  readonly #options: CompactorOptions;
  #records: number;
  #notBefore = 0;
  #timer: Timer | undefined;
  /** Those who wait for a compaction that runs or is to run. */
  #compacting: Done[] | undefined;
  /** Further replacements of the log, which wait for the one under way. */
  readonly #toReplace: (() => void)[] = [];
  #closed = false;

  constructor(host: Host, ovsdbLog: OvsdbLog, options: CompactorOptions) {
    this.#host = host;
    this.#log = ovsdbLog;
    this.#options = options;
    this.#records = options.records;
    this.#schedule();
  }

  #schedule(): void {
    const { loop, random } = this.#host;
    this.#notBefore = loop.now() + COMPACT_AFTER_MS + (random.u32() % COMPACT_AFTER_MS);
    this.#timer?.cancel();
    this.#timer = loop.after(COMPACT_AT_LATEST_MS, () => this.compact(() => {}));
  }

  /** To be called after each record of a transaction. */
  recorded(): void {
    this.#records++;
    const isDue =
      this.#host.loop.now() >= this.#notBefore && this.#records >= COMPACT_MIN_RECORDS && this.#log.grewLots;
    if (isDue) this.#host.loop.defer(() => this.compact(() => {}));
  }

  /** Replaces the log by one that holds just what there is. */
  compact(done: Done): void {
    if (this.#compacting) {
      this.#compacting.push(done);
      return;
    }
    this.#compacting = [done];
    const { snapshot, whenReady } = this.#options;
    const start = (): void =>
      this.replace(snapshot, (error) => {
        const waiting = this.#compacting!;
        this.#compacting = undefined;
        if (error) log.info(error.message);
        for (const one of waiting) one(error);
      });
    if (whenReady) whenReady(start);
    else start();
  }

  /** Puts what `prepare` has, asked for when its turn comes, in the place of the log. */
  replace(prepare: () => SnapshotWriter, done: Done): void {
    if (this.#closed) return;
    if (this.#log.isBeingReplaced) {
      this.#toReplace.push(() => this.replace(prepare, done));
      return;
    }
    const { loop } = this.#host;
    const started = loop.now();
    const ended = (error: OvsdbError | undefined): void => {
      if (this.#closed) return;
      this.#schedule();
      if (!error) {
        this.#records = this.#options.recordsOfSnapshot;
        this.#options.replaced?.();
      }
      const elapsed = Math.round(loop.now() - started);
      const text = `${this.#options.name}: Database compaction took ${elapsed}ms`;
      if (elapsed > 1000) log.info(text);
      else log.dbg(text);
      done(error);
      this.#toReplace.shift()?.();
    };
    let replacement: LogReplacement;
    let work: Iterator<void>;
    try {
      const write = prepare();
      replacement = this.#log.startReplacement();
      work = write(replacement);
    } catch (error) {
      ended(error as OvsdbError);
      return;
    }
    const slice = (): void => {
      if (this.#closed) return;
      const until = loop.now() + SLICE_MS;
      try {
        do {
          if (work.next().done) {
            replacement.commit(ended);
            return;
          }
        } while (loop.now() < until);
      } catch (error) {
        replacement.abandon();
        ended(error as OvsdbError);
        return;
      }
      loop.defer(slice);
    };
    slice();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }
}
