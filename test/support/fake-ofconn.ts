/** A bridge without datapath and a connection without socket, for tests of the OpenFlow handlers. */
import type { Netdev, NetdevStats } from '../../src/datapath/netdev-provider.ts';
import { parseMatch } from '../../src/flow/match/parse.ts';
import { handleFrame } from '../../src/ofproto/handlers/handle-openflow.ts';
import { NO_CONNECTIONS, type OfConn } from '../../src/ofproto/ofconn.ts';
import { Ofproto } from '../../src/ofproto/ofproto.ts';
import { NO_PROVIDER, type OfprotoProvider } from '../../src/ofproto/ofproto-provider.ts';
import { parseInstructions } from '../../src/openflow/actions/parse.ts';
import type { OfpErrorName } from '../../src/openflow/errors.ts';
import { defaultAsyncConfig } from '../../src/openflow/messages/async-config.ts';
import { encodeMessage } from '../../src/openflow/messages/encode.ts';
import { flowModOf, NO_COOKIE } from '../../src/openflow/messages/flow-mod.ts';
import type {
  AsyncConfig,
  Body,
  ControllerRole,
  FlowMod,
  FlowModCommand,
  FlowRemoved,
  OfpBody,
  OfpKind,
  OfpMessage,
  PacketInFormat,
  PhyPort,
} from '../../src/openflow/messages/message.ts';
import { type Protocol, versionProtocol } from '../../src/openflow/version.ts';
import { SimHost } from '../../src/sim/sim-host.ts';

export interface Reply {
  readonly body: OfpBody;
  readonly xid: number;
  readonly more: boolean;
  readonly version: number;
}

export class FakeConn implements OfConn {
  readonly version: number;
  protocol: Protocol;
  readonly isPrimary = true;
  role: ControllerRole = 'equal';
  readonly generationId: bigint | undefined = undefined;
  packetInFormat: PacketInFormat = 'standard';
  controllerId = 0;
  invalidTtlToController = false;
  missSendLen = 128;
  asyncConfig: AsyncConfig;
  backlog = 0;
  readonly attachments = new Map<object, unknown>();
  readonly onClose = new Set<() => void>();
  readonly replies: Reply[] = [];
  readonly errors: { error: OfpErrorName; request: Uint8Array }[] = [];
  readonly async: OfpBody[] = [];
  readonly flowMods: FlowModCommand[] = [];
  readonly #ofproto: Ofproto;
  #xid = 1;

  constructor(ofproto: Ofproto, version: number) {
    this.#ofproto = ofproto;
    this.version = version;
    this.protocol = versionProtocol(version);
    this.asyncConfig = defaultAsyncConfig(version);
  }

  setRole(role: ControllerRole): void {
    this.role = role;
  }
  sendReply(body: OfpBody, xid: number, more = false, version: number = this.version): void {
    this.replies.push({ body, xid, more, version });
  }
  sendError(error: OfpErrorName, request: Uint8Array): void {
    this.errors.push({ error, request });
  }
  send(body: OfpBody): void {
    this.async.push(body);
  }
  reportFlowMod(command: FlowModCommand): void {
    this.flowMods.push(command);
  }

