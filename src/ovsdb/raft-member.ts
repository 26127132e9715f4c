/**
 * What the file of a member of a raft cluster says, record by record: its terms and votes, and which entries are decided.
 *
 * Entries that are not known to be committed may still be replaced by others, so they are given out only when they are.
 * C counterpart: ovsdb/raft.c.
 */
import type { Uuid } from '../base/uuid.ts';
import type { Json, JsonObject } from '../jsonrpc/json.ts';
import { isJsonObject } from './members.ts';
import { OvsdbError } from './ovsdb-error.ts';
import type { RaftEntry, RaftHeader, RaftRecord } from './raft-log.ts';

/** The election timer of a cluster that never changed it. */
const ELECTION_TIMER_MS = 1000;

const plain = (details: string): OvsdbError => new OvsdbError('ovsdb error', details);

/** What an entry or a snapshot does: a schema to convert to, or to start from if there is a transaction too. */
export type RaftData = readonly [schema: JsonObject | null, transaction: JsonObject | null];

/** @throws OvsdbError */
export function parseRaftData(json: Json): RaftData {
  const isPart = (part: Json | undefined): boolean =>
    part === null || (part !== undefined && isJsonObject(part));
  if (Array.isArray(json) && json.length === 2 && json.every(isPart))
    return json as readonly Json[] as RaftData;
  throw plain('raft: data is not an array of a schema and a transaction');
}

export class RaftMember {
  readonly header: RaftHeader;
  term = 0;
  vote: Uuid | undefined;
  /** The members of the cluster, by id, and their addresses. */
  servers: JsonObject;
  electionTimerMs: number;
  /** Of the first entry after the snapshot; `lastIndex` + 1 if there is none. */
  firstIndex: number;
  lastIndex: number;
  lastTerm: number;
  commitIndex: number;
  /** Entries after `commitIndex`. */
  #undecided: RaftEntry[] = [];

  /** @throws OvsdbError when it has not joined its cluster */
  constructor(header: RaftHeader) {
    const { servers, snapshot } = header;
    if (!servers || !snapshot) throw plain(`${header.name}: the server has not joined its cluster`);
    this.header = header;
    this.servers = servers;
    this.electionTimerMs = snapshot.electionTimerMs ?? ELECTION_TIMER_MS;
    this.firstIndex = snapshot.index + 1;
    this.lastIndex = snapshot.index;
    this.lastTerm = snapshot.term;
    this.commitIndex = snapshot.index;
  }

  /**
   * Takes in the next record of the file.
   * @returns the entries that it commits
   * @throws OvsdbError when it contradicts those before it
   */
  apply(record: RaftRecord): readonly RaftEntry[] {
    if ('term' in record && record.term > this.term) {
      this.term = record.term;
      this.vote = undefined;
    }
    switch (record.kind) {
      case 'entry':
        this.#append(record);
        break;
      case 'vote':
        if (record.term < this.term)
          throw plain(`votes for term ${record.term} but current term is ${this.term}`);
        if (this.vote !== undefined && this.vote !== record.serverId)
          throw plain(`votes in term ${record.term} for another server than before`);
        this.vote = record.serverId;
        break;
      case 'note':
        if (record.note === 'left')
          throw plain(
            'indicates server has left the cluster; it cannot be added back (use "ovsdb-tool join-cluster" to add a new server)',
          );
        break;
      case 'commit-index':
        return this.#commit(record.index);
    }
    return [];
  }

  #append(entry: RaftEntry): void {
    const { index, term } = entry;
    if (index <= this.commitIndex)
      throw plain(
        `attempts to truncate log from ${this.lastIndex + 1} to ${index} entries, but commit index is already ${this.commitIndex}`,
      );
    if (index > this.lastIndex + 1)
      throw plain(`with index ${index} skips past expected index ${this.lastIndex + 1}`);
    this.#undecided.length = index - this.commitIndex - 1;
    const before = this.#undecided.at(-1)?.term ?? this.lastTerm;
    if (term < before)
      throw plain(`with index ${index} term ${term} precedes previous entry's term ${before}`);
    this.#undecided.push(entry);
    this.lastIndex = index;
  }

  #commit(index: number): readonly RaftEntry[] {
    if (index < this.commitIndex) throw plain(`regresses commit index from ${this.commitIndex} to ${index}`);
    if (index > this.lastIndex)
      throw plain(`advances commit index to ${index} but last log index is ${this.lastIndex}`);
    return this.#decide(index);
  }

  #decide(index: number): readonly RaftEntry[] {
    const entries = this.#undecided.splice(0, index - this.commitIndex);
    this.commitIndex = index;
    for (const { term, servers, electionTimerMs } of entries) {
      this.lastTerm = term;
      if (servers) this.servers = servers;
      if (electionTimerMs !== undefined) this.electionTimerMs = electionTimerMs;
    }
    return entries;
  }

  /** At the end of the file of a member that is alone: nobody else can decide otherwise. @returns the remaining entries */
  commitAll(): readonly RaftEntry[] {
    return this.#decide(this.lastIndex);
  }

  /** Whether there are other members, going by the latest entry that says so. */
  get hasOthers(): boolean {
    const servers = this.#undecided.findLast((entry) => entry.servers)?.servers ?? this.servers;
    return (
      Object.keys(servers).some((id) => id !== this.header.serverId) || !(this.header.serverId in servers)
    );
  }

  /** Begins a term as its leader, at the end of the file. @returns the records that say so */
  elect(): readonly JsonObject[] {
    this.term++;
    const { serverId } = this.header;
    this.vote = serverId;
    return [
      { term: this.term, vote: serverId },
      { term: this.term, leader: serverId },
    ];
  }

  /** The entries up to this one, of the present term, are on the disk. */
  committed(index: number): void {
    this.lastIndex = index;
    this.commitIndex = index;
    this.lastTerm = this.term;
  }
}
