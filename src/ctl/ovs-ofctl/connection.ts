/**
 * One connection of ovs-ofctl to a switch: requests, their replies, and barriers behind which errors are known.
 *
 * Owns its vconn. Messages that arrive while nobody waits are kept in order; the peer is held back when they
 * grow many. C counterpart: vconn_transact* and vconn_bundle* in lib/vconn.c.
 */
import { type Streams, SystemError } from '../../base/host.ts';
import { vlog } from '../../base/vlog.ts';
import { Vconn, type VconnEnd } from '../../ofproto/connmgr/vconn.ts';
import { OFPBCT, OFPBF } from '../../openflow/messages/bundle.ts';
import { tryDecodeMessage } from '../../openflow/messages/decode.ts';
import { encodeMessage } from '../../openflow/messages/encode.ts';
import type { MessageHeader, OfpBody, OfpMessage } from '../../openflow/messages/message.ts';
import type { EncodeOptions } from '../../openflow/messages/options.ts';
import { type Protocol, type VersionBitmap, versionProtocol } from '../../openflow/version.ts';

const log = vlog('vconn');

/** Received messages that may wait here before the peer is held back. */
const MAX_WAITING = 256;
/** Bytes that may wait for the kernel before the next message. */
const MAX_BACKLOG = 1024 * 1024;
/** Requests that have no reply: how many go out at most before a barrier tells of their success. */
const MAX_WINDOW = 64;

/** Requests that were sent one after another, by their numbers, and the barrier after them. */
interface Window {
  readonly first: number;
  readonly last: number;
  readonly barrier: number;
}

/** Why a connection is of no more use; the message is what the C tools print in parentheses. */
export class ConnectionError extends Error {}

const endText = (end: VconnEnd): string => end?.message ?? 'End of file';
const xidOf = (b: Uint8Array): number => ((b[4]! << 24) | (b[5]! << 16) | (b[6]! << 8) | b[7]!) >>> 0;

/** Numbers for messages, one sequence for the whole process, as in the C tools, whose output shows them. */
export class Xids {
  #last = 0;
  next(): number {
    return ++this.#last;
  }
  /** Counts messages that the C tool would send here and this one need not. */
  skip(n: number): void {
    this.#last += n;
  }
}

/** What went wrong with a bundle. */
export interface BundleOutcome {
  /** Error messages of the switch, in the order of their coming. */
  readonly errors: readonly Uint8Array[];
  /** The requests as they were sent, to find the failing one by its number. */
  readonly requests: readonly Uint8Array[];
  /** undefined for success. */
  readonly failure: string | undefined;
}

export class Connection {
  /** As the C tools name it, e.g. 'unix:/run/openvswitch/br0.mgmt'. */
  readonly name: string;
  /** The flow format that the switch expects now. */
  protocol: Protocol = 0;
  readonly #xids: Xids;
  #vconn!: Vconn;
  readonly #waiting: Uint8Array[] = [];
  #read = 0;
  #ended: string | undefined;
  #wake: (() => void) | undefined;

  private constructor(name: string, xids: Xids) {
    this.name = name;
    this.#xids = xids;
  }

