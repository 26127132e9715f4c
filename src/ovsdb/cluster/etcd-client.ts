/**
 * etcd's API (version 3, of etcd 3.4 and later) by way of its HTTP gateway: requests and replies are JSON with keys and values
 * in base64.
 *
 * One member is spoken to at a time, and another after a failure; requests are not repeated here, since whether that is
 * right depends on what they do. Time-outs are ours: the gateway has none that would fit.
 * See https://etcd.io/docs/v3.4/dev-guide/api_grpc_gateway/.
 */
import type { Host, Http } from '../../base/host.ts';
import {
  type KeyValue,
  KvError,
  type KvEvent,
  type KvFailure,
  type KvOperation,
  type KvResult,
  type KvStore,
  type KvTransaction,
  prefixEnd,
  type WatchEvents,
} from './kv.ts';

/** A request is given up after so long. etcd itself gives up on a lost majority after about 7 s. */
const REQUEST_TIMEOUT_MS = 3000;
/** More is no reply of etcd's. */
const MAX_REPLY_CHARS = 256 * 1024 * 1024;

/** Codes of gRPC with which etcd refuses a request before it does anything. */
const REFUSALS = new Set([3, 5, 7, 8, 9, 11, 12, 16]);

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const toBase64 = (text: string): string => encoder.encode(text).toBase64();
const fromBase64 = (text: string | undefined): string =>
  text === undefined ? '' : decoder.decode(Uint8Array.fromBase64(text));

/** What etcd's JSON has where it is not empty or 0. */
interface WireKeyValue {
  readonly key: string;
  readonly value?: string;
  readonly create_revision?: string;
  readonly mod_revision?: string;
}
interface WireHeader {
  readonly revision?: string;
}
interface WireTxnReply {
  readonly header: WireHeader;
  readonly succeeded?: boolean;
  readonly responses?: readonly { readonly response_range?: { readonly kvs?: readonly WireKeyValue[] } }[];
}
interface WireWatchReply {
  readonly result?: {
    readonly canceled?: boolean;
    readonly cancel_reason?: string;
    readonly compact_revision?: string;
    readonly events?: readonly { readonly type?: string; readonly kv: WireKeyValue }[];
  };
  readonly error?: unknown;
}
interface WireError {
  readonly error?: unknown;
  readonly message?: string;
  readonly code?: number;
}

const keyValue = (kv: WireKeyValue): KeyValue => ({
  key: fromBase64(kv.key),
  value: fromBase64(kv.value),
  createRevision: Number(kv.create_revision ?? 0),
  modRevision: Number(kv.mod_revision ?? 0),
});

function operation(op: KvOperation): object {
  const key = toBase64(op.key);
  switch (op.op) {
    case 'get':
      return {
        request_range: {
          key,
          ...(op.end === undefined ? {} : { range_end: toBase64(op.end) }),
          ...(op.limit === undefined ? {} : { limit: op.limit }),
          ...(op.keysOnly ? { keys_only: true } : {}),
        },
      };
    case 'put':
      return {
        request_put: {
          key,
          value: toBase64(op.value),
          ...(op.lease === undefined ? {} : { lease: op.lease }),
        },
      };
    case 'delete':
      return {
        request_delete_range: { key, ...(op.end === undefined ? {} : { range_end: toBase64(op.end) }) },
      };
  }
}

export class EtcdClient implements KvStore {
  readonly #host: Host;
  readonly #http: Http;
  readonly #endpoints: readonly string[];
  #current: number;
  readonly #open = new Set<() => void>();
  #closed = false;

  /**
   * @param endpoints of members, such as 'http://127.0.0.1:2379'
   * @param first which one to begin with, counted round; by default a random one
   */
  constructor(host: Host, http: Http, endpoints: readonly string[], first = host.random.u32()) {
    this.#host = host;
    this.#http = http;
    this.#endpoints = endpoints;
    this.#current = first % endpoints.length;
  }

  /** The member that is spoken to. */
  get endpoint(): string {
    return this.#endpoints[this.#current]!;
  }

