/** One connection to a database server, for requests one at a time and for notifications. */
import { type Host, type Stream, SystemError } from '../../base/host.ts';
import { type Json, type JsonObject, prettyJson, sortedJson } from '../../jsonrpc/json.ts';
import { JsonRpc, type JsonRpcMessage } from '../../jsonrpc/jsonrpc.ts';
import { OVSDB_PORT } from '../../jsonrpc/session.ts';
import { OvsdbError } from '../../ovsdb/ovsdb-error.ts';
import { type DatabaseSchema, schemaFromJson } from '../../ovsdb/schema.ts';
import { ToolError } from '../tool.ts';

/** Raised by `request` when the server answers with an error. */
export class RpcError extends Error {
  readonly json: Json;
  constructor(json: Json) {
    super(sortedJson(json));
    this.json = json;
  }
}

export class Rpc {
  readonly #rpc: JsonRpc;
  readonly #waiting = new Map<number, { resolve: (result: Json) => void; reject: (error: Error) => void }>();
  #nextId = 0;
  /** Pretty-print the JSON in error messages. */
  pretty = false;
  /** Receives the server's notifications. */
  onNotification: (method: string, params: readonly Json[]) => void = () => {};
  /** The connection ended while nobody waited for a reply; undefined for the end of the stream. */
  onClosed: (error: SystemError | undefined) => void = () => {};

  constructor(stream: Stream) {
    this.#rpc = new JsonRpc(stream, {
      message: (message) => this.#message(message),
      closed: (error) => {
        const waiting = [...this.#waiting.values()];
        this.#waiting.clear();
        for (const { reject } of waiting) reject(error ?? new Error('End of file'));
        if (waiting.length === 0) this.onClosed(error);
      },
    });
  }

  get name(): string {
    return this.#rpc.name;
  }

  close(): void {
    this.#rpc.close();
  }

  /** Holds back messages, and the server through the full stream. */
  pause(): void {
    this.#rpc.pause();
  }
  resume(): void {
    this.#rpc.resume();
  }

  #message(message: JsonRpcMessage): void {
    if (message.type === 'notification') this.onNotification(message.method, message.params);
    else if (message.type === 'request') {
      if (message.method === 'echo')
        this.#rpc.send({ type: 'reply', result: message.params as Json, id: message.id });
    } else {
      const waiter = this.#waiting.get(message.id as number);
      this.#waiting.delete(message.id as number);
      if (message.type === 'reply') waiter?.resolve(message.result);
      else waiter?.reject(new RpcError(message.error));
    }
  }

  /** @throws RpcError, SystemError, or Error('End of file') */
  request(method: string, params: readonly Json[]): Promise<Json> {
    return new Promise((resolve, reject) => {
      if (this.#rpc.isClosed) return reject(new Error('End of file'));
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      this.#rpc.send({ type: 'request', method, params, id });
    });
  }

  /** {@link request} with failures worded for the user. @throws ToolError */
  async transact(method: string, params: readonly Json[]): Promise<Json> {
    try {
      return await this.request(method, params);
    } catch (error) {
      if (error instanceof RpcError)
        throw new ToolError(
          `transaction returned error: ${this.pretty ? prettyJson(error.json) : sortedJson(error.json)}`,
        );
      throw new ToolError(`transaction failed (${(error as Error).message})`);
    }
  }

  /** The databases' names, sorted. @throws ToolError */
  async databases(): Promise<string[]> {
    const names = await this.transact('list_dbs', []);
    if (!Array.isArray(names)) throw new ToolError('list_dbs response is not array');
    names.forEach((name: Json, i: number) => {
      if (typeof name !== 'string') throw new ToolError(`list_dbs response ${i} is not string`);
    });
    return (names as string[]).sort();
  }

  /** @throws ToolError */
  async schema(database: string): Promise<DatabaseSchema> {
    const json = await this.transact('get_schema', [database]);
    return checked(() => schemaFromJson(json));
  }
}

/** Does `work`, with a database error as the tool's own. @throws ToolError */
export function checked<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof OvsdbError) throw new ToolError(error.message);
    throw error;
  }
}

function connectOnce(host: Host, remote: string): Promise<Stream> {
  return new Promise((resolve, reject) => {
    host.streams.connect(remote, OVSDB_PORT, { connected: resolve, failed: reject });
  });
}

/**
 * Connects to an active remote, or waits for a connection on a passive one.
 * @throws ToolError
 */
export async function openRpc(host: Host, remote: string): Promise<Rpc> {
  try {
    return new Rpc(await connectOnce(host, remote));
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.code !== 'EAFNOSUPPORT')
      throw new ToolError(`failed to connect to "${remote}" (${error.message})`);
  }
  return new Promise((resolve, reject) => {
    host.streams
      .listen(remote, OVSDB_PORT, (stream) => resolve(new Rpc(stream)))
      .catch((error: Error) =>
        reject(new ToolError(`failed to connect or listen to "${remote}" (${error.message})`)),
      );
  });
}

/** What the server's own database says of a database: its row, or undefined. */
export async function databaseInfo(
  rpc: Rpc,
  database: string,
  cid?: string,
): Promise<JsonObject | undefined> {
  const select = { op: 'select', table: 'Database', where: [['name', '==', database]] };
  const result = await rpc.request('transact', ['_Server', select]);
  const first: Json = Array.isArray(result) ? (result[0] ?? null) : null;
  const rows = typeof first === 'object' && first !== null ? (first as JsonObject)['rows'] : undefined;
  if (!Array.isArray(rows)) return undefined;
  return (rows as readonly JsonObject[]).find((row) => {
    if (row['name'] !== database) return false;
    const have = row['cid'];
    return cid === undefined || (Array.isArray(have) && have[1] === cid);
  });
}
