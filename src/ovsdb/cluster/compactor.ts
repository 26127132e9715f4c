/**
 * Keeps what a clustered database takes in the store in proportion to its rows: now and then one of its servers writes
 * all the rows as a snapshot, and in the same transaction the records that it has go, and the snapshot before.
 *
 * Any server may do so at any time, several at once too: the first wins. One that dies on the way leaves parts of a
 * text, which another removes when that session is over. The last records stay a while for servers that are a little
 * behind. The store's own history of old revisions is let go too, after some minutes.
 */
import type { Host } from '../../base/host.ts';
import type { Timer } from '../../base/loop.ts';
import type { Uuid } from '../../base/uuid.ts';
import { vlog } from '../../base/vlog.ts';
import { stringifyJson } from '../../jsonrpc/json.ts';
import type { Database } from '../database.ts';
import { databaseToText } from '../file.ts';
import { schemaToJson } from '../schema.ts';
import { removeBlob, stageBlob } from './blobs.ts';
import type { ClusterLog } from './cluster-log.ts';
import { KvError, type KvOperation, prefixEnd } from './kv.ts';
import { type Snapshot, snapshotText } from './records.ts';

const log = vlog('ovsdb_cluster');

/** A snapshot is due when the records have so many characters, and twice those of the snapshot. */
const MIN_CHARS = 4_000_000;
/** Or so many records. */
const MAX_RECORDS = 50_000;
/** All servers see that it is due; each waits for a random part of this, so that most find it done. */
const SPREAD_MS = 10_000;
const KEPT_RECORDS = 100;
/** How long one slice of composing may take. */
const SLICE_MS = 5;
/** How long the store's history is kept, at least. */
const HISTORY_MS = 5 * 60_000;
/** Texts that the snapshot's transaction removes at most; others go when the session is over that wrote them. */
const MAX_REMOVED = 50;
/** How long to wait for records that the store has and this server does not. */
const BEHIND_MS = 2000;

/** The text of a snapshot, in slices between other work. The database may change meanwhile. */
export async function snapshotData({ loop }: Host, db: Database): Promise<string> {
  const annotations = { wallMs: loop.clock.wallNow(), useDiff: false };
  let text = `[${stringifyJson(schemaToJson(db.schema))},`;
  let until = loop.now() + SLICE_MS;
  for (const piece of databaseToText(db, annotations)) {
    text += piece;
    if (loop.now() < until) continue;
    await new Promise<void>((resolve) => loop.defer(resolve));
    until = loop.now() + SLICE_MS;
  }
  return `${text}]`;
}

export class Compactor {
  readonly #host: Host;
  readonly #log: ClusterLog;
  /** The database as of the last record, and the last transaction's id. */
  readonly #state: () => { readonly db: Database; readonly id: Uuid };
  #dueTimer: Timer | undefined;
  #historyTimer: Timer | undefined;
  #running: Promise<void> | undefined;

  constructor(host: Host, clusterLog: ClusterLog, state: () => { readonly db: Database; readonly id: Uuid }) {
    this.#host = host;
    this.#log = clusterLog;
    this.#state = state;
    this.#limitHistory(0);
  }

  get #isDue(): boolean {
    const { snapshot, index, charsSinceSnapshot } = this.#log;
    if (!snapshot) return false;
    return (
      index - snapshot.index > MAX_RECORDS || charsSinceSnapshot > Math.max(MIN_CHARS, 2 * snapshot.chars)
    );
  }

  /** To be called after each record. */
  recorded(): void {
    if (this.#dueTimer || !this.#isDue) return;
    const { loop, random } = this.#host;
    this.#dueTimer = loop.after(random.u32() % SPREAD_MS, () => {
      this.#dueTimer = undefined;
      if (!this.#isDue) return;
      this.compact().catch((error: unknown) => {
        if (!(error instanceof KvError)) throw error;
        log.info(`${this.#log.member.layout.prefix}: compaction failed: ${error.message}`);
      });
    });
  }

  /** Writes a snapshot. @param kept records that stay though it has them @throws KvError */
  compact(kept = KEPT_RECORDS): Promise<void> {
    this.#running ??= this.#compact(kept).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #compact(kept: number): Promise<void> {
    const { member, index, snapshot: old, snapshotRevision, referredBlobs } = this.#log;
    const { session, layout } = member;
    if (!session || !old) throw new KvError('this server is not in the cluster', 'unreachable');
    const { db, id } = this.#state();
    const blobs = [...referredBlobs].filter(([, at]) => at <= index).map(([blob]) => blob);
    const text = await snapshotData(this.#host, db);
    const { blob, parts, guard } = await stageBlob(this.#host, member, session, text);
    const { cid, name } = old;
    const snapshot: Snapshot = {
      format: 1,
      cid,
      name,
      index,
      id,
      data: { blob, parts },
      chars: text.length,
    };
    const removed = [old.data.blob, ...blobs.slice(0, MAX_REMOVED)];
    const removals = removed.map((b): KvOperation => ({ op: 'delete', key: b, end: prefixEnd(b) }));
    const { succeeded } = await member.transact({
      guards: [session.guard, guard, { key: layout.snapshot, target: 'mod', revision: snapshotRevision }],
      success: [
        { op: 'put', key: layout.snapshot, value: snapshotText(snapshot) },
        { op: 'delete', key: layout.log(0), end: layout.log(Math.max(0, index + 1 - kept)) },
        ...removals,
      ],
    });
    if (succeeded) log.info(`${layout.prefix}: snapshot of ${text.length} characters at record ${index}`);
    // Another server was faster.
    else await removeBlob(member, blob);
    await this.#sweep();
  }

  /** Removes texts that nothing refers to and whose writers are gone. */
  async #sweep(): Promise<void> {
    const { member } = this.#log;
    const { layout } = member;
    const { results } = await member.transact({
      guards: [],
      success: [
        { op: 'get', key: layout.head },
        { op: 'get', key: layout.snapshot },
        { op: 'get', key: layout.blobs, end: prefixEnd(layout.blobs), keysOnly: true },
        { op: 'get', key: layout.servers, end: prefixEnd(layout.servers), keysOnly: true },
      ],
    });
    const [[head] = [], [snapshot] = [], parts = [], servers = []] = results;
    // Every text that a session which was over then has referred to is known once the records until then are.
    const giveUp = this.#host.loop.now() + BEHIND_MS;
    while (this.#log.index < Number(head!.value)) {
      if (this.#host.loop.now() > giveUp) return;
      await member.sleep(10);
    }
    const alive = new Set(servers.map(({ key }) => key));
    const orphans = new Set<string>();
    for (const { key } of parts) {
      const { session, blob } = layout.blobOwner(key)!;
      if (!alive.has(layout.server(session)) && !this.#log.referredBlobs.has(blob)) orphans.add(blob);
    }
    for (const text of [snapshot!.value, snapshotText(this.#log.snapshot!)])
      orphans.delete((JSON.parse(text) as Snapshot).data.blob);
    for (const blob of orphans) await removeBlob(member, blob);
  }

  /** Lets the store forget what it knew at the last call. */
  #limitHistory(revision: number): void {
    const { member } = this.#log;
    this.#historyTimer = this.#host.loop.after(HISTORY_MS, () => {
      // Another server may have done so, or the store may be away: next time.
      if (revision > 0) member.kv.forgetBefore(revision).catch(() => {});
      this.#limitHistory(this.#log.revision);
    });
  }

  close(): void {
    this.#dueTimer?.cancel();
    this.#historyTimer?.cancel();
  }
}
