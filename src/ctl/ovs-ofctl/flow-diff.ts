/**
 * replace-flows and diff-flows: what makes two sets of flows differ.
 *
 * Flows are the same flow when table, priority and match are; their text says so, once tunnel options have the same
 * room in all of them. Flags are not compared: a switch does not tell them.
 */

import type { Match } from '../../flow/layout.ts';
import { formatMatch } from '../../flow/match/format.ts';
import type { NameMap } from '../../flow/ports.ts';
import { OFPP } from '../../flow/ports.ts';
import { moveTunOptions, TunTable, tunMatchOptions } from '../../flow/tun-metadata.ts';
import type { OfpAct } from '../../openflow/actions/action.ts';
import { formatActions } from '../../openflow/actions/format.ts';
import { OFPG_ANY, OFPTT_ALL } from '../../openflow/messages/flow-mod.ts';
import { FF, type FlowModCommand, NO_BUFFER, type OfpBody } from '../../openflow/messages/message.ts';
import { type ParseOptions, parseLines } from '../../openflow/parse/common.ts';
import { parseFlow, parseFlowStatsRequest } from '../../openflow/parse/flow-mod.ts';
import { P, type Protocol, type Protocols } from '../../openflow/version.ts';
import { type OfctlCommand, writes } from './command.ts';
import type { Connection } from './connection.ts';
import { setDumpProtocol } from './flow-format.ts';
import { fetchFlows } from './flows.ts';
import { Exit, type Ofctl } from './ofctl.ts';

/** What two flows with the same table, priority and match may differ in. */
interface FlowVersion {
  readonly cookie: bigint;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly importance: number;
  /** Only for sending. */
  readonly flags: number;
  readonly actions: readonly OfpAct[];
}

interface FlowEntry {
  readonly tableId: number;
  readonly priority: number;
  readonly match: Match;
  /** From the first and the second source. */
  readonly versions: [FlowVersion | undefined, FlowVersion | undefined];
}

function sameVersion(a: FlowVersion, b: FlowVersion): boolean {
  return (
    a.cookie === b.cookie &&
    a.idleTimeout === b.idleTimeout &&
    a.hardTimeout === b.hardTimeout &&
    a.importance === b.importance &&
    formatActions(a.actions) === formatActions(b.actions)
  );
}

/** A flow as a source has it. */
interface SourceFlow {
  readonly source: 0 | 1;
  readonly tableId: number;
  readonly priority: number;
  readonly match: Match;
  readonly version: FlowVersion;
}

/** The flows of two sources. */
class FlowTables {
  readonly #flows: SourceFlow[] = [];
  /** Bytes that some match needs for each tunnel option. */
  readonly #tunBytes = new Map<number, number>();

  add(source: 0 | 1, tableId: number, priority: number, match: Match, version: FlowVersion): void {
    this.#flows.push({ source, tableId, priority, match, version });
    if (!match.tun) return;
    for (const { index, bytes } of tunMatchOptions(match))
      this.#tunBytes.set(index, Math.max(bytes, this.#tunBytes.get(index) ?? 0));
  }

