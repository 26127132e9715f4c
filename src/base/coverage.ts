/**
 * Event counters with rates over 5 seconds, a minute and an hour: `coverage/show`, `coverage/read-counter`.
 *
 * A counter is made once at import and is one addition to bump. {@link coverageRun} must be called every
 * {@link COVERAGE_INTERVAL_MS}. State is per process. C counterpart: lib/coverage.c.
 */
export const COVERAGE_INTERVAL_MS = 5000;
/** 5-second intervals in a minute, minutes in an hour. */
const MINUTE_SLOTS = 12;
const HOUR_SLOTS = 60;

export class CoverageCounter {
  readonly name: string;
  total = 0;
  #seen = 0;
  readonly minute = new Float64Array(MINUTE_SLOTS);
  readonly hour = new Float64Array(HOUR_SLOTS);

  constructor(name: string) {
    this.name = name;
  }
  inc(): void {
    this.total++;
  }
  add(n: number): void {
    this.total += n;
  }
  /** Moves what came since the last call into the rate tables. */
  roll(slot: number): void {
    const delta = this.total - this.#seen;
    this.#seen = this.total;
    this.minute[slot % MINUTE_SLOTS] = delta;
    const minute = Math.floor(slot / MINUTE_SLOTS) % HOUR_SLOTS;
    this.hour[minute] = (slot % MINUTE_SLOTS === 0 ? 0 : this.hour[minute]!) + delta;
  }
}

const counters = new Map<string, CoverageCounter>();
let slot = 0;

/** The counter of that name, made at first use. */
export function coverage(name: string): CoverageCounter {
  let counter = counters.get(name);
  if (!counter) counters.set(name, (counter = new CoverageCounter(name)));
  return counter;
}

/** Closes one interval. */
export function coverageRun(): void {
  for (const counter of counters.values()) counter.roll(slot);
  slot++;
}

const sum = (values: Float64Array): number => values.reduce((a, b) => a + b, 0);

/** The counter of that name, if there is one. */
export const findCoverage = (name: string): CoverageCounter | undefined => counters.get(name);

/** The reply of `coverage/show`. */
export function coverageText(): string {
  const used = [...counters.values()].filter((c) => c.total > 0).sort((a, b) => (a.name < b.name ? -1 : 1));
  let hash = 0;
  for (const c of used) for (const ch of c.name) hash = (Math.imul(hash, 31) + ch.charCodeAt(0)) >>> 0;
  const last = (slot + MINUTE_SLOTS - 1) % MINUTE_SLOTS;
  const lines = used.map(
    (c) =>
      `${c.name.padEnd(24)} ${((c.minute[last]! * 1000) / COVERAGE_INTERVAL_MS).toFixed(1).padStart(5)}/sec ` +
      `${(sum(c.minute) / 60).toFixed(3).padStart(9)}/sec ${(sum(c.hour) / 3600).toFixed(4).padStart(13)}/sec   ` +
      `total: ${c.total}\n`,
  );
  return (
    `Event coverage, avg rate over last: ${COVERAGE_INTERVAL_MS / 1000} seconds, last minute, last hour,  ` +
    `hash=${hash.toString(16).padStart(8, '0')}:\n${lines.join('')}${counters.size - used.length} events never hit\n`
  );
}
