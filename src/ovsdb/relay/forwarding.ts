/**
 * Clients' transactions on their way to the source of a relay and back. Those that have not been sent wait for a
 * connection; those that have are lost with it: whether they came about nobody can say.
 * C counterpart: ovsdb/transaction-forward.c.
 */
import { coverage } from '../../base/coverage.ts';
import type { Json } from '../../jsonrpc/json.ts';
import type { DbClient } from '../idl/db-client.ts';
import type { Outcome } from '../server/service-model.ts';

const created = coverage('txn_forward_create');
const sent = coverage('txn_forward_sent');
const completed = coverage('txn_forward_complete');
const cancelled = coverage('txn_forward_cancel');

interface Forward {
  readonly params: readonly Json[];
  readonly done: (outcome: Outcome) => void;
  /** Once it has been sent: lets nobody hear of the reply. */
  forget: (() => void) | undefined;
}

export class Forwarding {
  readonly #client: DbClient;
  /** Not sent yet, in order. As many as clients may have waiting. */
  readonly #unsent = new Set<Forward>();

  constructor(client: DbClient) {
    this.#client = client;
  }

  /** @returns gives the transaction up */
  forward(params: readonly Json[], done: (outcome: Outcome) => void): () => void {
    created.inc();
    const one: Forward = { params, done, forget: undefined };
    this.#unsent.add(one);
    this.run();
    return () => {
      cancelled.inc();
      this.#unsent.delete(one);
      one.forget?.();
    };
  }

  /** Sends what can be sent. */
  run(): void {
    if (!this.#client.isMonitoring) return;
    for (const one of this.#unsent) {
      this.#unsent.delete(one);
      sent.inc();
      one.forget = this.#client.request('transact', one.params, (reply) => {
        if (reply) completed.inc();
        else cancelled.inc();
        if (reply?.type === 'reply') one.done({ kind: 'results', results: reply.result });
        else one.done({ kind: 'error', error: reply ? reply.error : 'canceled' });
      });
    }
  }
}
