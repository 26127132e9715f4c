/**
 * A controller of one switch: it makes of it a learning switch, a hub, or one that switches by itself.
 *
 * Owns nothing but what it has learned; the connection is its owner's. C counterpart: lib/learning-switch.c.
 */
import { RateLimit, vlog } from '../../base/vlog.ts';
import { extractFlow } from '../../flow/extract.ts';
import {
  catchAllMatch,
  F,
  type Flow,
  type Match,
  newFlow,
  VLAN_CFI,
  VLAN_PCP_MASK,
  VLAN_VID_MASK,
} from '../../flow/layout.ts';
import { normalizeMatch } from '../../flow/match/normalize.ts';
import { OFPFW10 } from '../../flow/match/of10.ts';
import { OFPP } from '../../flow/ports.ts';
import { ipv4PrefixMask } from '../../flow/text.ts';
import { MacLearning } from '../../ofproto/l2/mac-learning.ts';
import type { OfpAct } from '../../openflow/actions/action.ts';
import { tryDecodeMessage } from '../../openflow/messages/decode.ts';
import { encodeMessage } from '../../openflow/messages/encode.ts';
import { flowModOf, OFPTT_ALL } from '../../openflow/messages/flow-mod.ts';
import { formatBytes } from '../../openflow/messages/format.ts';
import { type Message, NO_BUFFER, OFPR, type OfpBody } from '../../openflow/messages/message.ts';
import { type Protocol, type Protocols, protocolVersion, versionProtocol } from '../../openflow/version.ts';
import { isReservedMac } from '../../packet/ethernet.ts';
import { protocolStep } from '../protocol-step.ts';

const log = vlog('learning_switch');
const limit = new RateLimit(30, 300);

/** Bytes that may wait for the switch before packets to it are dropped. */
const MAX_BACKLOG = 64 * 1024;
const DEFAULT_MISS_SEND_LEN = 128;
const VLAN = 0;
const OFP13 = 4;

/** The connection to the switch. */
export interface SwitchLink {
  readonly name: string;
  /** The agreed version. */
  readonly version: number;
  readonly backlog: number;
  send(message: Uint8Array): void;
  countOverflow(): void;
}

/** Flows that each switch gets when it connects. */
export interface DefaultFlows {
  readonly protocols: Protocols;
  encoded(protocol: Protocol, xids: { next(): number }): Iterable<Uint8Array>;
}

export interface LearningSwitchOptions {
  readonly mode: 'learn' | 'flood' | 'normal';
  readonly wildcards: number;
  readonly maxIdle: number | undefined;
  readonly mute: boolean;
  readonly defaultQueue: number | undefined;
  readonly portQueues: ReadonlyMap<string, number>;
  readonly flows: DefaultFlows | undefined;
  readonly xids: { next(): number };
  /** Monotonic ms. */
  now(): number;
}

/** What flows match on: all fields of OpenFlow 1.0's match but those that `wildcards` (OFPFW10) names. */
export function maskOfWildcards(wildcards: number): Flow {
  const mask = newFlow();
  const matched = (bit: number): boolean => (wildcards & bit) === 0;
  const prefix = (shift: number): number => ipv4PrefixMask(32 - Math.min((wildcards >>> shift) & 63, 32));
  if (matched(OFPFW10.IN_PORT)) mask[F.IN_PORT] = 0xffff_ffff;
  for (const [bit, word] of [
    [OFPFW10.DL_SRC, F.DL_SRC],
    [OFPFW10.DL_DST, F.DL_DST],
  ] as const) {
    if (!matched(bit)) continue;
    mask[word] = 0xffff;
    mask[word + 1] = 0xffff_ffff;
  }
  if (matched(OFPFW10.DL_VLAN)) mask[F.VLAN_TCI0] = VLAN_VID_MASK | VLAN_CFI;
  if (matched(OFPFW10.DL_VLAN_PCP)) mask[F.VLAN_TCI0] = mask[F.VLAN_TCI0]! | VLAN_PCP_MASK | VLAN_CFI;
  if (matched(OFPFW10.DL_TYPE)) mask[F.DL_TYPE] = 0xffff;
  if (matched(OFPFW10.NW_TOS)) mask[F.NW_TOS] = 0xfc;
  if (matched(OFPFW10.NW_PROTO)) mask[F.NW_PROTO] = 0xff;
  mask[F.NW_SRC] = prefix(OFPFW10.NW_SRC_SHIFT);
  mask[F.NW_DST] = prefix(OFPFW10.NW_DST_SHIFT);
  if (matched(OFPFW10.TP_SRC)) mask[F.TP_SRC] = 0xffff;
  if (matched(OFPFW10.TP_DST)) mask[F.TP_DST] = 0xffff;
  return mask;
}

