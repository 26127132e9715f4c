/**
 * dpctl: looking into a datapath and changing its flows by hand, below the switch. Works on any {@link Dpif}.
 * C counterpart: lib/dpctl.c. Its texts name the program that runs it, as there: "ovs-vswitchd: ".
 */
import { SystemError } from '../../base/host.ts';
import { type UnixctlCommands, UnixctlError } from '../../base/unixctl.ts';
import { fullName } from '../../datapath/datapaths.ts';
import type { Dpif, DpifFlow, DpifOp, DpifPort, FlowStats } from '../../datapath/dpif-provider.ts';
import type { Netdev, NetdevStats } from '../../datapath/netdev-provider.ts';
import type { Flow } from '../../flow/layout.ts';
import { parseExactFlow } from '../../flow/match/parse.ts';
import type { NameMap } from '../../flow/ports.ts';
import { FlowTextError } from '../../flow/text.ts';
import { formatOdpActions } from '../../odp/action-format.ts';
import { parseOdpActions } from '../../odp/action-parse.ts';
import { formatOdpFlow } from '../../odp/key-format.ts';
import { type OdpFlowText, parseOdpFlow } from '../../odp/key-parse.ts';
import { OdpTextError } from '../../odp/scanner.ts';
import { formatUfid } from '../../odp/ufid.ts';
import { normalizeActions, parseActionsCommand } from './dpctl-actions.ts';
import {
  type DpctlCommand,
  DpctlError,
  type DpctlOptions,
  type DpctlWorld,
  fail,
  findDatapath,
  openDatapath,
  parseOptions,
  portNames,
} from './dpctl-arguments.ts';
import { CONNTRACK_COMMANDS } from './dpctl-conntrack.ts';
import {
  addDatapath,
  addInterfaces,
  deleteDatapath,
  deleteInterfaces,
  setInterfaces,
} from './dpctl-ports.ts';
import { formatFlowStats } from './flow-stats.ts';
import { parseUfid, ufidOf } from './ufid.ts';

function formatFlow(flow: DpifFlow, o: DpctlOptions, names: NameMap | undefined, nowMs: number): string {
  let text = o.verbose ? `${formatUfid(flow.ufid)}, ` : '';
  text += formatOdpFlow(flow.key, flow.mask, { portName: names?.nameOf, verbose: o.verbose });
  text += `, ${formatFlowStats(flow.stats, nowMs)}`;
  if (o.verbose) text += ', dp:ovs';
  return `${text}, actions:${formatOdpActions(flow.actions, names?.nameOf)}`;
}

/** All flows of a datapath. */
export function dumpAllFlows(dpif: Dpif): Promise<DpifFlow[]> {
  return new Promise((resolve) => {
    const all: DpifFlow[] = [];
    dpif.dumpFlows(
      (flows) => {
        for (const f of flows) all.push(f);
      },
      () => resolve(all),
    );
  });
}

/** A filter in the words of OpenFlow, with datapath port numbers. */
function parseFilter(text: string, names: NameMap): (flow: Flow) => boolean {
  try {
    const want = parseExactFlow(text, names);
    return (flow) => want.mask.every((m, i) => ((flow[i]! ^ want.flow[i]!) & m) === 0);
  } catch (error) {
    if (!(error instanceof FlowTextError)) throw error;
    return fail(`Failed to parse filter (${error.message})`);
  }
}

const TYPES = ['ovs', 'tc', 'dpdk', 'offloaded', 'non-offloaded', 'partially-offloaded'];

async function dumpFlows(world: DpctlWorld, rest: string[], options: DpctlOptions): Promise<string> {
  let filter: string | undefined;
  let types: string | undefined;
  let pmd: string | undefined;
  for (let last = rest.at(-1); last !== undefined; last = rest.at(-1)) {
    if (last.startsWith('filter=') && filter === undefined) filter = last.slice(7);
    else if (last.startsWith('type=') && types === undefined) types = last.slice(5);
    else if (last.startsWith('pmd=')) pmd = last.slice(4);
    else break;
    rest.pop();
  }
  const dpif = openDatapath(world, rest, 1);
  const names = portNames(dpif);
  const passes = filter === undefined ? undefined : parseFilter(filter, names);
  const wanted = types?.split(/[,\s]+/).filter((t) => t !== '');
  for (const t of wanted ?? []) if (!TYPES.includes(t)) fail(`Failed to parse type (${t})`);
  // All our flows are of the datapath itself, none is offloaded to a device.
  const none = wanted !== undefined && !wanted.some((t) => t === 'ovs' || t === 'non-offloaded');
  if (none || (pmd !== undefined && pmd !== '-1')) return '';
  const now = world.loop.now();
  const flows = (await dumpAllFlows(dpif)).filter((f) => !passes || passes(f.key));
  const title =
    flows.length > 0 && pmd === undefined && dpif.type !== 'system'
      ? 'flow-dump from the main thread:\n'
      : '';
  return (
    title + flows.map((f) => `${formatFlow(f, options, options.names ? names : undefined, now)}\n`).join('')
  );
}

