/**
 * The program ovsdb-server without its process: opens the databases and remotes that the configuration names, follows
 * changes of it, answers the management commands. C counterpart: ovsdb/ovsdb-server.c.
 */
import type { Host } from '../../base/host.ts';
import { SystemError } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import { vlog } from '../../base/vlog.ts';
import { KvError } from '../cluster/kv.ts';
import { isClusterName } from '../cluster/layout.ts';
import { OVSDB_MAGIC, OvsdbLog, RAFT_MAGIC } from '../log.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { Relay } from '../relay/relay.ts';
import { Replicator } from '../replication/replicator.ts';
import {
  type Configuration,
  configurationText,
  type DatabaseConfig,
  parseConfiguration,
  sourceConfig,
} from './configuration.ts';
import { resolveRemotes, writeRemoteStatus } from './db-remotes.ts';
import { openCluster } from './open-cluster.ts';
import type { OvsdbServerSettings } from './options.ts';
import { RaftFile, type RaftFileOptions } from './raft-file.ts';
import { defaultRemoteOptions, Remotes } from './remotes.ts';
import type { ServedDatabase } from './served.ts';
import { OvsdbServer } from './server.ts';
import { ServerDatabase } from './server-db.ts';
import type { DatabaseStatus } from './service-model.ts';
import { Standalone } from './standalone.ts';
import { resolveTls } from './tls.ts';

const log = vlog('ovsdb_server');

/** The state of connections is written to the rows that configure them this often. */
const STATUS_INTERVAL_MS = 2500;
/** A clustered database whose etcd does not answer is tried this often. */
const REOPEN_INTERVAL_MS = 1000;

/** Where the configuration is kept for the process that follows if this one crashes. */
export interface CrashState {
  /** '' at the first start. */
  load(): string;
  save(text: string): void;
}

export class ServerProgram {
  readonly host: Host;
  readonly settings: OvsdbServerSettings;
  readonly server: OvsdbServer;
  readonly configuration: Configuration = {
    remotes: new Map(),
    databases: new Map(),
    syncFrom: undefined,
    syncExclude: undefined,
    isBackup: false,
  };
  readonly #remotes: Remotes;
  readonly #serverDb: ServerDatabase;
  readonly options: RaftFileOptions;
  readonly #crashState: CrashState | undefined;
  #reported: string | undefined;
  #statusTimer: Timer | undefined;
  /** A reconfiguration is under way; another has been asked for. */
  #reconfiguring = false;
  #again = false;
  #stopped = false;

  constructor(host: Host, settings: OvsdbServerSettings, crashState?: CrashState) {
    this.host = host;
    this.settings = settings;
    this.#crashState = crashState;
    this.options = { useDiff: settings.useColumnDiff, useNoDataConversion: settings.useNoDataConversion };
    this.server = new OvsdbServer(host);
    this.#remotes = new Remotes(this.server);
    this.#serverDb = new ServerDatabase(host);
    this.server.addDatabase(this.#serverDb.served);
    this.#serverDb.update(this.server.databases.values());
  }

  /** @returns whether everything that was configured could be had */
  async start(): Promise<boolean> {
    const { settings, configuration } = this;
    const kept = this.#crashState?.load();
    if (kept) {
      this.#take(parseConfiguration(kept));
    } else if (settings.configFile === undefined) {
      configuration.syncFrom = settings.syncFrom;
      configuration.syncExclude = settings.syncExclude;
      configuration.isBackup = settings.syncFrom !== undefined && !settings.active;
      for (const name of settings.remotes) configuration.remotes.set(name, defaultRemoteOptions(name));
      for (const argument of settings.databases) {
        const [file, config] = this.commandLineConfig(argument);
        if (configuration.databases.has(file)) log.warn(`Duplicate database configuration: ${argument}`);
        configuration.databases.set(file, config);
      }
    } else if (!this.#load(settings.configFile)) {
      return false;
    }
    this.saveConfiguration();
    // Clustered databases may be reached by TLS; "db:" settings have to wait for their database.
    this.host.streams.configureTls(resolveTls(this.server.databases, settings.tls).settings);
    const opened = await this.#openDatabases();
    this.server.onWatched = () => this.reconfigure();
    const reached = await this.#setRemotes();
    const status = (): void => {
      this.reconfigure();
      writeRemoteStatus(this.server.databases, configuration.remotes.keys(), this.#remotes);
      if (!this.host.streams.isRecorded) this.#statusTimer = this.host.loop.after(STATUS_INTERVAL_MS, status);
    };
    status();
    return opened && reached;
  }

  /** The key and the configuration of a database that a user names: "FILE", "relay:NAME:REMOTES" or "etcd:...". */
  commandLineConfig(argument: string): [string, DatabaseConfig] {
    if (isClusterName(argument)) return [argument, { model: 'clustered' }];
    const [, name, remotes] = /^relay:([^:]*):(.+)$/s.exec(argument) ?? [];
    if (name !== undefined) return [name, { model: 'relay', source: sourceConfig(remotes!, 'relay') }];
    const { syncFrom, syncExclude, isBackup } = this.configuration;
    if (syncFrom === undefined) return [argument, { model: undefined }];
    const source = sourceConfig(syncFrom, 'active-backup');
    return [argument, { model: 'active-backup', source, backup: isBackup, excludeTables: syncExclude }];
  }

  #load(file: string): boolean {
    let text: string;
    try {
      text = new TextDecoder().decode(this.host.storage.read(file));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log.err(`failed to open configuration file '${file}': ${error.message}`);
      return false;
    }
    log.info(`loading configuration from '${file}'`);
    const loaded = parseConfiguration(text);
    if (!loaded) {
      log.warn(`failed to load configuration from ${file}`);
      return false;
    }
    this.#take(loaded);
    return true;
  }

  #take(taken: Configuration | undefined): void {
    const { configuration } = this;
    const replace = <V>(to: Map<string, V>, from: ReadonlyMap<string, V> | undefined): void => {
      to.clear();
      for (const [name, value] of from ?? []) to.set(name, value);
    };
    replace(configuration.remotes, taken?.remotes);
    replace(configuration.databases, taken?.databases);
    configuration.syncFrom = taken?.syncFrom;
    configuration.syncExclude = taken?.syncExclude;
    configuration.isBackup = taken?.isBackup ?? false;
  }

