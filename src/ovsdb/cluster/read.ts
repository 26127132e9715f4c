/** Reads a clustered database without joining its servers. */
import type { Host } from '../../base/host.ts';
import { randomUuid } from '../../base/uuid.ts';
import type { Database } from '../database.ts';
import { ClusterLog } from './cluster-log.ts';
import type { KvStore } from './kv.ts';
import { Layout } from './layout.ts';
import { Member } from './member.ts';
import type { Snapshot } from './records.ts';
import { replayEntry, snapshotDatabase } from './replay.ts';

export interface ReadCluster {
  readonly db: Database;
  readonly snapshot: Snapshot;
  /** Of the last record. */
  readonly index: number;
}

/** @param kv closed afterwards @throws KvError, OvsdbError when there is no database */
export async function readCluster(host: Host, kv: KvStore, prefix: string): Promise<ReadCluster> {
  const member = new Member(host, kv, new Layout(prefix), randomUuid(host.random));
  let db: Database | undefined;
  const log = new ClusterLog(host, member, {
    restore: (_snapshot, text) => {
      db = snapshotDatabase(text, host.random);
    },
    apply: ({ entries }) => {
      for (const entry of entries) db = replayEntry(db!, entry);
    },
    others: () => {},
    othersAre: () => {},
    changed: () => {},
    ready: () => {},
  });
  try {
    await log.open();
  } finally {
    member.close();
  }
  return { db: db!, snapshot: log.snapshot!, index: log.index };
}
