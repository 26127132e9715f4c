/** The management commands for backups and relays. See ovsdb-server(1), "Active-Backup Commands". */
import { type UnixctlCommands, UnixctlError } from '../../base/unixctl.ts';
import { refuseIfConfigFile } from './command-checks.ts';
import { type DatabaseConfig, type SourceConfig, sourceConfig } from './configuration.ts';
import type { ServerProgram } from './program.ts';
import { Standalone } from './standalone.ts';

const withProbeInterval = (source: SourceConfig | undefined, ms: number): SourceConfig | undefined =>
  source && { ...source, options: { ...source.options, probeIntervalMs: ms } };

/** @throws UnixctlError */
function probeInterval(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw new UnixctlError('Invalid probe interval, integer value expected');
  return Number(text);
}

export function registerReplicationCommands(commands: UnixctlCommands, program: ServerProgram): void {
  const { configuration } = program;
  /** Of sources that are yet to come. */
  let replicationProbeMs: number | undefined;

  /** A command that changes the configuration. */
  const register = (
    name: string,
    minArgs: number,
    maxArgs: number,
    run: (argument: string | undefined) => string | undefined,
  ): void =>
    commands.register(`ovsdb-server/${name}`, '', minArgs, maxArgs, ([argument]) => {
      refuseIfConfigFile(program);
      const reply = run(argument);
      program.saveConfiguration();
      return reply ?? '';
    });
  const changeBackups = (change: (config: DatabaseConfig) => DatabaseConfig, apply = true): void =>
    program.changeDatabases((config) => (config.model === 'active-backup' ? change(config) : config), apply);

  register('set-active-ovsdb-server', 1, 1, (remote) => {
    configuration.syncFrom = remote;
    // A replication under way goes on with the old one until it is begun anew.
    changeBackups(
      (config) => ({
        ...config,
        source: config.source
          ? { ...config.source, remote: remote! }
          : sourceConfig(remote!, 'active-backup'),
      }),
      false,
    );
    return undefined;
  });
  commands.register('ovsdb-server/get-active-ovsdb-server', '', 0, 0, () => configuration.syncFrom ?? '');
  register('connect-active-ovsdb-server', 0, 0, () => {
    const { syncFrom, syncExclude } = configuration;
    if (syncFrom === undefined) return 'Unable to connect: active server is not specified.\n';
    configuration.isBackup = true;
    program.changeDatabases((config) => {
      if (config.model === 'active-backup') return config.backup ? config : { ...config, backup: true };
      if (config.model !== 'standalone') return config;
      const source = sourceConfig(syncFrom, 'active-backup', replicationProbeMs);
      return { model: 'active-backup', source, backup: true, excludeTables: syncExclude };
    });
    return undefined;
  });
  register('disconnect-active-ovsdb-server', 0, 0, () => {
    configuration.isBackup = false;
    changeBackups((config) => (config.backup ? { ...config, backup: false } : config));
    return undefined;
  });
  register('set-active-ovsdb-server-probe-interval', 1, 1, (text) => {
    const ms = probeInterval(text!);
    replicationProbeMs = ms;
    changeBackups((config) => ({ ...config, source: withProbeInterval(config.source, ms) }));
    return undefined;
  });
  register('set-relay-source-probe-interval', 1, 1, (text) => {
    const ms = probeInterval(text!);
    program.changeDatabases((config) =>
      config.model === 'relay' ? { ...config, source: withProbeInterval(config.source, ms) } : config,
    );
    return undefined;
  });
  register('set-sync-exclude-tables', 0, 1, (tables) => {
    configuration.syncExclude = tables ?? '';
    changeBackups((config) => ({ ...config, excludeTables: tables ?? '' }));
    return undefined;
  });
  commands.register('ovsdb-server/get-sync-exclude-tables', '', 0, 0, () => configuration.syncExclude ?? '');
  commands.register('ovsdb-server/sync-status', '', 0, 0, () => syncStatus(program));
}

/** The reply of `ovsdb-server/sync-status`. */
function syncStatus({ server, configuration }: ServerProgram): string {
  const all = [...server.databases.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  let text = '';
  all.forEach((served, i) => {
    if (configuration.databases.get(served.file)?.model !== 'active-backup') return;
    const replicator = served.model instanceof Standalone ? served.model.replicator : undefined;
    text += `database: ${served.name}\n`;
    text += `state: ${replicator ? 'backup' : 'active'}\n`;
    text += replicator?.statusText ?? '';
    if (i + 1 < all.length) text += '\n';
  });
  return text === '' ? 'state: active\n' : text;
}