  /** To be called after every change that came by command. */
  saveConfiguration(): void {
    if (this.settings.configFile === undefined) this.#crashState?.save(configurationText(this.configuration));
  }

  /** Reads the configuration file again. @returns whether all of it could be carried out */
  async reload(): Promise<boolean> {
    if (!this.#load(this.settings.configFile!)) return false;
    const opened = await this.#openDatabases();
    return (await this.#setRemotes()) && opened;
  }

  /** Opens and closes databases as the configuration says, and changes those that are open already. */
  async #openDatabases(): Promise<boolean> {
    const { databases } = this.configuration;
    for (const served of this.#configured()) {
      const config = databases.get(served.file);
      if (!config) this.#remove(served, `database ${served.name} removed from configuration`);
      else if (!isModel(config, served.model.status.model))
        this.#remove(served, `service model changed for database ${served.name}`);
      else this.#configure(served, config);
    }
    let all = true;
    const open = new Set([...this.server.databases.values()].map((served) => served.file));
    for (const [file, config] of [...databases]) {
      if (open.has(file)) continue;
      try {
        await this.openDatabase(file, config);
      } catch (error) {
        if (error instanceof KvError) {
          this.#openLater(file, error);
          continue;
        }
        if (!(error instanceof OvsdbError)) throw error;
        log.warn(`failed to open database '${file}': ${error.message}`);
        all = false;
      }
    }
    if (!all) log.warn('failed to configure databases');
    return all;
  }

  /** The databases that are not the server's own. */
  #configured(): ServedDatabase[] {
    return [...this.server.databases.values()].filter(({ name }) => !name.startsWith('_'));
  }

  /** Tries again and again to open a clustered database that is configured but cannot be reached. */
  #openLater(file: string, { message }: KvError): void {
    log.warn(`etcd does not answer for database '${file}' (${message}); it will be tried again`);
    this.host.loop.after(REOPEN_INTERVAL_MS, () => {
      if (this.#stopped || this.#isOpen(file) || !this.configuration.databases.has(file)) return;
      this.openDatabase(file, this.configuration.databases.get(file)!).catch((error: unknown) => {
        if (error instanceof KvError) this.#openLater(file, error);
        else log.warn(`failed to open database '${file}': ${(error as Error).message}`);
      });
    });
  }

