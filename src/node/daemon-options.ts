/** The options that every daemon shares. See ovs-vswitchd(8), "Daemon Options" and "Logging Options". */
import type { OptionSpec, ParsedOption } from '../base/getopt.ts';
import { setVlogFromSpec, setVlogLevel } from '../base/vlog.ts';

export const DAEMON_OPTIONS = {
  help: { long: 'help', short: 'h' },
  version: { long: 'version', short: 'V' },
  detach: { long: 'detach' },
  noChdir: { long: 'no-chdir' },
  pidfile: { long: 'pidfile', arg: 'optional' },
  overwritePidfile: { long: 'overwrite-pidfile' },
  monitor: { long: 'monitor' },
  noSelfConfinement: { long: 'no-self-confinement' },
  user: { long: 'user', arg: 'required' },
  mlockall: { long: 'mlockall' },
  unixctl: { long: 'unixctl', arg: 'required' },
  verbose: { long: 'verbose', short: 'v', arg: 'optional' },
  logFile: { long: 'log-file', arg: 'optional' },
  syslogMethod: { long: 'syslog-method', arg: 'required' },
  syslogTarget: { long: 'syslog-target', arg: 'required' },
} as const satisfies Record<string, OptionSpec>;

export type DaemonOptionId = keyof typeof DAEMON_OPTIONS;

export interface DaemonSettings {
  detach: boolean;
  noChdir: boolean;
  /** Name as given ('' for the default), or undefined for no pidfile. */
  pidfile: string | undefined;
  overwritePidfile: boolean;
  monitor: boolean;
  unixctl: string | undefined;
  /** As for `pidfile`. */
  logFile: string | undefined;
  syslogMethod: string | undefined;
  syslogTarget: string | undefined;
  mlockall: boolean;
  help: boolean;
  version: boolean;
}

/** Picks the shared options out; log levels are set at once, in the order given.
 * @throws Error with the message for a bad `-v`, and for `--user`: who gives up root must not find that he has it still */
export function daemonSettings(options: readonly ParsedOption<string>[]): DaemonSettings {
  const has = (id: DaemonOptionId): boolean => options.some((o) => o.id === id);
  const last = (id: DaemonOptionId): string | undefined => {
    const found = options.findLast((o) => o.id === id);
    return found && (found.value ?? '');
  };
  for (const { id, value } of options) {
    if (id !== 'verbose') continue;
    if (value === undefined) setVlogLevel(undefined, 'any', 'dbg');
    else {
      const error = setVlogFromSpec(value);
      if (error !== undefined) throw new Error(`processing "${value}": ${error}`);
    }
  }
  if (has('user')) throw new Error('--user is not supported here: start the program as that user instead');
  return {
    detach: has('detach'),
    noChdir: has('noChdir'),
    pidfile: last('pidfile'),
    overwritePidfile: has('overwritePidfile'),
    monitor: has('monitor'),
    unixctl: last('unixctl'),
    logFile: last('logFile'),
    syslogMethod: options.find((o) => o.id === 'syslogMethod')?.value,
    syslogTarget: last('syslogTarget'),
    mlockall: has('mlockall'),
    help: has('help'),
    version: has('version'),
  };
}

/** The part of `--help` about them. */
export const daemonUsage = (program: string, rundir: string, logdir: string): string => `
Daemon options:
  --detach                run in background as daemon
  --monitor               creates a process to monitor this daemon
  --user=username[:group] changes the effective daemon user:group
  --no-chdir              do not chdir to '/'
  --pidfile[=FILE]        create pidfile (default: ${rundir}/${program}.pid)
  --overwrite-pidfile     with --pidfile, start even if already running

Logging options:
  -vSPEC, --verbose=SPEC   set logging levels
  -v, --verbose            set maximum verbosity level
  --log-file[=FILE]        enable logging to specified FILE
                           (default: ${logdir}/${program}.log)
  --syslog-method=(libc|unix:file|udp:ip:port)
                           specify how to send messages to syslog daemon
  --syslog-target=HOST:PORT  also send syslog msgs to HOST:PORT via UDP
`;
