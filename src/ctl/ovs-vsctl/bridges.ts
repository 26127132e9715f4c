/** Bridge commands. */
import { compareStrings } from '../../ovsdb/atom.ts';
import { CtlExit, fail } from '../db-ctl/context.ts';
import { ToolError } from '../tool.ts';
import type { VsctlCommand, VsctlContext } from './context.ts';
import { type Bridge, prepareNetwork, sortedLines } from './network.ts';

const common = { prerequisites: prepareNetwork, minArgs: 1, maxArgs: 1, arguments: 'BRIDGE' } as const;

const addBr: VsctlCommand = {
  ...common,
  name: 'add-br',
  maxArgs: 3,
  arguments: 'NEW-BRIDGE [PARENT] [NEW-VLAN]',
  options: ['--may-exist'],
  mode: 'rw',

  run(ctx) {
    const [command, name, parentName] = ctx.argv as [string, string, string | undefined];
    if (name === '') fail('bridge name must not be empty string');
    if (ctx.argv.length === 3) fail(`'${command}' command takes exactly 1 or 3 arguments`);
    const vlan = Number.parseInt(ctx.argv[3] ?? '0', 10) || 0;
    if (vlan < 0 || vlan > 4095) fail(`${command}: vlan must be between 0 and 4095`);
    const existing = ctx.options.has('--may-exist') ? ctx.network.findBridge(name) : undefined;
    if (existing) {
      checkExisting(existing, parentName, vlan);
      return;
    }
    ctx.network.checkFree(name, 'a bridge');
    if (parentName === undefined) addRealBridge(ctx, name);
    else addVlanBridge(ctx, name, parentName, vlan);
    ctx.invalidate();
  },
};

/** @throws ToolError unless the bridge is the one that add-br would make */
function checkExisting(bridge: Bridge, parentName: string | undefined, vlan: number): void {
  const { name, parent } = bridge;
  if (parentName === undefined) {
    if (parent) fail(`"--may-exist add-br ${name}" but ${name} is a VLAN bridge for VLAN ${bridge.vlan}`);
    return;
  }
  const but = `"--may-exist add-br ${name} ${parentName} ${vlan}" but ${name}`;
  if (!parent) fail(`${but} is not a VLAN bridge`);
  if (parent!.name !== parentName) fail(`${but} has the wrong parent ${parent!.name}`);
  if (bridge.vlan !== vlan) fail(`${but} is a VLAN bridge for the wrong VLAN ${bridge.vlan}`);
}

function addLocalPort(ctx: VsctlContext, name: string, values: { fake_bridge?: boolean; tag?: number } = {}) {
  const iface = ctx.txn.insert('Interface', { name, type: 'internal' });
  ctx.newInterfaces.push(iface);
  return ctx.txn.insert('Port', { name, interfaces: [iface], ...values });
}

function addRealBridge(ctx: VsctlContext, name: string): void {
  const bridge = ctx.txn.insert('Bridge', { name, ports: [addLocalPort(ctx, name)] });
  ctx.txn.set(ctx.ovs, { bridges: [...ctx.ovs.bridges, bridge] });
}

function addVlanBridge(ctx: VsctlContext, name: string, parentName: string, vlan: number): void {
  const parent = ctx.network.findBridge(parentName);
  if (!parent) throw new ToolError(`parent bridge ${parentName} does not exist`);
  if (parent.parent) fail('cannot create bridge with fake bridge as parent');
  const conflict = parent.children.get(vlan);
  if (conflict) fail(`bridge ${parentName} already has a child VLAN bridge ${conflict.name} on VLAN ${vlan}`);
  const port = addLocalPort(ctx, name, { fake_bridge: true, tag: vlan });
  ctx.txn.set(parent.row, { ports: [...parent.row.ports, port] });
}

const delBr: VsctlCommand = {
  ...common,
  name: 'del-br',
  options: ['--if-exists'],
  mode: 'rw',
  run(ctx) {
    const name = ctx.argv[1]!;
    const bridge = ctx.mustExist ? ctx.network.bridge(name) : ctx.network.findBridge(name);
    if (bridge) ctx.network.removeBridge(bridge);
  },
};

