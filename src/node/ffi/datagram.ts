/**
 * Datagrams to a Unix socket or over UDP, sent at once: node:dgram knows no Unix sockets, and sends only when the event
 * loop gets to it, which is too late for what a program logs as it ends.
 *
 * The C library is reached when the first socket is opened; until then this module costs nothing, and whoever imports
 * it does not have to wait. Nothing here blocks: what the receiver has no room for is lost, as datagrams may be.
 */
import type ffi from 'node:ffi';
import { ERRNO } from '../../base/errno.ts';

export type DatagramTarget =
  | { readonly path: string }
  | { readonly family: 4 | 6; readonly address: Uint8Array; readonly port: number };

const AF_UNIX = 1;
const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 0x8_0002;
const MSG_DONTWAIT_NOSIGNAL = 0x4040;
const MAX_PATH_BYTES = 108;

function loadLibc() {
  const module = process.getBuiltinModule('node:ffi') as typeof ffi;
  const functions = new module.DynamicLibrary('libc.so.6').getFunctions({
    socket: { return: 'int32', arguments: ['int32', 'int32', 'int32'] },
    connect: { return: 'int32', arguments: ['int32', 'pointer', 'uint32'] },
    send: { return: 'int32', arguments: ['int32', 'pointer', 'uint32', 'int32'] },
    close: { return: 'int32', arguments: ['int32'] },
    __errno_location: { return: 'pointer', arguments: [] },
  });
  const errno = new Int32Array(module.toArrayBuffer(functions.__errno_location(), 4, false));
  return { ...functions, errno, pointerTo: (memory: ArrayBuffer): bigint => module.getRawPointer(memory) };
}

let libc: ReturnType<typeof loadLibc> | undefined;

function sockaddr(target: DatagramTarget): { family: number; bytes: Uint8Array<ArrayBuffer> } {
  if ('path' in target) {
    const path = new TextEncoder().encode(target.path);
    const bytes = new Uint8Array(new ArrayBuffer(2 + path.length + 1));
    bytes[0] = AF_UNIX;
    bytes.set(path, 2);
    return { family: AF_UNIX, bytes };
  }
  const family = target.family === 4 ? AF_INET : AF_INET6;
  const bytes = new Uint8Array(new ArrayBuffer(target.family === 4 ? 16 : 28));
  bytes[0] = family;
  bytes[2] = target.port >>> 8;
  bytes[3] = target.port;
  bytes.set(target.address, target.family === 4 ? 4 : 8);
  return { family, bytes };
}

/** A connected socket. */
export class DatagramSocket {
  readonly #fd: number;
  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** @returns undefined if nobody receives there */
  static open(target: DatagramTarget): DatagramSocket | undefined {
    libc ??= loadLibc();
    const { family, bytes } = sockaddr(target);
    if (family === AF_UNIX && bytes.length > 2 + MAX_PATH_BYTES) return undefined;
    const fd = libc.socket(family, SOCK_DGRAM_CLOEXEC, 0);
    if (fd < 0) return undefined;
    if (libc.connect(fd, libc.pointerTo(bytes.buffer), bytes.length) === 0) return new DatagramSocket(fd);
    libc.close(fd);
    return undefined;
  }

  /** @returns 0 or a positive errno; EAGAIN for a receiver without room */
  send(bytes: Uint8Array): number {
    const memory = new ArrayBuffer(bytes.length);
    new Uint8Array(memory).set(bytes);
    if (libc!.send(this.#fd, libc!.pointerTo(memory), bytes.length, MSG_DONTWAIT_NOSIGNAL) >= 0) return 0;
    return libc!.errno[0] || ERRNO.EIO;
  }

  close(): void {
    libc!.close(this.#fd);
  }
}
