/**
 * How far a TCP connection is, and whether a segment can belong to it.
 *
 * Each side has the range of sequence numbers that it may send: from what it sent before to what the other has
 * acknowledged plus its window. Segments outside are invalid - unless the tracker is told to follow only the flags, for
 * hosts behind network cards that reassemble. Connections may be picked up after they began.
 * The algorithm is that of Guido van Rooij's "Real Stateful TCP Packet Filtering in IP Filter", which the C
 * implementation took from FreeBSD's pf. C counterpart: lib/conntrack-tcp.c.
 */
import { coverage } from '../../base/coverage.ts';
import type { PacketArena } from '../netdev-provider.ts';
import { get32 } from './modify.ts';

const invalidFlags = coverage('conntrack_invalid_tcp_flags');
const bypassed = coverage('conntrack_tcp_seq_chk_bypass');
const outOfWindow = coverage('conntrack_tcp_seq_chk_failed');

const TCP_FIN = 1;
export const TCP_SYN = 2;
const TCP_RST = 4;
const TCP_PSH = 8;
export const TCP_ACK = 16;
const TCP_URG = 32;

/** States of one side, by the numbers that conntrack's tools know; the tracker does not tell all of them apart. */
export const TCP_STATE = {
  CLOSED: 0,
  LISTEN: 1,
  SYN_SENT: 2,
  SYN_RECV: 3,
  ESTABLISHED: 4,
  CLOSE_WAIT: 5,
  FIN_WAIT_1: 6,
  CLOSING: 7,
  LAST_ACK: 8,
  FIN_WAIT_2: 9,
  TIME_WAIT: 10,
} as const;

/** Which of the connection's timeouts runs. */
export type TcpPhase = 'first' | 'opening' | 'established' | 'closing' | 'finWait' | 'closed';

/** What a segment is to its connection; 'again' begins a new connection of the same tuple. */
export type TcpVerdict = 'new' | 'established' | 'invalid' | 'again';

/** A segment may acknowledge data that is older than this many bytes, and not more. */
const MAX_ACK_WINDOW = 0xffff + 1500;
const OPTION_END = 0;
const OPTION_NOP = 1;
const OPTION_WINDOW_SCALE = 3;
const MAX_SCALE = 14;

/** Distance of two sequence numbers, which wrap. */
const distance = (a: number, b: number): number => (a - b) | 0;

/** One TCP header, read into fields that stand until the next. */
export class TcpSegment {
  flags = 0;
  seq = 0;
  ack = 0;
  window = 0;
  payloadBytes = 0;
  /** Of the window scale option; undefined without it. */
  scale: number | undefined;

  /** @param end where the IP packet ends */
  read({ u8 }: PacketArena, l4: number, end: number, flags: number): void {
    const header = (u8[l4 + 12]! >> 4) * 4;
    this.flags = flags;
    this.seq = get32(u8, l4 + 4);
    this.ack = get32(u8, l4 + 8);
    this.window = (u8[l4 + 14]! << 8) | u8[l4 + 15]!;
    this.payloadBytes = Math.max(0, end - l4 - header);
    this.scale = undefined;
    if ((flags & TCP_SYN) !== 0) this.#readOptions(u8, l4 + 20, Math.min(l4 + header, end));
  }

  #readOptions(u8: Uint8Array, from: number, end: number): void {
    for (let at = from; at + 3 <= end; ) {
      const kind = u8[at]!;
      if (kind === OPTION_END) return;
      if (kind === OPTION_NOP) {
        at++;
        continue;
      }
      if (kind === OPTION_WINDOW_SCALE) this.scale = Math.min(u8[at + 2]!, MAX_SCALE);
      at += Math.max(2, u8[at + 1]!);
    }
  }
}

/** One side of a connection. */
class TcpPeer {
  state: number = TCP_STATE.CLOSED;
  /** Highest sequence number sent, and that it may send. */
  low = 0;
  high = 0;
  /** Largest window it has announced, unscaled. */
  maxWindow = 0;
  /** Exponent of its windows; undefined without the option. */
  scale: number | undefined;
  /** The connection was picked up after its SYN: its scale cannot be known. */
  liberal = false;
}

