/**
 * `ovsdb-tool cluster-to-standalone`: a stand-alone database of what the file of a member of a raft cluster holds, for
 * when the cluster is gone for good. Transactions stay records of their own; a change of the schema starts afresh.
 */
import { type Json, type JsonObject, parseJson } from '../../jsonrpc/json.ts';
import { convertDatabase } from '../../ovsdb/convert.ts';
import { Database } from '../../ovsdb/database.ts';
import { databaseToText, replayTransaction } from '../../ovsdb/file.ts';
import { OVSDB_MAGIC, type OvsdbLog, RAFT_MAGIC } from '../../ovsdb/log.ts';
import { isJsonObject } from '../../ovsdb/members.ts';
import { parseRaftHeader, parseRaftRecord } from '../../ovsdb/raft-log.ts';
import { schemaFromJson } from '../../ovsdb/schema.ts';
import { ToolError, type ToolIo } from '../tool.ts';
import { openAnyLog, openNewLog, syncAndClose } from './files.ts';

export async function clusterToStandalone(io: ToolIo, [file, cluster]: readonly string[]): Promise<void> {
  const source = openAnyLog(io, cluster!);
  const target = openNewLog(io, file!, OVSDB_MAGIC);
  if (source.magic !== RAFT_MAGIC) throw new ToolError('Database is not clustered db.\n');
  for (const record of standaloneRecords(io, source)) target.write(record);
  source.close();
  await syncAndClose(target);
}

function standaloneRecords(io: ToolIo, source: OvsdbLog): JsonObject[] {
  let records: JsonObject[] = [];
  const { snapshot } = parseRaftHeader(source.read());
  if (snapshot) {
    const [schema, data] = pair(snapshot.data, 'header data array');
    if (schema !== null) records.push(checked(schema));
    if (!isJsonObject(data)) throw new ToolError('Invalid raft header data');
    records.push(data);
  }
  for (let json = source.read(); json; json = source.read()) {
    const record = parseRaftRecord(json);
    if (record.kind !== 'entry' || record.data === undefined) continue;
    const [schema, data] = pair(record.data, 'record array');
    if (schema !== null) {
      const rows = data === null ? [converted(io, records, schema)] : [];
      records = [checked(schema), ...rows];
    }
    if (data !== null) records.push(data as JsonObject);
  }
  return records;
}

/** @throws ToolError */
function pair(json: Json, what: string): readonly [Json, Json] {
  if (!Array.isArray(json) || json.length !== 2) throw new ToolError(`Incorrect raft ${what} length`);
  return json as readonly Json[] as readonly [Json, Json];
}

/** A schema. @throws OvsdbError */
function checked(json: Json): JsonObject {
  schemaFromJson(json);
  return json as JsonObject;
}

/** The database that records make. @throws OvsdbError */
function databaseOf(io: ToolIo, [schema, ...transactions]: readonly JsonObject[]): Database {
  const db = new Database(schemaFromJson(schema!), io.host.random);
  for (const transaction of transactions) {
    const error = replayTransaction(db, transaction);
    if (error) throw error;
  }
  return db;
}

/** The rows that there are, by another schema, as one transaction. */
function converted(io: ToolIo, records: readonly JsonObject[], schema: Json): JsonObject {
  const db = convertDatabase(databaseOf(io, records), schemaFromJson(schema));
  const annotations = {
    comment: 'converted by ovsdb-tool',
    wallMs: io.host.loop.clock.wallNow(),
    useDiff: true,
  };
  return parseJson([...databaseToText(db, annotations)].join('')) as JsonObject;
}
