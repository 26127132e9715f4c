/**
 * Matches from flow text: the `key=value` pairs that name fields, protocols and packet types.
 *
 * What else flow text holds (priority, table, actions, flags) is for the caller. Errors are {@link FlowTextError} with the
 * message of the C tools. C counterpart: ofp_parse_field, ofp_parse_protocol and parse_subfield of lib/ofp-flow.c.
 */

import {
  formatFieldText,
  parseFieldText,
  parseFieldValue,
  usableExactly,
  usableProtocols,
} from '../field-text.ts';
import {
  addEthernetPrereq,
  type Field,
  fieldByName,
  fieldPrereqsOk,
  getField,
  getFieldMask,
  maskField,
  matchDefaultPacketType,
  matchField,
  setField,
} from '../fields.ts';
import { KeyValueScanner } from '../key-value.ts';
import { catchAllMatch, F, type Flow, type Match, newFlow } from '../layout.ts';
import { type NameMap, OFPP } from '../ports.ts';
import { OFPUTIL_P } from '../protocols.ts';
import { parseSubfield, SubfieldError } from '../subfield.ts';
import { FlowTextError, scanInt } from '../text.ts';
import { matchTunOption, type TunTable } from '../tun-metadata.ts';
import { matchPlainValue } from './plain.ts';

/** Words that stand for an Ethertype and a protocol. */
const PROTOCOLS: ReadonlyMap<string, readonly [ethertype: number, proto: number]> = new Map([
  ['ip', [0x0800, 0]],
  ['ipv4', [0x0800, 0]],
  ['ip4', [0x0800, 0]],
  ['arp', [0x0806, 0]],
  ['icmp', [0x0800, 1]],
  ['tcp', [0x0800, 6]],
  ['udp', [0x0800, 17]],
  ['sctp', [0x0800, 132]],
  ['ipv6', [0x86dd, 0]],
  ['ip6', [0x86dd, 0]],
  ['icmp6', [0x86dd, 58]],
  ['tcp6', [0x86dd, 6]],
  ['udp6', [0x86dd, 17]],
  ['sctp6', [0x86dd, 132]],
  ['rarp', [0x8035, 0]],
  ['mpls', [0x8847, 0]],
  ['mplsm', [0x8848, 0]],
] as const);

/** The Ethertype and protocol (0: none) that a word such as `tcp6` stands for. */
export const protocolByName = (name: string): readonly [ethertype: number, proto: number] | undefined =>
  PROTOCOLS.get(name);

/** Matches a field under a mask. @returns OFPUTIL_P bits of the protocols that can say so. @throws FlowTextError */
export function matchFieldMasked(match: Match, field: Field, value: bigint, mask: bigint): number {
  if (field.tunIndex >= 0) {
    const error = matchTunOption(match, field, value, mask);
    if (error !== undefined) throw new FlowTextError(error);
    return OFPUTIL_P.NXM_OXM_ANY;
  }
  matchField(match, field, value, mask);
  return usableProtocols(field, mask);
}

/**
 * Matches a field by text, as `key=value` of flow text. Without a value the field is matched by `0/0`.
 * @returns OFPUTIL_P bits of the protocols that can express it
 * @throws FlowTextError
 */
export function matchFieldText(match: Match, field: Field, text: string, ports?: NameMap): number {
  if (matchPlainValue(match, field, text)) {
    addEthernetPrereq(match, field);
    return usableExactly(field);
  }
  const { value, mask } = parseFieldText(field, text === '' ? '0/0' : text, ports);
  const usable = matchFieldMasked(match, field, value, mask);
  addEthernetPrereq(match, field);
  return usable;
}

/** Matches part of a field by text: `reg0[0..3]=5`. @throws FlowTextError */
function matchSubfieldText(match: Match, key: string, text: string): number {
  const sf = parseSubfieldOrFail(key);
  const field = fieldByName(sf.field)!;
  const scanned = scanInt(text, field.bytes);
  if (scanned.error || scanned.tail !== '')
    throw new FlowTextError(`${key}: cannot parse integer value: ${text}`);
  if (scanned.value >> BigInt(sf.bits) !== 0n) {
    const shown = formatFieldText(field, scanned.value);
    throw new FlowTextError(`${key}: value ${shown} does not fit into ${sf.bits} bits`);
  }
  const bits = ((1n << BigInt(sf.bits)) - 1n) << BigInt(sf.offset);
  const value = (getField(match.flow, field) & ~bits) | (scanned.value << BigInt(sf.offset));
  const usable = matchFieldMasked(match, field, value, getFieldMask(match.mask, field) | bits);
  addEthernetPrereq(match, field);
  return usable;
}

function parseSubfieldOrFail(key: string): ReturnType<typeof parseSubfield> {
  try {
    return parseSubfield(key);
  } catch (e) {
    if (e instanceof SubfieldError) throw new FlowTextError(e.message);
    throw e;
  }
}

