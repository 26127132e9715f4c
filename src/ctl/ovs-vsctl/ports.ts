/** Port, bond and interface commands. */
import { compareStrings } from '../../ovsdb/atom.ts';
import { setColumn } from '../db-ctl/column-value.ts';
import { fail } from '../db-ctl/context.ts';
import type { VsctlCommand, VsctlContext } from './context.ts';
import { prepareNetwork, sortedLines } from './network.ts';

const common = { prerequisites: prepareNetwork, minArgs: 1, maxArgs: 1 } as const;
const sorted = (names: Iterable<string>): string[] => [...names].sort(compareStrings);

const listPorts: VsctlCommand = {
  ...common,
  name: 'list-ports',
  arguments: 'BRIDGE',
  mode: 'ro',
  run(ctx) {
    const bridge = ctx.network.bridge(ctx.argv[1]!);
    ctx.txn.verify(bridge.row, 'ports');
    const names = [...bridge.ports].map((port) => port.row.name);
    ctx.output = sortedLines(names.filter((name) => name !== bridge.name));
  },
};

interface NewPort {
  readonly bridge: string;
  readonly name: string;
  readonly interfaces: readonly string[];
  /** COLUMN=VALUE words for the Port row. */
  readonly settings: readonly string[];
  readonly fakeIface: boolean;
}

function addNewPort(ctx: VsctlContext, wanted: NewPort): void {
  const { name, interfaces } = wanted;
  if (name === '') fail('port name must not be empty string');
  if (interfaces.includes('')) fail('interface name must not be empty string');
  const { network, txn } = ctx;
  if (ctx.options.has('--may-exist') && isThere(ctx, wanted)) return;
  network.checkFree(name, 'a port');
  for (const iface of interfaces) network.checkFree(iface, 'an interface');
  const bridge = network.bridge(wanted.bridge);

  const ifaces = interfaces.map((iface) => txn.insert('Interface', { name: iface }));
  ctx.newInterfaces.push(...ifaces);
  const port = txn.insert('Port', {
    name,
    interfaces: ifaces,
    bond_fake_iface: wanted.fakeIface,
    ...(bridge.parent && { tag: bridge.vlan }),
  });
  for (const setting of wanted.settings) setColumn(ctx, port._table, port, setting);
  txn.set(bridge.row, { ports: [...bridge.row.ports, port] });
  const added = network.addPort(bridge, port);
  for (const iface of ifaces) network.addInterface(added, iface);
}

/** Whether the port is there already, just as it is wanted. @throws ToolError if it is there in another way */
function isThere(ctx: VsctlContext, { bridge, name, interfaces }: NewPort): boolean {
  const port = ctx.network.findPort(name);
  if (!port) return false;
  if (port.bridge.name !== bridge)
    fail(`"${ctx.commandText}" but ${name} is actually attached to bridge ${port.bridge.name}`);
  const have = sorted(port.row.interfaces.map((iface) => iface.name)).join(', ');
  if (have !== sorted(interfaces).join(', '))
    fail(`"${ctx.commandText}" but ${name} actually has interface(s) ${have}`);
  return true;
}

const addPort: VsctlCommand = {
  ...common,
  name: 'add-port',
  minArgs: 2,
  maxArgs: Number.POSITIVE_INFINITY,
  arguments: 'BRIDGE NEW-PORT [COLUMN[:KEY]=VALUE]...',
  options: ['--may-exist'],
  mode: 'rw',
  run(ctx) {
    const [, bridge, name, ...settings] = ctx.argv as [string, string, string];
    addNewPort(ctx, { bridge, name, interfaces: [name], settings, fakeIface: false });
  },
};

const addBond: VsctlCommand = {
  ...common,
  name: 'add-bond',
  minArgs: 4,
  maxArgs: Number.POSITIVE_INFINITY,
  arguments: 'BRIDGE BOND IFACE... [COLUMN[:KEY]=VALUE]...',
  options: ['--may-exist', '--fake-iface'],
  mode: 'rw',
  run(ctx) {
    const [, bridge, name, ...words] = ctx.argv as [string, string, string];
    const firstSetting = words.findIndex((word: string) => word.includes('='));
    const count = firstSetting < 0 ? words.length : firstSetting;
    if (count < 2) fail(`add-bond requires at least 2 interfaces, but only ${count} were specified`);
    const fakeIface = ctx.options.has('--fake-iface');
    addNewPort(ctx, {
      bridge,
      name,
      interfaces: words.slice(0, count),
      settings: words.slice(count),
      fakeIface,
    });
  },
};

