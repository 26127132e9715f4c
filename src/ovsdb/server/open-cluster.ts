/** Opens the database that a name like `etcd:127.0.0.1:2379,127.0.0.2:2379/ovsdb/OVN_Southbound` means. */
import type { Host } from '../../base/host.ts';
import { EtcdClient } from '../cluster/etcd-client.ts';
import { KvError } from '../cluster/kv.ts';
import { type ClusterTarget, parseClusterName } from '../cluster/layout.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { Clustered } from './clustered.ts';

/** @throws OvsdbError */
export function clusterTarget(name: string): ClusterTarget {
  const target = parseClusterName(name);
  if (!target)
    throw new OvsdbError('ovsdb error', `${name}: expected "etcd:HOST:PORT[,HOST:PORT]...[/PREFIX]"`);
  return target;
}

/**
 * Tries each of etcd's members once.
 * @throws KvError when none answers, OvsdbError
 */
export async function openCluster(host: Host, name: string): Promise<Clustered> {
  const { endpoints, prefix } = clusterTarget(name);
  for (let attempt = 1; ; attempt++) {
    try {
      return await Clustered.open(host, name, new EtcdClient(host, host.http, endpoints, attempt), prefix);
    } catch (error) {
      if (!(error instanceof KvError) || attempt >= endpoints.length) throw error;
    }
  }
}