const count = (n: number | undefined): string => (n === undefined || !(n >= 0) ? '?' : String(n));

/** A size in the largest unit that leaves it at least one, as the kernel's tools print it. */
function humanSize(bytes: number): string {
  for (const [unit, name] of [
    [2 ** 40, 'TiB'],
    [2 ** 30, 'GiB'],
    [2 ** 20, 'MiB'],
    [2 ** 10, 'KiB'],
  ] as const)
    if (bytes >= unit) return ` (${(bytes / unit).toFixed(1)} ${name})`;
  return '';
}

function portStatistics(s: NetdevStats): string {
  return (
    `    RX packets:${count(s.rxPackets)} errors:${count(s.rxErrors)} dropped:${count(s.rxDropped)} overruns:${count(s.rxOverErrors)} frame:${count(s.rxFrameErrors)}\n` +
    `    TX packets:${count(s.txPackets)} errors:${count(s.txErrors)} dropped:${count(s.txDropped)} aborted:? carrier:?\n` +
    `    collisions:${count(s.collisions)}\n` +
    `    RX bytes:${count(s.rxBytes)}${humanSize(s.rxBytes)}  TX bytes:${count(s.txBytes)}${humanSize(s.txBytes)}\n` +
    '    UPCALL packets:? errors:?\n'
  );
}

/** Interface:options as shown behind a port. */
export function formatConfig(netdev: Netdev): string {
  const config = [...netdev.config()].sort(([a], [b]) => (a < b ? -1 : 1));
  return config.map(([k, v], i) => `${i === 0 ? ':' : ','} ${k}=${v}`).join('');
}

function showPort({ devices }: DpctlWorld, port: DpifPort, statistics: boolean): string {
  const netdev = devices.find(port.name);
  const type = port.type === 'system' ? '' : ` (${port.type}${netdev ? formatConfig(netdev) : ''})`;
  const text = `  port ${port.portNo}: ${port.name}${type}\n`;
  return statistics && netdev ? text + portStatistics(netdev.stats()) : text;
}

function showDatapath(world: DpctlWorld, dpif: Dpif, statistics: boolean): string {
  const s = dpif.stats();
  let text = `${fullName(dpif)}:\n  lookups: hit:${s.hit} missed:${s.missed} lost:${s.lost}\n  flows: ${s.flows}\n`;
  for (const port of [...dpif.ports()].sort((a, b) => a.portNo - b.portNo))
    text += showPort(world, port, statistics);
  return text;
}

function show(world: DpctlWorld, names: readonly string[], { statistics }: DpctlOptions): string {
  const wanted =
    names.length === 0
      ? world.datapaths.all()
      : names.map((name) => {
          const dpif = findDatapath(world, name);
          return dpif ?? fail(`opening datapath ${name} failed`, new SystemError('ENODEV'));
        });
  return wanted.map((dpif) => showDatapath(world, dpif, statistics)).join('');
}

function parseKey(text: string, names: NameMap): OdpFlowText {
  try {
    return parseOdpFlow(text, names.numberOf);
  } catch (error) {
    if (!(error instanceof OdpTextError)) throw error;
    return fail(`${error.message} (Invalid argument)`);
  }
}

function operateOne({ backers }: DpctlWorld, dpif: Dpif, op: DpifOp, what: string): FlowStats | undefined {
  let stats: FlowStats | undefined;
  // A backer logs what is done to its datapath.
  const target = backers.all().find((backer) => backer.dpif === dpif) ?? dpif;
  target.operate([op], ([result]) => {
    if (result!.errno !== 0) fail(what, new SystemError(result!.errno));
    ({ stats } = result!);
  });
  return stats;
}