/**
 * Takes one `key=value` of flow text into a match, if the key is a field, part of one, or a protocol's name.
 * @returns OFPUTIL_P bits of the protocols that can express it, or undefined if the key is nothing of that
 * @throws FlowTextError
 */
export function parseMatchField(
  match: Match,
  key: string,
  value: string,
  ports?: NameMap,
): number | undefined {
  const field = fieldByName(key);
  if (field) return matchFieldText(match, field, value, ports);
  const protocol = protocolByName(key);
  if (protocol) {
    match.flow[F.DL_TYPE] = protocol[0];
    match.mask[F.DL_TYPE] = 0xffff;
    if (protocol[1]) {
      match.flow[F.NW_PROTO] = protocol[1];
      match.mask[F.NW_PROTO] = 0xff;
    }
    matchDefaultPacketType(match);
    return OFPUTIL_P.ANY;
  }
  if (key === 'eth') {
    match.flow[F.PACKET_TYPE] = 0;
    match.mask[F.PACKET_TYPE] = 0xffffffff;
    return OFPUTIL_P.ANY;
  }
  return key.includes('[') ? matchSubfieldText(match, key, value) : undefined;
}

/**
 * What is left to do when all of a flow's text is in the match.
 * @returns OFPUTIL_P bits of the protocols that can express fields in this combination
 */
export function finishParsedMatch(match: Match): number {
  const { flow, mask } = match;
  const packetType = flow[F.PACKET_TYPE]!;
  if (mask[F.PACKET_TYPE] === 0xffffffff && packetType >>> 16 === 1) flow[F.DL_TYPE] = packetType & 0xffff;
  const ipv6Only = flow[F.DL_TYPE] === 0x86dd;
  if (ipv6Only && (mask[F.NW_PROTO]! | mask[F.NW_TOS]! | mask[F.TP_SRC]! | mask[F.TP_DST]!) !== 0) {
    return OFPUTIL_P.NXM_OXM_ANY;
  }
  return OFPUTIL_P.ANY;
}

/** A match from text such as `in_port=1,tcp,tp_dst=80`. Unknown keys are errors. @throws FlowTextError */
export function parseMatch(text: string, ports?: NameMap): { match: Match; usable: number } {
  const match = catchAllMatch();
  let usable: number = OFPUTIL_P.ANY;
  for (const pair = new KeyValueScanner(text); pair.next(); ) {
    const u = parseMatchField(match, pair.key, pair.value, ports);
    if (u === undefined) throw new FlowTextError(`unknown keyword ${pair.key}`);
    usable &= u;
  }
  return { match, usable: usable & finishParsedMatch(match) };
}

/**
 * A packet's key from text such as `tcp,nw_src=1.2.3.4,tp_dst=80`: values only, each after what it needs.
 * @returns the key, and the mask of the fields that the text named
 * @throws FlowTextError
 */
export function parseExactFlow(text: string, ports?: NameMap, table?: TunTable): { flow: Flow; mask: Flow } {
  const flow = newFlow();
  const mask = newFlow();
  const fail = (detail: string): FlowTextError => new FlowTextError(`${text}: ${detail}`);
  for (const pair = new KeyValueScanner(text); pair.next(); ) {
    const { key } = pair;
    const protocol = protocolByName(key);
    if (protocol) {
      if (flow[F.DL_TYPE]) throw fail('Ethernet type set multiple times');
      flow[F.DL_TYPE] = protocol[0];
      mask[F.DL_TYPE] = 0xffff;
      if (!protocol[1]) continue;
      if (flow[F.NW_PROTO]) throw fail('network protocol set multiple times');
      flow[F.NW_PROTO] = protocol[1];
      mask[F.NW_PROTO] = 0xff;
      continue;
    }
    const known = fieldByName(key);
    if (!known) throw fail(`unknown field ${key}`);
    const field = table ? table.resolve(known.name) : known;
    if (!fieldPrereqsOk(field, flow)) throw fail(`prerequisites not met for setting ${key}`);
    if (getField(flow, field) !== 0n) throw fail(`field ${key} set multiple times`);
    setField(flow, field, parseValue(field, key, pair.value, ports, fail));
    if (field.tunIndex < 0 || field.mapped) maskField(mask, field);
  }
  if (flow[F.IN_PORT] === 0) flow[F.IN_PORT] = OFPP.NONE;
  return { flow, mask };
}

function parseValue(
  field: Field,
  key: string,
  text: string,
  ports: NameMap | undefined,
  fail: (detail: string) => FlowTextError,
): bigint {
  try {
    return parseFieldValue(field, text, ports);
  } catch (e) {
    if (e instanceof FlowTextError) throw fail(`bad value for ${key} (${e.message})`);
    throw e;
  }
}
