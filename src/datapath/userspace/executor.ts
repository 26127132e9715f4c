/**
 * Runs programs over packets: the inner interpreter of the userspace datapath.
 *
 * The loop over operations is outside and the loop over packets inside, so that an operation is decoded once a batch.
 * Frames for output are only queued, by reference; {@link Executor.flush} sends them. Rare operations live in
 * functions of their own, which keeps the interpreter small enough for the optimising compiler.
 * C counterpart: dp_execute_cb of lib/dpif-netdev.c, lib/odp-execute.c.
 */
import { coverage } from '../../base/coverage.ts';
import { jhashWords } from '../../base/jhash.ts';
import type { OdpAction } from '../../odp/action.ts';
import type { NetdevIo, PacketArena, PacketBatch } from '../netdev-provider.ts';
import { finish, mix } from './hash.ts';
import { K, KEY_CT_TUPLE_END, KEY_PLAIN, KEY_STRIDE, KEY_WIDE, KEY_WORDS, swap16 } from './key.ts';
import type { Meters } from './meters.ts';
import {
  decTtl,
  moveStart,
  popMpls,
  popVlan,
  pushMpls,
  pushVlan,
  put32,
  setArp,
  setEth,
  setIcmp,
  setIpv4,
  setIpv6,
  setMpls,
  setNd,
  setPorts,
} from './modify.ts';
import { finishChecksum, Segmenter } from './offload.ts';
import { OP, type Program } from './program.ts';
import { MAX_DEPTH, PacketWork, setMetadata } from './work.ts';

/** A port as the executor sees it. */
export interface OutputPort {
  readonly io: NetdevIo | undefined;
  /** Frames wait for a flush. */
  queued: boolean;
}

/** What the datapath does for the executor. */
export interface ExecutorHost {
  /** Looks up and runs packets anew; their keys hold the metadata. */
  recirculate(work: PacketWork): void;
  /** Sends packet `i`, of which at most `maxLength` bytes matter, to the receiver of upcalls. */
  userspace(
    work: PacketWork,
    i: number,
    maxLength: number,
    action: Extract<OdpAction, { kind: 'userspace' }>,
    program: Program,
  ): void;
  /** Tracks the packets' connections. */
  conntrack(
    work: PacketWork,
    list: Int32Array,
    base: number,
    n: number,
    action: Extract<OdpAction, { kind: 'ct' }>,
  ): void;
  /** The port of the bond's member for a hash; -1 for none. */
  bondPort(bondId: number, hash: number): number;
  now(): number;
  random(): number;
}

const dropMeter = coverage('datapath_drop_meter');
const dropInvalidPort = coverage('datapath_drop_invalid_port');
const dropRecirc = coverage('datapath_drop_recirc_error');
/** Packets dropped by an action, by its reason: enum xlate_error of the C implementation. */
const DROP_COUNTERS = [
  'of_pipeline',
  'bridge_not_found',
  'recursion_too_deep',
  'too_many_resubmit',
  'stack_too_deep',
  'no_recirculation_context',
  'recirculation_conflict',
  'too_many_mpls_labels',
  'invalid_tunnel_metadata',
  'unsupported_packet_type',
  'congestion',
  'forwarding_disabled',
  'tunnel_routing_failed',
  'tunnel_output_no_ethernet',
  'tunnel_neigh_cache_miss',
  'tunnel_header_build_failed',
].map((reason) => coverage(`drop_action_${reason}`));

const NO_LIMIT = 0x7fff_ffff;

export class Executor {
  /** By datapath port number. */
  readonly ports: (OutputPort | undefined)[] = [];
  readonly #arena: PacketArena;
  readonly #host: ExecutorHost;
  readonly #meters: Meters;
  readonly #works: PacketWork[] = [];
  readonly #segmenter: Segmenter;
  /** Ports with frames that wait for a flush. */
  readonly #queued: OutputPort[] = [];

  constructor(arena: PacketArena, meters: Meters, host: ExecutorHost) {
    this.#arena = arena;
    this.#meters = meters;
    this.#host = host;
    this.#segmenter = new Segmenter(arena);
  }

