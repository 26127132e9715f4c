/**
 * `ovsdb-tool create-cluster`, `join-cluster`, `cluster-to-standalone`: files of clustered databases, without a cluster.
 * The records are those of ovsdb(5), "Clustered Format". C counterpart: ovsdb/raft.c, ovsdb/raft-private.c.
 */
import { randomUuid } from '../../base/uuid.ts';
import { OVS_VERSION } from '../../base/version.ts';
import { type Json, parseJson } from '../../jsonrpc/json.ts';
import { convertDatabase } from '../../ovsdb/convert.ts';
import { Database } from '../../ovsdb/database.ts';
import { databaseToText, openStandaloneLog, replayTransaction } from '../../ovsdb/file.ts';
import { type OvsdbLog, RAFT_MAGIC } from '../../ovsdb/log.ts';
import { isId, isJsonObject } from '../../ovsdb/members.ts';
import { OvsdbError } from '../../ovsdb/ovsdb-error.ts';
import { type DatabaseSchema, persistentSchema, schemaFromJson, schemaToJson } from '../../ovsdb/schema.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import { openAnyLog, openNewLog, readDb, schemaFromFile, syncAndClose, writeDb } from './files.ts';

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

/** What a cluster starts with: a schema alone, or the contents of a stand-alone database. */
export function initialData(io: ToolIo, file: string): { schema: DatabaseSchema; data: Json } {
  try {
    return { schema: schemaFromFile(io, file), data: {} };
  } catch (error) {
    if (!(error instanceof OvsdbError)) throw error;
  }
  const log = openStandaloneLog(io.host.storage, file, 'read');
  const { db } = readDb(io, log);
  log.close();
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
  const log = openNewLog(io, file!, RAFT_MAGIC);
  const { random } = io.host;
  const sid = randomUuid(random);
  log.write({
    server_id: sid,
    cluster_id: randomUuid(random),
    local_address: local!,
    name: schema.name,
    prev_servers: { [sid]: local! },
    prev_index: 1,
    prev_term: 1,
    prev_data: [schemaToJson(persistentSchema(schema)), data],
    prev_eid: randomUuid(random),
  });
  if (electionTimerMs !== undefined) log.write({ term: 1, index: 2, election_timer: electionTimerMs });
  await syncAndClose(log);
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
  const log = openNewLog(io, file!, RAFT_MAGIC);
  log.write({
    server_id: randomUuid(io.host.random),
    ...(cid === undefined ? {} : { cluster_id: cid }),
    local_address: local!,
    name: name!,
    remote_addresses: remotes,
  });
  await syncAndClose(log);
}

/** The database after a record's [schema or null, transaction or null]. @throws OvsdbError, ToolError */
function applyEntry(io: ToolIo, db: Database | undefined, entry: Json): Database {
  if (!Array.isArray(entry) || entry.length !== 2)
    throw new ToolError('Incorrect raft record data array length');
  const [schemaJson, data] = entry as readonly Json[] as readonly [Json, Json];
  let result = db;
  if (schemaJson !== null) {
    const schema = schemaFromJson(schemaJson);
    // A change of the schema without data keeps the rows.
    result = data === null && db ? convertDatabase(db, schema) : new Database(schema, io.host.random);
  }
  if (!result) throw new ToolError('Invalid raft header data');
  const error = isJsonObject(data) ? replayTransaction(result, data) : undefined;
  if (error) throw error;
  return result;
}

/** What is in the log of a member of a cluster. */
function readCluster(io: ToolIo, log: OvsdbLog): Database {
  const header = log.read();
  let db = applyEntry(io, undefined, header?.['prev_data'] ?? null);
  for (let record = log.read(); record; record = log.read()) {
    if (record['data'] !== undefined) db = applyEntry(io, db, record['data']);
  }
  return db;
}

export async function clusterToStandalone(io: ToolIo, [file, cluster]: readonly string[]): Promise<void> {
  const log = openAnyLog(io, cluster!);
  if (log.magic !== RAFT_MAGIC) throw new ToolError('Database is not clustered db.\n');
  const db = readCluster(io, log);
  log.close();
  await writeDb(io, file!, 'create-exclusive', `converted from ${cluster} by ovsdb-tool ${OVS_VERSION}`, db);
}
