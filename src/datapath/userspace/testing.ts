/** Frames and a loop for the tests of this folder. */
import { Clock } from '../../base/clock.ts';
import { Loop } from '../../base/loop.ts';
import { csum, csumAdd, csumFinish, csumPseudoIpv4, csumPseudoIpv6 } from '../../packet/checksum.ts';

/** A loop whose deferred work runs when the test says so. */
export class TestLoop extends Loop {
  readonly #deferred: (() => void)[];
  #time: { ms: number };

  constructor() {
    const deferred: (() => void)[] = [];
    const time = { ms: 1000 };
    super(new Clock({ monotonicMs: () => time.ms, wallMs: () => time.ms }), {
      defer: (fn) => deferred.push(fn),
      wakeIn: () => {},
    });
    this.#deferred = deferred;
    this.#time = time;
  }

  /** Runs until nothing is left to do. */
  settle(): void {
    for (let fn = this.#deferred.shift(); fn; fn = this.#deferred.shift()) fn();
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.#time.ms += ms;
    this.runTimers();
    this.settle();
  }
}

export const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

export const bytes = (text: string): Uint8Array =>
  Uint8Array.from(text.replace(/\s+/g, '').match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

export interface FrameOptions {
  readonly version?: 4 | 6;
  readonly proto?: number;
  readonly payload?: number;
  /** TPID and TCI of each tag, outermost first. */
  readonly tags?: readonly (readonly [tpid: number, tci: number])[];
  readonly source?: number;
  readonly destination?: number;
  readonly tos?: number;
  readonly ttl?: number;
}

const ETHERNET = '020000000002020000000001';

/** A frame of TCP (6), UDP (17), SCTP (132), ICMP (1) or ICMPv6 (58) with right checksums. */
export function frame(options: FrameOptions = {}): Uint8Array {
  const { version = 4, proto = 17, payload = 20, tags = [], source = 1000, destination = 2000 } = options;
  const { tos = 0, ttl = 64 } = options;
  const l2 = bytes(
    ETHERNET + tags.map(([tpid, tci]) => word(tpid) + word(tci)).join('') + (version === 4 ? '0800' : '86dd'),
  );
  const l4Header = { 6: 20, 17: 8, 132: 12, 1: 8, 58: 8 }[proto] ?? 0;
  const l4Bytes = l4Header + payload;
  const l3Bytes = version === 4 ? 20 : 40;
  const out = new Uint8Array(l2.length + l3Bytes + l4Bytes);
  const view = new DataView(out.buffer);
  out.set(l2);
  const ip = l2.length;
  if (version === 4) {
    view.setUint8(ip, 0x45);
    view.setUint8(ip + 1, tos);
    view.setUint16(ip + 2, l3Bytes + l4Bytes);
    view.setUint16(ip + 4, 7);
    view.setUint8(ip + 8, ttl);
    view.setUint8(ip + 9, proto);
    view.setUint32(ip + 12, 0x0a000001);
    view.setUint32(ip + 16, 0x0a000002);
    view.setUint16(ip + 10, csum(out, ip, 20));
  } else {
    view.setUint32(ip, 0x60000000 | (tos << 20) | 0x12345);
    view.setUint16(ip + 4, l4Bytes);
    view.setUint8(ip + 6, proto);
    view.setUint8(ip + 7, ttl);
    view.setUint32(ip + 8, 0xfd000000);
    view.setUint32(ip + 20, 1);
    view.setUint32(ip + 24, 0xfd000000);
    view.setUint32(ip + 36, 2);
  }
  const l4 = ip + l3Bytes;
  for (let i = 0; i < payload; i++) out[l4 + l4Header + i] = i * 7;
  if (proto === 6 || proto === 17 || proto === 132) {
    view.setUint16(l4, source);
    view.setUint16(l4 + 2, destination);
  } else if (l4Header > 0) {
    view.setUint8(l4, 8);
  }
  if (proto === 6) {
    view.setUint32(l4 + 4, 1_000_000);
    view.setUint16(l4 + 12, 0x5018);
  }
  if (proto === 17) view.setUint16(l4 + 4, l4Bytes);
  const at = { 6: 16, 17: 6, 1: 2, 58: 2 }[proto];
  if (at !== undefined) view.setUint16(l4 + at, l4Sum(out));
  return out;
}

const word = (v: number): string => v.toString(16).padStart(4, '0');

/** Where the network header of a frame without MPLS starts. */
export function l3Of(b: Uint8Array): number {
  const view = new DataView(b.buffer, b.byteOffset);
  let at = 12;
  while (view.getUint16(at) === 0x8100 || view.getUint16(at) === 0x88a8) at += 4;
  return at + 2;
}

/** The L4 checksum over the frame as it is; 0 if the one in it is right. */
export function l4Sum(b: Uint8Array): number {
  const ip = l3Of(b);
  if (b[ip]! >> 4 === 4) {
    const header = (b[ip]! & 15) * 4;
    const length = ((b[ip + 2]! << 8) | b[ip + 3]!) - header;
    const pseudo = b[ip + 9] === 1 ? 0 : csumPseudoIpv4(b, ip, b[ip + 9]!, length);
    return csumFinish(csumAdd(pseudo, b, ip + header, length));
  }
  const length = (b[ip + 4]! << 8) | b[ip + 5]!;
  return csumFinish(csumAdd(csumPseudoIpv6(b, ip, b[ip + 6]!, length), b, ip + 40, length));
}

/** Whether the IPv4 header checksum (if any) and the L4 checksum are right. */
export function sumsAreRight(b: Uint8Array): boolean {
  const ip = l3Of(b);
  if (b[ip]! >> 4 === 4 && csum(b, ip, (b[ip]! & 15) * 4) !== 0) return false;
  return l4Sum(b) === 0;
}
