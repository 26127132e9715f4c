/** Commands for logical switches, what they are bound to, and logical routers. */
import { CtlExit, fail } from '../db-ctl/context.ts';
import type { VtepCommand, VtepContext } from './context.ts';
import { type Port, prepareFabric, sortedLines } from './fabric.ts';
import type { VtepRow } from './rows.ts';

const common = { prerequisites: prepareFabric, minArgs: 1, maxArgs: 1, arguments: '' } as const;

const addLs: VtepCommand = {
  ...common,
  name: 'add-ls',
  options: ['--may-exist'],
  mode: 'rw',
  run(ctx) {
    const name = ctx.argv[1]!;
    if (ctx.fabric.logicalSwitches.has(name)) {
      if (!ctx.options.has('--may-exist'))
        fail(`cannot create logical switch ${name} because it already exists`);
      return;
    }
    ctx.txn.insert('Logical_Switch', { name });
    ctx.invalidate();
  },
};

const delLs: VtepCommand = {
  ...common,
  name: 'del-ls',
  options: ['--if-exists'],
  mode: 'rw',
  run(ctx) {
    const name = ctx.argv[1]!;
    const logical = ctx.mustExist ? ctx.fabric.logicalSwitch(name) : ctx.fabric.logicalSwitches.get(name);
    if (logical) ctx.txn.delete(logical.row);
    ctx.invalidate();
  },
};

const listLs: VtepCommand = {
  ...common,
  name: 'list-ls',
  minArgs: 0,
  maxArgs: 0,
  mode: 'ro',
  run(ctx) {
    ctx.output = sortedLines(ctx.fabric.logicalSwitches.keys());
  },
};

const lsExists: VtepCommand = {
  ...common,
  name: 'ls-exists',
  mode: 'ro',
  run(ctx) {
    if (!ctx.fabric.logicalSwitches.has(ctx.argv[1]!)) throw new CtlExit(2);
  },
};

/** A VLAN as C's strtoll() reads it with base 0: decimal, "0x" or octal; what follows it does not matter. */
function vlanNumber(text: string): number {
  const [, sign, digits] = /^\s*([+-]?)(0x[\da-f]+|0[0-7]*|\d+)?/i.exec(text)!;
  if (digits === undefined) return 0;
  const octal = /^0[0-7]/.test(digits);
  const value = octal ? Number.parseInt(digits, 8) : Number(digits);
  return sign === '-' ? -value : value;
}

const listBindings: VtepCommand = {
  ...common,
  name: 'list-bindings',
  minArgs: 2,
  maxArgs: 2,
  mode: 'ro',
  run(ctx) {
    const { bindings } = ctx.fabric.port(ctx.argv[1]!, ctx.argv[2]!);
    ctx.output = sortedLines([...bindings].map(([vlan, { name }]) => `${vlan.padStart(4, '0')} ${name}`));
  },
};

function writeBindings(ctx: VtepContext, { row, bindings }: Port): void {
  const vlan_bindings = new Map<number, VtepRow<'Logical_Switch'>>();
  for (const [vlan, logical] of bindings) vlan_bindings.set(vlanNumber(vlan), logical.row);
  ctx.txn.set(row, { vlan_bindings });
  ctx.invalidate();
}

const bindLs: VtepCommand = {
  ...common,
  name: 'bind-ls',
  minArgs: 4,
  maxArgs: 4,
  mode: 'ro',
  run(ctx) {
    const [, switchName, portName, vlan, name] = ctx.argv as [string, string, string, string, string];
    const port = ctx.fabric.port(switchName, portName);
    const logical = ctx.fabric.logicalSwitch(name);
    if (port.bindings.has(vlan)) fail(`multiple bindings for vlan ${vlan}`);
    port.bindings.set(vlan, logical);
    writeBindings(ctx, port);
  },
};

const unbindLs: VtepCommand = {
  ...common,
  name: 'unbind-ls',
  minArgs: 3,
  maxArgs: 3,
  mode: 'ro',
  run(ctx) {
    const [, switchName, portName, vlan] = ctx.argv as [string, string, string, string];
    const port = ctx.fabric.port(switchName, portName);
    if (!port.bindings.delete(vlan)) fail(`no binding for vlan ${vlan}`);
    writeBindings(ctx, port);
  },
};

const setReplicationMode: VtepCommand = {
  ...common,
  name: 'set-replication-mode',
  minArgs: 2,
  maxArgs: 2,
  arguments: 'LS MODE',
  mode: 'rw',
  run(ctx) {
    const [, name, mode] = ctx.argv as [string, string, string];
    if (mode !== 'service_node' && mode !== 'source_node')
      return fail("Replication mode must be 'service_node' or 'source_node'");
    ctx.txn.set(ctx.fabric.logicalSwitch(name).row, { replication_mode: mode });
  },
};

const getReplicationMode: VtepCommand = {
  ...common,
  name: 'get-replication-mode',
  arguments: 'LS',
  mode: 'ro',
  run(ctx) {
    const { replication_mode } = ctx.fabric.logicalSwitch(ctx.argv[1]!).row;
    // C prints a null pointer; scripts may look for it.
    ctx.output = `${replication_mode ?? '(null)'}\n`;
  },
};

const addLr: VtepCommand = {
  ...common,
  name: 'add-lr',
  options: ['--may-exist'],
  mode: 'rw',
  run(ctx) {
    const name = ctx.argv[1]!;
    if (ctx.fabric.routers.has(name)) {
      if (!ctx.options.has('--may-exist'))
        fail(`cannot create logical router ${name} because it already exists`);
      return;
    }
    ctx.txn.insert('Logical_Router', { name });
    ctx.invalidate();
  },
};

const delLr: VtepCommand = {
  ...common,
  name: 'del-lr',
  options: ['--if-exists'],
  mode: 'rw',
  run(ctx) {
    const name = ctx.argv[1]!;
    const router = ctx.fabric.routers.get(name);
    if (router) ctx.txn.delete(router);
    else if (ctx.mustExist) fail(`no logical router named ${name}`);
    ctx.invalidate();
  },
};

const listLr: VtepCommand = {
  ...common,
  name: 'list-lr',
  minArgs: 0,
  maxArgs: 0,
  mode: 'ro',
  run(ctx) {
    ctx.output = sortedLines(ctx.fabric.routers.keys());
  },
};

const lrExists: VtepCommand = {
  ...common,
  name: 'lr-exists',
  mode: 'ro',
  run(ctx) {
    if (!ctx.fabric.routers.has(ctx.argv[1]!)) throw new CtlExit(2);
  },
};

export const LOGICAL_COMMANDS = [
  addLs,
  delLs,
  listLs,
  lsExists,
  listBindings,
  bindLs,
  unbindLs,
  setReplicationMode,
  getReplicationMode,
  addLr,
  delLr,
  listLr,
  lrExists,
];
