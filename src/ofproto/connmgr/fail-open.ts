/**
 * Fail-open: a switch in standalone mode that has lost its controllers forwards by itself, with a flow that
 * matches everything and does NORMAL.
 *
 * A controller may accept connections and drop them again because it does not want this switch. So fail-open ends
 * only when a controller acts on the switch (see Rconn.isAdmitted); until then a made-up packet is sent to it now
 * and then, to make it act. C counterpart: ofproto/fail-open.c.
 */
import type { Random } from '../../base/host.ts';
import { vlog } from '../../base/vlog.ts';
import { catchAllMatch, F, type Match } from '../../flow/layout.ts';
import { OFPP } from '../../flow/ports.ts';
import type { OfpAct } from '../../openflow/actions/action.ts';
import { OFPR, UNKNOWN_COUNT } from '../../openflow/messages/message.ts';
import type { PacketInEvent } from '../ofconn.ts';

const log = vlog('fail_open');
const BOGUS_INTERVAL_MS = 2000;
const POLL_MS = 1000;
/** Above every flow that OpenFlow can add. */
const FAIL_OPEN_PRIORITY = 0xf0f0f0;
const NORMAL: readonly OfpAct[] = [{ kind: 'output', port: OFPP.NORMAL, maxLen: 0 }];

/** What fail-open needs of the bridge and its connections. */
export interface FailOpenHost {
  readonly random: Random;
  addFlow(match: Match, priority: number, actions: readonly OfpAct[]): void;
  deleteFlow(match: Match, priority: number): void;
  /** Empties the tables and calls {@link FailOpen.flushed}. */
  flushFlows(): void;
  sendPacketIn(event: PacketInEvent): void;
  /** Seconds for which no primary controller has been there; 0 if one is. */
  failureDurationS(): number;
  /** Longest probe interval of the primary controllers, in seconds. */
  maxProbeIntervalS(): number;
  isAnyConnected(): boolean;
  isAnyAdmitted(): boolean;
}

/** A RARP request with a random source address. */
function bogusPacket(random: Random): Uint8Array {
  const packet = new Uint8Array(42);
  const mac = Uint8Array.of(0x00, 0x23, 0x20, ...random.bytes(3));
  mac[3] = mac[3]! | 0x80;
  packet.fill(0xff, 0, 6);
  packet.set(mac, 6);
  packet.set([0x80, 0x35, 0, 1, 0x08, 0x00, 6, 4, 0, 3], 12);
  packet.set(mac, 22);
  packet.set(mac, 32);
  return packet;
}

export class FailOpen {
  readonly #host: FailOpenHost;
  /** How long the controllers had been gone when that was last logged; 0 while they are there. */
  #loggedS = 0;
  #nextBogusMs = Number.POSITIVE_INFINITY;
  #hasFlow = false;

  constructor(host: FailOpenHost) {
    this.#host = host;
  }

  get isActive(): boolean {
    return this.#loggedS !== 0;
  }

  /** Flows of ours in table 0. */
  get ruleCount(): number {
    return this.#hasFlow ? 1 : 0;
  }

  /** Three probe intervals: to notice the silence, to wait for an answer, and to connect again. */
  #triggerS(): number {
    return this.#host.maxProbeIntervalS() * 3;
  }

  run(now: number): void {
    const gone = this.#host.failureDurationS();
    if (gone > 0 && gone >= this.#triggerS()) {
      if (!this.isActive) {
        log.warn(
          "Could not connect to controller (or switch failed controller's post-connection admission control " +
            `policy) for ${gone} seconds, failing open`,
        );
        this.#loggedS = gone;
        this.#host.flushFlows();
      } else if (gone > this.#loggedS + 60) {
        log.info(`Still in fail-open mode after ${gone} seconds disconnected from controller`);
        this.#loggedS = gone;
      }
    }
    if (!this.isActive) return;
    if (!this.#host.isAnyConnected()) {
      this.#nextBogusMs = Number.POSITIVE_INFINITY;
      return;
    }
    const isDue = now >= this.#nextBogusMs;
    if (isDue) this.#sendBogusPacketIn();
    if (isDue || this.#nextBogusMs === Number.POSITIVE_INFINITY) this.#nextBogusMs = now + BOGUS_INTERVAL_MS;
  }

  deadline(now: number): number {
    // Losing the controllers wakes the manager; until they are back, how long they have been gone is what counts.
    if (!this.isActive && this.#host.isAnyAdmitted()) return Number.POSITIVE_INFINITY;
    return Math.min(this.#nextBogusMs, now + POLL_MS);
  }

  #sendBogusPacketIn(): void {
    const metadata = catchAllMatch();
    metadata.flow[F.IN_PORT] = OFPP.LOCAL;
    metadata.mask[F.IN_PORT] = 0xffff_ffff;
    this.#host.sendPacketIn({
      controllerId: 0,
      maxLen: 0xffff,
      packet: bogusPacket(this.#host.random),
      reason: OFPR.NO_MATCH,
      tableId: 0,
      cookie: UNKNOWN_COUNT,
      metadata,
      userdata: new Uint8Array(0),
      continuation: undefined,
    });
  }

  /** A message came from a controller. */
  maybeRecover(): void {
    if (this.isActive && this.#host.isAnyAdmitted()) this.recover();
  }

  /** Gives the switch back to its controllers. */
  recover(): void {
    if (!this.isActive) return;
    log.warn('No longer in fail-open mode');
    this.#loggedS = 0;
    this.#nextBogusMs = Number.POSITIVE_INFINITY;
    this.#hasFlow = false;
    this.#host.deleteFlow(catchAllMatch(), FAIL_OPEN_PRIORITY);
  }

  /** The tables have just been emptied. */
  flushed(): void {
    const isOpen = this.#host.failureDurationS() >= this.#triggerS();
    if (isOpen) this.#host.addFlow(catchAllMatch(), FAIL_OPEN_PRIORITY, NORMAL);
    this.#hasFlow = isOpen;
  }
}
