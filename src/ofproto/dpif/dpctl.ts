/**
 * dpctl: looking into a datapath and changing its flows by hand, below the switch. Works on any {@link Dpif}.
 * C counterpart: lib/dpctl.c. Its texts name the program that runs it, as there: "ovs-vswitchd: ".
 */
import { SystemError } from '../../base/host.ts';
import { type UnixctlCommands, UnixctlError } from '../../base/unixctl.ts';
import type { DpifFlow, DpifPort, FlowStats } from '../../datapath/dpif-provider.ts';
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
import type { Backer, Backers } from './backer.ts';
import { formatFlowStats } from './flow-stats.ts';
import { parseUfid, ufidOf } from './ufid.ts';

interface Options {
  verbose: boolean;
  statistics: boolean;
  names: boolean;
}

/** A failure, in the words of the C tool. */
class DpctlError extends Error {}

const fail = (text: string): never => {
  throw new DpctlError(`ovs-vswitchd: ${text}\n`);
};

/** Options stand before the other arguments. */
function parseOptions(args: readonly string[]): { options: Options; rest: string[] } {
  const options: Options = { verbose: false, statistics: false, names: false };
  let names: boolean | undefined;
  const rest = [...args];
  while (rest[0]?.startsWith('-') && rest[0] !== '-') {
    const arg = rest.shift()!;
    if (arg === '--statistics') options.statistics = true;
    else if (arg === '--clear' || arg === '--may-create') continue;
    else if (arg === '--more') options.verbose = true;
    else if (arg === '--names') names = true;
    else if (arg === '--no-names') names = false;
    else if (arg.startsWith('--')) throw new UnixctlError(`Unrecognized option ${arg}`);
    else {
      for (const letter of arg.slice(1)) {
        if (letter === 'm') options.verbose = true;
        else if (letter === 's') options.statistics = true;
        else throw new UnixctlError(`Unrecognized option -${letter}`);
      }
    }
  }
  options.names = names ?? options.verbose;
  return { options, rest };
}

const dpName = (name: string): string => (name.includes('@') ? name : `system@${name}`);

/** Whether an argument names a datapath that exists. */
const isDatapath = (backers: Backers, name: string | undefined): boolean =>
  name !== undefined && backers.all().some((b) => b.fullName === dpName(name) || b.dpif.name === name);

/** The datapath that the first argument names, or the only one. */
function openDatapath(backers: Backers, rest: string[], maxArgs: number): Backer {
  if (isDatapath(backers, rest[0])) {
    const name = rest.shift()!;
    return backers.all().find((b) => b.fullName === dpName(name) || b.dpif.name === name)!;
  }
  const all = backers.all();
  const notFound = (first: string): never => fail(`${first}datapath not found (Invalid argument)`);
  if (rest.length >= maxArgs) return notFound('');
  if (all.length === 0) return notFound('no datapaths exist\novs-vswitchd: ');
  if (all.length > 1) return notFound('multiple datapaths, specify one\novs-vswitchd: ');
  return all[0]!;
}

function formatFlow(flow: DpifFlow, o: Options, names: NameMap | undefined, nowMs: number): string {
  let text = o.verbose ? `${formatUfid(flow.ufid)}, ` : '';
  text += formatOdpFlow(flow.key, flow.mask, { portName: names?.nameOf, verbose: o.verbose });
  text += `, ${formatFlowStats(flow.stats, nowMs)}`;
  if (o.verbose) text += ', dp:ovs';
  return `${text}, actions:${formatOdpActions(flow.actions, names?.nameOf)}`;
}

