/** How a clustered database comes to be in the store: as a snapshot, before the first record. */
import type { Host } from '../../base/host.ts';
import { randomUuid, type Uuid } from '../../base/uuid.ts';
import type { JsonObject } from '../../jsonrpc/json.ts';
import { Database } from '../database.ts';
import { replayTransaction } from '../file.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { type DatabaseSchema, persistentSchema } from '../schema.ts';
import { removeBlob } from './blobs.ts';
import { snapshotData } from './compactor.ts';
import type { KvStore } from './kv.ts';
import { type Layout, partKey } from './layout.ts';
import { cut, snapshotText } from './records.ts';

/**
 * @param data a transaction that makes the rows
 * @returns the cluster's identity
 * @throws KvError, OvsdbError when there is a database already
 */
export async function createClusteredDatabase(
  host: Host,
  kv: KvStore,
  layout: Layout,
  schema: DatabaseSchema,
  data: JsonObject,
): Promise<Uuid> {
  const db = new Database(persistentSchema(schema), host.random);
  const error = replayTransaction(db, data);
  if (error) throw error;
  const text = await snapshotData(host, db);
  const { random } = host;
  const blob = layout.blob(randomUuid(random), randomUuid(random));
  const parts = [...cut(text)];
  for (const [i, value] of parts.entries())
    await kv.transact({ guards: [], success: [{ op: 'put', key: partKey(blob, i), value }] });
  const cid = randomUuid(random);
  const { succeeded } = await kv.transact({
    guards: [
      { key: layout.snapshot, target: 'create', revision: 0 },
      { key: layout.head, target: 'create', revision: 0 },
    ],
    success: [
      { op: 'put', key: layout.head, value: '0' },
      {
        op: 'put',
        key: layout.snapshot,
        value: snapshotText({
          format: 1,
          cid,
          name: schema.name,
          index: 0,
          id: randomUuid(random),
          data: { blob, parts: parts.length },
          chars: text.length,
        }),
      },
    ],
  });
  if (succeeded) return cid;
  await removeBlob(kv, blob);
  throw new OvsdbError('ovsdb error', `there is a database at ${layout.prefix} already`);
}
