/** The management commands of ovsdb-server. See ovsdb-server(1), "RUNTIME MANAGEMENT COMMANDS". */
import type { MemoryUsage } from '../../base/memory.ts';
import { type UnixctlCommands, UnixctlError } from '../../base/unixctl.ts';
import { vlog } from '../../base/vlog.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { registerClusterCommands } from './cluster-commands.ts';
import { refuseIfConfigFile, throwUserError, userError } from './command-checks.ts';
import { parseDbColumn } from './db-remotes.ts';
import type { ServerProgram } from './program.ts';
import { RaftFile } from './raft-file.ts';
import { defaultRemoteOptions } from './remotes.ts';
import { registerReplicationCommands } from './replication-commands.ts';
import type { ServedDatabase } from './served.ts';

const log = vlog('ovsdb_server');

const lines = (items: Iterable<string>): string =>
  [...items]
    .sort()
    .map((item) => `${item}\n`)
    .join('');

export function registerServerCommands(commands: UnixctlCommands, program: ServerProgram): void {
  const { server, configuration } = program;
  const { configFile } = program.settings;
  const refuseWithConfigFile = (): void => refuseIfConfigFile(program);

  commands.register('ovsdb-server/compact', '', 0, 1, ([name]) => compact(program, name));
  commands.register('ovsdb-server/memory-trim-on-compaction', 'on|off', 1, 1, ([word]) => {
    // Memory goes back to the system as the engine sees fit; the command is kept for scripts that call it.
    if (word !== 'on' && word !== 'off') throw new UnixctlError('invalid argument');
    log.info(`memory trimming after compaction ${word === 'on' ? 'enabled' : 'disabled'}.`);
    return '';
  });
  commands.register('ovsdb-server/reconnect', '', 0, 0, () => {
    server.reconnect(true, 'user ran ovsdb-server/reconnect');
    return '';
  });
  commands.register('ovsdb-server/reload', '', 0, 0, async () => {
    if (configFile === undefined)
      throw new UnixctlError('Configuration file was not specified on command line');
    if (!(await program.reload()))
      throw new UnixctlError('Configuration failed.  See the log file for details.');
    return '';
  });
  commands.register('ovsdb-server/add-remote', 'REMOTE', 1, 1, ([name]) => {
    refuseWithConfigFile();
    if (name!.startsWith('db:')) userError(() => parseDbColumn(server.databases, name!));
    if (!configuration.remotes.has(name!)) configuration.remotes.set(name!, defaultRemoteOptions(name!));
    program.saveConfiguration();
    program.reconfigure();
    return '';
  });
  commands.register('ovsdb-server/remove-remote', 'REMOTE', 1, 1, ([name]) => {
    refuseWithConfigFile();
    if (!configuration.remotes.delete(name!)) throw new UnixctlError('no such remote');
    program.saveConfiguration();
    program.reconfigure();
    return '';
  });
  commands.register('ovsdb-server/list-remotes', '', 0, 0, () => lines(configuration.remotes.keys()));
  commands.register('ovsdb-server/add-db', 'DB', 1, 1, async ([file]) => {
    refuseWithConfigFile();
    await program.openDatabase(...program.commandLineConfig(file!)).catch(throwUserError);
    program.saveConfiguration();
    return '';
  });
  commands.register('ovsdb-server/remove-db', 'DB', 1, 1, ([name]) => {
    refuseWithConfigFile();
    const served = server.databases.get(name!);
    if (!served) throw new UnixctlError('Failed to find the database.');
    if (name!.startsWith('_')) throw new UnixctlError('Cannot remove reserved database.');
    program.removeDatabase(served);
    return '';
  });
  commands.register('ovsdb-server/list-dbs', '', 0, 0, () => lines(server.databases.keys()));
  commands.register('ovsdb-server/tlog-set', 'DB:TABLE on|off', 2, 2, ([name, word]) => {
    const on = word!.toLowerCase() === 'on';
    if (!on && word!.toLowerCase() !== 'off') throw new UnixctlError('invalid command argument');
    const [database, tableName, extra] = name!.split(':').filter((part) => part !== '');
    if (database === undefined || tableName === undefined || extra !== undefined)
      throw new UnixctlError('invalid DB:TABLE argument');
    const served = server.databases.get(database);
    if (!served) throw new UnixctlError('no such database');
    const table = served.db.tables.get(tableName);
    if (!table) throw new UnixctlError('no such table');
    table.log = on;
    return '';
  });
  commands.register('ovsdb-server/tlog-list', '', 0, 0, () => tableLogs([...server.databases.values()]));
  commands.register(
    'ovsdb-server/perf-counters-show',
    '',
    0,
    0,
    // The processor's counters cannot be read from here.
    () => 'performance counter is not supported on this platform\n',
  );
  commands.register('ovsdb-server/perf-counters-clear', '', 0, 0, () => '');
  commands.register('ovsdb-server/get-db-storage-status', 'DB', 1, 1, ([name]) => {
    const served = server.databases.get(name!);
    if (!served) throw new UnixctlError('Failed to find the database.');
    return `status: ${served.model.storageError ?? 'ok'}`;
  });
  commands.register('ovsdb-server/disable-monitor-cond', '', 0, 0, () => {
    server.monitorCond = false;
    server.reconnect(true, 'user ran ovsdb-server/disable-monitor-cond');
    return '';
  });
  registerReplicationCommands(commands, program);
  registerClusterCommands(commands, program);
  if (!program.options.useDiff)
    commands.register('ovsdb/file/column-diff-enable', '', 0, 0, () => {
      program.options.useDiff = true;
      return '';
    });
  if (!program.settings.useNoDataConversion)
    commands.register('ovsdb/file/no-data-conversion-enable', '', 0, 0, () => {
      program.options.useNoDataConversion = true;
      return '';
    });
}

