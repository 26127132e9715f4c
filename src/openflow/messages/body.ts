/**
 * Matches, actions and packets inside of messages: the codecs of `flow/` and `actions/` as messages use them.
 */
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { extractFlow, newLayers } from '../../flow/extract.ts';
import { catchAllMatch, F, type Match, newFlow } from '../../flow/layout.ts';
import { formatFlow, formatMatch } from '../../flow/match/format.ts';
import { normalizeMatch } from '../../flow/match/normalize.ts';
import {
  type DecodedMatch,
  decodeEntries,
  decodeNxMatch,
  decodeOxmMatch,
  encodeEntries,
  encodeNxMatch,
  encodeOxmMatch,
} from '../../flow/match/nxm.ts';
import { decodeOf10Match, encodeOf10Match } from '../../flow/match/of10.ts';
import { decodeOf11Match, encodeOf11Match } from '../../flow/match/of11.ts';
import type { MatchPool } from '../../flow/match/pool.ts';
import { OFPP } from '../../flow/ports.ts';
import type { OfpAct } from '../actions/action.ts';
import { checkActionsConsistency } from '../actions/check.ts';
import { checkVerified, decodeActions } from '../actions/decode.ts';
import { encodeActions } from '../actions/encode.ts';
import { formatActions } from '../actions/format.ts';
import { decodeInstructions, encodeInstructions } from '../instructions.ts';
import type { Protocol } from '../version.ts';
import type { DecodeContext, NameContext } from './codec.ts';

const MAX_TABLES = 255;

// Matches.

/** A match of OpenFlow 1.1+, header and padding included; into one of the pool if there is a pool. */
export const readMatch11 = (r: ByteReader, c: DecodeContext, pool?: MatchPool): Match =>
  decodeOf11Match(r, { tun: c.options.tunTable, pool });

/** A match of OpenFlow 1.0; fields that can never be matched are dropped if `normalize`. */
export function readMatch10(r: ByteReader, normalize: boolean, pool?: MatchPool): Match {
  const match = decodeOf10Match(r, pool);
  if (normalize) normalizeMatch(match);
  return match;
}

/** An NXM match of `length` bytes and its padding, in which a cookie may be. */
export const readNxMatch = (
  r: ByteReader,
  length: number,
  c: DecodeContext,
  pool?: MatchPool,
): DecodedMatch => decodeNxMatch(r, length, { tun: c.options.tunTable, allowCookie: true, pool });

/** The same without prerequisites and cookie: metadata of a packet. */
export const readNxMatchLoose = (r: ByteReader, length: number, c: DecodeContext): Match =>
  decodeNxMatch(r, length, { tun: c.options.tunTable, loose: true }).match;

/** Metadata of a packet as an OXM match. */
export const readOxmMatchLoose = (r: ByteReader, c: DecodeContext, pipelineFieldsOnly = false): Match =>
  decodeOxmMatch(r, { tun: c.options.tunTable, loose: true, pipelineFieldsOnly });

/** Metadata of a packet as bare OXM fields, to the end of the reader. */
export const readOxmFields = (r: ByteReader, c: DecodeContext): Match =>
  decodeEntries(r, { tun: c.options.tunTable, loose: c.loose }).match;

export const putOxmFields = (w: ByteWriter, match: Match, version: number): void => {
  encodeEntries(w, match, version);
};

/** @returns the match's length without padding */
export const putMatch11 = (w: ByteWriter, match: Match, version: number): number =>
  encodeOf11Match(w, match, version);
/** The same as OXM in all versions, as replies have it. @returns the match's length without padding */
export const putOxmMatch = (w: ByteWriter, match: Match, version: number): number =>
  encodeOxmMatch(w, match, version);
export const putMatch10 = (w: ByteWriter, match: Match): void => encodeOf10Match(w, match);
/** @returns the match's length without padding */
export const putNxMatch = (w: ByteWriter, match: Match, cookie: bigint, cookieMask: bigint): number =>
  encodeNxMatch(w, match, cookie, cookieMask);

export const matchText = (match: Match, f: NameContext, priority: number): string =>
  formatMatch(match, priority, { ports: f.portNames, colors: f.colors });

/** A match of packets from that port; of all packets if it is undefined. */
export function inPortMatch(port: number | undefined): Match {
  const match = catchAllMatch();
  if (port === undefined) return match;
  match.flow[F.IN_PORT] = port;
  match.mask[F.IN_PORT] = 0xffff_ffff;
  return match;
}

// Actions.

export const readActions = (r: ByteReader, length: number, c: DecodeContext): OfpAct[] =>
  decodeActions(r, length, c.version, { tun: c.options.tunTable });
/** Whether actions that were read apart may stand together. @throws OfpError */
export const checkTogether = (actions: readonly OfpAct[], c: DecodeContext): void =>
  checkVerified(actions, c.version);
/** Instructions; in OpenFlow 1.0 actions. */
export const readInstructions = (r: ByteReader, length: number, c: DecodeContext): OfpAct[] =>
  decodeInstructions(r, length, c.version, c.options.tunTable);
export const putActions = (w: ByteWriter, actions: readonly OfpAct[], version: number): void =>
  encodeActions(w, actions, version);
export const putInstructions = (w: ByteWriter, actions: readonly OfpAct[], version: number): void =>
  encodeInstructions(w, actions, version);

/** Checks a flow's actions against its match and the limits of the switch. @throws OfpError */
export function checkActionsFor(
  actions: readonly OfpAct[],
  match: Match,
  tableId: number,
  protocol: Protocol,
  { options }: DecodeContext,
): readonly OfpAct[] {
  const maxPorts = options.maxPorts ?? OFPP.MAX;
  return checkActionsConsistency(actions, match, protocol, {
    maxPorts,
    tableId,
    nTables: options.nTables ?? MAX_TABLES,
  });
}

export const actionsText = (actions: readonly OfpAct[], f: NameContext): string => formatActions(actions, f);

// Packets.

const IPPROTO = { ICMP: 1, TCP: 6, UDP: 17, ICMPV6: 58, SCTP: 132 } as const;

/** By IP protocol: name and place of the checksum, and the length of the header that must be there. */
const CHECKSUMS: Readonly<
  Record<number, readonly [name: string, at: number, bytes: number, header: number]>
> = {
  [IPPROTO.TCP]: ['tcp_csum', 16, 2, 20],
  [IPPROTO.UDP]: ['udp_csum', 6, 2, 8],
  [IPPROTO.SCTP]: ['sctp_csum', 8, 4, 12],
  [IPPROTO.ICMP]: ['icmp_csum', 2, 2, 8],
  [IPPROTO.ICMPV6]: ['icmp6_csum', 2, 2, 4],
};

/** A packet's headers in one line. */
export function packetText(packet: Uint8Array, packetType: number): string {
  const flow = newFlow();
  const layers = newLayers();
  flow[F.PACKET_TYPE] = packetType;
  extractFlow(packet, flow, layers);
  let text = formatFlow(flow);
  const checksum = CHECKSUMS[flow[F.NW_PROTO]!];
  if (checksum && layers.l4 >= 0) {
    const [name, at, bytes, header] = checksum;
    if (packet.length - layers.padding - layers.l4 >= header) {
      let value = 0;
      for (let i = 0; i < bytes; i++) value = value * 256 + packet[layers.l4 + at + i]!;
      text += ` ${name}:${value.toString(16)}`;
    }
  }
  return `${text}\n`;
}
