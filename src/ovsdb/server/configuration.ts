/**
 * What the server is to serve and where: from the command line, from `ovs-appctl`, or from a file (`--config-file`).
 * C counterpart: ovsdb/ovsdb-server.c; the file's format is in ovsdb-server(1).
 */
import { vlog } from '../../base/vlog.ts';
import { type Json, JsonError, parseJson, stringifyJson } from '../../jsonrpc/json.ts';
import { isJsonObject, Members } from '../members.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { defaultRemoteOptions, type RemoteOptions } from './remotes.ts';

const log = vlog('ovsdb_server');

export const SERVICE_MODELS = ['standalone', 'clustered', 'active-backup', 'relay'] as const;
export type ServiceModel = (typeof SERVICE_MODELS)[number];

export interface DatabaseConfig {
  /** undefined: whatever the file is. */
  readonly model: ServiceModel | undefined;
  readonly backup: boolean;
}

export interface Configuration {
  readonly remotes: Map<string, RemoteOptions>;
  /** By file name. */
  readonly databases: Map<string, DatabaseConfig>;
}

function remoteOptions(name: string, json: Json): RemoteOptions {
  const defaults = defaultRemoteOptions(name);
  if (json === null) return defaults;
  if (!isJsonObject(json))
    throw new OvsdbError('config', `${name}: JSON-RPC options are not a JSON object or null`);
  const members = new Members(json, 'JSON-RPC options');
  const integer = (member: string, other: number): number =>
    Number(members.optional(member, 'integer') ?? other);
  const options: RemoteOptions = {
    maxBackoffMs: integer('max-backoff', defaults.maxBackoffMs),
    probeIntervalMs: integer('inactivity-probe', defaults.probeIntervalMs),
    dscp: integer('dscp', defaults.dscp),
    readOnly: members.optional('read-only', 'boolean') === true,
    role: members.optional('role', 'string') as string | undefined,
  };
  try {
    members.finish();
  } catch (error) {
    // Wrong options do not keep the rest from working.
    log.warn((error as Error).message);
  }
  return options;
}

function databaseConfig(name: string, json: Json): DatabaseConfig {
  if (json === null) return { model: undefined, backup: false };
  const members = new Members(json, `database ${name}`);
  const word = members.optional('service-model', 'string') as string | undefined;
  const model = SERVICE_MODELS.find((m) => m === word);
  if (word !== undefined && !model) {
    log.warn(`Unrecognized database service model: '${word}'`);
    members.fail(`'${word}' is not a valid service model`);
  }
  let backup = false;
  if (model === 'active-backup') {
    backup = members.required('backup', 'boolean') === true;
    const excluded = members.optional('exclude-tables', 'array') as readonly Json[] | undefined;
    if (excluded?.some((table) => typeof table !== 'string'))
      members.fail("'exclude-tables' must contain strings");
  }
  if (model === 'active-backup' || model === 'relay') {
    const source =
      model === 'active-backup' && !backup
        ? members.optional('source', 'object')
        : members.required('source', 'object');
    if (source !== undefined) {
      const entries = Object.entries(source as object);
      if (entries.length !== 1) members.fail("'source' should be an object with exactly one element");
      else if (entries[0]![1] !== null && !isJsonObject(entries[0]![1]))
        members.fail('JSON-RPC options is not a JSON object or null');
    }
  }
  members.finish();
  return { model, backup };
}

/** @returns undefined, with the reasons in the log, if the text is not good */
export function parseConfiguration(text: string): Configuration | undefined {
  let json: Json;
  try {
    json = parseJson(text);
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
  return parsedDatabases && { remotes: parsedRemotes, databases: parsedDatabases };
}

/** The text that `parseConfiguration` reads back. */
export function configurationText({ remotes, databases }: Configuration): string {
  const remote = (options: RemoteOptions): Json => ({
    'max-backoff': options.maxBackoffMs,
    'inactivity-probe': options.probeIntervalMs,
    dscp: options.dscp,
    'read-only': options.readOnly,
    ...(options.role === undefined ? {} : { role: options.role }),
  });
  const database = ({ model }: DatabaseConfig): Json =>
    model === undefined ? null : { 'service-model': model };
  return stringifyJson({
    remotes: Object.fromEntries([...remotes].map(([name, options]) => [name, remote(options)])),
    databases: Object.fromEntries([...databases].map(([file, config]) => [file, database(config)])),
  });
}