/** The reply of `ovsdb-server/compact`. */
async function compact({ server }: ServerProgram, name: string | undefined): Promise<string> {
  if (name?.startsWith('_')) throw new UnixctlError('cannot compact built-in databases');
  const chosen = [...server.databases.values()].filter((served) =>
    name === undefined ? !served.name.startsWith('_') : served.name === name,
  );
  if (chosen.length === 0) throw new UnixctlError('no database by that name');
  const errors = await Promise.all(
    chosen.map((served) => {
      log.info(`compacting ${served.name} database by user request`);
      return new Promise<OvsdbError | undefined>((done) => served.model.compact(done));
    }),
  );
  const failed = errors.filter((error) => error instanceof OvsdbError);
  if (failed.length > 0) throw new UnixctlError(failed.map((error) => `${error.message}\n`).join(''));
  return '';
}

/** The reply of `ovsdb-server/tlog-list`. */
function tableLogs(databases: readonly ServedDatabase[]): string {
  let text =
    'database        table                       logging\n--------        -----                       -------\n';
  for (const served of [...databases].sort((a, b) => (a.name < b.name ? -1 : 1))) {
    text += `${served.name.padEnd(16)} \n`;
    for (const name of [...served.db.tables.keys()].sort())
      text += `                ${name.padEnd(27)} ${served.db.tables.get(name)!.log ? 'ON' : 'OFF'}\n`;
  }
  return text;
}

/** What the server's memory is spent on. Most of what there is none of is not mentioned. */
export function serverMemoryUsage({ server }: ServerProgram): MemoryUsage {
  const usage = new Map<string, number>();
  const add = (name: string, n: number): void => {
    if (n > 0) usage.set(name, (usage.get(name) ?? 0) + n);
  };
  add('sessions', server.sessions.size);
  /** Those that are alike count once, for they share what they need. */
  const monitors = new Set<string>();
  for (const session of server.sessions) {
    add('triggers', session.triggers.size);
    add('backlog', session.rpc.backlog);
    for (const { served, monitor } of session.monitors.values())
      monitors.add(`${served.name}:${monitor.spec.key}`);
  }
  usage.set('monitors', monitors.size);
  let weakRefs = 0;
  for (const { db, tracker, history, model } of server.databases.values()) {
    if (model instanceof RaftFile) add('raft-log', model.logLength);
    for (const table of db.tables.values()) {
      add('cells', table.rows.size * table.schema.byName.size);
      for (const referrers of table.referrers.values())
        for (const { count } of referrers.values()) weakRefs += count;
    }
    add('atoms', db.atoms);
    add('txn-history', history.size);
    add('txn-history-atoms', history.atoms);
    add('json-caches', tracker.cachedTexts);
  }
  usage.set('n-weak-refs', weakRefs);
  return usage;
}
