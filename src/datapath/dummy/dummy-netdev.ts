/**
 * Dummy network devices: what the tests plug into a switch instead of hardware. Packets come from the command
 * `netdev-dummy/receive` or a stream; what is sent goes to streams, pcap files and counters.
 *
 * Received packets wait in a queue of at most {@link MAX_QUEUE} and are handed over one at a time, so that tests see
 * them treated in order. C counterpart: lib/netdev-dummy.c.
 */
import { ERRNO } from '../../base/errno.ts';
import { type Host, SystemError } from '../../base/host.ts';
import { vlog } from '../../base/vlog.ts';
import { ETH_TYPE } from '../../packet/ethernet.ts';
import { getMac, getU16, getU32, putMac, putU16, putU32 } from '../../packet/wire.ts';
import {
  type Mac,
  type Netdev,
  type NetdevIo,
  type NetdevLink,
  type NetdevQueue,
  type NetdevStats,
  type PacketArena,
  type PacketBatch,
  UNKNOWN_COUNTER,
} from '../netdev-provider.ts';
import {
  ActivePacketConnection,
  type PacketConnection,
  PassivePacketConnection,
} from './packet-connection.ts';
import { PcapFile } from './pcap.ts';

const log = vlog('netdev_dummy');

const MAX_QUEUE = 100;
const MIN_MTU = 68;
const MAX_MTU = 65_535;
const ETH_HEADER_BYTES = 14;
const VLAN_TAG_BYTES = 4;
const MAX_QUEUES_PER_PORT = 1024;

/** aa:55:aa:55:00:00, then one more for each device. */
const FIRST_MAC = 0xaa55aa550000;
let devicesMade = 0;

export type DummyType = string;

export class DummyNetdev implements Netdev {
  readonly name: string;
  readonly type: DummyType;
  changeSeq = 1;
  readonly vanished = false;
  changed: () => void = () => {};
  readonly #host: Host;
  readonly #onClose: () => void;
  #mac: Mac = FIRST_MAC + devicesMade++;
  #mtu = 1500;
  #up = true;
  #ifindex = 0;
  /** IPv4 addresses that the device answers ARP requests for. */
  readonly #addresses = new Set<number>();
  #options: ReadonlyMap<string, string> = new Map();
  #connection: PacketConnection | undefined;
  #rxPcap: PcapFile | undefined;
  #txPcap: PcapFile | undefined;
  #io: DummyIo | undefined;
  #queues = 1;
  readonly #stats = { rxPackets: 0, rxBytes: 0, txPackets: 0, txBytes: 0 };

  constructor(host: Host, type: DummyType, name: string, onClose: () => void) {
    this.#host = host;
    this.type = type;
    this.name = name;
    this.#onClose = onClose;
  }

