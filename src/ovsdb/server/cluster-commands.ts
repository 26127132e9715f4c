/**
 * The `cluster/*` management commands. Consensus is etcd's business here, so of the C implementation's commands those that
 * look are answered and those that turn its Raft say what to do instead; a file of a cluster of one server has commands of its own
 * (raft-commands.ts). C counterpart: ovsdb/raft.c.
 */
import { type UnixctlCommands, UnixctlError } from '../../base/unixctl.ts';
import { KvError, prefixEnd } from '../cluster/kv.ts';
import { Clustered } from './clustered.ts';
import type { ServerProgram } from './program.ts';
import { RAFT_COMMANDS, type RaftCommand, raftStatusText } from './raft-commands.ts';
import { RaftFile } from './raft-file.ts';

/** An id as it is shown: its beginning, and all of it. */
const named = (id: string | undefined): string =>
  id === undefined ? 'not yet known' : `${id.slice(0, 4)} (${id})`;

/** The servers that are in the cluster. @throws KvError */
async function servers({ member }: Clustered): Promise<string[]> {
  const { servers: key } = member.layout;
  const { results } = await member.transact({
    guards: [],
    success: [{ op: 'get', key, end: prefixEnd(key) }],
  });
  return results[0]!.map(({ value }) => {
    const [, sid = ''] = /"sid":"([^"]*)"/.exec(value) ?? [];
    return sid;
  });
}

/** The reply of `cluster/status`. */
async function statusText(cluster: Clustered): Promise<string> {
  const { log, member, served, status } = cluster;
  const { sid } = member;
  let list: string[];
  try {
    list = await servers(cluster);
  } catch (error) {
    if (!(error instanceof KvError)) throw error;
    list = [sid];
  }
  const lines = [
    sid.slice(0, 4),
    `Name: ${served.name}`,
    `Cluster ID: ${named(status.cid)}`,
    `Server ID: ${named(sid)}`,
    `Address: ${served.file}`,
    `Status: ${cluster.isConnected ? 'cluster member' : 'disconnected from etcd'}`,
    `Role: ${cluster.isConnected ? 'leader' : 'follower'}`,
    '',
    `Log: [${log.snapshot!.index + 1}, ${log.index + 1}]`,
    `Entries not yet committed: ${log.isAppending ? 1 : 0}`,
    'Entries not yet applied: 0',
    'Servers:',
    ...list.map((other) => `    ${named(other)}${other === sid ? ' (self)' : ''}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

export function registerClusterCommands(commands: UnixctlCommands, { server }: ServerProgram): void {
  const find = (name: string): Clustered | RaftFile => {
    const model = server.databases.get(name)?.model;
    if (model instanceof Clustered || model instanceof RaftFile) return model;
    throw new UnixctlError('unknown cluster');
  };
  commands.register('cluster/cid', 'DB', 1, 1, ([name]) => find(name!).status.cid ?? '');
  commands.register('cluster/sid', 'DB', 1, 1, ([name]) => find(name!).status.sid ?? '');
  commands.register('cluster/status', 'DB', 1, 1, ([name]) => {
    const model = find(name!);
    return model instanceof RaftFile ? raftStatusText(model, server.host.loop.now()) : statusText(model);
  });
  const control = (command: RaftCommand, usage: string, args: number, onEtcd: string): void => {
    commands.register(`cluster/${command}`, usage, args, args, ([name, ...rest]) => {
      const model = find(name!);
      if (model instanceof RaftFile) return RAFT_COMMANDS[command](model, rest);
      throw new UnixctlError(onEtcd);
    });
  };
  control('leave', 'DB', 1, 'a server leaves the cluster by "ovsdb-server/remove-db" or by ending');
  control(
    'kick',
    'DB SERVER',
    2,
    'a server that has ended is forgotten by itself; members of etcd are removed by "etcdctl member remove"',
  );
  control('change-election-timer', 'DB TIME', 2, "elections are etcd's: see its options --election-timeout");
  control('set-backlog-threshold', 'DB N_MSGS N_BYTES', 3, 'servers keep no backlog for each other');
}