/** The sequence number state of one connection. */
export class TcpConnection {
  /** The side that opened it, and the other. */
  readonly peers: readonly [TcpPeer, TcpPeer] = [new TcpPeer(), new TcpPeer()];
  phase: TcpPhase = 'first';
  /** Whether the last {@link update} starts the timeout of `phase` again. */
  renewed = false;

  constructor(first: TcpSegment) {
    const [src, dst] = this.peers;
    const isSyn = (first.flags & TCP_SYN) !== 0;
    src.low = first.seq;
    src.high =
      (first.seq + first.payloadBytes + 1 + (isSyn ? 1 : 0) + ((first.flags & TCP_FIN) !== 0 ? 1 : 0)) | 0;
    src.scale = first.scale;
    src.liberal = dst.liberal = !isSyn;
    src.maxWindow = Math.ceil(Math.max(first.window, 1) / 2 ** (first.scale ?? 0));
    src.state = TCP_STATE.SYN_SENT;
    dst.high = 1;
    dst.maxWindow = 1;
  }

  /** Takes a segment in. */
  update(segment: TcpSegment, isReply: boolean, checkSequence: boolean): TcpVerdict {
    const { flags } = segment;
    if (isInvalidTcp(flags)) {
      invalidFlags.inc();
      return 'invalid';
    }
    const src = this.peers[isReply ? 1 : 0];
    const dst = this.peers[isReply ? 0 : 1];
    this.renewed = false;
    if ((flags & (TCP_SYN | TCP_ACK)) === TCP_SYN) {
      if (dst.state >= TCP_STATE.FIN_WAIT_2 && src.state >= TCP_STATE.FIN_WAIT_2) {
        src.state = dst.state = TCP_STATE.CLOSED;
        return 'again';
      }
      if (src.state <= TCP_STATE.SYN_SENT) {
        src.state = TCP_STATE.SYN_SENT;
        this.#enter('first');
        return 'new';
      }
    }
    return this.#follow(segment, src, dst, checkSequence) ? 'established' : 'invalid';
  }

