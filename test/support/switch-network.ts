/**
 * A switch in memory for tests: bridges over the userspace datapath with dummy devices, on virtual time. Frames go
 * in by {@link SwitchNetwork.inject} and out into `port.sent`.
 */

import { HeapArena } from '../../src/datapath/arena.ts';
import { DummyNetdev } from '../../src/datapath/dummy/dummy-netdev.ts';
import type { Netdev } from '../../src/datapath/netdev-provider.ts';
import { patchProvider } from '../../src/datapath/patch-netdev.ts';
import { DpifNetdev } from '../../src/datapath/userspace/dpif-netdev.ts';
import { composePacket } from '../../src/flow/compose.ts';
import { parseExactFlow, parseMatch } from '../../src/flow/match/parse.ts';
import { Backers } from '../../src/ofproto/dpif/backer.ts';
import { type BundleSettings, DEFAULT_BUNDLE } from '../../src/ofproto/dpif/bundle.ts';
import { OfprotoDpif } from '../../src/ofproto/dpif/ofproto-dpif.ts';
import { trace } from '../../src/ofproto/dpif/trace.ts';
import type { PacketInEvent } from '../../src/ofproto/ofconn.ts';
import { NO_CONNECTIONS } from '../../src/ofproto/ofconn.ts';
import type { Rule } from '../../src/ofproto/rule.ts';
import { parseInstructions } from '../../src/openflow/actions/parse.ts';
import { flowModOf } from '../../src/openflow/messages/flow-mod.ts';
import { SimHost } from '../../src/sim/sim-host.ts';

/** A dummy device that keeps what it sends. */
class RecordingNetdev extends DummyNetdev {
  readonly frames: Uint8Array[] = [];
  override sent(frame: Uint8Array): void {
    this.frames.push(frame.slice());
    super.sent(frame);
  }
}

export class SwitchNetwork {
  readonly host = new SimHost();
  readonly backers: Backers;
  readonly dpif: DpifNetdev;
  readonly packetIns: PacketInEvent[] = [];
  readonly #devices = new Map<string, RecordingNetdev>();

  constructor() {
    const { loop, random } = this.host;
    this.dpif = new DpifNetdev({ type: 'dummy', name: 'ovs-dummy', arena: new HeapArena(), loop, random });
    this.backers = new Backers(loop, random, () => this.dpif);
  }

  bridge(name: string): OfprotoDpif {
    const { loop, random } = this.host;
    const bridge = OfprotoDpif.create({ name, type: 'dummy', loop, random }, this.backers);
    bridge.up.connections = { ...NO_CONNECTIONS, sendPacketIn: (event) => this.packetIns.push(event) };
    return bridge;
  }

  #add(
    bridge: OfprotoDpif,
    netdev: Netdev,
    ofpPort: number | undefined,
    settings: Partial<BundleSettings>,
  ): void {
    const port = bridge.up.portAdd(netdev, ofpPort);
    bridge.bundleSet({ ...DEFAULT_BUNDLE, name: netdev.name, members: [port.ofpPort], ...settings });
  }

  /** Adds a dummy port. */
  port(bridge: OfprotoDpif, name: string, ofpPort?: number, settings: Partial<BundleSettings> = {}): void {
    const device = new RecordingNetdev(this.host, 'dummy', name, () => {});
    this.#devices.set(name, device);
    this.#add(bridge, device, ofpPort, settings);
  }

  /** Connects two bridges. */
  patch(a: OfprotoDpif, b: OfprotoDpif, nameA: string, nameB: string): void {
    for (const [bridge, name, peer] of [
      [a, nameA, nameB],
      [b, nameB, nameA],
    ] as const) {
      const device = patchProvider.open(name);
      device.configure(new Map([['peer', peer]]));
      this.#add(bridge, device, undefined, {});
    }
  }

  device(name: string): RecordingNetdev {
    return this.#devices.get(name)!;
  }

  /** Adds a flow in the words of ovs-ofctl. */
  flow(bridge: OfprotoDpif, text: string): Rule {
    const [, before, actions] = /^(.*?),?\s*actions=(.*)$/.exec(text)!;
    let tableId = 0;
    let priority = 32768;
    let idleTimeout = 0;
    let hardTimeout = 0;
    let cookie = 0n;
    const fields = before!.split(',').filter((f) => {
      const [, key, value] = /^\s*(table|priority|idle_timeout|hard_timeout|cookie)=(\S+)$/.exec(f) ?? [];
      if (key === 'table') tableId = Number(value);
      else if (key === 'priority') priority = Number(value);
      else if (key === 'idle_timeout') idleTimeout = Number(value);
      else if (key === 'hard_timeout') hardTimeout = Number(value);
      else if (key === 'cookie') cookie = BigInt(value!);
      else return f.trim() !== '';
      return false;
    });
    const { match } = parseMatch(fields.join(','));
    const acts = parseInstructions(actions!).actions;
    const more = { tableId, idleTimeout, hardTimeout, newCookie: cookie };
    bridge.up.flowMod(flowModOf({ match, priority, actions: acts, ...more }));
    return bridge.up.findRule(tableId, match, priority)!;
  }

  /** A frame with the headers of a flow in the words of ovs-ofctl. */
  frame(flow: string): Uint8Array {
    return composePacket(parseExactFlow(flow).flow);
  }

  /** Lets a frame arrive and the switch deal with it. */
  inject(port: string, flow: string, times = 1): void {
    const frame = this.frame(flow);
    for (let i = 0; i < times; i++) {
      this.device(port).receive(frame);
      this.settle();
    }
  }

  /** What ports have sent since the last call, as 'name' or 'name*count', sorted. */
  outputs(): string[] {
    const out: string[] = [];
    for (const [name, device] of this.#devices) {
      const n = device.frames.splice(0).length;
      if (n > 0) out.push(n > 1 ? `${name}*${n}` : name);
    }
    return out.sort();
  }

  /** Runs what is due now. */
  settle(): void {
    this.host.run(0);
  }

  /** Lets time pass. */
  pass(ms: number): void {
    this.host.run(ms);
  }

  /** A round of revalidation: statistics are fresh and flows right afterwards. */
  revalidate(): void {
    let done = false;
    void this.dpifUdpif.revalidator.wait().then(() => (done = true));
    for (let i = 0; i < 100 && !done; i++) this.host.run(1);
  }

  get dpifUdpif() {
    return this.backers.all()[0]!.udpif;
  }

  /** The last line of a trace. */
  actions(bridge: OfprotoDpif, flow: string): string {
    const text = this.trace(bridge, flow);
    return /Datapath actions: (.*)/.exec(text)![1]!;
  }

  trace(bridge: OfprotoDpif, flow: string): string {
    return trace({ bridge, flow: parseExactFlow(flow, bridge.portNames()).flow });
  }

  megaflow(bridge: OfprotoDpif, flow: string): string {
    return /Megaflow: (.*)/.exec(this.trace(bridge, flow))![1]!;
  }
}
