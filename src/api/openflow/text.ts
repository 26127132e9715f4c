/**
 * Messages, flows, matches and actions between values and the text of `ovs-ofctl`, which ovs-ofctl(8), ovs-fields(7) and
 * ovs-actions(7) describe.
 */
import { makeColors } from '../../base/colors.ts';
import { ParseError } from '../../base/parse.ts';
import type { Match } from '../../flow/layout.ts';
import { DEFAULT_PRIORITY, formatMatch as matchText } from '../../flow/match/format.ts';
import * as match from '../../flow/match/parse.ts';
import type { OfpAct } from '../../openflow/actions/action.ts';
import { formatActions as actionsText } from '../../openflow/actions/format.ts';
import * as actions from '../../openflow/actions/parse.ts';
import * as messages from '../../openflow/messages/format.ts';
import type {
  Body,
  FlowMod,
  FlowModCommand,
  GroupCommand,
  MeterCommand,
  OfpMessage,
} from '../../openflow/messages/message.ts';
import { type Parsed, parsing } from '../../openflow/parse/common.ts';
import * as flow from '../../openflow/parse/flow-mod.ts';
import { parseGroupMod } from '../../openflow/parse/group-mod.ts';
import { parseMeterMod } from '../../openflow/parse/meter-mod.ts';
import * as packets from '../../openflow/parse/packet-out.ts';
import { OFP10, type OfpVersion, P, type Protocols, versionProtocols } from '../../openflow/version.ts';
import { flowModText } from './flow-text.ts';
import type { TextOptions } from './names.ts';

export interface FormatOptions extends TextOptions {
  /** 0 terse, 1 (default) as `ovs-ofctl ofp-print`, 2 with packets, 5 and more with a dump of the bytes. */
  readonly verbosity?: number;
  /** With the escape sequences of `ovs-ofctl --color=always`. */
  readonly color?: boolean;
}

export interface ParseOptions extends TextOptions {
  /** Refuses what cannot be said in this version. */
  readonly version?: OfpVersion;
}

const parseOptions = ({ portNames, tableNames }: TextOptions): TextOptions => ({ portNames, tableNames });
const colors = (wanted: boolean | undefined) => (wanted ? { colors: makeColors(undefined) } : {});

function checkVersion(protocols: Protocols, { version }: ParseOptions): void {
  if (version === undefined || protocols & versionProtocols(version)) return;
  throw new ParseError(`OpenFlow 1.${version - 1} cannot express this`);
}

function checked<T>({ value, protocols }: Parsed<T>, options: ParseOptions): T {
  checkVersion(protocols, options);
  return value;
}

/** What a flow needs of OpenFlow 1.0: the form with the extensible match, where the original one will not do. */
const nxmFor = (protocols: Protocols, { version }: ParseOptions): { readonly nxm?: true } =>
  version === OFP10 && !(protocols & P.OF10_STD_ANY) ? { nxm: true } : {};

/** Text of a message, or of bytes that are meant to be one; every line ends in a newline. */
export const formatMessage = (message: OfpMessage | Uint8Array, options: FormatOptions = {}): string =>
  messages.formatMessage(message, {
    verbosity: options.verbosity ?? 1,
    ...(options.portNames && { portNames: options.portNames }),
    ...(options.tableNames && { tableNames: options.tableNames }),
    ...colors(options.color),
  });

/**
 * Reads a flow, such as `priority=100,tcp,tp_dst=80,actions=output:2`.
 * @param options.command what to do with the flow; 'add' unless said, 'any' if the text begins with the command
 * @returns a flow_mod to send with a `version` and an `xid`; `nxm` is set if `version` is 1 and the flow needs it
 * @throws ParseError
 */
export function parseFlow(
  text: string,
  options: ParseOptions & { readonly command?: FlowModCommand | 'any' } = {},
): Body<'flow_mod'> & { readonly nxm?: true } {
  const parsed = flow.parseFlow(text, options.command ?? 'add', parseOptions(options));
  return { ...checked(parsed, options), ...nxmFor(parsed.protocols, options) };
}

/** Text that {@link parseFlow}, given the flow's command, reads as this flow again. */
export const formatFlow = (value: FlowMod, options: FormatOptions = {}): string =>
  flowModText(value, { ...parseOptions(options), ...colors(options.color) });

/** Reads which flows to list, such as `table=0,tcp`. @throws ParseError */
export function parseFlowStatsRequest(
  text: string,
  options: ParseOptions = {},
): Body<'flow_stats_request'> & { readonly nxm?: true } {
  const parsed = flow.parseFlowStatsRequest(text, parseOptions(options));
  return { kind: 'flow_stats_request', ...checked(parsed, options), ...nxmFor(parsed.protocols, options) };
}

/** Reads a match, such as `in_port=1,ip,nw_dst=10.0.0.0/8`. @throws ParseError */
export function parseMatch(text: string, options: ParseOptions = {}): Match {
  const parsed = parsing(() => match.parseMatch(text, options.portNames));
  checkVersion(parsed.usable, options);
  return parsed.match;
}

/** Text of a match; '' for every packet. */
export const formatMatch = (value: Match, options: FormatOptions = {}): string =>
  matchText(value, DEFAULT_PRIORITY, { ports: options.portNames, ...colors(options.color) });

/**
 * Reads actions, such as `set_field:5->reg0,output:2`; with `instructions`, also `goto_table:1` and the other
 * instructions, which only flows have. @throws ParseError
 */
export function parseActions(
  text: string,
  options: ParseOptions & { readonly instructions?: boolean } = {},
): OfpAct[] {
  const parse = options.instructions ? actions.parseInstructions : actions.parseActions;
  const parsed = parsing(() => parse(text, parseOptions(options)));
  checkVersion(parsed.protocols, options);
  return parsed.actions;
}

/** Text of actions; 'drop' for none. */
export const formatActions = (value: readonly OfpAct[], options: FormatOptions = {}): string =>
  actionsText(value, { ...parseOptions(options), ...colors(options.color) });

/**
 * Reads a group, such as `group_id=1,type=select,bucket=output:1,bucket=output:2`.
 * @param options.command what to do with it; 'add' unless said
 * @throws ParseError
 */
export const parseGroup = (
  text: string,
  options: ParseOptions & { readonly command?: GroupCommand | 'any' } = {},
): Body<'group_mod'> => ({
  kind: 'group_mod',
  ...checked(parseGroupMod(text, options.command ?? 'add', parseOptions(options)), options),
});

/**
 * Reads a meter, such as `meter=1,kbps,band=type=drop,rate=1000`.
 * @param options.command what to do with it; 'add' unless said
 * @throws ParseError
 */
export const parseMeter = (
  text: string,
  options: ParseOptions & { readonly command?: MeterCommand } = {},
): Body<'meter_mod'> => ({
  kind: 'meter_mod',
  ...checked(parseMeterMod(text, options.command ?? 'add'), options),
});

/** Reads a packet to send, such as `in_port=1,packet=HEX,actions=output:2`. @throws ParseError */
export const parsePacketOut = (text: string, options: ParseOptions = {}): Body<'packet_out'> =>
  checked(packets.parsePacketOut(text, parseOptions(options)), options);
