/**
 * Where connections come from: a controller that we connect to, or a target that we listen on.
 *
 * An active service has one reliable rconn and, while that is connected, one connection; a passive one makes an
 * rconn and a connection for everyone who connects. C counterpart: struct ofservice of ofproto/connmgr.c.
 */
import type { Listener, Stream, Streams, SystemError } from '../../base/host.ts';
import type { Task } from '../../base/loop.ts';
import { vlog } from '../../base/vlog.ts';
import { OfConnection, type OfConnHost } from './ofconn.ts';
import { Rconn } from './rconn.ts';
import type { ControllerSettings } from './settings.ts';
import { OFP_PORT, targetKind, Vconn } from './vconn.ts';

const log = vlog('connmgr');

export interface ServiceHost extends OfConnHost {
  /** Of the bridge. */
  readonly name: string;
  readonly streams: Streams;
  /** A connection of the service came or went. */
  connectionsChanged(): void;
}

/** An rconn that runs in the loop. */
interface RunningRconn {
  readonly rconn: Rconn;
  readonly task: Task;
}

export class Service {
  readonly target: string;
  settings: ControllerSettings;
  readonly conns = new Set<OfConnection>();
  readonly #host: ServiceHost;
  #active: RunningRconn | undefined;
  #listener: Listener | undefined;
  #isClosed = false;

  /** @param failed called when it turns out that the target cannot be listened on */
  constructor(host: ServiceHost, target: string, settings: ControllerSettings, failed: () => void) {
    this.#host = host;
    this.target = target;
    this.settings = settings;
    if (targetKind(target) === 'active') this.#connect();
    else this.#listen(failed);
  }

  /** The connection to the controller, of an active service. */
  get rconn(): Rconn | undefined {
    return this.#active?.rconn;
  }

  get firstConn(): OfConnection | undefined {
    return this.conns.values().next().value;
  }

  /** Takes over settings. @returns false if that takes a new service */
  configure(settings: ControllerSettings): boolean {
    if (settings.allowedVersions !== this.settings.allowedVersions) return false;
    this.settings = settings;
    for (const conn of this.conns) conn.configure(settings);
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.#listener?.close();
    for (const conn of [...this.conns]) this.#drop(conn);
    if (this.#active) this.#stop(this.#active);
    this.#active = undefined;
  }

  #makeRconn(onMessage: (bytes: Uint8Array) => void, changed: () => void, drained: () => void): RunningRconn {
    const { loop, streams } = this.#host;
    const running: { task?: Task } = {};
    const rconn = new Rconn({
      streams,
      now: () => loop.now(),
      wake: () => running.task?.wake(),
      maxBackoffS: this.settings.maxBackoff,
      probeIntervalS: this.settings.probeInterval,
      allowedVersions: this.settings.allowedVersions,
      message: onMessage,
      changed,
      drained,
    });
    const task = loop.task(rconn);
    running.task = task;
    return { rconn, task };
  }

  #stop({ rconn, task }: RunningRconn): void {
    task.remove();
    rconn.close();
  }

  #connect(): void {
    this.#active = this.#makeRconn(
      (bytes) => this.firstConn?.receive(bytes),
      () => this.#activeChanged(),
      () => this.firstConn?.drained(),
    );
    this.#active.rconn.connect(this.target, `${this.#host.name}<->${this.target}`);
  }

  #activeChanged(): void {
    const { rconn } = this.#active!;
    const conn = this.firstConn;
    if (rconn.isConnected && !conn) this.#add(new OfConnection(this.#host, rconn, this.settings));
    else if (!rconn.isConnected && conn) this.#drop(conn);
  }

  #listen(failed: () => void): void {
    this.#host.streams
      .listen(this.target, OFP_PORT, (stream) => this.#accept(stream))
      .then(
        (listener) => {
          if (this.#isClosed) listener.close();
          else this.#listener = listener;
        },
        (error: SystemError) => {
          log.err(`failed to listen on ${this.target}: ${error.message}`);
          failed();
        },
      );
  }

  #accept(stream: Stream): void {
    if (this.#isClosed) {
      stream.close();
      return;
    }
    let conn: OfConnection | undefined;
    const running = this.#makeRconn(
      (bytes) => conn?.receive(bytes),
      () => {
        if (running.rconn.isAlive) return;
        if (conn) this.#drop(conn);
        this.#stop(running);
      },
      () => conn?.drained(),
    );
    const { rconn } = running;
    rconn.connectUnreliably(`${this.#host.name}<->${stream.name}`, (events) =>
      Vconn.accept(stream, this.settings.allowedVersions, events),
    );
    conn = new OfConnection(this.#host, rconn, this.settings);
    conn.onClose.add(() => this.#stop(running));
    this.#add(conn);
  }

  #add(conn: OfConnection): void {
    this.conns.add(conn);
    this.#host.connectionsChanged();
  }

  #drop(conn: OfConnection): void {
    if (!this.conns.delete(conn)) return;
    conn.destroy();
    this.#host.connectionsChanged();
  }
}
