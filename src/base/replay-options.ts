/** The options of programs that can record what happens on their connections, and replay it. */
import type { OptionSpec } from './getopt.ts';

export const REPLAY_OPTIONS = {
  record: { long: 'record', arg: 'optional' },
  replay: { long: 'replay', arg: 'optional' },
} as const satisfies Record<string, OptionSpec>;

export const REPLAY_USAGE = `
Replay options:
  --record[=DIR]            turn on writing replay files
  --replay[=DIR]            run from replay files
`;
