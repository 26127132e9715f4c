/** Commands on flows: dump-flows, dump-aggregate, add-flow, add-flows, mod-flows, del-flows, bundle. */
import { ERRNO, strerror } from '../../base/errno.ts';
import { hexDump } from '../../base/hex-dump.ts';
import { vlog } from '../../base/vlog.ts';
import { type Field, fieldPrereqsOkInMatch, getField, isFieldWild } from '../../flow/fields.ts';
import type { Match } from '../../flow/layout.ts';
import { tryDecodeMessage } from '../../openflow/messages/decode.ts';
import { flowStatsText } from '../../openflow/messages/flow-stats.ts';
import { formatBytes } from '../../openflow/messages/format.ts';
import type { FlowModCommand, FlowStats, FlowStatsRequest } from '../../openflow/messages/message.ts';
import { parseBundleFile } from '../../openflow/parse/bundle.ts';
import { type FlowTextCommand, parseFlowStatsRequest } from '../../openflow/parse/flow-mod.ts';
import { P, type Protocol, versionsToProtocols } from '../../openflow/version.ts';
import { ToolError } from '../tool.ts';
import { type OfctlCommand, reads, writes } from './command.ts';
import { type Connection, ConnectionError } from './connection.ts';
import { connectFor, likelyProtocol, setDumpProtocol } from './flow-format.ts';
import { FlowModMessages } from './flow-mod-messages.ts';
import type { Ofctl } from './ofctl.ts';
import { allowBundles, type SortCriterion } from './settings.ts';

const log = vlog('vconn');
const PROTOCOL_ERROR = strerror(ERRNO.EPROTO);

/** Connects and settles on a format for a dump of the flows that `text` describes. */
async function prepareDump(
  ofctl: Ofctl,
  bridge: string,
  text: string,
): Promise<{ connection: Connection; protocol: Protocol; request: FlowStatsRequest }> {
  const { value: request, protocols } =
    text === ''
      ? parseFlowStatsRequest('')
      : await ofctl.parse(bridge, (o) => parseFlowStatsRequest(text, o));
  const connection = await ofctl.connect(bridge);
  return { connection, protocol: await setDumpProtocol(ofctl, connection, protocols), request };
}

/** All flows that match. @throws ToolError */
export async function fetchFlows(
  connection: Connection,
  protocol: Protocol,
  request: FlowStatsRequest,
): Promise<FlowStats[]> {
  const failed = (why: string): ToolError => new ToolError(`dump flows (${why})`);
  const flows: FlowStats[] = [];
  try {
    const xid = connection.send({ kind: 'flow_stats_request', ...request }, { protocol });
    for (let more = true; more; ) {
      const reply = await connection.receiveReply(xid);
      const { message, error } = tryDecodeMessage(reply);
      if (error) {
        log.warn(`parse error in reply (${error.code})`);
        throw failed(PROTOCOL_ERROR);
      }
      if (message?.kind !== 'flow_stats_reply') {
        log.warn(`received bad reply: ${formatBytes(reply)}`);
        throw failed(PROTOCOL_ERROR);
      }
      for (const flow of message.flows) flows.push(flow);
      more = message.more ?? false;
    }
  } catch (error) {
    throw error instanceof ConnectionError ? failed(error.message) : error;
  }
  return flows;
}

/** The value of a field that a match has; undefined when it does not match on it. */
function matchedValue(match: Match, field: Field): bigint | undefined {
  if (!fieldPrereqsOkInMatch(field, match) || isFieldWild(match.mask, field)) return undefined;
  return getField(match.flow, match.tun?.resolve(field.name) ?? field);
}

/** Order by criteria; flows without a field come after those that have it. */
export function compareFlows(criteria: readonly SortCriterion[], a: FlowStats, b: FlowStats): number {
  for (const { field, descending } of criteria) {
    let order: number;
    if (!field) {
      order = a.priority - b.priority;
    } else {
      const x = matchedValue(a.match, field);
      const y = matchedValue(b.match, field);
      if (x === undefined || y === undefined) {
        if (x === y) continue;
        return x === undefined ? 1 : -1;
      }
      order = x < y ? -1 : x > y ? 1 : 0;
    }
    if (order !== 0) return descending ? -order : order;
  }
  return 0;
}

