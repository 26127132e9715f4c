/**
 * The command line of a database control tool (ovs-vsctl, vtep-ctl): global options, then the commands, which run as
 * one transaction. What the tools differ in is a {@link CtlProgram}.
 */
import { type OptionSpec, parseOptions } from '../../base/getopt.ts';
import { versionText } from '../../base/version.ts';
import { setVlogFromSpec, setVlogLevel, type Vlog } from '../../base/vlog.ts';
import type { SchemaSpec } from '../../ovsdb/schemas/spec.ts';
import { applyLogOption } from '../log-options.ts';
import { applyTlsOptions } from '../stream-options.ts';
import { applyTableOption, tableStyle } from '../table.ts';
import { armTimeout } from '../timeout.ts';
import type { ToolIo } from '../tool.ts';
import { type CommandTable, commandOptions, parseCommands } from './command.ts';
import { type CtlContext, CtlExit, escapeArguments } from './context.ts';
import { Session, type SessionHooks, type SessionOptions } from './session.ts';

/** Options that every such tool has, beside those for logging, tables and TLS. */
export const CTL_OPTIONS = {
  db: { long: 'db', arg: 'required' },
  noSyslog: { long: 'no-syslog' },
  dryRun: { long: 'dry-run' },
  oneline: { long: 'oneline' },
  timeout: { long: 'timeout', short: 't', arg: 'required' },
  help: { long: 'help', short: 'h' },
  version: { long: 'version', short: 'V' },
} as const satisfies Record<string, OptionSpec>;

export type CtlSettings = { -readonly [K in keyof SessionOptions]: SessionOptions[K] };

export interface CtlProgram<S extends SchemaSpec, C extends CtlContext<S>> {
  readonly log: Vlog;
  readonly schema: S;
  readonly commands: CommandTable<C>;
  /** All global options: those of {@link CTL_OPTIONS} and more. */
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Carries out a global option of the tool's own. @returns the exit status, if it ends the tool */
  applyOption?(id: string, settings: CtlSettings): number | undefined;
  /** What --help prints. @param remote the default one */
  usage(remote: string): Promise<string>;
  /** @param text the whole command line */
  hooks(text: string): SessionHooks<S, C>;
}

/** Runs the tool. @returns the exit status. @throws ToolError, UsageError */
export async function runCtl<S extends SchemaSpec, C extends CtlContext<S>>(
  argv: readonly string[],
  io: ToolIo,
  program: CtlProgram<S, C>,
): Promise<number> {
  const { log, schema, commands: table } = program;
  setVlogLevel(undefined, 'console', 'warn');
  setVlogFromSpec('reconnect:warn');
  const defaultRemote = `unix:${io.host.dirs.run}/db.sock`;
  const settings: CtlSettings = {
    remote: defaultRemote,
    retry: false,
    leaderOnly: true,
    shuffleRemotes: true,
    oneline: false,
    dryRun: false,
    style: tableStyle(),
  };
  const firstOptions = new Map<string, string | undefined>();
  const { options, args } = parseOptions<string>(
    argv,
    { ...program.options, ...commandOptions(table) },
    { permute: false },
  );
  for (const { id, value } of options) {
    if (id.startsWith('--')) {
      // Given twice, the last counts; C means to complain but does not.
      firstOptions.set(id, value);
      continue;
    }
    switch (id as keyof typeof CTL_OPTIONS) {
      case 'db':
        settings.remote = value!;
        break;
      case 'noSyslog':
        setVlogLevel(log, 'syslog', 'warn');
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
      case 'help':
        io.out(await program.usage(defaultRemote));
        return 0;
      case 'version':
        io.out(`${versionText(io.program)}DB Schema ${schema.version}\n`);
        return 0;
      default: {
        const status = program.applyOption?.(id, settings);
        if (status !== undefined) return status;
        if (!applyLogOption(io, id, value)) applyTableOption(settings.style, id, value);
      }
    }
  }
  applyTlsOptions(io.host.streams, options);
  const commands = parseCommands(table, args, firstOptions);
  const text = escapeArguments([io.program, ...argv]);
  const mightWrite = commands.some(({ syntax }) => syntax.mode === 'rw');
  if (mightWrite) log.info(`Called as ${text}`);
  else log.dbg(`Called as ${text}`);
  try {
    return await new Session(io, schema, commands, settings, program.hooks(text)).run();
  } catch (error) {
    if (error instanceof CtlExit) return error.status;
    throw error;
  }
}
