/**
 * Log lines to a syslog daemon: as the C library's syslog() sends them to /dev/log, or to a socket that the user names.
 *
 * Where nobody listens, lines are lost without a word; a daemon that appears later is found within a second.
 * C counterparts: lib/syslog-libc.c, syslog-direct.c, syslog-null.c.
 */
import fs from 'node:fs';
import { ERRNO } from '../base/errno.ts';
import { formatTime } from '../base/vlog.ts';
import { parseIpv4, parseIpv6 } from '../flow/text.ts';
import { DatagramSocket, type DatagramTarget } from './ffi/datagram.ts';

const DEV_LOG = '/dev/log';
const DEFAULT_PORT = 514;
const RETRY_MS = 1000;
/** The longest line that is tried; a socket that takes less says so. */
const MAX_BYTES = 65_000;

/** One place that lines go to; connects when there is something to say. */
class Sender {
  readonly #target: DatagramTarget;
  #socket: DatagramSocket | undefined;
  #retryAt = Number.NEGATIVE_INFINITY;
  #maxBytes = MAX_BYTES;

  constructor(target: DatagramTarget) {
    this.#target = target;
  }

  send(line: string, monotonicMs: number): void {
    let bytes: Uint8Array = Buffer.from(line);
    // A second try after the receiver was started anew; and ever shorter ones for a socket that does not take it all.
    for (let opened = false; this.#socket || !opened; ) {
      if (!this.#socket) {
        if (monotonicMs < this.#retryAt) return;
        opened = true;
        this.#socket = this.#open();
        if (!this.#socket) {
          this.#retryAt = monotonicMs + RETRY_MS;
          return;
        }
      }
      bytes = bytes.subarray(0, this.#maxBytes);
      const errno = this.#socket.send(bytes);
      if (errno === 0 || errno === ERRNO.EAGAIN) return;
      if (errno === ERRNO.EMSGSIZE && bytes.length > 20) {
        this.#maxBytes = bytes.length - Math.ceil(bytes.length / 20);
        continue;
      }
      this.#socket.close();
      this.#socket = undefined;
    }
  }

  #open(): DatagramSocket | undefined {
    // Looking is cheaper than the C library.
    if ('path' in this.#target && !fs.existsSync(this.#target.path)) return undefined;
    return DatagramSocket.open(this.#target);
  }
}

/** IP[:PORT], the IP in brackets if it is of version 6. */
function udpTarget(text: string, defaultPort: number | undefined): DatagramTarget | undefined {
  const parts = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(text);
  const host = parts?.[1] ?? parts?.[2] ?? '';
  const port = parts?.[3] === undefined ? defaultPort : Number(parts[3]);
  const ipv4 = parseIpv4(host);
  const ip = ipv4 === undefined ? parseIpv6(host) : BigInt(ipv4);
  if (ip === undefined || port === undefined || port > 65_535) return undefined;
  const family = ipv4 === undefined ? 6 : 4;
  const address = new Uint8Array(family === 4 ? 4 : 16);
  let number = ip;
  for (let k = address.length; k-- > 0; number >>= 8n) address[k] = Number(number & 0xffn);
  return { family, address, port };
}

export class Syslog {
  /** What comes before the pattern of a line, in the pattern's language. */
  readonly prefix: string;
  /** Nothing is ever sent. */
  readonly isOff: boolean;
  readonly #program: string;
  readonly #asLibc: boolean;
  readonly #sender: Sender | undefined;

  /**
   * @param method 'null', 'libc', 'unix:FILE' or 'udp:IP[:PORT]'
   * @throws Error for another
   */
  constructor(program: string, method: string) {
    this.#program = program;
    this.#asLibc = method === 'libc';
    this.isOff = method === 'null';
    this.prefix = this.isOff ? '' : this.#asLibc ? '<%B> %D{%h %e %T} %E %A:' : '<%B>';
    if (this.#asLibc) this.#sender = new Sender({ path: DEV_LOG });
    else if (method.startsWith('unix:')) this.#sender = new Sender({ path: method.slice(5) });
    else if (method.startsWith('udp:')) {
      const target = udpTarget(method.slice(4), DEFAULT_PORT);
      this.#sender = target && new Sender(target);
    } else if (!this.isOff) throw new Error(`unsupported syslog method '${method}'`);
  }

  /** @param priority facility and severity */
  log(priority: number, line: string, wallMs: number, monotonicMs: number): void {
    if (!this.#sender) return;
    let head = `<${priority}>`;
    if (this.#asLibc) {
      const offset = -new Date(wallMs).getTimezoneOffset();
      head += `${formatTime('%h %e %T', wallMs, offset)} ${this.#program}: `;
    }
    // A message of several lines is as many messages.
    for (const one of line.split('\n')) if (one !== '') this.#sender.send(head + one, monotonicMs);
  }
}

/** Where `--syslog-target=IP:PORT` sends lines, beside the method. */
export function syslogTarget(text: string): ((line: string, monotonicMs: number) => void) | undefined {
  const target = udpTarget(text, undefined);
  if (!target) return undefined;
  const sender = new Sender(target);
  return (line, monotonicMs) => sender.send(line, monotonicMs);
}
