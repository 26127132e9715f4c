/**
 * ovs-ctl: starts, ends and upgrades the switch on behalf of start-up scripts, through this installation's other programs.
 * It starts and ends nothing but the two daemons of its run directory. See ovs-ctl(8).
 *
 * There is no kernel module and no ovs-monitor-ipsec here; the commands about them say so.
 * C counterparts: utilities/ovs-ctl.in, ovs-lib.in, ovs-save.
 */
import fs from 'node:fs';
import path from 'node:path';
import { versionText } from '../../base/version.ts';
import { type Tool, ToolError } from '../../ctl/tool.ts';
import { toSystemError } from '../system-error.ts';
import { Context } from './context.ts';
import { DAEMONS, isRunning, startDaemon, stopDaemon, tellStatus, words } from './daemons.ts';
import { askTool, provideDatabase } from './database.ts';
import { recordHostname, recordIdentity } from './identity.ts';
import { ctlCommandLine, ctlUsage } from './options.ts';
import { SavedFlows } from './saved-flows.ts';

/** Why there is nothing to do for these. */
const ABSENT: Readonly<Record<string, string>> = {
  'load-kmod': 'there is no kernel module here: the datapath is in ovs-vswitchd',
  'force-reload-kmod': 'there is no kernel module here to reload: use "restart"',
  'enable-protocol': 'there are no tunnels of the kernel here, so no protocol has to be let in',
  'start-ovs-ipsec': 'there is no ovs-monitor-ipsec here',
  'stop-ovs-ipsec': 'there is no ovs-monitor-ipsec here',
};

type Command = (context: Context) => boolean | Promise<boolean>;

/** The other databases that the server shall serve; one that it cannot is told and left out. */
function extraDatabases(context: Context): string[] {
  return words(context.settings['extra-dbs']).filter((name) => {
    const file = path.resolve(context.dirs.db, name);
    if (!fs.existsSync(file)) context.warning(`${file} (from $EXTRA_DBS) does not exist.`);
    else if (context.capture('ovsdb-tool', ['db-version', file]) !== undefined) return true;
    else context.warning(`${file} (from $EXTRA_DBS) cannot be read as a database (see error message above)`);
    return false;
  });
}

function startDatabase(context: Context): boolean {
  if (!context.is('ovsdb-server')) return true;
  if (isRunning(context, 'ovsdb-server')) {
    context.success('ovsdb-server is already running');
    return true;
  }
  const { settings, dirs } = context;
  if (!provideDatabase(context)) return false;
  const started = startDaemon(context, 'ovsdb-server', [
    settings['db-file'],
    ...extraDatabases(context).map((name) => path.resolve(dirs.db, name)),
    `--remote=punix:${settings['db-sock']}`,
    '--private-key=db:Open_vSwitch,SSL,private_key',
    '--certificate=db:Open_vSwitch,SSL,certificate',
    '--bootstrap-ca-cert=db:Open_vSwitch,SSL,ca_cert',
  ]);
  if (!started) return false;
  const version = askTool(context, 'schema-version', settings['db-schema']);
  if (!context.vsctl(['--', 'init', '--', 'set', 'Open_vSwitch', '.', `db-version=${version}`])) return false;
  if (!recordIdentity(context)) return false;
  if (context.is('delete-bridges'))
    for (const bridge of context.vsctlLines(['list-br']) ?? []) context.vsctl(['del-br', bridge]);
  if (context.is('delete-transient-ports')) deleteTransientPorts(context);
  return true;
}

function startForwarding(context: Context): boolean {
  if (context.is('ovs-vswitchd')) {
    if (isRunning(context, 'ovs-vswitchd')) context.success('ovs-vswitchd is already running');
    else if (!startDaemon(context, 'ovs-vswitchd', [`unix:${context.settings['db-sock']}`])) return false;
  }
  // That a name cannot be recorded keeps no switch from running.
  if (context.is('record-hostname')) recordHostname(context);
  return true;
}

