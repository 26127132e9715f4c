/**
 * Packets of a Linux device through AF_PACKET: received from a TPACKET_V2 ring, sent by sendmmsg straight out of
 * whatever memory they lie in.
 *
 * Version 2 of the ring, not 3, since a block of version 3 retires only after a millisecond. The slots hold 1,900
 * bytes; a larger frame (a segment of up to 64 KB that the sender left to us to cut) is queued on the socket as well
 * (PACKET_COPY_THRESH) and read from there, so that a port costs 4 MB, not 64 KB times the depth of its ring.
 * Sending has a socket of its own, with the queueing discipline bypassed. The virtio_net_hdr is always negotiated:
 * without it every TCP sender on the other side of a veth pair would have to compute its checksums.
 * The kernel strips VLAN tags; they are put back here.
 *
 * Needs CAP_NET_RAW. C counterpart: the rxq and send parts of lib/netdev-linux.c.
 */

import { ERRNO } from '../../base/errno.ts';
import { SystemError } from '../../base/host.ts';
import type { NetdevIo, PacketBatch } from '../../datapath/netdev-provider.ts';
import { BATCH_SIZE } from '../../datapath/netdev-provider.ts';
import { check, errno, libc, pin, setOption } from '../ffi/libc.ts';
import type { MappedArena } from '../ffi/mapped-arena.ts';
import { UvPoll } from '../ffi/uv-poll.ts';
import { MMSGHDR_BYTES, readVnetHeader, TX_SLOTS, TxQueue, VNET_HEADER_BYTES } from './tx-queue.ts';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK_CLOEXEC = 0x800 | 0x80000;
const ETH_P_ALL_NETWORK_ORDER = 0x0300;
const MSG_DONTWAIT = 0x40;

const SOL_SOCKET = 1;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_MR_PROMISC = 1;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_COPY_THRESH = 7;
const PACKET_VERSION = 10;
const PACKET_RESERVE = 12;
const PACKET_VNET_HDR = 15;
const PACKET_QDISC_BYPASS = 20;
const PACKET_IGNORE_OUTGOING = 23;
const TPACKET_V2 = 1;

const SLOT_BYTES = 2048;
const BLOCK_BYTES = 65_536;
/** Ring depths to try: 4 MB, 512 KB or 64 KB. Ports after the first {@link MANY_PORTS} start with the second. */
const RING_SLOTS = [2048, 256, 32];
const MANY_PORTS = 32;
/** Puts the Ethernet header at byte 146 of the slot: 2 modulo 4, with 94 bytes before it. */
const RESERVE_BYTES = 70;
const SOCKET_BUFFER_BYTES = 8 << 20;

/** struct tpacket2_hdr, in bytes. */
const TP_STATUS = 0;
const TP_LEN = 4;
const TP_SNAPLEN = 8;
const TP_MAC = 12;
const TP_VLAN_TCI = 24;
const TP_VLAN_TPID = 26;

const TP_STATUS_KERNEL = 0;
const TP_STATUS_USER = 0x01;
const TP_STATUS_COPY = 0x02;
const TP_STATUS_VLAN_VALID = 0x10;
const TP_STATUS_VLAN_TPID_VALID = 0x40;

const VLAN_TAG_BYTES = 4;

let openRings = 0;
/** struct tpacket_stats (packets, drops) and its length. */
const statistics = pin(12);

