/** What the handler of each OpenFlow message is given, and may return. */

import { OfpError } from '../../openflow/errors.ts';
import type { Message, OfpBody, OfpKind } from '../../openflow/messages/message.ts';
import { OFP13 } from '../../openflow/version.ts';
import type { Requester } from '../flow-monitors.ts';
import type { OfConn } from '../ofconn.ts';
import type { Ofproto } from '../ofproto.ts';

/**
 * What is left of a request: each `next()` does a slice of it. Later messages of the connection wait until it is
 * done; a connection whose peer does not read need not go on with it.
 */
export type Job = Iterator<void, void>;

/** One request under way. */
export class Request implements Requester {
  readonly ofproto: Ofproto;
  readonly conn: OfConn;
  readonly version: number;
  readonly xid: number;
  /** More parts of a multipart request follow. */
  readonly more: boolean;
  /** The whole message, for errors. */
  readonly bytes: Uint8Array;

  constructor(
    ofproto: Ofproto,
    conn: OfConn,
    header: { version: number; xid: number; more?: boolean },
    bytes: Uint8Array,
  ) {
    this.ofproto = ofproto;
    this.conn = conn;
    this.version = header.version;
    this.xid = header.xid;
    // Before OpenFlow 1.3 requests had one part.
    this.more = header.version >= OFP13 && (header.more ?? false);
    this.bytes = bytes;
  }

  /** Answers. @param more parts follow */
  reply(body: OfpBody, more = false): undefined {
    this.conn.sendReply(body, this.xid, more);
  }

  /** @throws OfpError for a controller that may only read */
  rejectSecondary(): void {
    if (this.conn.role === 'secondary') throw new OfpError('OFPBRC_IS_SECONDARY');
  }

  /** @throws OfpError for padding of the message that is not zero */
  requireZero(start: number, end: number): void {
    if (this.bytes.subarray(start, end).some((byte) => byte !== 0)) throw new OfpError('NXBRC_MUST_BE_ZERO');
  }
}

/** @throws OfpError the error to answer with */
export type Handler<K extends OfpKind> = (body: Message<K>, request: Request) => Job | undefined;

/** A time span as OpenFlow splits it. */
export function duration(fromMs: number, nowMs: number): { durationSec: number; durationNsec: number } {
  const ms = Math.max(0, Math.floor(nowMs - fromMs));
  return { durationSec: Math.floor(ms / 1000), durationNsec: (ms % 1000) * 1_000_000 };
}
