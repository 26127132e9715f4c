/**
 * A host that answers ARP and ICMP echo, and pings: enough of a machine to show that a switch works.
 *
 * It hangs on a dummy device's stream (`options:pstream=...`), whose framing is a 16-bit length before each
 * frame. Frames that it does not understand it drops. Limits: IPv4 without fragments or options, one address.
 */
import type { Host, Stream } from '../base/host.ts';
import { csum, isIpv4HeaderSumGood } from '../packet/checksum.ts';
import { buildEthernet, ETH_HEADER_BYTES, ETH_TYPE } from '../packet/ethernet.ts';
import { buildIpv4, IP_PROTO, IPV4_HEADER_BYTES, isIpv4Sane } from '../packet/ip.ts';
import { getMac, getU16, getU32, putMac, putU16, putU32 } from '../packet/wire.ts';

const BROADCAST = 0xffffffffffff;
const ARP_BYTES = 28;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const ICMP_BYTES = 8;
const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;
const IP_AT = ETH_HEADER_BYTES;
const ICMP_AT = IP_AT + IPV4_HEADER_BYTES;
const RETRY_MS = 100;

export interface StreamHostAddress {
  readonly mac: number;
  readonly ip: number;
}

export class StreamHost {
  readonly address: number;
  readonly #mac: number;
  readonly #host: Host;
  readonly #target: string;
  #stream: Stream | undefined;
  #input = new Uint8Array(0);
  readonly #arp = new Map<number, number>();
  readonly #pings = new Map<number, () => void>();
  #closed = false;

  /** @param target where the device listens, e.g. 'unix:/run/h1.sock'; tried until it does */
  constructor(host: Host, target: string, { mac, ip }: StreamHostAddress) {
    this.#host = host;
    this.#target = target;
    this.#mac = mac;
    this.address = ip;
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    this.#stream?.close();
  }

  /** Sends an echo request. @returns milliseconds until the answer, or undefined when none came in time */
  async ping(to: number, sequence: number, timeoutMs: number): Promise<number | undefined> {
    const start = this.#host.loop.now();
    return await new Promise((resolve) => {
      const finish = (ms: number | undefined): void => {
        this.#pings.delete(sequence);
        deadline.cancel();
        resolve(ms);
      };
      const deadline = this.#host.loop.after(timeoutMs, () => finish(undefined));
      this.#pings.set(sequence, () => finish(this.#host.loop.now() - start));
      const attempt = (): void => {
        if (!this.#pings.has(sequence)) return;
        const mac = this.#arp.get(to);
        if (mac === undefined || !this.#stream) {
          this.#sendArp(ARP_REQUEST, BROADCAST, to);
          this.#host.loop.after(RETRY_MS, attempt);
          return;
        }
        const message = new Uint8Array(ICMP_BYTES + 48);
        message[0] = ECHO_REQUEST;
        putU16(message, 6, sequence);
        this.#sendIcmp(mac, to, message);
      };
      attempt();
    });
  }

  #connect(): void {
    if (this.#closed) return;
    const again = (): void => {
      this.#stream = undefined;
      this.#host.loop.after(RETRY_MS, () => this.#connect());
    };
    this.#host.streams.connect(this.#target, 0, {
      connected: (stream) => {
        this.#stream = stream;
        this.#input = new Uint8Array(0);
        stream.events = { data: (bytes) => this.#data(bytes), close: again };
      },
      failed: again,
    });
  }

  #data(bytes: Uint8Array): void {
    const all = new Uint8Array(this.#input.length + bytes.length);
    all.set(this.#input);
    all.set(bytes, this.#input.length);
    let at = 0;
    while (all.length - at >= 2 && all.length - at - 2 >= getU16(all, at)) {
      const end = at + 2 + getU16(all, at);
      this.#frame(all.subarray(at + 2, end));
      at = end;
    }
    this.#input = all.slice(at);
  }

  #frame(b: Uint8Array): void {
    if (b.length < ETH_HEADER_BYTES) return;
    const to = getMac(b, 0);
    if (to !== this.#mac && to !== BROADCAST) return;
    const type = getU16(b, 12);
    if (type === ETH_TYPE.ARP && b.length >= IP_AT + ARP_BYTES) this.#arpFrame(b);
    else if (type === ETH_TYPE.IP) this.#ipFrame(b);
  }

  #arpFrame(b: Uint8Array): void {
    const from = getU32(b, IP_AT + 14);
    const mac = getMac(b, IP_AT + 8);
    this.#arp.set(from, mac);
    if (getU16(b, IP_AT + 6) === ARP_REQUEST && getU32(b, IP_AT + 24) === this.address)
      this.#sendArp(ARP_REPLY, mac, from);
  }

  #ipFrame(b: Uint8Array): void {
    if (!isIpv4Sane(b, IP_AT, b.length) || !isIpv4HeaderSumGood(b, IP_AT)) return;
    if (getU32(b, IP_AT + 16) !== this.address || b[IP_AT + 9] !== IP_PROTO.ICMP || b[IP_AT] !== 0x45) return;
    const message = b.slice(ICMP_AT, IP_AT + getU16(b, IP_AT + 2));
    if (message.length < ICMP_BYTES || csum(message, 0, message.length) !== 0) return;
    if (message[0] === ECHO_REPLY) this.#pings.get(getU16(message, 6))?.();
    else if (message[0] === ECHO_REQUEST) {
      message[0] = ECHO_REPLY;
      this.#sendIcmp(getMac(b, 6), getU32(b, IP_AT + 12), message);
    }
  }

  #sendArp(operation: number, mac: number, ip: number): void {
    const b = new Uint8Array(IP_AT + ARP_BYTES);
    buildEthernet(b, 0, { dst: mac, src: this.#mac, type: ETH_TYPE.ARP });
    putU16(b, IP_AT, 1);
    putU16(b, IP_AT + 2, ETH_TYPE.IP);
    putU16(b, IP_AT + 4, 0x0604);
    putU16(b, IP_AT + 6, operation);
    putMac(b, IP_AT + 8, this.#mac);
    putU32(b, IP_AT + 14, this.address);
    putMac(b, IP_AT + 18, operation === ARP_REPLY ? mac : 0);
    putU32(b, IP_AT + 24, ip);
    this.#send(b);
  }

  #sendIcmp(mac: number, ip: number, message: Uint8Array): void {
    const b = new Uint8Array(ICMP_AT + message.length);
    buildEthernet(b, 0, { dst: mac, src: this.#mac, type: ETH_TYPE.IP });
    buildIpv4(
      b,
      IP_AT,
      { src: this.address, dst: ip, proto: IP_PROTO.ICMP, tos: 0, ttl: 64 },
      message.length,
    );
    putU16(message, 2, 0);
    putU16(message, 2, csum(message, 0, message.length));
    b.set(message, ICMP_AT);
    this.#send(b);
  }

  #send(frame: Uint8Array): void {
    const framed = new Uint8Array(frame.length + 2);
    putU16(framed, 0, frame.length);
    framed.set(frame, 2);
    this.#stream?.send(framed);
  }
}
