/**
 * What the server is to serve and where: from the command line, from `ovs-appctl`, or from a file (`--config-file`).
 * C counterpart: ovsdb/ovsdb-server.c; the file's format is in ovsdb-server(1).
 */
import { vlog } from '../../base/vlog.ts';
import { type Json, JsonError, type JsonObject, parseJson, stringifyJson } from '../../jsonrpc/json.ts';
import { DEFAULT_PROBE_INTERVAL_MS } from '../../jsonrpc/reconnect.ts';
import type { ConnectionOptions } from '../../jsonrpc/session.ts';
import { isJsonObject, Members } from '../members.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { defaultRemoteOptions, type RemoteOptions } from './remotes.ts';

const log = vlog('ovsdb_server');

export const SERVICE_MODELS = ['standalone', 'clustered', 'active-backup', 'relay'] as const;
export type ServiceModelName = (typeof SERVICE_MODELS)[number];

export interface SourceOptions extends ConnectionOptions {
  readonly dscp: number;
}

/** Where a relay or a backup gets its contents. */
export interface SourceConfig {
  /** For a relay, several may be listed. */
  readonly remote: string;
  readonly options: SourceOptions;
}

export interface DatabaseConfig {
  /** undefined: whatever the file is. */
  readonly model: ServiceModelName | undefined;
  readonly source?: SourceConfig | undefined;
  /** An "active-backup" is a copy of its source now. */
  readonly backup?: boolean;
  /** Tables that are not copied: "TABLE" or "DB:TABLE", separated by blanks or commas. */
  readonly excludeTables?: string | undefined;
}

export interface Configuration {
  readonly remotes: Map<string, RemoteOptions>;
  /** By file name, a relay's by its own. */
  readonly databases: Map<string, DatabaseConfig>;
  /** What commands have said about replication, for all databases and those yet to come. */
  syncFrom: string | undefined;
  syncExclude: string | undefined;
  isBackup: boolean;
}

const REPLICATION_PROBE_INTERVAL_MS = 60_000;

/** The options of a source that has none of its own. */
export const sourceConfig = (
  remote: string,
  model: 'active-backup' | 'relay',
  probeIntervalMs = model === 'relay' ? DEFAULT_PROBE_INTERVAL_MS : REPLICATION_PROBE_INTERVAL_MS,
): SourceConfig => {
  const { maxBackoffMs, dscp } = defaultRemoteOptions(remote);
  return { remote, options: { maxBackoffMs, probeIntervalMs, dscp } };
};

/** Options of a connection, from an object whose other members `members` has already been asked for. */
function connectionOptions(members: Members, defaults: SourceOptions): SourceOptions {
  const integer = (member: string, other: number): number =>
    Number(members.optional(member, 'integer') ?? other);
  return {
    maxBackoffMs: integer('max-backoff', defaults.maxBackoffMs),
    probeIntervalMs: integer('inactivity-probe', defaults.probeIntervalMs),
    dscp: integer('dscp', defaults.dscp),
  };
}

/** Wrong options do not keep the rest from working. */
function finishOptions(members: Members): void {
  try {
    members.finish();
  } catch (error) {
    log.warn((error as Error).message);
  }
}

function remoteOptions(name: string, json: Json): RemoteOptions {
  const defaults = defaultRemoteOptions(name);
  if (json === null) return defaults;
  if (!isJsonObject(json))
    throw new OvsdbError('config', `${name}: JSON-RPC options are not a JSON object or null`);
  const members = new Members(json, 'JSON-RPC options');
  const options: RemoteOptions = {
    ...connectionOptions(members, defaults),
    readOnly: members.optional('read-only', 'boolean') === true,
    role: members.optional('role', 'string') as string | undefined,
  };
  finishOptions(members);
  return options;
}

/** The only member of `json`: a remote and its options. */
function parseSource(
  members: Members,
  json: JsonObject,
  model: 'active-backup' | 'relay',
): SourceConfig | undefined {
  const [entry, extra] = Object.entries(json);
  if (!entry || extra) {
    members.fail("'source' should be an object with exactly one element");
    return undefined;
  }
  const [remote, optionsJson] = entry;
  const source = sourceConfig(remote, model);
  if (optionsJson === null) return source;
  if (!isJsonObject(optionsJson)) {
    members.fail('JSON-RPC options is not a JSON object or null');
    return undefined;
  }
  const optionMembers = new Members(optionsJson, 'JSON-RPC options');
  const options = connectionOptions(optionMembers, source.options);
  finishOptions(optionMembers);
  return { remote, options };
}

