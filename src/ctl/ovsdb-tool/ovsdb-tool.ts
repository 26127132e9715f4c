/** ovsdb-tool: works on database files and schemas without a server. See ovsdb-tool(1). */
import { type OptionSpec, parseOptions } from '../../base/getopt.ts';
import { TLS_OPTIONS } from '../../base/tls-options.ts';
import { parseUuid, ZERO_UUID } from '../../base/uuid.ts';
import { versionText } from '../../base/version.ts';
import { setVlogFromSpec, setVlogLevel } from '../../base/vlog.ts';
import { OVSDB_MAGIC, RAFT_MAGIC } from '../../ovsdb/log.ts';
import { OvsdbError } from '../../ovsdb/ovsdb-error.ts';
import { sameSchema, schemaFromJson } from '../../ovsdb/schema.ts';
import { logUsage } from '../log-options.ts';
import { schemaFromFile } from '../schema-file.ts';
import { applyTlsOptions } from '../stream-options.ts';
import { type Tool, ToolError, type ToolIo } from '../tool.ts';
import { checkCluster } from './check-cluster.ts';
import { createCluster, joinCluster, parseElectionTimer } from './cluster.ts';
import { clusterToStandalone } from './cluster-to-standalone.ts';
import { compact, convert } from './compact.ts';
import { compareVersions } from './compare-versions.ts';
import { create } from './create.ts';
import { runOnEtcd } from './etcd.ts';
import { clusterHeader, defaultDb, defaultSchema, headerText, openAnyLog, schemaOfDb } from './files.ts';
import { showLog } from './show-log.ts';
import { query, transact } from './transact.ts';

const OPTIONS = {
  more: { long: 'more', short: 'm' },
  rbacRole: { long: 'rbac-role', arg: 'required' },
  cid: { long: 'cid', arg: 'required' },
  electionTimer: { long: 'election-timer', arg: 'required' },
  verbose: { long: 'verbose', short: 'v', arg: 'optional' },
  help: { long: 'help', short: 'h' },
  option: { long: 'option', short: 'o' },
  version: { long: 'version', short: 'V' },
  // For databases in etcd; the C program has none of these.
  ...TLS_OPTIONS,
} as const satisfies Record<string, OptionSpec>;

interface Context {
  readonly io: ToolIo;
  readonly args: readonly string[];
  /** How often `-m` was given. */
  readonly verbosity: number;
  /** `--cid` and `--election-timer`. */
  readonly cid: string | undefined;
  readonly electionTimerMs: number | undefined;
}

interface Command {
  readonly usage?: string;
  readonly min: number;
  readonly max: number;
  /** The result is the exit status; nothing for 0. */
  run(context: Context): number | undefined | Promise<number | undefined> | Promise<void>;
}

/** A command whose result is one line. */
const line = (
  usage: string,
  min: number,
  text: (io: ToolIo, args: readonly string[]) => string,
): Command => ({
  usage,
  min,
  max: 1,
  run({ io, args }) {
    io.out(`${text(io, args)}\n`);
    return 0;
  },
});

const hasMagic = (magic: string): Command => ({
  usage: 'db',
  min: 1,
  max: 1,
  run({ io, args }) {
    const log = openAnyLog(io, args[0]!);
    log.close();
    return log.magic === magic ? 0 : 2;
  },
});

