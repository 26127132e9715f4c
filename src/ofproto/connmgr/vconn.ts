/**
 * An OpenFlow connection over a byte stream: framing, the exchange of hellos, one version from then on.
 *
 * The vconn owns its stream. It tells its owner when the version is agreed, of every message, and once that it is
 * gone (unless the owner closed it). Messages that come in a version other than the agreed one are answered here.
 * C counterpart: lib/vconn.c.
 */

import { coverage } from '../../base/coverage.ts';
import { errorStack } from '../../base/error-stack.ts';
import { hexDump } from '../../base/hex-dump.ts';
import { type Stream, type Streams, SystemError } from '../../base/host.ts';
import { RateLimit, vlog } from '../../base/vlog.ts';
import { tryDecodeMessage } from '../../openflow/messages/decode.ts';
import { encodeOne } from '../../openflow/messages/encode.ts';
import { errorReply } from '../../openflow/messages/error.ts';
import { formatBytes } from '../../openflow/messages/format.ts';
import { helloMessage } from '../../openflow/messages/hello.ts';
import { formatVersions, SUPPORTED_VERSIONS, type VersionBitmap } from '../../openflow/version.ts';
import { MessageFramer } from './framing.ts';

const log = vlog('vconn');
const streamLog = vlog('vconn_stream');
const messageLimit = new RateLimit(600, 600);
const badMessageLimit = new RateLimit(1, 5);
const droppedLimit = new RateLimit(10, 25);
const opened = coverage('vconn_open');
const received = coverage('vconn_received');
const sent = coverage('vconn_sent');

/** The port of OpenFlow, for targets that do not say. */
export const OFP_PORT = 6653;
/** Versions that a connection may use if nothing else is said: all. */
export const DEFAULT_VERSIONS: VersionBitmap = SUPPORTED_VERSIONS;

const OFPT_ECHO_REPLY = 3;
const UTF8 = new TextEncoder();

/** Why a connection ended: an error, or undefined for an orderly end of file. */
export type VconnEnd = SystemError | undefined;

export interface VconnEvents {
  /** The version is agreed; messages follow. */
  connected(): void;
  /** One whole message, which the receiver owns. */
  message(bytes: Uint8Array): void;
  closed(end: VconnEnd): void;
  /** Everything queued has been taken by the kernel. */
  drained?(): void;
}

type State = 'connecting' | 'hello' | 'connected' | 'closed';

/** 'version 0x01', 'version 0x06 and earlier', 'versions 0x01, 0x04'. */
function describeVersions(versions: VersionBitmap): string {
  if (versions === 0) return 'no versions';
  const highest = 31 - Math.clz32(versions);
  if (versions === 1 << highest) return `version ${formatVersions(versions)}`;
  if (versions === (1 << (highest + 1)) - 2) return `version ${formatVersions(1 << highest)} and earlier`;
  return `versions ${formatVersions(versions)}`;
}

export class Vconn {
  /** Of the target or the accepted stream. */
  name: string;
  readonly allowedVersions: VersionBitmap;
  /** What the peer offered; 0 before its hello. */
  peerVersions: VersionBitmap = 0;
  /** The agreed version; 0 before. */
  version = 0;
  /** Takes messages of any version: for connections that only watch. */
  anyVersion = false;
  readonly #events: VconnEvents;
  readonly #framer = new MessageFramer();
  #state: State = 'connecting';
  #stream: Stream | undefined;
  #cancel: (() => void) | undefined;

  private constructor(name: string, allowedVersions: VersionBitmap, events: VconnEvents) {
    this.name = name;
    this.allowedVersions = allowedVersions || DEFAULT_VERSIONS;
    this.#events = events;
  }

