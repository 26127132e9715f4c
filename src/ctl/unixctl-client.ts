/** Sends commands to a daemon's control socket. C counterpart: unixctl_client_* in lib/unixctl.c. */
import { type Host, SystemError } from '../base/host.ts';
import type { Json } from '../jsonrpc/json.ts';
import { JsonRpc } from '../jsonrpc/jsonrpc.ts';

export type UnixctlAnswer = { readonly result: Json } | { readonly error: Json };

export class UnixctlClient {
  readonly #rpc: JsonRpc;
  #waiter: { resolve: (answer: UnixctlAnswer) => void; reject: (error: Error) => void } | undefined;
  #nextId = 0;

  private constructor(rpcOf: (client: UnixctlClient) => JsonRpc) {
    this.#rpc = rpcOf(this);
  }

  /** @throws SystemError */
  static connect(host: Host, socket: string): Promise<UnixctlClient> {
    return new Promise((resolve, reject) => {
      host.streams.connect(`unix:${socket}`, 0, {
        connected: (stream) =>
          resolve(
            new UnixctlClient(
              (client) =>
                new JsonRpc(stream, {
                  message: (m) => {
                    if (m.type === 'reply') client.#waiter?.resolve({ result: m.result });
                    else if (m.type === 'error') client.#waiter?.resolve({ error: m.error });
                  },
                  closed: (error) => client.#waiter?.reject(error ?? new Error('End of file')),
                }),
            ),
          ),
        failed: reject,
      });
    });
  }

  /** @throws SystemError, or Error('End of file') when the daemon closes the connection first */
  transact(method: string, params: readonly string[]): Promise<UnixctlAnswer> {
    return new Promise((resolve, reject) => {
      if (this.#rpc.isClosed) return reject(new SystemError('ENOTCONN'));
      this.#waiter = { resolve, reject };
      this.#rpc.send({ type: 'request', method, params, id: this.#nextId++ });
    });
  }

  close(): void {
    this.#rpc.close();
  }
}
