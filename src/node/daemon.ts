/**
 * The process around a daemon: options, log file, pidfile, control socket, signals. Those that start it and watch over it
 * are in daemon-processes.ts. C counterparts: lib/daemon-unix.c, lib/fatal-signal.c.
 */
import fs from 'node:fs';
import path from 'node:path';
import { type OptionSpec, type ParsedOption, parseOptions, UsageError } from '../base/getopt.ts';
import { SystemError } from '../base/host.ts';
import { registerCoverageCommands, registerLogCommands, registerTimeCommands } from '../base/management.ts';
import { UnixctlCommands } from '../base/unixctl.ts';
import { OVS_VERSION, versionText } from '../base/version.ts';
import { setVlogLevel, vlog } from '../base/vlog.ts';
import { DAEMON_OPTIONS, type DaemonSettings, daemonSettings } from './daemon-options.ts';
import {
  crashState,
  daemonRole,
  forwardReady,
  monitor,
  nameProcess,
  startChild,
} from './daemon-processes.ts';
import { handleFatalSignals } from './fatal-signals.ts';
import { lockExclusive, lockHolder } from './file-lock.ts';
import { NodeHost } from './host.ts';
import { installLogSink, type LogSink } from './log-sink.ts';
import type { ReplayMode } from './replay/replay.ts';
import { setFileLocker } from './storage.ts';
import { systemCall } from './system-error.ts';
import { programName } from './tool-main.ts';
import { startUnixctlServer } from './unixctl-server.ts';

const log = vlog('daemon_unix');

export interface DaemonContext<Id extends string> {
  readonly host: NodeHost;
  readonly program: string;
  readonly commands: UnixctlCommands;
  /** The daemon's own options. */
  readonly options: readonly ParsedOption<Id>[];
  readonly args: readonly string[];
  /**
   * Under `--monitor`: text that a daemon saves for its successor after a crash ('' at the first start). For
   * configuration that was given at run time and is stored nowhere else.
   */
  readonly crashState: { load(): string; save(text: string): void } | undefined;
  /** Runs `fn` when the process ends in whatever way it can notice, last added first. */
  atExit(fn: () => void): void;
  /** Ends the process; pidfile and control socket go. */
  exit(status: number): never;
  /** Prints "PROGRAM: MESSAGE" and ends with status 1. */
  fatal(message: string): never;
}

export interface Daemon<Id extends string> {
  readonly name: string;
  readonly options: Readonly<Record<Id, OptionSpec>>;
  /** Text of `--help`. */
  usage(program: string, host: NodeHost): string;
  /** Further lines of `--version`. */
  readonly versionLines?: string;
  /** Goes on writing to standard output and error, or to standard error only, after it has detached. */
  readonly keepsOutput?: boolean | 'errors';
  /** Sets up everything; when it resolves the daemon serves, and `--detach` returns to the shell. */
  start(context: DaemonContext<Id>): Promise<void>;
}

/** Runs a daemon as this process. */
export async function runDaemon<Id extends string>(daemon: Daemon<Id>): Promise<void> {
  const program = programName(daemon.name);
  const host = new NodeHost();
  const sink = installLogSink(program, host.loop.clock);
  const complain = (message: string): never => {
    fs.writeSync(2, `${program}: ${message}\n`);
    process.exit(1);
  };
  let parsed: ReturnType<typeof parseOptions<string>>;
  let settings: DaemonSettings;
  try {
    parsed = parseOptions(process.argv.slice(2), { ...DAEMON_OPTIONS, ...daemon.options } as Record<
      string,
      OptionSpec
    >);
    settings = daemonSettings(parsed.options);
  } catch (error) {
    if (error instanceof UsageError) complain(error.message);
    return complain((error as Error).message);
  }
  try {
    if (settings.syslogMethod !== undefined) sink.setSyslogMethod(settings.syslogMethod);
  } catch (error) {
    return complain((error as Error).message);
  }
  if (settings.help) {
    fs.writeSync(1, daemon.usage(program, host));
    process.exit(0);
  }
  if (settings.version) {
    fs.writeSync(1, versionText(program) + (daemon.versionLines ?? ''));
    process.exit(0);
  }
  nameProcess(program);
  const role = daemonRole();
  if (role === undefined && settings.detach) {
    startChild(settings.monitor ? 'monitor' : 'child', true, undefined, (status) => process.exit(status));
    return;
  }
  if (settings.monitor && role !== 'child') {
    monitor(program, role === 'monitor', () => detachStandardStreams(daemon, sink));
    return;
  }
  const own = parsed.options.filter((o) => o.id in daemon.options) as ParsedOption<Id>[];
  await serve(daemon, { program, host, sink, settings, options: own, args: parsed.args });
}

interface Setup<Id extends string> {
  readonly program: string;
  readonly host: NodeHost;
  readonly sink: LogSink;
  readonly settings: DaemonSettings;
  readonly options: readonly ParsedOption<Id>[];
  readonly args: readonly string[];
}

