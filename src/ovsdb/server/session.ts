/**
 * One client: its connection, its monitors, its waiting transactions, its locks.
 *
 * Requests are read only while everything sent so far has gone out, so a client that does not read can pile up no
 * replies; its monitors' changes merge meanwhile. C counterpart: struct ovsdb_jsonrpc_session.
 */
import { errorStack } from '../../base/error-stack.ts';
import type { Stream } from '../../base/host.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { type Json, sortedJson, stringifyJson } from '../../jsonrpc/json.ts';
import { type JsonRpcMessage, messageText } from '../../jsonrpc/jsonrpc.ts';
import { type ConnectionOptions, JsonRpcSession } from '../../jsonrpc/session.ts';
import type { Monitor } from '../monitor/monitor.ts';
import { internalError, OvsdbError } from '../ovsdb-error.ts';
import type { Client } from '../transact/rbac.ts';
import { type LockHolder, type LockWaiter, unlockAll } from './locks.ts';
import { METHODS, NOTIFICATIONS } from './methods/methods.ts';
import { type JsonRpcRequest, JsonText, MethodError } from './reply.ts';
import type { ServedDatabase } from './served.ts';
import type { OvsdbServer } from './server.ts';
import type { Trigger } from './triggers.ts';

const log = vlog('ovsdb_jsonrpc_server');
const failedLimit = new RateLimit(5, 5);

/** Monitors, locks or waiting transactions that one client may have. */
const MAX_HELD = 1000;

/** Transactions under way beyond which a client is not listened to until some have ended. */
const MAX_UNDER_WAY = 500;

/** Characters to send that may gather during one turn of the loop. */
const MAX_BATCH = 65536;

const UPDATE_METHODS = { 1: 'update', 2: 'update2', 3: 'update3' } as const;

export interface SessionMonitor {
  /** JSON of the name that the client gave it. */
  idText: string;
  readonly id: Json;
  readonly served: ServedDatabase;
  readonly monitor: Monitor;
}

export interface PendingTrigger {
  readonly id: Json;
  readonly served: ServedDatabase;
  readonly trigger: Trigger;
}

export interface SessionSettings extends ConnectionOptions {
  readonly readOnly: boolean;
  /** Of the clients, for the rules of access. */
  readonly role?: string | undefined;
}

export class Session implements LockHolder {
  readonly server: OvsdbServer;
  readonly rpc: JsonRpcSession;
  readonly waiters = new Map<string, LockWaiter>();
  /** By the JSON of their names. */
  readonly monitors = new Map<string, SessionMonitor>();
  readonly triggers = new Map<string, PendingTrigger>();
  readOnly: boolean;
  readonly #role: string | undefined;
  /** The client follows the set of databases itself, through the _Server database. */
  dbChangeAware = false;
  /** Called when the session is over for good. */
  onEnd: () => void = () => {};
  #ended = false;
  #outgoing = '';
  /** There are too many transactions under way. */
  #isFull = false;

  /** @param to a connection that a client opened, or the name of one that the server opens and keeps up */
  constructor(server: OvsdbServer, to: Stream | string, settings: SessionSettings) {
    this.server = server;
    this.readOnly = settings.readOnly;
    this.#role = settings.role;
    const active = typeof to === 'string';
    this.rpc = new JsonRpcSession(
      server.host,
      active ? [to] : [],
      {
        connected: () => {},
        message: (message) => this.#message(message),
        disconnected: () => this.#disconnected(),
        drained: () => this.#drained(),
      },
      { probeIntervalMs: settings.probeIntervalMs, ...(active ? {} : { accepted: to }) },
    );
    this.apply(settings);
    server.sessions.add(this);
  }

  get name(): string {
    return this.rpc.name;
  }

  /** Who the client is to the rules of access. */
  get client(): Client {
    return { role: this.#role, id: this.rpc.rpc?.stream.peerId };
  }

  /** Takes other settings, except for another role. */
  apply(settings: SessionSettings): void {
    this.readOnly = settings.readOnly;
    this.rpc.applyOptions(settings);
  }

  /** Sends a message after all that the monitors have to tell. */
  send(message: JsonRpcMessage): void {
    this.#sendText(messageText(message));
  }

  #sendText(text: string): void {
    this.#flushMonitors();
    this.#sendNow(text);
  }

  #sendNow(text: string): void {
    if (this.#outgoing === '') void Promise.resolve().then(() => this.#write());
    this.#outgoing += text;
    if (this.#outgoing.length > MAX_BATCH) this.#write();
  }

  /** Sends what has gathered: the replies to all the requests that came in one piece are one piece too. */
  #write(): void {
    const text = this.#outgoing;
    if (text === '') return;
    this.#outgoing = '';
    this.rpc.rpc?.sendText(text);
    if (this.rpc.backlog > 0) this.rpc.rpc?.pause();
  }

