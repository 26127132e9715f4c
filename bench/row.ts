/** A line of the benchmark's result: ours and the C implementation's figure from the same run. */

export interface Row {
  readonly group: string;
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** Undefined where the C implementation has no counterpart. */
  readonly theirs: number | undefined;
  /** Above 1 means that ours is better. */
  readonly ratio: number | undefined;
}

export interface BenchOptions {
  /** Runs of each side; the median counts. */
  readonly runs: number;
  /** Smaller loads, for a quick look. */
  readonly quick: boolean;
  /** Only measurements whose name matches, in groups that can leave some out. */
  readonly only: RegExp;
}

/** A benchmark group: a module of this folder exports one as `run`. */
export type Group = (options: BenchOptions) => Promise<Row[]> | AsyncIterable<Row>;

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Measures both sides in turn, `runs` times, so that a change of the machine's speed meets both.
 * @param higherIsBetter false for durations
 */
export async function paired(
  group: string,
  name: string,
  unit: string,
  higherIsBetter: boolean,
  runs: number,
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<Row> {
  const a: number[] = [];
  const b: number[] = [];
  for (let i = 0; i < runs; i++) {
    a.push(await ours());
    b.push(await theirs());
  }
  const ratios = a.map((x, i) => (higherIsBetter ? x / b[i]! : b[i]! / x));
  return { group, name, unit, ours: median(a), theirs: median(b), ratio: median(ratios) };
}