const COMMANDS: Readonly<Record<string, Command>> = {
  create: { usage: '[db [schema]]', min: 0, max: 2, run: ({ io, args }) => create(io, args) },
  'create-cluster': {
    usage: 'db contents local',
    min: 3,
    max: 3,
    run: ({ io, args, electionTimerMs }) => createCluster(io, args, electionTimerMs),
  },
  'join-cluster': {
    usage: 'db name local remote...',
    min: 4,
    max: Number.POSITIVE_INFINITY,
    run: ({ io, args, cid }) => joinCluster(io, args, cid),
  },
  compact: { usage: '[db [dst]]', min: 0, max: 2, run: ({ io, args }) => compact(io, args) },
  convert: { usage: '[db [schema [dst]]]', min: 0, max: 3, run: ({ io, args }) => convert(io, args) },
  'needs-conversion': {
    min: 0,
    max: 2,
    run({ io, args: [db, schema] }) {
      const present = schemaOfDb(io, db ?? defaultDb(io));
      io.out(sameSchema(present, schemaFromFile(io, schema ?? defaultSchema(io))) ? 'no\n' : 'yes\n');
      return 0;
    },
  },
  'db-name': line('[db]', 0, (io, [db]) => {
    const file = db ?? defaultDb(io);
    const log = openAnyLog(io, file);
    const first = log.read() ?? {};
    log.close();
    return log.magic === OVSDB_MAGIC ? schemaFromJson(first).name : headerText(file, first, 'name');
  }),
  'db-version': line('[db]', 0, (io, [db]) => schemaOfDb(io, db ?? defaultDb(io)).version),
  'db-cksum': line('[db]', 0, (io, [db]) => schemaOfDb(io, db ?? defaultDb(io)).cksum),
  'db-cid': {
    usage: 'db',
    min: 1,
    max: 1,
    run({ io, args: [db] }) {
      const cid = clusterHeader(io, db!)['cluster_id'];
      if (typeof cid === 'string') {
        io.out(`${cid}\n`);
        return 0;
      }
      io.err(`${db}: cluster ID not yet known\n`);
      return 2;
    },
  },
  'db-sid': line('db', 1, (io, [db]) => headerText(db!, clusterHeader(io, db!), 'server_id')),
  'db-local-address': line('db', 1, (io, [db]) => headerText(db!, clusterHeader(io, db!), 'local_address')),
  'db-is-clustered': hasMagic(RAFT_MAGIC),
  'db-is-standalone': hasMagic(OVSDB_MAGIC),
  'schema-name': line('[schema]', 0, (io, [schema]) => schemaFromFile(io, schema ?? defaultSchema(io)).name),
  'schema-version': line(
    '[schema]',
    0,
    (io, [schema]) => schemaFromFile(io, schema ?? defaultSchema(io)).version,
  ),
  'schema-cksum': line(
    '[schema]',
    0,
    (io, [schema]) => schemaFromFile(io, schema ?? defaultSchema(io)).cksum,
  ),
  query: { usage: '[db] trns', min: 1, max: 2, run: ({ io, args }) => query(io, args) },
  transact: { usage: '[db] trns', min: 1, max: 2, run: ({ io, args }) => transact(io, args) },
  'show-log': {
    usage: '[db]',
    min: 0,
    max: 1,
    run({ io, args, verbosity }) {
      showLog(io, args, verbosity);
      return 0;
    },
  },
  'check-cluster': {
    usage: 'db...',
    min: 1,
    max: Number.POSITIVE_INFINITY,
    run({ io, args }) {
      checkCluster(io, args);
      return 0;
    },
  },
  'compare-versions': { usage: 'a op b', min: 3, max: 3, run: ({ args }) => compareVersions(args) },
  help: {
    min: 0,
    max: Number.POSITIVE_INFINITY,
    run({ io }) {
      io.out(usage(io));
      return 0;
    },
  },
  'list-commands': {
    min: 0,
    max: Number.POSITIVE_INFINITY,
    run({ io }) {
      const lines = Object.entries(COMMANDS).map(
        ([name, command]) => `  ${name.padEnd(23)} ${command.usage ?? ''}\n`,
      );
      io.out(`The available commands are:\n${lines.join('')}`);
      return 0;
    },
  },
  'cluster-to-standalone': {
    usage: 'db clusterdb',
    min: 2,
    max: 2,
    run: ({ io, args }) => clusterToStandalone(io, args),
  },
};