  #isOpen(file: string): boolean {
    return this.#configured().some((served) => served.file === file);
  }

  /**
   * Opens a database and makes it part of the configuration.
   * @throws OvsdbError, KvError when what a clustered database is in does not answer
   */
  async openDatabase(file: string, config: DatabaseConfig): Promise<void> {
    const served = isClusterName(file)
      ? await this.#openCluster(file, config)
      : config.model === 'relay'
        ? new Relay(this.host, file, config.source!).served
        : this.#openFile(file, config);
    const { name } = served;
    let wrong: string | undefined;
    if (name.startsWith('_')) wrong = `${name}: names beginning with "_" are reserved`;
    else if (this.server.databases.has(name)) wrong = `${name}: duplicate database name`;
    if (wrong !== undefined) {
      served.close();
      throw failure(wrong);
    }
    this.server.addDatabase(served);
    this.#configure(served, config);
    this.#serverDb.update(this.server.databases.values());
  }

  /** @throws OvsdbError, KvError */
  async #openCluster(file: string, config: DatabaseConfig): Promise<ServedDatabase> {
    if (!isModel(config, 'clustered'))
      throw failure(`${file}: database is clustered and not ${config.model}`);
    if (this.#isOpen(file)) throw failure(`${file}: already open`);
    const { served } = await openCluster(this.host, file);
    if (!this.#stopped) return served;
    served.close();
    throw failure(`${file}: the server ends`);
  }

  /** @throws OvsdbError */
  #openFile(file: string, config: DatabaseConfig): ServedDatabase {
    const fail = (details: string): OvsdbError => failure(`${file}: ${details}`);
    const { storage } = this.host;
    for (const served of this.#configured()) {
      const isFile = served.model instanceof Standalone || served.model instanceof RaftFile;
      if (isFile && storage.resolve(served.file) === storage.resolve(file)) throw fail('already open');
    }
    const ovsdbLog = OvsdbLog.open(storage, file, [OVSDB_MAGIC, RAFT_MAGIC], 'write');
    const model = ovsdbLog.magic === RAFT_MAGIC ? 'clustered' : 'standalone';
    try {
      if (!isModel(config, model)) throw fail(`database is ${model} and not ${config.model}`);
      const Model = model === 'clustered' ? RaftFile : Standalone;
      return new Model(this.host, this.options, file, ovsdbLog).served;
    } catch (error) {
      ovsdbLog.close();
      throw error;
    }
  }

  /** Brings an open database in line with a configuration that fits its model. */
  #configure(served: ServedDatabase, config: DatabaseConfig): void {
    const { model } = served;
    const { source, backup, excludeTables } = config;
    // What was not said is what the file is.
    const name = config.model ?? model.status.model;
    this.configuration.databases.set(served.file, { ...config, model: name });
    if (model instanceof Relay) model.setSource(source!);
    if (!(model instanceof Standalone)) return;
    if (name !== 'active-backup' || !backup || !source) {
      model.replicator = undefined;
    } else if (
      model.replicator?.source === source.remote &&
      model.replicator.excludeTables === excludeTables
    ) {
      model.replicator.applyOptions(source.options);
    } else {
      const failed = (): void => this.#replicationFailed(served);
      model.replicator = new Replicator(this.host, served, { source, excludeTables }, this.server.id, failed);
    }
  }

  /** The database goes on as the active one. */
  #replicationFailed(served: ServedDatabase): void {
    const stop = (config: DatabaseConfig): DatabaseConfig => ({ ...config, backup: false });
    this.#configure(served, stop(this.configuration.databases.get(served.file)!));
    // Where all share one configuration, they share the state too.
    if (this.settings.configFile !== undefined || !this.configuration.isBackup) return;
    this.configuration.isBackup = false;
    this.changeDatabases(stop);
  }

  /**
   * Changes the configuration of all databases.
   * @param apply whether they are brought in line with it now
   */
  changeDatabases(change: (config: DatabaseConfig) => DatabaseConfig, apply = true): void {
    const { databases } = this.configuration;
    for (const served of this.#configured()) {
      const before = databases.get(served.file)!;
      const config = change(before);
      if (config === before) continue;
      databases.set(served.file, config);
      if (apply) this.#configure(served, config);
    }
  }

  #remove(served: ServedDatabase, comment: string): void {
    this.server.removeDatabase(served, comment);
    this.#serverDb.update(this.server.databases.values());
  }

  removeDatabase(served: ServedDatabase): void {
    this.configuration.databases.delete(served.file);
    this.saveConfiguration();
    this.#remove(served, `removing ${served.name} database by user request`);
  }

  /** Follows changes of the configuration, soon. */
  reconfigure(): void {
    this.#again = true;
    if (this.#reconfiguring) return;
    this.#reconfiguring = true;
    this.host.loop.defer(() => void this.#reconfigure());
  }

  async #reconfigure(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      this.#serverDb.update(this.server.databases.values());
      await this.#setRemotes();
    }
    this.#reconfiguring = false;
  }

  async #setRemotes(): Promise<boolean> {
    const { remotes, tables, errors } = resolveRemotes(this.server.databases, this.configuration.remotes);
    const tls = resolveTls(this.server.databases, this.settings.tls);
    this.server.watched = new Set([...tables, ...tls.tables]);
    this.host.streams.configureTls(tls.settings);
    const all = [...errors, ...tls.errors];
    const text = all.length === 0 ? undefined : all.map((error) => `${error}\n`).join('');
    if (text !== undefined && text !== this.#reported) log.warn(text);
    this.#reported = text;
    await this.#remotes.set(remotes);
    return text === undefined;
  }

  /** Closes all databases and connections. */
  stop(): void {
    this.#stopped = true;
    this.#statusTimer?.cancel();
    this.#remotes.close();
    for (const served of this.server.databases.values()) served.close();
  }
}

const failure = (details: string): OvsdbError => new OvsdbError('ovsdb error', details);

/** Whether a database that is in fact of the model `actual` can be what the configuration says. */
function isModel({ model }: DatabaseConfig, actual: DatabaseStatus['model']): boolean {
  if (model === undefined) return actual !== 'relay';
  return model === 'active-backup' ? actual === 'standalone' : model === actual;
}
