/** A JSON-RPC client or server in a simulated host that does just what a test tells it to do. */
import type { Stream } from '../base/host.ts';
import { type Json, stringifyJson } from '../jsonrpc/json.ts';
import { JsonRpc, type JsonRpcMessage } from '../jsonrpc/jsonrpc.ts';
import { Requests } from '../jsonrpc/requests.ts';
import { inVirtualTime } from './sim-database.ts';
import type { SimHost } from './sim-host.ts';

export class SimClient {
  readonly #host: SimHost;
  readonly #rpc: JsonRpc;
  readonly #requests: Requests;
  /** The methods and parameters of what the peer sent of its own accord, in order. */
  readonly heard: [method: string, params: Json][] = [];
  /** What to do with the peer's requests; their results. */
  answer: (method: string, params: readonly Json[]) => Json | undefined = () => undefined;
  isClosed = false;

  constructor(host: SimHost, stream: Stream) {
    this.#host = host;
    this.#rpc = new JsonRpc(stream, {
      message: (message) => this.#message(message),
      closed: () => {
        this.isClosed = true;
      },
    });
    this.#requests = new Requests((message) => this.#rpc.send(message));
  }

  static connect(host: SimHost, target: string): Promise<SimClient> {
    const connected = new Promise<SimClient>((resolve, reject) => {
      host.streams.connect(target, 0, {
        connected: (stream) => resolve(new SimClient(host, stream)),
        failed: reject,
      });
    });
    return inVirtualTime(host, connected);
  }

  #message(message: JsonRpcMessage): void {
    if (message.type === 'reply' || message.type === 'error') {
      this.#requests.take(message);
      return;
    }
    this.heard.push([message.method, message.params as Json]);
    if (message.type !== 'request') return;
    const result = this.answer(message.method, message.params);
    if (result !== undefined) this.#rpc.send({ type: 'reply', result, id: message.id });
  }

  /** Sends a request. @returns the result; an error is thrown as its JSON text */
  send(method: string, ...params: Json[]): Promise<Json> {
    return new Promise((resolve, reject) => {
      this.#requests.send(method, params, (response) => {
        if (response?.type === 'reply') resolve(response.result);
        else reject(new Error(response ? stringifyJson(response.error) : 'connection lost'));
      });
    });
  }

  /** {@link send}, and lets time pass until the answer is there. */
  call(method: string, ...params: Json[]): Promise<Json> {
    return inVirtualTime(this.#host, this.send(method, ...params));
  }

  notify(method: string, ...params: Json[]): void {
    this.#rpc.send({ type: 'notification', method, params });
  }

  close(): void {
    this.#rpc.close();
  }
}
