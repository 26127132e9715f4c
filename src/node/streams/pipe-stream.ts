/**
 * Unix connections straight on libuv's pipe, without node:net: those of command-line tools, and those that a daemon
 * accepts.
 *
 * Loading node:net takes 11 ms, as long as everything else that a tool does; the binding below it is already in Node's
 * start-up image. A daemon's sockets need a buffer for each read, where all connections here share one, and an eighth of
 * the time of a small database transaction. The binding is not a public interface, so the functions below report when it
 * is not as expected, and the caller takes node:net.
 */
import { type Stream, type StreamConnector, type StreamEvents, SystemError } from '../../base/host.ts';

interface PipeHandle {
  bind(path: string): number;
  listen(backlog: number): number;
  connect(request: ConnectRequest, path: string): number;
  /** Has all reads put their bytes there; the handler is then given no buffer. */
  useUserBuffer(buffer: Uint8Array): void;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  writeUtf8String(request: WriteRequest, text: string): number;
  close(): void;
  onread: (() => void) | undefined;
  onconnection: ((status: number, accepted: PipeHandle) => void) | undefined;
}
interface ConnectRequest {
  oncomplete?: (status: number) => void;
}
interface WriteRequest {
  oncomplete?: (status: number) => void;
  handle?: PipeHandle;
  data?: Uint8Array | string;
}
interface PipeBinding {
  readonly Pipe: new (kind: number) => PipeHandle;
  readonly PipeConnectWrap: new () => ConnectRequest;
  readonly constants: { readonly SOCKET: number; readonly SERVER: number };
}
interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kBytesWritten: number;
  readonly kLastWriteWasAsync: number;
}

const NO_EVENTS: StreamEvents = { data() {}, close() {} };
const UV_EOF = -4095;
/** Bytes that leave at the latest in one write. */
const MAX_GATHERED = 64 * 1024;
/** What arrives is there until its receiver has returned, and no connection is read before that. */
const arrived = new Uint8Array(64 * 1024);

function bindings(): { pipe: PipeBinding; stream: StreamBinding } | undefined {
  try {
    const { binding } = process as unknown as { binding(name: string): unknown };
    const pipe = binding.call(process, 'pipe_wrap') as PipeBinding;
    const stream = binding.call(process, 'stream_wrap') as StreamBinding;
    const usable =
      typeof pipe.Pipe === 'function' &&
      typeof stream.WriteWrap === 'function' &&
      typeof pipe.Pipe.prototype.useUserBuffer === 'function' &&
      typeof stream.kReadBytesOrError === 'number' &&
      typeof stream.kBytesWritten === 'number' &&
      typeof stream.kLastWriteWasAsync === 'number';
    return usable ? { pipe, stream } : undefined;
  } catch {
    return undefined;
  }
}

/** What is sent in one turn leaves in few writes: a system call costs more than most messages. */
class PipeStream implements Stream {
  readonly name: string;
  events: StreamEvents = NO_EVENTS;
  backlog = 0;
  readonly #handle: PipeHandle;
  readonly #stream: StreamBinding;
  readonly #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  /** Serves for all writes that the kernel takes at once. */
  #request: WriteRequest | undefined;
  #done = false;
  #ending = false;

  constructor(name: string, handle: PipeHandle, stream: StreamBinding) {
    this.name = name;
    this.#handle = handle;
    this.#stream = stream;
    handle.onread = () => this.#read();
    handle.useUserBuffer(arrived);
    handle.readStart();
  }

  #read(): void {
    if (this.#done) return;
    const n = this.#stream.streamBaseState[this.#stream.kReadBytesOrError]!;
    if (n > 0) this.events.data(arrived.subarray(0, n));
    else if (n < 0) this.#fail(n);
  }

  #fail(status: number): void {
    if (this.#done) return;
    this.close();
    this.events.close(status === UV_EOF ? undefined : new SystemError(-status));
  }

