/** The command line of ovsdb-server besides what all daemons share. See ovsdb-server(1). */
import type { OptionSpec, ParsedOption } from '../../base/getopt.ts';
import type { TlsSettings } from '../../base/host.ts';
import { REPLAY_OPTIONS, REPLAY_USAGE } from '../../base/replay-options.ts';
import { streamUsage } from '../../base/stream-usage.ts';
import { BOOTSTRAP_OPTIONS, TLS_OPTIONS, tlsSettings } from '../../base/tls-options.ts';

export const OVSDB_SERVER_OPTIONS = {
  remote: { long: 'remote', arg: 'required' },
  run: { long: 'run', arg: 'required' },
  ...TLS_OPTIONS,
  ...BOOTSTRAP_OPTIONS,
  ...REPLAY_OPTIONS,
  syncFrom: { long: 'sync-from', arg: 'required' },
  syncExcludeTables: { long: 'sync-exclude-tables', arg: 'required' },
  active: { long: 'active' },
  noDbs: { long: 'no-dbs' },
  disableFileColumnDiff: { long: 'disable-file-column-diff' },
  disableFileNoDataConversion: { long: 'disable-file-no-data-conversion' },
  configFile: { long: 'config-file', arg: 'required' },
} as const satisfies Record<string, OptionSpec>;

export type OvsdbServerOptionId = keyof typeof OVSDB_SERVER_OPTIONS;

export interface OvsdbServerSettings {
  readonly remotes: readonly string[];
  /** Files of databases, or "relay:NAME:REMOTES". */
  readonly databases: readonly string[];
  readonly run: string | undefined;
  /** Of which all but `peerCaCert` may be "db:" names of columns that hold them. */
  readonly tls: TlsSettings;
  readonly syncFrom: string | undefined;
  readonly syncExclude: string | undefined;
  readonly active: boolean;
  readonly useColumnDiff: boolean;
  readonly useNoDataConversion: boolean;
  readonly configFile: string | undefined;
}

/**
 * @param dbdir directory of databases
 * @throws Error worded for the user
 */
export function ovsdbServerSettings(
  options: readonly ParsedOption<OvsdbServerOptionId>[],
  args: readonly string[],
  dbdir: string,
): OvsdbServerSettings {
  const last = (id: OvsdbServerOptionId): string | undefined => options.findLast((o) => o.id === id)?.value;
  const has = (id: OvsdbServerOptionId): boolean => options.some((o) => o.id === id);
  const remotes = [...new Set(options.filter((o) => o.id === 'remote').map((o) => o.value!))];
  const configFile = last('configFile');
  const syncFrom = last('syncFrom');
  const syncExclude = last('syncExcludeTables');
  if (configFile !== undefined) {
    if (syncFrom !== undefined || syncExclude !== undefined || has('active'))
      throw new Error('--config-file is mutually exclusive with --sync-from, --sync-exclude and --active');
    if (remotes.length > 0) throw new Error('--config-file is mutually exclusive with --remote');
    if (args.length > 0) throw new Error('Databases should be specified in a config file');
  }
  const useDefault = args.length === 0 && !has('noDbs') && configFile === undefined;
  return {
    remotes,
    databases: useDefault ? [`${dbdir}/conf.db`] : args,
    run: last('run'),
    tls: tlsSettings(options),
    syncFrom,
    syncExclude,
    active: has('active'),
    useColumnDiff: !has('disableFileColumnDiff'),
    useNoDataConversion: !has('disableFileNoDataConversion'),
    configFile:
      configFile === undefined || configFile.startsWith('/') ? configFile : `${dbdir}/${configFile}`,
  };
}

export const ovsdbServerUsage = (
  program: string,
  dbdir: string,
  daemonPart: string,
): string => `${program}: Open vSwitch database server
usage: ${program} [OPTIONS] [DATABASE...]
where each DATABASE is a database file in ovsdb format.
The default DATABASE, if none is given, is
${dbdir}/conf.db.

JSON-RPC options (may be specified any number of times):
  --remote=REMOTE         connect or listen to REMOTE
${streamUsage('JSON-RPC', true, true)}
Configuration file:
  --config-file PATH      Use configuration file as a source of
                          database and JSON-RPC configuration.
                          Mutually exclusive with the DATABASE,
                          JSON-RPC and Syncing options.
                          Assumes --no-dbs.
${daemonPart}
Syncing options:
  --sync-from=SERVER      sync DATABASE from active SERVER and start in
                          backup mode (except with --active)
  --sync-exclude-tables=DB:TABLE,...
                          exclude the TABLE in DB from syncing
  --active                with --sync-from, start in active mode
${REPLAY_USAGE}
Other options:
  --run COMMAND           run COMMAND as subprocess then exit
  --unixctl=SOCKET        override default control socket name
  --no-dbs                do not add default database
  --disable-file-column-diff
                          don't use column diff in database file
  -h, --help              display this help message
  -V, --version           display version information
`;
