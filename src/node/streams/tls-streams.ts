/**
 * TLS connections, on node:tls. Both sides show a certificate, and each must be signed by the authority that the other
 * trusts; whose name is in it is not compared with anything. A connection is handed over once that is settled.
 * C counterpart: lib/stream-ssl.c.
 */
import net from 'node:net';
import tls from 'node:tls';
import { type Stream, type StreamConnector, SystemError, type TlsSettings } from '../../base/host.ts';
import { vlog } from '../../base/vlog.ts';
import { toSystemError } from '../system-error.ts';
import { TlsAcceptor } from './tls-acceptor.ts';
import { bootstrapAuthority } from './tls-bootstrap.ts';
import { TlsContext, type TlsParameters } from './tls-context.ts';
import { isUnverified, logHandshakeError } from './tls-error.ts';
import { tlsStream } from './tls-stream.ts';

const log = vlog('stream_ssl');

export class TlsStreams {
  readonly #context = new TlsContext();

  configure(settings: TlsSettings): void {
    this.#context.configure(settings);
  }

  /** As `TlsContext.parameters`. */
  parameters(): TlsParameters {
    return this.#context.parameters();
  }

  /** Connects as `Streams.connect` does. */
  connect(
    name: string,
    { host, port }: { host: string; port: number },
    connector: StreamConnector,
  ): () => void {
    let parameters: TlsParameters;
    try {
      parameters = this.#context.parameters();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      queueMicrotask(() => connector.failed(error));
      return () => {};
    }
    const { context, verifies, bootstrapTo } = parameters;
    const serverName = this.#context.serverName ?? (net.isIP(host) ? undefined : host);
    const plain = net.connect({ host, port, noDelay: true, autoSelectFamily: false });
    let socket: tls.TLSSocket | undefined;
    let done = false;
    const fail = (error: SystemError): void => {
      if (done) return;
      done = true;
      (socket ?? plain).destroy();
      connector.failed(error);
    };
    plain.once('error', (error) => fail(toSystemError(error)));
    plain.once('connect', () => {
      plain.removeAllListeners('error');
      const secured = tls.connect({
        socket: plain,
        secureContext: context,
        rejectUnauthorized: verifies && bootstrapTo === undefined,
        checkServerIdentity: () => undefined,
        ...(serverName === undefined ? {} : { servername: serverName }),
      });
      socket = secured;
      const failed = (error: Error): void =>
        fail(logHandshakeError('SSL_connect', error, isUnverified(secured)));
      secured.once('error', failed);
      secured.once('secureConnect', () => {
        if (done) return;
        if (bootstrapTo !== undefined) return fail(this.#bootstrap(secured, bootstrapTo));
        done = true;
        secured.off('error', failed);
        connector.connected(tlsStream(name, secured, serverName));
      });
    });
    return () => {
      done = true;
      (socket ?? plain).destroy();
    };
  }

  #bootstrap(socket: tls.TLSSocket, file: string): SystemError {
    let now: TlsParameters | undefined;
    try {
      now = this.#context.parameters();
    } catch {
      // What is missing is in the log.
    }
    if (now?.bootstrapTo === undefined) {
      log.info('rejecting SSL/TLS connection during bootstrap race window');
      return new SystemError('EPROTO');
    }
    const error = bootstrapAuthority(socket.getPeerX509Certificate(), file);
    this.#context.refresh();
    return error;
  }

  /** What takes the connections that a listener accepts. */
  acceptor(listener: string, accept: (stream: Stream) => void): TlsAcceptor {
    return new TlsAcceptor(this.#context, listener, accept);
  }
}
