/**
 * JSON-RPC 1.0 messages over a stream, as RFC 7047 section 4 uses it.
 *
 * A peer that sends something else is cut off, with the reason in the log. What waits to be sent to a peer that
 * does not read is bounded by {@link JsonRpc.setMaxBacklog}. C counterpart: lib/jsonrpc.c.
 */
import { errorStack } from '../base/error-stack.ts';
import { type Stream, SystemError } from '../base/host.ts';
import { RateLimit, vlog } from '../base/vlog.ts';
import { type Json, JsonError, type JsonObject, sortedJson, stringifyJson } from './json.ts';
import { JsonStreamParser, TOO_MUCH_UNFINISHED } from './json-stream.ts';

const log = vlog('jsonrpc');
const rl = new RateLimit(5, 5);

export type JsonRpcMessage =
  | { readonly type: 'request'; readonly method: string; readonly params: readonly Json[]; readonly id: Json }
  | { readonly type: 'notification'; readonly method: string; readonly params: readonly Json[] }
  | { readonly type: 'reply'; readonly result: Json; readonly id: Json }
  | { readonly type: 'error'; readonly error: Json; readonly id: Json };

export type JsonRpcType = JsonRpcMessage['type'];

const MEMBERS: readonly string[] = ['method', 'params', 'result', 'error', 'id'];

/** @returns the message, or the reason why `json` is none */
export function messageFromJson(json: Json): JsonRpcMessage | string {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return 'message is not a JSON object';
  const { method, params = null, result = null, error = null, id = null } = json as JsonObject;
  if (method !== undefined && typeof method !== 'string') return 'method is not a JSON string';
  const type: JsonRpcType =
    result !== null ? 'reply' : error !== null ? 'error' : id !== null ? 'request' : 'notification';
  for (const name in json as JsonObject)
    if (!MEMBERS.includes(name)) return `message has unexpected member "${name}"`;
  if (params !== null && !Array.isArray(params)) return '"params" must be JSON array';
  const call = type === 'request' || type === 'notification';
  const want = (name: string, has: boolean, must: boolean): string | undefined =>
    has === must ? undefined : `${type} must${must ? '' : ' not'} have "${name}"`;
  const why =
    want('method', method !== undefined, call) ??
    want('params', params !== null, call) ??
    want('result', result !== null, type === 'reply') ??
    want('error', error !== null, type === 'error') ??
    want('id', id !== null, type !== 'notification');
  if (why !== undefined) return why;
  switch (type) {
    case 'request':
      return { type, method: method!, params: params as readonly Json[], id };
    case 'notification':
      return { type, method: method!, params: params as readonly Json[] };
    case 'reply':
      return { type, result, id };
    case 'error':
      return { type, error, id };
  }
}

/** The text of a message, with all the members that the C implementation sends. */
export function messageText(m: JsonRpcMessage): string {
  switch (m.type) {
    case 'request':
      return `{"id":${stringifyJson(m.id)},"method":${JSON.stringify(m.method)},"params":${stringifyJson(m.params)}}`;
    case 'notification':
      return `{"id":null,"method":${JSON.stringify(m.method)},"params":${stringifyJson(m.params)}}`;
    case 'reply':
      return `{"error":null,"id":${stringifyJson(m.id)},"result":${stringifyJson(m.result)}}`;
    case 'error':
      return `{"error":${stringifyJson(m.error)},"id":${stringifyJson(m.id)},"result":null}`;
  }
}

export interface JsonRpcEvents {
  message(message: JsonRpcMessage): void;
  /** The connection is gone: `undefined` for an orderly end of file. Not called after `close()`. */
  closed(error: SystemError | undefined): void;
  /** All that was queued has been handed to the kernel. */
  drained?(): void;
  /** Bytes arrived, whole message or not. */
  activity?(): void;
}

const encoder = new TextEncoder();

export class JsonRpc {
  readonly stream: Stream;
  readonly #events: JsonRpcEvents;
  readonly #parser = new JsonStreamParser();
  #maxBytes = Number.POSITIVE_INFINITY;
  #closed = false;
  #paused = false;
  readonly #waiting: JsonRpcMessage[] = [];