  /** Sends everything that is queued; the packets' memory is free afterwards. */
  flush(): void {
    const queued = this.#queued;
    for (let i = 0; i < queued.length; i++) {
      const port = queued[i]!;
      port.queued = false;
      port.io?.flush();
    }
    queued.length = 0;
  }

  /**
   * Runs `program` from word `pc` for the `n` packets of `work` whose indexes stand in `list` from `base`. May reorder
   * and shorten the list.
   */
  run(program: Program, pc: number, work: PacketWork, list: Int32Array, base: number, n: number): void {
    const { code } = program;
    const arena = this.#arena;
    const { batch } = work;
    let limit = NO_LIMIT;
    while (n > 0) {
      switch (code[pc]) {
        case OP.END:
          return;
        case OP.OUTPUT: {
          const port = this.ports[code[pc + 1]!];
          pc += 2;
          if (port?.io === undefined) {
            dropInvalidPort.add(n);
          } else {
            if (!port.queued) {
              port.queued = true;
              this.#queued.push(port);
            }
            const { io } = port;
            if (limit !== NO_LIMIT || !io.takesOffloads)
              this.#outputWithCare(io, batch, list, base, n, limit);
            else for (let k = 0; k < n; k++) io.transmit(batch, list[base + k]!);
          }
          limit = NO_LIMIT;
          break;
        }
        case OP.FLUSH:
          this.flush();
          pc++;
          break;
        case OP.SET_ETH:
          for (let k = 0; k < n; k++) setEth(arena, batch.offset[list[base + k]!]!, code, pc + 1);
          pc += 7;
          break;
        case OP.SET_IPV4:
          for (let k = 0; k < n; k++) setIpv4(arena, batch, list[base + k]!, code, pc + 1);
          pc += 7;
          break;
        case OP.SET_IPV6:
          for (let k = 0; k < n; k++) setIpv6(arena, batch, list[base + k]!, code, pc + 1);
          pc += 21;
          break;
        case OP.SET_PORTS:
          for (let k = 0; k < n; k++) setPorts(arena, batch, list[base + k]!, code, pc + 1);
          pc += 3;
          break;
        case OP.SET_ICMP:
          for (let k = 0; k < n; k++) setIcmp(arena, batch, list[base + k]!, code, pc + 1);
          pc += 5;
          break;
        case OP.SET_ARP:
          for (let k = 0; k < n; k++) setArp(arena, batch, list[base + k]!, code, pc + 1);
          pc += 15;
          break;
        case OP.SET_ND:
          for (let k = 0; k < n; k++) setNd(arena, batch, list[base + k]!, code, pc + 1);
          pc += 19;
          break;
        case OP.SET_MPLS:
          for (let k = 0; k < n; k++) setMpls(arena, batch, list[base + k]!, code[pc + 1]!, code[pc + 2]!);
          pc += 3;
          break;
        case OP.SET_METADATA:
          for (let k = 0; k < n; k++)
            setMetadata(work, list[base + k]!, code[pc + 1]!, code[pc + 2]!, code[pc + 3]!);
          pc += 4;
          break;
        case OP.PUSH_VLAN:
          for (let k = 0; k < n; k++)
            pushVlan(arena.u16, batch, list[base + k]!, code[pc + 1]!, code[pc + 2]!);
          pc += 3;
          break;
        case OP.POP_VLAN:
          for (let k = 0; k < n; k++) popVlan(arena.u16, batch, list[base + k]!);
          pc++;
          break;
        case OP.PUSH_MPLS:
          for (let k = 0; k < n; k++) pushMpls(arena, batch, list[base + k]!, code[pc + 1]!, code[pc + 2]!);
          pc += 3;
          break;
        case OP.POP_MPLS:
          for (let k = 0; k < n; k++) this.#popMpls(work, list[base + k]!, code[pc + 1]!);
          pc += 2;
          break;
        case OP.ADD_MPLS:
          for (let k = 0; k < n; k++) this.#addMpls(work, list[base + k]!, code[pc + 1]!, code[pc + 2]!);
          pc += 3;
          break;
        case OP.PUSH_ETH:
          for (let k = 0; k < n; k++) this.#pushEth(work, list[base + k]!, code, pc + 1);
          pc += 4;
          break;
        case OP.POP_ETH:
          for (let k = 0; k < n; k++) this.#popEth(work, list[base + k]!);
          pc++;
          break;
        case OP.RECIRC:
          this.#recirculate(work, list, base, n, code[pc + 1]!, code[pc + 2] !== 0);
          pc += 3;
          break;
        case OP.HASH: {
          const hashOf = code[pc + 1] === 1 ? symmetricL4Hash : l4Hash;
          const basis = code[pc + 2]!;
          for (let k = 0; k < n; k++) {
            const i = list[base + k]!;
            setMetadata(work, i, K.DP_HASH, hashOf(work.keys, i * KEY_STRIDE, basis), -1);
          }
          pc += 3;
          break;
        }
        case OP.SAMPLE:
          this.#sample(program, pc, work, list, base, n);
          pc += 4 + code[pc + 3]!;
          break;
        case OP.CLONE:
          this.#nested(program, pc + 3, work, list, base, n, code[pc + 1] !== 0);
          pc += 3 + code[pc + 2]!;
          break;
        case OP.CHECK_PKT_LEN:
          this.#checkPacketLength(program, pc, work, list, base, n);
          pc += 5 + code[pc + 3]! + code[pc + 4]!;
          break;
        case OP.TRUNC:
          limit = code[pc + 1]!;
          pc += 2;
          break;
        case OP.METER: {
          const kept = this.#meters.run(code[pc + 1]!, batch, list, base, n, this.#host.now());
          dropMeter.add(n - kept);
          n = kept;
          pc += 2;
          break;
        }
        case OP.USERSPACE: {
          const action = program.userspace[code[pc + 1]!]!;
          for (let k = 0; k < n; k++) this.#host.userspace(work, list[base + k]!, limit, action, program);
          limit = NO_LIMIT;
          pc += 2;
          break;
        }
        case OP.DROP:
          DROP_COUNTERS[code[pc + 1]!]?.add(n);
          return;
        case OP.LB_OUTPUT:
          this.#bondOutput(work, list, base, n, code[pc + 1]!);
          pc += 2;
          break;
        case OP.CT:
          this.#host.conntrack(work, list, base, n, program.ct[code[pc + 1]!]!);
          pc += 2;
          break;
        case OP.CT_CLEAR:
          for (let k = 0; k < n; k++) clearConntrack(work, list[base + k]!);
          pc++;
          break;
        case OP.PUSH_NSH:
          for (let k = 0; k < n; k++) this.#pushNsh(work, list[base + k]!, program.headers[code[pc + 1]!]!);
          pc += 2;
          break;
        case OP.POP_NSH:
          for (let k = 0; k < n; k++) this.#popNsh(work, list[base + k]!);
          pc++;
          break;
        case OP.DEC_TTL:
          n = this.#decTtl(program, pc + 2, work, list, base, n);
          pc += 2 + code[pc + 1]!;
          break;
        default:
          throw new Error(`operation ${code[pc]} at word ${pc}`);
      }
    }
  }