const addBondIface: VsctlCommand = {
  ...common,
  name: 'add-bond-iface',
  minArgs: 2,
  maxArgs: 2,
  arguments: 'BOND IFACE',
  options: ['--may-exist'],
  mode: 'rw',
  run(ctx) {
    const [, portName, name] = ctx.argv as [string, string, string];
    const { network, txn } = ctx;
    const port = network.port(portName);
    const existing = ctx.options.has('--may-exist') ? network.findInterface(name) : undefined;
    if (existing) {
      if (existing.port !== port)
        fail(`"${ctx.commandText}" but ${name} is actually attached to port ${existing.port.row.name}`);
      return;
    }
    network.checkFree(name, 'an interface');
    const iface = txn.insert('Interface', { name });
    txn.set(port.row, { interfaces: [...port.row.interfaces, iface] });
    ctx.newInterfaces.push(iface);
    network.addInterface(port, iface);
  },
};

const delBondIface: VsctlCommand = {
  ...common,
  name: 'del-bond-iface',
  maxArgs: 2,
  arguments: '[BOND] IFACE',
  options: ['--if-exists'],
  mode: 'rw',
  run(ctx) {
    const { network, txn } = ctx;
    const name = ctx.argv.at(-1)!;
    const iface = ctx.mustExist ? network.interface(name) : network.findInterface(name);
    if (!iface) return;
    const { port } = iface;
    if (ctx.argv.length > 2 && network.port(ctx.argv[1]!) !== port)
      fail(`port ${ctx.argv[1]} does not have an interface ${name}`);
    if (port.interfaces.size < 2) fail(`cannot delete last interface from port ${port.row.name}`);
    txn.set(port.row, { interfaces: port.row.interfaces.filter((row) => row !== iface.row) });
    network.removeInterface(iface);
  },
};

const delPort: VsctlCommand = {
  ...common,
  name: 'del-port',
  maxArgs: 2,
  arguments: '[BRIDGE] PORT|IFACE',
  options: ['--if-exists', '--with-iface'],
  mode: 'rw',
  run(ctx) {
    const { network } = ctx;
    const name = ctx.argv.at(-1)!;
    const port = portToDelete(ctx, name);
    if (!port) return;
    if (ctx.argv.length === 3) {
      const bridge = network.bridge(ctx.argv[1]!);
      if (port.bridge !== bridge) {
        const child =
          port.bridge.parent === bridge ? ` (although its child bridge ${port.bridge.name} does)` : '';
        fail(`bridge ${bridge.name} does not have a port ${name}${child}`);
      }
    }
    network.removePort(port);
  },
};

function portToDelete(ctx: VsctlContext, name: string) {
  const { network, mustExist } = ctx;
  if (network.findBridge(name)) {
    if (mustExist)
      fail(
        `cannot delete port ${name} because it is the local port for bridge ${name} (deleting this port requires deleting the entire bridge)`,
      );
    return undefined;
  }
  if (!ctx.options.has('--with-iface')) return mustExist ? network.port(name) : network.findPort(name);
  const port = network.findPort(name) ?? network.findInterface(name)?.port;
  if (!port && mustExist) fail(`no port or interface named ${name}`);
  return port;
}

const portToBr: VsctlCommand = {
  ...common,
  name: 'port-to-br',
  arguments: 'PORT',
  mode: 'ro',
  run(ctx) {
    ctx.output = `${ctx.network.port(ctx.argv[1]!).bridge.name}\n`;
  },
};

const listIfaces: VsctlCommand = {
  ...common,
  name: 'list-ifaces',
  arguments: 'BRIDGE',
  mode: 'ro',
  run(ctx) {
    const bridge = ctx.network.bridge(ctx.argv[1]!);
    ctx.network.verifyPorts();
    const names = [...bridge.ports].flatMap((port) => [...port.interfaces].map((iface) => iface.row.name));
    ctx.output = sortedLines(names.filter((name) => name !== bridge.name));
  },
};

const ifaceToBr: VsctlCommand = {
  ...common,
  name: 'iface-to-br',
  arguments: 'IFACE',
  mode: 'ro',
  run(ctx) {
    ctx.output = `${ctx.network.interface(ctx.argv[1]!).port.bridge.name}\n`;
  },
};

export const PORT_COMMANDS = [
  listPorts,
  addPort,
  delPort,
  portToBr,
  addBond,
  addBondIface,
  delBondIface,
  listIfaces,
  ifaceToBr,
];
