/**
 * The log of a clustered database as one server sees it: it follows the records that all servers append, in their order, and
 * appends its own.
 *
 * A record is appended in one transaction of the store, on the condition that the head is where this server has it: so
 * every record was composed on the state that the records before it make, and of several servers that try at once one
 * wins. An attempt of which no answer came is made again, just as it was: either it is now carried out, and then the
 * former never can be, or what is in its place tells which of them came about. What cannot be known - a snapshot has swallowed the
 * record - is said to be unknown; nothing is ever called failed that may still come about.
 *
 * Records come from three sides: a watch, the answers to own attempts, and reading from where one was after an
 * interruption. They are put in order by their index here, and told once.
 * Limits: records that arrive ahead of one that has to be fetched are kept up to MAX_AHEAD, and read again beyond that.
 */

import { errorStack } from '../../base/error-stack.ts';
import type { Host } from '../../base/host.ts';
import type { Uuid } from '../../base/uuid.ts';
import { vlog } from '../../base/vlog.ts';
import { OvsdbError } from '../ovsdb-error.ts';
import { readBlob, type StagedBlob, stageBlob } from './blobs.ts';
import { type Guard, type KeyValue, KvError, type KvEvent, prefixEnd } from './kv.ts';
import type { Member, Session } from './member.ts';
import {
  type BlobRef,
  type ClusterRecord,
  MAX_VALUE_CHARS,
  parseRecord,
  parseSnapshot,
  referringText,
  type Snapshot,
} from './records.ts';

const log = vlog('ovsdb_cluster');

/** Records that one request reads: at most so many values of the greatest length, more if they are short. */
const MIN_READ = 8;
const MAX_READ = 1000;
const MAX_AHEAD = 10_000;
/** Attempts to read that may fail before the server says that it is behind. */
const MAX_FAILURES = 5;

/** What became of an attempt to append a record. */
export type AppendOutcome =
  /** It is in the log and next. Told before what comes after it. */
  | 'appended'
  /** Another server was faster, or a guard did not hold. It never will be in the log. */
  | 'lost'
  /** Cannot be found out any more. */
  | 'unknown'
  /** It is not in the log and never will be. */
  | KvError;

export interface Append {
  readonly batch: Uuid;
  readonly text: string;
  /** What must hold besides. */
  readonly guards: readonly Guard[];
  readonly done: (outcome: AppendOutcome) => void;
}

interface Pending extends Append {
  /** Index of the record that it is to follow, and the head's revision then. */
  readonly base: number;
  readonly headRevision: number;
  outcome: AppendOutcome | undefined;
  /** An attempt of which no answer has come may have been carried out, or yet be. */
  inDoubt: boolean;
  staged: { readonly session: Session; readonly blob: StagedBlob } | undefined;
}

export interface ClusterLogEvents {
  /** The database is as `text` has it, whatever it was. @throws OvsdbError */
  restore(snapshot: Snapshot, text: string): void;
  /** The next record, unless it is an own one of which `done` was told. @throws OvsdbError */
  apply(record: ClusterRecord): void;
  /** Changes of `server/` and `lock/`. */
  others(events: readonly KvEvent[]): void;
  /** All of `server/` and `lock/`, as of a revision. */
  othersAre(keys: readonly KeyValue[], revision: number): void;
  /** `isFollowing` has become another. */
  changed(): void;
  /** `canAppend` may have become true. */
  ready(): void;
}

interface Arrived {
  readonly modRevision: number;
  readonly value: string;
}

export class ClusterLog {
  readonly #host: Host;
  readonly member: Member;
  readonly #events: ClusterLogEvents;
  /** Of the last record that was told. */
  index = -1;
  /** Of the head when that was the last record; -1 while unknown. */
  #headRevision = -1;
  snapshot: Snapshot | undefined;
  snapshotRevision = 0;
  /** Characters of the records after the snapshot. */
  charsSinceSnapshot = 0;
  /** Texts that records since the snapshot refer to. */
  readonly referredBlobs = new Map<string, number>();
  /** Revision of the store up to which everything is known. */
  revision = 0;
  readonly #arrived = new Map<number, Arrived>();
  #isPumping = false;
  #pumping: Promise<void> | undefined;
  #pending: Pending | undefined;
  #isFollowing = false;
  /** Ends the present watch and reads anew. */
  #interrupt: (() => void) | undefined;
  #headAhead = 0;
  /** A record cannot be carried out here: a mistake, or a version of this program that knows more. */
  #broken: unknown;

