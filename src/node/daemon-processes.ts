/**
 * The processes that a daemon is made of. Node cannot fork, so `--detach` starts this program once more with the same
 * arguments and waits until the new process says (a byte on descriptor 3) that it serves; `--monitor` puts a process in
 * between that starts it again when it crashes. C counterpart: lib/daemon-unix.c.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { vlog } from '../base/vlog.ts';

const log = vlog('daemon_unix');

/** What ends a daemon by its own fault, after which its monitor starts another; in strsignal's words. */
const CRASHES: Readonly<Record<string, string>> = {
  SIGABRT: 'Aborted',
  SIGALRM: 'Alarm clock',
  SIGBUS: 'Bus error',
  SIGFPE: 'Floating point exception',
  SIGILL: 'Illegal instruction',
  SIGPIPE: 'Broken pipe',
  SIGSEGV: 'Segmentation fault',
};

/** What else may end a daemon. */
const ENDINGS: Readonly<Record<string, string>> = {
  SIGTERM: 'Terminated',
  SIGINT: 'Interrupt',
  SIGHUP: 'Hangup',
  SIGKILL: 'Killed',
};

/** In the environment of the processes that this one starts: what they are. */
const ROLE = 'OVS_TS_DAEMON';
/** Where a started process reports that it serves. */
const READY_FD = 3;
/** In a monitored daemon: the file of {@link crashState}. */
const STATE_FD = 4;
/** A crashing daemon is started at most this often. */
const RESTART_INTERVAL_MS = 10_000;

/** What this process is: undefined for the one that the user started. */
export const daemonRole = (): string | undefined => process.env[ROLE];

/** Lets `ps` and `pgrep` know the process by the name of its program. */
export function nameProcess(program: string): void {
  try {
    fs.writeFileSync('/proc/self/comm', program);
  } catch {
    // Without it the daemon does as well.
  }
}

/**
 * Starts this program again in a role. `ended` gets the exit status: 0 once it serves, or that of its death.
 * @param state descriptor of the file for {@link crashState}, if it gets one
 * @param onServing called when a child that is not detached serves
 */
export function startChild(
  role: string,
  detached: boolean,
  state: number | undefined,
  ended: (status: number, signal: string | null) => void,
  onServing: () => void = () => {},
): ChildProcess {
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
  return child;
}

/** The descriptor is closed once it was written to, and its number may be another file's then. */
let readyForwarded = false;

/** Tells whoever started this process that it serves. */
export function forwardReady(): void {
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
export const crashState = {
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

/**
 * Stays between the starter and the daemon, and starts the daemon again when it dies of a crash.
 * @param detached whether it is in the background; `detachStreams` is called once the daemon serves then
 */
export function monitor(program: string, detached: boolean, detachStreams: () => void): void {
  let crashes = 0;
  let attached = detached;
  // As the daemon itself does when it serves; its successors have what this process has left.
  const detach = (): void => {
    if (!attached) return;
    attached = false;
    detachStreams();
  };
  let lastRestart = Number.NEGATIVE_INFINITY;
  let state = 'healthy';
  const kept = openStateFile();
  const run = (): void => {
    const child = startChild(
      'child',
      false,
      kept,
      (status, signal) => {
        const fault = signal === null ? undefined : CRASHES[signal];
        if (fault === undefined) {
          const why = signal === null ? `exit status ${status}` : `killed (${ENDINGS[signal] ?? signal})`;
          log.info(`pid ${child.pid} died, ${why}, exiting`);
          process.exit(status);
        }
        crashes++;
        state = `${crashes} crashes: pid ${child.pid} died, killed (${fault})`;
        const wait = Math.max(0, lastRestart + RESTART_INTERVAL_MS - Date.now());
        if (wait > 0) log.warn(`${state}, waiting until 10 seconds since last restart`);
        setTimeout(() => {
          lastRestart = Date.now();
          log.err(`${state}, restarting`);
          run();
        }, wait);
      },
      detach,
    );
    if (!detached) return;
    process.title = `${program}: monitoring pid ${child.pid} (${state})`;
    nameProcess(program);
  };
  run();
}
