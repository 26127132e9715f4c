/**
 * The process around a daemon: options, log file, pidfile, control socket, detaching, monitoring, signals.
 *
 * Node cannot fork, so `--detach` starts this program once more with the same arguments and waits until the
 * new process says (a byte on descriptor 3) that it serves; `--monitor` puts a process in between that starts
 * it again when it crashes. C counterparts: lib/daemon-unix.c, lib/fatal-signal.c.
 */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type OptionSpec, type ParsedOption, parseOptions, UsageError } from '../base/getopt.ts';
import { SystemError } from '../base/host.ts';
import { registerCoverageCommands, registerLogCommands, registerTimeCommands } from '../base/management.ts';
import { UnixctlCommands } from '../base/unixctl.ts';
import { OVS_VERSION, versionText } from '../base/version.ts';
import { setVlogLevel, vlog } from '../base/vlog.ts';
import { DAEMON_OPTIONS, type DaemonSettings, daemonSettings } from './daemon-options.ts';
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

/** In the environment of the processes that this one starts: what they are. */
const ROLE = 'OVS_TS_DAEMON';
/** Where a started process reports that it serves. */
const READY_FD = 3;
/** In a monitored daemon: the file of {@link DaemonContext.crashState}. */
const STATE_FD = 4;
/** A crashing daemon is started at most this often. */
const RESTART_INTERVAL_MS = 10_000;

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
  /** Logs, prints "PROGRAM: MESSAGE" and ends with status 1. */
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
  const role = process.env[ROLE];
  if (role === undefined && settings.detach) {
    startChild(settings.monitor ? 'monitor' : 'child', true, undefined, (status) => process.exit(status));
    return;
  }
  if (settings.monitor && role !== 'child') {
    monitor(daemon, sink, role === 'monitor');
    return;
  }
  const own = parsed.options.filter((o) => o.id in daemon.options) as ParsedOption<Id>[];
  await serve(daemon, { program, host, sink, settings, options: own, args: parsed.args });
}

/**
 * Starts this program again in a role. `ended` gets the exit status: 0 once it serves, or that of its death.
 * @param state descriptor of the file for {@link DaemonContext.crashState}, if it gets one
 * @param onServing called when a child that is not detached serves
 */
function startChild(
  role: string,
  detached: boolean,
  state: number | undefined,
  ended: (status: number, signal: string | null) => void,
  onServing: () => void = () => {},
): void {
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...process.argv.slice(2)], {
    detached,
    stdio: ['inherit', 'inherit', 'inherit', 'pipe', ...(state === undefined ? [] : [state])],
    env: { ...process.env, [ROLE]: role },
  });
  let served = false;
  child.stdio[READY_FD]!.on('data', () => {
    served = true;
    if (detached) {
      ended(0, null);
      return;
    }
    forwardReady();
    onServing();
  });
  child.on('exit', (status, signal) => {
    if (!detached || !served) ended(status ?? 1, signal);
  });
}

/** The descriptor is closed once it was written to, and its number may be another file's then. */
let readyForwarded = false;

/** Tells whoever started this process that it serves. */
function forwardReady(): void {
  if (process.env[ROLE] === undefined || readyForwarded) return;
  readyForwarded = true;
  try {
    fs.writeSync(READY_FD, '\0');
    fs.closeSync(READY_FD);
  } catch {
    // The starter went away, or was told before.
  }
}

/** A nameless file that outlives the daemon's crashes and nothing else. */
function openStateFile(): number {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'ovs-'));
  const file = path.join(dir, 'state');
  const fd = fs.openSync(file, 'w+', 0o600);
  fs.unlinkSync(file);
  fs.rmdirSync(dir);
  return fd;
}

/** What a daemon wants back after a crash; only a monitored one has it. */
const crashState = {
  load(): string {
    const { size } = fs.fstatSync(STATE_FD);
    const bytes = Buffer.alloc(size);
    fs.readSync(STATE_FD, bytes, 0, size, 0);
    return bytes.toString();
  },
  save(text: string): void {
    fs.ftruncateSync(STATE_FD);
    fs.writeSync(STATE_FD, text, 0);
  },
};

/** Stays between the starter and the daemon, and starts the daemon again when it dies of a crash. */
function monitor<Id extends string>(daemon: Daemon<Id>, sink: LogSink, detached: boolean): void {
  let crashes = 0;
  let attached = detached;
  // As the daemon itself does when it serves; its successors have what this process has left.
  const detach = (): void => {
    if (!attached) return;
    attached = false;
    detachStandardStreams(daemon, sink);
  };
  let lastRestart = Number.NEGATIVE_INFINITY;
  const state = openStateFile();
  const run = (): void => {
    const ended = (status: number, signal: string | null): void => {
      const why = signal === null ? `exited with status ${status}` : `killed (${signal})`;
      if (
        !['SIGABRT', 'SIGALRM', 'SIGBUS', 'SIGFPE', 'SIGILL', 'SIGPIPE', 'SIGSEGV'].includes(signal ?? '')
      ) {
        log.info(`daemon died, ${why}, exiting`);
        process.exit(signal === null ? status : 1);
      }
      crashes++;
      const wait = Math.max(0, lastRestart + RESTART_INTERVAL_MS - Date.now());
      if (wait > 0)
        log.warn(`${crashes} crashes: daemon died, ${why}, waiting until 10 seconds since last restart`);
      setTimeout(() => {
        lastRestart = Date.now();
        log.err(`${crashes} crashes: daemon died, ${why}, restarting`);
        run();
      }, wait);
    };
    startChild('child', false, state, ended, detach);
  };
  run();
  if (detached) process.title = 'monitoring daemon';
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
  const fatal = (message: string): never => {
    setVlogLevel(undefined, 'console', 'off');
    log.emer(message);
    fs.writeSync(2, `${program}: ${message}\n`);
    return exit(1);
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
      fatal,
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
