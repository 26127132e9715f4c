/** Files of mixed modifications for one bundle: lines that begin with 'flow', 'group' or 'packet-out'. */
import { ParseError } from '../../base/parse.ts';
import type { OfpBody } from '../messages/message.ts';
import { P, type Protocols } from '../version.ts';
import { type Parsed, type ParseOptions, parseLines, takeCommand } from './common.ts';
import { parseFlowMod } from './flow-mod.ts';
import { parseGroupMod } from './group-mod.ts';
import { parsePacketOut } from './packet-out.ts';

export type BundleBody = Extract<OfpBody, { kind: 'flow_mod' | 'group_mod' | 'packet_out' }>;

function parseLine(text: string, options: ParseOptions): Parsed<BundleBody> {
  const { command, rest } = takeCommand(text, ['flow', 'group', 'packet-out']);
  if (command === 'flow') return parseFlowMod(rest, 'any', options);
  if (command === 'group') {
    const { value, protocols } = parseGroupMod(rest, 'any', options);
    return { value: { kind: 'group_mod', ...value }, protocols };
  }
  if (command === 'packet-out') return parsePacketOut(rest, options);
  throw new ParseError(`Unsupported bundle message type: ${/^[^, \t\r\n]*/.exec(rest)![0]}`);
}

/** Reads a whole file. @throws ParseError with C's text */
export function parseBundleFile(
  name: string,
  file: string,
  options: ParseOptions = {},
): Parsed<BundleBody[]> {
  let protocols: Protocols = P.ANY;
  const value = parseLines(name, file, (text) => {
    const parsed = parseLine(text, options);
    protocols &= parsed.protocols;
    return parsed.value;
  });
  return { value, protocols };
}
