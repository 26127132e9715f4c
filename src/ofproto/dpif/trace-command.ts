/** ofproto/trace and ofproto/trace-packet-out: their arguments. C counterpart: ofproto/ofproto-dpif-trace.c. */
import { ParseError } from '../../base/parse.ts';
import { type UnixctlCommands, UnixctlError } from '../../base/unixctl.ts';
import { composePacket } from '../../flow/compose.ts';
import { extractFlow } from '../../flow/extract.ts';
import { F, type Flow, newFlow } from '../../flow/layout.ts';
import { parseExactFlow } from '../../flow/match/parse.ts';
import { OFPP } from '../../flow/ports.ts';
import { CT_STATE_NAMES, FlowTextError, formatFlags, scanFlags } from '../../flow/text.ts';
import { wildcardsForPacket } from '../../flow/wildcards.ts';
import { parseOdpFlow } from '../../odp/key-parse.ts';
import { OdpTextError } from '../../odp/scanner.ts';
import { checkActionsConsistency } from '../../openflow/actions/check.ts';
import { parseActions } from '../../openflow/actions/parse.ts';
import { OfpError } from '../../openflow/errors.ts';
import type { Backer, Backers } from './backer.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';
import { trace } from './trace.ts';

const ETH_HEADER_BYTES = 14;
const DEFAULT_L7_BYTES = 64;
const MAX_L7_BYTES = 64_000;

const bad = (text: string): never => {
  throw new UnixctlError(text);
};

/** The bytes of a string of hexadecimal digits, blanks allowed; undefined when it is not one. */
function parseHex(text: string): Uint8Array | undefined {
  const digits = text.replace(/\s+/g, '');
  if (digits.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(digits)) return undefined;
  return Uint8Array.from(digits.match(/../g) ?? [], (d) => Number.parseInt(d, 16));
}

/** A frame in hexadecimal, or what is wrong with it. */
function parseFrame(text: string): Uint8Array | string {
  const bytes = parseHex(text);
  if (!bytes) return 'Trailing garbage in packet data';
  return bytes.length < ETH_HEADER_BYTES ? 'Packet data too short for Ethernet' : bytes;
}

function parseCtState(text: string): number {
  try {
    const { flags } = scanFlags(text, CT_STATE_NAMES, 'ct_state', 0xff, '', false);
    const problem = ctStateProblem(flags);
    return problem === undefined ? flags : bad(problem);
  } catch (error) {
    if (error instanceof FlowTextError) return bad(error.message);
    throw error;
  }
}

const CS = { NEW: 0x01, EST: 0x02, RPL: 0x08, INV: 0x10, TRK: 0x20 } as const;

/** What contradicts itself in a connection state. */
function ctStateProblem(state: number): string | undefined {
  const has = (bit: number): boolean => (state & bit) !== 0;
  const problems: string[] = [];
  const add = (text: string): void => {
    problems.push(`${formatFlags(CT_STATE_NAMES, state, '|')}: invalid connection state: ${text}\n`);
  };
  if (state !== 0 && !has(CS.TRK)) add('If "trk" is unset, no other flags are set');
  if (has(CS.INV) && (state & ~(CS.TRK | CS.INV)) !== 0) add('when "inv" is set, only "trk" may also be set');
  if (has(CS.NEW) && has(CS.EST)) add('"new" and "est" are mutually exclusive');
  if (has(CS.NEW) && has(CS.RPL)) add('"new" and "rpy" are mutually exclusive');
  return problems.length > 0 ? problems.join('') : undefined;
}

interface TraceArguments {
  bridge: OfprotoDpif;
  flow: Flow;
  packet: Uint8Array | undefined;
  ctStates: number[];
  names: boolean;
  consistent: boolean;
}

interface Words {
  positional: string[];
  generate: boolean;
  l7: Uint8Array;
  ctStates: number[];
  names: boolean;
  consistent: boolean;
}

function scanWords(args: readonly string[], allowConsistent: boolean): Words {
  const w: Words = {
    positional: [],
    generate: false,
    l7: defaultPayload(DEFAULT_L7_BYTES),
    ctStates: [],
    names: false,
    consistent: false,
  };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    const value = (): string => args[++i] ?? bad(`Missing argument for option ${arg}`);
    if (arg === '-generate' || arg === '--generate') w.generate = true;
    else if (arg === '--l7') w.l7 = parseHex(value()) ?? bad('Trailing garbage in packet data');
    else if (arg === '--l7-len') {
      const text = value();
      const n = Number.parseInt(text, 10) || 0;
      if (n > MAX_L7_BYTES || n < 0) bad(`${text}: too much L7 data`);
      w.l7 = defaultPayload(n);
    } else if (allowConsistent && (arg === '-consistent' || arg === '--consistent')) w.consistent = true;
    else if (arg === '-names' || arg === '--names') w.names = true;
    else if (arg === '--ct-next') w.ctStates.push(parseCtState(value()));
    else if (arg.startsWith('-')) bad(`${arg}: unknown option`);
    else if (w.positional.length >= 3) bad('too many arguments');
    else w.positional.push(arg);
  }
  return w;
}

