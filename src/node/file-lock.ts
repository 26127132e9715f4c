/**
 * POSIX record locks (fcntl F_SETLK), which the C tools use on pidfiles and database files; Node has no call
 * for them, so they go through the C library.
 */
import ffi from 'node:ffi';
import { SystemError } from '../base/host.ts';

const F_GETLK = 5;
const F_SETLK = 6;
const F_RDLCK = 0;
const F_WRLCK = 1;
const F_UNLCK = 2;
/** struct flock: type, whence (16 bits each), start and len (64), pid (32). */
const FLOCK_BYTES = 32;

const { functions } = ffi.dlopen('libc.so.6', {
  fcntl: { return: 'int32', arguments: ['int32', 'int32', 'pointer'] },
  __errno_location: { return: 'pointer', arguments: [] },
});

function call(fd: number, command: number, type: number): DataView {
  const flock = new DataView(new ArrayBuffer(FLOCK_BYTES));
  flock.setInt16(0, type, true);
  const result = functions.fcntl(fd, command, ffi.getRawPointer(flock.buffer));
  if (Number(result) < 0) {
    const errno = new Int32Array(ffi.toArrayBuffer(functions.__errno_location() as bigint, 4, false))[0]!;
    throw new SystemError(errno);
  }
  return flock;
}

/** Takes an exclusive lock on the whole file, without waiting.
 * @throws SystemError EAGAIN or EACCES when another process has one */
export function lockExclusive(fd: number): void {
  call(fd, F_SETLK, F_WRLCK);
}

/** The process that holds a lock on the file, or undefined. */
export function lockHolder(fd: number): number | undefined {
  const flock = call(fd, F_GETLK, F_RDLCK);
  if (flock.getInt16(0, true) === F_UNLCK) return undefined;
  return flock.getInt32(24, true);
}