  /** Outputs that need the packets shortened, or their checksums and segments finished. */
  #outputWithCare(
    io: NetdevIo,
    batch: PacketBatch,
    list: Int32Array,
    base: number,
    n: number,
    limit: number,
  ): void {
    for (let k = 0; k < n; k++) {
      const i = list[base + k]!;
      if (batch.offload[i] !== 0 && (!io.takesOffloads || batch.length[i]! > limit)) {
        // Frames queued elsewhere still say that their checksum is to be done.
        this.flush();
        finishChecksum(this.#arena, batch, i);
        if (batch.offload[i] !== 0 && limit === NO_LIMIT) {
          this.#segmenter.segment(batch, i, (segments) => {
            for (let s = 0; s < segments.count; s++) io.transmit(segments, s);
            io.flush();
          });
          continue;
        }
      }
      const length = batch.length[i]!;
      const offload = batch.offload[i]!;
      if (length > limit) {
        batch.length[i] = limit;
        batch.offload[i] = 0;
      }
      io.transmit(batch, i);
      batch.length[i] = length;
      batch.offload[i] = offload;
    }
    // A flush above forgot that this port has frames waiting.
    io.flush();
  }

  /** Another batch, a level deeper than `work`; undefined if that is too deep. */
  #deeper(work: PacketWork): PacketWork | undefined {
    const depth = work.depth + 1;
    if (depth > MAX_DEPTH) return undefined;
    this.#works[depth] ??= new PacketWork(depth);
    const deeper = this.#works[depth];
    deeper.clear();
    return deeper;
  }

  #recirculate(
    work: PacketWork,
    list: Int32Array,
    base: number,
    n: number,
    recircId: number,
    copy: boolean,
  ): void {
    const deeper = this.#deeper(work);
    if (!deeper) {
      dropRecirc.add(n);
      return;
    }
    for (let k = 0; k < n; k++) {
      deeper.add(this.#arena, work, list[base + k]!, copy);
      deeper.keys[k * KEY_STRIDE + K.RECIRC_ID] = recircId;
    }
    this.#host.recirculate(deeper);
    if (copy) this.flush();
  }

  /** Runs the body at `pc` for packets of a list, or for copies of them. */
  #nested(
    program: Program,
    pc: number,
    work: PacketWork,
    list: Int32Array,
    base: number,
    n: number,
    copy: boolean,
  ): void {
    if (n === 0) return;
    const deeper = this.#deeper(work);
    if (!deeper) {
      dropRecirc.add(n);
      return;
    }
    for (let k = 0; k < n; k++) deeper.add(this.#arena, work, list[base + k]!, copy);
    this.run(program, pc, deeper, deeper.all, 0, n);
    if (copy) this.flush();
  }

  #sample(program: Program, pc: number, work: PacketWork, list: Int32Array, base: number, n: number): void {
    const probability = program.code[pc + 1]! >>> 0;
    const { chosen } = work;
    let count = 0;
    for (let k = 0; k < n; k++) {
      if (probability === 0xffff_ffff || this.#host.random() >>> 0 < probability)
        chosen[count++] = list[base + k]!;
    }
    this.#nested(program, pc + 4, work, chosen, 0, count, program.code[pc + 2] !== 0);
  }

  #checkPacketLength(
    program: Program,
    pc: number,
    work: PacketWork,
    list: Int32Array,
    base: number,
    n: number,
  ): void {
    const { code } = program;
    const limit = code[pc + 1]!;
    const copy = code[pc + 2] !== 0;
    const { chosen: larger, others: rest } = work;
    let largerCount = 0;
    let restCount = 0;
    for (let k = 0; k < n; k++) {
      const i = list[base + k]!;
      if (work.batch.length[i]! > limit) larger[largerCount++] = i;
      else rest[restCount++] = i;
    }
    this.#nested(program, pc + 5, work, larger, 0, largerCount, copy);
    this.#nested(program, pc + 5 + code[pc + 3]!, work, rest, 0, restCount, copy);
  }

  #decTtl(
    program: Program,
    body: number,
    work: PacketWork,
    list: Int32Array,
    base: number,
    n: number,
  ): number {
    const { chosen: expired } = work;
    let expiredCount = 0;
    let kept = 0;
    for (let k = 0; k < n; k++) {
      const i = list[base + k]!;
      if (decTtl(this.#arena, work.batch, i)) list[base + kept++] = i;
      else expired[expiredCount++] = i;
    }
    this.#nested(program, body, work, expired, 0, expiredCount, false);
    return kept;
  }

  #bondOutput(work: PacketWork, list: Int32Array, base: number, n: number, bondId: number): void {
    for (let k = 0; k < n; k++) {
      const i = list[base + k]!;
      const hash = work.keys[i * KEY_STRIDE + K.DP_HASH]! || l4Hash(work.keys, i * KEY_STRIDE, 0);
      const port = this.ports[this.#host.bondPort(bondId, hash)];
      if (port?.io === undefined) {
        dropInvalidPort.add(1);
        continue;
      }
      if (!port.queued) {
        port.queued = true;
        this.#queued.push(port);
      }
      if (port.io.takesOffloads) port.io.transmit(work.batch, i);
      else this.#outputWithCare(port.io, work.batch, list, base + k, 1, NO_LIMIT);
    }
  }

  #pushEth(work: PacketWork, i: number, code: Int32Array, a: number): void {
    const { u16 } = this.#arena;
    const { batch } = work;
    const type = work.keys[i * KEY_STRIDE + K.PACKET_TYPE]! & 0xffff;
    moveStart(batch, i, -14);
    const h = batch.offset[i]! >> 1;
    const rest = code[a + 2]!;
    u16[h] = rest;
    u16[h + 1] = code[a]!;
    u16[h + 2] = code[a]! >>> 16;
    u16[h + 3] = code[a + 1]!;
    u16[h + 4] = code[a + 1]! >>> 16;
    u16[h + 5] = rest >>> 16;
    u16[h + 6] = ((type & 0xff) << 8) | (type >> 8);
    setMetadata(work, i, K.PACKET_TYPE, 0, -1);
  }

  #popEth(work: PacketWork, i: number): void {
    const { u16 } = this.#arena;
    const { batch } = work;
    const type = u16[(batch.offset[i]! >> 1) + 6]!;
    moveStart(batch, i, 14);
    setMetadata(work, i, K.PACKET_TYPE, ETHERTYPE_NS | swap16(type), -1);
  }

  /** Puts a label before all of the packet, whatever it begins with. */
  #addMpls(work: PacketWork, i: number, lse: number, ethertype: number): void {
    const { batch } = work;
    moveStart(batch, i, -4);
    put32(this.#arena.u8, batch.offset[i]!, lse);
    setMetadata(work, i, K.PACKET_TYPE, ETHERTYPE_NS | swap16(ethertype), -1);
  }

  #popMpls(work: PacketWork, i: number, ethertype: number): void {
    const { batch } = work;
    const type = packetTypeOf(work, i);
    if (type !== PACKET_TYPE_MPLS && type !== PACKET_TYPE_MPLS_MULTICAST) {
      popMpls(this.#arena, batch, i, ethertype);
      return;
    }
    if (batch.length[i]! < 4) return;
    moveStart(batch, i, 4);
    const inner = swap16(ethertype);
    setMetadata(work, i, K.PACKET_TYPE, inner === ETH_TYPE_TEB ? 0 : ETHERTYPE_NS | inner, -1);
  }

  #pushNsh(work: PacketWork, i: number, header: Uint8Array): void {
    const { batch, keys } = work;
    const packetType = keys[i * KEY_STRIDE + K.PACKET_TYPE]!;
    moveStart(batch, i, -header.length);
    const at = batch.offset[i]!;
    this.#arena.u8.set(header, at);
    const next = NSH_NEXT_PROTOCOL.get(packetType);
    if (next !== undefined) this.#arena.u8[at + 3] = next;
    setMetadata(work, i, K.PACKET_TYPE, PACKET_TYPE_NSH, -1);
  }

  #popNsh(work: PacketWork, i: number): void {
    const { u8 } = this.#arena;
    const { batch } = work;
    const at = batch.offset[i]!;
    const bytes = (u8[at + 1]! & 0x3f) * 4;
    const inner = [...NSH_NEXT_PROTOCOL].find(([, next]) => next === u8[at + 3]);
    if (!inner || bytes < 8 || bytes > batch.length[i]!) return;
    moveStart(batch, i, bytes);
    setMetadata(work, i, K.PACKET_TYPE, inner[0], -1);
  }
}