  send(bytes: Uint8Array): void {
    if (this.#done || bytes.length === 0) return;
    if (this.#gathered.length === 0) queueMicrotask(() => this.#flush());
    this.#gathered.push(bytes);
    this.#gatheredBytes += bytes.length;
    if (this.#gatheredBytes >= MAX_GATHERED) this.#flush();
  }

  /** Writes what was gathered. */
  #flush(): void {
    const n = this.#gathered.length;
    if (n === 0) return;
    const bytes = n === 1 ? this.#gathered[0]! : concatenate(this.#gathered, this.#gatheredBytes);
    this.#gathered.length = 0;
    this.#gatheredBytes = 0;
    this.#write(bytes);
  }

  sendText(text: string): void {
    if (this.#done || text === '') return;
    this.#flush();
    this.#write(text);
  }

  #write(data: Uint8Array | string): void {
    const { WriteWrap, streamBaseState, kBytesWritten, kLastWriteWasAsync } = this.#stream;
    this.#request ??= new WriteWrap();
    const request = this.#request;
    const status =
      typeof data === 'string'
        ? this.#handle.writeUtf8String(request, data)
        : this.#handle.writeBuffer(request, data);
    if (status < 0) {
      setImmediate(() => this.#fail(status));
    } else if (streamBaseState[kLastWriteWasAsync]) {
      const bytes = streamBaseState[kBytesWritten]!;
      this.backlog += bytes;
      this.#request = undefined;
      request.handle = this.#handle;
      request.data = data;
      request.oncomplete = (result) => {
        this.backlog -= bytes;
        if (result < 0) this.#fail(result);
        else if (this.backlog === 0) this.#flushed();
      };
    }
  }

  #flushed(): void {
    if (this.#ending) this.#handle.close();
    else if (!this.#done) this.events.drain?.();
  }

  pause(): void {
    this.#handle.readStop();
  }
  resume(): void {
    if (!this.#done) this.#handle.readStart();
  }
  close(): void {
    if (this.#done) return;
    this.#flush();
    this.#done = true;
    this.#handle.close();
  }
  end(): void {
    if (this.#done) return;
    this.#flush();
    if (this.backlog === 0) {
      this.close();
      return;
    }
    this.#done = true;
    this.#ending = true;
  }
}

function concatenate(parts: readonly Uint8Array[], length: number): Uint8Array {
  const all = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Connects to a socket file. @returns the function that cancels, or undefined when Node has no such binding */
export function connectPipe(
  name: string,
  path: string,
  connector: StreamConnector,
): (() => void) | undefined {
  const found = bindings();
  if (!found) return undefined;
  const handle = new found.pipe.Pipe(found.pipe.constants.SOCKET);
  const request = new found.pipe.PipeConnectWrap();
  let cancelled = false;
  const complete = (status: number): void => {
    if (cancelled) return;
    if (status < 0) {
      handle.close();
      connector.failed(new SystemError(-status));
    } else connector.connected(new PipeStream(name, handle, found.stream));
  };
  request.oncomplete = complete;
  const status = handle.connect(request, path);
  if (status < 0) setImmediate(() => complete(status));
  return () => {
    cancelled = true;
    handle.close();
  };
}

/**
 * Listens on a socket file, which must not exist.
 * @param accept gets each connection
 * @param failed told when one could not be accepted
 * @returns what ends it; undefined when Node has no such binding
 * @throws SystemError
 */
export function listenPipe(
  path: string,
  backlog: number,
  accept: (stream: (name: string) => Stream) => void,
  failed: (error: SystemError) => void,
): (() => void) | undefined {
  const found = bindings();
  if (!found) return undefined;
  const handle = new found.pipe.Pipe(found.pipe.constants.SERVER);
  handle.onconnection = (status, accepted) => {
    if (status < 0) failed(new SystemError(-status));
    else accept((name) => new PipeStream(name, accepted, found.stream));
  };
  const status = handle.bind(path) || handle.listen(backlog);
  if (status < 0) {
    handle.close();
    throw new SystemError(-status);
  }
  return () => handle.close();
}
