/**
 * ovs-vsctl: queries and changes the configuration database, and waits until the switch has taken the changes
 * up. See ovs-vsctl(8).
 */
import { type OptionSpec, parseOptions } from '../../base/getopt.ts';
import { SystemError } from '../../base/host.ts';
import { versionText } from '../../base/version.ts';
import { setVlogFromSpec, setVlogLevel, vlog } from '../../base/vlog.ts';
import { openVswitchSchema } from '../../ovsdb/schemas/open-vswitch.ts';
import { commandOptions, commandsText, parseCommands } from '../db-ctl/command.ts';
import { CtlExit, escapeArguments } from '../db-ctl/context.ts';
import { Session, type SessionHooks } from '../db-ctl/session.ts';
import { applyLogOption, LOG_OPTIONS } from '../log-options.ts';
import { BOOTSTRAP_OPTIONS, TLS_OPTIONS } from '../stream-options.ts';
import { applyTableOption, TABLE_OPTIONS, tableStyle } from '../table.ts';
import { armTimeout } from '../timeout.ts';
import { type Tool, ToolError, type ToolIo } from '../tool.ts';
import { COMMANDS } from './commands.ts';
import { type Ovs, VsctlContext } from './context.ts';
import { DB_SCHEMA } from './tables.ts';

const log = vlog('vsctl');

/** The exit status when the switch could not set up what was added (sysexits' EX_DATAERR). */
const EXIT_POSTDB_ERROR = 65;

const GLOBAL_OPTIONS = {
  db: { long: 'db', arg: 'required' },
  noSyslog: { long: 'no-syslog' },
  noWait: { long: 'no-wait' },
  dryRun: { long: 'dry-run' },
  oneline: { long: 'oneline' },
  timeout: { long: 'timeout', short: 't', arg: 'required' },
  retry: { long: 'retry' },
  help: { long: 'help', short: 'h' },
  commands: { long: 'commands' },
  options: { long: 'options' },
  leaderOnly: { long: 'leader-only' },
  noLeaderOnly: { long: 'no-leader-only' },
  shuffleRemotes: { long: 'shuffle-remotes' },
  noShuffleRemotes: { long: 'no-shuffle-remotes' },
  version: { long: 'version', short: 'V' },
  ...LOG_OPTIONS,
  ...TABLE_OPTIONS,
  ...TLS_OPTIONS,
  ...BOOTSTRAP_OPTIONS,
} as const satisfies Record<string, OptionSpec>;

export const ovsVsctl: Tool = async (argv, io) => {
  setVlogLevel(undefined, 'console', 'warn');
  setVlogFromSpec('reconnect:warn');
  const settings = {
    remote: `unix:${io.host.dirs.run}/db.sock`,
    retry: false,
    leaderOnly: true,
    shuffleRemotes: true,
    oneline: false,
    dryRun: false,
    style: tableStyle(),
  };
  let wait = true;
  const firstOptions = new Map<string, string | undefined>();
  const { options, args } = parseOptions<string>(
    argv,
    { ...GLOBAL_OPTIONS, ...commandOptions(COMMANDS) },
    { permute: false },
  );
  for (const { id, value } of options) {
    if (id.startsWith('--')) {
      if (firstOptions.has(id)) throw new ToolError(`'${id.slice(2)}' option specified multiple times`);
      firstOptions.set(id, value);
      continue;
    }
    switch (id as keyof typeof GLOBAL_OPTIONS) {
      case 'db':
        settings.remote = value!;
        break;
      case 'noSyslog':
        setVlogLevel(log, 'syslog', 'warn');
        break;
      case 'noWait':
        wait = false;
        break;
      case 'dryRun':
        settings.dryRun = true;
        break;
      case 'oneline':
        settings.oneline = true;
        break;
      case 'timeout':
        armTimeout(io, value!);
        break;
      case 'retry':
        settings.retry = true;
        break;
      case 'help': {
        const { usage } = await import('./usage.ts');
        io.out(usage(io, `unix:${io.host.dirs.run}/db.sock`, openVswitchSchema, DB_SCHEMA));
        return 0;
      }
      case 'commands':
        io.out(commandsText(COMMANDS));
        return 0;
      case 'options':
        io.out(Object.values<OptionSpec>(GLOBAL_OPTIONS).map(optionText).join(''));
        return 0;
      case 'leaderOnly':
      case 'noLeaderOnly':
        settings.leaderOnly = id === 'leaderOnly';
        break;
      case 'shuffleRemotes':
      case 'noShuffleRemotes':
        settings.shuffleRemotes = id === 'shuffleRemotes';
        break;
      case 'version':
        io.out(`${versionText(io.program)}DB Schema ${openVswitchSchema.version}\n`);
        return 0;
      default:
        if (!applyLogOption(io, id, value)) applyTableOption(settings.style, id, value);
    }
  }
  const commands = parseCommands(COMMANDS, args, firstOptions);
  const text = escapeArguments([io.program, ...argv]);
  const mightWrite = commands.some(({ syntax }) => syntax.mode === 'rw');
  if (mightWrite) log.info(`Called as ${text}`);
  else log.dbg(`Called as ${text}`);
  try {
    return await new Session(io, openVswitchSchema, commands, settings, hooks(io, text, wait)).run();
  } catch (error) {
    if (error instanceof CtlExit) return error.status;
    throw error;
  }
};

