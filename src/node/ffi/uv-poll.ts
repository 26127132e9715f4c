/**
 * Readiness of any file descriptor in Node's event loop: libuv's own uv_poll_t, reached through `node:ffi`.
 *
 * Node has no public way to wait for a packet socket, a tap or a netlink socket; `net.Socket` refuses them. The
 * callback that libuv makes through ffi must do next to nothing: microtasks do not run after it and an exception
 * in it would abort the process. So it only arms `setImmediate`, once, and the work happens there.
 *
 * One callback serves all handles (closures for C are never freed); which one fired is found by its address.
 */
import ffi from 'node:ffi';
import { SystemError } from '../../base/host.ts';
import { takeSocketError } from './libc.ts';

const UV_POLL = 8;
const UV_READABLE = 1;
const RESTART_MS = 50;

const library = new ffi.DynamicLibrary(null);
const uv = library.getFunctions({
  uv_handle_size: { return: 'uint64', arguments: ['int32'] },
  uv_poll_init: { return: 'int32', arguments: ['pointer', 'pointer', 'int32'] },
  uv_poll_start: { return: 'int32', arguments: ['pointer', 'int32', 'pointer'] },
  uv_close: { return: 'void', arguments: ['pointer', 'pointer'] },
  uv_ref: { return: 'void', arguments: ['pointer'] },
  uv_unref: { return: 'void', arguments: ['pointer'] },
  malloc: { return: 'pointer', arguments: ['uint64'] },
  free: { return: 'void', arguments: ['pointer'] },
});

const polls = new Map<bigint, UvPoll>();

const onEvent = library.registerCallback(
  { return: 'void', arguments: ['pointer', 'int32', 'int32'] },
  (handle, status) => polls.get(handle as bigint)?.fired(status),
);
const onClosed = library.registerCallback({ return: 'void', arguments: ['pointer'] }, (handle) => {
  uv.free(handle);
});

/** Waits for a descriptor to become readable, again and again, until `close`. */
export class UvPoll {
  readonly #handle: bigint;
  readonly #work: () => void;
  #armed = false;
  #stopped = false;
  #closed = false;

  /** @param work runs in the event loop after the descriptor became readable; it need not drain it */
  constructor(fd: number, work: () => void) {
    this.#handle = uv.malloc(uv.uv_handle_size(UV_POLL));
    this.#work = () => {
      this.#armed = false;
      if (this.#closed) return;
      if (this.#stopped) this.#restart(fd);
      work();
    };
    const status = uv.uv_poll_init(ffi.getCurrentEventLoop(), this.#handle, fd);
    if (status < 0) {
      uv.free(this.#handle);
      throw new SystemError(-status);
    }
    polls.set(this.#handle, this);
    const started = uv.uv_poll_start(this.#handle, UV_READABLE, onEvent);
    if (started < 0) {
      this.close();
      throw new SystemError(-started);
    }
  }

  /** For this module's callback alone. libuv stops a handle that reports an error (a device that went down). */
  fired(status: number): void {
    if (status < 0) this.#stopped = true;
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(this.#work);
  }

  /** Takes the pending error from the socket and waits again: later, in case the error stays. */
  #restart(fd: number): void {
    this.#stopped = false;
    takeSocketError(fd);
    setTimeout(() => {
      if (!this.#closed) uv.uv_poll_start(this.#handle, UV_READABLE, onEvent);
    }, RESTART_MS).unref();
  }

  /** Whether waiting keeps the process alive (it does unless told otherwise). */
  ref(keepsAlive: boolean): void {
    if (this.#closed) return;
    if (keepsAlive) uv.uv_ref(this.#handle);
    else uv.uv_unref(this.#handle);
  }

  /** Stops waiting. Must be called before the descriptor is closed. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    polls.delete(this.#handle);
    uv.uv_close(this.#handle, onClosed);
  }
}

// A thread that ends with an open handle aborts the process.
process.on('exit', () => {
  for (const handle of polls.keys()) uv.uv_close(handle, 0n);
});