  /**
   * Connects to an active target.
   * @throws SystemError EAFNOSUPPORT for a target that is none
   */
  static open(streams: Streams, target: string, allowedVersions: VersionBitmap, events: VconnEvents): Vconn {
    opened.inc();
    const vconn = new Vconn(target, allowedVersions, events);
    vconn.#cancel = streams.connect(target, OFP_PORT, {
      connected: (stream) => vconn.#start(stream),
      failed: (error) => vconn.#end(error),
    });
    return vconn;
  }

  /** Takes over a stream that a listener accepted. Must be called in the turn in which it came. */
  static accept(stream: Stream, allowedVersions: VersionBitmap, events: VconnEvents): Vconn {
    const vconn = new Vconn(stream.name, allowedVersions, events);
    vconn.#start(stream);
    return vconn;
  }

  /** Bytes that the kernel has not taken yet. */
  get backlog(): number {
    return this.#stream?.backlog ?? 0;
  }

  /** Whether there ever was a stream: false when the target could not be reached. */
  get wasOpened(): boolean {
    return this.#stream !== undefined;
  }

  /** Local TCP port, if there is one. */
  get localPort(): number | undefined {
    return this.#stream?.local?.port;
  }

  /** Queues a message. Nothing happens when the connection is not complete or gone. */
  send(message: Uint8Array): void {
    if (this.#state === 'connected') this.#send(message);
  }

  /** Stops and restarts delivery of messages. */
  pause(): void {
    this.#stream?.pause();
  }
  resume(): void {
    this.#stream?.resume();
  }

  /** Closes at once, dropping what is queued. No event follows. */
  close(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#stream?.close();
  }

  #start(stream: Stream): void {
    this.#cancel = undefined;
    this.#stream = stream;
    stream.events = {
      data: (bytes) => this.#data(bytes),
      close: (error) => this.#streamClosed(error),
      drain: () => this.#events.drained?.(),
    };
    this.#state = 'hello';
    this.#send(encodeOne(helloMessage(this.allowedVersions, 1)));
  }

  #send(message: Uint8Array): void {
    if (log.isDbg()) log.dbgRl(messageLimit, () => `${this.name}: sent (Success): ${formatBytes(message)}`);
    sent.inc();
    this.#stream!.send(message);
  }

  #data(bytes: Uint8Array): void {
    let ok = false;
    try {
      ok = this.#framer.push(bytes, (message) => {
        this.#receive(message);
        return this.#state !== 'closed';
      });
    } catch (error) {
      // A mistake of ours costs this connection, not the others.
      log.err(`${this.name}: failed to take a message: ${errorStack(error)}`);
    }
    if (!ok) this.#end(new SystemError('EPROTO'));
  }

  #receive(message: Uint8Array): void {
    received.inc();
    if (log.isDbg()) log.dbgRl(messageLimit, () => `${this.name}: received: ${formatBytes(message)}`);
    if (this.#state === 'hello') this.#receiveHello(message);
    else if (this.anyVersion || message[0] === this.version || message[1]! <= OFPT_ECHO_REPLY)
      this.#events.message(message);
    else this.#refuseVersion(message);
  }

  #receiveHello(bytes: Uint8Array): void {
    const { message } = tryDecodeMessage(bytes);
    if (message?.kind !== 'hello') {
      log.warnRl(
        badMessageLimit,
        `${this.name}: received message while expecting hello: ${formatBytes(bytes)}`,
      );
      this.#end(new SystemError('EPROTO'));
      return;
    }
    if (!message.understood)
      log.warnRl(badMessageLimit, `${this.name}: unknown data in hello:\n${hexDump(bytes)}`);
    this.peerVersions = message.versions;
    const local = describeVersions(this.allowedVersions);
    const peer = describeVersions(this.peerVersions);
    const common = this.peerVersions & this.allowedVersions;
    if (common === 0) {
      log.warnRl(
        badMessageLimit,
        `${this.name}: version negotiation failed (we support ${local}, peer supports ${peer})`,
      );
      this.#refuseHello(`We support ${local}, you support ${peer}, no common versions.`);
      return;
    }
    this.version = 31 - Math.clz32(common);
    log.dbg(
      () =>
        `${this.name}: negotiated OpenFlow version 0x0${this.version} (we support ${local}, peer supports ${peer})`,
    );
    this.#state = 'connected';
    this.#events.connected();
  }

  /** Says why there is no version in common, in the peer's highest version, and ends. */
  #refuseHello(text: string): void {
    const highest = 31 - Math.clz32(this.peerVersions);
    const version = highest >= 1 && highest <= 6 ? highest : 1;
    const payload = UTF8.encode(text.slice(0, 127));
    this.#send(encodeOne({ version, xid: 0, kind: 'error', error: 'OFPHFC_INCOMPATIBLE', payload }));
    this.#stream!.end();
    this.#finish(new SystemError('EPROTO'));
  }

  #refuseVersion(message: Uint8Array): void {
    const got = message[0]!.toString(16).padStart(2, '0');
    const expected = this.version.toString(16).padStart(2, '0');
    log.errRl(badMessageLimit, `${this.name}: received OpenFlow version 0x${got} != expected ${expected}`);
    this.#send(encodeOne(errorReply('OFPBRC_BAD_VERSION', message.subarray(0, 64))));
  }

  #streamClosed(error: SystemError | undefined): void {
    if (error === undefined && this.#framer.isMidMessage) {
      streamLog.errRl(droppedLimit, 'connection dropped mid-packet');
      this.#finish(new SystemError('EPROTO'));
      return;
    }
    // A peer that leaves before it said hello has reset the connection.
    this.#finish(error ?? (this.#state === 'hello' ? new SystemError('ECONNRESET') : undefined));
  }

  #end(error: SystemError): void {
    this.#stream?.close();
    this.#finish(error);
  }

  #finish(end: VconnEnd): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#events.closed(end);
  }
}

/** Kind of connection method: one that connects, one that listens, or none. */
export function targetKind(target: string): 'active' | 'passive' | undefined {
  if (/^(tcp|ssl|unix):/.test(target)) return 'active';
  return /^(ptcp|pssl|punix):/.test(target) ? 'passive' : undefined;
}