  #drained(): void {
    if (this.rpc.backlog > 0) return;
    this.flush();
    this.#listen();
  }

  /** Reads on, or not. */
  #listen(): void {
    if (this.rpc.backlog > 0 || this.#isFull) this.rpc.rpc?.pause();
    else this.rpc.rpc?.resume();
  }

  /** Tells the monitors' changes unless the client is behind. */
  flush(): void {
    if (this.monitors.size === 0 || this.rpc.backlog > 0) return;
    try {
      this.#flushMonitors();
    } catch (error) {
      // What this client was not told, it learns when it connects again.
      log.errRl(failedLimit, `${this.name}: failed to compose an update: ${errorStack(error)}`);
      this.rpc.forceReconnect();
    }
  }

  #flushMonitors(): void {
    for (const monitor of this.monitors.values()) {
      const text = monitor.monitor.takeUpdate();
      if (text !== undefined) this.sendUpdate(monitor, text);
    }
  }

  /** @param text JSON of <table-updates> */
  sendUpdate({ idText, monitor }: SessionMonitor, text: string): void {
    const lastId = monitor.version === 3 ? `"${monitor.lastId}",` : '';
    this.#sendNow(
      `{"id":null,"method":"${UPDATE_METHODS[monitor.version]}","params":[${idText},${lastId}${text}]}`,
    );
  }

  reply(id: Json, result: Json | JsonText): void {
    const text = result instanceof JsonText ? result.text : stringifyJson(result);
    this.#sendText(`{"error":null,"id":${stringifyJson(id)},"result":${text}}`);
  }

  #message(message: JsonRpcMessage): void {
    if (message.type === 'request') this.#request(message);
    else if (message.type === 'notification') NOTIFICATIONS.get(message.method)?.(this, message.params);
    else {
      log.warn(`${this.name}: received unexpected ${message.type} message`);
      this.rpc.forceReconnect();
    }
  }

  #request(request: JsonRpcRequest): void {
    let result: Json | JsonText | undefined;
    try {
      const method = METHODS.get(request.method);
      if (!method || (method.needsMonitorCond && !this.server.monitorCond))
        throw new MethodError('unknown method');
      result = method.run(this, request);
    } catch (error) {
      this.send({ type: 'error', error: this.#errorReply(error, request), id: request.id });
      return;
    }
    if (result !== undefined) this.reply(request.id, result);
  }

  #errorReply(error: unknown, { method }: JsonRpcRequest): Json {
    if (error instanceof MethodError) return error.message;
    if (error instanceof OvsdbError) return error.toJson();
    // A mistake of ours costs this request, not the others.
    log.errRl(failedLimit, `${this.name}: failed to carry out "${method}": ${errorStack(error)}`);
    return internalError(error).toJson();
  }

  notifyLock(method: 'locked' | 'stolen', name: string): void {
    this.send({ type: 'notification', method, params: [name] });
  }

  /** @throws OvsdbError when the client has so many of something that one more is too many */
  checkRoom(held: ReadonlyMap<string, unknown>, what: string): void {
    if (held.size >= MAX_HELD) throw new OvsdbError('resources exhausted', `too many ${what}`);
  }

  addMonitor(monitor: SessionMonitor): void {
    this.monitors.set(sortedJson(monitor.id), monitor);
  }

  /** @param notify whether a client that follows the databases itself is told */
  removeMonitor(key: string, notify: boolean): void {
    const entry = this.monitors.get(key);
    if (!entry) return;
    this.monitors.delete(key);
    entry.monitor.close();
    if (notify && this.dbChangeAware && this.rpc.isConnected)
      this.send({ type: 'notification', method: 'monitor_canceled', params: [entry.id] });
  }

  addTrigger(pending: PendingTrigger): void {
    this.triggers.set(sortedJson(pending.id), pending);
    if (this.triggers.size < MAX_UNDER_WAY || this.#isFull) return;
    if (this.#underWay() < MAX_UNDER_WAY) return;
    this.#isFull = true;
    this.#listen();
  }

  removeTrigger(key: string): void {
    this.triggers.delete(key);
    this.listenAgain();
  }

  /** Those that wait for a condition do not count: they may wait long, and "cancel" has to be heard meanwhile. */
  #underWay(): number {
    let n = 0;
    for (const { trigger } of this.triggers.values()) if (!trigger.isWaiting) n++;
    return n;
  }

  /** To be called when a transaction has ended, or waits for a condition now. */
  readonly listenAgain = (): void => {
    if (!this.#isFull || this.#underWay() > MAX_UNDER_WAY / 2) return;
    this.#isFull = false;
    this.#listen();
  };

  /** Gives a waiting transaction up; a client that can tell gets the error "canceled". */
  cancelTrigger(key: string): void {
    const pending = this.triggers.get(key);
    if (!pending) return;
    this.removeTrigger(key);
    pending.served.triggers.cancel(pending.trigger);
    if (this.dbChangeAware && this.rpc.isConnected)
      this.send({ type: 'error', error: 'canceled', id: pending.id });
  }

  /** Drops everything about a database that is going away or (`replaced`) changing its schema. */
  forgetDatabase(served: ServedDatabase, replaced: boolean): void {
    for (const [key, monitor] of [...this.monitors])
      if (monitor.served === served) this.removeMonitor(key, true);
    for (const [key, pending] of [...this.triggers])
      if (pending.served === served && (pending.trigger.isBegun || !replaced)) this.cancelTrigger(key);
  }

  reconnect(force: boolean, comment: string): void {
    if (this.dbChangeAware && !force) return;
    if (this.rpc.isConnected) log.info(`${this.name}: disconnecting (${comment})`);
    this.rpc.forceReconnect();
  }

  #forgetAll(): void {
    this.#outgoing = '';
    for (const key of [...this.triggers.keys()]) this.cancelTrigger(key);
    for (const key of [...this.monitors.keys()]) this.removeMonitor(key, false);
    unlockAll(this);
    this.dbChangeAware = false;
  }

  #disconnected(): void {
    this.#forgetAll();
    if (!this.rpc.isAlive) this.close();
  }

  /** Ends the session for good. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#forgetAll();
    this.rpc.close();
    this.server.sessions.delete(this);
    this.onEnd();
  }
}
