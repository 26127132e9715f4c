/** A command of ovs-ofctl. */
import type { Ofctl } from './ofctl.ts';

export interface OfctlCommand {
  readonly name: string;
  /** Its arguments, for `list-commands`; undefined for those that only tests use. */
  readonly usage?: string;
  readonly minArgs: number;
  readonly maxArgs: number;
  /** Refused with `--read-only`. */
  readonly writes: boolean;
  run(ofctl: Ofctl, args: readonly string[]): Promise<void>;
}

type Run = OfctlCommand['run'];
type Range = readonly [min: number, max: number];

/** A command that changes nothing. */
export const reads = (
  name: string,
  usage: string | undefined,
  [minArgs, maxArgs]: Range,
  run: Run,
): OfctlCommand => ({
  name,
  ...(usage !== undefined && { usage }),
  minArgs,
  maxArgs,
  writes: false,
  run,
});

/** A command that `--read-only` refuses. */
export const writes = (name: string, usage: string | undefined, range: Range, run: Run): OfctlCommand => ({
  ...reads(name, usage, range, run),
  writes: true,
});