const usage = (io: ToolIo): string => `${io.program}: Open vSwitch database management utility
usage: ${io.program} [OPTIONS] COMMAND [ARG...]
  create [DB [SCHEMA]]    create DB with the given SCHEMA
  [--election-timer=ms] create-cluster DB CONTENTS LOCAL
    create clustered DB with given CONTENTS and LOCAL address
  [--cid=UUID] join-cluster DB NAME LOCAL REMOTE...
    join clustered DB with given NAME and LOCAL and REMOTE addrs
  compact [DB [DST]]      compact DB in-place (or to DST)
  convert [DB [SCHEMA [DST]]]   convert DB to SCHEMA (to DST)
  db-name [DB]            report name of schema used by DB
  db-version [DB]         report version of schema used by DB
  db-cksum [DB]           report checksum of schema used by DB
  db-cid DB               report cluster ID of clustered DB
  db-sid DB               report server ID of clustered DB
  db-local-address DB     report local address of clustered DB
  db-is-clustered DB      test whether DB is clustered
  db-is-standalone DB     test whether DB is standalone
  schema-name [SCHEMA]    report SCHEMA's name
  schema-version [SCHEMA] report SCHEMA's schema version
  schema-cksum [SCHEMA]   report SCHEMA's checksum
  compare-versions A OP B  compare OVSDB schema version numbers
  query [DB] TRNS         execute read-only transaction on DB
  transact [DB] TRNS      execute read/write transaction on DB
  cluster-to-standalone DB DB    Convert clustered DB to
      standalone DB when cluster is down and cannot be
        revived
  [-m]... show-log [DB]   print DB's log entries
The default DB is ${defaultDb(io)}.
The default SCHEMA is ${defaultSchema(io)}.
${logUsage(`${io.host.dirs.log}/${io.program}.log`)}
Other options:
  -m, --more                  increase show-log verbosity
  --rbac-role=ROLE            RBAC role for transact and query commands
  -h, --help                  display this help message
  -V, --version               display version information
`;

/** The list that `--option` prints, for completion. */
function optionList(): string {
  return Object.values(OPTIONS as Readonly<Record<string, OptionSpec>>)
    .map(({ long, short, arg }) => {
      const value = arg === 'required' ? 'ARG' : arg === 'optional' ? '[ARG]' : '';
      return `--${long}${value && `=${value}`}\n${short === undefined ? '' : `-${short} ${value}\n`}`;
    })
    .join('');
}

/** Commands of the C implementation have one level of options, which may follow the command. */
export const ovsdbTool: Tool = async (argv, io) => {
  const { options, args } = parseOptions(argv, OPTIONS);
  let verbosity = 0;
  let cid: string | undefined;
  let electionTimerMs: number | undefined;
  for (const { id, value } of options) {
    switch (id) {
      case 'more':
        verbosity++;
        break;
      case 'cid':
        cid = parseUuid(value!);
        if ((cid ?? ZERO_UUID) === ZERO_UUID) throw new ToolError(`${value}: not a valid UUID`);
        break;
      case 'electionTimer':
        electionTimerMs = parseElectionTimer(value!);
        break;
      case 'help':
        io.out(usage(io));
        return 0;
      case 'option':
        io.out(optionList());
        return 0;
      case 'version':
        io.out(versionText(io.program));
        return 0;
      case 'verbose': {
        if (value === undefined) {
          setVlogLevel(undefined, 'any', 'dbg');
          break;
        }
        const error = setVlogFromSpec(value);
        if (error !== undefined) throw new ToolError(`processing "${value}": ${error}`);
        break;
      }
    }
  }
  applyTlsOptions(io.host.streams, options);
  const [name, ...rest] = args;
  if (name === undefined) throw new ToolError('missing command name; use --help for help');
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new ToolError(`unknown command '${name}'; use --help for help`);
  try {
    const onEtcd = runOnEtcd(io, name, rest);
    if (onEtcd) return (await onEtcd) ?? 0;
  } catch (error) {
    throw userError(error);
  }
  if (rest.length < command.min)
    throw new ToolError(`'${name}' command requires at least ${command.min} arguments`);
  if (rest.length > command.max)
    throw new ToolError(`'${name}' command takes at most ${command.max} arguments`);
  try {
    return (await command.run({ io, args: rest, verbosity, cid, electionTimerMs })) ?? 0;
  } catch (error) {
    throw userError(error);
  }
};

const userError = (error: unknown): unknown =>
  error instanceof OvsdbError ? new ToolError(error.message) : error;