async function serve<Id extends string>(daemon: Daemon<Id>, setup: Setup<Id>): Promise<void> {
  const { program, host, sink, settings } = setup;
  const hooks: (() => void)[] = [];
  const cleanUp = (): void => {
    for (let fn = hooks.pop(); fn; fn = hooks.pop()) fn();
  };
  const exit = (status: number): never => {
    cleanUp();
    process.exit(status);
  };
  const die = (message: string): never => {
    fs.writeSync(2, `${program}: ${message}\n`);
    return exit(1);
  };
  /** For what is wrong with the process rather than with what it was asked to do. */
  const fatal = (message: string): never => {
    setVlogLevel(undefined, 'console', 'off');
    log.emer(message);
    return die(message);
  };
  setFileLocker({ lockExclusive, lockHolder });
  if (settings.logFile !== undefined) {
    sink.openAsked(settings.logFile, path.join(host.dirs.log, `${program}.log`));
  }
  if (settings.syslogTarget !== undefined) sink.setSyslogTarget(settings.syslogTarget);
  if (settings.mlockall) await lockMemory();
  process.on('uncaughtException', (error) => {
    log.emer(`${error instanceof Error ? error.stack : String(error)}`);
    cleanUp();
    process.abort();
  });
  handleFatalSignals(cleanUp);
  process.on('SIGPIPE', () => {});

  if (settings.pidfile !== undefined) {
    const file = path.resolve(host.dirs.run, settings.pidfile || `${program}.pid`);
    try {
      hooks.push(makePidfile(file, settings.overwritePidfile));
    } catch (error) {
      fatal((error as Error).message);
    }
  }
  const replay = setup.options.findLast(({ id }) => id === 'record' || id === 'replay');
  try {
    if (replay) await host.record(replay.id as ReplayMode, replay.value);
  } catch (error) {
    if (error instanceof SystemError) fatal(`cannot replay ${replay!.value ?? ''}: ${error.message}`);
    throw error;
  }
  const commands = new UnixctlCommands(versionText(program).trimEnd());
  registerLogCommands(commands, sink);
  registerCoverageCommands(commands, host.loop);
  registerTimeCommands(commands, host.loop);
  try {
    const server = await startUnixctlServer(host, commands, program, settings.unixctl);
    if (server) hooks.push(() => server.close());
  } catch (error) {
    if (error instanceof SystemError) fatal(`could not initialize control socket (${error.message})`);
    throw error;
  }
  try {
    await daemon.start({
      host,
      program,
      commands,
      options: setup.options,
      args: setup.args,
      crashState: settings.monitor ? crashState : undefined,
      atExit: (fn) => hooks.push(fn),
      exit,
      fatal: die,
    });
  } catch (error) {
    if (error instanceof SystemError) fatal(error.message);
    throw error;
  }
  if (settings.detach) {
    if (!settings.noChdir) process.chdir('/');
    detachStandardStreams(daemon, sink);
  }
  forwardReady();
}

async function lockMemory(): Promise<void> {
  const libc = await import('./ffi/libc.ts');
  try {
    libc.lockMemory();
  } catch (error) {
    log.err(`mlockall failed: ${(error as SystemError).message}`);
  }
}

/** The starter may wait for the end of its pipes: let go of them. */
function detachStandardStreams<Id extends string>({ keepsOutput }: Daemon<Id>, sink: LogSink): void {
  const descriptors = keepsOutput === true ? [] : keepsOutput === 'errors' ? [0, 1] : [0, 1, 2];
  for (const fd of descriptors) {
    fs.closeSync(fd);
    fs.openSync('/dev/null', 'r+');
  }
  sink.closeConsole();
}

/**
 * Creates the pidfile with a lock on it, by which the C tools tell a living daemon from a stale file.
 * @returns the function that removes it
 * @throws Error worded for the user
 */
function makePidfile(file: string, overwrite: boolean): () => void {
  if (!overwrite && fs.existsSync(file)) {
    const fd = fs.openSync(file, 'r+');
    const holder = lockHolder(fd);
    fs.closeSync(fd);
    if (holder !== undefined) throw new Error(`${file}: already running as pid ${holder}, aborting`);
  }
  const temporary = `${file}.tmp`;
  try {
    const fd = systemCall(() => fs.openSync(temporary, 'w+', 0o666));
    lockExclusive(fd);
    fs.writeSync(fd, `${process.pid}\n`);
    fs.renameSync(temporary, file);
  } catch (error) {
    if (error instanceof SystemError) throw new Error(`${temporary}: create failed (${error.message})`);
    throw error;
  }
  // The descriptor stays open: closing it would drop the lock.
  return () => fs.rmSync(file, { force: true });
}

/** The release that `--version` shows, for daemons that print more lines. */
export const RELEASE = OVS_VERSION;
