/** Lists of remotes as users write them. C counterpart: lib/ovsdb-session.c. */
import { parseUuid, type Uuid } from '../base/uuid.ts';

export interface RemoteList {
  readonly remotes: readonly string[];
  /** The cluster whose database is meant, where a "cid:UUID" in the list says so. */
  readonly clusterId: Uuid | undefined;
}

/**
 * Takes "REMOTE[,REMOTE]..." apart. A comma is part of a remote (a file name may have one) unless what follows it, and
 * blanks, looks like the start of another.
 */
export function parseRemotes(text: string): RemoteList {
  const remotes = text
    .split(/,(?=[ \t]*[a-z]+:)/)
    .map((remote) => remote.replace(/^[ \t]+/, ''))
    .filter((remote) => remote !== '');
  const cluster = remotes.findIndex((remote) => remote.startsWith('cid:') && parseUuid(remote.slice(4)));
  if (cluster < 0) return { remotes, clusterId: undefined };
  const [name] = remotes.splice(cluster, 1);
  return { remotes, clusterId: parseUuid(name!.slice(4)) };
}
