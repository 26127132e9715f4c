/**
 * Packets of a dummy device over a stream: each is its length in two bytes and the frame. With `options:stream` the
 * device connects, again and again; with `options:pstream` it listens, and every peer gets every packet.
 *
 * A peer that does not read has its packets dropped beyond {@link MAX_BACKLOG_BYTES}.
 * C counterpart: struct dummy_packet_conn of lib/netdev-dummy.c.
 */
import type { Host, Listener, Stream } from '../../base/host.ts';
import { SystemError } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import { vlog } from '../../base/vlog.ts';

const log = vlog('netdev_dummy');

const MIN_FRAME_BYTES = 14;
const MAX_BACKLOG_BYTES = 256 * 1024;
const MIN_BACKOFF_MS = 1000;
const MAX_BACKOFF_MS = 8000;

type Receive = (frame: Uint8Array) => void;

/** Cuts a byte stream into frames. */
export class FrameParser {
  readonly #receive: Receive;
  #pending: Uint8Array = new Uint8Array(0);

  constructor(receive: Receive) {
    this.#receive = receive;
  }

  /** @returns false when the peer does not keep to the format */
  push(bytes: Uint8Array): boolean {
    const all = new Uint8Array(this.#pending.length + bytes.length);
    all.set(this.#pending);
    all.set(bytes, this.#pending.length);
    let at = 0;
    while (at + 2 <= all.length) {
      const length = (all[at]! << 8) | all[at + 1]!;
      if (length < MIN_FRAME_BYTES) return false;
      if (at + 2 + length > all.length) break;
      this.#receive(all.slice(at + 2, at + 2 + length));
      at += 2 + length;
    }
    this.#pending = all.slice(at);
    return true;
  }
}

function send(stream: Stream, frame: Uint8Array): void {
  if (stream.backlog > MAX_BACKLOG_BYTES) return;
  const message = new Uint8Array(2 + frame.length);
  message[0] = frame.length >> 8;
  message[1] = frame.length;
  message.set(frame, 2);
  stream.send(message);
}

export type ConnectionState = 'connected' | 'disconnected' | 'unknown';

export interface PacketConnection {
  /** As it was configured. */
  readonly target: string;
  readonly state: ConnectionState;
  send(frame: Uint8Array): void;
  close(): void;
}

/** Listens on a passive target. */
export class PassivePacketConnection implements PacketConnection {
  readonly target: string;
  readonly state = 'unknown';
  readonly #peers = new Set<Stream>();
  #listener: Listener | undefined;
  #closed = false;

  constructor(host: Host, target: string, receive: Receive) {
    this.target = target;
    host.streams
      .listen(target, 0, (stream) => this.#accept(stream, receive))
      .then(
        (listener) => {
          if (this.#closed) listener.close();
          else this.#listener = listener;
        },
        (error: unknown) => {
          if (!(error instanceof SystemError)) throw error;
          log.warn(`${target}: open failed (${error.message})`);
        },
      );
  }

  send(frame: Uint8Array): void {
    for (const peer of this.#peers) send(peer, frame);
  }

  close(): void {
    this.#closed = true;
    this.#listener?.close();
    for (const peer of this.#peers) peer.close();
    this.#peers.clear();
  }

  #accept(stream: Stream, receive: Receive): void {
    const parser = new FrameParser(receive);
    this.#peers.add(stream);
    stream.events = {
      data: (bytes) => {
        if (parser.push(bytes)) return;
        this.#peers.delete(stream);
        stream.close();
      },
      close: () => this.#peers.delete(stream),
    };
  }
}

/** Connects to an active target and stays connected. */
export class ActivePacketConnection implements PacketConnection {
  readonly target: string;
  readonly #host: Host;
  readonly #receive: Receive;
  #stream: Stream | undefined;
  #cancel: (() => void) | undefined;
  #timer: Timer | undefined;
  #backoffMs = MIN_BACKOFF_MS;

  constructor(host: Host, target: string, receive: Receive) {
    this.target = target;
    this.#host = host;
    this.#receive = receive;
    this.#connect();
  }

  get state(): ConnectionState {
    return this.#stream ? 'connected' : 'disconnected';
  }

  send(frame: Uint8Array): void {
    if (this.#stream) send(this.#stream, frame);
  }

  close(): void {
    this.#timer?.cancel();
    this.#cancel?.();
    this.#stream?.close();
    this.#stream = undefined;
  }

  #connect(): void {
    this.#timer = undefined;
    try {
      this.#cancel = this.#host.streams.connect(this.target, 0, {
        connected: (stream) => this.#connected(stream),
        failed: () => this.#retry(),
      });
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log.warn(`${this.target}: connection attempt failed (${error.message})`);
    }
  }

  #connected(stream: Stream): void {
    this.#cancel = undefined;
    this.#backoffMs = MIN_BACKOFF_MS;
    this.#stream = stream;
    const parser = new FrameParser(this.#receive);
    stream.events = {
      data: (bytes) => {
        if (parser.push(bytes)) return;
        stream.close();
        this.#retry();
      },
      close: () => this.#retry(),
    };
  }

  #retry(): void {
    this.#cancel = undefined;
    this.#stream = undefined;
    this.#timer = this.#host.loop.after(this.#backoffMs, () => this.#connect());
    this.#backoffMs = Math.min(this.#backoffMs * 2, MAX_BACKOFF_MS);
  }
}
