/**
 * Starts and ends the daemons, and says whether they run. A daemon is known by its pidfile in the run directory; a process
 * that does not bear the daemon's name is not it, whatever an old pidfile says, and is left alone.
 */
import fs from 'node:fs';
import path from 'node:path';
import { SystemError } from '../../base/host.ts';
import { readPidfile } from '../../ctl/pidfile.ts';
import type { Context } from './context.ts';

export const DAEMONS = ['ovsdb-server', 'ovs-vswitchd'] as const;
export type DaemonName = (typeof DAEMONS)[number];

/** ovs-vswitchd takes a few descriptors for each bridge. */
const DESCRIPTORS = 65535;

/** What a daemon inherits and Node cannot set: the first argument is the limit on cores, '' to leave it. */
const LIMITS = `
if [ -n "$1" ]; then ulimit -c "$1"; fi 2>/dev/null
if [ "$(ulimit -n)" != unlimited ] && [ "$(ulimit -n)" -lt ${DESCRIPTORS} ]; then ulimit -n ${DESCRIPTORS}; fi 2>/dev/null
shift
exec "$@"`;

const pidfileOf = ({ dirs }: Context, name: DaemonName): string => path.join(dirs.run, `${name}.pid`);

/** Whether that process lives and is the daemon. One that ended and that nobody has waited for does not live. */
function isAlive(name: DaemonName, pid: number): boolean {
  try {
    const [, comm, state] = /^\d+ \((.*)\) (\S)/s.exec(fs.readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return comm === name && state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}

/** @returns undefined without a pidfile. @throws SystemError when it cannot be read */
function pidOf(context: Context, name: DaemonName): number | undefined {
  try {
    return readPidfile(context.io.host.storage, pidfileOf(context, name));
  } catch (error) {
    if (error instanceof SystemError && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

export function isRunning(context: Context, name: DaemonName): boolean {
  try {
    const pid = pidOf(context, name);
    return pid !== undefined && isAlive(name, pid);
  } catch (error) {
    if (error instanceof SystemError) return false;
    throw error;
  }
}

/** Tells the user. @returns whether it runs */
export function tellStatus(context: Context, name: DaemonName): boolean {
  const { io } = context;
  const pidfile = pidfileOf(context, name);
  try {
    const pid = pidOf(context, name);
    const running = pid !== undefined && isAlive(name, pid);
    if (running) io.out(`${name} is running with pid ${pid}\n`);
    else {
      if (pid !== undefined) io.out(`Pidfile for ${name} (${pidfile}) is stale\n`);
      io.out(`${name} is not running\n`);
    }
    return running;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    io.out(`Pidfile for ${name} (${pidfile}) exists but cannot be read\n${name} is not running\n`);
    return false;
  }
}

/** Makes a directory unless it is there. */
export function makeDirectory(dir: string, mode = 0o755): void {
  if (fs.existsSync(dir)) return;
  fs.mkdirSync(dir, { recursive: true });
  fs.chmodSync(dir, mode);
}

export const words = (text: string): string[] => text.split(/\s+/).filter(Boolean);

/** The limit on core dumps for the daemons; '' leaves it. */
function coreLimit(context: Context): string {
  if (!context.is('force-corefiles')) return '';
  return context.is('dump-hugepages') ? 'unlimited' : context.settings['ulimit-core'];
}

/**
 * Starts a daemon in the background.
 * @param args what precedes the options that both daemons get
 * @returns whether it serves
 */
export function startDaemon(context: Context, name: DaemonName, args: readonly string[]): boolean {
  const { dirs, settings } = context;
  const cwd = settings['daemon-cwd'];
  makeDirectory(cwd);
  makeDirectory(dirs.log, 0o750);
  makeDirectory(dirs.run);
  const line = [
    context.program(name),
    ...args,
    ...['-vconsole:emer', '-vsyslog:err', '-vfile:info'],
    ...(name === 'ovs-vswitchd' && context.is('mlockall') ? ['--mlockall'] : []),
    ...(context.is('self-confinement') ? [] : ['--no-self-confinement']),
    ...words(settings[`${name}-options`]),
    '--no-chdir',
    `--log-file=${dirs.log}/${name}.log`,
    `--pidfile=${pidfileOf(context, name)}`,
    '--detach',
    ...(context.is('monitor') ? ['--monitor'] : []),
  ];
  const priority = settings[`${name}-priority`];
  const nice = priority === '' ? [] : ['nice', '-n', priority];
  const umask = settings[`${name}-umask`];
  if (context.is('dump-hugepages')) fs.writeFileSync('/proc/self/coredump_filter', '0x7f');
  const started = context.action(`Starting ${name}`, () => {
    const before = umask === '' ? undefined : process.umask(umask);
    const { status } = context.spawn('/bin/sh', ['-c', LIMITS, 'sh', coreLimit(context), ...nice, ...line], {
      cwd,
    });
    if (before !== undefined) process.umask(before);
    return status === 0;
  });
  if (started && settings['oom-score'] !== '') setOomScore(context, name, settings['oom-score']);
  return started;
}

function setOomScore(context: Context, name: DaemonName, score: string): void {
  try {
    fs.writeFileSync(`/proc/${pidOf(context, name)}/oom_score_adj`, score);
  } catch {
    context.warning(`cannot set the OOM score of ${name} to ${score}`);
  }
}

/** Asked to exit, then told, then killed: what is done, and the pauses after it, in seconds. */
const ENDINGS: readonly {
  readonly how: 'exit' | 'SIGTERM' | 'SIGKILL';
  readonly pauses: readonly number[];
}[] = [
  { how: 'exit', pauses: [0.1, 0.25, 0.65, 1] },
  { how: 'SIGTERM', pauses: [0.1, 0.25, 0.65, 1, 1, 1, 1] },
  { how: 'SIGKILL', pauses: [1, 1, 1, 2, 10, 15, 30] },
];

/** @returns whether it does not run any more */
export async function stopDaemon(context: Context, name: DaemonName): Promise<boolean> {
  const { dirs, io } = context;
  let pid: number | undefined;
  try {
    pid = pidOf(context, name);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
  }
  if (pid === undefined) {
    context.success(`${name} is not running`);
    return true;
  }
  if (!isAlive(name, pid)) {
    // It ended without cleaning up.
    fs.rmSync(path.join(dirs.run, `${name}.${pid}.ctl`), { force: true });
    return true;
  }
  for (const { how, pauses } of ENDINGS) {
    const forced = how === 'SIGKILL' ? ' with SIGKILL' : '';
    context.action(`${how === 'exit' ? 'Exiting' : 'Killing'} ${name} (${pid})${forced}`, () =>
      how === 'exit'
        ? context.run('ovs-appctl', ['-T', '5', '-t', path.join(dirs.run, `${name}.${pid}.ctl`), 'exit'])
        : signal(pid, how),
    );
    for (const seconds of pauses) {
      if (!isAlive(name, pid)) return true;
      await new Promise<void>((resolve) => io.host.loop.after(seconds * 1000, resolve));
    }
    if (!isAlive(name, pid)) return true;
  }
  context.failure(`Killing ${name} (${pid}) failed`);
  return false;
}

function signal(pid: number, name: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
