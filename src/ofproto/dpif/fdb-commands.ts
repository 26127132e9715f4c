/** fdb/*: the MAC tables of the bridges. */
import { type UnixctlCommands, UnixctlError, UnixctlJson } from '../../base/unixctl.ts';
import { formatPort } from '../../flow/ports.ts';
import { formatMacNumber, parseMac } from '../../flow/text.ts';
import type { MacEntry } from '../l2/mac-learning.ts';
import type { Backers } from './backer.ts';
import type { Bundle } from './bundle.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';

/** The bridge that a command names. @throws UnixctlError */
export function bridgeArgument(backers: Backers, name: string): OfprotoDpif {
  const bridge = backers.bridge(name);
  if (!bridge) throw new UnixctlError('no such bridge');
  return bridge;
}

/** A VLAN as atoi() reads it. */
const vlanArgument = (text: string): number => (Number.parseInt(text, 10) || 0) & 0xffff;

function macArgument(text: string): number {
  const mac = parseMac(text);
  if (mac === undefined) throw new UnixctlError('bad MAC address');
  return Number(mac);
}

/** A bundle is shown as its first member. */
const portOf = (e: MacEntry<Bundle>): number => e.port!.ports[0]!.ofpPort;

function showText(bridge: OfprotoDpif): string {
  let text = ' port  VLAN  MAC                Age\n';
  for (const e of bridge.macLearning.entries()) {
    const age = e.isStatic ? 'static' : String(bridge.macLearning.age(e)).padStart(3);
    text += `${formatPort(portOf(e)).padStart(5)}  ${String(e.vlan).padStart(4)}  ${formatMacNumber(e.mac)}  ${age}\n`;
  }
  return text;
}

function showJson(bridge: OfprotoDpif): UnixctlJson {
  const rows = [...bridge.macLearning.entries()].map((e) => ({
    mac: formatMacNumber(e.mac),
    port: portOf(e) & 0xffff,
    vlan: e.vlan,
    ...(e.isStatic ? { static: true } : { age: bridge.macLearning.age(e) }),
  }));
  return new UnixctlJson(rows);
}

function showStats(bridge: OfprotoDpif): string {
  const ml = bridge.macLearning;
  const { learned, expired, evicted, moved } = ml.stats;
  return (
    `Statistics for bridge "${bridge.name}":\n` +
    `  Current/maximum MAC entries in the table: ${ml.size}/${ml.maxEntries}\n` +
    `  Current static MAC entries in the table : ${ml.staticEntries}\n` +
    `  Total number of learned MAC entries     : ${learned}\n` +
    `  Total number of expired MAC entries     : ${expired}\n` +
    `  Total number of evicted MAC entries     : ${evicted}\n` +
    `  Total number of port moved MAC entries  : ${moved}\n`
  );
}

function addStatic(bridge: OfprotoDpif, portName: string, vlan: number, mac: number): string {
  const port = [...bridge.ports()].find((p) => p.name === portName);
  if (!port) throw new UnixctlError('software error, odp port is present but no ofp port');
  const ml = bridge.macLearning;
  const old = ml.lookup(mac, vlan);
  let reply = '';
  if (old && (old.port!.name !== portName || !old.isStatic))
    reply = `Overriding already existing ${old.isStatic ? 'static' : 'dynamic'} entry on ${formatPort(portOf(old))}\n`;
  if (!port.bundle) throw new UnixctlError('could not add static mac entry\n');
  ml.addStatic(mac, vlan, port.bundle);
  return reply;
}

export function registerFdbCommands(commands: UnixctlCommands, backers: Backers): void {
  const some = (name: string | undefined): Iterable<OfprotoDpif> =>
    name === undefined ? backers.bridges() : [bridgeArgument(backers, name)];

  commands.register('fdb/add', 'bridge port vlan mac', 4, 4, ([br, port, vlan, mac]) => {
    const bridge = bridgeArgument(backers, br!);
    return addStatic(bridge, port!, vlanArgument(vlan!), macArgument(mac!));
  });
  commands.register('fdb/del', 'bridge vlan mac', 3, 3, ([br, vlan, mac]) => {
    const bridge = bridgeArgument(backers, br!);
    if (!bridge.macLearning.deleteStatic(macArgument(mac!), vlanArgument(vlan!)))
      throw new UnixctlError('could not find static mac entry\n');
    return '';
  });
  commands.register('fdb/flush', '[bridge]', 0, 1, ([br]) => {
    for (const bridge of some(br)) {
      bridge.macLearning.flush();
      bridge.run();
    }
    return 'table successfully flushed';
  });
  commands.register('fdb/show', 'bridge', 1, 1, ([br], request) => {
    const bridge = bridgeArgument(backers, br!);
    return request.format === 'json' ? showJson(bridge) : showText(bridge);
  });
  commands.register('fdb/stats-clear', '[bridge]', 0, 1, ([br]) => {
    for (const bridge of some(br)) bridge.macLearning.clearStats();
    return 'statistics successfully cleared';
  });
  commands.register('fdb/stats-show', 'bridge', 1, 1, ([br]) => showStats(bridgeArgument(backers, br!)));
}
