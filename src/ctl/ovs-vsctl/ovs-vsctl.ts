/**
 * ovs-vsctl: queries and changes the configuration database, and waits until the switch has taken the changes
 * up. See ovs-vsctl(8).
 */
import type { OptionSpec } from '../../base/getopt.ts';
import { SystemError } from '../../base/host.ts';
import { BOOTSTRAP_OPTIONS, TLS_OPTIONS } from '../../base/tls-options.ts';
import { vlog } from '../../base/vlog.ts';
import { openVswitchSchema } from '../../ovsdb/schemas/open-vswitch.ts';
import { commandsText } from '../db-ctl/command.ts';
import { CTL_OPTIONS, runCtl } from '../db-ctl/program.ts';
import type { SessionHooks } from '../db-ctl/session.ts';
import { LOG_OPTIONS } from '../log-options.ts';
import { TABLE_OPTIONS } from '../table.ts';
import type { Tool, ToolIo } from '../tool.ts';
import { COMMANDS } from './commands.ts';
import { VsctlContext } from './context.ts';
import type { Ovs } from './rows.ts';
import { DB_SCHEMA } from './tables.ts';

const log = vlog('vsctl');

/** The exit status when the switch could not set up what was added (sysexits' EX_DATAERR). */
const EXIT_POSTDB_ERROR = 65;

const OPTIONS = {
  db: CTL_OPTIONS.db,
  noSyslog: CTL_OPTIONS.noSyslog,
  noWait: { long: 'no-wait' },
  dryRun: CTL_OPTIONS.dryRun,
  oneline: CTL_OPTIONS.oneline,
  timeout: CTL_OPTIONS.timeout,
  retry: { long: 'retry' },
  help: CTL_OPTIONS.help,
  commands: { long: 'commands' },
  options: { long: 'options' },
  leaderOnly: { long: 'leader-only' },
  noLeaderOnly: { long: 'no-leader-only' },
  shuffleRemotes: { long: 'shuffle-remotes' },
  noShuffleRemotes: { long: 'no-shuffle-remotes' },
  version: CTL_OPTIONS.version,
  ...LOG_OPTIONS,
  ...TABLE_OPTIONS,
  ...TLS_OPTIONS,
  ...BOOTSTRAP_OPTIONS,
} as const satisfies Record<string, OptionSpec>;

export const ovsVsctl: Tool = (argv, io) => {
  let wait = true;
  return runCtl(argv, io, {
    log,
    schema: openVswitchSchema,
    commands: COMMANDS,
    options: OPTIONS,

    applyOption(id, settings) {
      switch (id as keyof typeof OPTIONS) {
        case 'noWait':
          wait = false;
          return undefined;
        case 'retry':
          settings.retry = true;
          return undefined;
        case 'commands':
          io.out(commandsText(COMMANDS));
          return 0;
        case 'options':
          io.out(Object.values<OptionSpec>(OPTIONS).map(optionText).join(''));
          return 0;
        case 'leaderOnly':
        case 'noLeaderOnly':
          settings.leaderOnly = id === 'leaderOnly';
          return undefined;
        case 'shuffleRemotes':
        case 'noShuffleRemotes':
          settings.shuffleRemotes = id === 'shuffleRemotes';
          return undefined;
        default:
          return undefined;
      }
    },

    async usage(remote) {
      const { usage } = await import('./usage.ts');
      return usage(io, remote, openVswitchSchema, DB_SCHEMA);
    },

    hooks: (text) => hooks(io, text, wait),
  });
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