const listBr: VsctlCommand = {
  ...common,
  name: 'list-br',
  minArgs: 0,
  maxArgs: 0,
  arguments: '',
  options: ['--real', '--fake'],
  mode: 'ro',
  run(ctx) {
    const real = ctx.options.has('--real');
    const fake = ctx.options.has('--fake');
    const shown = [...ctx.network.bridges.values()].filter(
      ({ parent }) => real === fake || (parent ? fake : real),
    );
    ctx.output = sortedLines(shown.map((bridge) => bridge.name));
  },
};

const brExists: VsctlCommand = {
  ...common,
  name: 'br-exists',
  mode: 'ro',
  run(ctx) {
    if (!ctx.network.findBridge(ctx.argv[1]!)) throw new CtlExit(2);
  },
};

const brToVlan: VsctlCommand = {
  ...common,
  name: 'br-to-vlan',
  mode: 'ro',
  run(ctx) {
    ctx.output = `${ctx.network.bridge(ctx.argv[1]!).vlan}\n`;
  },
};

const brToParent: VsctlCommand = {
  ...common,
  name: 'br-to-parent',
  mode: 'ro',
  run(ctx) {
    const bridge = ctx.network.bridge(ctx.argv[1]!);
    ctx.output = `${(bridge.parent ?? bridge).name}\n`;
  },
};

function prepareExternalIds(ctx: VsctlContext): void {
  prepareNetwork(ctx);
  ctx.idl.monitor('Bridge', ['external_ids']);
  ctx.idl.monitor('Port', ['external_ids']);
}

/** A VLAN bridge keeps its external IDs in its port's, with a prefix. */
const FAKE_PREFIX = 'fake-bridge-';

const brSetExternalId: VsctlCommand = {
  name: 'br-set-external-id',
  minArgs: 2,
  maxArgs: 3,
  arguments: 'BRIDGE KEY [VALUE]',
  mode: 'rw',
  prerequisites: prepareExternalIds,
  run(ctx) {
    const [, name, key, value] = ctx.argv as [string, string, string, string | undefined];
    const bridge = ctx.network.bridge(name);
    const changed = (ids: ReadonlyMap<string, string>, id: string): ReadonlyMap<string, string> => {
      const copy = new Map(ids);
      copy.delete(id);
      return value === undefined ? copy : copy.set(id, value);
    };
    if (bridge.parent) {
      const { row } = ctx.network.ports.get(name)!;
      ctx.txn.verify(row, 'external_ids');
      ctx.txn.set(row, { external_ids: changed(row.external_ids, FAKE_PREFIX + key) });
    } else {
      const { row } = bridge;
      ctx.txn.verify(row, 'external_ids');
      ctx.txn.set(row, { external_ids: changed(row.external_ids, key) });
    }
  },
};

const brGetExternalId: VsctlCommand = {
  name: 'br-get-external-id',
  minArgs: 1,
  maxArgs: 2,
  arguments: 'BRIDGE [KEY]',
  mode: 'ro',
  prerequisites: prepareExternalIds,
  run(ctx) {
    const [, name, key] = ctx.argv as [string, string, string | undefined];
    const bridge = ctx.network.bridge(name);
    const row = bridge.parent ? ctx.network.ports.get(name)!.row : bridge.row;
    const prefix = bridge.parent ? FAKE_PREFIX : '';
    ctx.txn.verifyColumn(row, row._table.byName.get('external_ids')!);
    const ids = row.external_ids;
    if (key !== undefined) {
      const value = ids.get(prefix + key);
      if (value !== undefined) ctx.output = `${value}\n`;
      return;
    }
    const keys = [...ids.keys()].filter((id) => id.startsWith(prefix)).sort(compareStrings);
    ctx.output = keys.map((id) => `${id.slice(prefix.length)}=${ids.get(id)}\n`).join('');
  },
};

export const BRIDGE_COMMANDS = [
  addBr,
  delBr,
  listBr,
  brExists,
  brToVlan,
  brToParent,
  brSetExternalId,
  brGetExternalId,
];
