/** A tracked connection of the userspace datapath, and how tools see it. */
import type { CtTuple } from '../../openflow/messages/message.ts';
import type { CtEntry } from '../dpif-provider.ts';
import type { ZoneCount } from './conntrack-limits.ts';
import type { TcpConnection } from './conntrack-tcp.ts';
import { IPV6, isIcmp, reverse, T } from './conntrack-tuple.ts';
import { swap16, swap32 } from './key.ts';

/** Bits of ct_state. */
export const CS = {
  NEW: 0x01,
  ESTABLISHED: 0x02,
  RELATED: 0x04,
  REPLY_DIR: 0x08,
  INVALID: 0x10,
  TRACKED: 0x20,
  SRC_NAT: 0x40,
  DST_NAT: 0x80,
} as const;

export class Connection {
  readonly zone: number;
  /** As packets of the first direction have it, and of the other. */
  readonly original: Int32Array;
  readonly reply: Int32Array;
  /** {@link CS.SRC_NAT} and {@link CS.DST_NAT}. */
  nat = 0;
  mark = 0;
  readonly label = new Int32Array(4);
  /** For TCP only. */
  tcp: TcpConnection | undefined;
  /** Of other protocols: an answer has been seen. */
  answered = false;
  expiresMs = 0;
  /** Where it counts against a limit. */
  zoneCount: ZoneCount | undefined;

  /** Of the tuple of its first packet. */
  constructor(original: Int32Array) {
    this.zone = original[T.ZONE]!;
    this.original = original;
    this.reply = original.slice();
    reverse(this.reply);
  }

  describe(nowMs: number): CtEntry {
    const { original, reply, tcp } = this;
    const peers = tcp?.peers;
    return {
      zone: this.zone,
      ipProto: original[T.PROTO]! & 0xff,
      l3Type: (original[T.PROTO]! & IPV6) === 0 ? 4 : 6,
      orig: tupleForTools(original),
      reply: tupleForTools(reply),
      mark: this.mark >>> 0,
      labels: this.label.reduce((all, word) => (all << 32n) | BigInt(word >>> 0), 0n),
      timeoutS: Math.max(0, Math.floor((this.expiresMs - nowMs) / 1000)),
      tcp: peers && {
        states: [peers[0].state, peers[1].state],
        scales: [peers[0].scale, peers[1].scale],
        liberal: [peers[0].liberal, peers[1].liberal],
      },
    };
  }
}

const MAPPED_IPV4 = 0xffffn << 32n;

/** The words of an address as they stand in a packet, as a number. */
function addressOf(tuple: Int32Array, at: number): bigint {
  if ((tuple[T.PROTO]! & IPV6) === 0) return MAPPED_IPV4 | BigInt(swap32(tuple[at]!) >>> 0);
  let address = 0n;
  for (let k = 0; k < 4; k++) address = (address << 32n) | BigInt(swap32(tuple[at + k]!) >>> 0);
  return address;
}

function tupleForTools(tuple: Int32Array): CtTuple {
  const icmp = isIcmp(tuple[T.PROTO]! & 0xff);
  const port = tuple[T.SRC_PORT]!;
  return {
    src: addressOf(tuple, T.SRC),
    dst: addressOf(tuple, T.DST),
    srcPort: icmp ? 0 : swap16(port),
    dstPort: icmp ? 0 : swap16(tuple[T.DST_PORT]!),
    icmpId: icmp ? swap16(port & 0xffff) : 0,
    icmpType: icmp ? port >>> 16 : 0,
    icmpCode: 0,
  };
}