/** Namespace 1 of packet_type: the number is an ethertype. */
const ETHERTYPE_NS = 0x10000;
const PACKET_TYPE_NSH = 0x1894f;
const PACKET_TYPE_MPLS = 0x18847;
const PACKET_TYPE_MPLS_MULTICAST = 0x18848;
/** Ethertypes as they stand in a packet. */
const RAW_IPV4 = 0x0008;
const RAW_IPV6 = 0xdd86;
/** Ethertype of an Ethernet frame inside of something. */
const ETH_TYPE_TEB = 0x6558;

const packetTypeOf = (work: PacketWork, i: number): number =>
  work.live[i] === KEY_PLAIN ? 0 : work.keys[i * KEY_STRIDE + K.PACKET_TYPE]!;
/** NSH's next protocol of each packet_type. */
const NSH_NEXT_PROTOCOL: ReadonlyMap<number, number> = new Map([
  [0x10800, 1],
  [0x186dd, 2],
  [0, 3],
  [PACKET_TYPE_NSH, 4],
]);

function clearConntrack(work: PacketWork, i: number): void {
  if (work.live[i] === KEY_PLAIN) return;
  const row = i * KEY_STRIDE;
  const { keys } = work;
  keys[row + K.CT] = 0;
  keys[row + K.CT_MARK] = 0;
  for (let k = 0; k < 4; k++) keys[row + K.CT_LABEL + k] = 0;
  if (work.live[i] === KEY_WORDS) for (let k = KEY_WIDE; k < KEY_CT_TUPLE_END; k++) keys[row + k] = 0;
}