function optionText({ long, short, arg = 'none' }: OptionSpec): string {
  const [equals, space] = arg === 'none' ? ['', ''] : ['=ARG', ' ARG'];
  return `--${long}${equals}\n${short === undefined ? '' : `-${short}${space}\n`}`;
}

const hooks = (io: ToolIo, text: string, wait: boolean): SessionHooks<Ovs, VsctlContext> => ({
  log,

  makeContext: (idl, symbols, txn) => new VsctlContext(io, idl, symbols, txn),

  prerequisites(idl) {
    idl.monitor('Open_vSwitch', wait ? ['cur_cfg'] : []);
  },

  begin(ctx) {
    ctx.txn.comment(`${io.program} (invoked by ${parentProcess(io)}): ${text}`);
    // Every change, `init` above all, leaves the table with its row.
    const { ovs } = ctx;
    if (wait) ctx.txn.increment(ovs, 'next_cfg');
  },

  /** Waits until the switch's `cur_cfg` has reached this change's `next_cfg`. */
  async finish(ctx, status, session) {
    if (!wait || status === 'unchanged' || ctx.txn.dryRun) return 0;
    const nextCfg = ctx.txn.incrementedValue;
    session.idl.client!.enableReconnect();
    for (;;) {
      const { seqno } = session.idl;
      const row = session.idl.first('Open_vSwitch');
      if (row && row.cur_cfg >= nextCfg) return interfaceErrors(ctx);
      await session.nextChange(seqno);
    }
  },
});

/** Says which of the interfaces that were added the switch could not set up. @returns the exit status */
function interfaceErrors(ctx: VsctlContext): number {
  const { io } = ctx;
  let failed = false;
  for (const added of ctx.newInterfaces) {
    const uuid = ctx.txn.finalUuid(added._uuid);
    const iface = uuid === undefined ? undefined : ctx.idl.row('Interface', uuid);
    if (!iface || (iface.ofport !== undefined && iface.ofport !== -1)) continue;
    const why = iface.error ? `: ${iface.error}` : '';
    io.err(
      `${io.program}: Error detected while setting up '${iface.name}'${why}.  See ovs-vswitchd log for details.\n`,
    );
    failed = true;
  }
  if (!failed) return 0;
  io.err(`${io.program}: The default log directory is "${io.host.dirs.log}".\n`);
  return EXIT_POSTDB_ERROR;
}

/** "COMMAND (pid N)" of the process that called us. */
function parentProcess(io: ToolIo): string {
  const read = (file: string): string => new TextDecoder().decode(io.host.storage.read(file));
  try {
    const pid = /\) \S (\d+)/.exec(read('/proc/self/stat'))?.[1] ?? '0';
    if (pid === '0') return 'init (pid 0)';
    return `${read(`/proc/${pid}/cmdline`).split('\0')[0]} (pid ${pid})`;
  } catch (error) {
    if (error instanceof SystemError) return ' (pid 0)';
    throw error;
  }
}
