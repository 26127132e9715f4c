/**
 * What a clustered database needs of the store that keeps it: a replicated, ordered map of texts with transactions,
 * leases and watches, as etcd has them. `etcd-client.ts` speaks to the real one, `src/sim/sim-etcd.ts` plays one with faults.
 *
 * Every change of the store has a revision, one more than the one before; a key remembers in which it was made and last
 * changed. Reads are linearizable: they see all that was acknowledged before they began.
 */

export interface KeyValue {
  readonly key: string;
  /** Empty where only keys were asked for. */
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
}

/** Holds when the key was made, or last changed, in exactly that revision; 0: when there is no such key. */
export interface Guard {
  readonly key: string;
  readonly target: 'create' | 'mod';
  readonly revision: number;
}

/** `end` makes a range of it: all keys from `key` on that are less. */
export type KvOperation =
  | {
      readonly op: 'get';
      readonly key: string;
      readonly end?: string;
      readonly limit?: number;
      readonly keysOnly?: boolean;
    }
  | { readonly op: 'put'; readonly key: string; readonly value: string; readonly lease?: string }
  | { readonly op: 'delete'; readonly key: string; readonly end?: string };

/** Atomic: if all guards hold, `success`, else `failure`. */
export interface KvTransaction {
  readonly guards: readonly Guard[];
  readonly success: readonly KvOperation[];
  readonly failure?: readonly KvOperation[];
}

export interface KvResult {
  readonly succeeded: boolean;
  /** Of the store after the transaction. */
  readonly revision: number;
  /** For each operation that was carried out; empty for what reads nothing. In the order of keys. */
  readonly results: readonly (readonly KeyValue[])[];
}

/** What is known of a request that failed: the store refused it, it never got there, or nothing. */
export type KvFailure = 'refused' | 'unreachable' | 'unknown';

export class KvError extends Error {
  /** Unless 'unknown', the store has not carried the request out, nor will it. */
  readonly kind: KvFailure;
  constructor(message: string, kind: KvFailure) {
    super(message);
    this.kind = kind;
  }
}

export type KvEvent =
  | ({ readonly type: 'put' } & KeyValue)
  | { readonly type: 'delete'; readonly key: string; readonly modRevision: number };

export interface WatchEvents {
  /** Changes of one or more whole revisions, in order. */
  changed(events: readonly KvEvent[]): void;
  /** It is over, for instance because the store has forgotten the revision to start from. Not after `cancel`. */
  ended(why: string): void;
}

export interface KvStore {
  /** @throws KvError */
  transact(transaction: KvTransaction): Promise<KvResult>;
  /** Tells all changes of keys with that prefix from a revision on. @returns ends it */
  watch(prefix: string, fromRevision: number, events: WatchEvents): () => void;
  /** Keys put with the lease go when it has not been kept alive for so long. @returns its name @throws KvError */
  grantLease(seconds: number): Promise<string>;
  /** @returns false if there is no such lease any more @throws KvError */
  keepAlive(lease: string): Promise<boolean>;
  /** @throws KvError */
  revokeLease(lease: string): Promise<void>;
  /** Lets the store forget what was before a revision. @throws KvError */
  forgetBefore(revision: number): Promise<void>;
  close(): void;
}

/** The end of the range of all keys with a prefix, which must not be empty. */
export const prefixEnd = (prefix: string): string =>
  prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
