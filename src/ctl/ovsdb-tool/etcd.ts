/** Commands of `ovsdb-tool` on clustered databases, which are in etcd: their names are `etcd:ENDPOINTS/PREFIX`. */
import { OVS_VERSION } from '../../base/version.ts';
import type { JsonObject } from '../../jsonrpc/json.ts';
import { createClusteredDatabase } from '../../ovsdb/cluster/create.ts';
import { EtcdClient } from '../../ovsdb/cluster/etcd-client.ts';
import { KvError } from '../../ovsdb/cluster/kv.ts';
import { isClusterName, Layout, parseClusterName } from '../../ovsdb/cluster/layout.ts';
import { type ReadCluster, readCluster } from '../../ovsdb/cluster/read.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import { initialData } from './cluster.ts';
import { writeDb } from './files.ts';

/** Calls `use` with each of etcd's members, until one answers. @throws ToolError, OvsdbError */
async function withEtcd<T>(
  io: ToolIo,
  name: string,
  use: (client: EtcdClient, prefix: string) => Promise<T>,
): Promise<T> {
  const { host } = io;
  const target = parseClusterName(name);
  if (!target) throw new ToolError(`${name}: expected "etcd:HOST:PORT[,HOST:PORT]...[/PREFIX]"`);
  const { endpoints, prefix } = target;
  for (let attempt = 1; ; attempt++) {
    const client = new EtcdClient(host, host.http, endpoints, attempt);
    try {
      return await use(client, prefix);
    } catch (error) {
      if (!(error instanceof KvError)) throw error;
      if (attempt >= endpoints.length) throw new ToolError(`${name}: ${error.message}`);
    } finally {
      client.close();
    }
  }
}

const read = (io: ToolIo, name: string): Promise<ReadCluster> =>
  withEtcd(io, name, (client, prefix) => readCluster(io.host, client, prefix));

async function create(io: ToolIo, [name, contents]: readonly string[]): Promise<void> {
  const { schema, data } = initialData(io, contents!);
  await withEtcd(io, name!, (client, prefix) =>
    createClusteredDatabase(io.host, client, new Layout(prefix), schema, data as JsonObject),
  );
}

async function toStandalone(io: ToolIo, [file, name]: readonly string[]): Promise<void> {
  const { db } = await read(io, name!);
  await writeDb(io, file!, 'create-exclusive', `converted from ${name} by ovsdb-tool ${OVS_VERSION}`, db);
}

interface EtcdCommand {
  /** Number of arguments. */
  readonly args: number;
  run(io: ToolIo, args: readonly string[]): Promise<number | undefined> | Promise<void>;
}

const line = (text: (cluster: ReadCluster) => string): EtcdCommand => ({
  args: 1,
  async run(io, [name]) {
    io.out(`${text(await read(io, name!))}\n`);
  },
});

const COMMANDS: Readonly<Record<string, EtcdCommand>> = {
  'create-cluster': { args: 2, run: create },
  'cluster-to-standalone': { args: 2, run: toStandalone },
  'db-name': line(({ snapshot }) => snapshot.name),
  'db-cid': line(({ snapshot }) => snapshot.cid),
  'db-version': line(({ db }) => db.schema.version),
  'db-cksum': line(({ db }) => db.schema.cksum),
  'db-is-clustered': { args: 1, run: async () => 0 },
  'db-is-standalone': { args: 1, run: async () => 2 },
};

/**
 * Carries out a command one of whose arguments names a database in etcd; undefined if none does.
 * @throws ToolError, OvsdbError
 */
export function runOnEtcd(
  io: ToolIo,
  name: string,
  args: readonly string[],
): Promise<number | undefined> | Promise<void> | undefined {
  const database = args.find(isClusterName);
  if (database === undefined) return undefined;
  if (name === 'join-cluster')
    throw new ToolError(
      'a server joins a cluster in etcd by being started: ovsdb-server etcd:ENDPOINTS/PREFIX',
    );
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command)
    throw new ToolError(
      `'${name}' works on files; ${database} is in etcd: use ovsdb-client with one of its servers`,
    );
  if (args.length !== command.args)
    throw new ToolError(`'${name}' command requires ${command.args} arguments for a database in etcd`);
  return command.run(io, args);
}
