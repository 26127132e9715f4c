/** A bare socket to a daemon, for tests that send it what no client would. */
import fs from 'node:fs';
import net from 'node:net';

export class RawPeer {
  readonly socket: net.Socket;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;
  isClosed = false;
  #wake: () => void = () => {};

  private constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Uint8Array) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#wake();
    });
  }

  /** Connects; when the daemon has too many connections to accept, a little later. */
  static connect(path: string): Promise<RawPeer> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(path);
      socket.once('error', (error: NodeJS.ErrnoException) => {
        if (error.code !== 'EAGAIN') reject(error);
        else setTimeout(() => RawPeer.connect(path).then(resolve, reject), 5);
      });
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        resolve(new RawPeer(socket));
      });
    });
  }

  /** All that has come. */
  get got(): Buffer {
    return Buffer.concat(this.#chunks);
  }
  get length(): number {
    return this.#length;
  }

  send(data: Uint8Array | string): this {
    this.socket.write(data);
    return this;
  }

  /** Waits until `done` holds, at most ten seconds. */
  async until(what: string, done: () => boolean): Promise<void> {
    const deadline = performance.now() + 10_000;
    while (!done()) {
      const left = deadline - performance.now();
      if (left <= 0)
        throw new Error(`waited in vain for ${what}; got ${this.got.subarray(0, 300).toString('latin1')}`);
      await new Promise<void>((wake) => {
        const timer = setTimeout(wake, left);
        this.#wake = () => {
          clearTimeout(timer);
          wake();
        };
      });
    }
  }

  closed(): Promise<void> {
    return this.until('the end of the connection', () => this.isClosed);
  }

  close(): void {
    this.socket.destroy();
  }
}

/** Megabytes of a process's memory that are in RAM. */
export function residentMegabytes(pid: number): number {
  const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
}
