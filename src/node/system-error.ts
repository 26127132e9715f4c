/** Turns the errors of Node's own modules into {@link SystemError}s. */

import { ERRNO } from '../base/errno.ts';
import { SystemError } from '../base/host.ts';

/** The same failure as a SystemError; what is no system error is thrown on. */
export function toSystemError(error: unknown): SystemError {
  if (error instanceof SystemError) return error;
  const { errno, code } = error as NodeJS.ErrnoException;
  if (code !== undefined && code in ERRNO) return new SystemError(code as keyof typeof ERRNO);
  if (code === 'ENOTFOUND' || code?.startsWith('EAI_')) return new SystemError('ENOENT');
  if (typeof errno === 'number' && errno < 0) return new SystemError(-errno);
  throw error;
}

/** Runs a call of a Node module. @throws SystemError */
export function systemCall<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw toSystemError(error);
  }
}