function packetSocket(ifindex: number, protocol: number, prepare: (fd: number) => void): number {
  const fd = check(libc.socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK_CLOEXEC, 0));
  try {
    setOption(fd, SOL_PACKET, PACKET_VNET_HDR, 1);
    prepare(fd);
    const address = pin(20); // struct sockaddr_ll
    address.view.setUint16(0, AF_PACKET, true);
    address.view.setUint16(2, protocol, true);
    address.view.setInt32(4, ifindex, true);
    check(libc.bind(fd, address.pointer, 20));
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Asks for a socket buffer beyond the system's limit, which needs CAP_NET_ADMIN; without it the limit has to do. */
function enlarge(fd: number, option: number): void {
  try {
    setOption(fd, SOL_SOCKET, option, SOCKET_BUFFER_BYTES);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
}

interface Ring {
  readonly fd: number;
  readonly slots: number;
  /** Where the first slot lies in the arena. */
  readonly offset: number;
}

/** A receiving socket with as deep a ring as there is memory for. */
function openRing(arena: MappedArena, ifindex: number): Ring {
  const depths = openRings < MANY_PORTS ? RING_SLOTS : RING_SLOTS.slice(1);
  for (const [i, slots] of depths.entries()) {
    const bytes = slots * SLOT_BYTES;
    let offset = 0;
    try {
      const fd = packetSocket(ifindex, ETH_P_ALL_NETWORK_ORDER, (rx) => {
        setOption(rx, SOL_PACKET, PACKET_VERSION, TPACKET_V2);
        setOption(rx, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
        setOption(rx, SOL_PACKET, PACKET_RESERVE, RESERVE_BYTES);
        setOption(rx, SOL_PACKET, PACKET_COPY_THRESH, 1);
        enlarge(rx, SO_RCVBUFFORCE);
        // Promiscuous for as long as the socket is open: frames for other hosts are what a switch is for.
        setOption(rx, SOL_PACKET, PACKET_ADD_MEMBERSHIP, ifindex, PACKET_MR_PROMISC, 0, 0);
        setOption(rx, SOL_PACKET, PACKET_RX_RING, BLOCK_BYTES, bytes / BLOCK_BYTES, SLOT_BYTES, slots);
        offset = arena.mapRing(rx, bytes);
      });
      return { fd, slots, offset };
    } catch (error) {
      const isShort =
        error instanceof RangeError || (error instanceof SystemError && error.errno === ERRNO.ENOMEM);
      if (!isShort || i === depths.length - 1) throw error;
    }
  }
  throw new SystemError(ERRNO.ENOMEM);
}

function closeRing(arena: MappedArena, ring: Ring): void {
  arena.free(ring.offset, ring.slots * SLOT_BYTES);
  libc.close(ring.fd);
}

export class PacketSocketIo implements NetdevIo {
  readonly takesOffloads = true;
  onReadable: (() => void) | undefined;
  /** Frames that the kernel refused, by whether they were larger than the MTU. */
  txErrors = 0;
  txOversize = 0;
  /** Frames that were lost because neither the slot nor the socket had room. */
  rxTruncated = 0;
  #rxDropped = 0;
  #closed = false;
  readonly #arena: MappedArena;
  readonly #u16: Uint16Array;
  readonly #i32: Int32Array;
  readonly #rxFd: number;
  readonly #txFd: number;
  readonly #slots: number;
  readonly #ring: number;
  /** Where a large frame with its virtio_net_hdr goes, for each packet of a batch. */
  readonly #largeBuffers: readonly bigint[];
  readonly #tx: TxQueue;
  readonly #poll: UvPoll;
  /** The next slot to look at, and how many before it the batch still uses. */
  #next = 0;
  #held = 0;

  /** @throws SystemError EPERM without CAP_NET_RAW, ENODEV */
  constructor(arena: MappedArena, ifindex: number) {
    this.#arena = arena;
    this.#u16 = arena.u16;
    this.#i32 = arena.i32;
    this.#largeBuffers = Array.from(arena.receiveBuffers, (offset) =>
      arena.pointer(offset - VNET_HEADER_BYTES),
    );
    const { fd, slots, offset } = openRing(arena, ifindex);
    this.#rxFd = fd;
    this.#slots = slots;
    this.#ring = offset;
    const undo = [() => closeRing(arena, { fd, slots, offset })];
    try {
      this.#txFd = packetSocket(ifindex, 0, (tx) => {
        setOption(tx, SOL_PACKET, PACKET_QDISC_BYPASS, 1);
        enlarge(tx, SO_SNDBUFFORCE);
      });
      undo.push(() => libc.close(this.#txFd));
      this.#tx = new TxQueue(arena);
      undo.push(() => this.#tx.close());
      this.#poll = new UvPoll(fd, () => this.onReadable?.());
    } catch (error) {
      for (const step of undo.reverse()) step();
      throw error;
    }
    openRings++;
  }

  receive(batch: PacketBatch): number {
    const i32 = this.#i32;
    const u16 = this.#u16;
    const slots = this.#slots;
    let next = this.#next;
    let count = 0;
    let held = 0;
    while (count < BATCH_SIZE) {
      const slot = this.#ring + next * SLOT_BYTES;
      const status = Atomics.load(i32, (slot + TP_STATUS) >> 2);
      if ((status & TP_STATUS_USER) === 0) break;
      next = next + 1 === slots ? 0 : next + 1;
      held++;
      let length = i32[(slot + TP_SNAPLEN) >> 2]!;
      let offset = slot + u16[(slot + TP_MAC) >> 1]!;
      if (length < i32[(slot + TP_LEN) >> 2]!) {
        length = (status & TP_STATUS_COPY) !== 0 ? this.#receiveLarge(count) : -1;
        offset = this.#arena.receiveBuffers[count]!;
        if (length < 0) {
          this.rxTruncated++;
          continue;
        }
      }
      readVnetHeader(u16, batch, count, offset);
      if ((status & TP_STATUS_VLAN_VALID) !== 0) {
        const tpid = (status & TP_STATUS_VLAN_TPID_VALID) !== 0 ? u16[(slot + TP_VLAN_TPID) >> 1]! : 0x8100;
        offset = putTagBack(u16, offset, tpid, u16[(slot + TP_VLAN_TCI) >> 1]!);
        length += VLAN_TAG_BYTES;
        batch.checksum[count] = batch.checksum[count]! + VLAN_TAG_BYTES;
      }
      batch.offset[count] = offset;
      batch.length[count] = length;
      count++;
    }
    this.#next = next;
    this.#held = held;
    batch.count = count;
    return count;
  }

  release(_batch: PacketBatch): void {
    const i32 = this.#i32;
    const slots = this.#slots;
    let slot = this.#next - this.#held;
    if (slot < 0) slot += slots;
    for (let n = this.#held; n > 0; n--) {
      Atomics.store(i32, (this.#ring + slot * SLOT_BYTES + TP_STATUS) >> 2, TP_STATUS_KERNEL);
      slot = slot + 1 === slots ? 0 : slot + 1;
    }
    this.#held = 0;
  }

  transmit(batch: PacketBatch, i: number): void {
    if (this.#tx.count === TX_SLOTS) this.flush();
    this.#tx.add(batch, i);
  }

  flush(): void {
    const { headers, count } = this.#tx;
    for (let sent = 0; sent < count; ) {
      const first = sent === 0 ? headers : headers + BigInt(sent * MMSGHDR_BYTES);
      const n = libc.sendmmsg(this.#txFd, first, count - sent, MSG_DONTWAIT);
      if (n > 0) {
        sent += n;
        continue;
      }
      // A refused frame ends the call: it is dropped and the rest tried again, unless the socket is full.
      const error = errno();
      if (error === ERRNO.EAGAIN) {
        this.txErrors += count - sent;
        break;
      }
      if (error === ERRNO.EMSGSIZE) this.txOversize++;
      else this.txErrors++;
      sent++;
    }
    this.#tx.count = 0;
  }

  /** Frames that found the ring full. */
  rxDropped(): number {
    // The kernel counts from the last time it was asked.
    statistics.view.setUint32(8, 8, true);
    const { pointer } = statistics;
    if (
      !this.#closed &&
      libc.getsockopt(this.#rxFd, SOL_PACKET, PACKET_STATISTICS, pointer, pointer + 8n) === 0
    )
      this.#rxDropped += statistics.view.getUint32(4, true);
    return this.#rxDropped + this.rxTruncated;
  }

  close(): void {
    this.#closed = true;
    this.#poll.close();
    closeRing(this.#arena, { fd: this.#rxFd, slots: this.#slots, offset: this.#ring });
    libc.close(this.#txFd);
    this.#tx.close();
    openRings--;
  }

  /** Reads the copy of a frame that did not fit its slot; returns its length, or -1. */
  #receiveLarge(i: number): number {
    const size = 65_536 + 64;
    const n = libc.recv(this.#rxFd, this.#largeBuffers[i]!, size, MSG_DONTWAIT);
    return n < VNET_HEADER_BYTES ? -1 : n - VNET_HEADER_BYTES;
  }
}

/** Moves the MAC addresses 4 bytes to the front and writes a tag behind them; returns the new offset. */
export function putTagBack(u16: Uint16Array, offset: number, tpid: number, tci: number): number {
  const to = (offset - VLAN_TAG_BYTES) >> 1;
  for (let i = 0; i < 6; i++) u16[to + i] = u16[to + i + 2]!;
  u16[to + 6] = (tpid << 8) | (tpid >> 8);
  u16[to + 7] = (tci << 8) | (tci >> 8);
  return offset - VLAN_TAG_BYTES;
}
