/**
 * The accepting side of TLS. A connection costs little until its peer has sent something, at most
 * {@link MAX_HANDSHAKES} are kept whose handshake is not done, each for a limited time, and a further one takes the place
 * of the oldest: peers that connect and say nothing do not keep others out.
 */
import type { Socket } from 'node:net';
import tls from 'node:tls';
import { type Stream, SystemError } from '../../base/host.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { peerName } from './net-stream.ts';
import type { TlsContext, TlsParameters } from './tls-context.ts';
import { isUnverified, logHandshakeError } from './tls-error.ts';
import { tlsStream } from './tls-stream.ts';

const log = vlog('stream_ssl');
const contentLimit = new RateLimit(5, 5);
const acceptLimit = new RateLimit(5, 5);
/** Where the C programs tell of all connections that are lost. */
const dropLog = vlog('reconnect');
const dropLimit = new RateLimit(10, 25);

const MAX_HANDSHAKES = 256;
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What is spoken in plain where TLS should be, by the first two bytes. */
function plainContent(head: Uint8Array): string | undefined {
  if (head[0] === 0x7b && head[1] === 0x22) return 'JSON-RPC';
  return head[0] === 1 && head[1] === 0 ? 'OpenFlow' : undefined;
}

/** The server that the client asked for. Node's types do not have it. */
function serverNameOf(socket: tls.TLSSocket): string | undefined {
  const { servername } = socket as { servername?: unknown };
  return typeof servername === 'string' ? servername : undefined;
}

export class TlsAcceptor {
  readonly #context: TlsContext;
  readonly #listener: string;
  readonly #accept: (stream: Stream) => void;
  /** Connections whose handshake is not done, oldest first, by the peer's name. */
  readonly #handshakes = new Map<string, Socket>();
  /** Does handshakes with {@link #parameters}; it listens to nothing itself. */
  #server: tls.Server | undefined;
  #parameters: TlsParameters | undefined;

  constructor(context: TlsContext, listener: string, accept: (stream: Stream) => void) {
    this.#context = context;
    this.#listener = listener;
    this.#accept = accept;
  }

  /** Takes a connection that was just accepted. */
  take(socket: Socket): void {
    const name = peerName('ssl', socket);
    socket.on('error', () => socket.destroy());
    let server: tls.Server;
    try {
      server = this.#current();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log.warnRl(acceptLimit, `${this.#listener}: accept failed: ${error.message}`);
      socket.destroy();
      return;
    }
    if (this.#handshakes.size >= MAX_HANDSHAKES) {
      const [oldest] = this.#handshakes.values();
      oldest!.destroy();
    }
    this.#handshakes.set(name, socket);
    let content: string | undefined;
    socket.once('close', () => {
      if (this.#handshakes.get(name) === socket) {
        this.#handshakes.delete(name);
        dropLog.warnRl(dropLimit, `${name}: connection dropped (Protocol error)`);
      }
      if (content !== undefined)
        log.warnRl(contentLimit, `${name}: received ${content} data on SSL/TLS channel`);
    });
    socket.setTimeout(HANDSHAKE_TIMEOUT_MS, () => socket.destroy());
    socket.once('data', (bytes: Uint8Array) => {
      content = plainContent(bytes);
      socket.setTimeout(0);
      socket.pause();
      socket.unshift(bytes);
      server.emit('connection', socket);
    });
  }

  /** Drops the connections whose handshake is not done. */
  close(): void {
    const sockets = [...this.#handshakes.values()];
    this.#handshakes.clear();
    for (const socket of sockets) socket.destroy();
  }

  #current(): tls.Server {
    const parameters = this.#context.parameters();
    if (this.#server && parameters === this.#parameters) return this.#server;
    this.#parameters = parameters;
    const server = tls.createServer({
      ...parameters.secure,
      requestCert: parameters.verifies,
      rejectUnauthorized: parameters.verifies,
      handshakeTimeout: HANDSHAKE_TIMEOUT_MS,
    });
    server.on('secureConnection', (socket) => {
      const name = peerName('ssl', socket);
      this.#handshakes.delete(name);
      this.#accept(tlsStream(name, socket, serverNameOf(socket)));
    });
    server.on('tlsClientError', (error, socket) => {
      logHandshakeError('SSL_accept', error, isUnverified(socket));
      socket.destroy();
    });
    this.#server = server;
    return server;
  }
}
