/**
 * The file of a raft cluster that has one member, served by that member: it goes on where the C implementation left it,
 * and the other way round. Alone, the member wins each election at once, and an entry of its log is decided when it is
 * on its disk. Clusters of several servers are on etcd here (clustered.ts), so other servers cannot join this one.
 *
 * Transactions take the way that they take there: those that come while others are written wait, then go together; a client is
 * answered, and others see what it did, when the disk has confirmed. After a write that failed but may have left something
 * in the file its clients are disconnected, and no more is written until a compaction has put a new file in its place.
 * Limit: a snapshot is read as one text. C counterpart: ovsdb/raft.c.
 */
import type { Host } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import { randomUuid, type Uuid } from '../../base/uuid.ts';
import { vlog } from '../../base/vlog.ts';
import { type Json, stringifyJson } from '../../jsonrpc/json.ts';
import { Batch } from '../cluster/batch.ts';
import { convertDatabase } from '../convert.ts';
import { Database } from '../database.ts';
import { databaseToText, replayTransaction, transactionToText } from '../file.ts';
import type { LogReplacement, OvsdbLog } from '../log.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { parseRaftHeader, parseRaftRecord, type RaftEntry } from '../raft-log.ts';
import { parseRaftData, RaftMember } from '../raft-member.ts';
import { type DatabaseSchema, schemaFromJson, schemaToJson } from '../schema.ts';
import { Transaction } from '../transact/transaction.ts';
import { LogCompactor, type SnapshotWriter } from './log-compactor.ts';
import { ServedDatabase } from './served.ts';
import type {
  Batching,
  CommitOutcome,
  ComposedTransaction,
  DatabaseStatus,
  Outcome,
  ServiceModel,
} from './service-model.ts';
import type { FileOptions } from './standalone.ts';

const log = vlog('raft');

/** How often the status may become another: each time all clients that follow _Server are told. */
const STATUS_MS = 100;
/** How long after a failure, and after each attempt, a new file is tried to be written. */
const RECOVER_MS = 1000;

const SEVERAL =
  'files of clusters of several servers that keep themselves consistent by Raft cannot be served; clustered databases ' +
  'are in etcd here: convert the file with "ovsdb-tool cluster-to-standalone", then use "ovsdb-tool create-cluster etcd:..."';

export interface RaftFileOptions extends FileOptions {
  /** The entry of a conversion is the schema alone: who reads it converts the rows. */
  useNoDataConversion: boolean;
}

type Done = (error: OvsdbError | undefined) => void;

/** An entry to be written. */
interface NewEntry {
  readonly id?: Uuid;
  /** JSON. */
  readonly data?: string;
  readonly electionTimerMs?: number;
}

const plain = (details: string): OvsdbError => new OvsdbError('ovsdb error', details);

function entryText(term: number, index: number, { id, data, electionTimerMs }: NewEntry): string {
  const timer = electionTimerMs === undefined ? '' : `,"election_timer":${electionTimerMs}`;
  const change = data === undefined ? '' : `,"eid":"${id}","data":${data}`;
  return `{"term":${term},"index":${index}${timer}${change}}`;
}

export class RaftFile implements ServiceModel, Batching {
  readonly readOnly = false;
  readonly ownsRows = false;
  readonly #host: Host;
  readonly #options: RaftFileOptions;
  readonly #log: OvsdbLog;
  readonly #compactor: LogCompactor;
  readonly member: RaftMember;
  readonly served: ServedDatabase;
  status: DatabaseStatus;
  #statusTimer: Timer | undefined;
  /** The last transaction in the database. */
  #lastId: Uuid;
  /** When this server was elected, by the loop's time; and the index of the entry that began its term. */
  readonly electedMs: number;
  readonly electedIndex: number;
  /** Entries are being written. */
  #isWriting = false;
  readonly #whenIdle: (() => void)[] = [];
  /** Being composed. */
  #batch: Batch | undefined;
  /** Why nothing more may be written. */
  #failure: OvsdbError | undefined;
  #recoveryTimer: Timer | undefined;
  /** What the compaction under way does when its file is in place. */
  #replaced: () => void = () => {};
  #closed = false;

