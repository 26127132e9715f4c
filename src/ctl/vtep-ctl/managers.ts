/** Commands for managers: whom the database server connects to, or lets connect. */
import { vlog } from '../../base/vlog.ts';
import { checkTargets, probeOption } from '../db-ctl/targets.ts';
import type { VtepCommand, VtepContext } from './context.ts';
import { sortedLines } from './fabric.ts';
import type { VtepRow } from './rows.ts';

const log = vlog('vtep_ctl');

function prepare({ idl }: VtepContext): void {
  idl.monitor('Global', ['managers']);
  idl.monitor('Manager', ['target', 'inactivity_probe']);
}

/** The managers; the transaction fails if they change meanwhile. */
function managersOf({ txn, global }: VtepContext): readonly VtepRow<'Manager'>[] {
  txn.verify(global, 'managers');
  for (const manager of global.managers) txn.verify(manager, 'target');
  return global.managers;
}

const common = { prerequisites: prepare, minArgs: 0, maxArgs: 0, arguments: '' } as const;

const getManager: VtepCommand = {
  ...common,
  name: 'get-manager',
  mode: 'ro',
  run(ctx) {
    ctx.output = sortedLines(new Set(managersOf(ctx).map((manager) => manager.target)));
  },
};

function replace(ctx: VtepContext, targets: readonly string[]): void {
  for (const manager of managersOf(ctx)) ctx.txn.delete(manager);
  checkTargets(log, targets);
  const managers = targets.map((target) => ctx.txn.insert('Manager', { target, ...probeOption(ctx) }));
  ctx.txn.set(ctx.global, { managers });
}

const delManager: VtepCommand = {
  ...common,
  name: 'del-manager',
  mode: 'rw',
  run: (ctx) => replace(ctx, []),
};

const setManager: VtepCommand = {
  ...common,
  name: 'set-manager',
  minArgs: 1,
  maxArgs: Number.POSITIVE_INFINITY,
  options: ['--inactivity-probe='],
  mode: 'rw',
  run: (ctx) => replace(ctx, ctx.argv.slice(1)),
};

export const MANAGER_COMMANDS = [getManager, delManager, setManager];