  /** Gives tunnel options the same place in all matches: what one source writes short another pads. */
  #alignTunOptions(): void {
    const common = new TunTable();
    for (const [index, bytes] of this.#tunBytes) common.add(index, index, (bytes + 3) & ~3);
    for (const { match } of this.#flows) if (match.tun) moveTunOptions(match, common);
  }

  /** Tables in the order of their numbers. */
  *[Symbol.iterator](): Generator<readonly FlowEntry[]> {
    this.#alignTunOptions();
    const tables = new Map<number, Map<string, FlowEntry>>();
    for (const { source, tableId, priority, match, version } of this.#flows) {
      let table = tables.get(tableId);
      if (!table) tables.set(tableId, (table = new Map()));
      const key = `${priority} ${formatMatch(match)}`;
      let entry = table.get(key);
      if (!entry) table.set(key, (entry = { tableId, priority, match, versions: [undefined, undefined] }));
      entry.versions[source] = version;
    }
    for (const id of [...tables.keys()].sort((a, b) => a - b)) yield [...tables.get(id)!.values()];
  }
}

function readFile(
  tables: FlowTables,
  source: 0 | 1,
  file: string,
  text: string,
  options: ParseOptions,
): Protocols {
  let protocols: Protocols = P.ANY;
  parseLines(file, text, (line) => {
    const { value: flow, protocols: usable } = parseFlow(line, 'add', options);
    protocols &= usable;
    tables.add(source, flow.tableId === OFPTT_ALL ? 0 : flow.tableId, flow.priority, flow.match, {
      cookie: flow.newCookie,
      idleTimeout: flow.idleTimeout,
      hardTimeout: flow.hardTimeout,
      importance: flow.importance,
      flags: flow.flags & (FF.SEND_FLOW_REM | FF.EMERG),
      actions: flow.actions,
    });
  });
  return protocols;
}

async function readSwitch(
  tables: FlowTables,
  source: 0 | 1,
  connection: Connection,
  protocol: Protocol,
): Promise<void> {
  const everything = parseFlowStatsRequest('').value;
  for (const flow of await fetchFlows(connection, protocol, everything)) {
    tables.add(source, flow.tableId, flow.priority, flow.match, {
      cookie: flow.cookie,
      idleTimeout: flow.idleTimeout,
      hardTimeout: flow.hardTimeout,
      importance: flow.importance,
      flags: 0,
      actions: flow.actions,
    });
  }
}

function flowMod(entry: FlowEntry, version: FlowVersion, command: FlowModCommand): OfpBody {
  return {
    kind: 'flow_mod',
    command,
    match: entry.match,
    priority: entry.priority,
    cookie: 0n,
    cookieMask: 0n,
    newCookie: version.cookie,
    modifyCookie: true,
    tableId: entry.tableId,
    idleTimeout: version.idleTimeout,
    hardTimeout: version.hardTimeout,
    bufferId: NO_BUFFER,
    outPort: OFPP.NONE,
    outGroup: OFPG_ANY,
    flags: version.flags,
    importance: version.importance,
    actions: command === 'add' ? version.actions : [],
  };
}

const replaceFlows = writes('replace-flows', 'switch file', [2, 2], async (ofctl, [bridge, file]) => {
  const { readd, bundle } = ofctl.settings;
  const text = ofctl.readText(file!, 'open');
  const { tables, protocols } = await ofctl.parse(bridge!, (options) => {
    const read = new FlowTables();
    return { tables: read, protocols: readFile(read, 0, file!, text, options) };
  });
  const connection = await ofctl.connect(bridge!);
  const protocol = await setDumpProtocol(ofctl, connection, protocols);
  await readSwitch(tables, 1, connection, protocol);
  const changes: OfpBody[] = [];
  for (const table of tables) {
    for (const entry of table) {
      const [wanted, present] = entry.versions;
      if (present && !wanted) changes.push(flowMod(entry, present, 'delete_strict'));
    }
    for (const entry of table) {
      const [wanted, present] = entry.versions;
      if (wanted && (readd || !present || !sameVersion(present, wanted)))
        changes.push(flowMod(entry, wanted, 'add'));
    }
  }
  const encode = (body: OfpBody): Uint8Array[] => connection.encode(body, { protocol });
  if (bundle) await ofctl.bundle(connection, changes.flatMap(encode));
  else await ofctl.confirmAll(connection, changes.map(encode));
  connection.close();
});

/** Whether a source of flows is a file rather than a switch. */
const isFile = (ofctl: Ofctl, source: string): boolean =>
  source.startsWith('/') ||
  source.startsWith('.') ||
  (!source.includes(':') && ofctl.io.host.storage.exists(source));

function versionText(entry: FlowEntry, version: FlowVersion, ports: NameMap | undefined): string {
  let s = entry.tableId ? `table=${entry.tableId} ` : '';
  s += formatMatch(entry.match, entry.priority, { ports });
  if (version.cookie) s += ` cookie=0x${version.cookie.toString(16)}`;
  if (version.idleTimeout) s += ` idle_timeout=${version.idleTimeout}`;
  if (version.hardTimeout) s += ` hard_timeout=${version.hardTimeout}`;
  if (version.importance) s += ` importance=${version.importance}`;
  return `${s} actions=${formatActions(version.actions, { portNames: ports })}\n`;
}

const DIFFERENT = 2;

const diffFlows = writes('diff-flows', 'source1 source2', [2, 2], async (ofctl, sources) => {
  const tables = new FlowTables();
  let ports: NameMap | undefined;
  for (const which of [0, 1] as const) {
    const source = sources[which]!;
    if (isFile(ofctl, source)) {
      const text = ofctl.readText(source, 'open');
      await ofctl.parseAlone((options) =>
        readFile(tables, which, source, text, { ...options, portNames: ports }),
      );
      continue;
    }
    const connection = await ofctl.connect(source);
    const protocol = await setDumpProtocol(ofctl, connection, P.ANY);
    await readSwitch(tables, which, connection, protocol);
    connection.close();
    if (ofctl.showsNames) ports ??= await ofctl.ports(source);
  }
  let out = '';
  for (const table of tables) {
    for (const entry of table) {
      const [a, b] = entry.versions;
      if (a && b && sameVersion(a, b)) continue;
      if (a) out += `-${versionText(entry, a, ports)}`;
      if (b) out += `+${versionText(entry, b, ports)}`;
    }
  }
  ofctl.io.out(out);
  if (out !== '') throw new Exit(DIFFERENT);
});

export const FLOW_DIFF_COMMANDS: readonly OfctlCommand[] = [replaceFlows, diffFlows];
