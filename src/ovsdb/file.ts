/**
 * What the records of a stand-alone database's log mean: the first is the schema, each other a transaction.
 *
 * A transaction names tables, in them rows by UUID, in them columns with their new values, or, where "_is_diff" says so,
 * with differences to the old ones; null deletes a row. C counterparts: ovsdb/file.c, ovsdb/storage.c.
 */
import type { Random, Storage } from '../base/host.ts';
import { parseUuid, type Uuid } from '../base/uuid.ts';
import { type Json, JsonError, type JsonObject, stringifyJson } from '../jsonrpc/json.ts';
import { Database, type Row, type Table } from './database.ts';
import {
  applyDiff,
  type Datum,
  datumFromJson,
  datumToJson,
  defaultDatum,
  diffData,
  equalData,
  transientDatumFromJson,
} from './datum.ts';
import { type LogReplacement, OVSDB_MAGIC, OvsdbLog, RAFT_MAGIC } from './log.ts';
import { isJsonObject } from './members.ts';
import { OvsdbError, syntaxError } from './ovsdb-error.ts';
import { type DatabaseSchema, schemaFromJson, schemaToJson } from './schema.ts';
import { Transaction } from './transact/transaction.ts';

/** Members of a transaction that are no tables. */
interface Annotations {
  readonly comment?: string | undefined;
  readonly wallMs: number;
  /** Modified columns are written as differences. */
  readonly useDiff: boolean;
}

/** The text of these members, without braces. */
const annotationsText = ({ comment, wallMs, useDiff }: Annotations): string =>
  (comment === undefined ? '' : `"_comment":${JSON.stringify(comment)},`) +
  `${useDiff ? '"_is_diff":true,' : ''}"_date":${Math.floor(wallMs)}`;

/** A whole row: what is not as by default. */
function rowToJson(row: Row): JsonObject {
  const json: Record<string, Json> = {};
  for (const { name, index, type, persistent } of row.table.schema.columns) {
    const datum = row.fields[index]!;
    if (persistent && datum !== defaultDatum(type) && !equalData(datum, defaultDatum(type)))
      json[name] = datumToJson(datum, type);
  }
  return json;
}

/** What became different in a row; undefined if nothing that is kept. */
function changeToJson(old: Row, row: Row, useDiff: boolean): JsonObject | undefined {
  let json: Record<string, Json> | undefined;
  for (const { name, index, type, persistent } of row.table.schema.columns) {
    const [was, is] = [old.fields[index]!, row.fields[index]!];
    if (was !== is && persistent)
      (json ??= {})[name] = datumToJson(useDiff ? diffData(was, is, type) : is, type);
  }
  return json;
}

/**
 * The text of the record of a prepared transaction; undefined if it changes nothing that is kept.
 * Not by way of JSON: the engine would take up every UUID in its table of property names.
 */
export function transactionToText(
  txn: Transaction,
  annotations: Omit<Annotations, 'comment'>,
): string | undefined {
  const names: string[] = [];
  const texts: string[] = [];
  for (const { table, uuid, old, row } of txn.changes) {
    if (!old && !row) continue;
    const json = !row ? null : old ? changeToJson(old, row, annotations.useDiff) : rowToJson(row);
    if (json === undefined) continue;
    const text = `"${uuid}":${stringifyJson(json)}`;
    const at = names.indexOf(table.name);
    if (at < 0) {
      names.push(table.name);
      texts.push(text);
    } else {
      texts[at] += `,${text}`;
    }
  }
  if (names.length === 0) return undefined;
  let text = '{';
  for (let i = 0; i < names.length; i++) text += `"${names[i]}":{${texts[i]}},`;
  return `${text}${annotationsText({ ...annotations, comment: txn.comment })}}`;
}

/**
 * The text of the record of a transaction that makes the whole database as it is when the first piece is taken, in pieces
 * of some rows each.
 */
export function* databaseToText(db: Database, annotations: Annotations): Generator<string> {
  // All rows as they are now: transactions that come between two pieces go into the log by themselves, and their
  // differences would not fit rows that have them already. The rows themselves never change.
  const tables = [...db.tables.values()].map((table) => ({ table, rows: [...table.rows.values()] }));
  let piece = '{';
  for (const { table, rows } of tables) {
    if (rows.length === 0) continue;
    piece += `${piece === '{' ? '' : ','}${JSON.stringify(table.name)}:{`;
    let n = 0;
    for (const row of rows) {
      piece += `${n++ === 0 ? '' : ','}"${row.uuid}":${stringifyJson(rowToJson(row))}`;
      if (n % 100 === 0) {
        yield piece;
        piece = '';
      }
    }
    piece += '}';
  }
  yield `${piece}${piece === '{' ? '' : ','}${annotationsText(annotations)}}`;
}

/**
 * Gives a row's fields the values of `json`, or (`isDiff`) changes them by these differences.
 * @throws OvsdbError
 */
export function updateFields(table: Table, fields: Datum[], json: Json, isDiff: boolean): void {
  if (!isJsonObject(json)) throw syntaxError(json, 'row must be JSON object');
  for (const name in json) {
    const column = table.schema.byName.get(name);
    if (!column) throw syntaxError(json, `No column ${name} in table ${table.name}.`, 'unknown column');
    const { index, type } = column;
    const datum = isDiff ? transientDatumFromJson(type, json[name]!) : datumFromJson(type, json[name]!);
    if (index >= 0) fields[index] = isDiff ? applyDiff(fields[index]!, datum, type) : datum;
  }
}

