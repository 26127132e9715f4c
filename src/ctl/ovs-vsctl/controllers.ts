/** Controllers, fail modes and managers. */
import { vlog } from '../../base/vlog.ts';
import { fail } from '../db-ctl/context.ts';
import { checkTargets, probeOption } from '../db-ctl/targets.ts';
import type { VsctlCommand, VsctlContext } from './context.ts';
import { prepareNetwork, sortedLines } from './network.ts';
import type { OvsRow } from './rows.ts';

const log = vlog('vsctl');
const MANY = Number.POSITIVE_INFINITY;

function prepareControllers(ctx: VsctlContext): void {
  prepareNetwork(ctx);
  ctx.idl.monitor('Controller', ['target', 'inactivity_probe']);
}

/** The controllers of a bridge; the transaction fails if they change meanwhile. */
function controllersOf(ctx: VsctlContext, bridge: OvsRow<'Bridge'>): readonly OvsRow<'Controller'>[] {
  ctx.txn.verify(bridge, 'controller');
  for (const controller of bridge.controller) ctx.txn.verify(controller, 'target');
  return bridge.controller;
}

const getController: VsctlCommand = {
  name: 'get-controller',
  minArgs: 1,
  maxArgs: 1,
  arguments: 'BRIDGE',
  mode: 'ro',
  prerequisites: prepareControllers,
  run(ctx) {
    const { row } = ctx.network.bridge(ctx.argv[1]!);
    ctx.output = sortedLines(controllersOf(ctx, row).map((controller) => controller.target));
  },
};

const delController: VsctlCommand = {
  name: 'del-controller',
  minArgs: 1,
  maxArgs: 1,
  arguments: 'BRIDGE',
  mode: 'rw',
  prerequisites: prepareControllers,
  run(ctx) {
    const { row } = ctx.network.realBridge(ctx.argv[1]!);
    const controllers = controllersOf(ctx, row);
    if (controllers.length === 0) return;
    for (const controller of controllers) ctx.txn.delete(controller);
    ctx.txn.set(row, { controller: [] });
  },
};

const setController: VsctlCommand = {
  name: 'set-controller',
  minArgs: 1,
  maxArgs: MANY,
  arguments: 'BRIDGE TARGET...',
  options: ['--inactivity-probe='],
  mode: 'rw',
  prerequisites: prepareControllers,
  run(ctx) {
    const { row } = ctx.network.realBridge(ctx.argv[1]!);
    for (const controller of controllersOf(ctx, row)) ctx.txn.delete(controller);
    const targets = ctx.argv.slice(2);
    checkTargets(log, targets);
    const controller = targets.map((target) => ctx.txn.insert('Controller', { target, ...probeOption(ctx) }));
    ctx.txn.set(row, { controller });
  },
};

const getFailMode: VsctlCommand = {
  name: 'get-fail-mode',
  minArgs: 1,
  maxArgs: 1,
  arguments: 'BRIDGE',
  mode: 'ro',
  prerequisites: prepareNetwork,
  run(ctx) {
    const { row } = ctx.network.bridge(ctx.argv[1]!);
    ctx.txn.verify(row, 'fail_mode');
    if (row.fail_mode !== undefined) ctx.output = `${row.fail_mode}\n`;
  },
};

const delFailMode: VsctlCommand = {
  name: 'del-fail-mode',
  minArgs: 1,
  maxArgs: 1,
  arguments: 'BRIDGE',
  mode: 'rw',
  prerequisites: prepareNetwork,
  run(ctx) {
    ctx.txn.set(ctx.network.realBridge(ctx.argv[1]!).row, { fail_mode: undefined });
  },
};

const setFailMode: VsctlCommand = {
  name: 'set-fail-mode',
  minArgs: 2,
  maxArgs: 2,
  arguments: 'BRIDGE MODE',
  mode: 'rw',
  prerequisites: prepareNetwork,
  run(ctx) {
    const { row } = ctx.network.realBridge(ctx.argv[1]!);
    const mode = ctx.argv[2]!;
    if (mode !== 'standalone' && mode !== 'secure') return fail('fail-mode must be "standalone" or "secure"');
    ctx.txn.set(row, { fail_mode: mode });
  },
};

function prepareManagers(ctx: VsctlContext): void {
  ctx.idl.monitor('Open_vSwitch', ['manager_options']);
  ctx.idl.monitor('Manager', ['target', 'inactivity_probe']);
}

function managersOf(ctx: VsctlContext): readonly OvsRow<'Manager'>[] {
  ctx.txn.verify(ctx.ovs, 'manager_options');
  for (const manager of ctx.ovs.manager_options) ctx.txn.verify(manager, 'target');
  return ctx.ovs.manager_options;
}

const getManager: VsctlCommand = {
  name: 'get-manager',
  minArgs: 0,
  maxArgs: 0,
  arguments: '',
  mode: 'ro',
  prerequisites: prepareManagers,
  run(ctx) {
    ctx.output = sortedLines(new Set(managersOf(ctx).map((manager) => manager.target)));
  },
};

const delManager: VsctlCommand = {
  name: 'del-manager',
  minArgs: 0,
  maxArgs: 0,
  arguments: '',
  mode: 'rw',
  prerequisites: prepareManagers,
  run(ctx) {
    for (const manager of managersOf(ctx)) ctx.txn.delete(manager);
    ctx.txn.set(ctx.ovs, { manager_options: [] });
  },
};

const setManager: VsctlCommand = {
  name: 'set-manager',
  minArgs: 1,
  maxArgs: MANY,
  arguments: 'TARGET...',
  options: ['--inactivity-probe='],
  mode: 'rw',
  prerequisites: prepareManagers,
  run(ctx) {
    for (const manager of managersOf(ctx)) ctx.txn.delete(manager);
    const targets = ctx.argv.slice(1);
    checkTargets(log, targets);
    ctx.txn.set(ctx.ovs, {
      manager_options: targets.map((target) => ctx.txn.insert('Manager', { target, ...probeOption(ctx) })),
    });
  },
};

export const CONTROLLER_COMMANDS = [
  getController,
  delController,
  setController,
  getFailMode,
  delFailMode,
  setFailMode,
  getManager,
  delManager,
  setManager,
];