function putFlow(world: DpctlWorld, rest: string[], create: boolean): string {
  const dpif = openDatapath(world, rest, 3);
  const names = portNames(dpif);
  const [keyText, actionsText] = rest;
  const { ufid, key, mask } = parseKey(keyText!, names);
  let actions: ReturnType<typeof parseOdpActions>;
  try {
    actions = parseOdpActions(actionsText!, names.numberOf);
  } catch (error) {
    if (!(error instanceof OdpTextError)) throw error;
    return fail(`parsing actions (Invalid argument)`);
  }
  const id = ufid ?? ufidOf(key);
  operateOne(
    world,
    dpif,
    { kind: 'flow_put', ufid: id, key, mask, actions, create, modify: !create },
    'updating flow table',
  );
  return '';
}

function delFlow(world: DpctlWorld, rest: string[], options: DpctlOptions): string {
  const dpif = openDatapath(world, rest, 2);
  const { ufid, key } = parseKey(rest[0]!, portNames(dpif));
  let stats: FlowStats | undefined;
  try {
    stats = operateOne(world, dpif, { kind: 'flow_del', ufid: ufid ?? ufidOf(key) }, 'deleting flow');
  } catch (error) {
    if (error instanceof DpctlError && ufid === undefined && error.message.includes('No such file'))
      throw new DpctlError(`${error.message}Perhaps you need to specify a UFID?\n`);
    throw error;
  }
  return options.statistics && stats ? `${formatFlowStats(stats, world.loop.now())}\n` : '';
}

function getFlow(world: DpctlWorld, rest: string[], options: DpctlOptions): string {
  const dpif = openDatapath(world, rest, 2);
  const ufid = parseUfid(rest[0]!);
  if (ufid === undefined) return fail('parsing flow ufid');
  const flow = dpif.flowGet(ufid);
  if (!flow) return fail('getting flow (No such file or directory)');
  return `${formatFlow(flow, options, options.names ? portNames(dpif) : undefined, world.loop.now())}\n`;
}

const flushFlows: DpctlCommand = (world, rest) => {
  openDatapath(world, rest, 1).flushFlows();
  return '';
};

const MANY = Number.POSITIVE_INFINITY;

/** Usage and numbers of arguments, as in the C tool. */
export const DPCTL_COMMANDS: readonly (readonly [
  name: string,
  usage: string,
  min: number,
  max: number,
  run: DpctlCommand,
])[] = [
  ['add-dp', 'dp [iface...]', 1, MANY, addDatapath],
  ['del-dp', 'dp', 1, 1, deleteDatapath],
  ['add-if', 'dp iface...', 2, MANY, addInterfaces],
  ['del-if', 'dp iface...', 2, MANY, deleteInterfaces],
  ['set-if', 'dp iface...', 2, MANY, setInterfaces],
  [
    'dump-dps',
    '',
    0,
    0,
    ({ datapaths }) =>
      datapaths
        .all()
        .map((dpif) => `${fullName(dpif)}\n`)
        .join(''),
  ],
  ['show', '[-s] [dp...]', 0, MANY, show],
  ['dump-flows', '[-m] [--names] [dp] [filter=..] [type=..] [pmd=..]', 0, 6, dumpFlows],
  ['add-flow', '[dp] flow actions', 2, 3, (world, args) => putFlow(world, args, true)],
  ['mod-flow', '[dp] flow actions', 2, 3, (world, args) => putFlow(world, args, false)],
  ['get-flow', '[dp] ufid', 1, 2, getFlow],
  ['del-flow', '[dp] flow', 1, 2, delFlow],
  ['del-flows', '[dp] [file]', 0, 2, flushFlows],
  ...CONNTRACK_COMMANDS,
  ['parse-actions', 'actions', 1, MANY, parseActionsCommand],
  ['normalize-actions', 'actions', 2, MANY, normalizeActions],
];

export function registerDpctlCommands(commands: UnixctlCommands, world: DpctlWorld): void {
  for (const [name, usage, min, max, run] of DPCTL_COMMANDS) {
    // Options count as arguments, so that only the minimum can be checked beforehand.
    commands.register(`dpctl/${name}`, usage, min, max === 0 ? 0 : MANY, async (args) => {
      const { options, rest } = parseOptions(args);
      try {
        return await run(world, rest, options);
      } catch (error) {
        throw error instanceof DpctlError ? new UnixctlError(error.message) : error;
      }
    });
  }
}