  constructor(host: Host, member: Member, events: ClusterLogEvents) {
    this.#host = host;
    this.member = member;
    this.#events = events;
    member.onHead = (revision) => this.#headIs(revision);
    member.onSessionLost = () => this.reread();
  }

  /** Whether everything has been read and the rest comes as it happens. */
  get isFollowing(): boolean {
    return this.#isFollowing;
  }
  get isAppending(): boolean {
    return this.#pending !== undefined;
  }

  /** Reads all there is. @throws KvError, OvsdbError when there is no database */
  async open(): Promise<void> {
    await this.#catchUp();
  }

  /** Follows the log until the member is closed. */
  async follow(): Promise<void> {
    const { member } = this;
    for (let failures = 0; !member.isClosed; ) {
      try {
        await member.openSession();
        const revision = await this.#catchUp();
        this.#setFollowing(true);
        this.#events.ready();
        failures = 0;
        const why = await this.#watch(revision + 1);
        if (!member.isClosed) log.dbg(`${member.layout.prefix}: reading anew: ${why}`);
      } catch (error) {
        if (member.isClosed) return;
        const isStoreDown = error instanceof KvError;
        // That the store is not reached shows elsewhere.
        if (!isStoreDown || failures > MAX_FAILURES) this.#setFollowing(false);
        if (!isStoreDown) log.err(`${member.layout.prefix}: ${errorStack(error)}`);
        this.#broken = undefined;
        await member.backOff(failures++, isStoreDown ? error : undefined);
      }
    }
  }

  #setFollowing(is: boolean): void {
    if (this.#isFollowing === is) return;
    this.#isFollowing = is;
    this.#events.changed();
  }

  /** Reads from where it is. @returns the revision of the store up to which everything is known */
  async #catchUp(): Promise<number> {
    const { member } = this;
    const { layout } = member;
    for (let limit = MIN_READ; ; ) {
      const { revision, results } = await member.transact({
        guards: [],
        success: [
          { op: 'get', key: layout.head },
          { op: 'get', key: layout.snapshot },
          { op: 'get', key: layout.log(this.index + 1), end: layout.logsEnd, limit },
          { op: 'get', key: layout.servers, end: prefixEnd(layout.servers) },
          { op: 'get', key: layout.locks, end: prefixEnd(layout.locks) },
        ],
      });
      const [[head] = [], [snapshot] = [], records = [], servers = [], locks = []] = results;
      if (!head || !snapshot) throw new OvsdbError('ovsdb error', `there is no database at ${layout.prefix}`);
      // An own record may have come meanwhile, after what was read.
      if (head.modRevision < this.#headRevision) continue;
      if (await this.#takeSnapshot(snapshot)) continue;
      const headIndex = Number(head.value);
      if (!Number.isSafeInteger(headIndex))
        throw new OvsdbError('ovsdb error', `cluster: ${layout.head} is damaged`);
      const before = this.index;
      this.#arrive(records);
      await this.#pumping;
      if (this.#broken !== undefined) throw this.#broken;
      if (this.index === headIndex) {
        this.#headRevision = head.modRevision;
        this.revision = Math.max(this.revision, revision);
        this.#events.othersAre([...servers, ...locks], revision);
        return revision;
      }
      // Either there is more, or what is next was just removed.
      if (this.index === before) await member.sleep(10);
      const chars = records.reduce((sum, { value }) => sum + value.length, 0);
      limit = chars < MAX_VALUE_CHARS ? Math.min(limit * 2, MAX_READ) : MIN_READ;
    }
  }

  /** @returns whether the snapshot was gone when it was to be read or was taken: the rest has to be read anew */
  async #takeSnapshot({ value, modRevision }: KeyValue): Promise<boolean> {
    if (modRevision === this.snapshotRevision) return false;
    const snapshot = parseSnapshot(value);
    const isSame = this.snapshot?.cid === snapshot.cid;
    if (isSame && this.index >= snapshot.index) {
      this.#noteSnapshot(snapshot, modRevision);
      return false;
    }
    const text = await readBlob(this.member, snapshot.data);
    if (text === undefined || (isSame && this.index >= snapshot.index)) return true;
    this.#settle(this.#pending, this.#pending?.inDoubt ? 'unknown' : 'lost');
    this.#events.restore(snapshot, text);
    this.index = snapshot.index;
    this.#headRevision = -1;
    this.#arrived.clear();
    this.#noteSnapshot(snapshot, modRevision);
    return true;
  }

  #noteSnapshot(snapshot: Snapshot, modRevision: number): void {
    this.snapshot = snapshot;
    this.snapshotRevision = modRevision;
    this.charsSinceSnapshot = 0;
    for (const [blob, index] of this.referredBlobs)
      if (index <= snapshot.index) this.referredBlobs.delete(blob);
  }