/** A hash of the 5-tuple. */
function l4Hash(keys: Int32Array, ko: number, basis: number): number {
  let src = keys[ko + K.NW_SRC]!;
  let dst = keys[ko + K.NW_DST]!;
  for (let i = 0; i < 4; i++) {
    src ^= keys[ko + K.IPV6_SRC + i]!;
    dst ^= keys[ko + K.IPV6_DST + i]!;
  }
  const hash = mix(mix(basis, src), dst);
  // 0 says that there is no hash.
  return finish(mix(mix(hash, keys[ko + K.NW]! & 0xff), keys[ko + K.TP]!), 16) || 1;
}

const VID_MASK = 0xff0f;
const IPPROTO_TCP = 6;
const IPPROTO_SCTP = 132;
/** Address (4 words), ethertype | VLAN << 16, port | MAC << 16, MAC, protocol. */
const hashed = new Int32Array(8);

/** The hash of C's flow_hash_symmetric_l4(): buckets of groups are chosen by it. */
function symmetricL4Hash(keys: Int32Array, ko: number, basis: number): number {
  const srcHigh = keys[ko + K.DL_SRC_HIGH]!;
  const rest = keys[ko + K.DL_REST]!;
  const typeTci = keys[ko + K.TYPE_TCI]!;
  const proto = keys[ko + K.NW]! & 0xff;
  const tp = keys[ko + K.TP]!;
  const hasPorts = proto === IPPROTO_TCP || proto === IPPROTO_SCTP;
  for (let i = 0; i < 4; i++) hashed[i] = keys[ko + K.IPV6_SRC + i]! ^ keys[ko + K.IPV6_DST + i]!;
  if ((typeTci & 0xffff) === RAW_IPV4) hashed[0] = keys[ko + K.NW_SRC]! ^ keys[ko + K.NW_DST]!;
  const vlan = ((typeTci >>> 16) ^ keys[ko + K.INNER_VLAN]!) & VID_MASK;
  const isIp = (typeTci & 0xffff) === RAW_IPV4 || (typeTci & 0xffff) === RAW_IPV6;
  hashed[4] = (typeTci & 0xffff) | (vlan << 16);
  hashed[5] = (isIp && hasPorts ? (tp ^ (tp >>> 16)) & 0xffff : 0) | ((srcHigh ^ rest) << 16);
  hashed[6] = keys[ko + K.DL_DST_LOW]! ^ ((srcHigh >>> 16) | (rest & ~0xffff));
  hashed[7] = isIp ? proto : 0;
  return jhashWords(hashed, 32, basis) | 0;
}
