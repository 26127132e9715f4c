/**
 * ovs-testcontroller: connects to switches and lets switches connect, and controls each as a learning switch.
 * C counterpart: utilities/ovs-testcontroller.c.
 */
import type { Host, Listener, Stream, SystemError } from '../../base/host.ts';
import type { Task } from '../../base/loop.ts';
import { ParseError } from '../../base/parse.ts';
import { vlog } from '../../base/vlog.ts';
import { Rconn } from '../../ofproto/connmgr/rconn.ts';
import { OFP_PORT, targetKind, Vconn, type VconnEvents } from '../../ofproto/connmgr/vconn.ts';
import { P, type Protocols } from '../../openflow/version.ts';
import { Xids } from '../ovs-ofctl/connection.ts';
import { FlowModMessages } from '../ovs-ofctl/flow-mod-messages.ts';
import { ToolError } from '../tool.ts';
import { type DefaultFlows, LearningSwitch } from './learning-switch.ts';
import type { TestcontrollerSettings } from './options.ts';

const log = vlog('controller');

const MAX_SWITCHES = 16;
const MAX_LISTENERS = 16;
const PROBE_INTERVAL_S = 60;

/** Reads the flows of all files. @throws ToolError */
function readFlows(host: Host, files: readonly string[]): DefaultFlows | undefined {
  if (files.length === 0) return undefined;
  const parsed = files.map((file) => {
    const text = new TextDecoder().decode(host.storage.read(file));
    try {
      return FlowModMessages.parseFile(file, text, 'add', {}, () => 0);
    } catch (error) {
      throw error instanceof ParseError ? new ToolError(error.message) : error;
    }
  });
  return {
    protocols: parsed.reduce((all: Protocols, one) => all & one.protocols, P.ANY),
    encoded: function* (protocol, xids) {
      for (const one of parsed) yield* one.encoded(protocol, xids);
    },
  };
}

export class Testcontroller {
  readonly #host: Host;
  readonly #settings: TestcontrollerSettings;
  readonly #flows: DefaultFlows | undefined;
  /** Called when there is neither a switch nor a way for one to come. */
  readonly #finished: () => void;
  readonly #xids = new Xids();
  readonly #switches = new Map<Rconn, Task>();
  readonly #listeners = new Set<Listener>();
  #isClosed = false;

  /** @throws ToolError for bad files of flows */
  constructor(host: Host, settings: TestcontrollerSettings, finished: () => void) {
    this.#host = host;
    this.#settings = settings;
    this.#finished = finished;
    this.#flows = readFlows(host, settings.flowFiles);
  }

  /** Connects and listens. @throws ToolError when none of the targets is of use */
  async start(targets: readonly string[]): Promise<void> {
    for (const target of targets) {
      try {
        if (targetKind(target) === 'active') this.#connect(target);
        else await this.#listen(target);
      } catch (error) {
        if (error instanceof ToolError) throw error;
        log.err(`${target}: connect: ${(error as SystemError).message}`);
      }
    }
    if (this.#switches.size === 0 && this.#listeners.size === 0)
      throw new ToolError('no active or passive switch connections');
  }

  close(): void {
    this.#isClosed = true;
    for (const listener of this.#listeners) listener.close();
    for (const rconn of [...this.#switches.keys()]) this.#remove(rconn);
  }

  async #listen(target: string): Promise<void> {
    if (this.#listeners.size >= MAX_LISTENERS)
      throw new ToolError(`max ${MAX_LISTENERS} passive connections`);
    const listener = await this.#host.streams.listen(target, OFP_PORT, (stream) => this.#accept(stream));
    this.#listeners.add(listener);
  }

  #connect(target: string): void {
    if (this.#switches.size >= MAX_SWITCHES) throw new ToolError(`max ${MAX_SWITCHES} switch connections`);
    this.#add(target, (events) => Vconn.open(this.#host.streams, target, this.#settings.versions, events));
  }

  /** Connections beyond the limit are refused: an open one that nobody serves would look like a mute controller. */
  #accept(stream: Stream): void {
    if (this.#isClosed || this.#switches.size >= MAX_SWITCHES) stream.close();
    else this.#add(stream.name, (events) => Vconn.accept(stream, this.#settings.versions, events));
  }

  #add(name: string, open: (events: VconnEvents) => Vconn): void {
    const { loop, streams } = this.#host;
    const running: { task?: Task } = {};
    let wasConnected = false;
    const rconn = new Rconn({
      streams,
      now: () => loop.now(),
      wake: () => running.task?.wake(),
      maxBackoffS: 0,
      probeIntervalS: PROBE_INTERVAL_S,
      allowedVersions: this.#settings.versions,
      message: (bytes) => learningSwitch.receive(bytes),
      drained: () => {},
      changed: () => {
        if (rconn.isConnected && !wasConnected) {
          wasConnected = true;
          learningSwitch.connected();
        } else if (!rconn.isAlive) this.#remove(rconn);
      },
    });
    const learningSwitch = new LearningSwitch(rconn, {
      ...this.#settings,
      flows: this.#flows,
      xids: this.#xids,
      now: () => loop.now(),
    });
    running.task = loop.task(rconn);
    this.#switches.set(rconn, running.task);
    rconn.connectUnreliably(name, open);
  }

  #remove(rconn: Rconn): void {
    this.#switches.get(rconn)?.remove();
    if (!this.#switches.delete(rconn)) return;
    rconn.close();
    if (!this.#isClosed && this.#switches.size === 0 && this.#listeners.size === 0) this.#finished();
  }
}
