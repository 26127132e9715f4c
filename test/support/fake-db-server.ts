/** For tests: a database server that answers what a test tells it to. */
import type { Json, JsonObject } from '../../src/jsonrpc/json.ts';
import { JsonRpc } from '../../src/jsonrpc/jsonrpc.ts';
import type { SimHost } from '../../src/sim/sim-host.ts';

/** The row of its table "Database". */
export const DATABASE_ROW = '00000000-0000-0000-0000-0000000000ff';

export type Answer = { readonly result: Json } | { readonly error: Json };

/** A server that does as a test says. */
export class FakeDbServer {
  readonly requests: (readonly [method: string, params: readonly Json[]])[] = [];
  /** Its row of the table "Database". */
  database: JsonObject = { name: 'DB', model: 'standalone', connected: true, leader: true };
  answers: Readonly<Record<string, (params: readonly Json[]) => Answer>> = {
    monitor_cond_since: () => ({ result: [false, '00000000-0000-0000-0000-000000000001', {}] }),
  };
  #rpc: JsonRpc | undefined;

  static async start(host: SimHost, name: string): Promise<FakeDbServer> {
    const server = new FakeDbServer();
    await host.streams.listen(`punix:${name}`, 0, (stream) => {
      const rpc = new JsonRpc(stream, {
        message: (message) => {
          if (message.type !== 'request') return;
          server.requests.push([message.method, message.params]);
          const answer = server.#answer(message.method, message.params);
          if ('result' in answer) rpc.send({ type: 'reply', id: message.id, ...answer });
          else rpc.send({ type: 'error', id: message.id, ...answer });
        },
        closed: () => {},
      });
      server.#rpc = rpc;
    });
    return server;
  }

  #answer(method: string, params: readonly Json[]): Answer {
    if (params[0] === '_Server')
      return { result: { Database: { [DATABASE_ROW]: { initial: this.database } } } };
    return this.answers[method]?.(params) ?? { error: 'unknown method' };
  }

  notify(method: string, params: readonly Json[]): void {
    this.#rpc!.send({ type: 'notification', method, params });
  }

  disconnect(): void {
    this.#rpc!.close();
  }

  /** The parameters of the monitors of the database, without its name and the monitor's. */
  get monitors(): readonly Json[][] {
    return this.requests
      .filter(([method, params]) => method.startsWith('monitor') && params[0] === this.database['name'])
      .map(([, params]) => params.slice(2));
  }
}
