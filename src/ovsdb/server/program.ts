/**
 * The program ovsdb-server without its process: opens the databases and remotes that the configuration names, follows
 * changes of it, answers the management commands. C counterpart: ovsdb/ovsdb-server.c.
 */
import type { Host } from '../../base/host.ts';
import { SystemError } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import { vlog } from '../../base/vlog.ts';
import { OVSDB_MAGIC, OvsdbLog, RAFT_MAGIC } from '../log.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import {
  type Configuration,
  configurationText,
  type DatabaseConfig,
  parseConfiguration,
} from './configuration.ts';
import { resolveRemotes, writeRemoteStatus } from './db-remotes.ts';
import type { OvsdbServerSettings } from './options.ts';
import { defaultRemoteOptions, Remotes } from './remotes.ts';
import type { ServedDatabase } from './served.ts';
import { OvsdbServer } from './server.ts';
import { ServerDatabase } from './server-db.ts';
import { type FileOptions, Standalone } from './standalone.ts';
import { resolveTls } from './tls.ts';

const log = vlog('ovsdb_server');

/** The state of connections is written to the rows that configure them this often. */
const STATUS_INTERVAL_MS = 2500;

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
  readonly configuration: Configuration = { remotes: new Map(), databases: new Map() };
  readonly #remotes: Remotes;
  readonly #serverDb: ServerDatabase;
  readonly options: FileOptions;
  readonly #crashState: CrashState | undefined;
  #reported: string | undefined;
  #statusTimer: Timer | undefined;
  /** A reconfiguration is under way; another has been asked for. */
  #reconfiguring = false;
  #again = false;

  constructor(host: Host, settings: OvsdbServerSettings, crashState?: CrashState) {
    this.host = host;
    this.settings = settings;
    this.#crashState = crashState;
    this.options = { useDiff: settings.useColumnDiff };
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
      for (const name of settings.remotes) configuration.remotes.set(name, defaultRemoteOptions(name));
      for (const file of settings.databases) {
        if (configuration.databases.has(file)) log.warn(`Duplicate database configuration: ${file}`);
        configuration.databases.set(file, this.commandLineConfig(file));
      }
    } else if (!this.#load(settings.configFile)) {
      return false;
    }
    this.saveConfiguration();
    const opened = this.#openDatabases();
    this.server.onWatched = () => this.reconfigure();
    const reached = await this.#setRemotes();
    const status = (): void => {
      this.reconfigure();
      writeRemoteStatus(this.server.databases, configuration.remotes.keys(), this.#remotes);
      this.#statusTimer = this.host.loop.after(STATUS_INTERVAL_MS, status);
    };
    status();
    return opened && reached;
  }

  /** What the command line says about a database. */
  commandLineConfig(name: string): DatabaseConfig {
    if (/^relay:[^:]+:./.test(name)) return { model: 'relay', backup: false };
    const { syncFrom, active } = this.settings;
    return syncFrom === undefined
      ? { model: undefined, backup: false }
      : { model: 'active-backup', backup: !active };
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

  #take(configuration: Configuration | undefined): void {
    const replace = <V>(to: Map<string, V>, from: ReadonlyMap<string, V> | undefined): void => {
      to.clear();
      for (const [name, value] of from ?? []) to.set(name, value);
    };
    replace(this.configuration.remotes, configuration?.remotes);
    replace(this.configuration.databases, configuration?.databases);
  }

  /** To be called after every change that came by command. */
  saveConfiguration(): void {
    if (this.settings.configFile === undefined) this.#crashState?.save(configurationText(this.configuration));
  }

  /** Reads the configuration file again. @returns whether all of it could be carried out */
  async reload(): Promise<boolean> {
    if (!this.#load(this.settings.configFile!)) return false;
    const opened = this.#openDatabases();
    return (await this.#setRemotes()) && opened;
  }

  /** Opens and closes databases as the configuration says. */
  #openDatabases(): boolean {
    const { databases } = this.configuration;
    for (const served of [...this.server.databases.values()]) {
      if (served.name.startsWith('_')) continue;
      if (!databases.has(served.file))
        this.#remove(served, `database ${served.name} removed from configuration`);
      else if (!isModel(databases.get(served.file)!, 'standalone'))
        this.#remove(served, `service model changed for database ${served.name}`);
    }
    let all = true;
    const open = new Set([...this.server.databases.values()].map((served) => served.file));
    for (const [file, config] of databases) {
      if (open.has(file)) continue;
      try {
        this.openDatabase(file, config);
      } catch (error) {
        if (!(error instanceof OvsdbError)) throw error;
        log.warn(`failed to open database '${file}': ${error.message}`);
        all = false;
      }
    }
    if (!all) log.warn('failed to configure databases');
    return all;
  }

  /** @throws OvsdbError */
  openDatabase(file: string, config: DatabaseConfig): void {
    const fail = (details: string): OvsdbError => failure(`${file}: ${details}`);
    if (config.model === 'relay') throw fail('the relay service model is not supported');
    if (config.model === 'active-backup' && config.backup) throw fail('replication is not supported');
    const { storage } = this.host;
    for (const served of this.server.databases.values()) {
      if (served.file !== '<internal>' && storage.resolve(served.file) === storage.resolve(file))
        throw fail('already open');
    }
    const ovsdbLog = OvsdbLog.open(storage, file, [OVSDB_MAGIC, RAFT_MAGIC], 'write');
    const model = ovsdbLog.magic === RAFT_MAGIC ? 'clustered' : 'standalone';
    let served: ServedDatabase | undefined;
    try {
      if (!isModel(config, model)) throw fail(`database is ${model} and not ${config.model}`);
      if (model === 'clustered') throw fail('clustered databases are not supported');
      served = new Standalone(this.host, this.options, file, ovsdbLog).served;
      const { name } = served;
      if (name.startsWith('_')) throw failure(`${name}: names beginning with "_" are reserved`);
      if (this.server.databases.has(name)) throw failure(`${name}: duplicate database name`);
    } catch (error) {
      if (served) served.close();
      else ovsdbLog.close();
      throw error;
    }
    this.server.addDatabase(served);
    this.#serverDb.update(this.server.databases.values());
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
    this.#statusTimer?.cancel();
    this.#remotes.close();
    for (const served of this.server.databases.values()) served.close();
  }
}

const failure = (details: string): OvsdbError => new OvsdbError('ovsdb error', details);

const isModel = ({ model }: DatabaseConfig, actual: 'standalone' | 'clustered'): boolean =>
  model === undefined || model === actual || (model === 'active-backup' && actual === 'standalone');
