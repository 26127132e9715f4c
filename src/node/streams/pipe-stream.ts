/**
 * A client's Unix connection straight on libuv's pipe, for command-line tools.
 *
 * Loading node:net takes 11 ms, as long as everything else that a tool does; the binding below it is already in
 * Node's start-up image. It is not a public interface, so {@link connectPipe} reports when it is not as
 * expected, and the caller takes node:net. Daemons do so always.
 */
import { type Stream, type StreamConnector, type StreamEvents, SystemError } from '../../base/host.ts';

interface PipeHandle {
  connect(request: ConnectRequest, path: string): number;
  readStart(): number;
  readStop(): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
  close(): void;
  onread: ((buffer: ArrayBuffer | undefined) => void) | undefined;
}
interface ConnectRequest {
  oncomplete?: (status: number) => void;
}
interface WriteRequest {
  oncomplete?: (status: number) => void;
  handle?: PipeHandle;
  buffer?: Uint8Array;
}
interface PipeBinding {
  readonly Pipe: new (kind: number) => PipeHandle;
  readonly PipeConnectWrap: new () => ConnectRequest;
  readonly constants: { readonly SOCKET: number };
}
interface StreamBinding {
  readonly WriteWrap: new () => WriteRequest;
  readonly streamBaseState: Int32Array;
  readonly kReadBytesOrError: number;
  readonly kArrayBufferOffset: number;
  readonly kLastWriteWasAsync: number;
}

const NO_EVENTS: StreamEvents = { data() {}, close() {} };
const UV_EOF = -4095;
/** Bytes that leave at the latest in one write. */
const MAX_GATHERED = 64 * 1024;

function bindings(): { pipe: PipeBinding; stream: StreamBinding } | undefined {
  try {
    const { binding } = process as unknown as { binding(name: string): unknown };
    const pipe = binding.call(process, 'pipe_wrap') as PipeBinding;
    const stream = binding.call(process, 'stream_wrap') as StreamBinding;
    const usable =
      typeof pipe.Pipe === 'function' &&
      typeof stream.WriteWrap === 'function' &&
      typeof stream.kReadBytesOrError === 'number' &&
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
  #done = false;
  #ending = false;

  constructor(name: string, handle: PipeHandle, stream: StreamBinding) {
    this.name = name;
    this.#handle = handle;
    this.#stream = stream;
    handle.onread = (buffer) => this.#read(buffer);
    handle.readStart();
  }

  #read(buffer: ArrayBuffer | undefined): void {
    if (this.#done) return;
    const state = this.#stream.streamBaseState;
    const n = state[this.#stream.kReadBytesOrError]!;
    if (n > 0 && buffer) this.events.data(new Uint8Array(buffer, state[this.#stream.kArrayBufferOffset]!, n));
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

  #write(bytes: Uint8Array): void {
    const request = new this.#stream.WriteWrap();
    request.handle = this.#handle;
    request.buffer = bytes;
    request.oncomplete = (status) => {
      this.backlog -= bytes.length;
      if (status < 0) this.#fail(status);
      else if (this.backlog === 0) this.#flushed();
    };
    const status = this.#handle.writeBuffer(request, bytes);
    if (status < 0) setImmediate(() => this.#fail(status));
    else if (this.#stream.streamBaseState[this.#stream.kLastWriteWasAsync]) this.backlog += bytes.length;
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
