/**
 * Requests that were sent and whose replies are awaited. Owned by whoever owns the connection, who passes on what it
 * receives, and says when the connection is gone.
 */
import type { Json } from './json.ts';
import type { JsonRpcMessage } from './jsonrpc.ts';

export type Response = Extract<JsonRpcMessage, { type: 'reply' | 'error' }>;

/** Is given undefined when the connection broke before there was a response. */
export type ResponseHandler = (response: Response | undefined) => void;

export class Requests {
  readonly #send: (message: JsonRpcMessage) => void;
  readonly #waiting = new Map<Json, ResponseHandler>();
  #nextId = 0;

  constructor(send: (message: JsonRpcMessage) => void) {
    this.#send = send;
  }

  /** @returns the request's id */
  send(method: string, params: readonly Json[], done: ResponseHandler = () => {}): number {
    const id = this.#nextId++;
    this.#waiting.set(id, done);
    this.#send({ type: 'request', method, params, id });
    return id;
  }

  /** Hands a response to whoever waits for it. @returns false if that is nobody */
  take(response: Response): boolean {
    const done = this.#waiting.get(response.id);
    if (!done) return false;
    this.#waiting.delete(response.id);
    done(response);
    return true;
  }

  /** Nobody is to hear of the response any more. */
  forget(id: number): void {
    if (this.#waiting.has(id)) this.#waiting.set(id, () => {});
  }

  /** The connection is gone. */
  abandon(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const done of waiting) done(undefined);
  }
}
