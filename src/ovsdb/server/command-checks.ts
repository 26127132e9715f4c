/** What management commands have in common. */
import { UnixctlError } from '../../base/unixctl.ts';
import type { ServerProgram } from './program.ts';

/** @throws UnixctlError with the message of an error meant for the user */
export function userError<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throwUserError(error);
  }
}

/** @throws UnixctlError likewise */
export function throwUserError(error: unknown): never {
  if (error instanceof Error) throw new UnixctlError(error.message);
  throw error;
}

/** @throws UnixctlError if the configuration is in a file and so not to be changed by commands */
export function refuseIfConfigFile({ settings: { configFile } }: ServerProgram): void {
  if (configFile !== undefined)
    throw new UnixctlError(`Update the ${configFile} and use ovsdb-server/reload instead`);
}