const defaultPayload = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => i);

/** The forms are: odp_flow, dp odp_flow, bridge br_flow, each perhaps followed by a packet. */
function parseTrace(backers: Backers, args: readonly string[], allowConsistent: boolean): TraceArguments {
  const w = scanWords(args, allowConsistent);
  const words = w.positional;
  let packet: Uint8Array | undefined;
  if (!w.generate && words.length > 1) {
    const frame = parseFrame(words.at(-1)!);
    if (typeof frame !== 'string') {
      packet = frame;
      words.pop();
    } else if (words.length > 2) bad(frame);
  }
  if (words.length !== 1 && words.length !== 2) bad('Syntax error');

  const text = words.at(-1)!;
  const backer = words.length === 2 ? backers.get(words[0]!.replace(/^ovs-/, '')) : onlyBacker(backers);
  const { bridge, flow } = parseFlow(backers, backer, text, words.length === 2 ? words[0] : undefined);
  if (w.generate) {
    packet = composePacket(flow, { payload: w.l7 });
  } else if (packet) {
    // The packet has the headers, the flow the metadata.
    extractFlow(packet, flow);
  }
  return { bridge, flow, packet, ctStates: w.ctStates, names: w.names, consistent: w.consistent };
}

function onlyBacker(backers: Backers): Backer | undefined {
  const all = backers.all();
  return all.length === 1 ? all[0] : undefined;
}

function parseFlow(
  backers: Backers,
  backer: Backer | undefined,
  text: string,
  first: string | undefined,
): { bridge: OfprotoDpif; flow: Flow } {
  let odpProblem: string;
  try {
    const { key } = parseOdpFlow(text, backer?.portNames().numberOf);
    if (!backer) return bad('Cannot find the datapath');
    const found = backer.lookup(key);
    if ('error' in found) return bad(found.error);
    key[F.IN_PORT] = found.inPort;
    return { bridge: found.bridge, flow: key };
  } catch (error) {
    if (!(error instanceof OdpTextError)) throw error;
    odpProblem = error.message;
  }
  if (first === undefined) return bad(`${odpProblem} (or the bridge name was omitted)`);
  const bridge = backers.bridge(first);
  if (!bridge) return bad(`${first}: unknown bridge`);
  try {
    return { bridge, flow: parseExactFlow(text, bridge.portNames(), bridge.up.tunTable).flow };
  } catch (error) {
    if (!(error instanceof FlowTextError)) throw error;
    return bad(`Bad openflow flow syntax: ${error.message}`);
  }
}

function tracePacketOut(backers: Backers, args: readonly string[]): string {
  let parsed: ReturnType<typeof parseActions>;
  try {
    parsed = parseActions(args.at(-1)!);
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
    return bad(error.message);
  }
  const { bridge, flow, packet, ctStates, names, consistent } = parseTrace(backers, args.slice(0, -1), true);
  const { max: maxPorts } = bridge.up.ports;
  const inPort = flow[F.IN_PORT]!;
  if (inPort >= maxPorts && inPort < OFPP.MAX) bad('invalid in_port');
  try {
    const match = { flow: flow.slice(), mask: wildcardsForPacket(flow, newFlow()) };
    const needed = consistent ? parsed.protocols : 0;
    const actions = checkActionsConsistency(parsed.actions, match, needed, {
      maxPorts,
      tableId: 0,
      nTables: 254,
    });
    bridge.up.checkActions(actions);
    return trace({ bridge, flow, packet, actions, ctStates, names });
  } catch (error) {
    if (!(error instanceof OfpError)) throw error;
    return bad(`Bad actions: ${error.code}`);
  }
}

export function registerTraceCommands(commands: UnixctlCommands, backers: Backers): void {
  const many = Number.POSITIVE_INFINITY;
  commands.register(
    'ofproto/trace',
    '{[dp_name] odp_flow | bridge br_flow} [OPTIONS...] [-generate|packet]',
    1,
    many,
    (args) => trace(parseTrace(backers, args, false)),
  );
  commands.register(
    'ofproto/trace-packet-out',
    '[-consistent] {[dp_name] odp_flow | bridge br_flow} [OPTIONS...] [-generate|packet] actions',
    2,
    many,
    (args) => tracePacketOut(backers, args),
  );
}