const dumpFlows = reads('dump-flows', 'switch', [1, 2], async (ofctl, [bridge, text = '']) => {
  const { sort, stats, colors } = ofctl.settings;
  const { connection, protocol, request } = await prepareDump(ofctl, bridge!, text);
  if (sort.length === 0 && stats && !ofctl.showsNames) {
    await ofctl.dump(connection, { kind: 'flow_stats_request', ...request }, { protocol });
    connection.close();
    return;
  }
  const flows = await fetchFlows(connection, protocol, request);
  if (sort.length > 0) flows.sort((a, b) => compareFlows(sort, a, b));
  const { portNames, tableNames } = flows.length > 0 ? await ofctl.outputNames(bridge!) : {};
  const context = { portNames, tableNames, colors };
  let out = '';
  for (const flow of flows) {
    // Ages are reported only to those who ask for them.
    out += ` ${flowStatsText({ ...flow, idleAge: -1, hardAge: -1 }, context, stats)}\n`;
  }
  ofctl.io.out(out);
  connection.close();
});

const dumpAggregate = reads('dump-aggregate', 'switch', [1, 2], async (ofctl, [bridge, text = '']) => {
  const { connection, protocol, request } = await prepareDump(ofctl, bridge!, text);
  await ofctl.dump(connection, { kind: 'aggregate_stats_request', ...request }, { protocol });
  connection.close();
});

/** From this verbosity on the messages are printed too. */
const DUMP_VERBOSITY = 5;

const bareHex = (bytes: Uint8Array): string =>
  `0x${Array.from(bytes, (b) => b.toString(16).padStart(2, '0'))
    .join('')
    .replace(/^0+/, '')}\n`;

async function sendFlowMods(ofctl: Ofctl, bridge: string, flowMods: FlowModMessages): Promise<void> {
  const { bundle, verbosity } = ofctl.settings;
  const { protocols } = flowMods;
  const { connection, protocol } = await connectFor(
    ofctl,
    bridge,
    bundle ? protocols & P.OF13_UP : protocols,
  );
  const messages = flowMods.encoded(protocol, ofctl.xids);
  if (bundle) {
    await ofctl.bundle(connection, [...messages]);
  } else {
    let dump = '';
    await ofctl.confirmAll(
      connection,
      (function* () {
        for (const bytes of messages) {
          if (verbosity >= DUMP_VERBOSITY)
            dump += verbosity === DUMP_VERBOSITY ? hexDump(bytes) : bareHex(bytes);
          yield [bytes];
        }
      })(),
    );
    if (dump !== '') ofctl.io.out(dump);
  }
  connection.close();
}

async function flowModFile(
  ofctl: Ofctl,
  bridge: string,
  file: string,
  command: FlowModCommand,
): Promise<void> {
  const text = ofctl.readText(file);
  // Lines of additions may say otherwise.
  const each: FlowTextCommand = command === 'add' ? 'any' : command;
  const flowMods = await ofctl.parse(bridge, (o) =>
    FlowModMessages.parseFile(file, text, each, o, (usable) => likelyProtocol(ofctl.settings, usable)),
  );
  await sendFlowMods(ofctl, bridge, flowMods);
}

async function flowMod(ofctl: Ofctl, bridge: string, text: string, command: FlowModCommand): Promise<void> {
  if (text === '-') return await flowModFile(ofctl, bridge, text, command);
  await sendFlowMods(
    ofctl,
    bridge,
    await ofctl.parse(bridge, (o) => FlowModMessages.parse(text, command, o)),
  );
}

const bundle = writes('bundle', 'switch file', [2, 2], async (ofctl, [bridge, file]) => {
  const text = ofctl.readText(file!);
  const { value, protocols } = await ofctl.parse(bridge!, (o) => parseBundleFile(file!, text, o));
  const { settings } = ofctl;
  const versions = allowBundles(settings.versions);
  if (versions !== settings.versions) {
    settings.versions = versions;
    settings.protocols = versionsToProtocols(versions);
  }
  const { connection, protocol } = await connectFor(ofctl, bridge!, protocols & P.OF13_UP);
  await ofctl.bundle(
    connection,
    value.flatMap((body) => connection.encode(body, { protocol })),
  );
  connection.close();
});

export const FLOW_COMMANDS: readonly OfctlCommand[] = [
  dumpFlows,
  dumpAggregate,
  writes('add-flow', 'switch flow', [2, 2], (ofctl, [bridge, flow]) => flowMod(ofctl, bridge!, flow!, 'add')),
  writes('add-flows', 'switch file', [2, 2], (ofctl, [bridge, file]) =>
    flowModFile(ofctl, bridge!, file!, 'add'),
  ),
  writes('mod-flows', 'switch flow', [2, 2], (ofctl, [bridge, flow]) =>
    flowMod(ofctl, bridge!, flow!, ofctl.settings.strict ? 'modify_strict' : 'modify'),
  ),
  writes('del-flows', 'switch [flow]', [1, 2], (ofctl, [bridge, flow = '']) =>
    flowMod(ofctl, bridge!, flow, ofctl.settings.strict ? 'delete_strict' : 'delete'),
  ),
  bundle,
];