/** All flows of a datapath. */
export function dumpAllFlows(backer: Backer): Promise<DpifFlow[]> {
  return new Promise((resolve) => {
    const all: DpifFlow[] = [];
    backer.dpif.dumpFlows(
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

async function dumpFlows(backers: Backers, args: readonly string[]): Promise<string> {
  const { options, rest } = parseOptions(args);
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
  const backer = openDatapath(backers, rest, 1);
  const names = backer.portNames();
  const passes = filter === undefined ? undefined : parseFilter(filter, names);
  const wanted = types?.split(/[,\s]+/).filter((t) => t !== '');
  for (const t of wanted ?? []) if (!TYPES.includes(t)) fail(`Failed to parse type (${t})`);
  // All our flows are of the datapath itself, none is offloaded to a device.
  const none = wanted !== undefined && !wanted.some((t) => t === 'ovs' || t === 'non-offloaded');
  if (none || (pmd !== undefined && pmd !== '-1')) return '';
  const now = backer.loop.now();
  const flows = (await dumpAllFlows(backer)).filter((f) => !passes || passes(f.key));
  const title =
    flows.length > 0 && pmd === undefined && backer.type !== 'system'
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

function showPort(backer: Backer, port: DpifPort, statistics: boolean): string {
  const netdev = backer.portByOdp(port.portNo)?.netdev;
  const type = port.type === 'system' ? '' : ` (${port.type}${netdev ? formatConfig(netdev) : ''})`;
  const text = `  port ${port.portNo}: ${port.name}${type}\n`;
  return statistics && netdev ? text + portStatistics(netdev.stats()) : text;
}

function showDatapath(backer: Backer, statistics: boolean): string {
  const s = backer.dpif.stats();
  let text = `${backer.fullName}:\n  lookups: hit:${s.hit} missed:${s.missed} lost:${s.lost}\n  flows: ${s.flows}\n`;
  for (const port of [...backer.dpif.ports()].sort((a, b) => a.portNo - b.portNo))
    text += showPort(backer, port, statistics);
  return text;
}

function show(backers: Backers, args: readonly string[]): string {
  const { options, rest } = parseOptions(args);
  if (rest.length === 0)
    return backers
      .all()
      .map((b) => showDatapath(b, options.statistics))
      .join('');
  return rest
    .map((name) => {
      const backer = backers.all().find((b) => b.fullName === dpName(name) || b.dpif.name === name);
      if (!backer) return fail(`opening datapath ${name} failed (No such device)`);
      return showDatapath(backer, options.statistics);
    })
    .join('');
}

function parseKey(text: string, names: NameMap): OdpFlowText {
  try {
    return parseOdpFlow(text, names.numberOf);
  } catch (error) {
    if (!(error instanceof OdpTextError)) throw error;
    return fail(`${error.message} (Invalid argument)`);
  }
}

function operateOne(
  backer: Backer,
  op: Parameters<Backer['dpif']['operate']>[0][number],
  what: string,
): FlowStats | undefined {
  let stats: FlowStats | undefined;
  backer.operate([op], ([result]) => {
    if (result!.errno !== 0) fail(`${what} (${new SystemError(result!.errno).message})`);
    ({ stats } = result!);
  });
  return stats;
}

function putFlow(backers: Backers, args: readonly string[], create: boolean): string {
  const { rest } = parseOptions(args);
  const backer = openDatapath(backers, rest, 3);
  const names = backer.portNames();
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
    backer,
    { kind: 'flow_put', ufid: id, key, mask, actions, create, modify: !create },
    'updating flow table',
  );
  return '';
}

function delFlow(backers: Backers, args: readonly string[]): string {
  const { options, rest } = parseOptions(args);
  const backer = openDatapath(backers, rest, 2);
  const { ufid, key } = parseKey(rest[0]!, backer.portNames());
  let stats: FlowStats | undefined;
  try {
    stats = operateOne(backer, { kind: 'flow_del', ufid: ufid ?? ufidOf(key) }, 'deleting flow');
  } catch (error) {
    if (error instanceof DpctlError && ufid === undefined && error.message.includes('No such file'))
      throw new DpctlError(`${error.message}Perhaps you need to specify a UFID?\n`);
    throw error;
  }
  return options.statistics && stats ? `${formatFlowStats(stats, backer.loop.now())}\n` : '';
}

function getFlow(backers: Backers, args: readonly string[]): string {
  const { options, rest } = parseOptions(args);
  const backer = openDatapath(backers, rest, 2);
  const ufid = parseUfid(rest[0]!);
  if (ufid === undefined) return fail('parsing flow ufid');
  const flow = backer.dpif.flowGet(ufid);
  if (!flow) return fail('getting flow (No such file or directory)');
  return `${formatFlow(flow, options, options.names ? backer.portNames() : undefined, backer.loop.now())}\n`;
}

export function registerDpctlCommands(commands: UnixctlCommands, backers: Backers): void {
  const many = Number.POSITIVE_INFINITY;
  const add = (
    name: string,
    usage: string,
    min: number,
    max: number,
    run: (args: readonly string[]) => string | Promise<string>,
  ): void => {
    // Options count as arguments, so that only the minimum can be checked beforehand.
    commands.register(`dpctl/${name}`, usage, min, max === 0 ? 0 : many, async (args) => {
      try {
        return await run(args);
      } catch (error) {
        throw error instanceof DpctlError ? new UnixctlError(error.message) : error;
      }
    });
  };
  add('dump-dps', '', 0, 0, () =>
    backers
      .all()
      .map((b) => `${b.fullName}\n`)
      .join(''),
  );
  add('show', '[-s] [dp...]', 0, many, (args) => show(backers, args));
  add('dump-flows', '[-m] [--names] [dp] [filter=..] [type=..] [pmd=..]', 0, 6, (args) =>
    dumpFlows(backers, args),
  );
  add('add-flow', '[dp] flow actions', 2, 3, (args) => putFlow(backers, args, true));
  add('mod-flow', '[dp] flow actions', 2, 3, (args) => putFlow(backers, args, false));
  add('get-flow', '[dp] ufid', 1, 2, (args) => getFlow(backers, args));
  add('del-flow', '[dp] flow', 1, 2, (args) => delFlow(backers, args));
  add('del-flows', '[dp]', 0, 2, (args) => {
    const { rest } = parseOptions(args);
    openDatapath(backers, rest, 1).dpif.flushFlows();
    return '';
  });
}