const macAt = (flow: Flow, word: number): number => flow[word]! * 0x1_0000_0000 + flow[word + 1]!;
const macText = (mac: number): string =>
  mac
    .toString(16)
    .padStart(12, '0')
    .replace(/(..)(?=.)/g, '$1:');

export class LearningSwitch {
  readonly #link: SwitchLink;
  readonly #options: LearningSwitchOptions;
  readonly #mask: Flow;
  /** Undefined where every packet is flooded. */
  readonly #macs: MacLearning<number> | undefined;
  readonly #queues = new Map<number, number>();
  #protocol: Protocol = 0;
  /** Undefined until the switch has told its features; only then its packets are switched. */
  #datapathId: bigint | undefined;

  constructor(link: SwitchLink, options: LearningSwitchOptions) {
    this.#link = link;
    this.#options = options;
    this.#mask = maskOfWildcards(options.wildcards);
    this.#macs = options.mode === 'learn' ? new MacLearning(() => options.now()) : undefined;
  }

  get #id(): string {
    return (this.#datapathId ?? 0n).toString(16).padStart(16, '0');
  }

  /** The connection is there: asks for the features, and fills the flow tables. */
  connected(): void {
    this.#protocol = versionProtocol(this.#link.version);
    this.#send({ kind: 'features_request' });
    this.#send({
      kind: 'set_config',
      frag: 0,
      invalidTtlToController: undefined,
      missSendLen: DEFAULT_MISS_SEND_LEN,
    });
    // Later versions drop what no flow matches unless told otherwise.
    if (this.#link.version >= OFP13) {
      this.#send({
        kind: 'flow_mod',
        ...flowModOf({
          match: catchAllMatch(),
          priority: 0,
          actions: [{ kind: 'output', port: OFPP.CONTROLLER, maxLen: DEFAULT_MISS_SEND_LEN }],
        }),
      });
    }
    if (this.#options.flows) this.#sendFlows(this.#options.flows);
  }

  /** In a format that can say them. What the switch thinks of that is not waited for: most understand all. */
  #sendFlows(flows: DefaultFlows): void {
    const { protocols } = flows;
    const want = protocols & this.#protocol ? this.#protocol : protocols & -protocols;
    if (want === 0 || protocolVersion(want) !== this.#link.version) {
      log.infoRl(limit, `${this.#link.name}: failed to set usable protocol`);
      return;
    }
    while (this.#protocol !== want) {
      const { step, next } = protocolStep(this.#protocol, want);
      this.#send(step);
      this.#protocol = next;
    }
    for (const message of flows.encoded(want, this.#options.xids)) this.#link.send(message);
  }

  receive(bytes: Uint8Array): void {
    const { message, error } = tryDecodeMessage(bytes);
    this.#macs?.run();
    if (this.#options.mute) return;
    if (!message || error) {
      if (message?.kind === 'packet_in') log.warnRl(limit, `failed to decode packet-in: ${error!.code}`);
      return;
    }
    switch (message.kind) {
      case 'echo_request':
        this.#queue({ kind: 'echo_reply', data: message.data }, message.xid);
        break;
      case 'features_reply':
        if (this.#datapathId === undefined) this.#features(message);
        break;
      case 'packet_in':
        if (this.#datapathId !== undefined) this.#packetIn(message);
        break;
      case 'flow_removed':
        break;
      default:
        log.dbgRl(
          limit,
          () => `${this.#id}: OpenFlow packet ignored: ${formatBytes(bytes, { verbosity: 2 })}`,
        );
    }
  }

  #features({ datapathId, ports }: Message<'features_reply'>): void {
    this.#datapathId = datapathId;
    for (const { name, portNo } of ports ?? []) {
      const queue = this.#options.portQueues.get(name);
      if (queue !== undefined) this.#queues.set(portNo, queue);
    }
  }

  #packetIn(m: Message<'packet_in'>): void {
    // What a flow sends to the controller is somebody else's experiment.
    if (m.reason !== OFPR.NO_MATCH) return;
    const inPort = m.metadata.flow[F.IN_PORT]!;
    const flow = newFlow();
    extractFlow(m.packet, flow);
    flow[F.IN_PORT] = inPort;

    const outPort = this.#destination(flow);
    const actions = this.#actions(outPort, inPort);
    const buffered = m.bufferId !== NO_BUFFER;
    const { maxIdle } = this.#options;
    if (maxIdle !== undefined && (!this.#macs || outPort !== OFPP.FLOOD)) {
      this.#queue({
        kind: 'flow_mod',
        ...flowModOf({
          match: this.#matchOf(flow),
          priority: 1,
          tableId: OFPTT_ALL,
          idleTimeout: maxIdle,
          bufferId: m.bufferId,
          actions,
        }),
      });
      // The flow takes a buffered packet along.
      if (buffered) return;
      if (outPort === OFPP.NONE) return;
    } else if (!buffered && outPort === OFPP.NONE) {
      return;
    }
    const metadata = catchAllMatch();
    metadata.flow[F.IN_PORT] = inPort;
    metadata.mask[F.IN_PORT] = 0xffff_ffff;
    const packet = buffered ? new Uint8Array(0) : m.packet;
    this.#queue({ kind: 'packet_out', packet, bufferId: m.bufferId, metadata, actions });
  }

  /** Learns where a packet came from. @returns the port where it has to go, FLOOD, NORMAL, or NONE */
  #destination(flow: Flow): number {
    const inPort = flow[F.IN_PORT]!;
    const source = macAt(flow, F.DL_SRC);
    if (this.#macs?.update(source, VLAN, false, false, inPort))
      log.dbgRl(limit, () => `${this.#id}: learned that ${macText(source)} is on port ${inPort}`);
    const destination = macAt(flow, F.DL_DST);
    if (isReservedMac(destination)) return OFPP.NONE;
    const outPort = this.#macs?.lookup(destination, VLAN)?.port ?? OFPP.FLOOD;
    // Never back to where it came from.
    if (outPort === inPort) return OFPP.NONE;
    return this.#options.mode === 'normal' && outPort !== OFPP.FLOOD ? OFPP.NORMAL : outPort;
  }

  #actions(outPort: number, inPort: number): OfpAct[] {
    if (outPort === OFPP.NONE) return [];
    const queue = this.#queues.get(inPort) ?? this.#options.defaultQueue;
    if (queue === undefined || outPort >= OFPP.MAX) return [{ kind: 'output', port: outPort, maxLen: 0 }];
    return [{ kind: 'enqueue', port: outPort, queue }];
  }

  #matchOf(flow: Flow): Match {
    const match = catchAllMatch();
    for (let i = 0; i < flow.length; i++) {
      match.mask[i] = this.#mask[i]!;
      match.flow[i] = flow[i]! & this.#mask[i]!;
    }
    normalizeMatch(match, false);
    return match;
  }

  /** Sends, unless too much waits for the switch already. */
  #queue(body: OfpBody, xid?: number): void {
    if (this.#link.backlog > MAX_BACKLOG) {
      this.#link.countOverflow();
      log.infoRl(limit, `${this.#id}: ${this.#link.name}: tx queue overflow`);
      return;
    }
    this.#send(body, xid);
  }

  #send(body: OfpBody, xid = this.#options.xids.next()): void {
    const { version } = this.#link;
    for (const part of encodeMessage({ ...body, version, xid }, { protocol: this.#protocol }))
      this.#link.send(part);
  }
}
