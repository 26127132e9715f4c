/**
 * Connections of the host: see `Streams` in src/base/host.ts.
 *
 * node:net and node:tls are loaded at first use, for the sake of tools that run for a few milliseconds.
 * C counterpart: lib/stream-*.c.
 */
import fs from 'node:fs';
import {
  type Listener,
  type Stream,
  type StreamConnector,
  type Streams,
  SystemError,
  type TlsSettings,
} from '../../base/host.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { systemCall, toSystemError } from '../system-error.ts';
import { NetStream, peerName } from './net-stream.ts';
import { connectPipe, listenPipe } from './pipe-stream.ts';
import { parseTarget, type Target } from './target.ts';
import type { TlsParameters } from './tls-context.ts';
import type { TlsStreams } from './tls-streams.ts';

const log = vlog('stream');
const socketLog = vlog('socket_util');
const acceptLimit = new RateLimit(5, 5);

type Net = typeof import('node:net');

/** Longest path that fits struct sockaddr_un. */
const MAX_UNIX_PATH = 107;
/** Connections that may wait to be accepted. */
const BACKLOG = 64;

export class NodeStreams implements Streams {
  readonly #rundir: string;
  readonly #quick: boolean;
  /** Whether Unix connections are those of pipe-stream.ts, whose backlog is known a little after one has sent. */
  usesPipes = true;
  /** Numbers accepted Unix connections, as 'unix#N'. */
  #accepted = 0;
  #tlsSettings: TlsSettings = {};
  #tls: Promise<TlsStreams> | undefined;

  /** @param quick take the short cut of pipe-stream.ts, for processes that live for milliseconds */
  constructor(rundir: string, quick: boolean) {
    this.#rundir = rundir;
    this.#quick = quick;
  }

  configureTls(settings: TlsSettings): void {
    const given = Object.entries(settings).filter(([, value]) => value !== undefined);
    if (given.length === 0) return;
    this.#tlsSettings = { ...this.#tlsSettings, ...Object.fromEntries(given) };
    // What is wrong with them should be in a daemon's log early; a tool may not need them at all.
    if (this.#tls || !this.#quick) void this.#loadTls().then((tls) => tls.configure(this.#tlsSettings));
  }

  #loadTls(): Promise<TlsStreams> {
    this.#tls ??= import('./tls-streams.ts').then(({ TlsStreams }) => {
      const tls = new TlsStreams();
      tls.configure(this.#tlsSettings);
      return tls;
    });
    return this.#tls;
  }

  /**
   * What TLS connections of other protocols are to be made with; undefined if nothing is configured.
   * @throws SystemError ENOPROTOOPT, with the reasons in the log, when not enough is
   */
  async tlsParameters(): Promise<TlsParameters | undefined> {
    if (Object.keys(this.#tlsSettings).length === 0) return undefined;
    return (await this.#loadTls()).parameters();
  }

  connect(name: string, defaultPort: number, connector: StreamConnector): () => void {
    const target = parseTarget(name, defaultPort, this.#rundir);
    if (target.passive) throw new SystemError('EAFNOSUPPORT');
    if (this.#quick && this.usesPipes && target.kind === 'unix' && target.path.length <= MAX_UNIX_PATH) {
      const cancel = connectPipe(name, target.path, connector);
      if (cancel) return cancel;
    }
    let cancel = (): void => {
      cancelled = true;
    };
    let cancelled = false;
    if (target.kind === 'ssl') {
      void this.#loadTls().then((tls) => {
        if (!cancelled) cancel = tls.connect(name, target, connector);
      });
    } else {
      void import('node:net').then((net) => {
        if (!cancelled) cancel = connectNet(net, name, target, connector);
      });
    }
    return () => cancel();
  }

  async listen(name: string, defaultPort: number, accept: (stream: Stream) => void): Promise<Listener> {
    const target = parseTarget(name, defaultPort, this.#rundir);
    if (!target.passive) throw new SystemError('EAFNOSUPPORT');
    const acceptFailed = (error: SystemError): void =>
      log.warnRl(acceptLimit, `${name}: accept: ${error.message}`);
    if (target.kind === 'unix') {
      makeRoomFor(target.path);
      const close =
        this.usesPipes &&
        listenPipe(
          target.path,
          BACKLOG,
          (stream) => accept(stream(`unix#${this.#accepted++}`)),
          acceptFailed,
        );
      if (close) return { name, port: undefined, close };
    }
    const net = await import('node:net');
    const server = net.createServer({ allowHalfOpen: false, noDelay: true });
    const acceptor = target.kind === 'ssl' ? (await this.#loadTls()).acceptor(name, accept) : undefined;
    server.on('connection', (socket) => {
      if (acceptor) return acceptor.take(socket);
      const remote = target.kind === 'unix' ? `unix#${this.#accepted++}` : peerName('tcp', socket);
      accept(new NetStream(remote, socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(toSystemError(error)));
      if (target.kind === 'unix') {
        server.listen({ path: target.path, backlog: BACKLOG }, resolve);
      } else {
        server.listen({ port: target.port, host: target.host || '0.0.0.0', backlog: BACKLOG }, resolve);
      }
    });
    // accept(2) failed for one connection (out of descriptors, say): the others go on.
    server.on('error', (error) => acceptFailed(toSystemError(error)));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : undefined;
    // Who asked for any port has to be told which.
    if (target.kind !== 'unix' && target.port === 0)
      socketLog.info(`${name.replace(/^p\w+:/, '')}: listening on port ${port}`);
    return {
      name: target.kind !== 'unix' && target.port === 0 ? name.replace(/^(p\w+):\d*/, `$1:${port}`) : name,
      port,
      close: () => {
        server.close();
        acceptor?.close();
      },
    };
  }
}

/** Removes a socket that was left by a process that died: it would make the bind fail. @throws SystemError */
function makeRoomFor(path: string): void {
  if (path.length > MAX_UNIX_PATH) throw new SystemError('ENAMETOOLONG');
  systemCall(() => {
    if (fs.lstatSync(path, { throwIfNoEntry: false })) fs.unlinkSync(path);
  });
}

function connectNet(net: Net, name: string, target: Target, connector: StreamConnector): () => void {
  if (target.kind === 'unix' && target.path.length > MAX_UNIX_PATH) {
    queueMicrotask(() => connector.failed(new SystemError('ENAMETOOLONG')));
    return () => {};
  }
  const socket =
    target.kind === 'unix'
      ? net.connect({ path: target.path })
      : net.connect({ host: target.host, port: target.port, noDelay: true, autoSelectFamily: false });
  const failed = (error: Error): void => connector.failed(toSystemError(error));
  socket.once('error', failed);
  socket.once('connect', () => {
    socket.off('error', failed);
    connector.connected(new NetStream(name, socket));
  });
  return () => socket.destroy();
}