  constructor(stream: Stream, events: JsonRpcEvents) {
    this.stream = stream;
    this.#events = events;
    this.#parser.evicted = () => this.#unparsable(TOO_MUCH_UNFINISHED);
    stream.events = {
      data: (bytes) => this.#data(bytes),
      close: (error) =>
        this.#fail(error, error === undefined ? undefined : `receive error: ${error.message}`),
      drain: () => events.drained?.(),
    };
  }

  get name(): string {
    return this.stream.name;
  }
  /** Bytes queued and not yet taken by the kernel. */
  get backlog(): number {
    return this.stream.backlog;
  }
  get isClosed(): boolean {
    return this.#closed;
  }

  /** Cuts the connection off once more than that many bytes wait to be sent. */
  setMaxBacklog(bytes: number): void {
    this.#maxBytes = bytes;
  }

  /** Cuts the connection off when the peer begins a longer message. */
  setMaxTextBytes(bytes: number): void {
    this.#parser.maxTextBytes = bytes;
  }

  send(message: JsonRpcMessage): void {
    if (log.isDbg()) log.dbg(`${this.name}: send ${describe(message)}`);
    this.sendText(messageText(message));
  }

  /** Sends messages that are text already. */
  sendText(text: string): void {
    if (this.#closed) return;
    if (this.stream.sendText) this.stream.sendText(text);
    else this.stream.send(encoder.encode(text));
    if (this.stream.backlog > this.#maxBytes) {
      log.warn(
        `sending backlog exceeded maximum size (${this.stream.backlog} > ${this.#maxBytes}), disconnecting, jsonrpc: ${this.name}`,
      );
      this.#fail(new SystemError('E2BIG'), undefined);
    }
  }

  /** Holds back messages (and, through the stream, the peer) until `resume`. */
  pause(): void {
    this.#paused = true;
    this.stream.pause();
  }

  resume(): void {
    this.#paused = false;
    while (!this.#paused && !this.#closed) {
      const message = this.#waiting.shift();
      if (!message) break;
      this.#events.message(message);
    }
    if (!this.#paused && !this.#closed) this.stream.resume();
  }

  /** Closes at once; no event follows. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parser.close();
    this.stream.close();
  }

  /** Closes once everything queued has been sent; no event follows. */
  end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parser.close();
    this.stream.end();
  }

  #fail(error: SystemError | undefined, why: string | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parser.close();
    if (why !== undefined) log.warnRl(rl, `${this.name}: ${why}`);
    this.stream.close();
    this.#events.closed(error);
  }

  #unparsable(why: string): void {
    this.#fail(new SystemError('EPROTO'), `error parsing stream: ${why}`);
  }

  #data(bytes: Uint8Array): void {
    this.#events.activity?.();
    try {
      this.#parser.feed(bytes, (json) => this.#json(json));
    } catch (error) {
      if (error instanceof JsonError) {
        this.#unparsable(error.message);
        return;
      }
      // A mistake of ours costs this connection, not the others.
      log.err(`${this.name}: failed to take a message: ${errorStack(error)}`);
      this.#fail(new SystemError('EPROTO'), undefined);
    }
    if (this.#closed) this.#parser.close();
  }

  #json(json: Json): void {
    if (this.#closed) return;
    const message = messageFromJson(json);
    if (typeof message === 'string') {
      this.#fail(new SystemError('EPROTO'), `received bad JSON-RPC message: ${message}`);
      return;
    }
    if (log.isDbg()) log.dbg(`${this.name}: received ${describe(message)}`);
    if (this.#paused) this.#waiting.push(message);
    else this.#events.message(message);
  }
}

function describe(m: JsonRpcMessage): string {
  let text: string = m.type;
  if ('method' in m) text += `, method="${m.method}", params=${sortedJson(m.params)}`;
  if (m.type === 'reply') text += `, result=${sortedJson(m.result)}`;
  if (m.type === 'error') text += `, error=${sortedJson(m.error)}`;
  if ('id' in m) text += `, id=${sortedJson(m.id)}`;
  return text;
}
