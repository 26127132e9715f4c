/** dpif/*: the bridges and their datapaths. */
import { type UnixctlCommands, UnixctlJson } from '../../base/unixctl.ts';
import { formatOdpActions } from '../../odp/action-format.ts';
import { formatOdpFlow } from '../../odp/key-format.ts';
import { formatUfid } from '../../odp/ufid.ts';
import type { Backer, Backers } from './backer.ts';
import { dumpAllFlows, formatConfig } from './dpctl.ts';
import { bridgeArgument, registerFdbCommands } from './fdb-commands.ts';
import { parseSetFeature, setFeature, showFeatures } from './features.ts';
import { formatFlowStats } from './flow-stats.ts';
import type { OfportDpif } from './ofport.ts';
import type { OfprotoDpif } from './ofproto-dpif.ts';
import { registerTraceCommands } from './trace-command.ts';
import { registerUpcallCommands } from './upcall-commands.ts';

const byName = <T extends { readonly name: string }>(items: Iterable<T>): T[] =>
  [...items].sort((a, b) => (a.name < b.name ? -1 : 1));

function showPort(port: OfportDpif): string {
  const odp = port.odpPort === undefined ? 'none' : String(port.odpPort);
  return `    ${port.name} ${port.ofpPort & 0xffff}/${odp}: (${port.netdev.type}${formatConfig(port.netdev)})\n`;
}

function showText(backers: Backers): string {
  let text = '';
  for (const backer of backers.all()) {
    const { hit, missed } = backer.dpif.stats();
    text += `${backer.fullName}: hit:${hit} missed:${missed}\n`;
    for (const bridge of byName(backer.bridges))
      text += `  ${bridge.name}:\n${byName(bridge.ports()).map(showPort).join('')}`;
  }
  return text;
}

function showJson(backers: Backers): UnixctlJson {
  const bridgesOf = (backer: Backer): [string, unknown][] =>
    byName(backer.bridges).map((bridge) => [
      bridge.name,
      Object.fromEntries(
        byName(bridge.ports()).map((p) => [
          p.name,
          {
            ofport: String(p.ofpPort & 0xffff),
            port_no: p.odpPort === undefined ? 'none' : String(p.odpPort),
            type: p.netdev.type,
            ...(p.netdev.config().size > 0 ? { config: Object.fromEntries(p.netdev.config()) } : {}),
          },
        ]),
      ),
    ]);
  return new UnixctlJson(
    Object.fromEntries(
      backers.all().map((backer) => {
        const { hit, missed } = backer.dpif.stats();
        const stats = { hit: String(hit), missed: String(missed) };
        return [backer.fullName, { bridges: Object.fromEntries(bridgesOf(backer)), stats }];
      }),
    ),
  );
}

async function dumpFlows(backers: Backers, args: readonly string[]): Promise<string> {
  const bridge: OfprotoDpif = bridgeArgument(backers, args.at(-1)!);
  let verbose = false;
  let names: boolean | undefined;
  for (const arg of args.slice(0, -1)) {
    if (arg === '-m') verbose = true;
    else if (arg === '--names') names = true;
    else if (arg === '--no-names') names = false;
  }
  const { backer } = bridge;
  const portNames = (names ?? verbose) ? backer.portNames() : undefined;
  const now = backer.loop.now();
  let text = '';
  for (const f of await dumpAllFlows(backer.dpif)) {
    const found = backer.lookup(f.key);
    if ('error' in found || found.bridge !== bridge) continue;
    if (verbose) text += `${formatUfid(f.ufid)} `;
    text += `${formatOdpFlow(f.key, f.mask, { portName: portNames?.nameOf, verbose })}, ${formatFlowStats(f.stats, now)}`;
    text += `, actions:${formatOdpActions(f.actions, portNames?.nameOf)}\n`;
  }
  return text;
}

function registerOwn(commands: UnixctlCommands, backers: Backers): void {
  commands.register('dpif/dump-dps', '', 0, 0, () =>
    [...backers.bridges()]
      .map((b) => `${b.up.type}@${b.name}\n`)
      .sort()
      .join(''),
  );
  commands.register('dpif/show', '', 0, 0, (_args, request) =>
    request.format === 'json' ? showJson(backers) : showText(backers),
  );
  commands.register('dpif/show-dp-features', 'bridge', 1, 1, ([br]) =>
    showFeatures(bridgeArgument(backers, br!).backer.bootFeatures),
  );
  commands.register(
    'dpif/dump-flows',
    '[-m] [--names | --no-names] bridge',
    1,
    Number.POSITIVE_INFINITY,
    (args) => dumpFlows(backers, args),
  );
  commands.register('dpif/set-dp-features', '[--force] bridge [feature [value]]', 1, 4, (args) => {
    const { bridge, name, value, force } = parseSetFeature(args);
    const { backer } = bridgeArgument(backers, bridge);
    const { reply, changed } = setFeature(backer.features, backer.bootFeatures, name, value, force);
    if (changed) backer.udpif.flush();
    return reply;
  });
}

/** Registers the management commands of this folder, but dpctl's. */
export function registerDpifCommands(commands: UnixctlCommands, backers: Backers): void {
  registerOwn(commands, backers);
  registerFdbCommands(commands, backers);
  registerUpcallCommands(commands, backers);
  registerTraceCommands(commands, backers);
}