  #enter(phase: TcpPhase): void {
    this.phase = phase;
    this.renewed = true;
  }

  /** @returns whether the segment is sound */
  #follow(segment: TcpSegment, src: TcpPeer, dst: TcpPeer, checkSequence: boolean): boolean {
    const { flags } = segment;
    const isSyn = (flags & TCP_SYN) !== 0;
    let { window } = segment;
    let sourceScale = 0;
    let otherScale = 0;
    if (!isSyn && src.scale !== undefined && dst.scale !== undefined) {
      sourceScale = src.scale;
      otherScale = dst.scale;
    } else if (!isSyn && src.liberal && dst.liberal) {
      sourceScale = otherScale = MAX_SCALE;
    }
    let seq = segment.seq;
    let end = (seq + segment.payloadBytes + (isSyn ? 1 : 0) + ((flags & TCP_FIN) !== 0 ? 1 : 0)) | 0;
    let checkAck = true;
    if (src.state < TCP_STATE.SYN_SENT) {
      // This side's first segment.
      if (isSyn && dst.scale !== undefined) {
        src.scale = segment.scale;
        src.liberal = false;
        if (segment.scale !== undefined) {
          sourceScale = segment.scale;
          otherScale = dst.scale;
          window = Math.ceil(window / 2 ** sourceScale);
        } else {
          // Scaling takes both: the other's window was meant as it stood.
          dst.maxWindow = (dst.maxWindow << dst.scale) & 0xffff;
          dst.scale = undefined;
        }
      }
      src.low = seq;
      src.state = TCP_STATE.SYN_SENT;
      const high = (end + Math.max(1, dst.maxWindow << otherScale)) | 0;
      if (src.high === 1 || distance(high, src.high) >= 0) {
        src.high = high;
        checkAck = false;
      }
      src.maxWindow = Math.max(src.maxWindow, window);
    }
    // Without an acknowledgement, or with the 0 that some hosts reset a connection with, there is none to check.
    const resets = (flags & (TCP_ACK | TCP_RST)) === (TCP_ACK | TCP_RST);
    const ack = (flags & TCP_ACK) === 0 || (segment.ack === 0 && resets) ? dst.low : segment.ack;
    if (seq === end) {
      // No data: nothing that could be out of place.
      seq = end = src.low;
    }
    const skew = checkAck ? distance(dst.low, ack) : 0;
    const fits =
      distance(src.high, end) >= 0 &&
      distance(seq, src.low - (dst.maxWindow << otherScale)) >= 0 &&
      skew >= -MAX_ACK_WINDOW &&
      skew <= MAX_ACK_WINDOW << sourceScale &&
      ((flags & TCP_RST) === 0 || Math.abs(distance(segment.seq, src.low)) <= 1);
    if (!fits && !checkSequence) bypassed.inc();
    if (!fits && checkSequence) {
      const loose =
        (dst.state < TCP_STATE.SYN_SENT ||
          dst.state >= TCP_STATE.FIN_WAIT_2 ||
          src.state >= TCP_STATE.FIN_WAIT_2) &&
        distance(src.high + MAX_ACK_WINDOW, end) >= 0 &&
        distance(seq, src.low - MAX_ACK_WINDOW) >= 0;
      if (!loose) {
        outOfWindow.inc();
        return false;
      }
      // Tolerated while a connection is half open or nearly closed, but it does not keep it alive.
      slide(src, dst, window, end, ack, sourceScale);
      if ((flags & TCP_FIN) !== 0 && src.state < TCP_STATE.CLOSING) src.state = TCP_STATE.CLOSING;
      if ((flags & TCP_RST) !== 0) src.state = dst.state = TCP_STATE.TIME_WAIT;
      return true;
    }
    slide(src, dst, window, end, ack, sourceScale);
    if ((flags & TCP_FIN) !== 0 && src.state < TCP_STATE.CLOSING) src.state = TCP_STATE.CLOSING;
    if ((flags & TCP_ACK) !== 0) {
      if (dst.state === TCP_STATE.SYN_SENT) dst.state = TCP_STATE.ESTABLISHED;
      else if (dst.state === TCP_STATE.CLOSING) dst.state = TCP_STATE.FIN_WAIT_2;
    }
    if ((flags & TCP_RST) !== 0) src.state = dst.state = TCP_STATE.TIME_WAIT;
    this.#enter(phaseOf(Math.min(src.state, dst.state), Math.max(src.state, dst.state)));
    return true;
  }
}

/** Moves the windows on. */
function slide(
  src: TcpPeer,
  dst: TcpPeer,
  window: number,
  end: number,
  ack: number,
  sourceScale: number,
): void {
  src.maxWindow = Math.max(src.maxWindow, window);
  if (distance(end, src.low) > 0) src.low = end;
  const room = window << sourceScale;
  if (distance(ack + room, dst.high) >= 0) dst.high = (ack + Math.max(room, 1)) | 0;
}

function phaseOf(least: number, most: number): TcpPhase {
  if (least >= TCP_STATE.FIN_WAIT_2) return 'closed';
  if (least >= TCP_STATE.CLOSING) return 'finWait';
  if (least < TCP_STATE.ESTABLISHED) return 'opening';
  return most >= TCP_STATE.CLOSING ? 'closing' : 'established';
}

/** Flag combinations that no sound stack sends. */
export function isInvalidTcp(flags: number): boolean {
  if (flags & TCP_SYN ? flags & (TCP_RST | TCP_FIN) : (flags & (TCP_ACK | TCP_RST)) === 0) return true;
  return (flags & TCP_ACK) === 0 && (flags & (TCP_FIN | TCP_PSH | TCP_URG)) !== 0;
}
