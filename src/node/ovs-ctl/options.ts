/**
 * The command line of ovs-ctl. Every option is one of {@link defaultSettings}: `--NAME=VALUE`, and if its default is
 * 'yes' or 'no' also `--NAME` and `--no-NAME`. One that is not known is complained about and otherwise passed over, as
 * in C: a start-up script that knows more than we do still starts the switch.
 */
import type { Directories } from '../../base/host.ts';
import { ToolError, type ToolIo } from '../../ctl/tool.ts';

const defaultSettings = (dirs: Directories) => ({
  'system-id': '',
  /** '' for what the files in the configuration directory or the operating system say. */
  'system-type': '',
  'system-version': '',
  'full-hostname': 'yes',
  'record-hostname': 'yes',
  'delete-bridges': 'no',
  'delete-transient-ports': 'no',
  'daemon-cwd': '/',
  'force-corefiles': 'yes',
  'dump-hugepages': 'no',
  'ulimit-core': '67108864',
  'oom-score': '',
  mlockall: 'yes',
  'self-confinement': 'yes',
  monitor: 'yes',
  'ovs-user': '',
  'ovsdb-server': 'yes',
  'ovsdb-server-priority': '-10',
  'ovsdb-server-options': '',
  'ovsdb-server-umask': '',
  'ovs-vswitchd': 'yes',
  'ovs-vswitchd-priority': '-10',
  'ovs-vswitchd-options': '',
  'ovs-vswitchd-umask': '',
  'db-file': `${dirs.db}/conf.db`,
  'db-sock': `${dirs.run}/db.sock`,
  'db-schema': `${dirs.pkgdata}/vswitch.ovsschema`,
  /** Names of further database files, separated by spaces, in the directory of databases if they are relative. */
  'extra-dbs': '',
});

export type Settings = ReturnType<typeof defaultSettings>;

export interface CtlCommandLine {
  readonly settings: Settings;
  /** Each 'KEY=VALUE'. */
  readonly externalIds: readonly string[];
  readonly command: string;
}

const isFlag = (value: string): boolean => value === 'yes' || value === 'no';

/** @returns 'help' or 'version' when that is asked for. @throws ToolError */
export function ctlCommandLine(argv: readonly string[], io: ToolIo): CtlCommandLine | 'help' | 'version' {
  const settings = defaultSettings(io.host.dirs);
  const externalIds: string[] = [];
  const commands: string[] = [];
  const set = (arg: string, name: string, value: string, flag: boolean): void => {
    const known = Object.hasOwn(settings, name) ? settings[name as keyof Settings] : undefined;
    if (known === undefined || (flag && !isFlag(known)))
      io.err(`${io.program}: unknown option "${arg}" (use --help for help)\n`);
    else settings[name as keyof Settings] = value;
  };
  for (const arg of argv) {
    if (arg === '-h' || arg === '--help') return 'help';
    if (arg === '-V' || arg === '--version') return 'version';
    const [, no, name, value] = /^--(no-)?([a-z][^=]*)(?:=(.*))?$/s.exec(arg) ?? [];
    if (name === undefined) {
      if (arg.startsWith('-')) throw new ToolError(`unknown option "${arg}" (use --help for help)`);
      commands.push(arg);
    } else if (value === undefined) set(arg, name, no === undefined ? 'yes' : 'no', true);
    else if (arg.startsWith('--external-id=')) {
      if (!value.includes('=')) throw new ToolError('--external-id argument not in the form "key=value"');
      externalIds.push(value);
    } else set(arg, `${no ?? ''}${name}`, value, false);
  }
  if (commands.length > 1)
    throw new ToolError('exactly one non-option argument required (use --help for help)');
  const [command] = commands;
  if (command === undefined) throw new ToolError('missing command name (use --help for help)');
  for (const name of ['ovsdb-server-umask', 'ovs-vswitchd-umask'] as const)
    if (!/^[0-7]{0,4}$/.test(settings[name]))
      throw new ToolError(`--${name}: ${settings[name]} is not an octal mode`);
  return { settings, externalIds, command };
}

export function ctlUsage({ program, host: { dirs } }: ToolIo): string {
  const defaults = defaultSettings(dirs);
  return `${program}: controls Open vSwitch daemons
usage: ${program} [OPTIONS] COMMAND

Commands:
  start                       start Open vSwitch daemons
  stop                        stop Open vSwitch daemons
  restart                     stop and start Open vSwitch daemons, keeping the
                              bridges' flows
  status                      check whether Open vSwitch daemons are running
  version                     print versions of Open vSwitch daemons
  delete-transient-ports      delete ports with other_config:transient=true
  record-hostname-if-not-set  record the system's hostname in the database
                              unless one is there
  help                        display this help message

One of the following options is required for "start" and "restart":
  --system-id=UUID   identify this system by UUID
  --system-id=random  identify it by a random UUID that is kept in
                     ${dirs.sysconf}/openvswitch/system-id.conf

Other important options for "start" and "restart":
  --system-type=TYPE  set system type (e.g. "KVM")
  --system-version=VERSION  set system version (e.g. "4.18.el8_6")
  --external-id="key=value"
                     add the pair to the database's external-ids
  --delete-bridges   delete all bridges before starting ovs-vswitchd
  --delete-transient-ports  delete transient ports before that
  --no-ovsdb-server  leave ovsdb-server alone
  --no-ovs-vswitchd  leave ovs-vswitchd alone
  --ovsdb-server-umask=MODE  set umask of ovsdb-server
  --ovs-vswitchd-umask=MODE  set umask of ovs-vswitchd

Less important options for "start" and "restart":
  --daemon-cwd=DIR               working directory of daemons (default: ${defaults['daemon-cwd']})
  --no-force-corefiles           do not raise the limit on core dumps
  --ulimit-core=LIMIT            that limit (default: ${defaults['ulimit-core']})
  --dump-hugepages               include hugepages in core dumps
  --no-mlockall                  do not lock ovs-vswitchd into memory
  --no-monitor                   do not restart daemons that crash
  --ovsdb-server-priority=NICE   niceness of ovsdb-server (default: ${defaults['ovsdb-server-priority']})
  --ovsdb-server-options=OPTIONS further options for ovsdb-server
  --ovs-vswitchd-priority=NICE   niceness of ovs-vswitchd (default: ${defaults['ovs-vswitchd-priority']})
  --ovs-vswitchd-options=OPTIONS further options for ovs-vswitchd
  --no-full-hostname             record the short hostname
  --no-record-hostname           do not record the hostname
  --oom-score=SCORE              set the daemons' oom_score_adj

File location options:
  --db-file=FILE     database file name (default: ${defaults['db-file']})
  --db-sock=SOCKET   JSON-RPC socket name (default: ${defaults['db-sock']})
  --db-schema=FILE   database schema file name (default: ${defaults['db-schema']})
  --extra-dbs=FILES  further databases for ovsdb-server

Other options:
  -h, --help                  display this help message
  -V, --version               display version information

Directories, and the environment variables that override them:
  logs: ${dirs.log} (OVS_LOGDIR)
  pidfiles and sockets: ${dirs.run} (OVS_RUNDIR)
  conf.db: ${dirs.db} (OVS_DBDIR)
  system configuration: ${dirs.sysconf} (OVS_SYSCONFDIR)
  data files: ${dirs.pkgdata} (OVS_PKGDATADIR)
`;
}