  #failedAt(endpoint: string): void {
    if (endpoint === this.endpoint) this.#current = (this.#current + 1) % this.#endpoints.length;
  }

  #post<Reply>(path: string, body: object): Promise<Reply> {
    const { loop } = this.#host;
    const { endpoint } = this;
    return new Promise((resolve, reject) => {
      let text = '';
      const finish = (): void => {
        timer.cancel();
        this.#open.delete(cancel);
      };
      const fail = (message: string, kind: KvFailure): void => {
        finish();
        if (kind !== 'refused') this.#failedAt(endpoint);
        reject(new KvError(message, kind));
      };
      const abandon = (why: string): void => {
        stop();
        fail(why, 'unknown');
      };
      const cancel = (): void => abandon('closed');
      const timer = loop.after(REQUEST_TIMEOUT_MS, () => abandon('no reply in time'));
      const stop = this.#http.post(`${endpoint}${path}`, JSON.stringify(body), {
        data: (_status, piece) => {
          text += piece;
          if (text.length > MAX_REPLY_CHARS) abandon('reply is too long');
        },
        end: (status) => {
          let reply: Reply & WireError;
          try {
            reply = JSON.parse(text) as Reply & WireError;
          } catch {
            fail(`reply with status ${status} is no JSON`, 'unknown');
            return;
          }
          if (status === 200 && reply.error === undefined) {
            finish();
            resolve(reply);
            return;
          }
          const why = reply.message ?? (typeof reply.error === 'string' ? reply.error : `status ${status}`);
          fail(why, reply.code !== undefined && REFUSALS.has(reply.code) ? 'refused' : 'unknown');
        },
        failed: (error, sent) => fail(error.message, sent ? 'unknown' : 'unreachable'),
      });
      this.#open.add(cancel);
      if (this.#closed) cancel();
    });
  }

  async transact({ guards, success, failure = [] }: KvTransaction): Promise<KvResult> {
    const reply = await this.#post<WireTxnReply>('/v3/kv/txn', {
      compare: guards.map(({ key, target, revision }) => ({
        key: toBase64(key),
        result: 'EQUAL',
        ...(target === 'mod'
          ? { target: 'MOD', mod_revision: revision }
          : { target: 'CREATE', create_revision: revision }),
      })),
      success: success.map(operation),
      failure: failure.map(operation),
    });
    return {
      succeeded: reply.succeeded === true,
      revision: Number(reply.header.revision),
      results: (reply.responses ?? []).map(({ response_range }) => (response_range?.kvs ?? []).map(keyValue)),
    };
  }

  watch(prefix: string, fromRevision: number, events: WatchEvents): () => void {
    const { endpoint } = this;
    let rest = '';
    const end = (why: string): void => {
      this.#open.delete(stop);
      events.ended(why);
    };
    const line = (text: string): boolean => {
      let reply: WireWatchReply;
      try {
        reply = JSON.parse(text) as WireWatchReply;
      } catch {
        stop();
        end('watch tells what is no JSON');
        return false;
      }
      const { result } = reply;
      if (!result || result.canceled) {
        stop();
        end(result?.cancel_reason ?? (result?.compact_revision ? 'compacted' : 'watch failed'));
        return false;
      }
      const changes = (result.events ?? []).map(({ type, kv }): KvEvent => {
        const { key, value, createRevision, modRevision } = keyValue(kv);
        return type === 'DELETE'
          ? { type: 'delete', key, modRevision }
          : { type: 'put', key, value, createRevision, modRevision };
      });
      if (changes.length > 0) events.changed(changes);
      return true;
    };
    const request = {
      create_request: {
        key: toBase64(prefix),
        range_end: toBase64(prefixEnd(prefix)),
        start_revision: fromRevision,
      },
    };
    const stop = this.#http.post(`${endpoint}/v3/watch`, JSON.stringify(request), {
      data: (_status, piece) => {
        const lines = (rest + piece).split('\n');
        rest = lines.pop()!;
        for (const text of lines) if (text !== '' && !line(text)) return;
        if (rest.length > MAX_REPLY_CHARS) {
          stop();
          end('watch tells too much at once');
        }
      },
      end: (status) => {
        this.#failedAt(endpoint);
        end(`watch ended with status ${status}`);
      },
      failed: (error) => {
        this.#failedAt(endpoint);
        end(error.message);
      },
    });
    this.#open.add(stop);
    return () => {
      this.#open.delete(stop);
      stop();
    };
  }

  async grantLease(seconds: number): Promise<string> {
    const { ID } = await this.#post<{ ID: string }>('/v3/lease/grant', { TTL: seconds });
    return ID;
  }

  async keepAlive(lease: string): Promise<boolean> {
    const { result } = await this.#post<{ result?: { TTL?: string } }>('/v3/lease/keepalive', { ID: lease });
    return Number(result?.TTL ?? 0) > 0;
  }

  async revokeLease(lease: string): Promise<void> {
    await this.#post('/v3/lease/revoke', { ID: lease });
  }

  async forgetBefore(revision: number): Promise<void> {
    await this.#post('/v3/kv/compaction', { revision });
  }

  close(): void {
    this.#closed = true;
    for (const cancel of [...this.#open]) cancel();
  }
}
