/**
 * Connections whose events are recorded on the way (`--record`). One event at a time is let through, and what it causes is
 * done before the next: so the recording has it all in an order that a replay can bring about again.
 * C counterpart: the recording parts of lib/stream.c and lib/stream-replay.c.
 */
import { ERRNO } from '../../base/errno.ts';
import type {
  Listener,
  Stream,
  StreamConnector,
  StreamEvents,
  Streams,
  SystemError,
  TlsSettings,
} from '../../base/host.ts';
import type { Loop } from '../../base/loop.ts';
import type { RecordedFile, Recording } from './replay-file.ts';

const NO_EVENTS: StreamEvents = { data() {}, close() {} };
const UTF8 = new TextEncoder();

/** Lets events happen one by one, each when what the last one caused is done. */
class Turns {
  readonly #loop: Loop;
  readonly #waiting: (() => void)[] = [];
  #running = false;
  constructor(loop: Loop) {
    this.#loop = loop;
  }
  add(event: () => void): void {
    this.#waiting.push(event);
    if (!this.#running) this.#next();
  }
  #next(): void {
    this.#running = this.#waiting.length > 0;
    if (!this.#running) return;
    this.#loop.whenIdle(() => {
      this.#waiting.shift()!();
      this.#next();
    });
  }
}

type Incoming =
  | { readonly kind: 'data'; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly error: SystemError | undefined };

class RecordingStream implements Stream {
  readonly name: string;
  readonly local?: { readonly address: string; readonly port: number };
  readonly remote?: { readonly address: string; readonly port: number };
  readonly peerId?: string;
  events: StreamEvents = NO_EVENTS;
  /** What the owner knows of it; it learns of less when that is recorded. */
  backlog = 0;
  /** There once the owner has the stream. */
  file: RecordedFile | undefined;
  readonly #inner: Stream;
  readonly #turns: Turns;
  readonly #incoming: Incoming[] = [];
  #paused = false;
  #done = false;

  constructor(inner: Stream, turns: Turns) {
    this.#inner = inner;
    this.#turns = turns;
    this.name = inner.name;
    if (inner.local) this.local = inner.local;
    if (inner.remote) this.remote = inner.remote;
    if (inner.peerId !== undefined) this.peerId = inner.peerId;
    inner.events = {
      data: (bytes) => this.#arrived({ kind: 'data', bytes: new Uint8Array(bytes) }),
      close: (error) => this.#arrived({ kind: 'close', error }),
      drain: () => turns.add(() => this.#drained()),
    };
  }

  #arrived(incoming: Incoming): void {
    this.#incoming.push(incoming);
    // Until this has been let through, no more is wanted.
    if (incoming.kind === 'data') this.#inner.pause();
    this.#turns.add(() => this.#deliver());
  }

  #deliver(): void {
    if (this.#done || this.#paused) return;
    const incoming = this.#incoming.shift();
    if (!incoming) return;
    if (incoming.kind === 'data') {
      this.file?.read(incoming.bytes);
      this.events.data(incoming.bytes);
      if (this.#incoming.length === 0 && !this.#paused && !this.#done) this.#inner.resume();
      return;
    }
    this.file?.result(-(incoming.error?.errno ?? 0));
    this.#finish();
    this.events.close(incoming.error);
  }

  #drained(): void {
    const taken = this.backlog - this.#inner.backlog;
    if (this.#done || taken <= 0) return;
    this.file?.written(taken);
    this.backlog -= taken;
    if (this.backlog === 0) this.events.drain?.();
  }

  #finish(): void {
    this.#done = true;
    this.file?.close();
  }

  send(bytes: Uint8Array): void {
    if (this.#done) return;
    this.#inner.send(bytes);
    if (this.backlog > 0) {
      this.file?.written(-ERRNO.EAGAIN);
      this.backlog += bytes.length;
      return;
    }
    this.backlog = Math.min(this.#inner.backlog, bytes.length);
    this.file?.written(this.backlog < bytes.length ? bytes.length - this.backlog : -ERRNO.EAGAIN);
  }
  pause(): void {
    this.#paused = true;
    this.#inner.pause();
  }
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (this.#incoming.length === 0) this.#inner.resume();
    else for (const _ of this.#incoming) this.#turns.add(() => this.#deliver());
  }
  close(): void {
    this.#finish();
    this.#inner.close();
  }
  end(): void {
    this.#finish();
    this.#inner.end();
  }
}

export class RecordingStreams implements Streams {
  readonly isRecorded = true;
  readonly #inner: Streams;
  readonly #recording: Recording;
  readonly #turns: Turns;

  constructor(inner: Streams, recording: Recording, loop: Loop) {
    this.#inner = inner;
    this.#recording = recording;
    this.#turns = new Turns(loop);
  }

  configureTls(settings: TlsSettings): void {
    this.#inner.configureTls(settings);
  }

  connect(target: string, defaultPort: number, connector: StreamConnector): () => void {
    let cancelled = false;
    const cancel = this.#inner.connect(target, defaultPort, {
      connected: (inner) => {
        const stream = new RecordingStream(inner, this.#turns);
        this.#turns.add(() => {
          if (cancelled) return stream.close();
          file.result(0);
          stream.file = file;
          connector.connected(stream);
        });
      },
      failed: (error) =>
        this.#turns.add(() => {
          if (cancelled) return;
          file.result(-error.errno);
          file.close();
          connector.failed(error);
        }),
    });
    const file = this.#recording.open(target);
    return () => {
      cancelled = true;
      file.close();
      cancel();
    };
  }

  listen(target: string, defaultPort: number, accept: (stream: Stream) => void): Promise<Listener> {
    const file = this.#recording.open(target);
    let closed = false;
    const accepted = (inner: Stream): void => {
      const stream = new RecordingStream(inner, this.#turns);
      this.#turns.add(() => {
        if (closed) return stream.close();
        file.read(UTF8.encode(stream.name));
        stream.file = this.#recording.open(stream.name);
        stream.file.result(0);
        accept(stream);
      });
    };
    return new Promise((resolve, reject) => {
      this.#inner.listen(target, defaultPort, accepted).then(
        (listener) =>
          this.#turns.add(() => {
            file.result(0);
            resolve({
              name: listener.name,
              port: listener.port,
              close: () => {
                closed = true;
                file.close();
                listener.close();
              },
            });
          }),
        (error: SystemError) =>
          this.#turns.add(() => {
            file.result(-error.errno);
            file.close();
            reject(error);
          }),
      );
    });
  }
}