function replayRow(txn: Transaction, table: Table, uuid: Uuid, json: Json, isDiff: boolean): void {
  const row = table.rows.get(uuid);
  if (json === null) {
    if (!row) throw syntaxError(undefined, `transaction deletes row ${uuid} that does not exist`);
    txn.delete(row);
  } else if (row) {
    updateFields(table, txn.modify(row).fields, json, isDiff);
  } else {
    const fields = table.defaultFields();
    updateFields(table, fields, json, false);
    txn.insert(table, uuid, fields);
  }
}

/** What a record says of one row. */
type ReplayRow = typeof replayRow;

/** For a record that is read in pieces, whose members may not be known yet that say what its rows mean. */
function replayNewRow(txn: Transaction, table: Table, uuid: Uuid, json: Json): void {
  if (json === null || table.rows.has(uuid)) throw syntaxError(undefined, `row ${uuid} is not new`);
  replayRow(txn, table, uuid, json, false);
}

function replayTables(txn: Transaction, json: JsonObject, replay: ReplayRow = replayRow): void {
  const isDiff = json['_is_diff'] === true;
  for (const name in json) {
    const table = txn.db.tables.get(name);
    const rows = json[name]!;
    if (!table) {
      if (name === '_date' && typeof rows === 'number') continue;
      if (name === '_is_diff' && typeof rows === 'boolean') continue;
      if (name === '_comment') continue;
      throw syntaxError(json, `No table named ${name}.`, 'unknown table');
    }
    if (!isJsonObject(rows)) throw syntaxError(rows, 'object expected');
    for (const text in rows) {
      const uuid = parseUuid(text);
      if (uuid === undefined) throw syntaxError(rows, `"${text}" is not a valid UUID`);
      replay(txn, table, uuid, rows[text]!, isDiff);
    }
  }
}

/**
 * Carries out the transaction of a record.
 * @param id its name beyond this server
 * @returns why it does not fit what is there, of which nothing has changed then
 * @throws OvsdbError when it is none
 */
export function replayTransaction(db: Database, json: JsonObject, id?: Uuid): OvsdbError | undefined {
  const txn = new Transaction(db);
  txn.id = id;
  let parsed = false;
  try {
    replayTables(txn, json);
    parsed = true;
    txn.prepare();
  } catch (error) {
    txn.abort();
    if (parsed && error instanceof OvsdbError) return error;
    throw error;
  }
  txn.complete();
  return undefined;
}

/**
 * Carries out the transaction of the next record piece by piece, if that can be done: if it is long and all its rows are
 * new, as after a compaction.
 * @returns whether it is done; if not, nothing has changed and the record remains to be read
 */
function replayInPieces(db: Database, log: OvsdbLog): boolean {
  const pieces = log.readPieces();
  if (!pieces) return false;
  const start = log.offset;
  const txn = new Transaction(db);
  try {
    for (const piece of pieces) replayTables(txn, piece, replayNewRow);
    txn.prepare();
  } catch (error) {
    txn.abort();
    if (log.offset > start) log.unread();
    // Whoever reads the record as a whole finds what is wrong.
    if (error instanceof OvsdbError || error instanceof JsonError) return false;
    throw error;
  }
  txn.complete();
  return true;
}

/** A stand-alone database's log. @throws OvsdbError; for a clustered database too */
export function openStandaloneLog(storage: Storage, file: string, mode: 'read' | 'write'): OvsdbLog {
  const log = OvsdbLog.open(storage, file, [OVSDB_MAGIC, RAFT_MAGIC], mode);
  if (log.magic === OVSDB_MAGIC) return log;
  log.close();
  throw new OvsdbError('ovsdb error', `${file}: cannot apply this operation to clustered database file`);
}

/** The schema at the start of a log. @throws OvsdbError */
export function readSchema(log: OvsdbLog): DatabaseSchema {
  const json = log.read();
  if (!json) throw new OvsdbError('ovsdb error', 'unexpected end of file reading schema');
  return schemaFromJson(json);
}

export interface ReadDatabase {
  readonly db: Database;
  /** Records after the schema. */
  readonly transactions: number;
  /** What ended the reading before the end of the file. */
  readonly error: OvsdbError | undefined;
  /** That a record is damaged or is no transaction; otherwise one does not fit those before it. */
  readonly isMalformed: boolean;
}

/**
 * Reads the database in a log up to its end or to the first record that is damaged or wrong, so that the next write goes
 * after the last good one.
 * @throws OvsdbError when there is no schema
 */
export function readDatabase(log: OvsdbLog, random: Random): ReadDatabase {
  const db = new Database(readSchema(log), random);
  for (let transactions = 0; ; transactions++) {
    const end = (error?: OvsdbError, isMalformed = false): ReadDatabase => ({
      db,
      transactions,
      error,
      isMalformed,
    });
    if (transactions === 0 && replayInPieces(db, log)) {
      log.markBase();
      continue;
    }
    let json: JsonObject | undefined;
    try {
      json = log.read();
      if (!json) return end();
    } catch (error) {
      if (error instanceof OvsdbError) return end(error, true);
      throw error;
    }
    try {
      const error = replayTransaction(db, json);
      if (error) {
        log.unread();
        return end(error);
      }
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      log.unread();
      return end(error, true);
    }
    // What follows the schema is the state at the last compaction.
    if (transactions === 0) log.markBase();
  }
}

/** Writes the records that make the whole database. @throws OvsdbError */
export function* writeSnapshot(db: Database, to: LogReplacement, annotations: Annotations): Generator<void> {
  to.addText(stringifyJson(schemaToJson(db.schema)));
  yield* to.endRecord();
  for (const piece of databaseToText(db, annotations)) {
    to.addText(piece);
    yield;
  }
  yield* to.endRecord();
}
