/** PACKET_OUT as text: 'in_port=1,packet=HEX,actions=...'. C counterpart: parse_ofp_packet_out_str in lib/ofp-packet.c. */
import { hexDigit, ParseError, scanInteger } from '../../base/parse.ts';
import { fieldByName } from '../../flow/fields.ts';
import { KeyValueScanner } from '../../flow/key-value.ts';
import { F } from '../../flow/layout.ts';
import { isPipelineField } from '../../flow/match/nxm.ts';
import { parseMatchField } from '../../flow/match/parse.ts';
import { OFPP, OFPP_PHYSICAL_END, parsePort } from '../../flow/ports.ts';
import { parseActions } from '../actions/parse.ts';
import { inPortMatch } from '../messages/body.ts';
import { type Body, NO_BUFFER } from '../messages/message.ts';
import { P, type Protocols } from '../version.ts';
import { type Parsed, type ParseOptions, parsing } from './common.ts';

const ETH_HEADER_LENGTH = 14;

/** Bytes of hexadecimal digits; blanks may stand between bytes. */
export function parsePacketHex(text: string): Uint8Array {
  const bytes: number[] = [];
  let i = 0;
  for (; i < text.length; ) {
    const c = text.charCodeAt(i);
    if (c === 32 || (c >= 9 && c <= 13)) {
      i++;
      continue;
    }
    const high = hexDigit(c);
    const low = hexDigit(text.charCodeAt(i + 1));
    if (high > 15 || low > 15) throw new ParseError('Trailing garbage in packet data');
    bytes.push(high * 16 + low);
    i += 2;
  }
  if (bytes.length < ETH_HEADER_LENGTH) throw new ParseError('Packet data too short for Ethernet');
  return Uint8Array.from(bytes);
}

function packetBytes(key: string, value: string): Uint8Array {
  try {
    return parsePacketHex(value);
  } catch (error) {
    throw error instanceof ParseError ? new ParseError(`${key}: ${error.message}`) : error;
  }
}

function inPort(value: string, options: ParseOptions): number {
  const port = parsePort(value, options.portNames);
  if (port === undefined) throw new ParseError(`${value} is not a valid OpenFlow port`);
  const valid =
    port < OFPP_PHYSICAL_END ||
    port === OFPP.MAX ||
    port === OFPP.LOCAL ||
    port === OFPP.NONE ||
    port === OFPP.CONTROLLER;
  if (!valid) throw new ParseError(`${value} is not a valid OpenFlow port for PACKET_OUT`);
  return port;
}

/** Reads a packet-out. @throws ParseError with C's text */
export function parsePacketOut(text: string, options: ParseOptions = {}): Parsed<Body<'packet_out'>> {
  const at = text.indexOf('action');
  const equals = at < 0 ? -1 : text.indexOf('=', at + 1);
  const metadata = inPortMatch(OFPP.CONTROLLER);
  let protocols: Protocols = P.ANY;
  let packet: Uint8Array | undefined;
  return parsing(() => {
    for (const kv = new KeyValueScanner(at < 0 ? text : text.slice(0, at)); kv.next(); ) {
      const { key, value } = kv;
      if (value === '') throw new ParseError(`field ${key} missing value`);
      if (key === 'in_port') {
        metadata.flow[F.IN_PORT] = inPort(value, options);
      } else if (key === 'packet_type') {
        const [space, type] = value.split(',');
        if (type === undefined) throw new ParseError(`${key}(${value}) can't be interpreted`);
        const number = (s: string): number => Number(scanInteger(s)?.value ?? 0);
        metadata.flow[F.PACKET_TYPE] = ((number(space!) << 16) | (number(type) & 0xffff)) >>> 0;
        metadata.mask[F.PACKET_TYPE] = 0xffff_ffff;
      } else if (key === 'packet') {
        packet = packetBytes(key, value);
      } else {
        const field = fieldByName(key);
        if (!field) throw new ParseError(`unknown keyword ${key}`);
        protocols &= parseMatchField(metadata, key, value, options.portNames)!;
        if (!isPipelineField(field))
          throw new ParseError(`${key} is not a valid pipeline field for PACKET_OUT`);
      }
    }
    if (!packet) throw new ParseError('must specify packet');
    const parsed =
      equals < 0 ? { actions: [], protocols: P.ANY } : parseActions(text.slice(equals + 1), options);
    protocols &= parsed.protocols;
    const { actions } = parsed;
    return { value: { kind: 'packet_out', packet, bufferId: NO_BUFFER, metadata, actions }, protocols };
  });
}
