/** Reads the process id in a pidfile. */
import { type Storage, SystemError } from '../base/host.ts';

/** @throws SystemError; ENOENT without the file, EINVAL when it has no number, ESRCH when it is stale */
export function readPidfile(storage: Storage, file: string): number {
  const text = new TextDecoder().decode(storage.read(file)).trim();
  if (!/^[1-9]\d*$/.test(text)) throw new SystemError('EINVAL');
  return Number(text);
}
