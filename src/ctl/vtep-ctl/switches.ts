/** Commands for physical switches and their ports. */
import { CtlExit, fail } from '../db-ctl/context.ts';
import type { VtepCommand } from './context.ts';
import { prepareFabric, sortedLines } from './fabric.ts';

const common = { prerequisites: prepareFabric, minArgs: 1, maxArgs: 1, arguments: '' } as const;

const addPs: VtepCommand = {
  ...common,
  name: 'add-ps',
  options: ['--may-exist'],
  mode: 'rw',
  run(ctx) {
    const name = ctx.argv[1]!;
    if (ctx.fabric.findSwitch(name)) {
      if (!ctx.options.has('--may-exist'))
        fail(`cannot create physical switch ${name} because it already exists`);
      return;
    }
    const { global } = ctx;
    ctx.txn.set(global, { switches: [...global.switches, ctx.txn.insert('Physical_Switch', { name })] });
    ctx.invalidate();
  },
};

const delPs: VtepCommand = {
  ...common,
  name: 'del-ps',
  options: ['--if-exists'],
  mode: 'rw',
  run(ctx) {
    const name = ctx.argv[1]!;
    const physical = ctx.mustExist ? ctx.fabric.switch(name) : ctx.fabric.findSwitch(name);
    if (physical) ctx.fabric.removeSwitch(physical);
    ctx.invalidate();
  },
};

const listPs: VtepCommand = {
  ...common,
  name: 'list-ps',
  minArgs: 0,
  maxArgs: 0,
  mode: 'ro',
  run(ctx) {
    ctx.output = sortedLines(ctx.fabric.switches.keys());
  },
};

const psExists: VtepCommand = {
  ...common,
  name: 'ps-exists',
  mode: 'ro',
  run(ctx) {
    if (!ctx.fabric.findSwitch(ctx.argv[1]!)) throw new CtlExit(2);
  },
};

const listPorts: VtepCommand = {
  ...common,
  name: 'list-ports',
  mode: 'ro',
  run(ctx) {
    const { name, row, ports } = ctx.fabric.switch(ctx.argv[1]!);
    ctx.txn.verify(row, 'ports');
    ctx.output = sortedLines(ports.map((port) => port.row.name).filter((port) => port !== name));
  },
};

const addPort: VtepCommand = {
  ...common,
  name: 'add-port',
  minArgs: 2,
  maxArgs: 2,
  options: ['--may-exist'],
  mode: 'rw',
  run(ctx) {
    const [, switchName, name] = ctx.argv as [string, string, string];
    if (ctx.fabric.findPort(switchName, name)) {
      if (!ctx.options.has('--may-exist'))
        fail(
          `cannot create a port named ${name} on ${switchName} because a port with that name already exists`,
        );
      return;
    }
    const { row } = ctx.fabric.switch(switchName);
    ctx.txn.set(row, { ports: [...row.ports, ctx.txn.insert('Physical_Port', { name })] });
    ctx.invalidate();
  },
};

const delPort: VtepCommand = {
  ...common,
  name: 'del-port',
  minArgs: 2,
  maxArgs: 2,
  options: ['--if-exists'],
  mode: 'rw',
  run(ctx) {
    const [, switchName, name] = ctx.argv as [string, string, string];
    const { fabric } = ctx;
    const port = ctx.mustExist ? fabric.port(switchName, name) : fabric.findPort(switchName, name);
    if (port) fabric.removePort(port);
    ctx.invalidate();
  },
};

export const SWITCH_COMMANDS = [addPs, delPs, listPs, psExists, listPorts, addPort, delPort];