  ifindex(): number {
    return this.#ifindex;
  }
  mac(): Mac {
    return this.#mac;
  }
  setMac(mac: Mac): void {
    if (mac === this.#mac) return;
    this.#mac = mac;
    this.#notify();
  }
  mtu(): number {
    return this.#mtu;
  }
  setMtu(mtu: number): void {
    if (mtu < MIN_MTU || mtu > MAX_MTU) throw new SystemError(ERRNO.EINVAL);
    if (mtu === this.#mtu) return;
    this.#mtu = mtu;
    this.#notify();
  }
  setUp(up: boolean): void {
    if (up === this.#up) return;
    this.#up = up;
    this.#notify();
  }

  link(): NetdevLink {
    return {
      up: this.#up,
      // As for C's dummies: nothing is plugged in while the device is down.
      carrier: this.#up,
      carrierResets: 0,
      speedBps: 0,
      fullDuplex: false,
      current: 0,
      advertised: 0,
      supported: 0,
      peer: 0,
    };
  }

  stats(): NetdevStats {
    const { rxPackets } = this.#stats;
    return {
      ...this.#stats,
      rxErrors: UNKNOWN_COUNTER,
      txErrors: UNKNOWN_COUNTER,
      rxDropped: UNKNOWN_COUNTER,
      txDropped: UNKNOWN_COUNTER,
      rxCrcErrors: UNKNOWN_COUNTER,
      rxFrameErrors: UNKNOWN_COUNTER,
      rxOverErrors: UNKNOWN_COUNTER,
      collisions: UNKNOWN_COUNTER,
      custom: new Map([
        ['rx_custom_packets_1', rxPackets],
        ['rx_custom_packets_2', rxPackets],
      ]),
    };
  }

  /** One that does nothing, for tests of messages about queues. */
  queues(): readonly NetdevQueue[] {
    return [{ id: 0, txBytes: undefined, txPackets: undefined, txErrors: undefined }];
  }

  status(): ReadonlyMap<string, string> {
    return new Map();
  }

  configure(options: ReadonlyMap<string, string>): void {
    const integer = (name: string, fallback: number): number => {
      const text = options.get(name);
      return text !== undefined && /^-?\d+$/.test(text) ? Number(text) : fallback;
    };
    this.#options = options;
    this.#ifindex = Math.max(0, integer('ifindex', 0));
    this.#configureConnection(options.get('stream'), options.get('pstream'));
    this.#closePcap();
    const both = options.get('pcap');
    this.#rxPcap = this.#openPcap(both ?? options.get('rxq_pcap'));
    this.#txPcap = both === undefined ? this.#openPcap(options.get('tx_pcap')) : this.#rxPcap;
    if (this.type === 'dummy-pmd')
      this.#queues = Math.min(Math.max(integer('n_rxq', 1), 1), MAX_QUEUES_PER_PORT);
    this.#notify();
  }

  config(): ReadonlyMap<string, string> {
    const config = new Map<string, string>();
    if (this.#options.has('ifindex')) config.set('ifindex', String(this.#ifindex));
    if (this.#connection instanceof PassivePacketConnection) config.set('pstream', this.#connection.target);
    else if (this.#connection) config.set('stream', this.#connection.target);
    if (this.type === 'dummy-pmd') {
      config.set('n_rxq', String(this.#queues));
      config.set('n_txq', this.#options.get('n_txq') ?? '1');
      config.set('numa_id', this.#options.get('numa_id') ?? '0');
    }
    return config;
  }

  /** Receive queues: `netdev-dummy/receive --qid` may name one. */
  get receiveQueues(): number {
    return this.#queues;
  }
  get connectionState(): PacketConnection['state'] {
    return this.#connection?.state ?? 'unknown';
  }

  /** Makes the device answer ARP requests for an IPv4 address. */
  addAddress(ip: number): void {
    this.#addresses.add(ip);
    this.#notify();
  }

  /** A frame arrives. It is lost if no datapath has opened the device or its queue is full. */
  receive(frame: Uint8Array): void {
    this.#rxPcap?.write(frame, this.#host.loop.clock.wallNow());
    this.#io?.enqueue(frame);
  }

  /** For the device's queues: a frame was taken by the datapath. */
  countReceived(bytes: number): void {
    this.#stats.rxPackets++;
    this.#stats.rxBytes += bytes;
  }

  /** For the device's queues: the datapath sends a frame. */
  sent(frame: Uint8Array): void {
    const isTagged = frame.length >= ETH_HEADER_BYTES && getU16(frame, 12) === ETH_TYPE.VLAN_8021Q;
    const largest = this.#mtu + ETH_HEADER_BYTES + (isTagged ? VLAN_TAG_BYTES : 0);
    if (frame.length < ETH_HEADER_BYTES || frame.length > largest) return;
    this.#stats.txPackets++;
    this.#stats.txBytes += frame.length;
    this.#connection?.send(frame);
    this.#answerArp(frame);
    this.#txPcap?.write(frame, this.#host.loop.clock.wallNow());
  }

  openIo(arena: PacketArena): NetdevIo {
    this.#io = new DummyIo(this, arena, () => {
      this.#io = undefined;
    });
    return this.#io;
  }

  close(): void {
    this.#connection?.close();
    this.#connection = undefined;
    this.#closePcap();
    this.#onClose();
  }

  #configureConnection(stream: string | undefined, pstream: string | undefined): void {
    if (stream !== undefined && pstream !== undefined) {
      log.warn(`Open failed: both ${pstream} and ${stream} are configured`);
      return;
    }
    const wanted = stream ?? pstream;
    const isPassive = this.#connection instanceof PassivePacketConnection;
    if (this.#connection?.target === wanted && isPassive === (pstream !== undefined)) return;
    this.#connection?.close();
    this.#connection = undefined;
    const receive = (frame: Uint8Array): void => this.receive(frame);
    if (pstream !== undefined) this.#connection = new PassivePacketConnection(this.#host, pstream, receive);
    else if (stream !== undefined) this.#connection = new ActivePacketConnection(this.#host, stream, receive);
  }

  #openPcap(path: string | undefined): PcapFile | undefined {
    if (path === undefined) return undefined;
    try {
      return new PcapFile(this.#host.storage, path);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log.warn(`${path}: failed to open pcap file for appending (${error.message})`);
      return undefined;
    }
  }

  #closePcap(): void {
    this.#rxPcap?.close();
    if (this.#txPcap !== this.#rxPcap) this.#txPcap?.close();
    this.#rxPcap = undefined;
    this.#txPcap = undefined;
  }

  #answerArp(request: Uint8Array): void {
    if (this.#addresses.size === 0 || request.length < 42) return;
    if (getU16(request, 12) !== ETH_TYPE.ARP || getU16(request, 20) !== 1) return;
    const target = getU32(request, 38);
    if (!this.#addresses.has(target)) return;
    const reply = new Uint8Array(42);
    const asker = getMac(request, 6);
    putMac(reply, 0, asker);
    putMac(reply, 6, this.#mac);
    putU16(reply, 12, ETH_TYPE.ARP);
    reply.set(request.subarray(14, 20), 14);
    putU16(reply, 20, 2);
    putMac(reply, 22, this.#mac);
    putU32(reply, 28, target);
    putMac(reply, 32, asker);
    putU32(reply, 38, getU32(request, 28));
    this.receive(reply);
  }

  #notify(): void {
    this.changeSeq++;
    this.changed();
  }
}

class DummyIo implements NetdevIo {
  readonly takesOffloads = false;
  onReadable: (() => void) | undefined;
  readonly #device: DummyNetdev;
  readonly #arena: PacketArena;
  readonly #onClose: () => void;
  #queue: Uint8Array[] = [];

  constructor(device: DummyNetdev, arena: PacketArena, onClose: () => void) {
    this.#device = device;
    this.#arena = arena;
    this.#onClose = onClose;
  }

  enqueue(frame: Uint8Array): void {
    if (this.#queue.length >= MAX_QUEUE) return;
    this.#queue.push(frame);
    this.onReadable?.();
  }

  receive(batch: PacketBatch): number {
    const frame = this.#queue.shift();
    batch.count = frame ? 1 : 0;
    if (!frame) return 0;
    this.#device.countReceived(frame.length);
    const offset = this.#arena.receiveBuffers[0]!;
    this.#arena.u8.set(frame, offset);
    batch.offset[0] = offset;
    batch.length[0] = frame.length;
    batch.offload[0] = 0;
    return 1;
  }

  release(_batch: PacketBatch): void {}

  transmit(batch: PacketBatch, i: number): void {
    const offset = batch.offset[i]!;
    this.#device.sent(this.#arena.u8.slice(offset, offset + batch.length[i]!));
  }

  flush(): void {}

  close(): void {
    this.#queue = [];
    this.#onClose();
  }
}