/** Remote managers connect last: what they see of the switch then is less likely to be half of it. */
function addManagers(context: Context): boolean {
  if (!context.is('ovsdb-server') && !context.is('ovs-vswitchd')) return true;
  if (!isRunning(context, 'ovsdb-server')) return true;
  const remote = 'db:Open_vSwitch,Open_vSwitch,manager_options';
  return context.action('Enabling remote OVSDB managers', () =>
    context.run('ovs-appctl', ['-t', 'ovsdb-server', 'ovsdb-server/add-remote', remote]),
  );
}

function deleteTransientPorts(context: Context): boolean {
  const ports = context.vsctlLines([
    ...['--bare', '--', '--columns=name', 'find', 'port', 'other_config:transient=true'],
  ]);
  return ports?.map((port) => context.vsctl(['--', 'del-port', port])).every(Boolean) ?? false;
}

/** Whether the switch shall wait, before it forwards anything, until its flows are there again. */
function waitForFlows(context: Context, wait: boolean): void {
  if (!context.is('ovs-vswitchd')) return;
  if (wait) context.vsctl(['set', 'Open_vSwitch', '.', 'other_config:flow-restore-wait=true']);
  else
    context.vsctl([
      ...['--if-exists', 'remove', 'Open_vSwitch', '.', 'other_config', 'flow-restore-wait=true'],
    ]);
}

const stopDatabase = async (context: Context): Promise<boolean> =>
  !context.is('ovsdb-server') || stopDaemon(context, 'ovsdb-server');
const stopForwarding = async (context: Context): Promise<boolean> =>
  !context.is('ovs-vswitchd') || stopDaemon(context, 'ovs-vswitchd');

const start: Command = (context) =>
  startDatabase(context) && startForwarding(context) && addManagers(context);

const stop: Command = async (context) => {
  const stopped = await stopForwarding(context);
  return (await stopDatabase(context)) && stopped;
};

const restart: Command = async (context) => {
  const keeps =
    DAEMONS.every((name) => isRunning(context, name)) &&
    context.is('ovs-vswitchd') &&
    !context.is('delete-bridges');
  const saved = keeps ? SavedFlows.save(context) : undefined;
  // The database first: while it loads, the switch goes on forwarding.
  await stopDatabase(context);
  if (!startDatabase(context)) {
    saved?.discard();
    return false;
  }
  await stopForwarding(context);
  waitForFlows(context, true);
  let restored = true;
  try {
    if (!startForwarding(context)) {
      saved?.tellWhere(context);
      return false;
    }
    restored = saved?.restore(context) ?? true;
  } finally {
    waitForFlows(context, false);
  }
  return addManagers(context) && restored;
};

const COMMANDS: Readonly<Record<string, Command>> = {
  start,
  stop,
  restart,
  status: (context) => DAEMONS.map((name) => tellStatus(context, name)).every(Boolean),
  version: (context) => DAEMONS.map((name) => context.run(name, ['--version'])).every(Boolean),
  'delete-transient-ports': deleteTransientPorts,
  'record-hostname-if-not-set': recordHostname,
};

export const ovsCtl: Tool = async (argv, io) => {
  const line = ctlCommandLine(argv, io);
  if (line === 'version') {
    io.out(versionText(io.program));
    return 0;
  }
  if (line === 'help' || line.command === 'help') {
    io.out(ctlUsage(io));
    return 0;
  }
  const { command, settings } = line;
  if (Object.hasOwn(ABSENT, command)) throw new ToolError(`${command}: ${ABSENT[command]}`);
  const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (!run) throw new ToolError(`unknown command "${command}" (use --help for help)`);
  if (settings['ovs-user'] !== '')
    throw new ToolError('--ovs-user is not supported: the daemons run as the user that starts them');
  try {
    return (await run(new Context(io, line))) ? 0 : 1;
  } catch (error) {
    const { path: file, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined) throw error;
    throw new ToolError(`${file ?? syscall}: ${toSystemError(error).message}`);
  }
};