  /**
   * @param file as configured
   * @param raftLog closed with the model
   * @throws OvsdbError, in particular when the cluster has other members
   */
  constructor(host: Host, options: RaftFileOptions, file: string, raftLog: OvsdbLog) {
    this.#host = host;
    this.#options = options;
    this.#log = raftLog;
    const header = parseRaftHeader(raftLog.read());
    if (!header.servers || !header.snapshot) throw plain(`${file}: ${SEVERAL}`);
    const { snapshot, name, clusterId, serverId } = header;
    raftLog.markBase();
    this.member = new RaftMember(header);
    this.served = new ServedDatabase(host, file, this.#databaseOf(snapshot.data), this);
    this.#lastId = this.#name(snapshot.entryId);
    this.#read();
    if (this.member.hasOthers) throw plain(`${file}: ${SEVERAL}`);
    for (const entry of this.member.commitAll()) this.#replay(entry);
    const { lastIndex } = this.member;
    const cid = clusterId === undefined ? {} : { cid: clusterId };
    this.status = {
      model: 'clustered',
      connected: true,
      leader: true,
      ...cid,
      sid: serverId,
      index: lastIndex,
    };
    this.#compactor = new LogCompactor(host, raftLog, {
      name,
      records: this.logLength,
      recordsOfSnapshot: 0,
      snapshot: () => this.#snapshot(),
      whenReady: (start) => this.#idle(start),
      replaced: () => this.#replaced(),
    });
    this.electedMs = host.loop.now();
    this.electedIndex = lastIndex + 1;
    this.#elect();
  }

  /** @throws OvsdbError */
  #read(): void {
    for (let n = 1; ; n++) {
      let json: Json | undefined;
      try {
        json = this.#log.read();
      } catch (error) {
        if (!(error instanceof OvsdbError)) throw error;
        // Probably a crash cut the last record short; what came before it is good.
        log.warn(error.message);
        return;
      }
      if (json === undefined) return;
      try {
        for (const entry of this.member.apply(parseRaftRecord(json))) this.#replay(entry);
      } catch (error) {
        if (!(error instanceof OvsdbError)) throw error;
        const { name } = this.member.header;
        throw plain(`error reading record ${n} from ${name} log: ${error.details ?? error.message}`);
      }
    }
  }

  /** Clients that come back name the state by this id. */
  #name(id: Uuid): Uuid {
    const txn = new Transaction(this.served.db);
    txn.id = id;
    txn.complete();
    return id;
  }

  /** @param data of a snapshot @throws OvsdbError */
  #databaseOf(data: Json): Database {
    const [schema, transaction] = parseRaftData(data);
    const db = new Database(schemaFromJson(schema), this.#host.random);
    const error = replayTransaction(db, transaction ?? {});
    if (error) throw error;
    return db;
  }

  /** @throws OvsdbError */
  #replay({ data, entryId }: RaftEntry): void {
    if (data === undefined || entryId === undefined) return;
    const [schema, transaction] = parseRaftData(data);
    if (schema) {
      const isConversion = transaction === null;
      this.#adopt(
        isConversion ? convertDatabase(this.served.db, schemaFromJson(schema)) : this.#databaseOf(data),
        entryId,
      );
      return;
    }
    const error = replayTransaction(this.served.db, transaction ?? {}, entryId);
    if (error) throw error;
    this.#lastId = entryId;
  }

  #adopt(db: Database, id: Uuid): void {
    this.served.replace(db);
    this.#lastId = this.#name(id);
  }

  /** @throws OvsdbError */
  #elect(): void {
    const { member } = this;
    for (const record of member.elect()) this.#log.write(record);
    log.info(`term ${member.term}: elected leader by 1+ of 1 servers`);
    log.info(`local server ID is ${member.header.serverId.slice(0, 4)}`);
    // A term begins with an entry of its own, by which all before it are decided too.
    this.#append([{}], (error) => {
      if (error) log.err(error.message);
    });
  }

  get batching(): Batching {
    return this;
  }
  get storageError(): string | undefined {
    return this.#failure?.message;
  }
  /** Entries after the snapshot. */
  get logLength(): number {
    return this.member.lastIndex + 1 - this.member.firstIndex;
  }

  // Writing.

  /** Calls `run` when no entry is being written. */
  #idle(run: () => void): void {
    if (this.#isWriting) this.#whenIdle.push(run);
    else run();
  }

  /** Writes entries when nothing is being written. @param done called later */
  #append(entries: readonly NewEntry[], done: Done): void {
    const { member } = this;
    this.#isWriting = true;
    const start = this.#log.offset;
    let index = member.lastIndex;
    const end = (error: OvsdbError | undefined, isUncertain: boolean): void => {
      if (this.#closed) return;
      if (error) {
        if (isUncertain) this.#fail(error);
      } else {
        member.committed(index);
        this.#noteCommitted();
      }
      done(error);
      this.#isWriting = false;
      while (!this.#isWriting && this.#whenIdle.length > 0) this.#whenIdle.shift()!();
      this.served.triggers.wake();
    };
    try {
      for (const entry of entries) this.#log.writeText(entryText(member.term, ++index, entry));
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      const isUncertain = this.#log.offset !== start;
      this.#host.loop.defer(() => end(error, isUncertain));
      return;
    }
    this.#log.sync((error) => end(error, true));
  }

  /** What was written may be in the file, or a part of it: it is not to be built upon. */
  #fail(error: OvsdbError): void {
    log.err(`${this.served.name}: nothing is written until the file has been replaced: ${error.message}`);
    this.#failure = error;
    this.#recoverLater();
  }

  #recoverLater(): void {
    this.#recoveryTimer = this.#host.loop.after(RECOVER_MS, () =>
      this.compact(() => {
        if (this.#failure) this.#recoverLater();
      }),
    );
  }

  #noteCommitted(): void {
    try {
      this.#log.write({ commit_index: this.member.commitIndex });
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      // Only who analyses the file would want it: what is in it is decided anyway.
      log.warn(error.message);
    }
    this.#statusTimer ??= this.#host.loop.after(STATUS_MS, () => {
      this.#statusTimer = undefined;
      this.status = { ...this.status, index: this.member.commitIndex };
      this.served.statusChanged();
    });
  }

  // What clients want.

  get isBusy(): boolean {
    return this.#isWriting;
  }
  get isOpen(): boolean {
    return this.#batch !== undefined;
  }
  begin(): void {}

  hold(outcome: Outcome, done: (outcome: CommitOutcome) => void): () => void {
    return this.#batch!.hold(outcome, done);
  }

  commit(
    _params: Json,
    { txn, results }: ComposedTransaction,
    done: (outcome: CommitOutcome) => void,
  ): (() => void) | undefined {
    const outcome: Outcome = { kind: 'results', results };
    let text: string | undefined;
    try {
      txn.prepare();
      const { useDiff } = this.#options;
      text = transactionToText(txn, { wallMs: this.#host.loop.clock.wallNow(), useDiff });
      if (text !== undefined && this.#failure) throw this.#failure;
    } catch (error) {
      if (!(error instanceof OvsdbError)) throw error;
      results.push(error.toJson());
      text = undefined;
    }
    if (text === undefined) {
      txn.abort();
      if (this.#batch) return this.#batch.hold(outcome, done);
      done(outcome);
      return undefined;
    }
    txn.id = randomUuid(this.#host.random);
    this.#batch ??= new Batch(txn.id);
    return this.#batch.add(txn, text, [], outcome, done);
  }

  end(): void {
    const batch = this.#batch;
    if (!batch) return;
    this.#batch = undefined;
    batch.revert();
    const entries = batch.entries.map(({ id, json }) => ({ id, data: `[null,${json}]` }));
    this.#append(entries, (error) => {
      if (error) {
        batch.fail((item) => {
          if (this.#failure) return { kind: 'unknown' };
          return item.kind === 'results'
            ? { kind: 'results', results: [...(item.results as readonly Json[]), error.toJson()] }
            : item;
        });
        return;
      }
      this.#lastId = batch.lastId;
      batch.commit();
      for (const _ of entries) this.#compactor.recorded();
    });
  }

  convert({ schema }: Database, done: Done): void {
    const { triggers } = this.served;
    triggers.pause();
    const finish = (error: OvsdbError | undefined): void => {
      done(error);
      triggers.resume();
    };
    this.#idle(() => {
      let converted: Database;
      try {
        if (this.#failure) throw this.#failure;
        refuseEphemeral(schema);
        // The rows may be others than when the client asked.
        converted = convertDatabase(this.served.db, schema);
      } catch (error) {
        if (!(error instanceof OvsdbError)) throw error;
        finish(error);
        return;
      }
      const id = randomUuid(this.#host.random);
      const annotations = {
        comment: 'converted by ovsdb-server',
        wallMs: this.#host.loop.clock.wallNow(),
        useDiff: this.#options.useDiff,
      };
      const rows = this.#options.useNoDataConversion
        ? 'null'
        : [...databaseToText(converted, annotations)].join('');
      this.#append([{ id, data: `[${stringifyJson(schemaToJson(schema))},${rows}]` }], (error) => {
        if (!error) this.#adopt(converted, id);
        finish(error);
      });
    });
  }

  /** Changes the timer, which counts only when the cluster becomes larger. */
  changeElectionTimer(electionTimerMs: number): void {
    this.#idle(() =>
      this.#append([{ electionTimerMs }], (error) => {
        if (error) {
          log.warn(error.message);
          return;
        }
        log.info(`Election timer changed from ${this.member.electionTimerMs} to ${electionTimerMs}`);
        this.member.electionTimerMs = electionTimerMs;
      }),
    );
  }

  compact(done: Done): void {
    if (this.#closed) done(undefined);
    else this.#compactor.compact(done);
  }

  /** @throws OvsdbError */
  #snapshot(): SnapshotWriter {
    const { member } = this;
    const { header, lastIndex } = member;
    if (lastIndex < member.firstIndex && !this.#failure) throw plain('not storing a duplicate snapshot');
    const { db } = this.served;
    const start = {
      server_id: header.serverId,
      ...(header.clusterId === undefined ? {} : { cluster_id: header.clusterId }),
      local_address: header.localAddress,
      name: header.name,
      prev_servers: member.servers,
      prev_index: lastIndex,
      prev_term: member.lastTerm,
      prev_eid: this.#lastId,
      prev_election_timer: member.electionTimerMs,
    };
    const state = { term: member.term, vote: header.serverId };
    const { useDiff } = this.#options;
    const annotations = {
      comment: 'compacting database online',
      wallMs: this.#host.loop.clock.wallNow(),
      useDiff,
    };
    const failure = this.#failure;
    this.#replaced = () => {
      member.firstIndex = lastIndex + 1;
      // What came into the file later is in the new one too.
      if (this.#failure === failure) this.#failure = undefined;
    };
    return function* (to: LogReplacement): Generator<void> {
      to.addText(
        `${stringifyJson(start).slice(0, -1)},"prev_data":[${stringifyJson(schemaToJson(db.schema))},`,
      );
      for (const piece of databaseToText(db, annotations)) {
        to.addText(piece);
        yield;
      }
      to.addText(']}');
      yield* to.endRecord();
      to.addText(stringifyJson(state));
      yield* to.endRecord();
    };
  }

  close(): void {
    this.#closed = true;
    this.#statusTimer?.cancel();
    this.#recoveryTimer?.cancel();
    this.#compactor.close();
    this.#log.close();
  }
}

/** @throws OvsdbError */
function refuseEphemeral(schema: DatabaseSchema): void {
  for (const table of schema.tables.values())
    for (const { name, persistent } of table.columns)
      if (!persistent)
        throw plain(
          `Table ${table.name} column ${name} is ephemeral but clustered databases do not support ephemeral columns.`,
        );
}