  /** Sends a request through its bytes and runs it to the end; returns the number of slices that it took. */
  request(body: OfpBody, version = this.version): number {
    let slices = 0;
    const message = { ...body, version, xid: this.#xid++ } as OfpMessage;
    for (const bytes of encodeMessage(message, { protocol: this.protocol })) {
      const job = handleFrame(this.#ofproto, this, bytes);
      slices++;
      while (job && !job.next().done) slices++;
    }
    return slices;
  }

  /** Puts a message into a bundle. */
  addToBundle(bundleId: number, flags: number, xid: number, inner: FakeConn, body: OfpBody): void {
    const [message] = encodeMessage({ ...body, version: inner.version, xid } as OfpMessage);
    const outer = {
      kind: 'bundle_add_message',
      bundleId,
      flags,
      message: message!,
      version: this.version,
      xid,
    } as const;
    for (const bytes of encodeMessage(outer)) handleFrame(this.#ofproto, this, bytes);
  }

  /** Sends a request and returns its only reply, or its error. */
  ask<K extends OfpKind>(body: OfpBody, kind: K): Body<K> {
    this.replies.length = 0;
    this.errors.length = 0;
    this.request(body);
    if (this.errors.length > 0) throw new Error(this.errors[0]!.error);
    const reply = this.replies[0]?.body;
    if (reply?.kind !== kind || this.replies.length !== 1)
      throw new Error(`not one ${kind}: ${this.replies.length}`);
    return reply as Body<K>;
  }

  /** Sends a request and returns the name of the error that it meets, or undefined. */
  errorOf(body: OfpBody): OfpErrorName | undefined {
    this.errors.length = 0;
    this.request(body);
    return this.errors[0]?.error;
  }

  flowMod(command: FlowModCommand, text: string, more?: Partial<FlowMod>): OfpErrorName | undefined {
    return this.errorOf({ kind: 'flow_mod', ...flow(command, text, more) });
  }
}

/** A flow mod from 'MATCH [priority=N] [actions=ACTIONS]'. */
export function flow(command: FlowModCommand, text: string, more?: Partial<FlowMod>): FlowMod {
  const [beforeActions = '', actions = 'drop'] = text.split(/,?actions=/);
  const priority = /priority=(\d+),?/.exec(beforeActions);
  const matchText = beforeActions.replace(/priority=\d+,?/, '').replace(/,$/, '');
  const { match } = parseMatch(matchText);
  const acts = parseInstructions(actions).actions;
  return flowModOf({
    command,
    match,
    priority: Number(priority?.[1] ?? 32768),
    actions: acts,
    newCookie: command === 'add' ? 0n : NO_COOKIE,
    ...more,
  });
}

export function fakeNetdev(name: string, mac: number): Netdev & { up: boolean; changeSeq: number } {
  const stats: NetdevStats = {
    rxPackets: 5,
    txPackets: 6,
    rxBytes: 50,
    txBytes: 60,
    rxErrors: 0,
    txErrors: 0,
    rxDropped: 0,
    txDropped: 0,
    rxCrcErrors: 0,
    rxFrameErrors: 0,
    rxOverErrors: 0,
    collisions: 0,
  };
  const zero = {
    carrierResets: 0,
    speedBps: 0,
    fullDuplex: false,
    current: 0,
    advertised: 0,
    supported: 0,
    peer: 0,
  };
  return {
    name,
    type: 'dummy',
    up: true,
    changeSeq: 1,
    vanished: false,
    changed: () => {},
    ifindex: () => 0,
    mac: () => mac,
    setMac: () => {},
    mtu: () => 1500,
    setMtu: () => {},
    link() {
      return { up: this.up, carrier: true, ...zero };
    },
    setUp(up) {
      this.up = up;
      this.changeSeq++;
    },
    stats: () => stats,
    status: () => new Map(),
    configure: () => {},
    config: () => new Map(),
    openIo: () => undefined,
    close: () => {},
  };
}

export class Bench {
  readonly host = new SimHost(7);
  readonly ofproto: Ofproto;
  readonly flowRemoved: FlowRemoved[] = [];
  readonly portStatus: { reason: number; port: PhyPort }[] = [];

  constructor(provider: Partial<OfprotoProvider> = {}) {
    this.ofproto = new Ofproto({
      name: 'br0',
      type: 'dummy',
      loop: this.host.loop,
      random: this.host.random,
      makeProvider: () => ({ ...NO_PROVIDER, ...provider }),
    });
    this.ofproto.connections = {
      ...NO_CONNECTIONS,
      sendFlowRemoved: (m) => void this.flowRemoved.push(m),
      sendPortStatus: (_, reason, port) => void this.portStatus.push({ reason, port }),
    };
    this.host.settle();
  }

  connect(version: number): FakeConn {
    return new FakeConn(this.ofproto, version);
  }

  /** Lets time pass. */
  run(ms: number): void {
    this.host.run(ms);
  }
}
