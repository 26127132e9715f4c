/**
 * A netlink socket: transactions and dumps, answered before the call returns, and multicast notifications.
 *
 * The kernel answers a request while it is being sent, so a transaction on a non-blocking socket needs no waiting.
 * Notifications have a socket of their own; when the kernel dropped some (ENOBUFS), `lost` says to look at
 * everything again. C counterpart: lib/netlink-socket.c, lib/netlink-notifier.c.
 */
import { ERRNO } from '../../base/errno.ts';
import { SystemError } from '../../base/host.ts';
import { check, errno, libc, pin, setOption } from '../ffi/libc.ts';
import { UvPoll } from '../ffi/uv-poll.ts';
import { messages, type NetlinkMessage, type NetlinkRequest, NLMSG_DONE, NLMSG_ERROR } from './message.ts';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK_CLOEXEC = 0x800 | 0x80000;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const RECEIVE_BYTES = 256 * 1024;
const MSG_DONTWAIT = 0x40;

export const NETLINK_ROUTE = 0;

function openSocket(protocol: number, groups: number): number {
  const fd = check(libc.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, protocol));
  const address = pin(12); // struct sockaddr_nl
  address.view.setUint16(0, AF_NETLINK, true);
  address.view.setUint32(8, groups, true);
  if (libc.bind(fd, address.pointer, 12) < 0) {
    const error = new SystemError(errno());
    libc.close(fd);
    throw error;
  }
  return fd;
}

export class NetlinkSocket {
  readonly #fd: number;
  readonly #rx = pin(RECEIVE_BYTES);
  readonly #tx = pin(4096);
  #sequence = 1;

  /** @throws SystemError */
  constructor(protocol: number) {
    this.#fd = openSocket(protocol, 0);
  }

  /** Sends a request and returns the messages of the answer, copied. @throws SystemError the kernel's error */
  transact(request: NetlinkRequest): NetlinkMessage[] {
    const sequence = this.#sequence++;
    const bytes = request.finish(sequence);
    this.#tx.bytes.set(bytes);
    check(libc.send(this.#fd, this.#tx.pointer, bytes.length, 0));
    const answer: NetlinkMessage[] = [];
    for (;;) {
      const n = check(libc.recv(this.#fd, this.#rx.pointer, RECEIVE_BYTES, MSG_DONTWAIT));
      for (const message of messages(new DataView(this.#rx.bytes.slice(0, n).buffer))) {
        if (message.sequence !== sequence) continue;
        if (message.type === NLMSG_DONE) return answer;
        if (message.type === NLMSG_ERROR) {
          const error = message.body.getInt32(0, true);
          if (error !== 0) throw new SystemError(-error);
          return answer;
        }
        answer.push(message);
      }
    }
  }

  close(): void {
    libc.close(this.#fd);
  }
}

export interface NotifierEvents {
  message(message: NetlinkMessage): void;
  /** The kernel dropped notifications. */
  lost(): void;
}

/** Subscribes to multicast groups (a bit mask) of a protocol. */
export class NetlinkNotifier {
  readonly #fd: number;
  readonly #rx = pin(RECEIVE_BYTES);
  readonly #poll: UvPoll;
  readonly #events: NotifierEvents;

  /** @throws SystemError */
  constructor(protocol: number, groups: number, events: NotifierEvents) {
    this.#events = events;
    this.#fd = openSocket(protocol, groups);
    try {
      setOption(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 * RECEIVE_BYTES);
    } catch {
      // Without CAP_NET_ADMIN the default size has to do.
    }
    this.#poll = new UvPoll(this.#fd, () => this.run());
    this.#poll.ref(false);
  }

  /** Handles everything that has arrived. */
  run(): void {
    for (;;) {
      const n = libc.recv(this.#fd, this.#rx.pointer, RECEIVE_BYTES, MSG_DONTWAIT);
      if (n < 0) {
        const error = errno();
        if (error === ERRNO.ENOBUFS) {
          this.#events.lost();
          continue;
        }
        if (error === ERRNO.EINTR) continue;
        return;
      }
      for (const message of messages(new DataView(this.#rx.bytes.slice(0, n).buffer)))
        this.#events.message(message);
    }
  }

  close(): void {
    this.#poll.close();
    libc.close(this.#fd);
  }
}
