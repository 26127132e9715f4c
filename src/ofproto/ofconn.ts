/**
 * What the handlers of OpenFlow messages know of a connection, and what the core tells all connections. The
 * implementations are in `connmgr/`; tests use fakes.
 */
import type { Match } from '../flow/layout.ts';
import type { OfpErrorName } from '../openflow/errors.ts';
import type {
  AsyncConfig,
  Continuation,
  ControllerRole,
  FlowModCommand,
  FlowRemoved,
  Message,
  OfpBody,
  PacketInFormat,
  PhyPort,
  TableConfig,
} from '../openflow/messages/message.ts';
import type { OfpVersion, Protocol } from '../openflow/version.ts';

/** One controller (or management) connection, with the settings that its messages change. */
export interface OfConn {
  readonly version: OfpVersion;
  /** One bit of P; the format of flow messages follows from it. */
  protocol: Protocol;
  /** A configured controller, as opposed to a management connection such as ovs-ofctl's. */
  readonly isPrimary: boolean;
  readonly role: ControllerRole;
  /**
   * Changes the role. Becoming primary demotes the present primary to secondary (and tells it).
   * @param generationId undefined when the request has none
   * @throws OfpError OFPRRFC_STALE for a generation older than the newest seen
   */
  setRole(role: ControllerRole, generationId: bigint | undefined): void;
  /** Newest generation id of all connections; undefined before the first. */
  readonly generationId: bigint | undefined;
  packetInFormat: PacketInFormat;
  controllerId: number;
  invalidTtlToController: boolean;
  /** Setting it turns asynchronous messages on for a management connection. */
  missSendLen: number;
  asyncConfig: AsyncConfig;
  /** Sends a reply to the request with that xid, in the connection's version unless another is given. */
  sendReply(body: OfpBody, xid: number, more?: boolean, version?: number): void;
  /** Answers a request with an error that carries the request. */
  sendError(error: OfpErrorName, request: Uint8Array): void;
  /** Sends an asynchronous message. */
  send(body: OfpBody): void;
  /** Notes a flow mod that was carried out, for the log. */
  reportFlowMod(command: FlowModCommand): void;
  /** Bytes queued for sending. */
  readonly backlog: number;
  /** What handlers remember about the connection (flow monitors, bundles); see `handlers/`. */
  readonly attachments: Map<object, unknown>;
  /** Called when the connection ends. */
  readonly onClose: Set<() => void>;
}

/** A packet for the controllers, before each connection makes a message of it in its own format and length. */
export interface PacketInEvent {
  /** Only controllers with this id get it. */
  readonly controllerId: number;
  /** At most so many bytes of the packet; 0xffff for all. */
  readonly maxLen: number;
  readonly packet: Uint8Array;
  /** OFPR_*, the nonstandard ones included. */
  readonly reason: number;
  readonly tableId: number;
  /** Of the rule that sent it; all ones for none. */
  readonly cookie: bigint;
  /** in_port and other metadata fields. */
  readonly metadata: Match;
  readonly userdata: Uint8Array;
  /** What resumes it, for a paused packet. */
  readonly continuation: Continuation | undefined;
}

/** All the connections of a bridge. */
export interface Connections {
  all(): Iterable<OfConn>;
  /** Whether any controller would get a packet-in for a table miss. */
  wantsPacketInOnMiss(): boolean;
  /** Whether a controller is connected: what a group bucket that watches the controller asks. */
  isAnyConnected(): boolean;
  /** Gives a packet to the controllers that want it, through their rate limits. */
  sendPacketIn(event: PacketInEvent): void;
  /**
   * @param source the connection whose request caused it, which hears about it in OpenFlow 1.5 only
   * @param old what was told before, for a change: versions that cannot tell them apart hear nothing
   */
  sendPortStatus(source: OfConn | undefined, reason: number, port: PhyPort, old?: PhyPort): void;
  sendFlowRemoved(message: FlowRemoved): void;
  sendTableStatus(reason: number, desc: TableConfig): void;
  /** Tells the other controllers of a request that `source` had carried out. */
  sendRequestForward(source: OfConn, request: Message<'group_mod'> | Message<'meter_mod'>): void;
  /** The tables were emptied behind the controllers' backs: fail-open puts its flows back. */
  flushed(): void;
}

/** Of a bridge without connection manager. */
export const NO_CONNECTIONS: Connections = {
  all: () => [],
  wantsPacketInOnMiss: () => false,
  isAnyConnected: () => false,
  sendPacketIn: () => {},
  sendPortStatus: () => {},
  sendFlowRemoved: () => {},
  sendTableStatus: () => {},
  sendRequestForward: () => {},
  flushed: () => {},
};
