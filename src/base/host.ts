/**
 * What core code needs from the world, as interfaces. `src/node` implements them on Linux, `src/sim` for
 * simulations; nothing below this file knows which. Network devices and datapaths have their own seams in
 * `src/datapath/`.
 */
import { ERRNO, type ErrnoName, errnoCode, strerror } from './errno.ts';
import type { Loop } from './loop.ts';

export interface Host {
  readonly loop: Loop;
  readonly random: Random;
  readonly streams: Streams;
  readonly http: Http;
  readonly storage: Storage;
  readonly dirs: Directories;
  /** The most memory that the process has had so far, where that is known. */
  peakResidentKb?(): number;
}

/** The directories that OVS_RUNDIR, OVS_LOGDIR, OVS_DBDIR, OVS_SYSCONFDIR and OVS_PKGDATADIR name. */
export interface Directories {
  readonly run: string;
  readonly log: string;
  readonly db: string;
  readonly sysconf: string;
  readonly pkgdata: string;
}

export interface Random {
  /** Uniform in 0 .. 2**32 - 1. */
  u32(): number;
  /** `n` random bytes. */
  bytes(n: number): Uint8Array;
}

/** A failed operation of the host. The message is strerror's text, e.g. 'Connection refused'. */
export class SystemError extends Error {
  /** Positive errno, e.g. 111. */
  readonly errno: number;
  /** Its name, e.g. 'ECONNREFUSED'. */
  readonly code: string;
  constructor(errno: number | ErrnoName) {
    const n = typeof errno === 'number' ? errno : ERRNO[errno];
    super(strerror(n));
    this.name = 'SystemError';
    this.errno = n;
    this.code = errnoCode(n);
  }
}

/** Events of an open stream. `close` comes exactly once, unless the owner closed it itself. */
export interface StreamEvents {
  /** Bytes arrived. The array belongs to the receiver only until the handler returns. */
  data(bytes: Uint8Array): void;
  /** The stream ended: `undefined` for an orderly end of file. */
  close(error: SystemError | undefined): void;
  /** `backlog` fell to 0 after it had been positive. */
  drain?(): void;
}

/** A connected byte stream (tcp, unix, ssl). */
export interface Stream {
  /** As the C tools name it: 'unix:PATH', 'tcp:1.2.3.4:6640', for an accepted one 'unix#3' or 'tcp:IP:PORT'. */
  readonly name: string;
  /** Local and remote IP address and port where the transport has them. */
  readonly local?: { readonly address: string; readonly port: number };
  readonly remote?: { readonly address: string; readonly port: number };
  /** Common name in the certificate of a peer that TLS has verified. */
  readonly peerId?: string;
  /** Bytes accepted by `send` that the kernel has not taken yet. The owner must bound it. */
  readonly backlog: number;
  /** Must be set in the turn in which the stream was handed over. */
  events: StreamEvents;
  /** Queues bytes; the array must not be changed afterwards. */
  send(bytes: Uint8Array): void;
  /**
   * Queues text, as UTF-8: cheaper than encoding it first, for a stream that can do that. It counts in the backlog with
   * its characters.
   */
  sendText?(text: string): void;
  /** Stops and restarts delivery of `data` (back-pressure towards the peer). */
  pause(): void;
  resume(): void;
  /** Closes at once, dropping what is queued. No event follows. */
  close(): void;
  /** Closes after what is queued has been sent. No event follows. */
  end(): void;
}

export interface StreamConnector {
  connected(stream: Stream): void;
  failed(error: SystemError): void;
}

export interface Listener {
  /** As given, with the port actually bound for 'ptcp:0...'. */
  readonly name: string;
  /** Bound TCP port, if any. */
  readonly port: number | undefined;
  close(): void;
}

