/**
 * Clients that load a database server and cost little themselves, so that it is the server that is measured.
 *
 * Requests are encoded before the clock starts and lie one behind the other in one buffer, so that any number of them
 * goes out in one write. Of what comes back only the occurrences of a pattern are counted; {@link countRows} says
 * afterwards whether the server did what was asked.
 */
import net from 'node:net';

/** Requests, ready to be sent. */
export class Requests {
  readonly #bytes: Buffer;
  /** Where each begins, and where the last ends. */
  readonly #offsets: number[] = [0];

  constructor(requests: Iterable<unknown>) {
    const parts: Buffer[] = [];
    let end = 0;
    for (const request of requests) {
      const bytes = Buffer.from(JSON.stringify(request));
      parts.push(bytes);
      this.#offsets.push((end += bytes.length));
    }
    this.#bytes = Buffer.concat(parts);
  }

  get length(): number {
    return this.#offsets.length - 1;
  }

  slice(from: number, to: number): Buffer {
    return this.#bytes.subarray(this.#offsets[from], this.#offsets[to]);
  }
}

/** What each reply has once. */
const REPLY = '"error":null';
/** What each update of a "monitor_cond_since" has once, and what each new row in it has. */
export const UPDATE3 = '"update3"';
export const NEW_ROW = '"insert":{';

export class Client {
  /** Called with the number of patterns in what arrived. */
  onCount: (n: number) => void = () => {};
  readonly #socket: net.Socket;
  #pattern = Buffer.from(REPLY);
  /** The end of what arrived if a pattern may have begun in it. */
  #carry: Buffer | undefined;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
  }

  /** Connects, and counts replies. */
  static connect(path: string): Promise<Client> {
    return new Promise((resolve, reject) => {
      const buffer = Buffer.allocUnsafe(256 * 1024);
      const socket = net.connect({
        path,
        onread: {
          buffer,
          callback: (n) => {
            client.#count(buffer.subarray(0, n));
            return true;
          },
        },
      });
      const client = new Client(socket);
      socket.once('error', reject);
      socket.once('connect', () => resolve(client));
    });
  }

  /** One after the other: a server may have few waiting. */
  static async connectAll(path: string, n: number): Promise<Client[]> {
    const clients: Client[] = [];
    while (clients.length < n) {
      const client = await Client.connect(path);
      await client.call({ method: 'echo', params: [], id: 0 });
      clients.push(client);
    }
    return clients;
  }

  /** From now on counts occurrences of `pattern`. */
  count(pattern: string, onCount: (n: number) => void): void {
    this.#pattern = Buffer.from(pattern);
    this.onCount = onCount;
  }

  #count(arrived: Buffer): void {
    const bytes = this.#carry ? Buffer.concat([this.#carry, arrived]) : arrived;
    let n = 0;
    let at = bytes.indexOf(this.#pattern);
    let end = 0;
    while (at >= 0) {
      n++;
      end = at + this.#pattern.length;
      at = bytes.indexOf(this.#pattern, end);
    }
    // No pattern has a closing brace in it, and most of what arrives ends with one.
    this.#carry =
      bytes.at(-1) === 0x7d
        ? undefined
        : Buffer.from(bytes.subarray(Math.max(end, bytes.length - this.#pattern.length + 1)));
    if (n > 0) this.onCount(n);
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Sends one request and waits for its reply. */
  call(request: unknown): Promise<void> {
    return this.run(new Requests([request]), 1);
  }

  /** Sends all the requests, `window` under way at any time, and waits for all the replies. */
  run(requests: Requests, window: number): Promise<void> {
    return new Promise((resolve) => {
      let sent = Math.min(window, requests.length);
      let answered = 0;
      this.onCount = (n) => {
        answered += n;
        const more = Math.min(n, requests.length - sent);
        if (more > 0) this.write(requests.slice(sent, sent + more));
        sent += more;
        if (answered === requests.length) resolve();
      };
      this.write(requests.slice(0, sent));
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** The rows of a table, as the server tells. */
export function countRows(path: string, database: string, table: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(path);
    let text = '';
    socket.setEncoding('latin1');
    socket.on('error', reject);
    socket.on('data', (part: string) => {
      text += part;
      if (!text.endsWith('}')) return;
      try {
        const { result } = JSON.parse(text) as { result: [{ rows: unknown[] }] };
        socket.destroy();
        resolve(result[0].rows.length);
      } catch (error) {
        if (!(error instanceof SyntaxError)) reject(error as Error);
      }
    });
    const params = [database, { op: 'select', table, where: [], columns: ['_uuid'] }];
    socket.write(JSON.stringify({ method: 'transact', params, id: 0 }));
  });
}