  /**
   * Connects and agrees on a version.
   * @throws SystemError
   */
  static async open(
    streams: Streams,
    target: string,
    versions: VersionBitmap,
    xids: Xids,
    anyVersion = false,
  ): Promise<Connection> {
    const connection = new Connection(target, xids);
    // The hello.
    xids.next();
    await new Promise<void>((resolve, reject) => {
      connection.#vconn = Vconn.open(streams, target, versions, {
        connected: resolve,
        message: (bytes) => connection.#message(bytes),
        closed: (end) => {
          connection.#ended = endText(end);
          connection.#notify();
          reject(end ?? new SystemError('ECONNRESET'));
        },
        drained: () => connection.#notify(),
      });
      connection.#vconn.anyVersion = anyVersion;
    });
    connection.protocol = versionProtocol(connection.version);
    return connection;
  }

  get version(): number {
    return this.#vconn.version;
  }

  close(): void {
    this.#vconn.close();
  }

  /** Stops and restarts the flow of messages from the peer. */
  pause(): void {
    this.#vconn.pause();
  }
  resume(): void {
    this.#vconn.resume();
  }

  /** Encodes a message with a number of its own. @throws OfpError when the version cannot say it */
  encode(body: OfpBody, options: EncodeOptions = {}): Uint8Array[] {
    return encodeMessage(this.#complete(body), options);
  }

  #complete(body: OfpBody): OfpMessage {
    return Object.assign({}, body, {
      version: this.version,
      xid: this.#xids.next(),
    } satisfies MessageHeader);
  }

  /** Sends encoded messages that belong together. @returns their number */
  sendBytes(parts: readonly Uint8Array[]): number {
    if (this.#ended !== undefined) throw new ConnectionError(this.#ended);
    for (const part of parts) this.#vconn.send(part);
    return xidOf(parts[0]!);
  }

  /** Encodes and sends. @returns the message's number */
  send(body: OfpBody, options: EncodeOptions = {}): number {
    return this.sendBytes(this.encode(body, options));
  }

  /** Answers a message of the peer, in its version and with its number. */
  reply(message: OfpMessage): void {
    this.sendBytes(encodeMessage(message));
  }

  #message(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    if (this.#waiting.length - this.#read === MAX_WAITING) this.#vconn.pause();
    this.#notify();
  }

  #notify(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  /** A message that is there already. */
  poll(): Uint8Array | undefined {
    const message = this.#waiting[this.#read];
    if (!message) return undefined;
    this.#read++;
    if (this.#read === this.#waiting.length) {
      this.#waiting.length = 0;
      this.#read = 0;
      if (this.#ended === undefined) this.#vconn.resume();
    }
    return message;
  }

  /** The next message. @throws ConnectionError when there will be none */
  async receive(): Promise<Uint8Array> {
    for (;;) {
      const message = this.poll();
      if (message) return message;
      if (this.#ended !== undefined) throw new ConnectionError(this.#ended);
      await this.#change();
    }
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Waits until the peer has read most of what was sent. */
  async #flow(): Promise<void> {
    while (this.#vconn.backlog > MAX_BACKLOG && this.#ended === undefined) await this.#change();
  }

  /** The next message with that number; others are dropped. */
  async receiveReply(xid: number): Promise<Uint8Array> {
    for (;;) {
      const message = await this.receive();
      const got = xidOf(message);
      if (got === xid) return message;
      log.dbg(
        () =>
          `${this.name}: received reply with xid ${got.toString(16).padStart(8, '0')} != expected ${xid.toString(16).padStart(8, '0')}`,
      );
    }
  }

  /** Sends a request and waits for its one reply. */
  transact(body: OfpBody, options: EncodeOptions = {}): Promise<Uint8Array> {
    return this.receiveReply(this.send(body, options));
  }

  /** Ends a window of requests with a barrier. */
  #fence(first: number, last: number): Window {
    return { first, last, barrier: this.send({ kind: 'barrier_request' }) };
  }

  /** Waits until the switch has done all of a window. @returns the first message that answers one of its requests */
  async #outcome({ first, last, barrier }: Window): Promise<Uint8Array | undefined> {
    let answer: Uint8Array | undefined;
    for (;;) {
      const message = await this.receive();
      const xid = xidOf(message);
      if (xid === barrier) return answer;
      if (xid >= first && xid <= last) answer ??= message;
      else
        log.dbg(
          () => `${this.name}: received unexpected reply with xid ${xid.toString(16).padStart(8, '0')}`,
        );
    }
  }

  /** Sends a request that is answered only if it fails. @returns the answer */
  confirm(body: OfpBody, options: EncodeOptions = {}): Promise<Uint8Array | undefined> {
    return this.confirmBytes(this.encode(body, options));
  }
  confirmBytes(parts: readonly Uint8Array[]): Promise<Uint8Array | undefined> {
    const xid = this.sendBytes(parts);
    return this.#outcome(this.#fence(xid, xid));
  }

  /**
   * Sends requests that are answered only if they fail, and stops at the first failure. Short sequences go one by
   * one, as C sends all; long ones in windows that grow, so that more may have been sent after the failing one: at most two
   * windows, of which the switch carries out the first while we encode the second. Larger ones would be no faster.
   * @returns the error message of the switch
   */
  async confirmAll(requests: Iterable<Uint8Array[]>): Promise<Uint8Array | undefined> {
    const unanswered: Window[] = [];
    const answers = async (mayWait: number): Promise<Uint8Array | undefined> => {
      let error: Uint8Array | undefined;
      while (!error && unanswered.length > mayWait) error = await this.#outcome(unanswered.shift()!);
      return error;
    };
    let sent = 0;
    let size = 1;
    let first: number | undefined;
    let last = 0;
    let left = size;
    for (const request of requests) {
      last = this.sendBytes(request);
      first ??= last;
      sent++;
      if (--left > 0) continue;
      unanswered.push(this.#fence(first, last));
      first = undefined;
      const error = await answers(size === MAX_WINDOW ? 1 : 0);
      if (error) return error;
      size = Math.min(1 + (sent >> 5), MAX_WINDOW);
      left = size;
    }
    if (first !== undefined) unanswered.push(this.#fence(first, last));
    return await answers(0);
  }

  /** Carries out requests in one atomic, ordered bundle. */
  async bundle(requests: readonly Uint8Array[]): Promise<BundleOutcome> {
    const errors: Uint8Array[] = [];
    const flags = OFPBF.ATOMIC | OFPBF.ORDERED;
    const outcome = (failure: string | undefined): BundleOutcome => ({ errors, requests, failure });
    const control = async (type: number): Promise<string | undefined> => {
      const reply = await this.#bundleReply(
        this.send({ kind: 'bundle_control', bundleId: 0, type, flags }),
        errors,
      );
      const { message } = tryDecodeMessage(reply);
      if (message?.kind === 'error') errors.push(reply);
      const ok = message?.kind === 'bundle_control' && message.bundleId === 0 && message.type === type + 1;
      return ok ? undefined : new SystemError('EPROTO').message;
    };
    const refused = await control(OFPBCT.OPEN_REQUEST);
    if (refused !== undefined) return outcome(refused);
    for (const message of requests) {
      const body: OfpBody = { kind: 'bundle_add_message', bundleId: 0, flags, message };
      this.sendBytes(encodeMessage({ ...body, version: this.version, xid: xidOf(message) }));
      await this.#flow();
    }
    await this.#bundleReply(this.send({ kind: 'barrier_request' }), errors);
    if (errors.length > 0) {
      await control(OFPBCT.DISCARD_REQUEST);
      return outcome(new SystemError('EPROTO').message);
    }
    return outcome(await control(OFPBCT.COMMIT_REQUEST));
  }

  /** The message with that number; errors before it are collected. */
  async #bundleReply(xid: number, errors: Uint8Array[]): Promise<Uint8Array> {
    for (;;) {
      const message = await this.receive();
      if (xidOf(message) === xid) return message;
      if (message[1] === 1) errors.push(message);
    }
  }
}