/** How 'ssl:' and 'pssl:' connections are made: files in PEM form, and what of TLS is allowed. */
export interface TlsSettings {
  readonly privateKey?: string | undefined;
  readonly certificate?: string | undefined;
  /** The peer's certificate authority; 'none' trusts every peer. */
  readonly caCert?: string | undefined;
  /** If the file of `caCert` does not exist, the first server that is connected to says what is in it. */
  readonly bootstrapCaCert?: boolean | undefined;
  /** Certificates to send besides our own. */
  readonly peerCaCert?: string | undefined;
  /** A list or range such as 'TLSv1.2+'. */
  readonly protocols?: string | undefined;
  /** For TLS 1.2, as OpenSSL writes them. */
  readonly ciphers?: string | undefined;
  /** For TLS 1.3. */
  readonly ciphersuites?: string | undefined;
  /** The name of the server that connections ask for, instead of the one in the target. */
  readonly serverName?: string | undefined;
}

export interface Streams {
  /** What happens on connections is recorded or replayed: nothing may be sent because time passes. */
  readonly isRecorded?: boolean;
  /**
   * Settings for the connections from now on; what is undefined stays as it was. The files are looked at again at each
   * new connection. A connection that cannot be made for want of settings fails with ENOPROTOOPT.
   */
  configureTls(settings: TlsSettings): void;
  /**
   * Connects to an active target: 'tcp:HOST[:PORT]', 'unix:FILE', 'ssl:HOST[:PORT]'. Exactly one of the
   * connector's methods is called later, unless the returned function has cancelled the attempt.
   * @param defaultPort for tcp and ssl targets without a port
   * @throws SystemError EAFNOSUPPORT for an unknown or malformed target
   */
  connect(target: string, defaultPort: number, connector: StreamConnector): () => void;
  /**
   * Listens on a passive target: 'ptcp:[PORT][:IP]', 'punix:FILE', 'pssl:[PORT][:IP]'.
   * @throws SystemError when the target is malformed or cannot be bound
   */
  listen(target: string, defaultPort: number, accept: (stream: Stream) => void): Promise<Listener>;
}

/** What becomes of a request. Nothing comes after `end` or `failed`, nor before `Http.post` has returned. */
export interface HttpEvents {
  /** A piece of the reply's body arrived. */
  data(status: number, text: string): void;
  /** The reply is complete. */
  end(status: number): void;
  /** There is no reply, or not all of it. @param sent whether the server may have got the request */
  failed(error: Error, sent: boolean): void;
}

/** Requests by HTTP/1.1; connections are kept for the next. */
export interface Http {
  /**
   * Sends JSON to a URL such as 'http://127.0.0.1:2379/v3/kv/txn'. There is no time-out.
   * @returns gives the request up; no event follows
   */
  post(url: string, json: string, events: HttpEvents): () => void;
}

/** Files. All paths are as the user gave them; all failures are `SystemError`s. Synchronous on purpose: each
 * call handles little, and the database's ordering of commits is then obvious. */
export interface Storage {
  read(path: string): Uint8Array;
  exists(path: string): boolean;
  /** The absolute name of the file that `path` leads to through symbolic links. */
  resolve(path: string): string;
  /** Opens for reading and appending. `create`: must not exist yet ('excl') or may be made ('maybe'). */
  open(path: string, options: { create?: 'excl' | 'maybe'; readOnly?: boolean }): StoredFile;
  /** Takes the advisory lock that the C tools take on `.PATH.~lock~`; the result releases it.
   * @throws SystemError EAGAIN when another process has it */
  lock(path: string): () => void;
  /** Puts `from` in the place of `to`, and sees to it that the disk knows. When it throws, nothing has changed. */
  rename(from: string, to: string): void;
  remove(path: string): void;
}

export interface StoredFile {
  readonly path: string;
  size(): number;
  /** Reads at most `length` bytes at `offset`; fewer only at the end of the file. */
  readAt(offset: number, length: number): Uint8Array;
  /** Appends all the bytes or throws, leaving the file as it was. */
  append(bytes: Uint8Array): void;
  truncate(size: number): void;
  /** Flushes to the disk; calls `done` when it is there (with the error if it is not). */
  sync(done: (error: SystemError | undefined) => void): void;
  close(): void;
}
