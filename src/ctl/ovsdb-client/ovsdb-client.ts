/** ovsdb-client: sends requests to a database server and prints the answers. See ovsdb-client(1). */
import { type OptionSpec, type ParsedOption, parseOptions } from '../../base/getopt.ts';
import { REPLAY_OPTIONS } from '../../base/replay-options.ts';
import { BOOTSTRAP_OPTIONS, TLS_OPTIONS } from '../../base/tls-options.ts';
import { versionText } from '../../base/version.ts';
import { applyLogOption, LOG_OPTIONS } from '../log-options.ts';
import { applyTlsOptions } from '../stream-options.ts';
import { applyTableOption, TABLE_OPTIONS, tableStyle } from '../table.ts';
import { armTimeout } from '../timeout.ts';
import { type Tool, ToolError, type ToolIo } from '../tool.ts';
import { Client, type ClientCommand, type ClientSettings, type Detached } from './context.ts';
import { DUMP_COMMANDS } from './dump.ts';
import { LOCK_COMMANDS } from './lock.ts';
import { MONITOR_COMMANDS } from './monitor.ts';
import { SCHEMA_COMMANDS } from './schema.ts';
import { TRANSACT_COMMANDS } from './transact.ts';

/** The options, without those that a daemon has in common with all others. */
export const CLIENT_OPTIONS = {
  timestamp: { long: 'timestamp' },
  force: { long: 'force' },
  timeout: { long: 'timeout', short: 't', arg: 'required' },
  dbChangeAware: { long: 'db-change-aware' },
  noDbChangeAware: { long: 'no-db-change-aware' },
  leaderOnly: { long: 'leader-only' },
  noLeaderOnly: { long: 'no-leader-only' },
  bootstrapCaCert: BOOTSTRAP_OPTIONS.bootstrapCaCert,
  ...TLS_OPTIONS,
  ...REPLAY_OPTIONS,
  ...TABLE_OPTIONS,
} as const satisfies Record<string, OptionSpec>;

const help: ClientCommand = {
  name: 'help',
  need: 'nothing',
  minArgs: 0,
  maxArgs: Number.POSITIVE_INFINITY,
  async run(client) {
    const { usage } = await import('./usage.ts');
    client.io.out(usage(client.io, client.defaultRemote));
  },
};

const COMMANDS: readonly ClientCommand[] = [
  ...SCHEMA_COMMANDS,
  ...TRANSACT_COMMANDS,
  ...MONITOR_COMMANDS,
  ...DUMP_COMMANDS,
  ...LOCK_COMMANDS,
  help,
];

/** Runs the command in `args`. @throws ToolError */
export async function runClient(
  io: ToolIo,
  options: readonly ParsedOption<string>[],
  args: readonly string[],
  detached?: Detached,
): Promise<void> {
  const settings: ClientSettings = {
    style: tableStyle('table'),
    timestamp: false,
    force: false,
    leaderOnly: true,
    dbChangeAware: undefined,
  };
  for (const { id, value } of options) {
    switch (id as keyof typeof CLIENT_OPTIONS) {
      case 'timestamp':
        settings.timestamp = true;
        break;
      case 'force':
        settings.force = true;
        break;
      case 'timeout':
        armTimeout(io, value!);
        break;
      case 'dbChangeAware':
      case 'noDbChangeAware':
        settings.dbChangeAware = id === 'dbChangeAware';
        break;
      case 'leaderOnly':
      case 'noLeaderOnly':
        settings.leaderOnly = id === 'leaderOnly';
        break;
      default:
        applyTableOption(settings.style, id, value);
    }
  }
  applyTlsOptions(io.host.streams, options);
  const [name, ...words] = args;
  if (name === undefined) throw new ToolError('missing command name; use --help for help');
  const command = COMMANDS.find((c) => c.name === name);
  if (!command) throw new ToolError(`unknown command '${name}'; use --help for help`);
  const client = new Client(io, settings, detached);
  const rest = command.need === 'nothing' ? words : await client.open(command.need, command.minArgs, words);
  if (rest.length < command.minArgs || rest.length > command.maxArgs)
    throw new ToolError(`invalid syntax for '${name}' (use --help for help)`);
  await command.run(client, rest);
}

export const ovsdbClient: Tool = async (argv, io) => {
  const { options, args } = parseOptions<string>(argv, {
    help: { long: 'help', short: 'h' },
    version: { long: 'version', short: 'V' },
    ...LOG_OPTIONS,
    ...CLIENT_OPTIONS,
    // Without --detach these change nothing.
    pidfile: { long: 'pidfile', arg: 'optional' },
    overwritePidfile: { long: 'overwrite-pidfile' },
    noChdir: { long: 'no-chdir' },
    monitor: { long: 'monitor' },
    user: { long: 'user', arg: 'required' },
  });
  for (const { id, value } of options) {
    if (id === 'help')
      return await help.run(new Client(io, {} as ClientSettings, undefined), []).then(() => 0);
    if (id === 'version') {
      io.out(versionText(io.program));
      return 0;
    }
    if (id === 'record' || id === 'replay') await io.record?.(id, value);
    applyLogOption(io, id, value);
  }
  await runClient(io, options, args);
  return 0;
};
