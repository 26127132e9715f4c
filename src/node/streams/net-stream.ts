/** A `Stream` over a socket of node:net or node:tls (tcp, unix and ssl, accepted or connected). */
import type { Socket } from 'node:net';
import type { Stream, StreamEvents, SystemError } from '../../base/host.ts';
import { toSystemError } from '../system-error.ts';

const NO_EVENTS: StreamEvents = { data() {}, close() {} };

/** 'tcp:IP:PORT' of an accepted connection. */
export function peerName(scheme: string, { remoteAddress = '?', remotePort }: Socket): string {
  const address = remoteAddress.includes(':') ? `[${remoteAddress}]` : remoteAddress;
  return `${scheme}:${address}:${remotePort}`;
}

export interface NetStreamOptions {
  /** Makes the stream's error of the socket's. */
  readonly toError?: (error: Error) => SystemError;
  readonly peerId?: string | undefined;
}

export class NetStream implements Stream {
  readonly name: string;
  readonly local?: { readonly address: string; readonly port: number };
  readonly remote?: { readonly address: string; readonly port: number };
  readonly peerId?: string;
  events: StreamEvents = NO_EVENTS;
  readonly #socket: Socket;
  #done = false;
  /** The kernel has not taken everything: `drain` is owed. */
  #behind = false;

  constructor(name: string, socket: Socket, { toError = toSystemError, peerId }: NetStreamOptions = {}) {
    this.name = name;
    if (peerId !== undefined) this.peerId = peerId;
    this.#socket = socket;
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    if (localAddress !== undefined && localPort !== undefined)
      this.local = { address: localAddress, port: localPort };
    if (remoteAddress !== undefined && remotePort !== undefined)
      this.remote = { address: remoteAddress, port: remotePort };
    let error: SystemError | undefined;
    socket.on('data', (bytes: Uint8Array) => {
      if (!this.#done) this.events.data(bytes);
    });
    socket.on('error', (e) => {
      error = toError(e);
    });
    // The peer's end of file ends the stream as a whole, as in the C implementation.
    socket.on('end', () => this.#closed(undefined));
    socket.on('close', () => this.#closed(error));
  }

  get backlog(): number {
    return this.#socket.writableLength;
  }
  send(bytes: Uint8Array): void {
    this.#write(bytes);
  }
  sendText(text: string): void {
    this.#write(text);
  }

  #write(data: Uint8Array | string): void {
    if (this.#done) return;
    this.#socket.write(data);
    if (this.#socket.writableLength > 0 && !this.#behind) this.#watchDrain();
  }

  /** The socket's own event comes only after the backlog has passed its high-water mark, so a mark of ours follows. */
  #watchDrain(): void {
    this.#behind = true;
    this.#socket.write('', () => {
      if (this.#done) return;
      if (this.#socket.writableLength > 0) {
        this.#watchDrain();
        return;
      }
      this.#behind = false;
      this.events.drain?.();
    });
  }
  pause(): void {
    this.#socket.pause();
  }
  resume(): void {
    if (!this.#done) this.#socket.resume();
  }
  close(): void {
    this.#done = true;
    this.#socket.destroy();
  }
  end(): void {
    this.#done = true;
    this.#socket.end(() => this.#socket.destroy());
  }

  #closed(error: SystemError | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.#socket.destroy();
    this.events.close(error);
  }
}
