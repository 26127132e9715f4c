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
} from '../../base/host.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { toSystemError } from '../system-error.ts';
import { NetStream } from './net-stream.ts';
import { connectPipe } from './pipe-stream.ts';
import { parseTarget, type Target } from './target.ts';

const log = vlog('stream');
const acceptLimit = new RateLimit(5, 5);

type Net = typeof import('node:net');

/** Longest path that fits struct sockaddr_un. */
const MAX_UNIX_PATH = 107;

export class NodeStreams implements Streams {
  readonly #rundir: string;
  readonly #quick: boolean;
  /** Numbers accepted Unix connections, as 'unix#N'. */
  #accepted = 0;

  /** @param quick take the short cut of pipe-stream.ts, for processes that live for milliseconds */
  constructor(rundir: string, quick: boolean) {
    this.#rundir = rundir;
    this.#quick = quick;
  }

  connect(name: string, defaultPort: number, connector: StreamConnector): () => void {
    const target = parseTarget(name, defaultPort, this.#rundir);
    if (target.passive || target.kind === 'ssl') throw new SystemError('EAFNOSUPPORT');
    if (this.#quick && target.kind === 'unix' && target.path.length <= MAX_UNIX_PATH) {
      const cancel = connectPipe(name, target.path, connector);
      if (cancel) return cancel;
    }
    let cancel = (): void => {
      cancelled = true;
    };
    let cancelled = false;
    void import('node:net').then((net) => {
      if (cancelled) return;
      cancel = connectNet(net, name, target, connector);
    });
    return () => cancel();
  }

  async listen(name: string, defaultPort: number, accept: (stream: Stream) => void): Promise<Listener> {
    const target = parseTarget(name, defaultPort, this.#rundir);
    if (!target.passive || target.kind === 'ssl') throw new SystemError('EAFNOSUPPORT');
    const net = await import('node:net');
    const server = net.createServer({ allowHalfOpen: false, noDelay: true });
    server.on('connection', (socket) => {
      const remote =
        target.kind === 'unix'
          ? `unix#${this.#accepted++}`
          : `tcp:${bracket(socket.remoteAddress ?? '?')}:${socket.remotePort}`;
      accept(new NetStream(remote, socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(toSystemError(error)));
      if (target.kind === 'unix') {
        if (target.path.length > MAX_UNIX_PATH) return reject(new SystemError('ENAMETOOLONG'));
        try {
          // A socket left by a process that died would make the bind fail.
          if (fs.lstatSync(target.path, { throwIfNoEntry: false })) fs.unlinkSync(target.path);
        } catch (error) {
          return reject(toSystemError(error));
        }
        server.listen({ path: target.path, backlog: 64 }, resolve);
      } else {
        server.listen({ port: target.port, host: target.host || '0.0.0.0', backlog: 64 }, resolve);
      }
    });
    // accept(2) failed for one connection (out of descriptors, say): the others go on.
    server.on('error', (error) =>
      log.warnRl(acceptLimit, `${name}: accept: ${toSystemError(error).message}`),
    );
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : undefined;
    return {
      name: target.kind === 'tcp' && target.port === 0 ? name.replace(/^ptcp:\d*/, `ptcp:${port}`) : name,
      port,
      close: () => {
        server.close();
      },
    };
  }
}

const bracket = (address: string): string => (address.includes(':') ? `[${address}]` : address);

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
