/**
 * The C library's calls that Node has no binding for, through the built-in `node:ffi`.
 *
 * Import this module lazily (`await import`): it prints Node's warning for an experimental feature, and programs
 * that need no device must start without it. How a function is declared decides what a call costs: up to three
 * arguments take V8's fast path (30 to 130 ns); with four and more one pointer must be declared as 'function',
 * which selects the shared-buffer path (180 ns) over the generic one (400 ns). Pointers are bigints that were made
 * once: passing a Buffer leaks handles in a synchronous loop.
 * C counterpart: the system calls in lib/netdev-linux.c, lib/netlink-socket.c.
 */
import ffi from 'node:ffi';
import { SystemError } from '../../base/host.ts';

const library = new ffi.DynamicLibrary('libc.so.6');

export const libc = library.getFunctions({
  socket: { return: 'int32', arguments: ['int32', 'int32', 'int32'] },
  bind: { return: 'int32', arguments: ['int32', 'pointer', 'uint32'] },
  connect: { return: 'int32', arguments: ['int32', 'pointer', 'uint32'] },
  close: { return: 'int32', arguments: ['int32'] },
  open: { return: 'int32', arguments: ['pointer', 'int32', 'uint32'] },
  ioctl: { return: 'int32', arguments: ['int32', 'uint64', 'pointer'] },
  fcntl: { return: 'int32', arguments: ['int32', 'int32', 'int64'] },
  setsockopt: { return: 'int32', arguments: ['int32', 'int32', 'int32', 'function', 'uint32'] },
  getsockopt: { return: 'int32', arguments: ['int32', 'int32', 'int32', 'function', 'pointer'] },
  getsockname: { return: 'int32', arguments: ['int32', 'pointer', 'pointer'] },
  send: { return: 'int32', arguments: ['int32', 'function', 'uint32', 'int32'] },
  recv: { return: 'int32', arguments: ['int32', 'function', 'uint32', 'int32'] },
  recvmsg: { return: 'int32', arguments: ['int32', 'pointer', 'int32'] },
  sendmmsg: { return: 'int32', arguments: ['int32', 'function', 'uint32', 'int32'] },
  recvmmsg: { return: 'int32', arguments: ['int32', 'function', 'uint32', 'int32', 'pointer'] },
  readv: { return: 'int32', arguments: ['int32', 'pointer', 'int32'] },
  writev: { return: 'int32', arguments: ['int32', 'pointer', 'int32'] },
  poll: { return: 'int32', arguments: ['pointer', 'uint64', 'int32'] },
  mmap: { return: 'pointer', arguments: ['pointer', 'uint64', 'int32', 'int32', 'int32', 'int64'] },
  munmap: { return: 'int32', arguments: ['pointer', 'uint64'] },
  mlockall: { return: 'int32', arguments: ['int32'] },
  setns: { return: 'int32', arguments: ['int32', 'int32'] },
  __errno_location: { return: 'pointer', arguments: [] },
});

/** This thread's errno. Node calls the C library too, so read it right after the call that failed. */
const errnoCell = new Int32Array(ffi.toArrayBuffer(libc.__errno_location(), 4, false));
export const errno = (): number => errnoCell[0]!;

/** Turns the result of a failed call into an exception. @throws SystemError */
export function check(result: number): number {
  if (result < 0) throw new SystemError(errno());
  return result;
}

/** Memory of a fixed address, as the kernel and as this program see it. */
export interface Pinned {
  readonly pointer: bigint;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

/** Zeroed memory that never moves. The caller must keep the result for as long as the kernel uses the memory. */
export function pin(size: number): Pinned {
  const memory = new ArrayBuffer(size);
  return { pointer: ffi.getRawPointer(memory), bytes: new Uint8Array(memory), view: new DataView(memory) };
}

/** The memory at `pointer`, seen in place. */
export const memoryAt = (pointer: bigint, size: number): ArrayBuffer =>
  ffi.toArrayBuffer(pointer, size, false);

/** A pinned, NUL-terminated string. */
export function pinString(text: string): Pinned {
  const bytes = new TextEncoder().encode(text);
  const pinned = pin(bytes.length + 1);
  pinned.bytes.set(bytes);
  return pinned;
}

/** Sets a socket option made of 32-bit words. @throws SystemError */
export function setOption(fd: number, level: number, option: number, ...words: number[]): void {
  const value = pin(words.length * 4);
  for (const [i, word] of words.entries()) value.view.setInt32(i * 4, word, true);
  check(libc.setsockopt(fd, level, option, value.pointer, words.length * 4));
}

const optionValue = pin(8);

/** Reads and clears a socket's pending error: a positive errno or 0. */
export function takeSocketError(fd: number): number {
  const SOL_SOCKET = 1;
  const SO_ERROR = 4;
  optionValue.view.setInt32(4, 4, true);
  if (libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, optionValue.pointer, optionValue.pointer + 4n) < 0)
    return errno();
  return optionValue.view.getInt32(0, true);
}

/** Opens a file of the system, such as /dev/net/tun. @throws SystemError */
export const openFile = (path: string, flags: number): number =>
  check(libc.open(pinString(path).pointer, flags, 0));

/** Keeps the process's pages in memory from when they are first used. @throws SystemError */
export function lockMemory(): void {
  const MCL_CURRENT_FUTURE_ONFAULT = 7;
  check(libc.mlockall(MCL_CURRENT_FUTURE_ONFAULT));
}

/** Moves this thread into a network namespace made by `ip netns add`. For benchmarks and tests. @throws SystemError */
export function enterNetworkNamespace(name: string): void {
  const CLONE_NEWNET = 0x4000_0000;
  const fd = openFile(`/var/run/netns/${name}`, 0);
  try {
    check(libc.setns(fd, CLONE_NEWNET));
  } finally {
    libc.close(fd);
  }
}