  /** Takes in what happens from a revision on. @returns why that ended */
  #watch(from: number): Promise<string> {
    const { layout, kv } = this.member;
    return new Promise((resolve) => {
      const end = (why: string): void => {
        this.#interrupt = undefined;
        resolve(why);
      };
      const cancel = kv.watch(layout.prefix, from, {
        changed: (events) => this.#changed(events),
        ended: end,
      });
      this.#interrupt = () => {
        cancel();
        end('interrupted');
      };
      // The session may have gone meanwhile.
      if (!this.member.session) this.reread();
    });
  }

  /** Reads anew from where it is, and opens a session if there is none. */
  reread(): void {
    this.#interrupt?.();
  }

  #changed(events: readonly KvEvent[]): void {
    const { layout } = this.member;
    const others: KvEvent[] = [];
    for (const event of events) {
      this.revision = Math.max(this.revision, event.modRevision);
      const { key } = event;
      if (key.startsWith(layout.servers) || key.startsWith(layout.locks)) others.push(event);
      else if (event.type === 'put' && key.startsWith(layout.logs)) this.#arrive([event]);
      else if (event.type === 'put' && key === layout.snapshot) this.#snapshotPut(event);
    }
    if (others.length > 0) this.#events.others(others);
    if (this.#arrived.size > MAX_AHEAD) {
      this.#arrived.clear();
      this.reread();
    }
  }

  #snapshotPut({ value, modRevision }: KeyValue): void {
    let snapshot: Snapshot | undefined;
    try {
      snapshot = parseSnapshot(value);
    } catch (error) {
      // It is said what is wrong with it when all is read anew.
      if (!(error instanceof OvsdbError)) throw error;
    }
    // One of records that are still to be fetched is noted then too.
    if (snapshot && snapshot.cid === this.snapshot?.cid && snapshot.index <= this.index)
      this.#noteSnapshot(snapshot, modRevision);
    else this.reread();
  }

  /** A watch may be dead, or at a member that is cut off, without our knowing: the head tells. */
  #headIs(revision: number): void {
    if (revision <= this.#headRevision || this.#headRevision < 0) this.#headAhead = 0;
    else if (++this.#headAhead > 2) {
      this.#headAhead = 0;
      this.reread();
    }
  }

  #arrive(records: readonly KeyValue[]): void {
    for (const { key, value, modRevision } of records) {
      const index = this.member.layout.logIndex(key)!;
      if (index > this.index) this.#arrived.set(index, { value, modRevision });
    }
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#pumping = this.#pump();
  }

  /** Tells the records that are next. */
  async #pump(): Promise<void> {
    try {
      for (let next = this.#arrived.get(this.index + 1); next; next = this.#arrived.get(this.index + 1)) {
        this.#arrived.delete(this.index + 1);
        const record = parseRecord(next.value);
        if (this.#pending?.batch === record.batch || 'entries' in record) {
          this.#tell(record, next);
          continue;
        }
        const { index } = this;
        const text = await readBlob(this.member, record);
        if (index !== this.index) continue;
        // Removed meanwhile: there is a snapshot that has it.
        if (text === undefined) throw new KvError('a record was removed', 'unreachable');
        this.#tell(parseRecord(text), next, record);
      }
    } catch (error) {
      this.#arrived.clear();
      if (!(error instanceof KvError)) this.#broken = error;
      this.#host.loop.defer(() => this.reread());
    } finally {
      this.#isPumping = false;
      this.#events.ready();
    }
  }

  #tell(
    record: ClusterRecord | (BlobRef & { batch: Uuid }),
    { value, modRevision }: Arrived,
    ref?: BlobRef,
  ): void {
    const pending = this.#pending;
    const isOwn = pending?.batch === record.batch;
    // What was composed on the state before this record is void.
    if (!isOwn) this.#settle(pending, 'lost');
    if (!isOwn) this.#events.apply(record as ClusterRecord);
    this.index++;
    this.#headRevision = modRevision;
    this.charsSinceSnapshot += value.length;
    const blob = ref?.blob ?? ('blob' in record ? record.blob : undefined);
    if (blob !== undefined) this.referredBlobs.set(blob, this.index);
    if (isOwn) this.#settle(pending, 'appended');
  }

  #settle(pending: Pending | undefined, outcome: AppendOutcome): void {
    if (!pending || pending.outcome !== undefined) return;
    pending.outcome = outcome;
    if (this.#pending === pending) this.#pending = undefined;
    pending.done(outcome);
    if (!this.#isPumping) this.#events.ready();
  }

  /** Whether a record can be appended now: the state is known, and no other attempt is under way. */
  get canAppend(): boolean {
    return this.#headRevision >= 0 && !this.#pending && !this.#isPumping && this.member.session !== undefined;
  }

  /** Appends a record after the last that was told; `done` is called later. Only while `canAppend`. */
  append(append: Append): void {
    const pending = { ...append, base: this.index, headRevision: this.#headRevision };
    this.#pending = { ...pending, outcome: undefined, inDoubt: false, staged: undefined };
    void this.#send(this.#pending);
  }

  async #send(pending: Pending): Promise<void> {
    const { member } = this;
    for (let failures = 0; pending.outcome === undefined && !member.isClosed; ) {
      const wasInDoubt = pending.inDoubt;
      try {
        await this.#attempt(pending);
        return;
      } catch (error) {
        if (!(error instanceof KvError)) throw error;
        if (error.kind !== 'unknown') pending.inDoubt = wasInDoubt;
        if (!pending.inDoubt && error.kind === 'refused') {
          this.#settle(pending, error);
          return;
        }
        await member.backOff(failures++, error);
        if (!pending.inDoubt && !(member.isReached && this.#isFollowing)) this.#settle(pending, error);
      }
    }
  }

  /** @throws KvError */
  async #attempt(pending: Pending): Promise<void> {
    const { layout, session } = this.member;
    if (!session) throw new KvError('this server is not in the cluster', 'unreachable');
    const staged = await this.#stage(pending, session);
    if (pending.outcome !== undefined) return;
    const wasInDoubt = pending.inDoubt;
    const { base, batch } = pending;
    const value = staged ? referringText(batch, staged) : pending.text;
    const key = layout.log(base + 1);
    pending.inDoubt = true;
    const { succeeded, revision, results } = await this.member.transact({
      guards: [
        { key: layout.head, target: 'mod', revision: pending.headRevision },
        session.guard,
        ...(staged ? [staged.guard] : []),
        ...pending.guards,
      ],
      success: [
        { op: 'put', key: layout.head, value: String(base + 1) },
        { op: 'put', key, value },
      ],
      failure: [
        { op: 'get', key: layout.head },
        { op: 'get', key, end: layout.logsEnd, limit: MIN_READ },
        { op: 'get', key: session.guard.key },
      ],
    });
    if (succeeded) {
      this.#arrive([{ key, value, createRevision: revision, modRevision: revision }]);
      return;
    }
    const [[head] = [], records = [], [own] = []] = results;
    if (own?.createRevision !== session.guard.revision) this.member.sessionLost(session);
    const [first] = records;
    // It is told, as an own one or as another's, when those before it are.
    if (first && layout.logIndex(first.key) === base + 1) {
      this.#arrive(records);
      return;
    }
    // With the head as it was, another guard did not hold, and never will again. Else all that was missed is in a snapshot.
    const isUnknown = wasInDoubt && head?.modRevision !== pending.headRevision;
    this.#settle(pending, isUnknown ? 'unknown' : 'lost');
    this.reread();
  }

  /** @throws KvError */
  async #stage(pending: Pending, session: Session): Promise<StagedBlob | undefined> {
    if (pending.text.length <= MAX_VALUE_CHARS) return undefined;
    if (pending.staged?.session !== session)
      pending.staged = { session, blob: await stageBlob(this.#host, this.member, session, pending.text) };
    return pending.staged.blob;
  }
}
