/**
 * `ovsdb-tool create-cluster`, `join-cluster`: files for members of a raft cluster, without the cluster.
 * The records are those of ovsdb(5), "Clustered Format". C counterpart: ovsdb/raft.c, ovsdb/raft-private.c.
 */
import { randomUuid } from '../../base/uuid.ts';
import { type Json, parseJson } from '../../jsonrpc/json.ts';
import { databaseToText, openStandaloneLog } from '../../ovsdb/file.ts';
import { RAFT_MAGIC } from '../../ovsdb/log.ts';
import { isId } from '../../ovsdb/members.ts';
import { OvsdbError } from '../../ovsdb/ovsdb-error.ts';
import { type DatabaseSchema, schemaToJson } from '../../ovsdb/schema.ts';
import { clusterSchema } from '../cluster-schema.ts';
import { schemaFromFile } from '../schema-file.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import { openNewLog, readDb, syncAndClose } from './files.ts';

const ELECTION_TIMER_MIN_MS = 100;
const ELECTION_TIMER_MAX_MS = 600_000;

/** @throws ToolError */
export function parseElectionTimer(text: string): number {
  const ms = Number.parseInt(text, 10) || 0;
  if (ms < ELECTION_TIMER_MIN_MS || ms > ELECTION_TIMER_MAX_MS)
    throw new ToolError(
      `ovsdb error: election timer must be between ${ELECTION_TIMER_MIN_MS} and ${ELECTION_TIMER_MAX_MS}, in msec.`,
    );
  return ms;
}

/** @throws OvsdbError */
function checkAddress(address: string): void {
  if (address.startsWith('unix:')) return;
  const match = /^(?:ssl|tcp):(.*)$/.exec(address);
  if (!match) throw new OvsdbError('ovsdb error', `${address}: expected "tcp" or "ssl" address`);
  if (!/^(?:\[[^\]]+\]|[^:]+):\d+$/.test(match[1]!))
    throw new OvsdbError('ovsdb error', `${address}: syntax error in address`);
}

/** What a cluster starts with: a schema alone, or the contents of a stand-alone database. Warns of what it will keep. */
export function initialData(io: ToolIo, file: string): { schema: DatabaseSchema; data: Json } {
  const { schema, data } = readInitialData(io, file);
  return { schema: clusterSchema(schema, file), data };
}

function readInitialData(io: ToolIo, file: string): { schema: DatabaseSchema; data: Json } {
  try {
    return { schema: schemaFromFile(io, file), data: {} };
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
  }
  const opened = openStandaloneLog(io.host.storage, file, 'read');
  const { db } = readDb(io, opened);
  opened.close();
  const annotations = {
    comment: `created from ${file}`,
    wallMs: io.host.loop.clock.wallNow(),
    useDiff: true,
  };
  return { schema: db.schema, data: parseJson([...databaseToText(db, annotations)].join('')) };
}

export async function createCluster(
  io: ToolIo,
  [file, contents, local]: readonly string[],
  electionTimerMs: number | undefined,
): Promise<void> {
  const { schema, data } = initialData(io, contents!);
  checkAddress(local!);
  const created = openNewLog(io, file!, RAFT_MAGIC);
  const { random } = io.host;
  const sid = randomUuid(random);
  created.write({
    server_id: sid,
    cluster_id: randomUuid(random),
    local_address: local!,
    name: schema.name,
    prev_servers: { [sid]: local! },
    prev_index: 1,
    prev_term: 1,
    prev_data: [schemaToJson(schema), data],
    prev_eid: randomUuid(random),
  });
  if (electionTimerMs !== undefined) created.write({ term: 1, index: 2, election_timer: electionTimerMs });
  await syncAndClose(created);
}

export async function joinCluster(
  io: ToolIo,
  [file, name, local, ...remotes]: readonly string[],
  cid: string | undefined,
): Promise<void> {
  if (!isId(name!))
    throw new ToolError(
      `${name}: not a valid schema name (use "schema-name" command to find the correct name)`,
    );
  checkAddress(local!);
  for (const remote of remotes) {
    checkAddress(remote);
    if (remote === local)
      throw new OvsdbError('ovsdb error', 'remote addresses cannot be the same as the local address');
  }
  const created = openNewLog(io, file!, RAFT_MAGIC);
  created.write({
    server_id: randomUuid(io.host.random),
    ...(cid === undefined ? {} : { cluster_id: cid }),
    local_address: local!,
    name: name!,
    remote_addresses: remotes,
  });
  await syncAndClose(created);
}