function databaseConfig(name: string, json: Json): DatabaseConfig {
  if (json === null) return { model: undefined };
  const members = new Members(json, `database ${name}`);
  const word = members.optional('service-model', 'string') as string | undefined;
  const model = SERVICE_MODELS.find((m) => m === word);
  if (word !== undefined && !model) {
    log.warn(`Unrecognized database service model: '${word}'`);
    members.fail(`'${word}' is not a valid service model`);
  }
  let backup = false;
  let excludeTables: string | undefined;
  if (model === 'active-backup') {
    backup = members.required('backup', 'boolean') === true;
    const excluded = members.optional('exclude-tables', 'array') as readonly Json[] | undefined;
    if (excluded?.some((table) => typeof table !== 'string'))
      members.fail("'exclude-tables' must contain strings");
    excludeTables = excluded && [...new Set(excluded)].join(',');
  }
  let source: SourceConfig | undefined;
  if (model === 'active-backup' || model === 'relay') {
    // An active server needs no source until it becomes a backup.
    const sourceJson =
      model === 'active-backup' && !backup
        ? members.optional('source', 'object')
        : members.required('source', 'object');
    source = sourceJson === undefined ? undefined : parseSource(members, sourceJson as JsonObject, model);
  }
  members.finish();
  return { model, source, backup, excludeTables };
}

/** @returns undefined, with the reasons in the log, if the text is not good */
export function parseConfiguration(configuration: string): Configuration | undefined {
  let json: Json;
  try {
    json = parseJson(configuration);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    log.warn(`config: reading JSON failed (${error.message})`);
    return undefined;
  }
  if (!isJsonObject(json)) {
    log.warn('configuration in a file must be a JSON object');
    return undefined;
  }
  const { remotes = null, databases = null } = json;
  const section = <T>(
    name: string,
    value: Json,
    parse: (key: string, item: Json) => T,
  ): Map<string, T> | undefined => {
    if (value === null) return new Map();
    if (!isJsonObject(value)) {
      log.warn(`config: '${name}' is not a JSON object${name === 'databases' ? ' or null' : ''}`);
      log.warn(`config: failed to parse '${name}'`);
      return undefined;
    }
    try {
      return new Map(Object.entries(value).map(([key, item]) => [key, parse(key, item)]));
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      log.warn(error.tag === 'config' ? error.details! : error.message);
      log.warn(`config: failed to parse '${name}'`);
      return undefined;
    }
  };
  const parsedRemotes = section('remotes', remotes, remoteOptions);
  const parsedDatabases = parsedRemotes && section('databases', databases, databaseConfig);
  const text = (name: string): string | undefined => {
    const value = json[name];
    return typeof value === 'string' ? value : undefined;
  };
  return (
    parsedDatabases && {
      remotes: parsedRemotes,
      databases: parsedDatabases,
      syncFrom: text('sync_from'),
      syncExclude: text('sync_exclude'),
      isBackup: json['is_backup'] === true,
    }
  );
}

/** The text that `parseConfiguration` reads back. */
export function configurationText(configuration: Configuration): string {
  const connection = (options: SourceOptions): JsonObject => ({
    'max-backoff': options.maxBackoffMs,
    'inactivity-probe': options.probeIntervalMs,
    dscp: options.dscp,
  });
  const remote = (options: RemoteOptions): Json => ({
    ...connection(options),
    'read-only': options.readOnly,
    ...(options.role === undefined ? {} : { role: options.role }),
  });
  const database = ({ model, source, backup, excludeTables }: DatabaseConfig): Json => {
    if (model === undefined) return null;
    return {
      'service-model': model,
      ...(source === undefined ? {} : { source: { [source.remote]: connection(source.options) } }),
      ...(excludeTables === undefined ? {} : { 'exclude-tables': excludeTables.split(/[ ,]+/) }),
      ...(model === 'active-backup' ? { backup: backup === true } : {}),
    };
  };
  const { remotes, databases, syncFrom, syncExclude, isBackup } = configuration;
  return stringifyJson({
    remotes: Object.fromEntries([...remotes].map(([name, options]) => [name, remote(options)])),
    databases: Object.fromEntries([...databases].map(([file, config]) => [file, database(config)])),
    ...(syncFrom === undefined ? {} : { sync_from: syncFrom }),
    ...(syncExclude === undefined ? {} : { sync_exclude: syncExclude }),
    is_backup: isBackup,
  });
}
